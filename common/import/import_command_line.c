/*
 * import_command_line - commands and texts of a report, which came from a process that has read a file of
 * strangers: whether they may be shown to somebody who will say them; pure
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  a command starts this program and no other, and a value in it is one word for a shell
 * Fails by: false
 */
#include "common/import/import_command_line.h"

#include <string.h>

#include "common/base/utf8.h"

#define SECRET "(umask 077; cat >"	/* the one thing that comes before: a file for a password */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@:=,+-"

/* Goes over plain words and words in quotes, up to " && " or the end. NULL: something else is there. */
static const char *
skip_words(const char *at)
{
	const char *end;

	while (*at != '\0' && strncmp(at, " && ", 4) != 0) {
		size_t n = strspn(at, PLAIN " ");

		if (n > 0 && at[n] == '&')
			n--;	/* its blank belongs to " && " */
		if (n == 0 && *at == '\'' && (end = strchr(at + 1, '\'')) != NULL)
			n = (size_t)(end - at) + 1;
		else if (n == 0 && strncmp(at, "\\'", 2) == 0)
			n = 2;
		if (n == 0)
			return NULL;
		at += n;
	}
	return at;
}

bool
import_command_line_is_good(const char *command, const char *program)
{
	const char *at = command;
	size_t len = strlen(program), n;

	if (strncmp(at, SECRET, strlen(SECRET)) == 0) {
		at += strlen(SECRET);
		n = strspn(at, PLAIN);
		if (n == 0 || strncmp(at + n, ") && ", 5) != 0)
			return false;
		at += n + 5;
	}
	for (;;) {
		if (strncmp(at, program, len) != 0 || at[len] != ' ' || (at = skip_words(at + len)) == NULL)
			return false;
		if (*at == '\0')
			return true;
		at += 4;
	}
}

static bool
is_shown(const char *text, size_t len)
{
	size_t n;

	for (size_t at = 0; at < len; at += n)
		if ((n = utf8_take_printable((const unsigned char *)text + at, len - at)) == 0)
			return false;
	return true;
}

bool
import_command_line_judge(json_t *value, const char *program)
{
	const char *key;
	json_t *item;
	bool good = !json_is_string(value) || is_shown(json_string_value(value), json_string_length(value));
	size_t i;

	json_array_foreach(value, i, item)
		good = good && import_command_line_judge(item, program);
	json_object_foreach(value, key, item) {
		good = good && is_shown(key, strlen(key)) && import_command_line_judge(item, program);
		if (good && strcmp(key, "command") == 0)
			good = json_is_string(item) &&
			    import_command_line_is_good(json_string_value(item), program);
	}
	return good;
}
