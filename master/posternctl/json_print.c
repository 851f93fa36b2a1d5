/*
 * json_print - strings of JSON on the standard output
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a value comes out as it is: the \xHH of the rows (msg_queue_put) is the byte again. Bytes that
 *           are no UTF-8 are U+FFFD, so that every parser takes the document
 * Fails by: not at all
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "master/posternctl/posternctl.h"

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* In place; the length. */
static size_t
decode_escapes(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0'; at++, to++) {
		if (at[0] == '\\' && at[1] == 'x' && hex_value(at[2]) >= 0 && hex_value(at[3]) >= 0) {
			*to = (char)(hex_value(at[2]) << 4 | hex_value(at[3]));
			at += 3;
		} else {
			*to = *at;
		}
	}
	return (size_t)(to - text);
}

void
json_print_string(const char *text)
{
	char *copy = mem_strdup(text);
	size_t len = decode_escapes(copy);
	char shown[UTF8_JSON_SIZE];

	putchar('"');
	for (size_t at = 0; at < len;) {
		at += utf8_format_json(shown, (const unsigned char *)copy + at, len - at);
		fputs(shown, stdout);
	}
	putchar('"');
	free(copy);
}
