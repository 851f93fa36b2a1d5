/*
 * client - the SMTP dialogue with one host: its table of phases, its replies, what its owner calls; pure
 *
 * Runs in:  deliver
 * Owns:     the bytes to be sent, the reply being read
 * Promise:  every recipient of a transaction gets exactly one verdict; "delivered" only by a 2xx to the final
 *           dot or last chunk, and no reply counts before its command has left. Commands are sent together
 *           when the host offers PIPELINING (RFC 2920), else one by one. What the host said in clear does not
 *           count under TLS
 * Fails by: verdicts; a host that does not speak SMTP is a failed connection (4.5.0)
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/smtp/smtp_private.h"

#define UNSURE_MS 10000	/* after that what came counts as the whole answer */
#define NOISE_MS 30000	/* after lines that are no greeting: the same for a host that does not speak SMTP */
#define OUT_MAX (512U << 10)	/* a piece with every dot doubled, or a window of commands, and more */

static void on_unexpected(struct client *c), on_quit(struct client *c);

#define ALL(handler) { handler, handler, handler, handler }
#define TO(phase) (1U << CLIENT_##phase)

/*
 * Phase x first digit of the reply -> function; NULL: SMTP has no such reply here (client_fail_protocol). A
 * 421 ends the connection in any phase (RFC 5321 3.8), unless it is an answer like others (answers_421).
 * `next`: the phases that may follow besides CLIENT_OVER; the test build checks it. Where it is 0, the
 * function in the comment leads on.
 */
static const struct row {
	void (*on_reply[4])(struct client *c);	/* 2yz, 3yz, 4yz, 5yz */
	unsigned next;
	bool answers_421;
} rows[CLIENT_PHASE_COUNT] = {
	[CLIENT_GREETING] = { { client_open_greeting, NULL, client_open_refused, client_open_refused },
	    TO(EHLO) | TO(HELO), false },
	[CLIENT_EHLO] = { { client_open_ehlo, client_open_ehlo_refused, client_open_ehlo_refused,
	    client_open_ehlo_refused }, TO(HELO) | TO(STARTTLS) | TO(WORD) | TO(BETWEEN), false },
	[CLIENT_HELO] = { { client_open_helo, NULL, client_open_refused, client_open_refused },
	    TO(WORD) | TO(BETWEEN), false },
	[CLIENT_STARTTLS] = { { client_open_starttls, NULL, client_open_starttls_refused,
	    client_open_starttls_refused }, TO(SHAKE), false },
	/* client_secured: EHLO, or GREETING where TLS begins at once */
	[CLIENT_SHAKE] = { ALL(NULL), 0, false },
	/* client_auth_say: AUTH */
	[CLIENT_WORD] = { ALL(NULL), 0, false },
	[CLIENT_AUTH] = { { client_auth_accepted, client_auth_challenge, client_auth_refused,
	    client_auth_refused }, TO(AUTH) | TO(WORD) | TO(BETWEEN), false },
	/* client_transaction_begin: RSET or MAIL; client_quit: QUIT */
	[CLIENT_BETWEEN] = { ALL(on_unexpected), 0, false },
	[CLIENT_RSET] = { { client_transaction_rset, NULL, NULL, NULL }, TO(MAIL), false },
	[CLIENT_MAIL] = { { client_transaction_mail, NULL, client_transaction_mail_refused,
	    client_transaction_mail_refused }, TO(RCPT) | TO(BETWEEN), false },
	[CLIENT_RCPT] = { ALL(client_transaction_rcpt), TO(RCPT) | TO(DATA) | TO(SENDING) | TO(BETWEEN),
	    false },
	[CLIENT_DATA] = { { client_transaction_data_refused, client_transaction_data,
	    client_transaction_data_refused, client_transaction_data_refused },
	    TO(SENDING) | TO(DOT) | TO(BETWEEN), false },
	/* client_content_end: DOT */
	[CLIENT_SENDING] = { { NULL, NULL, client_transaction_early, client_transaction_early }, 0, true },
	[CLIENT_DOT] = { ALL(client_transaction_dot), TO(BETWEEN), true },
	[CLIENT_QUIT] = { ALL(on_quit), 0, true },
	[CLIENT_OVER] = { ALL(NULL), 0, false },
};

void
client_init(struct client *c, const struct client_settings *set)
{
	*c = (struct client){ .set = *set, .out = BUF_INIT(OUT_MAX) };
	c->response = mem_new(struct client_reply);
	client_reply_init(c->response);
	if (set->user != NULL)
		c->auth = client_auth_new();
	if (set->tls == CLIENT_TLS_AT_ONCE)
		c->phase = CLIENT_SHAKE;
}

void
client_done(struct client *c)
{
	buf_wipe(&c->out);		/* there may be a secret in it */
	client_auth_free(c->auth);
	c->auth = NULL;
	free(c->fold);
	c->fold = NULL;
	free(c->response);
	c->response = NULL;
}

uint64_t
client_time_limit(const struct client *c)
{
	if (c->greeted_again || client_reply_is_bare(c->response))
		return UNSURE_MS;
	return client_reply_is_noise(c->response) ? NOISE_MS : client_phase_limit(c->phase);
}

/* --- the end of a transaction, the end of the connection --- */

void
client_lost(struct client *c, const char *reason)
{
	enum client_phase phase = c->phase;

	if (phase == CLIENT_OVER)
		return;
	if (client_reply_is_noise(c->response))
		client_fail_protocol(c);
	else
		client_fail_with(c, "4.4.2", "connection to %s lost while waiting for %s: %s", c->set.host,
		    client_phase_name(phase), reason);
	if (c->transaction == CLIENT_ENDED)
		client_doubt_end(c, phase, false);
}

void
client_end(struct client *c, const char *reason)
{
	if (c->phase == CLIENT_OVER)
		return;
	client_fail_with(c, "4.4.2", "the connection to %s ended while waiting for %s: %s", c->set.host,
	    client_phase_name(c->phase), reason);
	c->ours = true;
}

void
client_unreached(struct client *c, const char *where, const char *reason)
{
	client_fail_with(c, "4.4.1", "cannot connect to %s: %s", where, reason);
}

void
client_timeout(struct client *c)
{
	enum client_phase phase = c->phase;
	bool again = c->greeted_again;

	if (client_reply_is_bare(c->response)) {
		client_input(c, "\r\n", 2);
		return;
	}
	c->greeted_again = false;
	if (again)
		(c->phase == CLIENT_EHLO ? client_open_ehlo : client_open_helo)(c);
	else if (c->phase == CLIENT_WORD)
		client_auth_give_up(c, "4.3.0", "the proof did not come in time");
	else if (client_reply_is_noise(c->response))
		client_fail_protocol(c);
	else if (phase != CLIENT_OVER)
		client_fail_with(c, "4.4.2", "%s timed out while waiting for %s", c->set.host,
		    client_phase_name(phase));
	if (phase != CLIENT_OVER && c->transaction == CLIENT_ENDED)
		client_doubt_end(c, phase, false);
}

/* It is no word about an extension, and the same host would be as slow again. */
void
client_overdue(struct client *c)
{
	if (c->phase == CLIENT_OVER)
		return;
	client_fail_with(c, "4.4.2", "%s is too slow: the time for the message was over, waiting for %s",
	    c->set.host, client_phase_name(c->phase));
	c->glitch = false;
	c->ours = true;
}

void
client_insecure(struct client *c, enum client_security how, const char *reason)
{
	client_fail_with(c, "4.7.5", "no secure connection with %s: %s", c->set.host, reason);
	c->security = how;
}

bool
client_is_unfit(const struct client *c)
{
	bool bare = c->failure.code == 0 && strcmp(c->failure.status, "4.7.4") == 0;

	return c->opening == CLIENT_DENIED || c->security == CLIENT_TLS_UNPROVEN ||
	    (c->set.tls == CLIENT_TLS_MUST && (bare || c->security == CLIENT_TLS_CUT ||
	    c->security == CLIENT_TLS_BROKEN));
}

void
client_abandon(struct client *c, const struct verdict *v)
{
	client_verdict_all(c, v, true);
	if (c->transaction == CLIENT_RUNNING)
		c->transaction = CLIENT_SETTLED;
	client_fail(c, v, false);
	c->ours = true;
}

/* --- replies --- */

/* What the host offered in clear does not count (RFC 3207 4.2). */
void
client_secured(struct client *c)
{
	c->security = CLIENT_SECURED;
	c->offered = 0;
	c->size_limit = 0;
	client_reply_init(c->response);
	if (c->auth != NULL) {
		c->auth->offered = 0;
		c->auth->has_offer = false;
	}
	if (c->set.tls == CLIENT_TLS_AT_ONCE)
		c->phase = CLIENT_GREETING;
	else
		client_open_hello(c, CLIENT_EHLO);
}

/* A reply without a command: a host that ends the connection says why; the others do not speak SMTP. */
static void
on_unexpected(struct client *c)
{
	struct verdict v = client_verdict_last(c);

	if (v.what == VERDICT_LATER)
		client_fail(c, &v, false);
	else
		client_fail_with(c, "4.5.0", "%s does not speak SMTP: it was not asked, and said %d %.200s",
		    c->set.host, v.code, v.text);
}

static void
on_quit(struct client *c)
{
	c->phase = CLIENT_OVER;
}

/*
 * A reply begins: all of the command that it is for has left. If not, no host could know it: the reply is for
 * something else, and so would be all that follow.
 */
static bool
is_asked_for(const struct client *c)
{
	switch (c->phase) {
	case CLIENT_RSET:
	case CLIENT_MAIL:
	case CLIENT_RCPT:
	case CLIENT_DATA:
		return c->left >= c->step_end[c->answered % CLIENT_WINDOW];
	case CLIENT_BETWEEN:
	case CLIENT_WORD:
	case CLIENT_SENDING:
		return false;
	default:
		return c->out.len == 0;
	}
}

/* It began too early for its phase. Between commands any is: the handler says so. */
static bool
is_out_of_step(const struct client *c)
{
	switch (c->phase) {
	case CLIENT_BETWEEN:
	case CLIENT_SENDING:	/* a refusal that comes early; others have no handler */
	case CLIENT_DOT:	/* on_reply: the same refusal */
	case CLIENT_QUIT:	/* perhaps a goodbye that has crossed ours */
		return false;
	default:
		return c->reply_is_early;
	}
}

/*
 * A banner of several lines without dashes, or a second one: the answer to EHLO is still to come. A host that
 * says nothing after it has meant 220 as that answer: see client_timeout().
 */
static bool
is_more_greeting(struct client *c)
{
	if ((c->phase != CLIENT_EHLO && c->phase != CLIENT_HELO) || c->response->code != 220)
		return false;
	c->greeted_again = true;
	return true;
}

static void
check_next(const struct client *c, enum client_phase before)
{
#ifdef POSTERN_TEST
	unsigned next = rows[before].next | TO(OVER);

	if ((next & (1U << c->phase)) == 0)
		bug("client: phase %d after %d", (int)c->phase, (int)before);
#endif
}

static void
on_reply(struct client *c)
{
	enum client_phase phase = c->phase;
	/* One to the content that began before all of it had left may not be the last. */
	bool sending = phase == CLIENT_DOT && c->reply_is_early;
	void (*handler)(struct client *) =
	    rows[sending ? CLIENT_SENDING : phase].on_reply[client_verdict_class(c) - 2];
	struct verdict v;

	if (is_more_greeting(c))
		return;
	c->greeted_again = false;
	if (c->response->code == 421 && !rows[phase].answers_421) {
		v = client_verdict_last(c);
		if (!client_fail_heard(c))
			client_fail(c, &v, true);
		client_doubt_goodbye(c, phase, &v);
	} else if (handler != NULL && !is_out_of_step(c))
		handler(c);
	else
		client_fail_protocol(c);
	check_next(c, phase);
	client_fail_overflow(c);
}

/* --- what the owner calls --- */

void
client_sent(struct client *c, size_t n)
{
	buf_drop(&c->out, n);
	c->left += n;
}

void
client_input(struct client *c, const char *data, size_t len)
{
	/* Bytes behind the 220 to STARTTLS were sent in clear, by anyone: they are dropped. */
	while (len > 0 && c->phase != CLIENT_OVER && c->phase != CLIENT_SHAKE) {
		size_t used;
		enum client_reply_kind kind;

		if (client_reply_is_next(c->response))
			c->reply_is_early = !is_asked_for(c);
		c->response->is_greeting = c->phase == CLIENT_GREETING;
		kind = client_reply_add(c->response, data, len, &used);
		if (c->auth != NULL)
			client_auth_input(c, data, used);
		data += used;
		len -= used;
		if (kind == CLIENT_REPLY_BAD)
			client_fail_protocol(c);
		else if (kind != CLIENT_REPLY_MORE && c->phase == CLIENT_EHLO && c->response->lines > 1)
			client_open_offer(c, client_reply_line(c->response));
		if (c->set.heard != NULL && kind != CLIENT_REPLY_MORE && c->response->lines == 1)
			c->set.heard(c->set.arg, c->response->line, c->response->line_len);
		if (kind == CLIENT_REPLY_WHOLE)
			on_reply(c);
	}
}

enum client_action
client_action(struct client *c)
{
	if (c->transaction == CLIENT_ENDED)
		return CLIENT_DONE;
	switch (c->phase) {
	case CLIENT_OVER:
		return CLIENT_CLOSE;
	case CLIENT_WORD:
		return CLIENT_ASK_WORD;
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
	c->transaction = CLIENT_IDLE;
	return c->fate;
}

void
client_quit(struct client *c)
{
	buf_puts(&c->out, "QUIT\r\n");
	c->phase = CLIENT_QUIT;
}
