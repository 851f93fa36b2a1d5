/*
 * client - the SMTP dialogue with one peer: greeting, EHLO, transactions, QUIT
 *
 * Runs in:  deliver (pure)
 * Owns:     the bytes to be sent, the reply being read
 * Promise:  every recipient of a transaction gets exactly one verdict; delivered only by a 2xx to the final dot;
 *           commands are sent together when the peer offers PIPELINING (RFC 2920), one by one when not
 * Fails by: verdicts; a peer that sends no SMTP is a failed connection (4.5.0), never more
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

#define MINUTES(n) ((n) * 60000U)
#define OUT_MAX (512U << 10)	/* a piece with every dot doubled, or a window of commands, and more */
#define WINDOW 100		/* commands sent and not answered */

/* Handlers of a whole reply, one a phase. */
static void on_greeting(struct client *c), on_ehlo(struct client *c), on_helo(struct client *c), on_unasked(struct client *c),
    on_rset(struct client *c), on_mail(struct client *c), on_rcpt(struct client *c), on_data(struct client *c),
    on_early(struct client *c), on_dot(struct client *c), on_quit(struct client *c);

/* name: in verdict texts, "while waiting for ..."; limit: RFC 5321 4.5.3.2. */
static const struct row {
	const char *name;
	unsigned limit;
	void (*on_reply)(struct client *c);
} rows[CLIENT_PHASE_COUNT] = {
	[CLIENT_GREETING] = { "its greeting", MINUTES(5), on_greeting },
	[CLIENT_EHLO] = { "the answer to EHLO", MINUTES(5), on_ehlo },
	[CLIENT_HELO] = { "the answer to HELO", MINUTES(5), on_helo },
	[CLIENT_BETWEEN] = { "nothing", 0, on_unasked },
	[CLIENT_RSET] = { "the answer to RSET", MINUTES(5), on_rset },
	[CLIENT_MAIL] = { "the answer to MAIL", MINUTES(5), on_mail },
	[CLIENT_RCPT] = { "the answer to RCPT", MINUTES(5), on_rcpt },
	[CLIENT_DATA] = { "the answer to DATA", MINUTES(2), on_data },
	[CLIENT_SENDING] = { "room for the content", MINUTES(3), on_early },
	[CLIENT_DOT] = { "the answer to the content", MINUTES(10), on_dot },
	[CLIENT_QUIT] = { "the answer to QUIT", 5000, on_quit },
	[CLIENT_OVER] = { "nothing", 0, NULL },
};

static const struct { const char *keyword; enum client_offer offer; } offers[] = {
	{ "PIPELINING", CLIENT_PIPELINING }, { "SIZE", CLIENT_SIZE }, { "8BITMIME", CLIENT_8BITMIME },
	{ "SMTPUTF8", CLIENT_SMTPUTF8 }, { "ENHANCEDSTATUSCODES", CLIENT_STATUSCODES }, { "CHUNKING", CLIENT_CHUNKING },
	{ "DSN", CLIENT_DSN }, { "STARTTLS", CLIENT_STARTTLS },
};

void
client_init(struct client *c, const struct client_settings *set)
{
	*c = (struct client){ .set = *set, .out = BUF_INIT(OUT_MAX) };
	c->response = mem_new(struct response);
	response_init(c->response);
}

void
client_done(struct client *c)
{
	buf_done(&c->out);
	free(c->response);
	c->response = NULL;
}

uint64_t
client_time_limit(const struct client *c)
{
	return rows[c->phase].limit;
}

/* --- the end of a transaction, the end of the connection --- */

static void
set_all(struct client *c, const struct verdict *v, bool only_accepted)
{
	for (size_t i = 0; i < c->mail.count; i++)
		if (!only_accepted || c->mail.verdict[i].what == VERDICT_DELIVERED)
			c->mail.verdict[i] = *v;
}

static void
end_transaction(struct client *c, enum client_phase next)
{
	c->done = true;
	c->phase = next;
}

/*
 * The connection is of no more use. A transaction whose verdicts are final keeps them; one in its content's last wait
 * must not be repeated at once (the peer may have the message); any other may.
 */
static void
fail(struct client *c, const struct verdict *v, bool glitch)
{
	enum client_phase phase = c->phase;

	c->phase = CLIENT_OVER;
	c->failure = *v;
	c->glitch = glitch;
	if (!c->busy || c->done)
		return;
	c->done = true;
	if (c->settled)
		return;
	set_all(c, v, phase == CLIENT_DOT || phase == CLIENT_SENDING);
	c->fate = phase == CLIENT_DOT ? CLIENT_FINAL : CLIENT_LOST;
}

static void
fail_with(struct client *c, const char *status, const char *fmt, ...)
{
	struct verdict v;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	verdict_set(&v, VERDICT_LATER, status, "%s", text);
	snprintf(v.host, sizeof(v.host), "%s", c->set.host);
	fail(c, &v, true);
}

static void
fail_protocol(struct client *c)
{
	fail_with(c, "4.5.0", "%s does not speak SMTP: unexpected reply instead of %s", c->set.host, rows[c->phase].name);
}

void
client_lost(struct client *c, const char *reason)
{
	if (c->phase != CLIENT_OVER)
		fail_with(c, "4.4.2", "connection to %s lost while waiting for %s: %s", c->set.host, rows[c->phase].name, reason);
}

void
client_unreached(struct client *c, const char *where, const char *reason)
{
	fail_with(c, "4.4.1", "cannot connect to %s: %s", where, reason);
}

void
client_timeout(struct client *c)
{
	if (c->phase != CLIENT_OVER)
		fail_with(c, "4.4.2", "%s timed out while waiting for %s", c->set.host, rows[c->phase].name);
}

void
client_abandon(struct client *c, const struct verdict *v)
{
	set_all(c, v, true);
	c->settled = true;
	fail(c, v, false);
}

/* --- replies --- */

static int
reply_class(const struct client *c)
{
	return c->response->code / 100;
}

static struct verdict
reply_verdict(const struct client *c)
{
	struct verdict v;

	verdict_from_reply(&v, c->response->code, c->response->text, c->set.host);
	return v;
}

/* Greeting or EHLO said no: another host may say yes, so a caller makes 5xx final only when all said it. */
static void
refuse_connection(struct client *c)
{
	struct verdict v = reply_verdict(c);

	if (reply_class(c) < 4)
		fail_protocol(c);
	else
		fail(c, &v, reply_class(c) == 4);
}

static void
send_hello(struct client *c, enum client_phase phase)
{
	buf_printf(&c->out, "%s %s\r\n", phase == CLIENT_EHLO ? "EHLO" : "HELO", c->set.fqdn);
	c->phase = phase;
}

static void
on_greeting(struct client *c)
{
	if (reply_class(c) == 2)
		send_hello(c, c->set.helo ? CLIENT_HELO : CLIENT_EHLO);
	else
		refuse_connection(c);
}

static void
note_offer(struct client *c, const char *line)
{
	size_t len = strcspn(line, " =");

	for (size_t i = 0; i < nitems_of(offers); i++) {
		if (strlen(offers[i].keyword) != len || strncasecmp(line, offers[i].keyword, len) != 0)
			continue;
		c->offered |= offers[i].offer;
		if (offers[i].offer == CLIENT_SIZE && line[len] == ' ')
			c->size_limit = strtoull(line + len + 1, NULL, 10);
	}
}

static void
on_ehlo(struct client *c)
{
	if (reply_class(c) == 2) {
		c->opened = true;
		c->phase = CLIENT_BETWEEN;
	} else {
		c->offered = 0;
		send_hello(c, CLIENT_HELO);
	}
}

static void
on_helo(struct client *c)
{
	if (reply_class(c) == 2) {
		c->opened = true;
		c->phase = CLIENT_BETWEEN;
	} else
		refuse_connection(c);
}

static void
on_unasked(struct client *c)
{
	struct verdict v = reply_verdict(c);

	fail(c, &v, false);
}

static void
on_quit(struct client *c)
{
	c->phase = CLIENT_OVER;
}

/* --- the steps of a transaction --- */

static size_t
step_data(const struct client *c)
{
	return c->mail.count + 2;
}

static enum client_phase
step_phase(const struct client *c, size_t step)
{
	if (step < 2)
		return step == 0 ? CLIENT_RSET : CLIENT_MAIL;
	return step < step_data(c) ? CLIENT_RCPT : CLIENT_DATA;
}

static void
send_mail(struct client *c)
{
	const struct message_envelope *e = c->mail.e;

	buf_printf(&c->out, "MAIL FROM:<%s>", c->mail.sender);
	if (c->offered & CLIENT_SIZE)
		buf_printf(&c->out, " SIZE=%lld", (long long)e->content_size);
	if ((e->flags & MESSAGE_8BIT) && (c->offered & CLIENT_8BITMIME))
		buf_puts(&c->out, " BODY=8BITMIME");
	if ((e->flags & MESSAGE_UTF8) && (c->offered & CLIENT_SMTPUTF8))
		buf_puts(&c->out, " SMTPUTF8");
	buf_puts(&c->out, "\r\n");
}

static void
send_step(struct client *c, size_t step)
{
	switch (step_phase(c, step)) {
	case CLIENT_RSET:
		buf_puts(&c->out, "RSET\r\n");
		break;
	case CLIENT_MAIL:
		send_mail(c);
		break;
	case CLIENT_RCPT:
		buf_printf(&c->out, "RCPT TO:<%s>\r\n", c->mail.e->rcpt[c->mail.index[step - 2]].address);
		break;
	default:
		buf_puts(&c->out, "DATA\r\n");
	}
}

/* Sends what may be sent now; ends the transaction when nothing is left to ask. */
static void
advance(struct client *c)
{
	size_t window = c->offered & CLIENT_PIPELINING ? WINDOW : 1;

	while (!c->settled && c->sent <= step_data(c) && c->sent - c->answered < window)
		send_step(c, c->sent++);
	if (c->sent != c->answered)
		c->phase = step_phase(c, c->answered);
	else {
		c->dirty = c->mail_taken;
		end_transaction(c, CLIENT_BETWEEN);
	}
}

static void
step_answered(struct client *c)
{
	c->answered++;
	advance(c);
}

static void
on_rset(struct client *c)
{
	if (reply_class(c) == 2)
		step_answered(c);
	else
		fail_protocol(c);
}

static void
on_mail(struct client *c)
{
	struct verdict v = reply_verdict(c);

	if (reply_class(c) == 3) {
		fail_protocol(c);
		return;
	}
	if (reply_class(c) == 2)
		c->mail_taken = true;
	else {
		set_all(c, &v, false);
		c->settled = true;
		c->fate = reply_class(c) == 4 ? CLIENT_ELSEWHERE : CLIENT_FINAL;
	}
	step_answered(c);
}

static void
on_rcpt(struct client *c)
{
	struct verdict *to = &c->mail.verdict[c->answered - 2];

	if (c->settled) {
		step_answered(c);
		return;
	}
	if (reply_class(c) == 3) {
		fail_protocol(c);
		return;
	}
	*to = reply_verdict(c);
	if (to->what == VERDICT_DELIVERED)
		c->accepted++;
	else if (c->response->code == 552 && c->accepted > 0) {
		/* "too many recipients" of old servers: the rest goes another time (RFC 5321 4.5.3.1.10) */
		to->what = VERDICT_LATER;
		snprintf(to->status, sizeof(to->status), "4.5.3");
	}
	if (c->answered + 1 == step_data(c) && c->accepted == 0)
		c->settled = true;	/* all refused */
	step_answered(c);
}

static void
on_data(struct client *c)
{
	struct verdict v = reply_verdict(c);

	c->answered++;
	if (c->response->code == 354 && c->settled) {
		/* Pipelined before the refusals were known: an empty message to nobody ends it. */
		buf_puts(&c->out, ".\r\n");
		c->phase = CLIENT_DOT;
	} else if (c->response->code == 354) {
		c->phase = CLIENT_SENDING;
		c->line_start = true;
	} else if (c->settled || reply_class(c) >= 4) {
		if (!c->settled)
			set_all(c, &v, true);
		c->dirty = c->mail_taken;
		end_transaction(c, CLIENT_BETWEEN);
	} else
		fail_protocol(c);
}

/* A reply before the content's end: the peer wants no more of it; without a final dot it has not taken the message. */
static void
on_early(struct client *c)
{
	struct verdict v = reply_verdict(c);

	if (reply_class(c) < 4) {
		fail_protocol(c);
		return;
	}
	set_all(c, &v, true);
	c->settled = true;
	fail(c, &v, false);
}

static void
on_dot(struct client *c)
{
	struct verdict v = reply_verdict(c);

	if (!c->settled && reply_class(c) == 3) {
		fail_protocol(c);
		return;
	}
	if (!c->settled)
		set_all(c, &v, true);
	c->dirty = false;
	end_transaction(c, CLIENT_BETWEEN);
	if (c->response->code == 421)
		fail(c, &v, true);
}

/* --- the edge's side --- */

static void
on_reply(struct client *c)
{
	enum client_phase phase = c->phase;

	/* 421 may come instead of any answer (RFC 5321 3.8); at the content it is the answer. */
	if (c->response->code == 421 && phase != CLIENT_DOT && phase != CLIENT_SENDING && phase != CLIENT_QUIT) {
		struct verdict v = reply_verdict(c);
		fail(c, &v, true);
	} else
		rows[phase].on_reply(c);
	if (!buf_ok(&c->out))
		bug("client: more to send than planned");
}

void
client_input(struct client *c, const char *data, size_t len)
{
	while (len > 0 && c->phase != CLIENT_OVER) {
		size_t used;
		enum response_kind kind = response_add(c->response, data, len, &used);
		data += used;
		len -= used;
		if (kind == RESPONSE_BAD)
			fail_protocol(c);
		else if (kind != RESPONSE_MORE && c->phase == CLIENT_EHLO && c->response->lines > 1)
			note_offer(c, response_line(c->response));
		if (kind == RESPONSE_WHOLE)
			on_reply(c);
	}
}

enum client_action
client_action(struct client *c)
{
	if (c->done)
		return CLIENT_DONE;
	switch (c->phase) {
	case CLIENT_OVER:
		return CLIENT_CLOSE;
	case CLIENT_BETWEEN:
		return CLIENT_READY;
	case CLIENT_SENDING:
		return CLIENT_CONTENT;
	default:
		return CLIENT_WAIT;
	}
}

static bool
has_utf8(const struct client_mail *m)
{
	bool found = (m->e->flags & MESSAGE_UTF8) != 0;

	for (const char *p = m->sender; *p != '\0'; p++)
		found |= (*p & 0x80) != 0;
	for (size_t i = 0; i < m->count; i++)
		for (const char *p = m->e->rcpt[m->index[i]].address; *p != '\0'; p++)
			found |= (*p & 0x80) != 0;
	return found;
}

/* Whether the peer can take it at all; if not, the verdict says what is missing (RFC 1870, 6152, 6531; RFC 3463). */
static bool
is_possible(const struct client *c, const struct client_mail *m, struct verdict *v)
{
	const struct message_envelope *e = m->e;
	const char *host = c->set.host;

	if (c->size_limit > 0 && (uint64_t)e->content_size > c->size_limit)
		verdict_set(v, VERDICT_REFUSED, "5.3.4", "the message has %lld bytes, %s takes at most %llu",
		    (long long)e->content_size, host, (unsigned long long)c->size_limit);
	else if (e->flags & MESSAGE_BINARY)
		verdict_set(v, VERDICT_REFUSED, "5.6.3", "the message is BINARYMIME, which cannot be sent to %s", host);
	else if ((e->flags & MESSAGE_8BIT) && !(c->offered & CLIENT_8BITMIME))
		verdict_set(v, VERDICT_REFUSED, "5.6.3", "the message has 8-bit content, %s does not offer 8BITMIME", host);
	else if (!(c->offered & CLIENT_SMTPUTF8) && has_utf8(m))
		verdict_set(v, VERDICT_REFUSED, "5.6.7", "the message needs SMTPUTF8, %s does not offer it", host);
	else
		return true;
	snprintf(v->host, sizeof(v->host), "%s", host);
	return false;
}

void
client_begin(struct client *c, const struct client_mail *mail)
{
	struct verdict v;

	if (c->phase != CLIENT_BETWEEN || c->busy)
		bug("client_begin in phase %d", (int)c->phase);
	c->mail = *mail;
	c->busy = true;
	c->fate = CLIENT_FINAL;
	c->settled = c->mail_taken = false;
	c->accepted = 0;
	if (!is_possible(c, mail, &v)) {
		set_all(c, &v, false);
		c->done = true;
		return;
	}
	c->sent = c->answered = c->dirty ? 0 : 1;
	advance(c);
	if (!buf_ok(&c->out))
		bug("client: more to send than planned");
}

enum client_fate
client_finish(struct client *c)
{
	c->busy = c->done = false;
	return c->fate;
}

/* Dots that begin a line are doubled (RFC 5321 4.5.2); after a bare LF too, for peers who see a line end there. */
void
client_content(struct client *c, const char *data, size_t len)
{
	if (len == 0)
		return;
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
	buf_puts(&c->out, c->line_start ? ".\r\n" : "\r\n.\r\n");
	c->phase = CLIENT_DOT;
}

void
client_quit(struct client *c)
{
	buf_puts(&c->out, "QUIT\r\n");
	c->phase = CLIENT_QUIT;
}
