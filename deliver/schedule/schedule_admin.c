/*
 * schedule_admin - commands about single messages: held, released, due now, deleted, bounced, moved
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the records that are stopped or skipped are in no list of their own
 * Promise:  a command waits for no round and breaks none: a message at work is refused as busy; a recipient
 *           that was marked delivered stays so; deleting and bouncing are written down by result, in its one
 *           safe order
 * Fails by: the command's result and error
 */
#include <errno.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/command/queue_filter.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "deliver/active/active.h"
#include "deliver/outbound/outbound.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule_private.h"

#define BOUNCE_STATUS "5.0.0"
#define BOUNCE_TEXT "returned by the administrator"

static struct schedule_record *
record_of(struct schedule *s, const char *id, uint32_t *n)
{
	struct schedule_record *r;

	*n = schedule_index_find(s->index, id);
	if (*n == 0)
		return NULL;
	r = schedule_index_at(s->index, *n);
	return r->state == RECORD_GONE ? NULL : r;
}

/* --- held, released, due now --- */

static void
hold_record(struct schedule *s, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	schedule_index_take(s->index, n);
	schedule_record_event(r, EVENT_HOLD);
	if (r->state == RECORD_STOPPED)
		schedule_record_retry(r, s->retrying, false, false);
}

static void
release_record(struct schedule *s, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(s->index, n);
	bool stopped = r->state == RECORD_STOPPED;

	schedule_record_event(r, EVENT_RELEASE);
	if (stopped)
		schedule_index_wait(s->index, n, schedule_clock_now());
	if (!s->draining)
		loop_timer_set(s->timer, 0);
}

bool
schedule_admin_hold(struct schedule *s, const char *id, bool held)
{
	uint32_t n;
	struct schedule_record *r = record_of(s, id, &n);

	if (r == NULL)
		return false;
	if (held && (r->flags & RECORD_ETRN) != 0) {
		schedule_etrn_forget_missed(s, n);
		schedule_record_set(r, RECORD_ETRN, false);
	}
	schedule_index_set_held(s->index, n, held);
	if (held)
		hold_record(s, n);
	else
		release_record(s, n);
	return true;
}

void
schedule_admin_retry_begin(struct schedule *s)
{
	if (s->set.outbound != NULL)
		outbound_release(s->set.outbound);
}

bool
schedule_admin_retry(struct schedule *s, const char *id)
{
	uint32_t n;
	struct schedule_record *r = record_of(s, id, &n);

	if (r == NULL)
		return false;
	if (r->state == RECORD_WAITING && r->due > schedule_clock_now())
		schedule_index_wait(s->index, n, schedule_clock_now());
	if (!s->draining)
		loop_timer_set(s->timer, 0);
	return true;
}

void
schedule_admin_put_back(struct schedule *s, uint32_t n, uint32_t due)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	r->due = due;
	schedule_record_event(r, (r->flags & RECORD_HELD) != 0 ? EVENT_BACK_HELD : EVENT_BACK);
	if (r->state == RECORD_STOPPED)
		schedule_record_retry(r, s->retrying, false, false);
}

/* --- records that a list still names, see EVENT_REACH in schedule_record --- */

bool
schedule_admin_skips(struct schedule *s, uint32_t n, struct schedule_dest *d)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	if (r->state != RECORD_SKIPPED && r->state != RECORD_GONE)
		return false;
	if (r->state == RECORD_GONE) {
		s->ngone--;
		schedule_index_remove(s->index, n);
	} else if ((r->flags & RECORD_HELD) != 0) {
		schedule_record_retry(r, s->retrying, false, false);
		schedule_record_event(r, EVENT_REACH_HELD);
	} else {
		schedule_record_event(r, EVENT_REACH);
	}
	if (d != NULL) {
		d->loading--;
		schedule_dest_check(s->dests, d);
	}
	return true;
}

void
schedule_admin_gone(struct schedule *s, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	schedule_index_set_backlog(s->index, n, false);
	schedule_index_set_held(s->index, n, false);
	schedule_record_event(r, EVENT_GONE);
	r->flags = 0;
	s->ngone++;
}

void
schedule_admin_again(struct schedule *s, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	if (r->state != RECORD_GONE)
		return;
	schedule_record_event(r, EVENT_AGAIN);
	r->attempts = r->quick = 0;
	s->ngone--;
}

/* --- deleted, bounced, moved --- */

enum schedule_admin_result
schedule_admin_begin(struct schedule *s, struct schedule_admin *o)
{
	uint32_t n;
	struct schedule_record *r = record_of(s, o->id, &n);
	struct active_message *m;

	o->result = SCHEDULE_BUSY;
	if (r == NULL)
		return SCHEDULE_GONE;
	if (r->state == RECORD_LOADED || s->draining || result_is_stuck(s->result))
		return SCHEDULE_BUSY;
	schedule_index_take(s->index, n);
	schedule_record_event(r, EVENT_COMMAND);
	m = schedule_message_new(s, n, NULL);
	m->command = o;
	schedule_message_load(m);
	return SCHEDULE_DONE;
}

static bool
is_meant(const struct active_message *m, size_t i)
{
	return m->e.rcpt[i].mark == MARK_PENDING &&
	    queue_filter_is_recipient(m->command->pick, m->e.rcpt[i].address);
}

/* Deleted: without a report. Bounced: failed, with a report to the sender. */
static void
end_recipients(struct active_message *m)
{
	struct schedule_admin *o = m->command;
	const char *text = o->reason == NULL || *o->reason == '\0' ? BOUNCE_TEXT : o->reason;
	struct active_reason *why = o->kind == SCHEDULE_BOUNCE ? active_message_reason(m, 0, BOUNCE_STATUS,
	    "", text) : NULL;

	for (size_t i = 0; i < m->e.nrcpt; i++) {
		if (!is_meant(m, i))
			continue;
		m->recipient[i].outcome = o->kind == SCHEDULE_BOUNCE ? OUTCOME_FAILED : OUTCOME_DELETED;
		m->recipient[i].reason = why;
		o->recipients++;
	}
	if (o->kind == SCHEDULE_BOUNCE)
		disk_crash_point("order-bounce");
	else
		disk_crash_point("order-delete");
	result_begin(m->schedule->result, m);
}

void
schedule_admin_moved(struct schedule_admin *o, int error)
{
	struct active_message *m = o->message;

	o->error = error;
	m->gone = error == 0;
	result_skip(m->schedule->result, m);
}

/* It goes into another queue. */
static bool
leaves_whole(const struct schedule_admin *o)
{
	return o->kind == SCHEDULE_MOVE || o->kind == SCHEDULE_EVACUATE;
}

void
schedule_admin_apply(struct active_message *m)
{
	struct schedule_admin *o = m->command;

	o->result = SCHEDULE_DONE;
	if (!leaves_whole(o)) {
		end_recipients(m);
		return;
	}
	o->recipients = m->e.nrcpt;
	active_message_enter(m, ACTIVE_MOVING);
	o->message = m;
	o->move(o);
}

static void
judge_command(struct active_message *m)
{
	struct schedule_admin *o = m->command;

	if (m->error != 0)
		o->error = m->error;
	for (size_t i = 0; o->result == SCHEDULE_DONE && !leaves_whole(o) && !m->gone &&
	    i < m->e.nrcpt; i++)
		if (is_meant(m, i))
			o->error = EIO;		/* result has logged why, and tries again */
	if (o->error != 0)
		o->result = o->error == ENOENT ? SCHEDULE_GONE : SCHEDULE_FAILED;
}

/* An event a recipient, as nothing else tells what became of it; a bounced one has an event of its own. */
static void
log_deleted(const struct active_message *m, const char *sender)
{
	const struct schedule_admin *o = m->command;

	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_DELETED)
			log_event(LOG_FACT, m->id, "deleted", "%s sender=%s recipients=%zu recipient=%s",
			    o->author, log_safe(sender), o->recipients, log_safe(m->e.rcpt[i].address));
}

void
schedule_admin_end(struct active_message *m)
{
	static const char *const names[] = { [SCHEDULE_BOUNCE] = "bounced", [SCHEDULE_MOVE] = "moved",
	    [SCHEDULE_EVACUATE] = "evacuated" };
	struct schedule_admin *o = m->command;
	const char *sender = *m->e.sender == '\0' ? "<>" : m->e.sender;

	judge_command(m);
	disk_crash_point("order-done");
	if (o->result == SCHEDULE_DONE && o->kind == SCHEDULE_DELETE)
		log_deleted(m, sender);
	else if (o->result == SCHEDULE_DONE)
		log_event(LOG_FACT, m->id, names[o->kind],
		    "%s sender=%s recipients=%zu%s%s", o->author, log_safe(sender), o->recipients,
		    leaves_whole(o) ? " to=" : " reason=",
		    log_safe(leaves_whole(o) ? o->to_name : o->reason));
	m->command = NULL;
	o->done(o->arg, o);
}
