/*
 * escape - undoes what log_safe(), msg_queue_put() and the rows of sessions do to bytes that are not shown;
 * pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the bytes are those from before; what is no escape stays
 * Fails by: not at all
 */
#include "common/base/escape.h"

#include <string.h>

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* log_safe() writes \xHH, \" and \\; msg_queue_put() and the rows of sessions \xHH alone, also for "\". */
size_t
escape_undo(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0'; at++, to++) {
		if (at[0] == '\\' && at[1] == 'x' && hex_value(at[2]) >= 0 && hex_value(at[3]) >= 0) {
			*to = (char)(hex_value(at[2]) << 4 | hex_value(at[3]));
			at += 3;
		} else if (at[0] == '\\' && (at[1] == '\\' || at[1] == '"')) {
			*to = *++at;
		} else {
			*to = *at;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}
