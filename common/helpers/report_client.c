/*
 * report_client - has the fetch helper post a report about TLS
 *
 * Runs in:  deliver
 * Owns:     the report until it is answered
 * Promise:  each question is answered or fails once, never from inside report_client_ask. A helper that died
 *           may have posted it: its successor is not asked
 * Fails by: `done`, with a reason
 */
#include "common/helpers/report_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

struct report_client_question {
	struct ctl_client_question base;
	void (*done)(void *arg, const struct msg_report_answer *a, const char *why);
	void *arg;
	struct msg_report_ask ask;
};

static int
send_report(struct ctl_client_question *base, struct ctl *c)
{
	const struct report_client_question *q = (struct report_client_question *)base;

	return ctl_send(c, CTL_REPORT_ASK, base->request, &q->ask, msg_report_ask_size(&q->ask), -1);
}

static void
end_question(struct report_client_question *q, const struct msg_report_answer *a, const char *why)
{
	void (*done)(void *, const struct msg_report_answer *, const char *) = q->done;
	void *arg = q->arg;

	ctl_client_forget(&q->base);
	done(arg, a, why);
}

static bool
on_report_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_report_answer a;

	if (!msg_report_answer_take(&a, m->data, m->len))
		return false;
	end_question((struct report_client_question *)base, &a, NULL);
	return true;
}

static void
on_no_answer(struct ctl_client_question *base, const char *why)
{
	end_question((struct report_client_question *)base, NULL, why);
}

const struct ctl_client_kind report_client_kind = {
	.part = "fetch", .answer = CTL_REPORT_ANSWER, .repeats = 0,
	.silent = "no answer from the fetch helper", .ended = "the fetch helper ended",
	.send = send_report, .answered = on_report_answer, .failed = on_no_answer,
};

void
report_client_ask(struct ctl_client *k, const struct msg_report_ask *ask,
    void (*done)(void *arg, const struct msg_report_answer *a, const char *why), void *arg)
{
	struct report_client_question *q = ctl_client_add_of(k, &report_client_kind, sizeof(*q));

	memcpy(&q->ask, ask, msg_report_ask_size(ask));
	q->done = done;
	q->arg = arg;
	ctl_client_ask(&q->base);
}
