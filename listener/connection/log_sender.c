/*
 * log_sender - the protocol log of a listener: the pickup worker writes its batches of lines
 *
 * Runs in:  listener
 * Owns:     each batch until the worker has answered
 * Promise:  one question for each batch. What the worker had when it ended is asked of its successor, so
 *           lines may come twice
 * Fails by: lost lines: w3clog counts and tells them
 */
#include <assert.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/msg/msg_spool.h"
#include "common/w3clog/w3clog.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

static_assert(MSG_SPOOL_LOG_MAX > W3CLOG_LINE_MAX, "the longest line fits one message");

struct log_batch {
	struct spool_client_question q;
	LIST_ENTRY(log_batch) link;
	struct log_sender *sender;
	struct w3clog_batch *batch;
};

struct log_sender {
	struct listener *listener;
	LIST_HEAD(, log_batch) batches;
	struct msg_spool_log message;		/* space */
};

static int
send_batch(struct spool_client_question *q, struct ctl *c)
{
	const struct w3clog_batch *b = ((struct log_batch *)q)->batch;
	struct msg_spool_log *m = &((struct log_batch *)q)->sender->message;

	m->time_us = b->time_us;
	m->format = b->format;
	m->fields = b->fields;
	m->lines = (uint32_t)b->lines;
	if (b->text.len > 0)
		memcpy(m->text, b->text.data, b->text.len);
	return ctl_send(c, CTL_SPOOL_LOG, q->base.request, m,
	    offsetof(struct msg_spool_log, text) + b->text.len, -1);
}

static void
end_batch(struct log_batch *p, int error, size_t lost)
{
	struct log_sender *s = p->sender;
	struct w3clog *log = s->listener->log;
	struct w3clog_batch *b = p->batch;

	b->error = error;
	b->lost = lost;
	LIST_REMOVE(p, link);
	ctl_client_forget(&p->q.base);
	w3clog_written(log, b);
	s->listener->session_ended(s->listener);
}

static void
on_batch_answered(struct spool_client_question *q, const struct msg_spool_answer *a,
    const struct ctl_message *reply)
{
	struct log_batch *p = (struct log_batch *)q;

	end_batch(p, a->error, a->error == EAGAIN ? p->batch->lines : a->lost);
}

static void
on_batch_failed(struct spool_client_question *q)
{
	struct log_batch *p = (struct log_batch *)q;

	end_batch(p, EAGAIN, p->batch->lines);
}

static const struct spool_client_ops ops = {
	.send = send_batch, .answered = on_batch_answered, .failed = on_batch_failed,
};

static void
take_batch(void *arg, struct w3clog_batch *b)
{
	struct log_sender *s = arg;
	struct log_batch *p = spool_client_add(s->listener->helper[CTL_HELPER_PICKUP], sizeof(*p), &ops);

	p->sender = s;
	p->batch = b;
	LIST_INSERT_HEAD(&s->batches, p, link);
	ctl_client_ask(&p->q.base);
}

struct log_sender *
log_sender_new(struct listener *l)
{
	struct log_sender *s = mem_new(struct log_sender);

	s->listener = l;
	l->log = w3clog_new_sending(l->boot->loop, l->boot->config, l->server, l->boot->counters,
	    MSG_SPOOL_LOG_MAX - W3CLOG_LINE_MAX, take_batch, s);
	return s;
}

bool
log_sender_is_idle(const struct log_sender *s)
{
	return LIST_EMPTY(&s->batches);
}

void
log_sender_free(struct log_sender *s)
{
	struct log_batch *p;

	while ((p = LIST_FIRST(&s->batches)) != NULL) {
		LIST_REMOVE(p, link);
		w3clog_batch_free(p->batch);
		ctl_client_forget(&p->q.base);
	}
	free(s);
}
