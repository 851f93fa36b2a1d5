/*
 * auth_in_client - questions to the auth helper: is this client who it says?
 *
 * Runs in:  listener
 * Owns:     a record for each authentication under way
 * Promise:  `done` is called once for each start and step that was not cancelled, never from inside them;
 *           when the helper dies or does not come, the clients that wait hear "later" and keep their sessions
 * Fails by: AUTH_IN_LATER
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_client.h"
#include "common/msg/msg_auth_in.h"
#include "listener/helpers/helpers.h"

enum { PATIENCE_MS = 10000 };

struct auth_in_client_question {
	struct ctl_client_question base;
	struct msg_auth_in_start *start;	/* NULL: the helper has it */
	void (*done)(void *arg, const struct msg_auth_in_answer *a);
	void *arg;
};

static void
forget_start(struct auth_in_client_question *q)
{
	if (q->start != NULL)
		explicit_bzero(q->start, msg_auth_in_start_size(q->start));
	free(q->start);
	q->start = NULL;
}

void
auth_in_client_cancel(struct auth_in_client_question *q)
{
	if (q == NULL)
		return;
	forget_start(q);
	ctl_client_cancel(&q->base);
}

/* The callee may cancel. */
static void
tell_answer(struct auth_in_client_question *q, const struct msg_auth_in_answer *a)
{
	void (*done)(void *, const struct msg_auth_in_answer *) = q->done;
	void *arg = q->arg;

	if (a->result != AUTH_IN_CHALLENGE) {
		forget_start(q);
		ctl_client_forget(&q->base);
	}
	done(arg, a);
}

static int
send_start(struct ctl_client_question *base, struct ctl *c)
{
	struct auth_in_client_question *q = (struct auth_in_client_question *)base;

	if (ctl_send(c, CTL_AUTH_IN_START, base->request, q->start,
	    msg_auth_in_start_size(q->start), -1) == -1)
		return -1;
	forget_start(q);
	return 0;
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_auth_in_answer *answer = mem_new(struct msg_auth_in_answer);
	bool good = msg_auth_in_answer_take(answer, m->data, m->len);

	if (good)
		tell_answer((struct auth_in_client_question *)base, answer);
	explicit_bzero(answer, sizeof(*answer));
	free(answer);
	return good;
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	static const struct msg_auth_in_answer later = { .result = AUTH_IN_LATER };

	tell_answer((struct auth_in_client_question *)base, &later);
}

static const struct ctl_client_kind kind = {
	.part = "auth", .answer = CTL_AUTH_IN_ANSWER, .cancel = CTL_AUTH_IN_CANCEL, .unhurried = true,
	.send = send_start, .answered = on_answer, .failed = on_failure,
};

struct ctl_client *
auth_in_client_new(struct loop *loop, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(loop, &kind, PATIENCE_MS, need, arg);
}

struct auth_in_client_question *
auth_in_client_start(struct ctl_client *k, const struct msg_auth_in_start *start,
    void (*done)(void *arg, const struct msg_auth_in_answer *a), void *arg)
{
	struct auth_in_client_question *q = ctl_client_add(k, sizeof(*q));

	q->done = done;
	q->arg = arg;
	q->start = mem_zalloc(msg_auth_in_start_size(start));
	memcpy(q->start, start, msg_auth_in_start_size(start));
	ctl_client_ask(&q->base);
	return q;
}

void
auth_in_client_step(struct auth_in_client_question *q, const struct msg_auth_in_token *t)
{
	ctl_client_step(&q->base, CTL_AUTH_IN_STEP, t, msg_auth_in_token_size(t));
}
