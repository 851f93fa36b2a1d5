/*
 * header - walks the header fields of a message held in memory; pure
 *
 * Runs in:  listener, filter, deliver, pickup
 * Owns:     nothing; fields point into the caller's bytes
 * Promise:  each byte is read a bounded number of times; LF and CRLF lines are treated alike
 * Fails by: never; the header ends at the first line that is no field
 */
#include "common/mail/header.h"

#include <string.h>
#include <strings.h>

/* Past the line at `pos`: behind its LF, or `len`. */
static size_t
line_after(const char *data, size_t len, size_t pos)
{
	const char *lf = memchr(data + pos, '\n', len - pos);

	return lf != NULL ? (size_t)(lf - data) + 1 : len;
}

/* Length of the empty line at `pos` (LF or CRLF), or 0. */
static size_t
empty_line(const char *data, size_t len, size_t pos)
{
	if (pos < len && data[pos] == '\n')
		return 1;
	if (pos + 1 < len && data[pos] == '\r' && data[pos + 1] == '\n')
		return 2;
	return 0;
}

/*
 * Length of the field name at `pos`, its colon at *colon; 0 when there is none (RFC 5322 3.6.8, blanks as in
 * 4.5).
 */
static size_t
name_length(const char *data, size_t len, size_t pos, size_t *colon)
{
	size_t at = pos, n;

	while (at < len && data[at] > 32 && data[at] < 127 && data[at] != ':')
		at++;
	n = at - pos;
	while (at < len && (data[at] == ' ' || data[at] == '\t'))
		at++;
	if (at == len || data[at] != ':')
		return 0;
	*colon = at;
	return n;
}

int
header_next(const char *data, size_t len, size_t *pos, struct header_field *f)
{
	size_t start = *pos, colon = 0, value, end, n;

	if (start >= len || (n = name_length(data, len, start, &colon)) == 0)
		return 0;
	end = line_after(data, len, start);
	while (end < len && (data[end] == ' ' || data[end] == '\t'))
		end = line_after(data, len, end);
	*pos = end;
	f->start = data + start;
	f->size = end - start;
	f->name = data + start;
	f->name_len = n;
	if (data[end - 1] == '\n') {
		end--;
		if (end > colon + 1 && data[end - 1] == '\r')
			end--;
	}
	value = colon + 1;
	while (value < end && (data[value] == ' ' || data[value] == '\t'))
		value++;
	f->value = data + value;
	f->value_len = end - value;
	return 1;
}

/* "From SENDER ... HH:MM... YYYY", or the year before a zone: more than a text that begins with that word. */
static bool
is_mbox_line(const char *line, size_t len)
{
	bool clock = false, year = false;

	if (len < 5 || memcmp(line, "From ", 5) != 0)
		return false;
	for (size_t at = 5, n; at < len; at += n + 1) {
		const char *word = line + at, *blank = memchr(word, ' ', len - at);

		n = blank != NULL ? (size_t)(blank - word) : len - at;
		clock |= n >= 5 && word[2] == ':' && strspn(word, "0123456789:") >= n;
		year |= n == 4 && strspn(word, "0123456789") >= 4;
	}
	return clock && year;
}

enum header_opening
header_opening(const char *data, size_t len, bool whole, size_t *skip)
{
	size_t colon = 0, at = 0, end = len < HEADER_OPENING_MAX ? len : HEADER_OPENING_MAX;
	const char *lf = memchr(data, '\n', end);
	bool sure = whole || lf != NULL || end == HEADER_OPENING_MAX;

	*skip = 0;
	if (lf != NULL)
		end = (size_t)(lf - data) + 1;
	if (empty_line(data, end, 0) != 0 || name_length(data, end, 0, &colon) != 0)
		return HEADER_FIELD;
	while (at < end && data[at] > 32 && data[at] < 127 && data[at] != ':')
		at++;
	/* Not even the rest of the line can make a field, or an mbox line, of it. */
	if (at < end && at != 4 && strchr(" \t\r", data[at]) == NULL)
		return HEADER_TEXT;
	if (!sure)
		return HEADER_UNDECIDED;
	if (lf == NULL || !is_mbox_line(data, end - (end > 1 && data[end - 2] == '\r' ? 2 : 1)))
		return HEADER_TEXT;
	*skip = end;
	return HEADER_MBOX;
}

bool
header_is(const struct header_field *f, const char *name)
{
	return strlen(name) == f->name_len && strncasecmp(f->name, name, f->name_len) == 0;
}

size_t
header_size(const char *data, size_t len)
{
	size_t pos = 0, n;

	while (pos < len) {
		if ((n = empty_line(data, len, pos)) != 0)
			return pos + n;
		pos = line_after(data, len, pos);
	}
	return len;
}

bool
header_value_is(const struct header_field *f, const char *word)
{
	const char *from = f->value, *to = f->value + f->value_len;

	while (from < to && strchr(" \t\r\n", *from) != NULL)
		from++;
	while (from < to && strchr(" \t\r\n", to[-1]) != NULL)
		to--;
	return (size_t)(to - from) == strlen(word) && strncasecmp(from, word, strlen(word)) == 0;
}

struct header_survey
header_survey(const char *data, size_t len)
{
	struct header_survey found = { 0 };
	struct header_field f;
	size_t pos = 0;

	while (header_next(data, len, &pos, &f) == 1) {
		if (header_is(&f, "Received"))
			found.hops++;
		else if (header_is(&f, "TLS-Required") && header_value_is(&f, "No"))
			found.tls_optional = true;
	}
	return found;
}
