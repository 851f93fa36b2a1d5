/*
 * pickup_flow - files on their way from the folder to the queue
 *
 * Runs in:  pickup; on its loop, the work of struct pickup_file on pool threads
 * Owns:     every struct pickup_file, from its first look until its file is removed
 * Promise:  a file is removed only after enqueue said that its message is on disk; at most IN_FLIGHT_MAX at
 *           a time, LARGE_MAX of them large; while the disk is full or the folder read-only, one at a time
 *           is tried
 * Fails by: files are put back, with an event, and the next one is taken after BACK_OFF_MS
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "pickup/pickup_private.h"
#include "pickup/spool_server/spool_server.h"

enum {
	IN_FLIGHT_MAX = 128,
	LOOK_BATCH = 8,
	CLEAR_BATCH = 32,
	/*
	 * files over PICKUP_FILE_PIECE that are read at a time: each may need PICKUP_FORM_HEADER_MAX several
	 * times
	 */
	LARGE_MAX = 4,
	BACK_OFF_MS = 5000,
};

struct pickup_flow {
	struct pickup *p;
	void (*changed)(void *arg);	/* called with p: a file ended, or none is due */
	struct pool_lane *look, *read, *piece, *clear;
	struct pickup_file *all;
	struct pickup_file *stuck[IN_FLIGHT_MAX];	/* queued, but not removed yet */
	size_t nstuck;
	size_t active, large;
	struct pickup_file *waiting[IN_FLIGHT_MAX];	/* claimed large files, in order */
	size_t nwaiting;
	uint64_t back_off_until_ms;
	bool probing;				/* one at a time, until one is queued */
	bool hurry;
};

static void begin_large(struct pickup_flow *f);

static void
back_off(struct pickup_flow *f)
{
	f->back_off_until_ms = clock_mono_ms() + BACK_OFF_MS;
	f->probing = true;
}

/* --- begin and end of one file --- */

static void
begin_file(struct pickup_flow *f, struct pickup_name *file)
{
	struct pickup_file *t = pickup_file_new(&f->p->rules, f->p->folder, f->p->spool, file,
	    clock_wall_us());

	t->pickup = f->p;
	t->next = f->all;
	t->self = &f->all;
	if (t->next != NULL)
		t->next->self = &t->next;
	f->all = t;
	f->active++;
	pool_submit(f->look, t);
}

static void
forget_file(struct pickup_file *t)
{
	*t->self = t->next;
	if (t->next != NULL)
		t->next->self = t->self;
	pickup_filter_free(t->filter);
	pickup_file_free(t);
}

static void
end_file(struct pickup_flow *f, struct pickup_file *t)
{
	/* it could not be renamed back since its old name is in use again: take it under the claimed one */
	if (t->claimed && t->put_back)
		f->p->missed = !pickup_names_news(f->p->names, t->current, JUDGE_LEFT,
		    PICKUP_NAMES_NOBODY, clock_mono_ms()) ||
		    f->p->missed;
	if (t->big && f->large > 0)
		f->large--;
	f->active--;
	forget_file(t);
	begin_large(f);
	pickup_flow_more(f);
}

/* The file has its old name again. */
static void
rename_back(struct pickup_flow *f, const char *name, unsigned tries)
{
	if (!pickup_names_put_back(f->p->names, name, tries, clock_mono_ms()))
		f->p->missed = true;
}

static void
clear_file(struct pickup_flow *f, struct pickup_file *t, bool put_back)
{
	t->put_back = put_back;
	if (put_back)
		rename_back(f, t->name, t->tries);
	pool_submit(f->clear, t);
}

static void
say_trouble(struct pickup_flow *f, struct pickup_file *t)
{
	if (t->error != 0)
		pickup_trouble_log(f->p, t->doing, t->name, strerror(t->error));
	else if (t->verdict.answer == JUDGE_WAIT && t->verdict.trouble != NULL)
		pickup_trouble_log(f->p, "take", t->name, t->verdict.trouble);
	t->error = 0;
}

/* --- into the queue --- */

/* From enqueue: the message is on disk, or it is not. */
static void
on_queued(void *arg, int error, const char *id)
{
	struct pickup_file *t = arg;
	struct pickup_flow *f = t->pickup->flow;

	t->message = NULL;
	if (error == 0) {
		f->probing = false;
		pickup_event_accepted(f->p, t);
		if (pickup_filter_is_held(t->filter))
			pickup_event_held(t);
		clear_file(f, t, false);
		return;
	}
	pickup_trouble_log(f->p, "queue", t->name, strerror(error));
	back_off(f);
	clear_file(f, t, true);
}

static void
next_piece(void *arg)
{
	struct pickup_file *t = arg;

	if (enqueue_is_full(t->message))
		enqueue_on_room(t->message, next_piece, t);
	else
		pool_submit(t->pickup->flow->piece, t);
}

/* Gives the content to enqueue, and asks for more or ends. */
static void
pass_on(struct pickup_file *t)
{
	enqueue_add(t->message, t->content.data, t->content.len);
	t->sent += t->content.len;
	if (t->at_end) {
		buf_done(&t->content);
		enqueue_finish(t->message, on_queued, t);
	} else {
		next_piece(t);
	}
}

static void
to_queue(struct pickup_flow *f, struct pickup_file *t)
{
	if (f->p->filters != NULL && t->filter == NULL) {
		pickup_filter_begin(f->p->filters, t);
		return;
	}
	memcpy(t->envelope.id, t->id, sizeof(t->envelope.id));
	t->message = enqueue_begin(f->p->enqueue, &t->envelope);
	if (t->message == NULL) {
		pickup_trouble_log(f->p, "queue", t->name, strerror(errno));
		back_off(f);
		clear_file(f, t, true);
		return;
	}
	if (t->filter == NULL) {
		pass_on(t);
		return;
	}
	if (pickup_filter_is_held(t->filter))
		enqueue_hold(t->message);
	pool_submit(f->piece, t);
}

static void
on_judged(struct pickup_file *t, enum pickup_filter_end end)
{
	struct pickup_flow *f = t->pickup->flow;

	switch (end) {
	case PICKUP_FILTER_PASSED:
		to_queue(f, t);
		break;
	case PICKUP_FILTER_REFUSED:
		t->filter_refused = true;
		snprintf(t->detail, sizeof(t->detail), "%s: %.200s", pickup_filter_name(t->filter),
		    pickup_filter_words(t->filter));
		pool_submit(f->clear, t);
		break;
	case PICKUP_FILTER_DISCARDED:
		pickup_event_discarded(t);
		clear_file(f, t, false);
		break;
	case PICKUP_FILTER_FAILED:
		pickup_trouble_log(f->p, t->doing, t->name, strerror(t->error));
		t->error = 0;
		back_off(f);
		clear_file(f, t, true);
		break;
	case PICKUP_FILTER_LATER:
		clear_file(f, t, true);
		break;
	}
}

/* --- what pool threads have done --- */

static void
after_read(struct pickup_flow *f, struct pickup_file *t)
{
	say_trouble(f, t);
	if (t->verdict.answer == JUDGE_TAKE && t->was_queued) {
		pickup_event_accepted(f->p, t);	/* perhaps again: the crash may have come behind it */
		clear_file(f, t, false);
		return;
	}
	if (t->unclaimed && t->big)
		rename_back(f, t->name, t->tries);
	if (t->verdict.answer == JUDGE_TAKE) {
		to_queue(f, t);
		return;
	}
	if (t->verdict.answer == JUDGE_REFUSE) {
		f->probing = false;
		pickup_event_refused(f->p, t);
	} else {
		t->put_back = t->verdict.answer != JUDGE_IGNORE; /* it is back already, or end() handles it */
	}
	end_file(f, t);
}

static void
begin_large(struct pickup_flow *f)
{
	while (f->nwaiting > 0 && f->large < LARGE_MAX) {
		struct pickup_file *t = f->waiting[0];

		memmove(f->waiting, f->waiting + 1, --f->nwaiting * sizeof(f->waiting[0]));
		if (f->hurry) {
			t->big = false;
			clear_file(f, t, true);
			continue;
		}
		f->large++;
		pool_submit(f->read, t);
	}
}

static void
look_done(void *arg, void *job)
{
	struct pickup_flow *f = arg;
	struct pickup_file *t = job;
	struct pickup_names *names = f->p->names;
	struct pickup_name *file = t->file;
	uint64_t now_ms = clock_mono_ms();

	t->file = NULL;
	if (t->unclaimed)
		rename_back(f, t->name, file->tries);
	switch (t->verdict.answer) {
	case JUDGE_TAKE:
	case JUDGE_REFUSE:
	case JUDGE_IGNORE:
		pickup_names_forget(names, file, now_ms);
		break;
	case JUDGE_WAIT:
		pickup_names_look_again(names, file, now_ms, t->verdict.wait_ms);
		break;
	case JUDGE_BACK_OFF:
		pickup_names_look_again(names, file, now_ms, 0);
		back_off(f);
		break;
	}
	if (t->verdict.answer == JUDGE_TAKE && t->big) {
		f->waiting[f->nwaiting++] = t;
		begin_large(f);
		return;
	}
	t->big = false;
	after_read(f, t);
}

static void
read_done(void *arg, void *job)
{
	after_read(arg, job);
}

static void
piece_done(void *arg, void *job)
{
	struct pickup_flow *f = arg;
	struct pickup_file *t = job;

	if (t->error == 0 && !f->hurry) {
		pass_on(t);
		return;
	}
	enqueue_discard(t->message);
	t->message = NULL;
	if (t->error == EBADMSG && t->filter != NULL) {
		on_judged(t, pickup_filter_bad(t));
		return;
	}
	if (t->error != 0 && t->error != EAGAIN) { /* EAGAIN: it was written to */
		pickup_trouble_log(f->p, t->doing, t->name, strerror(t->error));
		t->tries++;
	}
	clear_file(f, t, true);
}

/* Moved to badmail, or that has failed: then it has its old name again. */
static void
after_refusal(struct pickup_flow *f, struct pickup_file *t)
{
	say_trouble(f, t);
	if (t->verdict.answer == JUDGE_REFUSE)
		pickup_event_refused(f->p, t);
	else
		rename_back(f, t->name, t->tries);
	t->claimed = false;
	end_file(f, t);
}

static void
clear_done(void *arg, void *job)
{
	struct pickup_flow *f = arg;
	struct pickup_file *t = job;

	if (t->filter_refused) {
		after_refusal(f, t);
		return;
	}
	if (t->error == 0) {
		t->claimed = false;
	} else if (t->error != EEXIST) {
		pickup_trouble_log(f->p, t->doing, t->name, strerror(t->error));
		if (!t->put_back && f->nstuck < IN_FLIGHT_MAX) {
			f->stuck[f->nstuck++] = t;
			return;
		}
	}
	end_file(f, t);
}

static void
run_look(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pickup_file_look(jobs[i]);
}

static void
run_read(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pickup_file_read(jobs[i]);
}

static void
run_piece(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pickup_file *t = jobs[i];

		if (t->filter != NULL)
			pickup_filter_piece(t);
		else
			pickup_file_piece(t);
	}
}

static void
run_clear(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pickup_file_clear(jobs[i]);
}

/* --- what pickup calls --- */

struct pickup_flow *
pickup_flow_new(struct pickup *p, void (*changed)(void *arg))
{
	struct pickup_flow *f = mem_new(struct pickup_flow);

	f->p = p;
	f->changed = changed;
	f->look = pool_lane_new(p->pool, 2, LOOK_BATCH, run_look, look_done, f);
	f->read = pool_lane_new(p->pool, 1, 1, run_read, read_done, f);
	f->piece = pool_lane_new(p->pool, 1, 1, run_piece, piece_done, f);
	f->clear = pool_lane_new(p->pool, 1, CLEAR_BATCH, run_clear, clear_done, f);
	p->filters = pickup_filter_list_new(p, on_judged);
	return f;
}

void
pickup_flow_free(struct pickup_flow *f)
{
	if (f == NULL)
		return;
	while (f->all != NULL)
		forget_file(f->all);
	pickup_filter_list_free(f->p->filters);
	free(f);
}

/* When to wake: the next file's time, or the end of a back-off. */
static void
set_due_timer(struct pickup_flow *f, uint64_t now_ms)
{
	uint64_t next = pickup_names_next_due(f->p->names);

	if (next < f->back_off_until_ms)
		next = f->back_off_until_ms;
	if (next == UINT64_MAX)
		loop_timer_stop(f->p->due);
	else if (next > now_ms)
		loop_timer_set(f->p->due, next - now_ms);
}

void
pickup_flow_more(struct pickup_flow *f)
{
	struct pickup *p = f->p;
	uint64_t now_ms = clock_mono_ms();
	size_t limit = f->probing ? 1 : IN_FLIGHT_MAX;
	struct pickup_name *file;

	/* At the reserve files wait where they are; the reserve tells when that is over. */
	if (!p->stopping && !p->gone && now_ms >= f->back_off_until_ms && !disk_reserve_is_short(p->reserve))
		while (f->active < limit && (file = pickup_names_take_due(p->names, now_ms)) != NULL)
			begin_file(f, file);
	if (!p->stopping && !p->gone)
		set_due_timer(f, now_ms);
	f->changed(p);
}

void
pickup_flow_retry(struct pickup_flow *f)
{
	while (f->nstuck > 0)
		clear_file(f, f->stuck[--f->nstuck], false);
}

size_t
pickup_flow_active(const struct pickup_flow *f)
{
	return f->active - f->nstuck;
}

void
pickup_flow_hurry(struct pickup_flow *f)
{
	f->hurry = true;
	pickup_filter_list_hurry(f->p->filters);
	begin_large(f);
}

void
pickup_flow_give_up(struct pickup_flow *f)
{
	while (f->nstuck > 0) {
		f->active--;
		forget_file(f->stuck[--f->nstuck]);
	}
}
