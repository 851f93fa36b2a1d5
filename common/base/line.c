/*
 * line - finds CRLF lines in bytes from the network; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  a LINE_WHOLE has no CR, LF or NUL in it; only CRLF ends a line, also one that is refused
 * Fails by: LINE_LONG, LINE_BARE
 */
#include "common/base/line.h"

#include <string.h>

/* Bytes before the first bare CR, bare LF or NUL; `size`: none. `end` is at the first LF, or at `size`. */
static size_t
bare_at(const char *data, size_t end, size_t size)
{
	const char *cr = memchr(data, '\r', end), *nul = memchr(data, '\0', end);
	size_t first = nul != NULL ? (size_t)(nul - data) : size;

	if (cr != NULL && (size_t)(cr - data) + 1 < end)
		return (size_t)(cr - data) < first ? (size_t)(cr - data) : first;
	return cr == NULL && end < size && end < first ? end : first;
}

enum line_kind
line_scan(const char *data, size_t size, size_t max, size_t *len, size_t *used)
{
	size_t look = size < max ? size : max;
	const char *lf = look > 0 ? memchr(data, '\n', look) : NULL;
	size_t end = lf != NULL ? (size_t)(lf - data) : look, bare = look > 0 ? bare_at(data, end, look) : 0;

	*len = bare;
	*used = bare < look ? bare + 1 : 0;
	if (bare < look)
		return LINE_BARE;
	if (lf != NULL) {
		*used = end + 1;
		*len = end - 1;
		return LINE_WHOLE;
	}
	if (size < max)
		return LINE_MORE;
	*used = *len = look > 0 && data[look - 1] == '\r' ? look - 1 : look;
	return LINE_LONG;
}

size_t
line_rest(const char *data, size_t size, bool *ended)
{
	const char *end = memmem(data, size, "\r\n", 2);

	*ended = end != NULL;
	if (end != NULL)
		return (size_t)(end - data) + 2;
	return size > 0 && data[size - 1] == '\r' ? size - 1 : size;
}
