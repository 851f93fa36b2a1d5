/*
 * auth_out_client - asks the auth helper for the words of a login with a password or Kerberos
 *
 * Runs in:  deliver
 * Owns:     one question for each login under way
 * Promise:  no secret file is read in this process: the helper sends one word at a time. Each question is
 *           answered once, never from inside `ask`. A helper that dies or does not answer delays the mail
 *           only
 * Fails by: give_up of the login
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl_client.h"
#include "common/tls/tls.h"
#include "deliver/auth_out/auth_out.h"

enum { PATIENCE_MS = 60000 };

struct auth_out_client_question {
	struct ctl_client_question base;
	struct auth_out_login *login;
};

static void
give_up_login(struct auth_out_client_question *q, const char *status, const char *why)
{
	struct auth_out_login *l = q->login;

	l->question = NULL;
	ctl_client_forget(&q->base);
	l->give_up(l->arg, status, why);
}

/* May end the connection, and others with it. */
static void
take_answer(struct auth_out_client_question *q, const struct msg_auth_out_answer *a)
{
	struct auth_out_login *l = q->login;

	if (a->result == AUTH_OUT_WORD || a->result == AUTH_OUT_LAST)
		l->say(l->arg, &a->token, a->result == AUTH_OUT_LAST);
	else
		give_up_login(q, a->result == AUTH_OUT_FAILED ? "4.7.5" : "4.7.0", a->why);
}

static void
add_binding(struct msg_auth_out_start *s, const struct auth_out_login *l)
{
	s->binding = AUTH_IN_NO_BINDING;
	/* SCRAM would say with it that we believe the host to have none (RFC 5802 6), and fail */
	if (l->unbound || l->tls == NULL || !tls_link_binding(l->tls, s->binding_data))
		return;
	s->binding = AUTH_IN_TLS_EXPORTER;
	s->binding_len = TLS_BINDING_SIZE;
}

static int
send_start(struct ctl_client_question *base, struct ctl *c)
{
	const struct auth_out_login *l = ((struct auth_out_client_question *)base)->login;
	struct msg_auth_out_start s = { .mechanism = (uint8_t)l->mechanism };

	snprintf(s.domain, sizeof(s.domain), "%s", l->account->domain);
	snprintf(s.user, sizeof(s.user), "%s", l->account->user);
	snprintf(s.host, sizeof(s.host), "%s", l->host);
	add_binding(&s, l);
	return ctl_send(c, CTL_AUTH_OUT_START, base->request, &s, sizeof(s), -1);
}

static bool
on_word_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	static struct msg_auth_out_answer answer;	/* too large for the stack of a callback chain */

	if (!msg_auth_out_answer_take(&answer, m->data, m->len))
		return false;
	take_answer((struct auth_out_client_question *)base, &answer);
	explicit_bzero(&answer.token, sizeof(answer.token));
	return true;
}

/* The helper drops what it has begun, and the answer that it may be working on. */
static void
cancel_question(struct auth_out_login *l)
{
	struct auth_out_client_question *q = l->question;

	l->question = NULL;
	if (q != NULL)
		ctl_client_cancel(&q->base);
}

static void
on_no_word(struct ctl_client_question *base, const char *why)
{
	struct auth_out_login *l = ((struct auth_out_client_question *)base)->login;

	cancel_question(l);
	l->give_up(l->arg, "4.3.0", why);
}

static void
need_auth_helper(void *arg)
{
	boot_need(arg, CTL_HELPER_AUTH);
}

static const struct ctl_client_kind kind = {
	.part = "auth", .answer = CTL_AUTH_OUT_ANSWER, .cancel = CTL_AUTH_OUT_CANCEL,
	.silent = "no answer from the auth helper", .ended = "the auth helper ended",
	.send = send_start, .answered = on_word_answer, .failed = on_no_word,
};

struct ctl_client *
auth_out_client_new(struct boot *b)
{
	return ctl_client_new(b->loop, &kind, PATIENCE_MS, need_auth_helper, b);
}

/* --- the source --- */

static void
ask_first(struct auth_out_login *l)
{
	struct auth_out_client_question *q;

	cancel_question(l);	/* about a mechanism that the host did not know after all */
	q = l->question = ctl_client_add(l->client, sizeof(*q));
	q->login = l;
	ctl_client_ask(&q->base);
}

static void
ask_word(struct auth_out_login *l, const struct buf *challenge)
{
	struct auth_out_client_question *q = l->question;
	struct msg_auth_in_token *t;

	if (challenge == NULL) {
		ask_first(l);
		return;
	}
	if (q == NULL)
		bug("auth_out_client: a challenge and no question");
	t = msg_auth_in_token_new(challenge->len);
	t->len = (uint16_t)challenge->len;
	memcpy(t->data, buf_text(challenge), challenge->len);
	ctl_client_step(&q->base, CTL_AUTH_OUT_STEP, t, msg_auth_in_token_size(t));
	msg_auth_in_token_forget(&t);
}

const struct auth_out_source auth_out_client_basic = { .helper = CTL_HELPER_AUTH,
    .mechanisms = AUTH_OUT_BASIC, .ask = ask_word, .end = cancel_question };
const struct auth_out_source auth_out_client_integrated = { .helper = CTL_HELPER_AUTH,
    .mechanisms = AUTH_OUT_BIT(AUTH_OUT_GSSAPI), .ask = ask_word, .end = cancel_question };
