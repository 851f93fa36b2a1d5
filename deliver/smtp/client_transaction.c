/*
 * client_transaction - one transaction: RSET, MAIL, RCPT, DATA or BDAT, and their replies; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  the commands are numbered steps. With PIPELINING up to CLIENT_WINDOW are sent ahead, without it
 *           one; the replies are judged by the same code. To a host that cannot take the message, or one
 *           of its recipients here, no byte is sent: client_lack says why
 * Fails by: verdicts
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/idn.h"
#include "common/mail/message.h"
#include "common/mail/xtext.h"
#include "deliver/smtp/smtp_private.h"

/* No recipient was taken, and one at least is not refused for good. */
static bool
is_for_another(const struct client *c)
{
	bool later = false;

	for (size_t i = 0; i < c->mail.count; i++) {
		if (c->mail.verdict[i].what == VERDICT_ACCEPTED ||
		    c->mail.verdict[i].what == VERDICT_DELIVERED)
			return false;
		later |= c->mail.verdict[i].what == VERDICT_LATER;
	}
	return later;
}

static void
end_transaction(struct client *c, enum client_phase next)
{
	c->transaction = CLIENT_ENDED;
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

/* The step of a recipient for whom there is no place in this transaction: no RCPT, its verdict is there. */
static bool
is_skipped(const struct client *c, size_t step)
{
	return step >= c->full && step_phase(c, step) == CLIENT_RCPT;
}

/* The first step from `step` on that is not skipped. */
static size_t
next_step(const struct client *c, size_t step)
{
	while (is_skipped(c, step))
		step++;
	return step;
}

/* Without SMTPUTF8 the domain is sent in its ASCII form: there is one, as client_lack has seen. */
static void
add_address(struct client *c, const char *address)
{
	const char *at = strrchr(address, '@');
	char domain[IDN_SIZE];

	if (!(c->used & CLIENT_SMTPUTF8) && at != NULL && !idn_is_ascii(at) &&
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
	if (c->used & CLIENT_SIZE)
		buf_printf(&c->out, " SIZE=%lld", client_content_size(&c->mail));
	if (e->flags & MESSAGE_BINARY)
		buf_puts(&c->out, " BODY=BINARYMIME");
	else if (client_content_is_8bit(&c->mail) && (c->used & CLIENT_8BITMIME))
		buf_puts(&c->out, " BODY=8BITMIME");
	if ((e->flags & MESSAGE_UTF8) && (c->used & CLIENT_SMTPUTF8))
		buf_puts(&c->out, " SMTPUTF8");
	if (e->flags & MESSAGE_REQUIRETLS)
		buf_puts(&c->out, " REQUIRETLS");
	if ((c->used & CLIENT_DSN) && e->ret != RET_DEFAULT)
		buf_puts(&c->out, e->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
	if ((c->used & CLIENT_DSN) && e->envid != NULL)
		buf_printf(&c->out, " ENVID=%s", e->envid);
	/* without it the host assumes <> */
	if ((c->used & CLIENT_SUBMITTER) && e->auth != NULL)
		buf_printf(&c->out, " AUTH=%s", e->auth);
	buf_puts(&c->out, "\r\n");
}

/* DSN parameters as they came; ORCPT in the form that needs no SMTPUTF8. */
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
	if (c->used & CLIENT_DSN)
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

/* All RCPT are answered, and one at least was accepted: the whole content is one chunk. */
static void
send_chunk(struct client *c)
{
	buf_printf(&c->out, "BDAT %lld LAST\r\n", client_content_size(&c->mail));
	c->phase = CLIENT_SENDING;
}

/* Sends what may be sent now; ends the transaction when no step is left. */
static void
send_next_steps(struct client *c)
{
	bool bdat = c->body == CLIENT_BY_BDAT;
	size_t window = c->used & CLIENT_PIPELINING ? CLIENT_WINDOW : 1,
	    end = step_data(c) + (bdat ? 0 : 1);

	while (c->transaction == CLIENT_RUNNING && c->sent < end && c->sent - c->answered < window) {
		if (!is_skipped(c, c->sent))
			send_step(c, c->sent);
		else if (c->answered == c->sent)
			c->answered++;
		c->step_end[c->sent++ % CLIENT_WINDOW] = c->left + c->out.len;
	}
	if (bdat && c->transaction == CLIENT_RUNNING && c->answered == end)
		send_chunk(c);
	else if (c->sent != c->answered)
		c->phase = step_phase(c, c->answered);
	else
		end_transaction(c, CLIENT_BETWEEN);
}

static void
step_answered(struct client *c)
{
	c->answered++;
	while (c->answered < c->sent && is_skipped(c, c->answered))
		c->answered++;
	send_next_steps(c);
}

static bool
is_settled(const struct client *c)
{
	return c->transaction == CLIENT_SETTLED;
}

/*
 * The refusal may be due to an extension: then the transaction and the connection are over, and all of it
 * may be repeated.
 */
static bool
ends_for_repeat(struct client *c)
{
	struct verdict v;

	if (!client_doubt_reply(c))
		return false;
	v = client_verdict_last(c);
	if (v.what != VERDICT_LATER) {
		v.what = VERDICT_LATER;
		v.status[0] = '4';
	}
	client_verdict_all(c, &v, false);
	c->transaction = CLIENT_SETTLED;
	client_fail(c, &v, false);
	c->fate = CLIENT_AGAIN;
	return true;
}

void
client_transaction_rset(struct client *c)
{
	c->mail_open = false;
	step_answered(c);
}

void
client_transaction_mail(struct client *c)
{
	c->mail_open = true;
	step_answered(c);
}

void
client_transaction_mail_refused(struct client *c)
{
	struct verdict v;

	if (ends_for_repeat(c))
		return;
	v = client_verdict_last(c);
	/* RFC 1870 6.1, RFC 3463 X.3.4 and X.6: the size or kind that MAIL has declared */
	c->content_refused = v.what == VERDICT_REFUSED && (v.code == 552 || strcmp(v.status, "5.3.4") == 0 ||
	    strncmp(v.status, "5.6.", 4) == 0);
	client_verdict_all(c, &v, false);
	c->mail_refused = true;
	c->transaction = CLIENT_SETTLED;
	c->fate = client_verdict_class(c) == 4 ? CLIENT_ELSEWHERE : CLIENT_FINAL;
	step_answered(c);
}

/*
 * Not now, as a recipient was accepted already (RFC 5321 4.5.3.1.10). Old servers say 552; 5.5.3 is "too
 * many" (RFC 3463) and as little about this recipient.
 */
static bool
is_one_too_many(const struct client *c, const struct verdict *v)
{
	return c->accepted > 0 && (v->code == 552 || strcmp(v->status, "5.5.3") == 0 ||
	    strcmp(v->status, "4.5.3") == 0 || (v->code == 452 && strcmp(v->status, "4.0.0") == 0));
}

/* Those not sent yet would get the same answer; a host that counts refusals would end the connection. */
static void
stop_recipients(struct client *c, const struct verdict *v)
{
	if (c->sent >= step_data(c))
		return;
	for (size_t step = next_step(c, c->sent); step < step_data(c); step = next_step(c, step + 1))
		c->mail.verdict[step - 2] = *v;
	c->full = c->sent;
}

void
client_transaction_rcpt(struct client *c)
{
	struct verdict *to = &c->mail.verdict[c->answered - 2];

	if (is_settled(c)) {
		step_answered(c);
		return;
	}
	if (client_verdict_class(c) == 3) {
		client_fail_protocol(c);
		return;
	}
	if (ends_for_repeat(c))
		return;
	*to = client_verdict_last(c);
	if (to->what == VERDICT_ACCEPTED)
		c->accepted++;
	else if (is_one_too_many(c, to)) {
		to->what = VERDICT_LATER;
		snprintf(to->status, sizeof(to->status), "4.5.3");
		stop_recipients(c, to);
	}
	if (next_step(c, c->answered + 1) == step_data(c) && c->accepted == 0) {
		c->transaction = CLIENT_SETTLED;	/* all are refused */
		c->fate = is_for_another(c) ? CLIENT_ELSEWHERE : CLIENT_FINAL;
	}
	step_answered(c);
}

void
client_transaction_data_refused(struct client *c)
{
	struct verdict v;

	if (!is_settled(c) && client_verdict_class(c) < 4) {
		client_fail_protocol(c);
		return;
	}
	if (!is_settled(c) && ends_for_repeat(c))
		return;
	v = client_verdict_last(c);
	c->answered++;
	if (!is_settled(c)) {
		c->content_refused = v.what == VERDICT_REFUSED;
		client_verdict_all(c, &v, true);
	}
	end_transaction(c, CLIENT_BETWEEN);
}

void
client_transaction_data(struct client *c)
{
	if (c->response->code != 354) {
		client_transaction_data_refused(c);
		return;
	}
	c->answered++;
	if (is_settled(c)) {
		/*
		 * DATA was pipelined before the refusals were known: an empty message without recipients ends
		 * it.
		 */
		buf_puts(&c->out, ".\r\n");
		c->phase = CLIENT_DOT;
		return;
	}
	c->phase = CLIENT_SENDING;
	c->line_start = true;
}

/* The host wants no more of the content; without a final dot it has not taken the message. */
void
client_transaction_early(struct client *c)
{
	struct verdict v;

	if (ends_for_repeat(c))
		return;
	v = client_verdict_last(c);
	c->content_refused = v.what == VERDICT_REFUSED;
	client_verdict_all(c, &v, true);
	c->transaction = CLIENT_SETTLED;
	if (is_for_another(c))
		c->fate = CLIENT_ELSEWHERE;
	client_fail(c, &v, false);
}

void
client_transaction_dot(struct client *c)
{
	struct verdict v;

	if (!is_settled(c) && client_verdict_class(c) == 3) {
		client_fail_protocol(c);
		return;
	}
	if (!is_settled(c) && ends_for_repeat(c))
		return;
	v = client_verdict_last(c);
	v.dsn = (c->used & CLIENT_DSN) != 0;
	verdict_deliver(&v);
	if (!is_settled(c)) {
		c->content_refused = v.what == VERDICT_REFUSED;
		client_verdict_all(c, &v, true);
	}
	/* RFC 3030 does not say whether a refused chunk ends the transaction */
	c->mail_open = c->body == CLIENT_BY_BDAT && v.what != VERDICT_DELIVERED;
	end_transaction(c, CLIENT_BETWEEN);
	if (c->response->code == 421)
		client_fail(c, &v, true);
}

void
client_transaction_begin(struct client *c, const struct client_mail *mail)
{
	if (c->phase != CLIENT_BETWEEN || c->transaction != CLIENT_IDLE)
		bug("client_transaction_begin in phase %d", (int)c->phase);
	c->mail = *mail;
	c->transaction = CLIENT_RUNNING;
	c->fate = CLIENT_FINAL;
	c->used = client_doubt_usable(c);
	c->doubted = 0;
	c->body = c->used & CLIENT_CHUNKING ? CLIENT_BY_BDAT : CLIENT_BY_DATA;
	c->accepted = 0;
	c->full = SIZE_MAX;
	c->content_refused = c->mail_refused = false;
	client_content_begin(c);
	c->lacks = false;
	for (size_t i = 0; i < mail->count; i++)
		c->lacks |= client_lack_note(c, mail, mail->index[i], &mail->verdict[i]);
	if (c->lacks) {
		c->fate = CLIENT_ELSEWHERE;
		c->transaction = CLIENT_ENDED;
		return;
	}
	c->sent = c->answered = c->mail_open ? 0 : 1;
	send_next_steps(c);
	client_fail_overflow(c);
}
