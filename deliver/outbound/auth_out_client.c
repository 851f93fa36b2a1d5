/*
 * auth_out_client - questions to the auth helper: the words that prove who we are to a peer
 *
 * Runs in:  deliver
 * Owns:     a record for each authentication under way
 * Promise:  no secret file is read here: one word at a time comes from the helper. Each question is answered
 *           once, never from inside it; a helper that dies or does not come costs those who wait a "later"
 * Fails by: outconn_auth_give_up()
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_client.h"
#include "deliver/outbound/outbound.h"

enum { PATIENCE_MS = 60000 };

struct auth_out_client_question {
	struct ctl_client_question base;
	struct outconn *peer;
};

static void
give_up(struct auth_out_client_question *q, const char *status, const char *why)
{
	struct outconn *p = q->peer;

	p->proof = NULL;
	ctl_client_forget(&q->base);
	outconn_auth_give_up(p, status, why);
}

/* May end the connection, and others with it. */
static void
tell(struct auth_out_client_question *q, const struct msg_auth_out_answer *a)
{
	if (a->result == AUTH_OUT_WORD || a->result == AUTH_OUT_LAST)
		outconn_auth_say(q->peer, &a->token, a->result == AUTH_OUT_LAST);
	else
		give_up(q, a->result == AUTH_OUT_FAILED ? "4.7.5" : "4.7.0", a->why);
}

static int
send_start(struct ctl_client_question *base, struct ctl *c)
{
	const struct outconn *p = ((struct auth_out_client_question *)base)->peer;
	const struct config_account *account = &p->site->d.security.account;
	struct msg_auth_out_start s = { .mechanism = (uint8_t)p->client.auth->mechanism };

	snprintf(s.domain, sizeof(s.domain), "%s", account->domain);
	snprintf(s.user, sizeof(s.user), "%s", account->user);
	snprintf(s.host, sizeof(s.host), "%s", p->host);
	outconn_auth_binding(p, &s);
	return ctl_send(c, CTL_AUTH_OUT_START, base->request, &s, sizeof(s), -1);
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	static struct msg_auth_out_answer answer;	/* too large for the stack of a callback chain */

	if (!msg_auth_out_answer_take(&answer, m->data, m->len))
		return false;
	tell((struct auth_out_client_question *)base, &answer);
	explicit_bzero(&answer.token, sizeof(answer.token));
	return true;
}

/* The helper keeps what goes on; also what it has not answered yet. */
static void
end(struct outconn *p, enum outconn_auth_end how)
{
	struct auth_out_client_question *q = p->proof;

	(void)how;
	p->proof = NULL;
	if (q != NULL)
		ctl_client_cancel(&q->base, CTL_AUTH_OUT_CANCEL);
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	struct outconn *p = ((struct auth_out_client_question *)base)->peer;

	end(p, OUTCONN_AUTH_GONE);
	outconn_auth_give_up(p, "4.3.0", why);
}

static void
need(void *arg)
{
	boot_need(((struct outbound *)arg)->b, CTL_HELPER_AUTH);
}

static const struct ctl_client_kind kind = {
	.part = "auth", .answer = CTL_AUTH_OUT_ANSWER,
	.silent = "no answer from the auth helper", .ended = "the auth helper ended",
	.send = send_start, .answered = on_answer, .failed = on_failure,
};

struct ctl_client *
auth_out_client_new(struct outbound *r)
{
	return ctl_client_new(r->loop, &kind, PATIENCE_MS, need, r);
}

/* --- the source that outconn_auth asks --- */

static void
begin(struct outconn *p)
{
	struct auth_out_client_question *q;

	/* Of another mechanism that the peer did not want after all */
	end(p, OUTCONN_AUTH_GONE);
	q = p->proof = ctl_client_add(p->site->r->auth_out_client, sizeof(*q));
	q->peer = p;
	ctl_client_ask(&q->base);
}

static void
ask(struct outconn *p, const struct buf *challenge)
{
	struct auth_out_client_question *q = p->proof;
	struct msg_auth_in_token t;

	if (challenge == NULL) {
		begin(p);
		return;
	}
	if (q == NULL)
		bug("prover: a challenge and no question");
	t.absent = false;
	t.len = (uint16_t)challenge->len;
	memcpy(t.data, buf_text(challenge), challenge->len);
	ctl_client_step(&q->base, CTL_AUTH_OUT_STEP, &t, msg_auth_in_token_size(&t));
}

const struct outconn_auth_source auth_out_client_basic = { .mechanisms = AUTH_OUT_BASIC, .hold = true,
    .ask = ask, .end = end };
const struct outconn_auth_source auth_out_client_integrated = { .mechanisms = AUTH_OUT_BIT(AUTH_OUT_GSSAPI),
    .hold = true, .ask = ask, .end = end };
