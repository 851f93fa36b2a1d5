/*
 * client_fold - breaks the long lines of a content on its way to a host that need not take them; pure
 *
 * Runs in:  deliver
 * Owns:     the part of a line that is not decided yet
 * Promise:  no line is longer than 998 octets without CRLF (RFC 5321 4.5.3.1.6), nothing is left out. A line
 *           is broken before a blank, from where a header field is put together again (RFC 5322 2.2.3);
 *           without one between two characters, and the rest begins with a blank, so that it is no header
 *           field, no delimiter and no dot. However the bytes come, what leaves is the same
 * Fails by: cannot
 */
#include <string.h>
#include <sys/param.h>

#include "deliver/smtp/smtp.h"

#define LINE_MAX_OCTETS 998U

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where a line without a blank is broken: neither in a character of UTF-8 nor in "=C3". */
static size_t
cut_between(const char *line)
{
	size_t at = LINE_MAX_OCTETS;

	while (at > LINE_MAX_OCTETS - 3 && ((unsigned char)line[at] & 0xc0) == 0x80)
		at--;
	if (line[at - 1] == '=')
		at--;
	else if (line[at - 2] == '=')
		at -= 2;
	return at;
}

/* Where the line is broken: before the last blanks that something follows. Blanks alone make no line. */
static size_t
find_cut(const char *line)
{
	size_t last = LINE_MAX_OCTETS;

	while (last > 0 && is_blank(line[last]))
		last--;
	for (size_t i = last; i > 0; i--)
		if (is_blank(line[i]) && !is_blank(line[i - 1]))
			return i;
	return cut_between(line);
}

static void
emit(const struct client_fold *f, const char *data, size_t len)
{
	if (f->emit != NULL && len > 0)
		f->emit(f->arg, data, len);
}

/* The line is too long: its first part leaves, the rest stays. */
static void
break_line(struct client_fold *f)
{
	size_t cut = find_cut(f->held), rest = f->len - cut;
	bool blank = is_blank(f->held[cut]);

	emit(f, f->held, cut);
	emit(f, "\r\n", 2);
	memmove(f->held + (blank ? 0 : 1), f->held + cut, rest);
	if (!blank)
		f->held[0] = ' ';
	f->len = rest + (blank ? 0 : 1);
	f->added += blank ? 2 : 3;
}

/* The held bytes are more than a line may have, whatever follows. */
static bool
is_too_long(const struct client_fold *f)
{
	size_t end = f->len;

	if (end > 0 && f->held[end - 1] == '\n')
		end--;
	if (end > 0 && f->held[end - 1] == '\r')
		end--;
	return end > LINE_MAX_OCTETS;
}

void
client_fold_add(struct client_fold *f, const char *data, size_t len)
{
	while (len > 0) {
		const char *lf = memchr(data, '\n', len);
		size_t n = lf != NULL ? (size_t)(lf - data) + 1 : len;

		if (f->len == 0 && lf != NULL && n <= LINE_MAX_OCTETS) {
			emit(f, data, n);	/* as nearly all are */
			data += n;
			len -= n;
			continue;
		}
		n = MIN(n, sizeof(f->held) - f->len);
		memcpy(f->held + f->len, data, n);
		f->len += n;
		data += n;
		len -= n;
		while (is_too_long(f))
			break_line(f);
		if (f->held[f->len - 1] == '\n') {
			emit(f, f->held, f->len);
			f->len = 0;
		}
	}
}

void
client_fold_end(struct client_fold *f)
{
	emit(f, f->held, f->len);
	f->len = 0;
}
