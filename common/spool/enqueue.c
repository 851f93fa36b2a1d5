/*
 * enqueue - the way into the queue for processes with a loop
 *
 * Runs in:  deliver, pickup; files are touched on pool threads only
 * Owns:     messages between enqueue_begin and their done callback
 * Promise:  done(0) is called only after file and name are on disk; the hint is sent after that. A message is
 *           in the queue or in the drop folder then
 * Fails by: done(errno); the file is gone then
 */
#include "common/spool/enqueue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool_offer.h"
#include "common/spool/spool_private.h"

#define LANES 2		/* one syncs while the next one gathers and writes */

struct enqueue {
	struct pool_lane *write, *commit;
	struct spool *spool;
	struct counters *counters;
	struct straight_rules straight;
	int hint_fd;
	bool in_turn;			/* one commit at a time, with `turn` */
	pthread_mutex_t turn;
};

enum enqueue_step { STEP_GATHER, STEP_OPEN, STEP_WRITE, STEP_COMMIT, STEP_DISCARD };

struct enqueue_message {
	struct enqueue *in;
	struct spool_draft *draft;
	struct buf gather;	/* content not yet handed to a job */
	struct buf writing;	/* content the job in flight writes */
	enum enqueue_step step;	/* what the job in flight does; STEP_GATHER: none */
	bool finishing, discarding;
	int error;
	char id[MESSAGE_ID_SIZE];
	void (*room)(void *arg);
	void *room_arg;
	void (*opened)(void *arg, int fd, int error);
	void *opened_arg;
	int fd;			/* result of STEP_OPEN */
	void (*done)(void *arg, int error, const char *id);
	void *done_arg;
};

static void
message_free(struct enqueue_message *m)
{
	buf_done(&m->gather);
	buf_done(&m->writing);
	free(m);
}

/* --- on pool threads --- */

static void
run_write(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct enqueue_message *m = jobs[i];

		if (m->step == STEP_OPEN) {
			m->fd = spool_draft_open(m->draft);
			m->error = errno;
		} else if (m->step == STEP_WRITE) {
			/* the error stays in the draft */
			(void)!spool_draft_write(m->draft, m->writing.data, m->writing.len);
		} else {
			spool_draft_free(m->draft);
			m->draft = NULL;
		}
	}
}

/*
 * A held message is not to be tried, as a hint would have it. So a hint counts as lost, and one without an id
 * has the deliver process look at that count: its scan finds the message as what it is.
 */
static void
hint_of_held(struct enqueue *in)
{
	counters_add(in->counters, COUNTER_HINTS_LOST, 1);
	if (in->hint_fd != -1)
		(void)!send(in->hint_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A hint only saves waiting: one that does not fit is lost. */
static void
send_hints(struct enqueue *in, struct spool_draft **drafts, size_t n)
{
	char ids[ENQUEUE_BATCH * MESSAGE_ID_LEN];
	size_t len = 0;

	bool held = false;

	for (size_t i = 0; i < n; i++)
		if (spool_draft_error(drafts[i]) == 0 && spool_draft_is_held(drafts[i])) {
			held = true;
		} else if (spool_draft_error(drafts[i]) == 0) {
			memcpy(ids + len, spool_draft_id(drafts[i]), MESSAGE_ID_LEN);
			len += MESSAGE_ID_LEN;
		}
#ifdef POSTERN_TEST
	if (getenv("POSTERN_NO_HINTS") != NULL)
		return;
#endif
	if (held)
		hint_of_held(in);
	if (len > 0 && in->hint_fd != -1 && send(in->hint_fd, ids, len, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		counters_add(in->counters, COUNTER_HINTS_LOST, (int64_t)(len / MESSAGE_ID_LEN));
}

static void
commit_drafts(struct enqueue *in, struct spool_draft **drafts, size_t n)
{
	spool_draft_commit(drafts, n);
	send_hints(in, drafts, n);
	disk_crash_point("enqueue-hinted");
}

/* The last bytes go into the file of the draft when it has one: else it may need none. */
static void
end_file(struct enqueue_message *m)
{
	/* the error stays in the draft */
	(void)!spool_draft_end(m->draft, m->writing.data, m->writing.len);
}

static void
look_at_draft(const struct enqueue *in, struct straight *to, struct enqueue_message *m)
{
	const struct buf *head = spool_draft_head(m->draft);
	int fd = spool_draft_fd(m->draft);

	if (in->straight.judge == NULL || spool_draft_is_held(m->draft)) {
		straight_none(to);
	} else if (fd == -1) {
		straight_parts(to, m->id, head->data, head->len, m->writing.data, m->writing.len);
	} else {
		end_file(m);
		straight_file(to, m->id, fd);
	}
}

/* Those that went straight into the drop folder leave; the others are in `rest`, ended. How many. */
static size_t
drop_messages(struct enqueue *in, struct enqueue_message **jobs, size_t n, struct enqueue_message **rest)
{
	struct straight *list = mem_array(NULL, n, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		look_at_draft(in, &list[i], jobs[i]);
	straight_write(in->spool, &in->straight, list, n);
	for (size_t i = 0; i < n; i++) {
		if (!list[i].dropped) {
			if (list[i].fd == -1)
				end_file(jobs[i]);
			rest[count++] = jobs[i];
		}
		straight_done(&list[i]);
	}
	free(list);
	return count;
}

bool
enqueue_takes_turns(const struct enqueue *in)
{
	return in->in_turn;
}

bool
enqueue_turn_begin(struct enqueue *in)
{
	if (!in->in_turn || pthread_mutex_trylock(&in->turn) == 0)
		return false;
	pthread_mutex_lock(&in->turn);
	return true;
}

void
enqueue_turn_end(struct enqueue *in)
{
	if (in->in_turn)
		pthread_mutex_unlock(&in->turn);
}

static void
run_commit(void *arg, void **jobs, size_t n)
{
	struct enqueue_message *rest[ENQUEUE_BATCH];
	struct spool_draft *drafts[ENQUEUE_BATCH];
	size_t count;

	enqueue_turn_begin(arg);
	count = drop_messages(arg, (struct enqueue_message **)jobs, n, rest);
	for (size_t i = 0; i < count; i++)
		drafts[i] = rest[i]->draft;
	if (count > 0)
		commit_drafts(arg, drafts, count);
	enqueue_turn_end(arg);
	for (size_t i = 0; i < n; i++) {
		struct enqueue_message *m = jobs[i];

		m->error = spool_draft_error(m->draft);		/* none in one that was dropped */
		spool_draft_free(m->draft);
		m->draft = NULL;
	}
}

/* The same for whole messages. */
static size_t
drop_files(struct enqueue *in, struct enqueue_file *file, size_t n, struct enqueue_file **rest)
{
	struct straight *list = mem_array(NULL, n, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		straight_bytes(&list[i], file[i].id, file[i].data, file[i].len);
	straight_write(in->spool, &in->straight, list, n);
	for (size_t i = 0; i < n; i++) {
		file[i].error = 0;
		if (!list[i].dropped)
			rest[count++] = &file[i];
		straight_done(&list[i]);
	}
	free(list);
	return count;
}

void
enqueue_write(struct enqueue *in, struct enqueue_file *file, size_t n)
{
	struct enqueue_file *rest[ENQUEUE_BATCH];
	size_t count;

	for (size_t i = 0; i < n; i++)
		file[i].draft = NULL;
	count = drop_files(in, file, n, rest);
	for (size_t i = 0; i < count; i++) {
		rest[i]->draft = spool_draft_whole(in->spool, rest[i]->id);
		/* the error stays in the draft */
		(void)!spool_draft_end(rest[i]->draft, rest[i]->data, rest[i]->len);
	}
}

void
enqueue_commit(struct enqueue *in, struct spool_draft **drafts, size_t n)
{
	if (n > 0)
		commit_drafts(in, drafts, n);
}

void
enqueue_now(struct enqueue *in, struct enqueue_file *file, size_t n)
{
	struct spool_draft *drafts[ENQUEUE_BATCH];
	size_t count = 0;

	enqueue_write(in, file, n);
	for (size_t i = 0; i < n; i++)
		if (file[i].draft != NULL)
			drafts[count++] = file[i].draft;
	enqueue_commit(in, drafts, count);
	for (size_t i = 0; i < n; i++) {
		if (file[i].draft == NULL)
			continue;
		file[i].error = spool_draft_error(file[i].draft);
		spool_draft_free(file[i].draft);
	}
}

/* --- on the loop --- */

static void
submit_step(struct enqueue_message *m, enum enqueue_step step)
{
	struct buf empty;

	m->step = step;
	empty = m->writing;
	m->writing = m->gather;
	m->gather = empty;
	buf_clear(&m->gather);
	pool_submit(step == STEP_COMMIT ? m->in->commit : m->in->write, m);
}

static void
after_open(struct enqueue_message *m)
{
	m->step = STEP_GATHER;
	if (!m->discarding) {
		m->opened(m->opened_arg, m->fd, m->fd == -1 ? m->error : 0);
		return;		/* m may be gone */
	}
	if (m->fd != -1)
		close(m->fd);
	submit_step(m, STEP_DISCARD);
}

static void
after_write(void *arg, void *job)
{
	void (*room)(void *);
	struct enqueue_message *m = job;

	if (m->step == STEP_DISCARD) {
		message_free(m);
		return;
	}
	if (m->step == STEP_OPEN) {
		after_open(m);
		return;
	}
	m->step = STEP_GATHER;
	if (m->discarding) {
		submit_step(m, STEP_DISCARD);
		return;
	}
	if (m->finishing) {
		submit_step(m, STEP_COMMIT);
		return;
	}
	if (m->gather.len >= ENQUEUE_CHUNK)
		submit_step(m, STEP_WRITE);
	room = m->room;
	m->room = NULL;
	if (room != NULL)
		room(m->room_arg); /* may discard or finish: touch m no more */
}

static void
after_commit(void *arg, void *job)
{
	struct enqueue_message *m = job;

	m->done(m->done_arg, m->error, m->id);
	message_free(m);
}

struct enqueue *
enqueue_new(struct pool *pool, struct spool *spool, int hint_fd, struct counters *counters)
{
	struct enqueue *in = mem_new(struct enqueue);

	in->spool = spool;
	in->counters = counters;
	in->hint_fd = hint_fd;
	in->in_turn = spool_commit_is_batch(spool);
	pthread_mutex_init(&in->turn, NULL);
	in->write = pool_lane_new(pool, LANES, 1, run_write, after_write, in);
	in->commit = pool_lane_new(pool, in->in_turn ? 1 : LANES, ENQUEUE_BATCH, run_commit,
	    after_commit, in);
	return in;
}

void
enqueue_straight(struct enqueue *in, const struct straight_rules *rules)
{
	in->straight = *rules;
}

void
enqueue_free(struct enqueue *in)
{
	pthread_mutex_destroy(&in->turn);
	free(in);
}

static struct enqueue_message *
begin_draft(struct enqueue *in, struct spool_draft *draft)
{
	struct enqueue_message *m = mem_new(struct enqueue_message);

	m->in = in;
	m->draft = draft;
	memcpy(m->id, spool_draft_id(draft), sizeof(m->id));
	buf_init(&m->gather, SIZE_MAX / 2); /* bounded by enqueue_is_full, which the caller obeys */
	buf_init(&m->writing, SIZE_MAX / 2);
	return m;
}

struct enqueue_message *
enqueue_begin(struct enqueue *in, const struct message_envelope *e)
{
	struct spool_draft *draft = spool_draft_new(in->spool, e);

	return draft != NULL ? begin_draft(in, draft) : NULL;
}

struct enqueue_message *
enqueue_whole(struct enqueue *in, const char *id)
{
	return begin_draft(in, spool_draft_whole(in->spool, id));
}

void
enqueue_hold(struct enqueue_message *m)
{
	spool_draft_hold(m->draft);
}

void
enqueue_open(struct enqueue_message *m, void (*opened)(void *arg, int fd, int error), void *arg)
{
	m->opened = opened;
	m->opened_arg = arg;
	submit_step(m, STEP_OPEN);
}

void
enqueue_name(struct enqueue_message *m, const char *id)
{
	spool_draft_name(m->draft, id);
	memcpy(m->id, id, sizeof(m->id));
}

void
enqueue_add(struct enqueue_message *m, const void *data, size_t len)
{
	buf_add(&m->gather, data, len);
	if (m->gather.len >= ENQUEUE_CHUNK && m->step == STEP_GATHER)
		submit_step(m, STEP_WRITE);
}

bool
enqueue_is_full(const struct enqueue_message *m)
{
	return m->step != STEP_GATHER && m->gather.len >= ENQUEUE_CHUNK;
}

void
enqueue_on_room(struct enqueue_message *m, void (*room)(void *arg), void *arg)
{
	m->room = room;
	m->room_arg = arg;
}

void
enqueue_finish(struct enqueue_message *m, void (*done)(void *arg, int error, const char *id), void *arg)
{
	m->done = done;
	m->done_arg = arg;
	m->finishing = true;
	m->room = NULL;
	if (m->step == STEP_GATHER)
		submit_step(m, STEP_COMMIT);
}

void
enqueue_discard(struct enqueue_message *m)
{
	if (m == NULL)
		return;
	m->discarding = true;
	m->room = NULL;
	if (m->step == STEP_GATHER)
		submit_step(m, STEP_DISCARD);
}
