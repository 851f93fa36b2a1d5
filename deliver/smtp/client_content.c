/*
 * client_content - the content of a message on its way to the host, by DATA or BDAT; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  by DATA each dot that begins a line is doubled, and the final dot has its own line; by BDAT
 *           the bytes stay as they are
 * Fails by: cannot: `out` has room for a piece
 */
#include <string.h>

#include "common/base/log.h"
#include "deliver/smtp/smtp.h"

/*
 * A dot that begins a line is doubled (RFC 5321 4.5.2); after a bare LF too, for hosts that take it for a
 * line end.
 */
void
client_content(struct client *c, const char *data, size_t len)
{
	if (len == 0)
		return;
	if (c->body == CLIENT_BY_BDAT) {
		buf_add(&c->out, data, len);
		return;
	}
	if (c->line_start && data[0] == '.')
		buf_add(&c->out, ".", 1);
	c->line_start = data[len - 1] == '\n';
	for (;;) {
		const char *dot = memmem(data, len, "\n.", 2);
		size_t n = dot != NULL ? (size_t)(dot - data) + 1 : len;

		buf_add(&c->out, data, n);
		data += n;
		len -= n;
		if (dot == NULL)
			break;
		buf_add(&c->out, ".", 1);
	}
	if (!buf_ok(&c->out))
		bug("client: a piece of content over its bound");
}

void
client_content_end(struct client *c)
{
	if (c->body == CLIENT_BY_DATA)
		buf_puts(&c->out, c->line_start ? ".\r\n" : "\r\n.\r\n");
	c->phase = CLIENT_DOT;
}
