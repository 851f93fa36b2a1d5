/*
 * spool_client - questions to the pickup worker of this virtual server, which owns the spool: on one channel
 * small messages alone, on the other all else
 *
 * Runs in:  listener
 * Owns:     the channels
 * Promise:  a question waits for a channel for PATIENCE_MS at most; one that the worker has waits for the
 *           disk as long as that takes. When the worker ends, its open questions go to its successor
 * Fails by: the question's `failed`
 */
#include <string.h>

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_spool.h"
#include "listener/helpers/helpers.h"

enum { PATIENCE_MS = 20000, REPEATS = 1000, WINDOW = 512 };

static int
send_question(struct ctl_client_question *base, struct ctl *c)
{
	struct spool_client_question *q = (struct spool_client_question *)base;

	return q->ops.send(q, c);
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct spool_client_question *q = (struct spool_client_question *)base;
	struct msg_spool_answer a;

	if (!msg_spool_take_answer(&a, m))
		return false;
	q->ops.answered(q, &a, m);
	return true;
}

static bool
on_queued(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct spool_client_question *q = (struct spool_client_question *)base;
	struct msg_spool_refused refused;
	struct msg_spool_queued of;

	if (m->type == CTL_SPOOL_REFUSED) {
		if (!msg_spool_take_refused(&refused, m) || q->ops.refused == NULL)
			return false;
		q->ops.refused(q, refused.words);
		return true;
	}
	memcpy(&of, m->data, sizeof(of));
	q->ops.answered(q, &(struct msg_spool_answer){ .error = of.error }, m);
	return true;
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	struct spool_client_question *q = (struct spool_client_question *)base;

	q->ops.failed(q);
}

static const struct ctl_client_kind kind = {
	.part = "pickup", .answer = CTL_SPOOL_ANSWER, .cancel = CTL_SPOOL_DROP, .repeats = REPEATS,
	.unhurried = true, .joined = true, .window = WINDOW,
	.send = send_question, .answered = on_answer, .failed = on_failure,
};

static const struct ctl_client_kind channel_kind = {
	.part = "pickup", .answer = CTL_SPOOL_QUEUED, .answer_size = sizeof(struct msg_spool_queued),
	.single = CTL_SPOOL_REFUSED,
	.repeats = REPEATS, .unhurried = true, .joined = true, .window = WINDOW,
	.send = send_question, .answered = on_queued, .failed = on_failure,
};

struct ctl_client *
spool_client_new(struct loop *loop, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(loop, &kind, PATIENCE_MS, need, arg);
}

struct ctl_client *
spool_client_channel_new(struct loop *loop, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(loop, &channel_kind, PATIENCE_MS, need, arg);
}

void *
spool_client_add(struct ctl_client *k, size_t size, const struct spool_client_ops *ops)
{
	struct spool_client_question *q = ctl_client_add(k, size);

	q->ops = *ops;
	return q;
}
