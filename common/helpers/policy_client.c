/*
 * policy_client - asks the fetch helper for the MTA-STS policy of a domain
 *
 * Runs in:  deliver
 * Owns:     one question for each look-up that wants one
 * Promise:  each question is answered or fails once, never from inside policy_client_ask. When the helper
 *           dies, its successor is asked
 * Fails by: `failed`, with a reason
 */
#include "common/helpers/policy_client.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/helpers/report_client.h"

struct policy_client_question {
	struct ctl_client_question base;
	struct msg_policy_ask ask;
	void (*done)(void *arg, const struct msg_policy_answer *a, const char *why);
	void *arg;
};

static int
send_ask(struct ctl_client_question *base, struct ctl *c)
{
	const struct policy_client_question *q = (struct policy_client_question *)base;

	return ctl_send(c, CTL_POLICY_ASK, base->request, &q->ask, sizeof(q->ask), -1);
}

static void
end_question(struct policy_client_question *q, const struct msg_policy_answer *a, const char *why)
{
	void (*done)(void *, const struct msg_policy_answer *, const char *) = q->done;
	void *arg = q->arg;

	ctl_client_forget(&q->base);
	done(arg, a, why);
}

static bool
on_policy_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_policy_answer *a = mem_new(struct msg_policy_answer);
	bool good = msg_policy_answer_take(a, m->data, m->len);

	if (good)
		end_question((struct policy_client_question *)base, a, NULL);
	free(a);
	return good;
}

static void
on_no_policy(struct ctl_client_question *base, const char *why)
{
	end_question((struct policy_client_question *)base, NULL, why);
}

const struct ctl_client_kind policy_client_kind = {
	.part = "fetch", .answer = CTL_POLICY_ANSWER, .repeats = 3,
	.silent = "no answer from the fetch helper", .ended = "the fetch helper ended again and again",
	.send = send_ask, .answered = on_policy_answer, .failed = on_no_policy, .also = &report_client_kind,
};

void
policy_client_ask(struct ctl_client *k, const struct msg_policy_ask *ask,
    void (*done)(void *arg, const struct msg_policy_answer *a, const char *why), void *arg)
{
	struct policy_client_question *q = ctl_client_add_of(k, &policy_client_kind, sizeof(*q));

	q->ask = *ask;
	q->done = done;
	q->arg = arg;
	ctl_client_ask(&q->base);
}
