/*
 * result - what became of a message is written down: success reported, note, mark, failure reported, then
 * removal
 *
 * Runs in:  deliver: decides on the loop, all disk work on pool threads
 * Owns:     the lanes; the messages whose step the disk refused
 * Promise:  a failure is noted and synced before its mark, marked and synced before its report is queued,
 *           and marked as reported only afterwards; a message is removed when nothing is pending. A crash
 *           between two steps repeats one
 * Fails by: nothing; a step that the disk refuses is tried again, and until then the message is not sent
 *           again
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "common/spool/spool_gone.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"

#define QUICK_LANES 2			/* steps without a sync */
#define QUICK_BATCH 64
#define CAREFUL_LANES 4			/* steps with a sync */
#define CAREFUL_BATCH 4
#define EARLY_LANES 2
#define STUCK_MS 10000
#define STUCK_MAX 16			/* messages; with so many nothing more is delivered */

/* --- steps, on pool threads --- */

static int
write_marks(struct result *t, struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].mark != 0 && spool_mark(m->fd, &m->e, i, m->recipient[i].mark) == -1)
			return -1;
	if (spool_sync(m->fd) == -1)
		return -1;
	disk_crash_point("settle-marked");
	return 0;
}

static int
remove_message(struct result *t, struct active_message *m)
{
	disk_crash_point("settle-removing");
	if ((m->e.flags & MESSAGE_EVACUATED) != 0 && spool_gone_add(t->set.spool, m->id) == -1)
		return -1;
	if (spool_remove(t->set.spool, m->id) == -1)
		return -1;
	if (m->note != ACTIVE_NOTE_NONE)
		(void)!spool_remove_note(t->set.spool, m->id);	/* a scan removes what stays */
	disk_crash_point("settle-removed");
	/*
	 * The last close of a removed file frees its blocks, which can take milliseconds while others sync:
	 * not on the loop.
	 */
	close(m->fd);
	m->fd = -1;
	return 0;
}

static int
do_step(struct result_state *st)
{
	struct result *t = st->result;
	struct active_message *m = st->m;

	st->note_failed = false;
	if (st->note.len > 0) {
		m->note = ACTIVE_NOTE_WHOLE;
		st->note_failed = spool_note_add(t->set.spool, m->id, buf_text(&st->note),
		    st->note_sync) == -1;
		if (st->note_failed && st->note_sync)
			return -1;
		buf_clear(&st->note);
	}
	if (st->marks && write_marks(t, m) == -1)
		return -1;
	if (st->remove)
		return remove_message(t, m);
	if (st->due != 0 && spool_set_due(t->set.spool, m->id, st->due) == -1)
		st->vanished = errno == ENOENT;		/* else: the next attempt may be earlier */
	return 0;
}

static void
run_steps(void *arg, void **jobs, size_t n)
{
	struct spool *spool = ((struct result *)arg)->set.spool;
	int error = spool == NULL || spool_folder_is_ours(spool) ? 0 : errno;

	for (size_t i = 0; i < n; i++) {
		struct result_state *st = jobs[i];

		st->error = error != 0 ? error : do_step(st) == 0 ? 0 : errno;
	}
}

/* A removal that nobody waits for: should the process end, the marks say that nothing is to be sent. */
static bool
can_wait(const struct result_state *st)
{
	const struct active_message *m = st->m;

	if (!st->remove || m->command != NULL || st->note.len > 0)
		return false;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome != OUTCOME_NONE && !m->recipient[i].marked)
			return false;
	return true;
}

static void
submit_step(struct result_state *st)
{
	struct result *t = st->result;

	if (st->marks || (st->note_sync && st->note.len > 0))
		pool_submit(t->careful, st);
	else if (can_wait(st))
		pool_submit_soon(t->quick, st);
	else
		pool_submit(t->quick, st);
}

/* --- stage: write --- */

void
result_add_line(struct active_message *m, struct buf *note, enum note_kind kind, size_t number, int64_t time,
    const char *status, const struct active_reason *why)
{
	struct note_line line = { .kind = kind, .number = number, .time = time };

	if (m->note == ACTIVE_NOTE_TORN) {
		buf_puts(note, "\n");
		m->note = ACTIVE_NOTE_WHOLE;
	}
	if (why != NULL) {
		line.code = why->code;
		memcpy(line.status, status, strnlen(status, sizeof(line.status) - 1));
		memcpy(line.host, why->host, strnlen(why->host, sizeof(line.host) - 1));
		memcpy(line.text, why->text, strnlen(why->text, sizeof(line.text) - 1));
	}
	note_format(&line, note);
}

static void
note_failures(struct result_state *st)
{
	struct active_message *m = st->m;

	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_FAILED && m->e.rcpt[i].mark != MARK_FAILED)
			result_add_line(m, &st->note, NOTE_FAILED, i, m->failed_us,
			    result_judge_status(&m->recipient[i]), m->recipient[i].reason);
	st->note_sync = true;
}

static bool
was_tried(const struct active_recipient *r)
{
	return r->rest == 0 && !r->paused;
}

/* The first deferred recipient; one that was tried goes before one whose host rests, or that is paused. */
static const struct active_recipient *
first_later(const struct active_message *m)
{
	const struct active_recipient *first = NULL;

	for (size_t i = 0; i < m->e.nrcpt && (first == NULL || !was_tried(first)); i++)
		if (m->recipient[i].outcome == OUTCOME_LATER &&
		    (first == NULL || was_tried(&m->recipient[i])))
			first = &m->recipient[i];
	return first;
}

/*
 * Counts the attempt, if there was one, and notes it with the reason of the first deferred recipient. After
 * one with progress the count begins anew: its number is 0.
 */
static void
note_later(struct result_state *st, int64_t now_us)
{
	struct active_message *m = st->m;
	const struct active_recipient *first = first_later(m);
	bool quick;
	unsigned *number;

	if (first->paused && m->pause_noted && !m->progress)
		return;
	if (!was_tried(first) && !m->progress) {
		result_add_line(m, &st->note, NOTE_RESTED, m->attempts + m->quick, now_us / 1000000,
		    first->reason->status, first->reason);
		return;
	}
	quick = st->plan[first->local].quick && !m->progress;
	number = quick ? &m->quick : &m->attempts;
	if (m->progress)
		m->attempts = m->quick = 0;
	else
		(*number)++;
	result_add_line(m, &st->note, quick ? NOTE_QUICK : NOTE_DEFERRED, *number, now_us / 1000000,
	    first->reason->status, first->reason);
}

static void
set_marks(struct result_state *st)
{
	struct active_message *m = st->m;

	st->marks = false;
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		struct active_recipient *r = &m->recipient[i];

		r->mark = r->outcome == OUTCOME_DELIVERED ? MARK_DELIVERED : r->outcome == OUTCOME_DELETED ?
		    MARK_DELETED : r->outcome == OUTCOME_FAILED ? MARK_FAILED : 0;
		st->marks |= r->mark != 0;
	}
}

/*
 * Wall seconds; 0: stays. With a backlog it stays: after a restart the message is loaded at once to join it.
 * So it does while a domain is paused: the process that comes after the pause tries it at once.
 */
static int64_t
due_of(const struct active_message *m)
{
	if (!m->deferred || m->backlog || m->paused)
		return 0;
	return (clock_wall_us() + (int64_t)m->deferred_ms * 1000 + 999999) / 1000000;
}

static void
begin_write(struct result_state *st, int64_t now_us)
{
	struct active_message *m = st->m;

	st->stage = RESULT_WRITE;
	if (st->failed > 0) {
		if (m->failed_us == 0)
			m->failed_us = now_us;
		note_failures(st);
	}
	if (m->deferred)
		note_later(st, now_us);
	set_marks(st);
	if (st->failed == 0 && !st->delay)
		st->due = due_of(m);
	submit_step(st);
}

/* A failure without its note must not be marked: it stays pending and is met again. */
static void
take_failures_back(struct result_state *st)
{
	struct active_message *m = st->m;
	uint64_t again_ms;

	log_event(LOG_FAULT, m->id, "trouble", "what=note error=%s", log_safe(strerror(st->error)));
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_FAILED)
			m->recipient[i].outcome = OUTCOME_NONE;
	st->pending += st->failed;
	st->failed = 0;
	st->delay = false;
	st->note_sync = false;
	buf_clear(&st->note);
	m->note = ACTIVE_NOTE_TORN;	/* a part of it may be there */
	again_ms = active_message_trouble(m);
	if (!m->deferred || m->deferred_ms > again_ms)
		m->deferred_ms = again_ms;
	m->deferred = true;
	st->due = due_of(m);
	set_marks(st);
	submit_step(st);
}

/* --- stage: close --- */

void
result_close(struct result_state *st)
{
	struct active_message *m = st->m;

	st->stage = RESULT_CLOSE;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		m->recipient[i].mark = m->recipient[i].outcome == OUTCOME_FAILED ? MARK_REPORTED : 0;
	st->note_sync = false;
	st->remove = st->pending == 0;
	st->marks = !st->remove && st->failed > 0;
	st->due = due_of(m);
	submit_step(st);
}

/* --- from stage to stage --- */

void
result_next(struct result_state *st)
{
	enum result_stage stage = st->stage;

	if (stage == RESULT_WRITE && st->failed > 0)
		result_report_failures(st);
	else if (stage <= RESULT_REPORT && st->delay)
		result_report_delay(st);
	else if (stage == RESULT_WRITE || stage == RESULT_CLOSE)
		st->result->set.settled(st->m);
	else
		result_close(st);
}

static void
adopt_marks(struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].mark != 0)
			m->e.rcpt[i].mark = m->recipient[i].mark;
}

void
result_stick(struct result_state *st, int error)
{
	struct result *t = st->result;

	st->error = error;
	log_event(LOG_FAULT, st->m->id, "trouble", "what=settle error=%s", log_safe(strerror(st->error)));
	st->is_stuck = true;
	TAILQ_INSERT_TAIL(&t->stuck, st, link);
	t->nstuck++;
	if (!loop_timer_is_set(t->timer))
		loop_timer_set(t->timer, STUCK_MS);
}

static void
on_step_done(void *arg, void *job)
{
	struct result_state *st = job;
	struct active_message *m = st->m;

	if (st->error != 0 && st->note_failed && st->stage == RESULT_WRITE) {
		take_failures_back(st);
		return;
	}
	if (st->error != 0) {
		result_stick(st, st->error);
		return;
	}
	adopt_marks(m);
	m->gone = st->remove || st->vanished;
	if (st->stage == RESULT_WRITE)
		result_judge_log_failed(m);
	if (m->gone)
		st->result->set.settled(m);
	else
		result_next(st);
}

static void
try_again(void *arg)
{
	struct result *t = arg;
	struct result_state *st;

	/* as many as there are now: one that fails at once is put at the end of the list */
	for (size_t n = t->nstuck; n > 0 && (st = TAILQ_FIRST(&t->stuck)) != NULL; n--) {
		TAILQ_REMOVE(&t->stuck, st, link);
		t->nstuck--;
		st->is_stuck = false;
		if (st->stage == RESULT_SUCCESS)
			report_submit(t->set.report, &st->report);
		else
			submit_step(st);
	}
}

void
result_begin(struct result *t, struct active_message *m)
{
	struct result_state *st;

	if (result_early_is_busy(m))
		return;
	st = mem_new(struct result_state);
	active_message_enter(m, ACTIVE_RESULT);
	active_message_unkeep(m);
	m->result = st;
	st->result = t;
	st->m = m;
	buf_init(&st->note, MESSAGE_ENVELOPE_MAX);
	result_judge(st, clock_wall_us());
	if (st->delivered > 0 && result_judge_may_report(m))
		result_report_success(st);
	else
		result_write(st);
}

void
result_mark_delivered(struct active_message *m, size_t i)
{
	struct active_recipient *r = &m->recipient[i];

	if (r->marked || ((m->e.rcpt[i].notify & NOTIFY_SUCCESS) != 0 && result_judge_may_report(m)))
		return;
	r->marked = spool_mark(m->fd, &m->e, i, MARK_DELIVERED) == 0;	/* else the step does it again */
}

void
result_skip(struct result *t, struct active_message *m)
{
	t->set.settled(m);
}

void
result_write(struct result_state *st)
{
	struct active_message *m = st->m;

	if (m->owed) {
		st->stage = RESULT_WRITE;
		result_next(st);
	} else if (st->failed == 0 && st->pending == 0) {
		st->stage = RESULT_CLOSE;
		st->remove = true;
		submit_step(st);
	} else if (st->failed == 0 && st->delivered == 0 && !m->deferred && !st->delay) {
		result_skip(st->result, m);	/* nothing was tried */
	} else {
		begin_write(st, clock_wall_us());
	}
}

bool
result_is_stuck(const struct result *t)
{
	return t->nstuck >= STUCK_MAX;
}

/* --- beginning and end --- */

void
result_state_free(struct result_state *st)
{
	if (st == NULL)
		return;
	if (st->is_stuck) {
		TAILQ_REMOVE(&st->result->stuck, st, link);
		st->result->nstuck--;
	}
	buf_done(&st->note);
	buf_done(&st->details);
	free(st->recipient);
	message_envelope_done(&st->part);
	free(st);
}

struct result *
result_new(const struct result_setup *setup)
{
	struct result *t = mem_new(struct result);

	t->set = *setup;
	(void)clock_steps_take(&t->clock, clock_wall_us(), clock_mono_ms());
	t->timer = loop_timer_new(setup->loop, try_again, t);
	TAILQ_INIT(&t->stuck);
	t->quick = pool_lane_new(setup->pool, QUICK_LANES, QUICK_BATCH, run_steps, on_step_done, t);
	t->careful = pool_lane_new(setup->pool, CAREFUL_LANES, CAREFUL_BATCH, run_steps, on_step_done, t);
	t->early = pool_lane_new(setup->pool, EARLY_LANES, 1, result_early_run, result_early_done, t);
	return t;
}

void
result_free(struct result *t)
{
	if (t == NULL)
		return;
	loop_timer_free(t->timer);
	free(t);
}
