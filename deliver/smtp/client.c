/*
 * client - the SMTP dialogue with one peer: greeting, EHLO, STARTTLS, transactions, QUIT
 *
 * Runs in:  deliver (pure)
 * Owns:     the bytes to be sent, the reply being read
 * Promise:  every recipient of a transaction gets exactly one verdict; delivered only by a 2xx to the final
 *           dot or last chunk; commands are sent together when the peer offers PIPELINING (RFC 2920), one by
 *           one when not; nothing that was said in clear is believed under TLS
 * Fails by: verdicts; a peer that sends no SMTP is a failed connection (4.5.0), never more
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/smtp/smtp.h"

#define MINUTES(n) ((n) * 60000U)
#define OUT_MAX (512U << 10)	/* a piece with every dot doubled, or a window of commands, and more */

/* Handlers of a whole reply, one a phase; those of a transaction are in client_transaction. */
static void on_greeting(struct client *c), on_ehlo(struct client *c), on_helo(struct client *c),
    on_starttls(struct client *c), on_unasked(struct client *c), on_quit(struct client *c);

/* name: in verdict texts, "while waiting for ..."; limit: RFC 5321 4.5.3.2. */
static const struct row {
	const char *name;
	unsigned limit;
	void (*on_reply)(struct client *c);
} rows[CLIENT_PHASE_COUNT] = {
	[CLIENT_GREETING] = { "its greeting", MINUTES(5), on_greeting },
	[CLIENT_EHLO] = { "the answer to EHLO", MINUTES(5), on_ehlo },
	[CLIENT_HELO] = { "the answer to HELO", MINUTES(5), on_helo },
	[CLIENT_STARTTLS] = { "the answer to STARTTLS", MINUTES(2), on_starttls },
	[CLIENT_SHAKE] = { "the end of the TLS handshake", MINUTES(1), NULL },
	[CLIENT_PROVING] = { "our own proof", MINUTES(2), client_fail_protocol },
	[CLIENT_AUTH] = { "the answer to AUTH", MINUTES(5), client_auth_reply },
	[CLIENT_BETWEEN] = { "nothing", 0, on_unasked },
	[CLIENT_RSET] = { "the answer to RSET", MINUTES(5), client_transaction_rset },
	[CLIENT_MAIL] = { "the answer to MAIL", MINUTES(5), client_transaction_mail },
	[CLIENT_RCPT] = { "the answer to RCPT", MINUTES(5), client_transaction_rcpt },
	[CLIENT_DATA] = { "the answer to DATA", MINUTES(2), client_transaction_data },
	[CLIENT_SENDING] = { "room for the content", MINUTES(3), client_transaction_early },
	[CLIENT_DOT] = { "the answer to the content", MINUTES(10), client_transaction_dot },
	[CLIENT_QUIT] = { "the answer to QUIT", 5000, on_quit },
	[CLIENT_OVER] = { "nothing", 0, NULL },
};

static const struct { const char *keyword; enum client_offer offer; } offers[] = {
	{ "PIPELINING", CLIENT_PIPELINING }, { "SIZE", CLIENT_SIZE }, { "8BITMIME", CLIENT_8BITMIME },
	{ "SMTPUTF8", CLIENT_SMTPUTF8 }, { "ENHANCEDSTATUSCODES", CLIENT_STATUSCODES },
	{ "CHUNKING", CLIENT_CHUNKING },
	{ "DSN", CLIENT_DSN }, { "STARTTLS", CLIENT_OFFERS_TLS }, { "BINARYMIME", CLIENT_BINARYMIME },
};

void
client_init(struct client *c, const struct client_settings *set)
{
	*c = (struct client){ .set = *set, .out = BUF_INIT(OUT_MAX) };
	c->response = mem_new(struct client_reply);
	client_reply_init(c->response);
	if (set->mechanisms != 0)
		c->auth = client_auth_new();
	if (set->tls == CLIENT_TLS_AT_ONCE)
		c->phase = CLIENT_SHAKE;
}

void
client_done(struct client *c)
{
	if (c->auth != NULL && c->out.data != NULL)
		explicit_bzero(c->out.data, c->out.size);
	buf_done(&c->out);
	client_auth_free(c->auth);
	c->auth = NULL;
	free(c->response);
	c->response = NULL;
}

uint64_t
client_time_limit(const struct client *c)
{
	return rows[c->phase].limit;
}

/* --- the end of a transaction, the end of the connection --- */

void
client_set_all(struct client *c, const struct verdict *v, bool only_accepted)
{
	for (size_t i = 0; i < c->mail.count; i++)
		if (!only_accepted || c->mail.verdict[i].what == VERDICT_DELIVERED)
			c->mail.verdict[i] = *v;
}

/*
 * The connection is of no more use. A transaction whose verdicts are final keeps them; one in its content's
 * last wait must not be repeated at once (the peer may have the message); any other may.
 */
void
client_fail(struct client *c, const struct verdict *v, bool glitch)
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
	client_set_all(c, v, phase == CLIENT_DOT || phase == CLIENT_SENDING);
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
	/* A peer that refuses our side of a handshake may say so by closing after it. */
	c->tls_failed = c->phase == CLIENT_STARTTLS || c->phase == CLIENT_SHAKE ||
	    (c->phase == CLIENT_EHLO && c->secured);
	client_fail(c, &v, strncmp(status, "4.7", 3) != 0);
}

void
client_fail_protocol(struct client *c)
{
	fail_with(c, "4.5.0", "%s does not speak SMTP: unexpected reply instead of %s", c->set.host,
	    rows[c->phase].name);
}

void
client_lost(struct client *c, const char *reason)
{
	if (c->phase != CLIENT_OVER)
		fail_with(c, "4.4.2", "connection to %s lost while waiting for %s: %s", c->set.host,
		    rows[c->phase].name, reason);
}

void
client_unreached(struct client *c, const char *where, const char *reason)
{
	fail_with(c, "4.4.1", "cannot connect to %s: %s", where, reason);
}

void
client_timeout(struct client *c)
{
	if (c->phase == CLIENT_PROVING)
		client_auth_give_up(c, "4.3.0", "the proof did not come in time");
	else if (c->phase != CLIENT_OVER)
		fail_with(c, "4.4.2", "%s timed out while waiting for %s", c->set.host, rows[c->phase].name);
}

void
client_insecure(struct client *c, const char *reason)
{
	fail_with(c, "4.7.5", "no secure connection with %s: %s", c->set.host, reason);
}

void
client_abandon(struct client *c, const struct verdict *v)
{
	client_set_all(c, v, true);
	c->settled = true;
	client_fail(c, v, false);
}

/* --- replies --- */

int
client_last_class(const struct client *c)
{
	return c->response->code / 100;
}

struct verdict
client_last_verdict(const struct client *c)
{
	struct verdict v;

	verdict_from_reply(&v, c->response->code, c->response->text, c->set.host);
	return v;
}

/* Greeting or EHLO said no: another host may say yes, so a caller makes 5xx final only when all said it. */
static void
refuse_connection(struct client *c)
{
	struct verdict v = client_last_verdict(c);

	if (client_last_class(c) < 4)
		client_fail_protocol(c);
	else
		client_fail(c, &v, client_last_class(c) == 4);
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
	if (client_last_class(c) == 2)
		send_hello(c, c->set.helo ? CLIENT_HELO : CLIENT_EHLO);
	else
		refuse_connection(c);
}

static void
note_offer(struct client *c, const char *line)
{
	size_t len = strcspn(line, " =");

	if (len == 4 && strncasecmp(line, "AUTH", len) == 0)
		client_auth_offer(c, line);
	for (size_t i = 0; i < nitems_of(offers); i++) {
		if (strlen(offers[i].keyword) != len || strncasecmp(line, offers[i].keyword, len) != 0)
			continue;
		c->offered |= offers[i].offer;
		if (offers[i].offer == CLIENT_SIZE && line[len] == ' ')
			c->size_limit = strtoull(line + len + 1, NULL, 10);
	}
}

/*
 * The peer knows our name: it is to be one that may have mail, then it is to know who we are, where that is
 * wanted.
 */
static void
greeted(struct client *c, const char *lack)
{
	if (c->set.tls == CLIENT_TLS_MUST && !c->secured) {
		fail_with(c, "4.7.4", "TLS is required for this mail, but %s %s", c->set.host, lack);
		return;
	}
	if (c->auth != NULL) {
		client_auth_begin(c);
		return;
	}
	c->opened = true;
	c->phase = CLIENT_BETWEEN;
}

static void
on_ehlo(struct client *c)
{
	if (client_last_class(c) != 2) {
		c->offered = 0;
		send_hello(c, CLIENT_HELO);
	} else if (c->set.tls != CLIENT_TLS_OFF && !c->secured && (c->offered & CLIENT_OFFERS_TLS)) {
		buf_puts(&c->out, "STARTTLS\r\n");
		c->phase = CLIENT_STARTTLS;
	} else
		greeted(c, "does not offer STARTTLS");
}

static void
on_helo(struct client *c)
{
	if (client_last_class(c) == 2)
		greeted(c, "is greeted with HELO, which knows no STARTTLS");
	else
		refuse_connection(c);
}

static void
on_starttls(struct client *c)
{
	/*
	 * An answer to what has not left us: not the peer's, or it would be asked again under TLS and each
	 * answer fit another command.
	 */
	if (c->out.len > 0)
		client_fail_protocol(c);
	else if (c->response->code == 220)
		c->phase = CLIENT_SHAKE;
	else if (client_last_class(c) >= 4)
		fail_with(c, "4.7.4", "%s refused STARTTLS: %d %.200s", c->set.host, c->response->code,
		    c->response->text);
	else
		client_fail_protocol(c);
}

/* RFC 3207 4.2: what was learnt before is forgotten. */
void
client_secured(struct client *c)
{
	c->secured = true;
	c->offered = 0;
	c->size_limit = 0;
	client_reply_init(c->response);
	if (c->auth != NULL) {
		c->auth->offered = 0;
		c->auth->asked = false;
	}
	if (c->set.tls == CLIENT_TLS_AT_ONCE)
		c->phase = CLIENT_GREETING;
	else
		send_hello(c, CLIENT_EHLO);
}

static void
on_unasked(struct client *c)
{
	struct verdict v = client_last_verdict(c);

	client_fail(c, &v, false);
}

static void
on_quit(struct client *c)
{
	c->phase = CLIENT_OVER;
}

/* --- the edge's side --- */

static void
on_reply(struct client *c)
{
	enum client_phase phase = c->phase;

	/* 421 may come instead of any answer (RFC 5321 3.8); at the content it is the answer. */
	if (c->response->code == 421 && phase != CLIENT_DOT && phase != CLIENT_SENDING &&
	    phase != CLIENT_QUIT) {
		struct verdict v = client_last_verdict(c);

		client_fail(c, &v, true);
	} else
		rows[phase].on_reply(c);
	if (!buf_ok(&c->out))
		bug("client: more to send than planned");
}

void
client_input(struct client *c, const char *data, size_t len)
{
	/* What stands behind the 220 to STARTTLS may be anybody's: it is dropped. */
	while (len > 0 && c->phase != CLIENT_OVER && c->phase != CLIENT_SHAKE) {
		size_t used;
		enum client_reply_kind kind = client_reply_add(c->response, data, len, &used);

		if (c->auth != NULL)
			client_auth_input(c, data, used);
		data += used;
		len -= used;
		if (kind == CLIENT_REPLY_BAD)
			client_fail_protocol(c);
		else if (kind != CLIENT_REPLY_MORE && c->phase == CLIENT_EHLO && c->response->lines > 1)
			note_offer(c, client_reply_line(c->response));
		if (c->set.heard != NULL && kind != CLIENT_REPLY_MORE && c->response->lines == 1)
			c->set.heard(c->set.arg, c->response->line, c->response->line_len);
		if (kind == CLIENT_REPLY_WHOLE)
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
	case CLIENT_PROVING:
		return CLIENT_PROVE;
	case CLIENT_BETWEEN:
		return CLIENT_READY;
	case CLIENT_SENDING:
		return CLIENT_CONTENT;
	case CLIENT_SHAKE:
		return CLIENT_HANDSHAKE;
	default:
		return CLIENT_WAIT;
	}
}

enum client_fate
client_finish(struct client *c)
{
	c->busy = c->done = false;
	return c->fate;
}

/*
 * Dots that begin a line are doubled (RFC 5321 4.5.2); after a bare LF too, for peers who see a line end
 * there.
 */
void
client_content(struct client *c, const char *data, size_t len)
{
	if (len == 0)
		return;
	if (c->chunked) {
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
	if (!c->chunked)
		buf_puts(&c->out, c->line_start ? ".\r\n" : "\r\n.\r\n");
	c->phase = CLIENT_DOT;
}

void
client_quit(struct client *c)
{
	buf_puts(&c->out, "QUIT\r\n");
	c->phase = CLIENT_QUIT;
}
