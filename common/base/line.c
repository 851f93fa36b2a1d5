/*
 * line - finds CRLF lines in bytes from the network; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  a LINE_WHOLE has no CR, LF or NUL in it
 * Fails by: LINE_LONG, LINE_BARE
 */
#include "common/base/line.h"

#include <stdbool.h>
#include <string.h>

enum line_kind
line_scan(const char *data, size_t size, size_t max, size_t *len, size_t *used)
{
	bool bare;
	size_t at, look;
	const char *lf;

	*len = *used = 0;
	look = size < max ? size : max;
	lf = look > 0 ? memchr(data, '\n', look) : NULL;
	if (lf == NULL) {
		if (size < max)
			return LINE_MORE;
		*used = max;
		return LINE_LONG;
	}
	at = (size_t)(lf - data);
	*used = at + 1;
	*len = at > 0 && data[at - 1] == '\r' ? at - 1 : at;
	bare = *len == at || memchr(data, '\r', *len) != NULL || memchr(data, '\0', *len) != NULL;
	return bare ? LINE_BARE : LINE_WHOLE;
}
