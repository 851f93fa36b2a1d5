/*
 * prover - questions to the auth helper: the words that prove who we are to a peer
 *
 * Runs in:  deliver
 * Owns:     the channel to the helper, a record for each authentication under way
 * Promise:  no secret file is read here: one word at a time comes from the helper. Each question is answered once, never from inside
 *           it; a helper that dies or does not come costs those who wait a "later"
 * Fails by: peer_auth_give_up()
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

enum { NEED_MS = 1000, PATIENCE_MS = 60000 };

struct prover_question {
	TAILQ_ENTRY(prover_question) link;
	struct peer *peer;
	uint32_t request;
	bool sent;			/* with the helper, for the first word */
	bool waits;			/* for an answer */
	const char *trouble;		/* to be told by the timer */
	uint64_t deadline;
};

struct prover {
	struct remote *r;
	struct ctl *ctl;		/* NULL: none */
	TAILQ_HEAD(, prover_question) questions;
	uint32_t request;
	uint64_t needed_ms;
	struct loop_timer *timer;
	struct prove_answer answer;	/* too large for the stack of a callback chain */
};

static void
forget(struct prover *v, struct prover_question *q)
{
	q->peer->proof = NULL;
	TAILQ_REMOVE(&v->questions, q, link);
	free(q);
}

/* The helper keeps what goes on; also what it has not answered yet. */
static void
cancel(const struct prover *v, const struct prover_question *q)
{
	if (v->ctl != NULL && q->sent)
		(void)!ctl_send(v->ctl, CTL_PROVE_CANCEL, q->request, NULL, 0, -1);
}

static void
give_up(struct prover *v, struct prover_question *q, const char *status, const char *why)
{
	struct peer *p = q->peer;

	forget(v, q);
	peer_auth_give_up(p, status, why);
}

/* May end the connection, and others with it. */
static void
tell(struct prover *v, struct prover_question *q, const struct prove_answer *a)
{
	q->waits = false;
	if (a->result == PROVE_WORD || a->result == PROVE_LAST)
		peer_auth_say(q->peer, &a->token, a->result == PROVE_LAST);
	else
		give_up(v, q, a->result == PROVE_FAILED ? "4.7.5" : "4.7.0", a->why);
}

static void
fail_soon(struct prover *v, struct prover_question *q, const char *why)
{
	q->trouble = why;
	loop_timer_set(v->timer, 0);
}

static void
send_start(struct prover *v, struct prover_question *q)
{
	const struct peer *p = q->peer;
	const struct config_account *account = &p->site->d.security.account;
	struct prove_start s = { .mechanism = (uint8_t)p->client.auth->mechanism };

	snprintf(s.domain, sizeof(s.domain), "%s", account->domain);
	snprintf(s.user, sizeof(s.user), "%s", account->user);
	snprintf(s.host, sizeof(s.host), "%s", p->host);
	peer_auth_binding(p, &s);
	q->sent = true;
	if (ctl_send(v->ctl, CTL_PROVE_START, q->request, &s, sizeof(s), -1) == -1)
		fail_soon(v, q, "the auth helper does not listen");
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct prover *v = arg;
	struct prover_question *q;

	if (m->type != CTL_PROVE_ANSWER || !prove_answer_take(&v->answer, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "trouble", "part=auth reason=%s", log_safe("malformed answer"));
		return;
	}
	TAILQ_FOREACH(q, &v->questions, link)
		if (q->request == m->request && q->sent && q->waits) {
			tell(v, q, &v->answer);
			break;
		}
	explicit_bzero(&v->answer.token, sizeof(v->answer.token));
	if (m->len > 0)
		explicit_bzero((void *)m->data, m->len);	/* the receive buffer of this process */
}

static void
on_close(void *arg, bool bad)
{
	struct prover *v = arg;
	struct prover_question *q;

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=auth reason=%s", log_safe("misbehaved"));
	ctl_free(v->ctl);
	v->ctl = NULL;
	TAILQ_FOREACH(q, &v->questions, link)
		if (q->sent)
			fail_soon(v, q, "the auth helper ended");
}

/* Each round from the front, for telling one may end others. */
static struct prover_question *
next_failed(struct prover *v, uint64_t now)
{
	struct prover_question *q;

	TAILQ_FOREACH(q, &v->questions, link) {
		if (q->waits && q->trouble == NULL && q->deadline <= now)
			q->trouble = "no answer from the auth helper";
		if (q->waits && q->trouble != NULL)
			return q;
	}
	return NULL;
}

static void
need(struct prover *v, uint64_t now)
{
	if (v->needed_ms == 0 || now - v->needed_ms >= NEED_MS) {
		v->needed_ms = now;
		boot_need(v->r->b, CTL_HELPER_AUTH);
	}
	loop_timer_set(v->timer, NEED_MS);
}

static void
on_timer(void *arg)
{
	struct prover *v = arg;
	struct prover_question *q;
	uint64_t now = clock_mono_ms();

	while ((q = next_failed(v, now)) != NULL) {
		cancel(v, q);
		give_up(v, q, "4.3.0", q->trouble);
	}
	TAILQ_FOREACH(q, &v->questions, link) {
		if (q->waits && !loop_timer_is_set(v->timer))
			loop_timer_set(v->timer, NEED_MS);
		if (!q->sent && v->ctl != NULL)
			send_start(v, q);
		else if (!q->sent)
			need(v, now);
	}
}

/* --- the source that peer_auth asks --- */

static struct prover *
prover_of(struct remote *r)
{
	if (r->prover == NULL) {
		r->prover = mem_new(struct prover);
		r->prover->r = r;
		TAILQ_INIT(&r->prover->questions);
		r->prover->timer = loop_timer_new(r->loop, on_timer, r->prover);
	}
	return r->prover;
}

static void
begin(struct prover *v, struct peer *p)
{
	struct prover_question *q = mem_new(struct prover_question);

	prover_end(p, PEER_AUTH_GONE);		/* of another mechanism that the peer did not want after all */
	p->proof = q;
	q->peer = p;
	q->request = ++v->request;
	TAILQ_INSERT_TAIL(&v->questions, q, link);
	if (v->ctl != NULL)
		send_start(v, q);
	else
		need(v, clock_mono_ms());
}

static void
step(struct prover *v, struct prover_question *q, const struct buf *challenge)
{
	struct vouch_token t;

	t.absent = false;
	t.len = (uint16_t)challenge->len;
	memcpy(t.data, buf_text(challenge), challenge->len);
	if (v->ctl == NULL || ctl_send(v->ctl, CTL_PROVE_STEP, q->request, &t, vouch_token_size(&t), -1) == -1)
		fail_soon(v, q, "the auth helper ended");
}

void
prover_ask(struct peer *p, const struct buf *challenge)
{
	struct prover *v = prover_of(p->site->r);
	struct prover_question *q;

	if (challenge == NULL)
		begin(v, p);
	else if (p->proof != NULL)
		step(v, p->proof, challenge);
	else
		bug("prover: a challenge and no question");
	q = p->proof;
	q->waits = true;
	q->deadline = clock_mono_ms() + PATIENCE_MS;
	if (!loop_timer_is_set(v->timer))
		loop_timer_set(v->timer, NEED_MS);
}

void
prover_end(struct peer *p, enum peer_auth_end how)
{
	struct prover *v = p->site->r->prover;
	struct prover_question *q = p->proof;

	(void)how;
	if (q == NULL)
		return;
	cancel(v, q);
	forget(v, q);
}

void
prover_channel(struct remote *r, int fd)
{
	struct prover *v = prover_of(r);

	if (v->ctl != NULL) {
		close(fd);		/* one is enough */
		return;
	}
	v->ctl = ctl_new(r->loop, fd, CTL_FROM_HELPER, on_message, on_close, v);
	loop_timer_set(v->timer, 0);
}

void
prover_free(struct prover *v)
{
	struct prover_question *q;

	if (v == NULL)
		return;
	while ((q = TAILQ_FIRST(&v->questions)) != NULL)
		forget(v, q);
	ctl_free(v->ctl);
	loop_timer_free(v->timer);
	free(v);
}

const struct peer_auth_source prover_basic = { .mechanisms = PROVE_BASIC, .hold = true, .ask = prover_ask, .end = prover_end };
const struct peer_auth_source prover_integrated = {
	.mechanisms = PROVE_BIT(PROVE_GSSAPI), .hold = true, .ask = prover_ask, .end = prover_end,
};
