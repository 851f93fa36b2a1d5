/*
 * report_form - our own reports in smaller forms: seven bits, less of the original, no parts; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  each form has what people need: which recipients, what became of them, and why
 * Fails by: false: no report that dsn has made, or it does not fit
 */
#include "common/mail/report_form.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/mail/header.h"
#include "common/mail/xtext.h"

#define COLUMNS 76		/* of a line of quoted-printable, with its "=" (RFC 2045 6.7) */
#define BOUNDARY_MAX 80

struct span { const char *start; size_t len; };

struct parts {
	struct span header, preamble;	/* the fields without the empty line; what is before the first part */
	struct span part[3];		/* with their fields: text, status, original */
	char boundary[BOUNDARY_MAX];
	bool seven_bit;			/* text and status have no other bytes */
};

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.start[i] & 0x80) != 0)
			return false;
	return true;
}

/* The next line, with its end; false: there is none. */
static bool
next_line(struct span *rest, struct span *line)
{
	const char *lf = memchr(rest->start, '\n', rest->len);

	if (rest->len == 0)
		return false;
	line->start = rest->start;
	line->len = lf != NULL ? (size_t)(lf - rest->start) + 1 : rest->len;
	rest->start += line->len;
	rest->len -= line->len;
	return true;
}

static bool
line_is(struct span line, const char *text)
{
	size_t n = strlen(text);

	return line.len == n && memcmp(line.start, text, n) == 0;
}

/* --- taking a report apart --- */

/* In Content-Type alone: an address may say `"boundary="`, too. */
static bool
find_boundary(struct parts *p)
{
	static const char name[] = "boundary=\"";
	struct header_field f;
	const char *at = NULL, *end;
	size_t pos = 0;

	while (at == NULL && header_next(p->header.start, p->header.len, &pos, &f) == 1)
		if (header_is(&f, "Content-Type"))
			at = memmem(f.value, f.value_len, name, sizeof(name) - 1);
	if (at == NULL)
		return false;
	at += sizeof(name) - 1;
	end = memchr(at, '"', (size_t)(f.value + f.value_len - at));
	if (end == NULL || end == at || end - at > BOUNDARY_MAX - 8)
		return false;
	snprintf(p->boundary, sizeof(p->boundary), "--%.*s", (int)(end - at), at);
	return true;
}

/* Three parts, each behind a line of the boundary; the last one ends where the report does. */
static bool
take_apart(struct parts *p, const char *data, size_t len)
{
	size_t head = header_size(data, len), count = 0;
	struct span rest = { data + head, len - head }, line;
	char delimiter[BOUNDARY_MAX + 4], end[BOUNDARY_MAX + 4];

	*p = (struct parts){ .header = { data, head }, .preamble = { data + head, 0 } };
	if (head < 2 || !find_boundary(p))
		return false;
	p->header.len -= 2;
	snprintf(delimiter, sizeof(delimiter), "%s\r\n", p->boundary);
	snprintf(end, sizeof(end), "%s--\r\n", p->boundary);
	while (next_line(&rest, &line)) {
		if (line_is(line, end))
			break;
		if (count < 3 && line_is(line, delimiter))
			p->part[count++] = (struct span){ rest.start, 0 };
		else if (count == 0)
			p->preamble.len += line.len;
		else
			p->part[count - 1].len += line.len;
	}
	p->seven_bit = is_ascii(p->part[0]) && is_ascii(p->part[1]);
	return count == 3;
}

/* Divides a part into its fields, with the empty line, and its body. */
static void
divide(struct span part, struct span *fields, struct span *body)
{
	size_t n = header_size(part.start, part.len);

	*fields = (struct span){ part.start, n };
	*body = (struct span){ part.start + n, part.len - n };
}

/* --- putting one together --- */

static void
add_span(struct buf *out, struct span s)
{
	buf_add(out, s.start, s.len);
}

static void
cut_to(struct buf *out, size_t size)
{
	out->len = size;
	out->data[size] = '\0';
}

static bool
needs_quoting(struct span line, size_t i)
{
	unsigned char c = (unsigned char)line.start[i];
	bool last = i + 1 == line.len || line.start[i + 1] == '\r' || line.start[i + 1] == '\n';

	return c == '=' || c >= 0x7f || (c < ' ' && c != '\t') || ((c == ' ' || c == '\t') && last);
}

/* Quoted-printable (RFC 2045 6.7); CRLF ends a line. */
static void
add_quoted(struct buf *out, struct span text)
{
	struct span line;

	while (next_line(&text, &line)) {
		size_t column = 0, end = line.len;

		if (end >= 2 && memcmp(line.start + end - 2, "\r\n", 2) == 0)
			end -= 2;
		for (size_t i = 0; i < end; i++) {
			bool quoted = needs_quoting(line, i);

			if (column + (quoted ? 3 : 1) > COLUMNS - 1) {
				buf_puts(out, "=\r\n");
				column = 0;
			}
			if (quoted)
				buf_printf(out, "=%02X", (unsigned char)line.start[i]);
			else
				buf_add(out, line.start + i, 1);
			column += quoted ? 3 : 1;
		}
		buf_puts(out, "\r\n");
	}
}

/*
 * The fields of the report without those of 8-bit content, and of MIME when it has no parts. A field that is
 * not ASCII would need SMTPUTF8: it names the recipient, who is known.
 */
static void
add_header(struct buf *out, const struct parts *p, bool mime)
{
	struct header_field f;
	size_t pos = 0;

	while (header_next(p->header.start, p->header.len, &pos, &f) == 1) {
		static const char global[] = "report-type=global-";
		struct span field = { f.start, f.size };
		const char *at = memmem(f.start, f.size, global, sizeof(global) - 1);
		bool is_type = header_is(&f, "Content-Type");

		if (header_is(&f, "Content-Transfer-Encoding") || !is_ascii(field) ||
		    (!mime && (is_type || header_is(&f, "MIME-Version"))))
			continue;
		if (is_type && at != NULL) {
			buf_add(out, f.start, (size_t)(at - f.start));
			buf_puts(out, "report-type=");
			field.start = at + sizeof(global) - 1;
			field.len = (size_t)(f.start + f.size - field.start);
		}
		add_span(out, field);
	}
}

static void
add_text(struct buf *out, const struct parts *p)
{
	struct span fields, body;

	divide(p->part[0], &fields, &body);
	if (is_ascii(p->part[0])) {
		add_span(out, p->part[0]);
		return;
	}
	buf_puts(out, "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	add_quoted(out, body);
}

/* UTF-8 becomes utf-8-addr-xtext, as message/delivery-status has it (RFC 6533 3). */
static void
add_status(struct buf *out, const struct parts *p)
{
	struct span fields, body;
	struct buf text = BUF_INIT(out->cap);

	divide(p->part[1], &fields, &body);
	if (is_ascii(p->part[1])) {
		add_span(out, p->part[1]);
		return;
	}
	buf_puts(out, "Content-Type: message/delivery-status\r\n\r\n");
	add_span(&text, body);
	xtext_encode_utf8(out, buf_text(&text));
	buf_done(&text);
}

/* The header of the original, or its lines that fit into `room` bytes. */
static void
add_original(struct buf *out, const struct parts *p, size_t room)
{
	struct span fields, body, line;
	size_t begin = out->len;
	bool ascii;

	divide(p->part[2], &fields, &body);
	body.len = header_size(body.start, body.len);
	ascii = is_ascii(body);
	buf_puts(out, ascii ? "Content-Type: text/rfc822-headers\r\n\r\n" :
	    "Content-Type: text/rfc822-headers; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	while (next_line(&body, &line) && !line_is(line, "\r\n")) {
		size_t before = out->len;

		if (ascii)
			add_span(out, line);
		else
			add_quoted(out, line);
		if (out->len - begin > room) {
			cut_to(out, before);
			break;
		}
	}
}

static void
add_delimiter(struct buf *out, const struct parts *p, const char *end)
{
	buf_printf(out, "%s%s\r\n", p->boundary, end);
}

static bool
make_parts(const struct parts *p, bool with_header, size_t limit, struct buf *out)
{
	size_t begin = out->len, used;

	add_header(out, p, true);
	buf_puts(out, "\r\n");
	add_span(out, p->preamble);
	add_delimiter(out, p, "");
	add_text(out, p);
	add_delimiter(out, p, "");
	add_status(out, p);
	used = out->len - begin + 2 * (strlen(p->boundary) + 8);
	if (limit != 0 && used + (with_header ? 200 : 0) > limit)
		return false;
	if (with_header) {
		add_delimiter(out, p, "");
		add_original(out, p, limit == 0 ? SIZE_MAX : limit - used);
		buf_puts(out, "\r\n");
	}
	add_delimiter(out, p, "--");
	return true;
}

/* Cut at a line when it has to be: the first lines say what it is about. */
static bool
make_plain(const struct parts *p, size_t limit, struct buf *out)
{
	static const char cut[] = "[...]\r\n";
	size_t begin = out->len, head, size;
	struct span fields, body;
	bool ascii = is_ascii(p->part[0]);

	divide(p->part[0], &fields, &body);
	add_header(out, p, false);
	if (!ascii)
		buf_puts(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n");
	buf_puts(out, "\r\n");
	head = out->len;
	if (ascii)
		add_span(out, body);
	else
		add_quoted(out, body);
	if (limit == 0 || out->len - begin <= limit)
		return true;
	if (head - begin + 200 > limit)
		return false;
	size = begin + limit - (sizeof(cut) - 1);
	while (size > head && out->data[size - 1] != '\n')
		size--;
	cut_to(out, size);
	buf_puts(out, cut);
	return true;
}

bool
report_form_make(enum report_form form, const char *data, size_t len, size_t limit, struct buf *out)
{
	struct parts p;
	bool fits;

	if (form == REPORT_WHOLE || !take_apart(&p, data, len))
		return false;
	fits = form == REPORT_PLAIN ? make_plain(&p, limit, out) :
	    make_parts(&p, form == REPORT_HEADER, limit, out);
	return fits && buf_ok(out);
}
