/*
 * client_reply - one SMTP reply, of any number of lines, from bytes as they come; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  lines end as the first one of the connection does, in CRLF or in a bare LF: of a host that ends
 *           them with CRLF no bare LF ends a reply. Takes "250" without text (clients must: RFC 5321 4.2).
 *           However much comes, the part that is kept of a line and of a reply is bounded
 *           A greeting may have lines without a code: they are skipped
 * Fails by: CLIENT_REPLY_BAD: no code of three digits, codes of different classes in one reply, too many
 *           lines or bytes
 */
#include <string.h>

#include "deliver/smtp/smtp.h"

#define LINES_MAX 200
#define BYTES_MAX 65536

void
client_reply_init(struct client_reply *r)
{
	memset(r, 0, sizeof(*r));
}

/* All but what is known of the host's lines. */
static void
begin_reply(struct client_reply *r)
{
	struct client_reply fresh = { .end = r->end, .last = r->last, .is_greeting = r->is_greeting };

	*r = fresh;
}

static bool
is_digit(char c, char low, char high)
{
	return c >= low && c <= high;
}

/* A byte order mark, telnet's own talk: bytes that no code begins with. */
static void
drop_leading_noise(struct client_reply *r)
{
	size_t n = 0;

	while (n < r->line_len && (r->line[n] < ' ' || r->line[n] > '~'))
		n++;
	memmove(r->line, r->line + n, r->line_len - n + 1);
	r->line_len -= n;
}

static bool
has_code(const struct client_reply *r)
{
	return r->line_len >= 3 && is_digit(r->line[0], '0', '9') && is_digit(r->line[1], '0', '9') &&
	    is_digit(r->line[2], '0', '9');
}

/* Takes the code of the present line, and whether more lines follow. CLIENT_REPLY_MORE: it is skipped. */
static enum client_reply_kind
judge_line(struct client_reply *r)
{
	const char *p = r->line;
	int code;

	if (r->line_len > 0 && p[r->line_len - 1] == '\r')
		r->line[--r->line_len] = '\0';
	if (r->is_greeting) {
		drop_leading_noise(r);
		if (!has_code(r))
			return CLIENT_REPLY_MORE;
		if (p[3] == '\t')
			r->line[3] = ' ';
	}
	if (r->line_len < 3 || !is_digit(p[0], '2', '5') || !is_digit(p[1], '0', '9') ||
	    !is_digit(p[2], '0', '9'))
		return CLIENT_REPLY_BAD;
	if (r->line_len > 3 && p[3] != ' ' && p[3] != '-')
		return CLIENT_REPLY_BAD;
	code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	if (r->lines > 0 && code / 100 != r->code / 100)
		return CLIENT_REPLY_BAD;
	r->code = code;
	return r->line_len > 3 && p[3] == '-' ? CLIENT_REPLY_LINE : CLIENT_REPLY_WHOLE;
}

/* Adds the text of the line to that of the reply. A NUL byte would end it early: it becomes '?'. */
static void
add_text(struct client_reply *r)
{
	const char *from = r->line_len > 4 ? r->line + 4 : "";
	size_t len = r->line_len > 4 ? r->line_len - 4 : 0;

	if (r->text_len > 0 && len > 0 && r->text_len < sizeof(r->text) - 1)
		r->text[r->text_len++] = ' ';
	for (size_t i = 0; i < len && r->text_len < sizeof(r->text) - 1; i++)
		r->text[r->text_len++] = from[i] != '\0' ? from[i] : '?';
	r->text[r->text_len] = '\0';
}

/* The first line end of the connection shows how the others are. */
static bool
ends_line(struct client_reply *r, const char *data, const char *lf)
{
	bool cr = (lf > data ? lf[-1] : r->last) == '\r';

	if (r->end == CLIENT_REPLY_END_OPEN)
		r->end = cr ? CLIENT_REPLY_END_CRLF : CLIENT_REPLY_END_LF;
	return cr || r->end == CLIENT_REPLY_END_LF;
}

/* Takes bytes up to the next line end; true: it is there. */
static bool
take_line(struct client_reply *r, const char *data, size_t len, size_t *used)
{
	const char *lf = memchr(data, '\n', len);
	size_t size, kept = sizeof(r->line) - 1 - r->line_len;

	while (lf != NULL && !ends_line(r, data, lf))
		lf = memchr(lf + 1, '\n', (size_t)(data + len - lf - 1));
	size = lf != NULL ? (size_t)(lf - data) : len;
	*used = size + (lf != NULL);
	r->bytes += *used;
	if (*used > 0)
		r->last = data[*used - 1];
	if (kept > size)
		kept = size;
	memcpy(r->line + r->line_len, data, kept);
	r->line_len += kept;
	r->line[r->line_len] = '\0';
	return lf != NULL;
}

enum client_reply_kind
client_reply_add(struct client_reply *r, const char *data, size_t len, size_t *used)
{
	enum client_reply_kind kind;
	bool ended;

	if (r->whole)
		begin_reply(r);
	else if (r->ended) {
		r->ended = false;
		r->line_len = 0;
	}
	ended = take_line(r, data, len, used);
	if (r->bytes > BYTES_MAX)
		return CLIENT_REPLY_BAD;
	if (!ended)
		return CLIENT_REPLY_MORE;

	r->ended = true;
	kind = judge_line(r);
	if (kind == CLIENT_REPLY_BAD || r->lines + r->skipped >= LINES_MAX)
		return CLIENT_REPLY_BAD;
	if (kind == CLIENT_REPLY_MORE) {
		r->skipped++;
		return kind;
	}
	r->lines++;
	add_text(r);
	r->whole = kind == CLIENT_REPLY_WHOLE;
	return kind;
}

bool
client_reply_is_next(const struct client_reply *r)
{
	return r->whole || r->bytes == 0;
}

bool
client_reply_is_bare(const struct client_reply *r)
{
	return r->end == CLIENT_REPLY_END_CRLF && !r->ended && r->line_len > 0 && r->last == '\n';
}

bool
client_reply_is_noise(const struct client_reply *r)
{
	return r->lines == 0 && r->skipped > 0;
}

const char *
client_reply_line(const struct client_reply *r)
{
	return r->line_len > 4 ? r->line + 4 : "";
}
