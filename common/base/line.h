/* line - finds CRLF lines in bytes from the network; refuses bare CR, bare LF and NUL (RFC 5321 2.3.8) */
#ifndef COMMON_BASE_LINE_H
#define COMMON_BASE_LINE_H

#include <stddef.h>

enum line_kind {
	LINE_MORE,	/* no line end yet; nothing used */
	LINE_WHOLE,	/* a line: `len` bytes without CRLF, `used` with it */
	/* Over `max` bytes, with CRLF; `used` bytes may be skipped, the rest of the line may still come */
	LINE_LONG,
	LINE_BARE,	/* a line with a bare CR, a bare LF or a NUL in it; `used` reaches past its LF */
};

/* Pure. `max` counts the CRLF. A CR at the very end of the bytes is LINE_MORE. */
enum line_kind line_scan(const char *data, size_t size, size_t max, size_t *len, size_t *used);

#endif
