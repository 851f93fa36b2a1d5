/*
 * word_list - words in one text, as "cpu,cpuacct" or the options of a mount; pure
 *
 * Runs in:  every process but posternctl
 * Owns:     nothing
 * Promise:  a word is found as a whole, never as a part of another one
 * Fails by: cannot
 */
#include "common/base/word_list.h"

#include <string.h>

bool
word_list_has(const char *list, const char *ends, const char *word)
{
	size_t len = strlen(word), n;

	for (; *list != '\0'; list += n + (list[n] != '\0')) {
		n = strcspn(list, ends);
		if (n >= len && memcmp(list, word, len) == 0 && (n == len || word[len - 1] == '='))
			return true;
	}
	return false;
}
