/*
 * control_words - a command on its way from an operator to control.sock: its words, and where the socket is
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  a word holds printable ASCII without blanks and fits its place
 * Fails by: false
 */
#include "common/ipc/control_words.h"

#include <string.h>

#include "common/base/mem.h"

bool
control_words_parse(struct control_words *w, const void *data, size_t len)
{
	const char *p = data, *end = p + len;

	w->count = 0;
	if (len == 0 || end[-1] != '\0')
		return false;
	for (; p < end; p += strlen(p) + 1) {
		size_t n = strlen(p);

		if (w->count == CONTROL_WORDS_MAX || n == 0 || n >= CONTROL_WORD_SIZE)
			return false;
		for (size_t i = 0; i < n; i++)
			if (p[i] <= ' ' || p[i] > '~')
				return false;
		memcpy(w->word[w->count++], p, n + 1);
	}
	return true;
}

char *
control_words_socket(const char *run)
{
	return mem_printf("%s/control.sock", run);
}
