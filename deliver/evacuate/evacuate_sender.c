/*
 * evacuate_sender - brings messages to another node, and removes what that node has
 *
 * Runs in:  deliver, on the loop; files are opened, read and removed on pool threads
 * Owns:     what belongs to a message on its way; not its record
 * Promise:  a message is removed here after it was answered with 250. Whatever the host does, each message
 *           ends: with an answer, with the connection, or after EVACUATE_PATIENCE_MS without a byte
 * Fails by: errno in `done`; the message stays, and may be there, too: then the next try says so
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "deliver/evacuate/evacuate_private.h"

#define LINGER_MS 5000		/* the connection waits so long for the next page of a command */
#define THREADS 4

/* --- on a thread --- */

static int
read_note(struct leaving *l)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (l->file.note == -1)
		return 0;
	if (fstat(l->file.note, &st) == -1)
		return -1;
	text = mem_array(NULL, (size_t)st.st_size + 1, 1);
	n = disk_pread(l->file.note, text, (size_t)st.st_size, 0);
	if (n > 0)
		evacuate_words_copy_note(text, (size_t)n, &l->note);
	free(text);
	if (buf_ok(&l->note))
		return n == -1 ? -1 : 0;
	errno = EFBIG;
	return -1;
}

static int
read_piece(struct leaving *l)
{
	off_t left = l->file.most - l->at;
	size_t want = left < (off_t)EVACUATE_PIECE ? (size_t)left : EVACUATE_PIECE;
	char *to;
	ssize_t n;

	buf_clear(&l->piece);
	to = buf_room(&l->piece, want);
	n = to != NULL ? disk_pread(l->file.fd, to, want, l->at) : -1;
	if (n < (ssize_t)want) {
		errno = n == -1 ? errno : EIO;
		return -1;
	}
	l->piece.len = want;
	l->at += n;
	return 0;
}

static int
open_files(struct evacuate_sender *s, struct leaving *l)
{
	return spool_move_open(s->spool, &l->file) == -1 || read_note(l) == -1 ? -1 : read_piece(l);
}

static void
run_step(void *arg, void **jobs, size_t n)
{
	struct evacuate_sender *s = arg;

	for (size_t i = 0; i < n; i++) {
		struct leaving *l = jobs[i];
		int rc = 0;

		if (l->step == LEAVING_OPEN) {
			rc = open_files(s, l);
		} else if (l->step == LEAVING_READ) {
			rc = read_piece(l);
		} else if (l->file.error == 0) {
			disk_crash_point("evacuate-answered");
			rc = spool_move_leave(s->spool, l->file.id);
		}
		if (rc == -1)
			l->file.error = errno;
	}
}

static void
submit(struct leaving *l, enum leaving_step step)
{
	l->step = step;
	pool_submit(l->sender->lane, l);
}

/* --- the end of a message --- */

static void
free_leaving(struct leaving *l)
{
	TAILQ_REMOVE(&l->sender->all, l, link);
	spool_move_close(&l->file);	/* gives up the lock */
	buf_done(&l->note);
	buf_done(&l->piece);
	free(l);
}

static void
end_leaving(struct leaving *l)
{
	void (*done)(void *arg, int error) = l->done;
	void *arg = l->arg;
	int error = l->file.error;

	free_leaving(l);
	done(arg, error);
}

/* --- back on the loop --- */

static void
on_ready(struct evacuate_sender *s, struct leaving *l)
{
	l->step = LEAVING_READY;
	if (s->state == LINK_NONE)
		evacuate_link_open(s);
	else if (s->state == LINK_BROKEN) {
		l->file.error = ECONNREFUSED;
		submit(l, LEAVING_LEAVE);
	} else if (s->state == LINK_OPEN)
		evacuate_link_pump(s);
}

/* Half of it may have left: without the rest nothing else can follow. */
static void
on_read(struct evacuate_sender *s, struct leaving *l)
{
	int error = l->file.error;

	l->step = LEAVING_SENDING;
	if (s->state != LINK_OPEN || s->now != l)
		submit(l, LEAVING_LEAVE);
	else if (error != 0)
		evacuate_link_break(s, error);
	else
		evacuate_link_pump(s);
}

static void
after_step(void *arg, void *job)
{
	struct evacuate_sender *s = arg;
	struct leaving *l = job;

	if (l->step == LEAVING_READ) {
		if (l->file.error == 0 && (s->state != LINK_OPEN || s->now != l))
			l->file.error = EPIPE;
		on_read(s, l);
	} else if (l->step == LEAVING_OPEN && l->file.error == 0) {
		on_ready(s, l);
	} else {
		if (l->step == LEAVING_LEAVE && l->file.error == 0)
			counters_add(s->boot->counters, COUNTER_EVACUATED_OUT, 1);
		end_leaving(l);
	}
}

static void
on_late(void *arg)
{
	struct evacuate_sender *s = arg;

	if (!TAILQ_EMPTY(&s->all))
		evacuate_link_break(s, ETIMEDOUT);
	else
		evacuate_link_quit(s);
}

/* --- what others call --- */

void
evacuate_sender_open(struct evacuate_sender *s, const char *host)
{
	if (s->state == LINK_OPEN && strcmp(s->host, host) == 0) {
		loop_timer_set(s->patience, EVACUATE_PATIENCE_MS);
		return;
	}
	if (s->state != LINK_NONE)
		evacuate_link_close(s);
	snprintf(s->host, sizeof(s->host), "%s", host);
	s->why[0] = s->said[0] = '\0';
}

void
evacuate_sender_close(struct evacuate_sender *s)
{
	if (s->state == LINK_OPEN)
		loop_timer_set(s->patience, LINGER_MS);
}

void
evacuate_sender_begin(struct evacuate_sender *s, const char *id, void (*done)(void *arg, int error),
    void *arg)
{
	struct leaving *l = mem_new(struct leaving);

	l->sender = s;
	l->file = SPOOL_MOVE_INIT;
	memcpy(l->file.id, id, sizeof(l->file.id));
	l->note = BUF_INIT(EVACUATE_NOTE_MAX);
	l->piece = BUF_INIT(EVACUATE_PIECE);
	l->done = done;
	l->arg = arg;
	TAILQ_INSERT_TAIL(&s->all, l, link);
	submit(l, LEAVING_OPEN);
}

const char *
evacuate_sender_words(struct evacuate_sender *s, int error)
{
	const char *words = evacuate_words_error(error);

	if (error == ECONNREFUSED)
		snprintf(s->words, sizeof(s->words), "%.200s: %.500s", s->host, s->why[0] != '\0' ? s->why :
		    "the connection has ended");
	else if (error == EPIPE || error == ETIMEDOUT)
		snprintf(s->words, sizeof(s->words), "%.200s %s; ask again: it says what it has", s->host,
		    error == EPIPE ? "has closed the connection before it answered" : "does not answer");
	else if (error == EBADMSG || error == EPROTO)
		snprintf(s->words, sizeof(s->words), "%.200s said: %.300s", s->host, s->said);
	else if (words != NULL)
		snprintf(s->words, sizeof(s->words), "%.200s: %s", s->host, words);
	else
		snprintf(s->words, sizeof(s->words), "%s", error == EBUSY ?
		    "it is on its way just now; ask again" : error == EFBIG ? "its note is too long" :
		    strerror(error));
	return s->words;
}

void
evacuate_sender_cut(struct evacuate_sender *s)
{
	evacuate_link_close(s);
}

struct evacuate_sender *
evacuate_sender_new(struct boot *b, struct pool *pool, struct spool *spool, struct outbound *outbound)
{
	struct evacuate_sender *s = mem_new(struct evacuate_sender);

	s->boot = b;
	s->spool = spool;
	s->outbound = outbound;
	s->submit = submit;
	s->fd = -1;
	s->lane = pool_lane_new(pool, THREADS, 1, run_step, after_step, s);
	s->patience = loop_timer_new(b->loop, on_late, s);
	buf_init(&s->in, EVACUATE_PIECE);
	buf_init(&s->out, EVACUATE_NOTE_MAX + 2 * EVACUATE_PIECE);
	TAILQ_INIT(&s->all);
	return s;
}

void
evacuate_sender_free(struct evacuate_sender *s)
{
	struct leaving *l;

	if (s == NULL)
		return;
	while ((l = TAILQ_FIRST(&s->all)) != NULL)
		free_leaving(l);
	evacuate_link_close(s);
	if (s->opening)
		route_destination_done(&s->to);
	loop_timer_free(s->patience);
	buf_done(&s->in);
	buf_done(&s->out);
	free(s);
}
