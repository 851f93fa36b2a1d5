/*
 * etrn_client - questions to the deliver worker of this virtual server, for its backlog
 *
 * Runs in:  listener
 * Owns:     a record for each question under way
 * Promise:  `done` is called once for each question that was not forgotten, never from inside
 *           etrn_client_start(); when the worker ends or does not come, the clients that wait hear "later"
 *           and keep their sessions
 * Fails by: MSG_ETRN_LATER
 */
#include <string.h>

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_etrn.h"
#include "listener/helpers/helpers.h"

enum { PATIENCE_MS = 10000 };

struct etrn_question {
	struct ctl_client_question base;
	void (*done)(void *arg, const struct msg_etrn_answer *a, const char *node, int fd);
	void *arg;
	char node[MSG_ETRN_NAME_SIZE];	/* the first domain, for the reply */
	struct msg_etrn ask;
};

/* The question is no more when the callee gets its answer. */
static void
tell_answer(struct etrn_question *q, const struct msg_etrn_answer *a, int fd)
{
	void (*done)(void *, const struct msg_etrn_answer *, const char *, int) = q->done;
	void *arg = q->arg;
	char node[MSG_ETRN_NAME_SIZE];

	memcpy(node, q->node, sizeof(node));
	ctl_client_forget(&q->base);
	done(arg, a, node, fd);
}

static int
send_ask(struct ctl_client_question *base, struct ctl *c)
{
	const struct etrn_question *q = (struct etrn_question *)base;

	return ctl_send(c, CTL_ETRN, base->request, &q->ask, msg_etrn_size(&q->ask), -1);
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_etrn_answer a;

	memcpy(&a, m->data, sizeof(a));
	tell_answer((struct etrn_question *)base, &a, ctl_take_fd(m));
	return true;
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	static const struct msg_etrn_answer later = { .result = MSG_ETRN_LATER };

	tell_answer((struct etrn_question *)base, &later, -1);
}

static const struct ctl_client_kind kind = {
	.part = "deliver", .answer = CTL_ETRN_ANSWER, .send = send_ask, .answered = on_answer,
	.failed = on_failure,
};

struct ctl_client *
etrn_client_new(struct loop *loop, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(loop, &kind, PATIENCE_MS, need, arg);
}

struct ctl_client_question *
etrn_client_start(struct ctl_client *k, const struct msg_etrn *d,
    void (*done)(void *arg, const struct msg_etrn_answer *a, const char *node, int fd), void *arg)
{
	struct etrn_question *q = ctl_client_add(k, sizeof(*q));
	size_t at = 0;
	const char *first = msg_etrn_next(d, &at);

	q->done = done;
	q->arg = arg;
	memcpy(&q->ask, d, msg_etrn_size(d));
	if (first != NULL)
		memcpy(q->node, first, strnlen(first, sizeof(q->node) - 1));
	ctl_client_ask(&q->base);
	return &q->base;
}
