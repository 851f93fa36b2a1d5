/*
 * outconn_log - what is said to remote hosts and what they answer, as facts for the protocol log
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  shows commands by name from a list, of AUTH only the mechanism; any other line on its way out,
 *           and every word of an AUTH dialogue in both directions, is shown by its length alone, and content
 *           never
 * Fails by: never
 */
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/w3clog/w3clog.h"
#include "deliver/outbound/outbound.h"

static const struct {
	const char *verb;
	bool secret;		/* what stands behind the first argument is */
} verbs[] = {
	{ "EHLO", false }, { "HELO", false }, { "MAIL", false }, { "RCPT", false }, { "DATA", false },
	{ "BDAT", false }, { "RSET", false },
	{ "QUIT", false }, { "NOOP", false }, { "STARTTLS", false }, { "ETRN", false }, { "ATRN", false },
	{ "TURN", false }, { "AUTH", true },
};

static void
tell(const struct outconn *p, struct w3clog_fact *f)
{
	f->peer = p->ip;
	f->port = p->port;
	f->time_us = clock_wall_us();
	w3clog_add(p->site->r->log, f);
}

static void
tell_command(const struct outconn *p, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	size_t verb = blank != NULL ? (size_t)(blank - line) : len, i = 0;
	struct w3clog_fact f = { .kind = W3CLOG_COMMAND };

	while (i < nitems_of(verbs) && (strlen(verbs[i].verb) != verb || strncasecmp(verbs[i].verb, line,
	    verb) != 0))
		i++;
	f.sent = len;
	if (i < nitems_of(verbs)) {
		const char *end;

		f.sent = verb;
		f.method = (struct w3clog_text){ line, verb };
		if (blank != NULL)
			f.query = (struct w3clog_text){ blank + 1, len - verb - 1 };
		end = verbs[i].secret && blank != NULL ? memchr(blank + 1, ' ', len - verb - 1) : NULL;
		if (end != NULL)
			f.query.len = (size_t)(end - f.query.text);
	}
	tell(p, &f);
}

void
outconn_log_commands(struct outconn *p)
{
	const struct buf *out = &p->client.out;
	const char *line = out->data + p->told, *end = out->data + out->len, *cr;

	if (p->told >= out->len)
		return;
	p->told = out->len;
	if (p->site->r->log == NULL || p->client.phase == CLIENT_SENDING || p->client.phase == CLIENT_DOT)
		return;
	p->said = clock_mono_ms();
	if (p->client.hush) {
		tell(p, &(struct w3clog_fact){ .kind = W3CLOG_COMMAND, .sent = (size_t)(end - line) - 2 });
		return;
	}
	for (; line < end && (cr = memmem(line, (size_t)(end - line), "\r\n", 2)) != NULL; line = cr + 2)
		tell_command(p, line, (size_t)(cr - line));
}

void
outconn_log_reply(void *arg, const char *line, size_t len)
{
	const struct outconn *p = arg;
	struct w3clog_fact f = {
		.kind = W3CLOG_RESPONSE, .query = { line, len }, .sent = len, .ms = clock_mono_ms() - p->said,
	};

	if (p->client.phase == CLIENT_AUTH && len > 3 && memcmp(line, "334", 3) == 0)
		f.query.len = 3;	/* a challenge is nobody else's business either */

	tell(p, &f);
}
