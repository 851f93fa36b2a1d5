/*
 * prover - questions to the auth helper: the words that prove who we are to a peer
 *
 * Runs in:  deliver
 * Owns:     a record for each authentication under way
 * Promise:  no secret file is read here: one word at a time comes from the helper. Each question is answered once, never from inside
 *           it; a helper that dies or does not come costs those who wait a "later"
 * Fails by: peer_auth_give_up()
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "deliver/deliver.h"

enum { PATIENCE_MS = 60000 };

struct prover_question {
	struct consult_question base;
	struct peer *peer;
};

static void
give_up(struct prover_question *q, const char *status, const char *why)
{
	struct peer *p = q->peer;

	p->proof = NULL;
	consult_forget(&q->base);
	peer_auth_give_up(p, status, why);
}

/* May end the connection, and others with it. */
static void
tell(struct prover_question *q, const struct prove_answer *a)
{
	if (a->result == PROVE_WORD || a->result == PROVE_LAST)
		peer_auth_say(q->peer, &a->token, a->result == PROVE_LAST);
	else
		give_up(q, a->result == PROVE_FAILED ? "4.7.5" : "4.7.0", a->why);
}

static int
send_start(struct consult_question *base, struct ctl *c)
{
	const struct peer *p = ((struct prover_question *)base)->peer;
	const struct config_account *account = &p->site->d.security.account;
	struct prove_start s = { .mechanism = (uint8_t)p->client.auth->mechanism };

	snprintf(s.domain, sizeof(s.domain), "%s", account->domain);
	snprintf(s.user, sizeof(s.user), "%s", account->user);
	snprintf(s.host, sizeof(s.host), "%s", p->host);
	peer_auth_binding(p, &s);
	return ctl_send(c, CTL_PROVE_START, base->request, &s, sizeof(s), -1);
}

static bool
on_answer(struct consult_question *base, const struct ctl_message *m)
{
	static struct prove_answer answer;	/* too large for the stack of a callback chain */

	if (!prove_answer_take(&answer, m->data, m->len))
		return false;
	tell((struct prover_question *)base, &answer);
	explicit_bzero(&answer.token, sizeof(answer.token));
	return true;
}

/* The helper keeps what goes on; also what it has not answered yet. */
static void
end(struct peer *p, enum peer_auth_end how)
{
	struct prover_question *q = p->proof;

	(void)how;
	p->proof = NULL;
	if (q != NULL)
		consult_cancel(&q->base, CTL_PROVE_CANCEL);
}

static void
on_failure(struct consult_question *base, const char *why)
{
	struct peer *p = ((struct prover_question *)base)->peer;

	end(p, PEER_AUTH_GONE);
	peer_auth_give_up(p, "4.3.0", why);
}

static void
need(void *arg)
{
	boot_need(((struct remote *)arg)->b, CTL_HELPER_AUTH);
}

static const struct consult_kind kind = {
	.part = "auth", .answer = CTL_PROVE_ANSWER,
	.silent = "no answer from the auth helper", .ended = "the auth helper ended",
	.send = send_start, .answered = on_answer, .failed = on_failure,
};

struct consult *
prover_new(struct remote *r)
{
	return consult_new(r->loop, &kind, PATIENCE_MS, need, r);
}

/* --- the source that peer_auth asks --- */

static void
begin(struct peer *p)
{
	struct prover_question *q;

	end(p, PEER_AUTH_GONE);		/* of another mechanism that the peer did not want after all */
	q = p->proof = consult_add(p->site->r->prover, sizeof(*q));
	q->peer = p;
	consult_ask(&q->base);
}

static void
ask(struct peer *p, const struct buf *challenge)
{
	struct prover_question *q = p->proof;
	struct vouch_token t;

	if (challenge == NULL) {
		begin(p);
		return;
	}
	if (q == NULL)
		bug("prover: a challenge and no question");
	t.absent = false;
	t.len = (uint16_t)challenge->len;
	memcpy(t.data, buf_text(challenge), challenge->len);
	consult_step(&q->base, CTL_PROVE_STEP, &t, vouch_token_size(&t));
}

const struct peer_auth_source prover_basic = { .mechanisms = PROVE_BASIC, .hold = true, .ask = ask, .end = end };
const struct peer_auth_source prover_integrated = { .mechanisms = PROVE_BIT(PROVE_GSSAPI), .hold = true, .ask = ask, .end = end };
