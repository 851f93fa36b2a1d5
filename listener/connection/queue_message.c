/*
 * queue_message - a message on its way into the queue, by the hands of the pickup worker
 *
 * Runs in:  listener; a large file is written on pool threads
 * Owns:     messages between queue_message_begin and their done callback; the descriptors of their drafts
 * Promise:  done(0) is called only after file and name are on disk, or (acknowledge = safe) the next hop has
 *           the message. A small message goes over whole, and when the worker ends before its answer, again
 *           to its successor, under the same id: it is queued once
 * Fails by: done(errno); EAGAIN when the worker of a large message ended, or none comes
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "common/msg/msg_spool.h"
#include "common/process/pool.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

/*
 * One write of a large message; it is also what a session holds of it. With many sessions in their content
 * smaller writes cost less than the memory. Writes are whole chunks, and chunks powers of two: so each begins
 * where a large page of the kernel may begin, and fills it.
 */
#define CHUNK (128U << 10)
#define CHUNK_OF_MANY (32U << 10)
#define MANY 64
/* What may be gathered until its write begins: the id of a message that goes whole, a chunk, a last piece. */
#define GATHERED(chunk) (MESSAGE_ID_SIZE + (chunk) + 2 * INBOUND_PIECE + MESSAGE_END_SIZE)
#define SMALL (16U << 10)	/* most messages: these hold what they need */
static_assert(2 * (GATHERED(CHUNK) + 1) < CEILINGS_MESSAGE,
    "a message holds what it is counted for, beside its envelope");
static_assert(CHUNK + MESSAGE_END_SIZE <= MSG_SPOOL_FILE_MAX, "what is no large one can go whole");
#define WRITES_AT_ONCE 2

/* The question for a channel for small messages. */
struct channel_question {
	struct spool_client_question q;
	struct queue_writer *writer;
};

struct queue_writer {
	struct ctl_client *pickup, *small;
	size_t small_max;	/* bytes of a struct msg_spool_put */
	struct channel_question *question;
	struct pool_lane *write;
	LIST_HEAD(, queue_message) messages;
	size_t count;
};

enum step {
	STEP_GATHER,	/* nothing is under way */
	STEP_OPEN, STEP_WRITE,
	STEP_PUT,	/* the worker has the whole message, or is to get it */
	STEP_END,	/* the same, of a draft that is written */
};

struct queue_message {
	struct spool_client_question q;
	LIST_ENTRY(queue_message) link;
	struct queue_writer *writer;
	/* The bytes of a struct msg_spool_put: the id, then the file until now. Later the file goes on. */
	struct buf gather;
	size_t skip;		/* of `gather`, at its beginning: no part of the file */
	struct buf writing;	/* what the job in flight writes, from here on */
	size_t from;
	int fd;			/* of the draft; -1: not opened */
	uint64_t size;		/* content so far */
	enum step step;
	bool finishing, discarding;
	bool held;		/* from its first moment in the queue: goes as a draft, however small it is */
	int error;
	char id[MESSAGE_ID_SIZE];
	void (*room)(void *arg);
	void *room_arg;
	void (*done)(void *arg, int error, const char *id);
	void (*refused)(void *arg, const char *words);
	void *done_arg;
};

static void go_on(struct queue_message *m);

static size_t
chunk(const struct queue_writer *w)
{
	return w->count > MANY ? CHUNK_OF_MANY : CHUNK;
}

/* Bytes of the file that wait to be written. */
static size_t
waiting(const struct queue_message *m)
{
	return m->gather.len - m->skip;
}

static void
message_empty(struct queue_message *m)
{
	LIST_REMOVE(m, link);
	m->writer->count--;
	if (m->fd != -1)
		close(m->fd);
	buf_done(&m->gather);
	buf_done(&m->writing);
}

/* The worker forgets its draft, if it has one. */
static void
message_free(struct queue_message *m)
{
	message_empty(m);
	ctl_client_cancel(&m->q.base);
}

static void
message_done(struct queue_message *m, int error)
{
	m->done(m->done_arg, error, m->id);
	message_empty(m);
	ctl_client_forget(&m->q.base);
}

/* --- what the worker is asked --- */

static int
send_step(struct spool_client_question *q, struct ctl *c)
{
	struct queue_message *m = (struct queue_message *)q;
	struct msg_spool_open open = { .held = m->held };

	if (m->step != STEP_OPEN)
		return ctl_send(c, CTL_SPOOL_PUT, q->base.request, m->gather.data, m->gather.len, -1);
	memcpy(open.id, m->id, sizeof(open.id));
	return ctl_send(c, CTL_SPOOL_OPEN, q->base.request, &open, sizeof(open), -1);
}

/* A small message that went to two workers may be in the queue already. */
static bool
is_repeated(const struct queue_message *m)
{
	return m->step == STEP_PUT && m->q.base.repeats > 0;
}

static void
on_answered(struct spool_client_question *q, const struct msg_spool_answer *a,
    const struct ctl_message *reply)
{
	struct queue_message *m = (struct queue_message *)q;

	if (m->step != STEP_OPEN) {
		message_done(m, is_repeated(m) && a->error == EEXIST ? 0 : a->error);
		return;
	}
	m->fd = ctl_take_fd(reply);
	m->error = a->error != 0 ? a->error : m->fd == -1 ? EIO : 0;
	m->step = STEP_GATHER;
	go_on(m);
}

/* By the next hop, before it was stored; nothing is left of it. */
static void
on_refused(struct spool_client_question *q, const char *words)
{
	struct queue_message *m = (struct queue_message *)q;

	m->refused(m->done_arg, words);
	message_empty(m);
	ctl_client_forget(&m->q.base);
}

static void
on_failed(struct spool_client_question *q)
{
	struct queue_message *m = (struct queue_message *)q;

	if (m->error == 0)
		m->error = EAGAIN;
	if (m->finishing) {
		message_done(m, m->error);
		return;
	}
	m->step = STEP_GATHER;
	go_on(m);
}

static const struct spool_client_ops ops = {
	.send = send_step, .answered = on_answered, .refused = on_refused, .failed = on_failed,
};

/* --- the bytes of a large message --- */

/* On a pool thread. */
static void
run_write(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct queue_message *m = jobs[i];

		if (disk_write(m->fd, m->writing.data + m->from, m->writing.len - m->from) == -1)
			m->error = errno;
	}
}

static void
after_write(void *arg, void *job)
{
	struct queue_message *m = job;

	m->step = STEP_GATHER;
	if (chunk(m->writer) < CHUNK)
		buf_done(&m->writing);
	go_on(m);
}

/* Whole chunks; the end of a file as it is. */
static void
submit_write(struct queue_message *m)
{
	size_t rest = m->finishing ? 0 : waiting(m) % chunk(m->writer);
	struct buf empty = m->writing;

	m->step = STEP_WRITE;
	m->writing = m->gather;
	m->from = m->skip;
	m->gather = empty;
	m->skip = 0;
	buf_clear(&m->gather);
	buf_add(&m->gather, buf_text(&m->writing) + m->writing.len - rest, rest);
	buf_cut(&m->writing, rest);
	pool_submit(m->writer->write, m);
}

/* --- what is next --- */

static void
ask(struct queue_message *m, enum step step)
{
	m->step = step;
	ctl_client_ask(&m->q.base);
}

static void
finish_more(struct queue_message *m)
{
	if (m->error != 0)
		ctl_client_fail(&m->q.base, NULL);	/* the callee of `done` is never called from here */
	else if (m->fd == -1 && !m->held && m->gather.len <= m->writer->small_max) {
		ctl_client_move(&m->q.base, m->writer->small);
		ask(m, STEP_PUT);
	} else if (m->fd == -1)
		ask(m, STEP_OPEN);
	else if (waiting(m) > 0)
		submit_write(m);
	else {
		m->step = STEP_END;
		ctl_client_step(&m->q.base, CTL_SPOOL_END, NULL, 0);
	}
}

/* After an error nothing is written any more. */
static void
forget_gathered(struct queue_message *m)
{
	buf_clear(&m->gather);
	m->skip = 0;
}

/* Nothing is under way. */
static void
go_on(struct queue_message *m)
{
	void (*room)(void *);

	if (m->discarding) {
		message_free(m);
		return;
	}
	if (m->finishing) {
		finish_more(m);
		return;
	}
	if (m->error != 0)
		forget_gathered(m);
	else if (waiting(m) >= chunk(m->writer) && m->fd == -1)
		ask(m, STEP_OPEN);
	else if (waiting(m) >= chunk(m->writer))
		submit_write(m);
	room = m->room;
	m->room = NULL;
	if (room != NULL && !queue_message_is_full(m))
		room(m->room_arg); /* may discard or finish: touch m no more */
	else
		m->room = room;
}

/* --- the channel for small messages --- */

static int
send_channel(struct spool_client_question *q, struct ctl *c)
{
	return ctl_send(c, CTL_SPOOL_CHANNEL, q->base.request, NULL, 0, -1);
}

/* A message that is larger than the socket's room can never be sent, and half of it lets the next one in. */
static size_t
small_max(int fd)
{
	int room = 0;
	socklen_t len = sizeof(room);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &len) == -1 || room / 2 < CTL_PAYLOAD_MAX)
		return CTL_PAYLOAD_MAX;
	return MIN((size_t)room / 2, sizeof(struct msg_spool_put));
}

/* Without a descriptor: while messages wait for it, it is asked for again. */
static void
on_channel(struct spool_client_question *q, const struct msg_spool_answer *a, const struct ctl_message *reply)
{
	struct queue_writer *w = ((struct channel_question *)q)->writer;
	int fd = ctl_take_fd(reply);

	if (fd == -1)
		return;
	w->small_max = small_max(fd);
	ctl_client_channel(w->small, fd);
}

static void
on_no_channel(struct spool_client_question *q)
{
}

static const struct spool_client_ops channel_ops = {
	.send = send_channel, .answered = on_channel, .failed = on_no_channel,
};

static void
need_channel(void *arg)
{
	struct queue_writer *w = arg;

	if (w->question->q.base.state == CTL_CLIENT_QUIET)
		ctl_client_ask(&w->question->q.base);
}

/* --- for inbound_content --- */

struct queue_writer *
queue_message_writer(struct listener *l)
{
	struct queue_writer *w = mem_new(struct queue_writer);

	w->pickup = l->helper[CTL_HELPER_PICKUP];
	w->small_max = CTL_PAYLOAD_MAX;
	w->small = spool_client_channel_new(l->boot->loop, need_channel, w);
	w->question = spool_client_add(w->pickup, sizeof(*w->question), &channel_ops);
	w->question->writer = w;
	need_channel(w);
	w->write = pool_lane_new(l->pool, WRITES_AT_ONCE, 1, run_write, after_write, w);
	return w;
}

void
queue_message_writer_free(struct queue_writer *w)
{
	struct queue_message *m;

	while ((m = LIST_FIRST(&w->messages)) != NULL)
		message_free(m);
	ctl_client_free(w->small);
	ctl_client_forget(&w->question->q.base);
	free(w);
}

struct queue_message *
queue_message_begin(struct queue_writer *w, const struct message_envelope *e)
{
	struct queue_message *m = spool_client_add(w->pickup, sizeof(*m), &ops);
	struct message_envelope named = *e;	/* shallow */

	m->writer = w;
	LIST_INSERT_HEAD(&w->messages, m, link);
	w->count++;
	m->fd = -1;
	m->skip = MESSAGE_ID_SIZE;
	if (e->id[0] != '\0')
		memcpy(m->id, e->id, sizeof(m->id));
	else
		message_id_make(m->id, clock_wall_us(), chance_u32());
	memcpy(named.id, m->id, sizeof(named.id));
	/* bounded by queue_message_is_full, which the caller obeys */
	buf_init(&m->gather, SIZE_MAX / 2);
	buf_init(&m->writing, SIZE_MAX / 2);
	buf_add(&m->gather, m->id, sizeof(m->id));
	if (message_envelope_format(&named, &m->gather) == 0)
		return m;
	message_free(m);
	errno = EINVAL;
	return NULL;
}

void
queue_message_hold(struct queue_message *m)
{
	m->held = true;
}

const char *
queue_message_id(const struct queue_message *m)
{
	return m->id;
}

void
queue_message_add(struct queue_message *m, const void *data, size_t len)
{
	m->size += len;
	if (m->error != 0)
		return;
	/* A large one gets its room at once: growing step by step would copy it as often. */
	if (m->gather.len + len > SMALL)
		buf_reserve(&m->gather, GATHERED(chunk(m->writer)));
	buf_add(&m->gather, data, len);
	if (waiting(m) >= chunk(m->writer) && m->step == STEP_GATHER)
		go_on(m);
}

bool
queue_message_is_full(const struct queue_message *m)
{
	return m->step != STEP_GATHER && waiting(m) >= chunk(m->writer);
}

void
queue_message_on_room(struct queue_message *m, void (*room)(void *arg), void *arg)
{
	m->room = room;
	m->room_arg = arg;
}

void
queue_message_finish(struct queue_message *m, void (*done)(void *arg, int error, const char *id),
    void (*refused)(void *arg, const char *words), void *arg)
{
	char end[MESSAGE_END_SIZE];

	message_end_format(end, m->size);
	buf_add(&m->gather, end, sizeof(end));
	m->done = done;
	m->refused = refused;
	m->done_arg = arg;
	m->finishing = true;
	m->room = NULL;
	if (m->step == STEP_GATHER)
		go_on(m);
}

void
queue_message_discard(struct queue_message *m)
{
	if (m == NULL)
		return;
	m->discarding = true;
	m->room = NULL;
	if (m->step != STEP_WRITE)
		go_on(m);
}
