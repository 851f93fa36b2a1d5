/*
 * warrant - questions to the auth helper: who is this client?
 *
 * Runs in:  listener
 * Owns:     a record for each authentication under way
 * Promise:  inbound_vouched() is called once for each start and step that was not cancelled, never from inside them; a helper that
 *           dies or does not come costs those who wait a "later", not their session
 * Fails by: VOUCH_LATER
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/listener.h"

enum { PATIENCE_MS = 10000 };

struct warrant_question {
	struct consult_question base;
	struct inbound *inbound;
	struct vouch_start *start;	/* NULL: the helper has it */
};

static void
forget_start(struct warrant_question *q)
{
	if (q->start != NULL)
		explicit_bzero(q->start, sizeof(*q->start));
	free(q->start);
	q->start = NULL;
}

void
warrant_cancel(struct warrant_question *q)
{
	if (q == NULL)
		return;
	forget_start(q);
	consult_cancel(&q->base, CTL_VOUCH_CANCEL);
}

/* Tells the owner, who may cancel. */
static void
tell(struct warrant_question *q, const struct vouch_answer *a)
{
	struct inbound *c = q->inbound;

	if (a->result != VOUCH_CHALLENGE) {
		inbound_forget_question(c);
		forget_start(q);
		consult_forget(&q->base);
	}
	inbound_vouched(c, a);
}

static int
send_start(struct consult_question *base, struct ctl *c)
{
	struct warrant_question *q = (struct warrant_question *)base;

	if (ctl_send(c, CTL_VOUCH_START, base->request, q->start, vouch_start_size(q->start), -1) == -1)
		return -1;
	forget_start(q);
	return 0;
}

static bool
on_answer(struct consult_question *base, const struct ctl_message *m)
{
	static struct vouch_answer answer;	/* too large for the stack of a callback chain */

	if (!vouch_answer_take(&answer, m->data, m->len))
		return false;
	tell((struct warrant_question *)base, &answer);
	return true;
}

static void
on_failure(struct consult_question *base, const char *why)
{
	static const struct vouch_answer later = { .result = VOUCH_LATER };

	(void)why;
	tell((struct warrant_question *)base, &later);
}

static void
need(void *arg)
{
	boot_need(((struct listener *)arg)->boot, CTL_HELPER_AUTH);
}

static const struct consult_kind kind = {
	.part = "auth", .answer = CTL_VOUCH_ANSWER, .unhurried = true, .send = send_start, .answered = on_answer, .failed = on_failure,
};

struct consult *
warrant_new(struct listener *l)
{
	return consult_new(l->boot->loop, &kind, PATIENCE_MS, need, l);
}

struct warrant_question *
warrant_start(struct consult *k, struct inbound *c, const struct vouch_start *start)
{
	struct warrant_question *q = consult_add(k, sizeof(*q));

	q->inbound = c;
	q->start = mem_new(struct vouch_start);
	memcpy(q->start, start, vouch_start_size(start));
	consult_ask(&q->base);
	return q;
}

void
warrant_step(struct warrant_question *q, const struct vouch_token *t)
{
	consult_step(&q->base, CTL_VOUCH_STEP, t, vouch_token_size(t));
}
