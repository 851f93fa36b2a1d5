/*
 * client_content - the content of a message on its way to the host, by DATA or BDAT; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  by DATA each dot that begins a line is doubled, and the final dot has its own line; by BDAT
 *           the bytes stay as they are. Long lines are folded before that, where client_mail says so
 * Fails by: cannot: `out` has room for a piece
 */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"

#define BINARY (CLIENT_CHUNKING | CLIENT_BINARYMIME)

bool
client_content_may_be_long(const struct client *c)
{
	return (c->offered & ~c->without & BINARY) == BINARY;
}

/*
 * A dot that begins a line is doubled (RFC 5321 4.5.2); after a bare LF too, for hosts that take it for a
 * line end.
 */
static void
add_content(void *arg, const char *data, size_t len)
{
	struct client *c = arg;

	if (c->body == CLIENT_BY_BDAT) {
		buf_add(&c->out, data, len);
		return;
	}
	if (c->line_start && data[0] == '.')
		buf_add(&c->out, ".", 1);
	c->line_start = data[len - 1] == '\n';
	for (;;) {
		const char *dot = client_survey_dot(data, len);
		size_t n = dot != NULL ? (size_t)(dot - data) + 1 : len;

		buf_add(&c->out, data, n);
		data += n;
		len -= n;
		if (dot == NULL)
			break;
		buf_add(&c->out, ".", 1);
	}
}

long long
client_content_size(const struct client_mail *m)
{
	return (long long)(m->e->content_size + m->added);
}

bool
client_content_is_8bit(const struct client_mail *m)
{
	return (m->e->flags & MESSAGE_8BIT) != 0 && !m->seven_bit;
}

/* The transaction begins. */
void
client_content_begin(struct client *c)
{
	if (!c->mail.fold)
		return;
	if (c->fold == NULL)
		c->fold = mem_new(struct client_fold);
	*c->fold = (struct client_fold){ .emit = add_content, .arg = c };
}

void
client_content(struct client *c, const char *data, size_t len)
{
	if (len == 0)
		return;
	if (c->mail.fold)
		client_fold_add(c->fold, data, len);
	else
		add_content(c, data, len);
	if (!buf_ok(&c->out))
		bug("client: a piece of content over its bound");
}

/* Of a content without dots to be doubled, whose last byte is an LF: the final dot has its own line. */
void
client_content_passed(struct client *c, size_t n)
{
	c->left += n;
}

void
client_content_end(struct client *c)
{
	if (c->mail.fold)
		client_fold_end(c->fold);
	if (c->body == CLIENT_BY_DATA)
		buf_puts(&c->out, c->line_start ? ".\r\n" : "\r\n.\r\n");
	c->phase = CLIENT_DOT;
}
