/*
 * move_sender - hands messages to the process that owns the queue of another virtual server
 *
 * Runs in:  deliver, on the loop; files are opened and removed on a pool thread
 * Owns:     the channel, and what belongs to a message that is being moved; not its record
 * Promise:  a message is removed here after the other process has said that it is on disk there. Whatever
 *           that process does, each message ends: with an answer, with the channel, or after PATIENCE_MS
 * Fails by: errno in `done`; the message stays, and may be in both queues
 */
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "common/msg/msg_move.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "deliver/move/move.h"

#define PATIENCE_MS 300000	/* without any answer: a large message on a slow disk has its time */

struct moving {
	TAILQ_ENTRY(moving) link;
	struct move_sender *sender;
	struct spool_move file;
	uint32_t request;		/* it waits for the answer to that one; 0: it does not */
	void (*done)(void *arg, int error);
	void *arg;
};

struct move_sender {
	struct loop *loop;
	struct spool *spool;
	struct pool_lane *open, *leave;
	struct ctl *ctl;		/* NULL: there is none */
	struct loop_timer *patience;
	TAILQ_HEAD(, moving) all;
	uint32_t requests;
};

static void
free_moving(struct moving *m)
{
	TAILQ_REMOVE(&m->sender->all, m, link);
	spool_move_close(&m->file);	/* gives up the lock */
	free(m);
}

static void
end_moving(struct moving *m, int error)
{
	void (*done)(void *arg, int error) = m->done;
	void *arg = m->arg;

	free_moving(m);
	done(arg, error);
}

/* Those that wait for an answer get none. What `done` begins has no channel. */
static void
lose_channel(struct move_sender *s, int error)
{
	struct moving *m, *next;

	ctl_free(s->ctl);
	s->ctl = NULL;
	loop_timer_stop(s->patience);
	TAILQ_FOREACH_SAFE(m, &s->all, link, next)
		if (m->request != 0) {
			m->request = 0;
			m->file.error = error;
			pool_submit(s->leave, m);	/* the end comes from there, one by one */
		}
}

/* --- on a thread --- */

static void
run_open(void *arg, void **jobs, size_t n)
{
	struct move_sender *s = arg;

	for (size_t i = 0; i < n; i++) {
		struct moving *m = jobs[i];

		m->file.error = spool_move_open(s->spool, &m->file) == 0 ? 0 : errno;
	}
}

static void
run_leave(void *arg, void **jobs, size_t n)
{
	struct move_sender *s = arg;

	for (size_t i = 0; i < n; i++) {
		struct moving *m = jobs[i];

		if (m->file.error == 0)
			m->file.error = spool_move_leave(s->spool, m->file.id) == 0 ? 0 : errno;
	}
}

/* --- back on the loop --- */

static int
hand_over(struct move_sender *s, struct moving *m)
{
	struct msg_move_put put = { .held = m->file.held };
	uint32_t request = ++s->requests;

	if (s->ctl == NULL) {
		errno = EPIPE;
		return -1;
	}
	memcpy(put.id, m->file.id, sizeof(put.id));
	if ((m->file.note != -1 &&
	    ctl_send(s->ctl, CTL_MOVE_NOTE, request, NULL, 0, m->file.note) == -1) ||
	    ctl_send(s->ctl, CTL_MOVE_PUT, request, &put, sizeof(put), m->file.fd) == -1)
		return -1;
	m->request = request;
	loop_timer_set(s->patience, PATIENCE_MS);
	return 0;
}

static void
on_opened(void *arg, void *job)
{
	struct moving *m = job;

	if (m->file.error == 0 && hand_over(arg, m) == -1)
		m->file.error = errno;
	if (m->file.error != 0)
		end_moving(m, m->file.error);
}

static void
on_gone(void *arg, void *job)
{
	struct moving *m = job;

	end_moving(m, m->file.error);
}

static void
on_answer(void *arg, const struct ctl_message *message)
{
	struct move_sender *s = arg;
	struct msg_move_answer a;
	struct moving *m;

	if (message->type != CTL_MOVE_ANSWER || message->request == 0)
		return;
	memcpy(&a, message->data, sizeof(a));
	TAILQ_FOREACH(m, &s->all, link)
		if (m->request == message->request)
			break;
	if (m == NULL)
		return;
	m->request = 0;
	m->file.error = a.error == ENOENT ? ESTALE : a.error;	/* ENOENT: it is not here */
	pool_submit(s->leave, m);
	loop_timer_set(s->patience, PATIENCE_MS);
}

static void
on_close(void *arg, bool bad)
{
	lose_channel(arg, EPIPE);
}

static void
on_late(void *arg)
{
	lose_channel(arg, ETIMEDOUT);
}

/* --- what others call --- */

void
move_sender_begin(struct move_sender *s, const char *id, void (*done)(void *arg, int error), void *arg)
{
	struct moving *m = mem_new(struct moving);

	m->sender = s;
	m->file = SPOOL_MOVE_INIT;
	memcpy(m->file.id, id, sizeof(m->file.id));
	m->done = done;
	m->arg = arg;
	TAILQ_INSERT_TAIL(&s->all, m, link);
	pool_submit(s->open, m);
}

void
move_sender_channel(struct move_sender *s, int fd)
{
	lose_channel(s, EPIPE);
	if (fd != -1)
		s->ctl = ctl_new(s->loop, fd, CTL_FROM_HELPER, on_answer, on_close, s);
}

const char *
move_sender_words(int error)
{
	switch (error) {
	case EINVAL:
		return "that virtual server has the very same queue folder";
	case EEXIST:
		return "that virtual server has another message with this id";
	case ENOSPC:
		return "that virtual server takes no mail: its file system is at its reserve "
		    "(disk-reserve)";
	case EDQUOT:
		return "that virtual server takes no mail for its own domains: its drop folder is over its "
		    "quota (drop-quota)";
	case EBUSY:
		return "it is on its way just now; ask again";
	case EAGAIN:
		return "that virtual server has not opened its queue yet; ask again";
	case ESHUTDOWN:
		return "the process of that virtual server ends just now; ask again";
	case ESTALE:
		return "the queue folder of that virtual server is not there";
	case EPIPE:
		return "the process of that virtual server ended before it answered; ask again, as the "
		    "message may be in both queues";
	case ETIMEDOUT:
		return "the process of that virtual server does not answer; the message may be in both "
		    "queues";
	default:
		return strerror(error);
	}
}

struct move_sender *
move_sender_new(struct loop *l, struct pool *pool, struct spool *spool)
{
	struct move_sender *s = mem_new(struct move_sender);

	s->loop = l;
	s->spool = spool;
	s->open = pool_lane_new(pool, 1, 1, run_open, on_opened, s);
	s->leave = pool_lane_new(pool, 1, 1, run_leave, on_gone, s);
	s->patience = loop_timer_new(l, on_late, s);
	TAILQ_INIT(&s->all);
	return s;
}

void
move_sender_free(struct move_sender *s)
{
	struct moving *m;

	while ((m = TAILQ_FIRST(&s->all)) != NULL)
		free_moving(m);
	ctl_free(s->ctl);
	loop_timer_free(s->patience);
	free(s);
}
