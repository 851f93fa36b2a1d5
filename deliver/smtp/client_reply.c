/*
 * client_reply - one SMTP reply, of any number of lines, from bytes as they come; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  takes a bare LF as a line end, and "250" without text (clients must: RFC 5321 4.2). However much
 *           comes, the part that is kept of a line and of a reply is bounded
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

static bool
is_digit(char c, char low, char high)
{
	return c >= low && c <= high;
}

/* Takes the code of the present line, and whether more lines follow. */
static enum client_reply_kind
judge_line(struct client_reply *r)
{
	const char *p = r->line;
	int code;

	if (r->line_len > 0 && p[r->line_len - 1] == '\r')
		r->line[--r->line_len] = '\0';
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

enum client_reply_kind
client_reply_add(struct client_reply *r, const char *data, size_t len, size_t *used)
{
	const char *lf = memchr(data, '\n', len);
	size_t size = lf != NULL ? (size_t)(lf - data) : len;
	enum client_reply_kind kind;
	size_t kept;

	if (r->whole)
		client_reply_init(r);
	else if (r->ended) {
		r->ended = false;
		r->line_len = 0;
	}
	kept = sizeof(r->line) - 1 - r->line_len;
	*used = size + (lf != NULL);
	r->bytes += *used;
	if (kept > size)
		kept = size;
	memcpy(r->line + r->line_len, data, kept);
	r->line_len += kept;
	r->line[r->line_len] = '\0';
	if (r->bytes > BYTES_MAX)
		return CLIENT_REPLY_BAD;
	if (lf == NULL)
		return CLIENT_REPLY_MORE;

	r->ended = true;
	kind = judge_line(r);
	if (kind == CLIENT_REPLY_BAD || ++r->lines > LINES_MAX)
		return CLIENT_REPLY_BAD;
	add_text(r);
	r->whole = kind == CLIENT_REPLY_WHOLE;
	return kind;
}

const char *
client_reply_line(const struct client_reply *r)
{
	return r->line_len > 4 ? r->line + 4 : "";
}
