/*
 * log_word - the words of a line of the event log; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a quote that was escaped ends nothing; what is cut off in the middle is a word, too
 * Fails by: NULL
 */
#include "common/base/log_word.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

char *
log_word_next(char **rest)
{
	char *word = *rest + strspn(*rest, " "), *at = word;

	for (bool quoted = false; *at != '\0' && (quoted || *at != ' '); at++)
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '"')
			quoted = !quoted;
	*rest = at + (*at != '\0');
	*at = '\0';
	return *word != '\0' ? word : NULL;
}

char *
log_word_value(char *word)
{
	char *value = strchr(word, '=');
	size_t len;

	if (value == NULL)
		return NULL;
	*value++ = '\0';
	len = strlen(value);
	if (len < 2 || value[0] != '"' || value[len - 1] != '"')
		return value;
	value[len - 1] = '\0';
	return value + 1;
}
