/*
 * outconn_log - our commands to remote hosts and their replies, for the protocol log and for who follows the
 * message
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  shows the commands of a list, of AUTH only the mechanism. Of any other line that is sent, and of
 *           all words of an AUTH dialogue in both directions, only the length is shown; of content nothing
 * Fails by: cannot
 */
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/log_watch.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "common/w3clog/w3clog.h"
#include "deliver/outbound/outbound.h"

static const struct {
	const char *verb;
	bool secret;		/* all but the first argument */
} verbs[] = {
	{ "EHLO", false }, { "HELO", false }, { "MAIL", false }, { "RCPT", false }, { "DATA", false },
	{ "BDAT", false }, { "RSET", false },
	{ "QUIT", false }, { "NOOP", false }, { "STARTTLS", false }, { "ETRN", false }, { "ATRN", false },
	{ "TURN", false }, { "AUTH", true },
};

/* The message of the transaction is followed by somebody. */
static bool
is_followed(const struct outconn *p)
{
	return p->job != NULL && p->job->e != NULL && log_watch_follows(p->job->e->id);
}

static bool
is_read(const struct outconn *p)
{
	return p->site->o->log != NULL || is_followed(p);
}

static void
tell_follower(const struct outconn *p, const struct w3clog_fact *f)
{
	const char *blank = f->method.len > 0 && f->query.len > 0 ? " " : "";
	char line[512];

	if (f->method.len + f->query.len == 0)
		return;
	snprintf(line, sizeof(line), "%.*s%s%.*s", (int)f->method.len, f->method.text, blank,
	    (int)f->query.len, f->query.text);
	log_detail(p->job->e->id, f->kind == W3CLOG_COMMAND ? "command" : "reply", "line=%s",
	    log_safe(line));
}

static void
add_fact(const struct outconn *p, struct w3clog_fact *f)
{
	if (is_followed(p))
		tell_follower(p, f);
	if (p->site->o->log == NULL)
		return;
	f->peer = p->ip;
	f->port = p->port;
	f->time_us = clock_wall_us();
	w3clog_add(p->site->o->log, f);
}

static void
log_command(const struct outconn *p, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	size_t verb = blank != NULL ? (size_t)(blank - line) : len, i = 0;
	struct w3clog_fact f = { .kind = W3CLOG_COMMAND };

	while (i < nitems_of(verbs) &&
	    (strlen(verbs[i].verb) != verb || strncasecmp(verbs[i].verb, line, verb) != 0))
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
	add_fact(p, &f);
}

void
outconn_log_commands(struct outconn *p)
{
	const struct buf *out = &p->client.out;
	const char *line = out->data + p->logged, *end = out->data + out->len, *cr;

	if (p->logged >= out->len)
		return;
	p->logged = out->len;
	if (!is_read(p) || p->client.phase == CLIENT_SENDING || p->client.phase == CLIENT_DOT)
		return;
	p->sent_at = clock_mono_ms();
	if (p->client.out_is_auth) {
		add_fact(p, &(struct w3clog_fact){ .kind = W3CLOG_COMMAND,
		    .sent = (size_t)(end - line) - 2 });
		return;
	}
	for (; line < end && (cr = memmem(line, (size_t)(end - line), "\r\n", 2)) != NULL; line = cr + 2)
		log_command(p, line, (size_t)(cr - line));
}

void
outconn_log_reply(void *arg, const char *line, size_t len)
{
	struct outconn *p = arg;
	struct w3clog_fact f = {
		.kind = W3CLOG_RESPONSE, .query = { line, len }, .sent = len,
		.ms = clock_mono_ms() - p->sent_at,
	};

	if (p->client.phase == CLIENT_GREETING)
		outconn_report_greeting(p, line, len);
	if (!is_read(p))
		return;
	if (p->client.phase == CLIENT_AUTH && len > 3 && memcmp(line, "334", 3) == 0)
		f.query.len = 3;	/* a challenge is secret, too */

	add_fact(p, &f);
}
