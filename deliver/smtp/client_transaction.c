/*
 * client_transaction - one transaction of the client's dialogue: RSET, MAIL, RCPT, DATA or BDAT and the
 * answers to them
 *
 * Runs in:  deliver (pure)
 * Owns:     nothing; works on a struct client
 * Promise:  steps are numbered; with PIPELINING up to WINDOW are sent ahead, without it one: the answers are
 *           judged by the same code. A message that the peer cannot take is refused before a byte of it is
 *           sent
 * Fails by: verdicts
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/idn.h"
#include "common/mail/message.h"
#include "common/mail/xtext.h"
#include "deliver/smtp/smtp.h"

#define BINARY (CLIENT_CHUNKING | CLIENT_BINARYMIME)
#define WINDOW 100		/* commands sent and not answered */

/* Nobody was taken, and not everybody is refused for good. */
static bool
is_for_another(const struct client *c)
{
	bool later = false;

	for (size_t i = 0; i < c->mail.count; i++) {
		if (c->mail.verdict[i].what == VERDICT_DELIVERED)
			return false;
		later |= c->mail.verdict[i].what == VERDICT_LATER;
	}
	return later;
}

static void
end_transaction(struct client *c, enum client_phase next)
{
	c->done = true;
	c->phase = next;
	if (is_for_another(c))
		c->fate = CLIENT_ELSEWHERE;
}

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

/* Nothing but its domain is not ASCII, and that has an ASCII form. */
static bool
has_ascii_form(const char *address)
{
	const char *at = strrchr(address, '@');
	char domain[IDN_SIZE];

	for (const char *p = address; *p != '\0' && p != at; p++)
		if ((*p & 0x80) != 0)
			return false;
	return at == NULL || idn_to_ascii(domain, at + 1);
}

/*
 * The step of a recipient that this peer cannot be told of: nothing is sent for it, its verdict stands
 * already.
 */
static bool
is_left_out(const struct client *c, size_t step)
{
	return c->leaves_out && step_phase(c, step) == CLIENT_RCPT &&
	    !has_ascii_form(c->mail.e->rcpt[c->mail.index[step - 2]].address);
}

/* The first step from `step` on that is for the peer. */
static size_t
next_asked(const struct client *c, size_t step)
{
	while (is_left_out(c, step))
		step++;
	return step;
}

/* Without SMTPUTF8 the domain goes in its ASCII form; who has none is left out. */
static void
add_address(struct client *c, const char *address)
{
	const char *at = strrchr(address, '@');
	char domain[IDN_SIZE];

	if (!(c->offered & CLIENT_SMTPUTF8) && at != NULL && !idn_is_ascii(at) &&
	    idn_to_ascii(domain, at + 1))
		buf_printf(&c->out, "<%.*s@%s>", (int)(at - address), address, domain);
	else
		buf_printf(&c->out, "<%s>", address);
}

static void
send_mail(struct client *c)
{
	const struct message_envelope *e = c->mail.e;

	buf_puts(&c->out, "MAIL FROM:");
	add_address(c, c->mail.sender);
	if (c->offered & CLIENT_SIZE)
		buf_printf(&c->out, " SIZE=%lld", (long long)e->content_size);
	if (e->flags & MESSAGE_BINARY)
		buf_puts(&c->out, " BODY=BINARYMIME");
	else if ((e->flags & MESSAGE_8BIT) && (c->offered & CLIENT_8BITMIME))
		buf_puts(&c->out, " BODY=8BITMIME");
	if ((e->flags & MESSAGE_UTF8) && (c->offered & CLIENT_SMTPUTF8))
		buf_puts(&c->out, " SMTPUTF8");
	if ((c->offered & CLIENT_DSN) && e->ret != RET_DEFAULT)
		buf_puts(&c->out, e->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
	if ((c->offered & CLIENT_DSN) && e->envid != NULL)
		buf_printf(&c->out, " ENVID=%s", e->envid);
	if (c->authenticated && e->auth != NULL)
		buf_printf(&c->out, " AUTH=%s",
		    e->auth);	/* to a host that knows us (RFC 4954 5); none means <> */
	buf_puts(&c->out, "\r\n");
}

/* As they came; ORCPT in the form that needs no SMTPUTF8. */
static void
add_dsn(struct client *c, const struct message_recipient *r)
{
	static const struct { unsigned bit; const char *word; } words[] = {
		{ NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < nitems_of(words); i++)
		if (r->notify & words[i].bit) {
			buf_printf(&c->out, "%s%s", before, words[i].word);
			before = ",";
		}
	if (r->orcpt != NULL) {
		buf_puts(&c->out, " ORCPT=");
		xtext_encode_utf8(&c->out, r->orcpt);
	}
}

static void
send_rcpt(struct client *c, const struct message_recipient *r)
{
	buf_puts(&c->out, "RCPT TO:");
	add_address(c, r->address);
	if (c->offered & CLIENT_DSN)
		add_dsn(c, r);
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
		send_rcpt(c, &c->mail.e->rcpt[c->mail.index[step - 2]]);
		break;
	default:
		buf_puts(&c->out, "DATA\r\n");
	}
}

/* All recipients are answered and one at least was welcome: the whole content is one chunk. */
static void
send_chunk(struct client *c)
{
	buf_printf(&c->out, "BDAT %lld LAST\r\n", (long long)c->mail.e->content_size);
	c->phase = CLIENT_SENDING;
}

/* Sends what may be sent now; ends the transaction when nothing is left to ask. */
static void
advance(struct client *c)
{
	size_t window = c->offered & CLIENT_PIPELINING ? WINDOW : 1,
	    end = step_data(c) + (c->chunked ? 0 : 1);

	while (!c->settled && c->sent < end && c->sent - c->answered < window) {
		bool asked = !is_left_out(c, c->sent);

		if (asked)
			send_step(c, c->sent);
		else if (c->answered == c->sent)
			c->answered++;
		c->sent++;
	}
	if (c->chunked && !c->settled && c->answered == end)
		send_chunk(c);
	else if (c->sent != c->answered)
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
	while (c->answered < c->sent && is_left_out(c, c->answered))
		c->answered++;
	advance(c);
}

void
client_transaction_rset(struct client *c)
{
	if (client_last_class(c) == 2)
		step_answered(c);
	else
		client_fail_protocol(c);
}

void
client_transaction_mail(struct client *c)
{
	struct verdict v = client_last_verdict(c);

	if (client_last_class(c) == 3) {
		client_fail_protocol(c);
		return;
	}
	if (client_last_class(c) == 2)
		c->mail_taken = true;
	else {
		client_set_all(c, &v, false);
		c->settled = true;
		c->fate = client_last_class(c) == 4 ? CLIENT_ELSEWHERE : CLIENT_FINAL;
	}
	step_answered(c);
}

void
client_transaction_rcpt(struct client *c)
{
	struct verdict *to = &c->mail.verdict[c->answered - 2];

	if (c->settled) {
		step_answered(c);
		return;
	}
	if (client_last_class(c) == 3) {
		client_fail_protocol(c);
		return;
	}
	*to = client_last_verdict(c);
	if (to->what == VERDICT_DELIVERED)
		c->accepted++;
	else if (c->response->code == 552 && c->accepted > 0) {
		/* "too many recipients" of old servers: the rest goes another time (RFC 5321 4.5.3.1.10) */
		to->what = VERDICT_LATER;
		snprintf(to->status, sizeof(to->status), "4.5.3");
	}
	if (next_asked(c, c->answered + 1) == step_data(c) && c->accepted == 0) {
		c->settled = true;	/* all refused */
		c->fate = is_for_another(c) ? CLIENT_ELSEWHERE : CLIENT_FINAL;
	}
	step_answered(c);
}

void
client_transaction_data(struct client *c)
{
	struct verdict v = client_last_verdict(c);

	c->answered++;
	if (c->response->code == 354 && c->settled) {
		/* Pipelined before the refusals were known: an empty message to nobody ends it. */
		buf_puts(&c->out, ".\r\n");
		c->phase = CLIENT_DOT;
	} else if (c->response->code == 354) {
		c->phase = CLIENT_SENDING;
		c->line_start = true;
	} else if (c->settled || client_last_class(c) >= 4) {
		if (!c->settled)
			client_set_all(c, &v, true);
		c->dirty = c->mail_taken;
		end_transaction(c, CLIENT_BETWEEN);
	} else
		client_fail_protocol(c);
}

/*
 * A reply before the content's end: the peer wants no more of it; without a final dot it has not taken the
 * message.
 */
void
client_transaction_early(struct client *c)
{
	struct verdict v = client_last_verdict(c);

	if (client_last_class(c) < 4) {
		client_fail_protocol(c);
		return;
	}
	client_set_all(c, &v, true);
	c->settled = true;
	if (is_for_another(c))
		c->fate = CLIENT_ELSEWHERE;
	client_fail(c, &v, false);
}

void
client_transaction_dot(struct client *c)
{
	struct verdict v = client_last_verdict(c);

	if (!c->settled && client_last_class(c) == 3) {
		client_fail_protocol(c);
		return;
	}
	v.dsn = (c->offered & CLIENT_DSN) != 0;
	if (!c->settled)
		client_set_all(c, &v, true);
	/* What a refused chunk leaves behind is not said in RFC 3030 */
	c->dirty = c->chunked && v.what != VERDICT_DELIVERED;
	end_transaction(c, CLIENT_BETWEEN);
	if (c->response->code == 421)
		client_fail(c, &v, true);
}

static bool
needs_utf8(const struct client_mail *m)
{
	return ((m->e->flags & MESSAGE_UTF8) && !m->ascii_header) || !has_ascii_form(m->sender);
}

static void
refuse_utf8(struct verdict *v, const char *what, const char *host)
{
	verdict_set(v, VERDICT_REFUSED, "5.6.7", "the %s needs SMTPUTF8, %s does not offer it", what, host);
	snprintf(v->host, sizeof(v->host), "%s", host);
}

/*
 * Whether the peer can take it at all; if not, the verdict says what is missing (RFC 1870, 6152, 6531; RFC
 * 3463).
 */
static bool
is_possible(const struct client *c, const struct client_mail *m, struct verdict *v)
{
	const struct message_envelope *e = m->e;
	const char *host = c->set.host;

	if (c->size_limit > 0 && (uint64_t)e->content_size > c->size_limit)
		verdict_set(v, VERDICT_REFUSED, "5.3.4", "the message has %lld bytes, %s takes at most %llu",
		    (long long)e->content_size, host, (unsigned long long)c->size_limit);
	else if ((e->flags & MESSAGE_BINARY) && (c->offered & BINARY) != BINARY)
		verdict_set(v, VERDICT_REFUSED, "5.6.3",
		    "the message has binary content, %s does not offer BINARYMIME", host);
	else if ((e->flags & MESSAGE_8BIT) && !(e->flags & MESSAGE_BINARY) && !(c->offered & CLIENT_8BITMIME))
		verdict_set(v, VERDICT_REFUSED, "5.6.3",
		    "the message has 8-bit content, %s does not offer 8BITMIME", host);
	else if (!(c->offered & CLIENT_SMTPUTF8) && needs_utf8(m))
		refuse_utf8(v, "message", host);
	else
		return true;
	snprintf(v->host, sizeof(v->host), "%s", host);
	return false;
}

/*
 * Recipients whose local part is not ASCII fail one by one (RFC 6531 3.5); the others go. False: nobody is
 * left.
 */
static bool
leave_out(struct client *c)
{
	const struct client_mail *m = &c->mail;
	size_t left = m->count;

	c->leaves_out = false;
	for (size_t i = 0; i < m->count && !(c->offered & CLIENT_SMTPUTF8); i++)
		if (!has_ascii_form(m->e->rcpt[m->index[i]].address)) {
			refuse_utf8(&m->verdict[i], "recipient's address", c->set.host);
			c->leaves_out = true;
			left--;
		}
	return left > 0;
}

void
client_transaction_begin(struct client *c, const struct client_mail *mail)
{
	struct verdict v;

	if (c->phase != CLIENT_BETWEEN || c->busy)
		bug("client_step_begin in phase %d", (int)c->phase);
	c->mail = *mail;
	c->busy = true;
	c->fate = CLIENT_FINAL;
	c->settled = c->mail_taken = false;
	c->chunked = (c->offered & CLIENT_CHUNKING) != 0;
	c->accepted = 0;
	if (!is_possible(c, mail, &v)) {
		client_set_all(c, &v, false);
		c->fate = CLIENT_ELSEWHERE;
		c->done = true;
		return;
	}
	if (!leave_out(c)) {
		c->fate = CLIENT_ELSEWHERE;
		c->done = true;
		return;
	}
	c->sent = c->answered = c->dirty ? 0 : 1;
	advance(c);
	if (!buf_ok(&c->out))
		bug("client: more to send than planned");
}
