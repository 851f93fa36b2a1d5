/*
 * limits_client - asks the limits helper about permits, messages and failures that all nodes count
 *
 * Runs in:  listener, auth, deliver
 * Owns:     one question for each limit that is asked about
 * Promise:  each question is answered once, within its patience, never from inside limits_client_ask. It is
 *           sent once: what a dead helper did with it is not known
 * Fails by: LIMITS_LOST
 */
#include "common/helpers/limits_client.h"

#include "common/base/clock.h"
#include "common/process/lease.h"

#define PATIENCE_MS 5000	/* longer than what the helper gives the engine */

struct limits_client_question {
	struct ctl_client_question base;
	struct msg_limits_ask ask;
	void (*done)(void *arg, const struct msg_limits_answer *a);
	void *arg;
};

static int
send_ask(struct ctl_client_question *base, struct ctl *c)
{
	const struct limits_client_question *q = (struct limits_client_question *)base;

	return ctl_send(c, CTL_LIMITS_ASK, base->request, &q->ask, sizeof(q->ask), -1);
}

static void
end_question(struct limits_client_question *q, const struct msg_limits_answer *a)
{
	void (*done)(void *, const struct msg_limits_answer *) = q->done;
	void *arg = q->arg;

	ctl_client_forget(&q->base);
	done(arg, a);
}

static bool
on_limits_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_limits_answer a;

	if (!msg_limits_answer_take(&a, m->data, m->len))
		return false;
	end_question((struct limits_client_question *)base, &a);
	return true;
}

static void
on_no_limits(struct ctl_client_question *base, const char *why)
{
	struct msg_limits_answer lost = { .result = LIMITS_LOST };

	end_question((struct limits_client_question *)base, &lost);
}

static const struct ctl_client_kind limits_client_kind = {
	.part = "limits", .answer = CTL_LIMITS_ANSWER,
	.silent = "no answer from the limits helper", .ended = "the limits helper ended",
	.send = send_ask, .answered = on_limits_answer, .failed = on_no_limits,
};

struct ctl_client *
limits_client_new(struct loop *l, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(l, &limits_client_kind, PATIENCE_MS, need, arg);
}

void
limits_client_ask(struct ctl_client *k, const struct msg_limits_ask *ask,
    void (*done)(void *arg, const struct msg_limits_answer *a), void *arg)
{
	struct limits_client_question *q = ctl_client_add(k, sizeof(*q));

	q->ask = *ask;
	q->done = done;
	q->arg = arg;
	ctl_client_ask(&q->base);
}

void
limits_client_hold(struct msg_limits_ask *ask, const struct lease_question *q)
{
	ask->kind = LIMITS_HOLD;
	ask->keep = q->keep;
	ask->want = q->want;
	ask->limit = q->limit;
	ask->claim = q->claim;
}

void
limits_client_take(const struct msg_limits_answer *a, struct lease_node *node, struct lease *lease)
{
	uint64_t now = clock_mono_ms();

	if (a->result == LIMITS_GRANTED)
		lease_answer(node, lease, a->granted, a->target, a->wait_ms, now);
	else
		lease_fail(node, lease, a->result == LIMITS_LOST, now);
}
