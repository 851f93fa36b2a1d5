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

/* C1 controls and what turns the direction of text are escaped, too: the document may end on a terminal. */
static void
print_character(const unsigned char *s, size_t n)
{
	bool escaped = n == 1 ? s[0] < ' ' || s[0] == 0x7f :
	    (n == 2 && s[0] == 0xc2 && s[1] < 0xa0) ||
	    (n == 3 && s[0] == 0xe2 && (s[1] == 0x80 || s[1] == 0x81));
	unsigned point;

	if (n == 1 && (s[0] == '"' || s[0] == '\\')) {
		printf("\\%c", s[0]);
	} else if (!escaped) {
		fwrite(s, 1, n, stdout);
	} else {
		point = n == 1 ? s[0] : n == 2 ? (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU) :
		    (s[0] & 0xfU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
		printf("\\u%04x", point);
	}
}

void
json_print_string(const char *text)
{
	char *copy = mem_strdup(text);
	size_t len = decode_escapes(copy), n;

	putchar('"');
	for (size_t at = 0; at < len; at += n > 0 ? n : 1) {
		n = utf8_take((const unsigned char *)copy + at, len - at, NULL);
		if (n > 0)
			print_character((const unsigned char *)copy + at, n);
		else
			printf("\\ufffd");
	}
	putchar('"');
	free(copy);
}
