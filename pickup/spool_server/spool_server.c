/*
 * spool_server - puts large messages of the listeners into the queue, opens the way for small ones, and
 * writes the protocol log
 *
 * Runs in:  pickup; on its loop
 * Owns:     the channels of the listeners, their drafts until they are in the queue
 * Promise:  an answer without error comes after file and name are on disk. A channel ends with its listener:
 *           so does the worker, when it drains or stops
 * Fails by: errno in the answer
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_spool.h"
#include "common/w3clog/w3clog.h"
#include "pickup/spool_server/spool_server.h"

#define QUESTIONS_MAX 16384		/* of one listener, drafts of sessions that are slow included */
#define BYTES_MAX (64U << 20)		/* lines that wait for the disk, of all listeners */
#define HOUR_US INT64_C(3600000000)
#define SCRATCH_BATCH 16

struct spool_server {
	struct ctl_server_list channels;
	struct enqueue *enqueue;
	struct message_channel_list *messages;
	struct offers *offers;		/* owned by `messages`; NULL: nothing is offered */
	LIST_HEAD(, question) ways;		/* of those channels */
	struct spool *spool;
	struct disk_reserve *reserve;
	bool has_quota;			/* of the drop folder */
	struct w3clog_file *log;	/* NULL: none is kept */
	struct pool_lane *log_lane, *room_lane, *scratch_lane;
	void (*changed)(void *arg);
	void *arg;
	size_t active;			/* questions that the pool has */
	size_t bytes;			/* their lines */
};

enum question_kind { QUESTION_DRAFT, QUESTION_LOG, QUESTION_ROOM, QUESTION_CHANNEL, QUESTION_SCRATCH };

struct question {
	struct ctl_server_question open;
	enum question_kind kind;
	struct spool_server *k;
	struct enqueue_message *message;	/* NULL: it is being finished, or there is none */
	bool opening;
	struct message_channel *messages;
	LIST_ENTRY(question) way;
	size_t bytes;
	struct w3clog_batch *batch;
	int64_t drop_bytes;
	int error;
	struct spool_room room;
	bool room_failed;
	int fd;				/* of the scratch file */
};

/* --- answers --- */

static void
answer(struct question *q, const struct msg_spool_answer *a, int fd)
{
	if (q->open.server != NULL)
		ctl_server_answer(q->open.server, CTL_SPOOL_ANSWER, q->open.request, a, sizeof(*a), fd);
}

/* The question is over. */
static void
end_question(struct question *q, const struct msg_spool_answer *a, int fd)
{
	struct spool_server *k = q->k;

	answer(q, a, fd);
	ctl_server_close(&q->open);
	k->bytes -= q->bytes;
	free(q);
	k->changed(k->arg);
}

static struct question *
open_question(struct spool_server *k, struct ctl_server *s, uint32_t request, enum question_kind kind)
{
	struct question *q = mem_new(struct question);

	q->kind = kind;
	q->k = k;
	ctl_server_open(s, &q->open, request);
	return q;
}

/* --- messages --- */

static void
on_queued(void *arg, int error, const char *id)
{
	struct question *q = arg;

	q->k->active--;
	end_question(q, &(struct msg_spool_answer){ .error = error }, -1);
}

static void
finish_draft(struct question *q)
{
	struct enqueue_message *m = q->message;

	q->message = NULL;
	q->k->active++;
	enqueue_finish(m, on_queued, q);
}

static void
on_opened(void *arg, int fd, int error)
{
	struct question *q = arg;

	q->k->active--;
	q->opening = false;
	if (q->open.server == NULL) {	/* its listener has gone */
		enqueue_discard(q->message);
		end_question(q, &(struct msg_spool_answer){ 0 }, -1);
	} else if (fd == -1) {
		enqueue_discard(q->message);
		end_question(q, &(struct msg_spool_answer){ .error = error }, -1);
	} else {
		answer(q, &(struct msg_spool_answer){ 0 }, fd);
	}
	if (fd != -1)
		close(fd);
}

static void
open_draft(struct spool_server *k, struct ctl_server *s, uint32_t request, const char *id, bool held)
{
	struct question *q = open_question(k, s, request, QUESTION_DRAFT);

	q->message = enqueue_whole(k->enqueue, id);
	if (held)
		enqueue_hold(q->message);
	q->opening = true;
	k->active++;
	enqueue_open(q->message, on_opened, q);
}

/* Of the listener, or because it has gone. */
static void
drop_draft(struct question *q)
{
	ctl_server_close(&q->open);
	if (q->messages != NULL)
		message_channel_end(q->messages);
	if (q->kind != QUESTION_DRAFT || q->opening || q->message == NULL)
		return;		/* a job has it, and frees it */
	enqueue_discard(q->message);
	end_question(q, &(struct msg_spool_answer){ 0 }, -1);
}

/* --- the protocol log --- */

static void
run_log(void *arg, void **jobs, size_t n)
{
	struct spool_server *k = arg;

	for (size_t i = 0; i < n; i++)
		if (k->log != NULL)	/* else a listener of before a reload keeps one */
			w3clog_file_append(k->log, ((struct question *)jobs[i])->batch);
}

static void
after_log(void *arg, void *job)
{
	struct question *q = job;
	struct msg_spool_answer a = { .error = q->batch->error, .lost = (uint32_t)q->batch->lost };

	q->k->active--;
	w3clog_batch_free(q->batch);
	end_question(q, &a, -1);
}

/* A time far from ours would name any number of files. */
static int64_t
sensible_time(int64_t time_us)
{
	int64_t now = clock_wall_us();

	return time_us > now - 2 * HOUR_US && time_us < now + 2 * HOUR_US ? time_us : now;
}

static bool
write_log(struct spool_server *k, struct ctl_server *s, const struct ctl_message *m)
{
	struct msg_spool_log head;
	struct w3clog_batch *b;
	struct question *q;

	memcpy(&head, m->data, offsetof(struct msg_spool_log, text));
	if (head.format != CONFIG_LOG_W3C && head.format != CONFIG_LOG_JSON)
		return false;
	b = mem_new(struct w3clog_batch);
	b->time_us = sensible_time(head.time_us);
	b->format = (enum config_log_format)head.format;
	b->fields = head.fields;
	b->lines = head.lines;
	buf_init(&b->text, MSG_SPOOL_LOG_MAX);
	buf_add(&b->text, (const char *)m->data + offsetof(struct msg_spool_log, text),
	    m->len - offsetof(struct msg_spool_log, text));
	b->reopen = b->text.len == 0;
	q = open_question(k, s, m->request, QUESTION_LOG);
	q->batch = b;
	q->bytes = b->text.len;
	k->bytes += q->bytes;
	k->active++;
	pool_submit(k->log_lane, q);
	return true;
}

/* --- room --- */

static void
run_room(void *arg, void **jobs, size_t n)
{
	struct spool_server *k = arg;

	for (size_t i = 0; i < n; i++) {
		struct question *q = jobs[i];

		q->room_failed = spool_room(k->spool, &q->room) == -1;
		q->drop_bytes = k->has_quota ? spool_drop_size(k->spool) : 0;
		q->error = q->drop_bytes == -1 ? errno : 0;
	}
}

static void
after_room(void *arg, void *job)
{
	struct question *q = job;

	q->k->active--;
	if (!q->room_failed)
		disk_reserve_found(q->k->reserve, &q->room);
	end_question(q, &(struct msg_spool_answer){ .error = q->error, .drop_bytes = q->drop_bytes,
	    .disk_is_short = disk_reserve_is_short(q->k->reserve) }, -1);
}

static void
count_room(struct spool_server *k, struct ctl_server *s, uint32_t request)
{
	k->active++;
	pool_submit(k->room_lane, open_question(k, s, request, QUESTION_ROOM));
}

/* --- scratch files: the listener's from the answer on --- */

static void
run_scratch(void *arg, void **jobs, size_t n)
{
	struct spool_server *k = arg;

	for (size_t i = 0; i < n; i++) {
		struct question *q = jobs[i];

		q->fd = spool_draft_scratch(k->spool);
		q->error = q->fd == -1 ? errno : 0;
	}
}

static void
after_scratch(void *arg, void *job)
{
	struct question *q = job;
	int fd = q->fd;

	q->k->active--;
	end_question(q, &(struct msg_spool_answer){ .error = q->error }, fd);
	if (fd != -1)
		close(fd);
}

static void
open_scratch(struct spool_server *k, struct ctl_server *s, uint32_t request)
{
	k->active++;
	pool_submit(k->scratch_lane, open_question(k, s, request, QUESTION_SCRATCH));
}

/* --- the way for small messages: the question stays open as long as that channel --- */

static void
on_messages_over(void *arg)
{
	struct question *q = arg;
	struct spool_server *k = q->k;

	LIST_REMOVE(q, way);
	ctl_server_close(&q->open);
	free(q);
	k->changed(k->arg);
}

/* One at a time, so that a listener that was taken over has no more than its own. */
static bool
has_way(const struct spool_server *k, const struct ctl_server *s)
{
	const struct question *q;

	LIST_FOREACH(q, &k->ways, way)
		if (q->open.server == s)
			return true;
	return false;
}

static void
open_messages(struct spool_server *k, struct ctl_server *s, uint32_t request)
{
	bool has = has_way(k, s);	/* the one before still writes: its listener asks again */
	struct question *q = open_question(k, s, request, QUESTION_CHANNEL);
	int fd = -1;

	errno = EAGAIN;
	q->messages = has ? NULL : message_channel_open(k->messages, &fd, on_messages_over, q);
	if (q->messages == NULL) {
		end_question(q, &(struct msg_spool_answer){ .error = errno }, -1);
		return;
	}
	LIST_INSERT_HEAD(&k->ways, q, way);
	answer(q, &(struct msg_spool_answer){ 0 }, fd);
	close(fd);
}

/* --- channels --- */

/* The worker that asked may ask again; what it has open stays. */
static void
refuse_now(struct ctl_server *s, uint32_t request)
{
	struct msg_spool_answer later = { .error = EAGAIN, .drop_bytes = -1 };

	ctl_server_answer(s, CTL_SPOOL_ANSWER, request, &later, sizeof(later), -1);
}

static bool
on_asked(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	struct spool_server *k = arg;
	struct question *q = (struct question *)ctl_server_find(s, m->request);
	bool known = q != NULL && q->kind == QUESTION_DRAFT && q->message != NULL && !q->opening;
	char id[MESSAGE_ID_SIZE];

	if (m->type == CTL_SPOOL_DROP) {	/* of a draft that is open, or about to be */
		if (known || (q != NULL && q->opening))
			drop_draft(q);
		return true;
	}
	if (m->type == CTL_SPOOL_END) {
		if (known)
			finish_draft(q);
		return known;
	}
	if (q != NULL)
		return false;
	if (ctl_server_is_full(s) || k->bytes + m->len > BYTES_MAX) {
		refuse_now(s, m->request);
		return true;
	}
	if (m->type == CTL_SPOOL_LOG)
		return write_log(k, s, m);
	if (m->type == CTL_SPOOL_ROOM) {
		count_room(k, s, m->request);
		return true;
	}
	if (m->type == CTL_SPOOL_CHANNEL) {
		open_messages(k, s, m->request);
		return true;
	}
	if (m->type == CTL_SPOOL_SCRATCH) {
		open_scratch(k, s, m->request);
		return true;
	}
	if (!msg_spool_id(id, m->data, m->len))
		return false;
	open_draft(k, s, m->request, id, msg_spool_is_held(m->data, m->len));
	return true;
}

static void
on_left(struct ctl_server_question *open)
{
	drop_draft((struct question *)open);
}

static void
on_channel_gone(void *arg)
{
	struct spool_server *k = arg;

	k->changed(k->arg);
}

static const struct ctl_server_kind kind = {
	.part = "pickup", .questions_max = QUESTIONS_MAX, .asked = on_asked, .left = on_left,
	.gone = on_channel_gone,
};

void
spool_server_channel(struct spool_server *k, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (boot_helper_introduced(m, &channel))
		ctl_server_join(&k->channels, &kind, m, &channel);
}

static void
need_deliver(void *arg)
{
	boot_need(arg, CTL_HELPER_DELIVER);
}

void
spool_server_deliver(struct spool_server *k, int fd)
{
	if (k->offers != NULL)
		offers_channel(k->offers, fd);
	else
		close(fd);
}

bool
spool_server_is_idle(const struct spool_server *k)
{
	return k->channels.count == 0 && k->active == 0 && message_channel_list_is_empty(k->messages);
}

struct spool_server *
spool_server_new(const struct boot *b, struct pool *pool, struct enqueue *enqueue, struct spool *spool,
    struct disk_reserve *reserve, void (*changed)(void *arg), void *arg)
{
	struct spool_server *k = mem_new(struct spool_server);

	k->enqueue = enqueue;
	if (b->server->acknowledge == CONFIG_ACKNOWLEDGE_SAFE)
		k->offers = offers_new(b->loop, enqueue, b->counters, need_deliver, mem_unconst(b));
	k->messages = message_channel_list_new(b->loop, enqueue, k->offers);
	k->spool = spool;
	k->reserve = reserve;
	k->has_quota = b->server->default_domain->drop_quota != CONFIG_UNLIMITED;
	k->changed = changed;
	k->arg = arg;
	k->log = w3clog_file_new(b->config, b->server);
	k->log_lane = pool_lane_new(pool, 1, 1, run_log, after_log, k);
	k->room_lane = pool_lane_new(pool, 1, 1, run_room, after_room, k);
	k->scratch_lane = pool_lane_new(pool, 1, SCRATCH_BATCH, run_scratch, after_scratch, k);
	ctl_server_list_init(&k->channels, b->loop, k);
	return k;
}

void
spool_server_close(struct spool_server *k)
{
	ctl_server_list_done(&k->channels);
	message_channel_list_free(k->messages);
}

void
spool_server_free(struct spool_server *k)
{
	w3clog_file_free(k->log);
	free(k);
}
