/*
 * client - the SMTP dialogue with one host: its table of phases, its replies, its end; pure
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

#define MINUTES(n) ((n) * 60000U)
#define UNSURE_MS 10000	/* after that what came counts as the whole answer */
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
	const char *name;			/* in verdict texts: "while waiting for ..." */
	unsigned limit;				/* ms: RFC 5321 4.5.3.2 */
	bool answers_421;
	void (*on_reply[4])(struct client *c);	/* 2yz, 3yz, 4yz, 5yz */
	unsigned next;
} rows[CLIENT_PHASE_COUNT] = {
	[CLIENT_GREETING] = { "its greeting", MINUTES(5), false,
	    { client_open_greeting, NULL, client_open_refused, client_open_refused }, TO(EHLO) | TO(HELO) },
	[CLIENT_EHLO] = { "the answer to EHLO", MINUTES(5), false,
	    { client_open_ehlo,
	    client_open_ehlo_refused, client_open_ehlo_refused, client_open_ehlo_refused },
	    TO(HELO) | TO(STARTTLS) | TO(WORD) | TO(BETWEEN) },
	[CLIENT_HELO] = { "the answer to HELO", MINUTES(5), false,
	    { client_open_helo, NULL, client_open_refused, client_open_refused }, TO(WORD) | TO(BETWEEN) },
	[CLIENT_STARTTLS] = { "the answer to STARTTLS", MINUTES(2), false,
	    { client_open_starttls, NULL,
	    client_open_starttls_refused, client_open_starttls_refused }, TO(SHAKE) },
	/* client_secured: EHLO, or GREETING where TLS begins at once */
	[CLIENT_SHAKE] = { "the end of the TLS handshake", MINUTES(1), false, ALL(NULL), 0 },
	/* client_auth_say: AUTH */
	[CLIENT_WORD] = { "our own proof", MINUTES(2), false, ALL(NULL), 0 },
	[CLIENT_AUTH] = { "the answer to AUTH", MINUTES(5), false,
	    { client_auth_accepted, client_auth_challenge, client_auth_refused, client_auth_refused },
	    TO(AUTH) | TO(WORD) | TO(BETWEEN) },
	/* client_transaction_begin: RSET or MAIL; client_quit: QUIT */
	[CLIENT_BETWEEN] = { "nothing", 0, false, ALL(on_unexpected), 0 },
	[CLIENT_RSET] = { "the answer to RSET", MINUTES(5), false,
	    { client_transaction_rset, NULL, NULL, NULL }, TO(MAIL) },
	[CLIENT_MAIL] = { "the answer to MAIL", MINUTES(5), false,
	    { client_transaction_mail, NULL,
	    client_transaction_mail_refused, client_transaction_mail_refused }, TO(RCPT) | TO(BETWEEN) },
	[CLIENT_RCPT] = { "the answer to RCPT", MINUTES(5), false, ALL(client_transaction_rcpt),
	    TO(RCPT) | TO(DATA) | TO(SENDING) | TO(BETWEEN) },
	[CLIENT_DATA] = { "the answer to DATA", MINUTES(2), false,
	    { client_transaction_data_refused, client_transaction_data,
	    client_transaction_data_refused, client_transaction_data_refused },
	    TO(SENDING) | TO(DOT) | TO(BETWEEN) },
	/* client_content_end: DOT */
	[CLIENT_SENDING] = { "room for the content", MINUTES(3), true,
	    { NULL, NULL, client_transaction_early, client_transaction_early }, 0 },
	[CLIENT_DOT] = { "the answer to the content", MINUTES(10), true, ALL(client_transaction_dot),
	    TO(BETWEEN) },
	[CLIENT_QUIT] = { "the answer to QUIT", 5000, true, ALL(on_quit), 0 },
	[CLIENT_OVER] = { "nothing", 0, false, ALL(NULL), 0 },
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
	return c->greeted_again || client_reply_is_bare(c->response) ? UNSURE_MS : rows[c->phase].limit;
}

/* --- the end of a transaction, the end of the connection --- */

void
client_set_all(struct client *c, const struct verdict *v, bool only_accepted)
{
	for (size_t i = 0; i < c->mail.count; i++)
		if (!only_accepted || c->mail.verdict[i].what == VERDICT_ACCEPTED)
			c->mail.verdict[i] = *v;
}

/*
 * The connection ended with `v` in this phase. What the host has said of a recipient stands: it is not
 * accepted and not unheard.
 */
static void
set_unheard(struct client *c, const struct verdict *v, enum client_phase phase)
{
	bool all = phase == CLIENT_DOT || phase == CLIENT_SENDING;
	size_t heard = phase == CLIENT_RCPT || phase == CLIENT_DATA ? c->answered - 2 : 0;

	for (size_t i = 0; i < c->mail.count; i++) {
		struct verdict *to = &c->mail.verdict[i];

		if (to->what == VERDICT_ACCEPTED || (!all && (i >= heard || to->code == 0)))
			*to = *v;
	}
}

/*
 * A transaction whose verdicts are final keeps them. When all of the content was sent the host may have the
 * message: it must not be repeated at once. Any other transaction may be.
 */
void
client_fail(struct client *c, const struct verdict *v, bool glitch)
{
	enum client_phase phase = c->phase;
	enum client_transaction before = c->transaction;

	c->phase = CLIENT_OVER;
	c->failure = *v;
	c->glitch = glitch;
	if (before != CLIENT_RUNNING && before != CLIENT_SETTLED)
		return;
	c->transaction = CLIENT_ENDED;
	if (before == CLIENT_SETTLED)
		return;
	set_unheard(c, v, phase);
	c->fate = phase == CLIENT_DOT ? CLIENT_FINAL : CLIENT_LOST;
}

/* STARTTLS was sent, and its first answer under TLS has not come. */
bool
client_is_securing(const struct client *c)
{
	return c->phase == CLIENT_STARTTLS || c->phase == CLIENT_SHAKE || (c->security == CLIENT_SECURED &&
	    (c->phase == CLIENT_EHLO || c->phase == CLIENT_GREETING));
}

void
client_fail_with(struct client *c, const char *status, const char *fmt, ...)
{
	struct verdict v;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (client_heard_ends(c))
		return;
	verdict_set(&v, VERDICT_LATER, status, "%s", text);
	snprintf(v.host, sizeof(v.host), "%s", c->set.host);
	/* A host that refuses our side of a handshake may close after it. */
	if (client_is_securing(c))
		c->security = CLIENT_TLS_CUT;
	client_fail(c, &v, strncmp(status, "4.7", 3) != 0);
}

void
client_fail_protocol(struct client *c)
{
	bool secured = c->security == CLIENT_SECURED, securing = client_is_securing(c);
	enum client_phase phase = c->phase;

	client_fail_with(c, "4.5.0", "%s does not speak SMTP: unexpected reply instead of %s", c->set.host,
	    rows[c->phase].name);
	if (c->transaction == CLIENT_ENDED)
		client_doubt_end(c, phase, true);
	/* out of step: what was heard of one recipient may have been about another */
	if (c->transaction == CLIENT_ENDED && c->fate == CLIENT_AGAIN)
		client_set_all(c, &c->failure, false);
	if (securing)
		c->security = secured ? CLIENT_SECURED : CLIENT_TLS_BROKEN;
}

void
client_lost(struct client *c, const char *reason)
{
	enum client_phase phase = c->phase;

	if (phase == CLIENT_OVER)
		return;
	client_fail_with(c, "4.4.2", "connection to %s lost while waiting for %s: %s", c->set.host,
	    rows[phase].name, reason);
	if (c->transaction == CLIENT_ENDED)
		client_doubt_end(c, phase, false);
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
	else if (phase != CLIENT_OVER)
		client_fail_with(c, "4.4.2", "%s timed out while waiting for %s", c->set.host,
		    rows[phase].name);
	if (phase != CLIENT_OVER && c->transaction == CLIENT_ENDED)
		client_doubt_end(c, phase, false);
}

void
client_insecure(struct client *c, enum client_security how, const char *reason)
{
	client_fail_with(c, "4.7.5", "no secure connection with %s: %s", c->set.host, reason);
	c->security = how;
}

void
client_abandon(struct client *c, const struct verdict *v)
{
	client_set_all(c, v, true);
	if (c->transaction == CLIENT_RUNNING)
		c->transaction = CLIENT_SETTLED;
	client_fail(c, v, false);
}

/* --- replies --- */

int
client_last_class(const struct client *c)
{
	return c->response->code / 100;
}

/* The codes and the status of RFC 4954 and 3463 for want of encryption, or the word. */
static bool
wants_tls(const struct verdict *v)
{
	return v->code == 523 || v->code == 530 || v->code == 538 || strcmp(v->status + 1, ".7.10") == 0 ||
	    strcmp(v->status + 1, ".7.11") == 0 || strstr(v->text, "TLS") != NULL;
}

void
client_judge_fallback(struct client *c, struct verdict *v)
{
	bool wanted = wants_tls(v);

	if (v->what != VERDICT_REFUSED ||
	    !(c->set.tls_given_up || (c->helo_instead && wanted) || (c->offers_unknown && v->code == 0)))
		return;
	v->what = VERDICT_LATER;
	v->status[0] = '4';
	if (c->clear != CLIENT_CLEAR_WANTS_TLS)
		c->clear = wanted ? CLIENT_CLEAR_WANTS_TLS : CLIENT_CLEAR_REFUSED;
}

struct verdict
client_last_verdict(struct client *c)
{
	struct verdict v;

	verdict_from_reply(&v, c->response->code, c->response->text, c->set.host);
	client_judge_fallback(c, &v);
	return v;
}

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
	struct verdict v = client_last_verdict(c);

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
 * All of the command that this reply is for has left. It has not: no host could know it, the reply is for
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
	case CLIENT_SENDING:	/* a refusal that comes early; others have no handler */
	case CLIENT_QUIT:	/* perhaps a goodbye that has crossed ours */
		return true;
	default:
		return c->out.len == 0;
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

void
client_check_out(struct client *c)
{
	if (!buf_ok(&c->out))
		client_fail_with(c, "4.3.0", "more to send to %s than there is room for", c->set.host);
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
	void (*handler)(struct client *) = rows[phase].on_reply[client_last_class(c) - 2];
	struct verdict v;

	if (is_more_greeting(c))
		return;
	c->greeted_again = false;
	if (c->response->code == 421 && !rows[phase].answers_421) {
		v = client_last_verdict(c);
		if (!client_heard_ends(c))
			client_fail(c, &v, true);
	} else if (handler != NULL && is_asked_for(c))
		handler(c);
	else
		client_fail_protocol(c);
	check_next(c, phase);
	client_check_out(c);
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
		enum client_reply_kind kind = client_reply_add(c->response, data, len, &used);

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
