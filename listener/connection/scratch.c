/*
 * scratch - content on its way to the mail filters: in a file without a name that pickup has opened, read
 * again when they have said what it is now
 *
 * Runs in:  listener; the file is written and read on pool threads
 * Owns:     the descriptor of each such file, and what is not in it yet
 * Promise:  holds two chunks in memory at most while its owner obeys scratch_is_full(); no job outlives it
 * Fails by: errno to the callback; EAGAIN when no pickup worker comes
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/msg/msg_spool.h"
#include "common/process/pool.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

#define CHUNK INBOUND_CHUNK		/* one write */
static_assert(CHUNK + 2 * INBOUND_PIECE < INBOUND_BUFFER && 2 * INBOUND_BUFFER < CEILINGS_MESSAGE,
    "content holds what its message is counted for");
#define JOBS_AT_ONCE 2

struct scratch_writer {
	struct ctl_client *pickup;
	struct pool_lane *lane;
	LIST_HEAD(, scratch) files;
};

enum scratch_step { STEP_NONE, STEP_OPEN, STEP_WRITE, STEP_READ };

struct scratch {
	struct spool_client_question q;
	LIST_ENTRY(scratch) link;
	struct scratch_writer *writer;
	struct buf gather, writing;	/* not in the file yet; what the job in flight writes */
	int fd;				/* -1: not open */
	int error;			/* the first errno */
	enum scratch_step step;		/* what is under way */
	bool discarding;		/* freed when that is over */
	uint64_t size;			/* of the content so far */
	char *piece;			/* SCRATCH_PIECE bytes, from the first scratch_read() on */
	uint64_t at;
	size_t want;
	void (*room)(void *arg);
	void *room_arg;
	void (*written)(void *arg, int error);
	void (*done)(void *arg, const char *data, size_t len, int error);
	void *arg;
};

static void go_on(struct scratch *s);

static void
free_now(struct scratch *s)
{
	LIST_REMOVE(s, link);
	if (s->fd != -1)
		close(s->fd);
	buf_done(&s->gather);
	buf_done(&s->writing);
	free(s->piece);
	ctl_client_forget(&s->q.base);
}

/* --- the file --- */

static int
send_open(struct spool_client_question *q, struct ctl *c)
{
	return ctl_send(c, CTL_SPOOL_SCRATCH, q->base.request, NULL, 0, -1);
}

static void
on_opened(struct spool_client_question *q, const struct msg_spool_answer *a, const struct ctl_message *reply)
{
	struct scratch *s = (struct scratch *)q;

	s->fd = ctl_take_fd(reply);
	if (s->fd == -1)
		s->error = a->error != 0 ? a->error : EIO;
	s->step = STEP_NONE;
	go_on(s);
}

static void
on_not_opened(struct spool_client_question *q)
{
	struct scratch *s = (struct scratch *)q;

	s->error = EAGAIN;
	s->step = STEP_NONE;
	go_on(s);
}

static const struct spool_client_ops ops = {
	.send = send_open, .answered = on_opened, .failed = on_not_opened,
};

/* --- on pool threads --- */

static void
read_piece(struct scratch *s)
{
	ssize_t n = disk_pread(s->fd, s->piece, s->want, (off_t)s->at);

	s->error = n == -1 ? errno : (size_t)n < s->want ? EIO : 0;
}

static void
run_step(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scratch *s = jobs[i];

		if (s->step == STEP_READ)
			read_piece(s);
		else if (s->error == 0 && disk_write(s->fd, s->writing.data, s->writing.len) == -1)
			s->error = errno;
	}
}

/* --- what is next --- */

static void
after_step(void *arg, void *job)
{
	struct scratch *s = job;
	bool was_read = s->step == STEP_READ;

	s->step = STEP_NONE;
	if (was_read && !s->discarding)
		s->done(s->arg, s->piece, s->want, s->error);	/* may free: touch it no more */
	else
		go_on(s);
}

static void
submit_write(struct scratch *s)
{
	struct buf empty = s->writing;

	s->step = STEP_WRITE;
	s->writing = s->gather;
	s->gather = empty;
	buf_clear(&s->gather);
	pool_submit(s->writer->lane, s);
}

/* Nothing is under way. */
static void
go_on(struct scratch *s)
{
	void (*room)(void *) = s->room;
	void (*written)(void *, int) = s->written;

	if (s->discarding) {
		free_now(s);
		return;
	}
	if (s->error != 0)
		buf_clear(&s->gather);
	else if (s->gather.len >= (written != NULL ? 1 : CHUNK))
		submit_write(s);
	if (written != NULL && s->step == STEP_NONE) {
		s->written = NULL;
		written(s->arg, s->error);	/* may free */
	} else if (room != NULL && !scratch_is_full(s)) {
		s->room = NULL;
		room(s->room_arg);		/* the same */
	}
}

/* --- for inbound_content --- */

struct scratch_writer *
scratch_writer(struct listener *l)
{
	struct scratch_writer *w = mem_new(struct scratch_writer);

	w->pickup = l->helper[CTL_HELPER_PICKUP];
	w->lane = pool_lane_new(l->pool, JOBS_AT_ONCE, 1, run_step, after_step, w);
	return w;
}

void
scratch_writer_free(struct scratch_writer *w)
{
	struct scratch *s;

	while (w != NULL && (s = LIST_FIRST(&w->files)) != NULL)
		free_now(s);
	free(w);
}

struct scratch *
scratch_new(struct scratch_writer *w)
{
	struct scratch *s = spool_client_add(w->pickup, sizeof(*s), &ops);

	s->writer = w;
	s->fd = -1;
	buf_init(&s->gather, SIZE_MAX / 2);	/* bounded by scratch_is_full, which the caller obeys */
	buf_init(&s->writing, SIZE_MAX / 2);
	LIST_INSERT_HEAD(&w->files, s, link);
	s->step = STEP_OPEN;
	ctl_client_ask(&s->q.base);
	return s;
}

void
scratch_add(struct scratch *s, const void *data, size_t len)
{
	s->size += len;
	if (s->error != 0)
		return;
	buf_add(&s->gather, data, len);
	if (s->gather.len >= CHUNK && s->step == STEP_NONE)
		submit_write(s);
}

bool
scratch_is_full(const struct scratch *s)
{
	return s->step != STEP_NONE && s->gather.len >= CHUNK;
}

void
scratch_on_room(struct scratch *s, void (*room)(void *arg), void *arg)
{
	s->room = room;
	s->room_arg = arg;
}

void
scratch_finish(struct scratch *s, void (*written)(void *arg, int error), void *arg)
{
	s->room = NULL;
	s->written = written;
	s->arg = arg;
	if (s->step == STEP_NONE)
		submit_write(s);	/* also of nothing: `written` comes from the loop alone */
}

int
scratch_fd(const struct scratch *s)
{
	return s->fd;
}

uint64_t
scratch_size(const struct scratch *s)
{
	return s->size;
}

void
scratch_read(struct scratch *s, uint64_t at, size_t want,
    void (*done)(void *arg, const char *data, size_t len, int error), void *arg)
{
	if (s->piece == NULL)
		s->piece = mem_array(NULL, SCRATCH_PIECE, 1);
	s->at = at;
	s->want = want;
	s->done = done;
	s->arg = arg;
	s->step = STEP_READ;
	pool_submit(s->writer->lane, s);
}

void
scratch_free(struct scratch *s)
{
	if (s == NULL)
		return;
	s->discarding = true;
	s->room = NULL;
	if (s->step == STEP_NONE || s->step == STEP_OPEN)
		free_now(s);
}
