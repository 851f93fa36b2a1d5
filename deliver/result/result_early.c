/*
 * result_early - what is final of a message is written down while its attempt goes on with other recipients
 *
 * Runs in:  deliver: decides on the loop, all disk work on pool threads
 * Owns:     the result_early of a message, its timer
 * Promise:  a moment after a host's last word about a recipient, its mark is on the disk, and before it the
 *           note of a failure: whatever ends the process, it is not asked about again. The end of the attempt
 *           waits for a writing that is under way
 * Fails by: nothing; what the disk refuses is written at the end of the attempt
 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"

#define EARLY_MS 200		/* from an outcome to its writing: most attempts end before, and need none */

struct result_early {
	struct active_message *m;
	struct result *result;
	struct loop_timer *timer;
	bool busy, ended;		/* a thread has it; the attempt has ended meanwhile */
	/* For the thread */
	struct buf note;
	struct early_mark { size_t index; char mark; } *mark; size_t count;
	int error;			/* out */
};

/* --- on a thread --- */

static int
write_down(struct result_early *x)
{
	struct active_message *m = x->m;

	if (x->note.len > 0 && spool_note_add(x->result->set.spool, m->id, buf_text(&x->note), true) == -1)
		return -1;
	for (size_t i = 0; i < x->count; i++)
		if (spool_mark(m->fd, &m->e, x->mark[i].index, x->mark[i].mark) == -1)
			return -1;
	if (spool_sync(m->fd) == -1)
		return -1;
	disk_crash_point("early-marked");
	return 0;
}

void
result_early_run(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct result_early *x = jobs[i];

		x->error = write_down(x) == 0 ? 0 : errno;
	}
}

/* --- on the loop --- */

static void
add_mark(struct result_early *x, size_t i, char mark)
{
	x->mark = mem_grow(x->mark, x->count, sizeof(*x->mark));
	x->mark[x->count++] = (struct early_mark){ .index = i, .mark = mark };
}

/* A success that is to be reported is marked after its report only: at the end. */
static void
collect_marks(struct result_early *x)
{
	struct active_message *m = x->m;

	x->count = 0;
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (m->e.rcpt[i].mark != MARK_PENDING)
			continue;
		if (r->outcome == OUTCOME_DELIVERED && r->reason == NULL)
			add_mark(x, i, MARK_DELIVERED);
		if (r->outcome != OUTCOME_FAILED)
			continue;
		add_mark(x, i, MARK_FAILED);
		if (m->failed_us == 0)
			m->failed_us = clock_wall_us();
		result_add_line(m, &x->note, NOTE_FAILED, i, m->failed_us, result_judge_status(r), r->reason);
	}
}

static void
begin_writing(void *arg)
{
	struct result_early *x = arg;

	x->m->unwritten = false;
	collect_marks(x);
	if (x->count == 0)
		return;
	x->busy = true;
	pool_submit(x->result->early, x);
}

void
result_early_done(void *arg, void *job)
{
	struct result_early *x = job;
	struct active_message *m = x->m;

	x->busy = false;
	/* after an error a part of it may be there */
	if (x->note.len > 0)
		m->note = x->error == 0 ? ACTIVE_NOTE_WHOLE : ACTIVE_NOTE_TORN;
	for (size_t i = 0; i < x->count && x->error == 0; i++)
		m->e.rcpt[x->mark[i].index].mark = x->mark[i].mark;
	buf_clear(&x->note);
	if (x->ended)
		result_begin(x->result, m);
	else if (m->unwritten)
		loop_timer_set(x->timer, EARLY_MS);
}

void
result_early_soon(struct result *t, struct active_message *m)
{
	struct result_early *x = m->early;

	if (x == NULL) {
		x = m->early = mem_new(struct result_early);
		x->m = m;
		x->result = t;
		x->timer = loop_timer_new(t->set.loop, begin_writing, x);
		buf_init(&x->note, MESSAGE_ENVELOPE_MAX);
	}
	if (!x->busy && !loop_timer_is_set(x->timer))
		loop_timer_set(x->timer, EARLY_MS);
}

bool
result_early_is_busy(struct active_message *m)
{
	struct result_early *x = m->early;

	if (x == NULL)
		return false;
	loop_timer_stop(x->timer);
	x->ended = x->busy;
	return x->busy;
}

void
result_early_free(struct active_message *m)
{
	struct result_early *x = m->early;

	if (x == NULL)
		return;
	loop_timer_free(x->timer);
	buf_done(&x->note);
	free(x->mark);
	free(x);
	m->early = NULL;
}
