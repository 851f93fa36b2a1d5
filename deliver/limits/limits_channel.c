/*
 * limits_channel - what one worker asks the limits helper
 *
 * Runs in:  limits
 * Owns:     nothing: questions are limits_engine's
 * Promise:  every question is answered; a worker reaches the limits of its own virtual server only, and has
 *           LIMITS_CHANNEL_QUESTIONS_MAX questions open at most
 * Fails by: a malformed question ends this worker's channel only
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "deliver/limits/limits.h"

#define LIMITS_CHANNEL_QUESTIONS_MAX 5000

static bool
on_limits_ask(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	static const struct msg_limits_answer full = { .result = LIMITS_FAULT };
	struct limits *x = arg;
	struct limits_query *q;

	if (m->type != CTL_LIMITS_ASK)
		return false;
	if (ctl_server_is_full(s)) {
		ctl_server_answer(s, CTL_LIMITS_ANSWER, m->request, &full, sizeof(full), -1);
		return true;
	}
	q = mem_new(struct limits_query);
	if (!msg_limits_ask_take(&q->ask, m->data, m->len)) {
		free(q);
		return false;
	}
	snprintf(q->server, sizeof(q->server), "%s", ctl_server_server(s));
	ctl_server_open(s, &q->open, m->request);
	limits_engine_ask(x->engine, q);
	return true;
}

const struct ctl_server_kind limits_channel = {
	.part = "limits",
	.questions_max = LIMITS_CHANNEL_QUESTIONS_MAX,
	.asked = on_limits_ask,
};
