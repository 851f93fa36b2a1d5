/*
 * queue_room - whether disk and drop folder take more: the pickup worker looks, we remember it for FRESH_MS
 *
 * Runs in:  listener
 * Owns:     the last answer, and the question for the next one
 * Promise:  while mail comes, the answer is a few seconds old at most; with a drop-quota clients are
 *           served after the first one
 * Fails by: a folder that cannot be counted counts as not full; one event when that begins
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_spool.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

enum { FRESH_MS = 2000, FIRST_MS = 5000 };

struct room_question {
	struct spool_client_question q;
	struct queue_room *room;
};

struct queue_room {
	struct room_question *question;
	uint64_t limit;		/* of drop/ */
	bool disk_is_short;
	int64_t size;		/* bytes of drop/, as last counted; -1: could not */
	uint64_t asked_at;	/* monotonic ms */
	bool asking;
	struct loop_timer *first;	/* so long is the first answer waited for */
	void (*known)(void *arg);	/* NULL: it was called */
	void *arg;
};

static void
tell_known(struct queue_room *q)
{
	void (*known)(void *) = q->known;

	loop_timer_stop(q->first);
	q->known = NULL;
	if (known != NULL)
		known(q->arg);
}

static void
on_first_timer(void *arg)
{
	tell_known(arg);
}

static int
send_room(struct spool_client_question *q, struct ctl *c)
{
	return ctl_send(c, CTL_SPOOL_ROOM, q->base.request, NULL, 0, -1);
}

static void
take_room(struct queue_room *q, const struct msg_spool_answer *a)
{
	if (a->drop_bytes == -1 && q->size != -1)
		log_event(LOG_FAULT, NULL, "trouble", "doing=quota reason=%s", log_safe(strerror(a->error)));
	q->size = a->drop_bytes;
	q->disk_is_short = a->disk_is_short != 0;
}

static void
on_room_answered(struct spool_client_question *question, const struct msg_spool_answer *a,
    const struct ctl_message *reply)
{
	struct queue_room *q = ((struct room_question *)question)->room;

	q->asking = false;
	if (a->error != EAGAIN)		/* else it has not looked, and what was known stays */
		take_room(q, a);
	tell_known(q);
}

static void
on_room_failed(struct spool_client_question *question)
{
	((struct room_question *)question)->room->asking = false;
}

static const struct spool_client_ops ops = {
	.send = send_room, .answered = on_room_answered, .failed = on_room_failed,
};

static void
count_again(struct queue_room *q)
{
	q->asking = true;
	q->asked_at = clock_mono_ms();
	ctl_client_ask(&q->question->q.base);
}

struct queue_room *
queue_room_new(struct listener *l, void (*known)(void *arg), void *arg)
{
	struct queue_room *q = mem_new(struct queue_room);

	q->limit = l->server->default_domain->drop_quota;
	q->known = known;
	q->arg = arg;
	q->first = loop_timer_new(l->boot->loop, on_first_timer, q);
	q->question = spool_client_add(l->helper[CTL_HELPER_PICKUP], sizeof(*q->question), &ops);
	q->question->room = q;
	count_again(q);
	if (q->limit == CONFIG_UNLIMITED)
		tell_known(q);
	else
		loop_timer_set(q->first, FIRST_MS);
	return q;
}

static void
keep_fresh(struct queue_room *q)
{
	if (!q->asking && clock_mono_ms() - q->asked_at >= FRESH_MS)
		count_again(q);
}

bool
queue_room_is_short(struct queue_room *q)
{
	keep_fresh(q);
	return q->disk_is_short;
}

bool
queue_room_drop_is_full(struct queue_room *q)
{
	if (q->limit == CONFIG_UNLIMITED)
		return false;
	keep_fresh(q);
	return q->size >= 0 && (uint64_t)q->size >= q->limit;
}

void
queue_room_free(struct queue_room *q)
{
	loop_timer_free(q->first);
	ctl_client_forget(&q->question->q.base);
	free(q);
}
