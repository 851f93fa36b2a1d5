/*
 * dkim_canon - the relaxed canonical form of header fields and of a body; pure
 *
 * Runs in:  deliver
 * Owns:     at most a piece of the body that was not emitted yet
 * Promise:  however the bytes come, what is emitted is the same. Only CR LF ends a line; a bare CR or LF is a
 *           byte like others, as verifiers see it
 * Fails by: cannot
 */
#include "common/dkim/dkim_canon.h"

#include <ctype.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/buf.h"

static bool
is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static void
flush(struct dkim_canon *c)
{
	if (c->len > 0)
		c->emit(c->arg, c->piece, c->len);
	c->len = 0;
}

static void
put(struct dkim_canon *c, const char *data, size_t len)
{
	while (len > 0) {
		size_t n = MIN(len, sizeof(c->piece) - c->len);

		memcpy(c->piece + c->len, data, n);
		c->len += n;
		data += n;
		len -= n;
		if (c->len == sizeof(c->piece))
			flush(c);
	}
}

/* Something follows: what was held back counts. */
static void
put_text(struct dkim_canon *c, const char *data, size_t len)
{
	for (; c->ends > 0; c->ends--)
		put(c, "\r\n", 2);
	if (c->blank)
		put(c, " ", 1);
	c->blank = false;
	c->any = true;
	put(c, data, len);
}

/* Blanks at the end of a line do not count, and no empty lines at the end of the body. */
static void
end_line(struct dkim_canon *c)
{
	c->cr = c->blank = false;
	c->ends++;
}

static size_t
text_length(const char *data, size_t len)
{
	size_t n = 0;

	while (n < len && data[n] != '\r' && !is_blank(data[n]))
		n++;
	return n;
}

void
dkim_canon_body(struct dkim_canon *c, const char *data, size_t len)
{
	while (len > 0) {
		size_t n = 1;

		if (c->cr && *data == '\n') {
			end_line(c);
		} else {
			if (c->cr)
				put_text(c, "\r", 1);
			c->cr = *data == '\r';
			if (is_blank(*data))
				c->blank = true;
			else if (!c->cr)
				put_text(c, data, n = text_length(data, len));
		}
		data += n;
		len -= n;
	}
}

void
dkim_canon_body_end(struct dkim_canon *c)
{
	if (c->cr)
		put_text(c, "\r", 1);
	if (c->any)
		put(c, "\r\n", 2);
	flush(c);
}

void
dkim_canon_field(struct buf *out, const char *field, size_t len, bool line_end)
{
	const char *colon = memchr(field, ':', len);
	size_t at = colon != NULL ? (size_t)(colon - field) : len;
	bool blank = false, any = false;

	for (size_t i = 0; i < at; i++)
		if (!is_blank(field[i]))
			buf_add(out, &(char){ (char)tolower((unsigned char)field[i]) }, 1);
	buf_puts(out, ":");
	for (size_t i = at + 1, n; i < len; i += n) {
		n = 1;
		if (is_blank(field[i])) {
			blank = true;
			continue;
		}
		if (field[i] == '\r' && i + 1 < len && field[i + 1] == '\n') {
			n = 2;
			continue;
		}
		if (blank && any)
			buf_puts(out, " ");
		blank = false;
		any = true;
		n += text_length(field + i + 1, len - i - 1);
		buf_add(out, field + i, n);
	}
	if (line_end)
		buf_puts(out, "\r\n");
}
