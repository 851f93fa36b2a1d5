/* line - finds CRLF lines in bytes from the network; refuses bare CR, bare LF and NUL (RFC 5321 2.3.8) */
#ifndef COMMON_BASE_LINE_H
#define COMMON_BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum line_kind {
	LINE_MORE,	/* no line end yet; nothing used */
	LINE_WHOLE,	/* a line: `len` bytes without CRLF, `used` with it */
	/* `len` good bytes, then a fault; line_rest() tells how much behind `used` belongs to the line */
	LINE_LONG,	/* over `max` bytes, with CRLF */
	LINE_BARE,	/* a bare CR, a bare LF or a NUL */
};

/* Pure. `max` counts the CRLF. A CR at the very end of the bytes is LINE_MORE. */
enum line_kind line_scan(const char *data, size_t size, size_t max, size_t *len, size_t *used);
/*
 * The rest of a line with a fault: bytes that belong to it. `*ended`: up to and with its CRLF; else a CR at
 * the very end is not counted, as the LF may follow.
 */
size_t line_rest(const char *data, size_t size, bool *ended);

#endif
