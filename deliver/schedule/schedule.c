/*
 * schedule - which messages are at work: the due ones, at most a window of them, with fair shares for
 * destinations
 *
 * Runs in:  deliver, on the loop
 * Owns:     the index, the destinations, the loaded messages
 * Promise:  memory is one record for each message and a window of loaded ones; no destination fills the
 *           window; local mail has places that no destination can take; a message is loaded once at a time
 * Fails by: nothing; what the disk refuses is logged and tried again later
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "common/process/ebb.h"
#include "common/process/pool.h"
#include "deliver/active/active.h"
#include "deliver/local/local.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule_private.h"

#define SPARE 256			/* places beside the window: for loading and for local mail */
#define RECIPIENTS_MAX 200000		/* of all loaded messages */
#define LOADS_A_TURN 128		/* messages loaded in one turn of the loop */
#define SLEEP_MAX_MS 600000
#define LOADING_MAX 64			/* by threads: a free place must not wait behind more */
#define LOADED_BYTES (64u << 10)	/* a message at work: roughly, what its connection has included */
#define LOAD_LANES 2
#define LOAD_BATCH 16

static void load_due(void *arg);

/* --- records --- */

static void
remove_record(struct schedule *s, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	schedule_record_retry(r, s->retrying, false, false);
	if (r->state == RECORD_SKIPPED)
		schedule_admin_gone(s, n);	/* a list still names it */
	else
		schedule_index_remove(s->index, n);
}

/* Wall seconds, the first full one at least `ms` from now. */
static uint32_t
due_after(uint64_t ms)
{
	return (uint32_t)((clock_wall_us() + (int64_t)ms * 1000 + 999999) / 1000000);
}

void
schedule_count(const struct schedule *s)
{
	struct counters *c = s->set.counters;

	counters_set(c, COUNTER_QUEUE_LENGTH, (int64_t)(schedule_index_count(s->index) - s->ngone));
	counters_set(c, COUNTER_QUEUE_LOCAL, (int64_t)s->counted[1]);
	counters_set(c, COUNTER_QUEUE_REMOTE,
	    (int64_t)(s->counted[0] + schedule_dest_parked(s->dests) - s->ngone));
	counters_set(c, COUNTER_QUEUE_RETRY, (int64_t)s->retrying[0]);
	counters_set(c, COUNTER_QUEUE_LOCAL_RETRY, (int64_t)s->retrying[1]);
	counters_set(c, COUNTER_QUEUE_HELD, (int64_t)schedule_index_held(s->index));
	counters_set(c, COUNTER_QUEUE_ETRN, (int64_t)schedule_index_backlog(s->index));
	ebb_held(s->ebb, s->loaded * LOADED_BYTES);
}

/* --- messages --- */

/* A destination that had no place for some of the recipients; NULL: none is parked. */
static struct schedule_dest *
parked_for(const struct active_message *m)
{
	for (size_t i = 0; m->recipient != NULL && i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_PARKED)
			return m->recipient[i].dest;
	return NULL;
}

/* When the message is to be loaded again, for a retry or a report; 0: now. */
static uint32_t
next_due(const struct active_message *m)
{
	uint32_t due = m->deferred ? due_after(m->deferred_ms) : 0;
	uint32_t report = m->backlog ? due_after(m->backlog_ms) : 0;

	return due == 0 || (report != 0 && report < due) ? report : due;
}

/* All recipients that wait are local ones. Of one that was not tried this is not known. */
static bool
waits_locally(const struct active_message *m)
{
	bool local = m->deferred && m->recipient != NULL;

	for (size_t i = 0; local && i < m->e.nrcpt; i++)
		local = m->recipient[i].outcome != OUTCOME_LATER || m->recipient[i].local;
	return local;
}

/* The message goes back to its record: into the heap for its next time, or into a list for a place. */
static void
put_back(struct active_message *m)
{
	struct schedule *s = m->schedule;
	struct schedule_record *r = schedule_index_at(s->index, m->record);
	struct schedule_dest *d = parked_for(m);
	uint32_t due = next_due(m);
	bool retry = m->attempts + m->quick > 0 || m->deferred;

	if ((m->only != NULL || m->command != NULL) && r->due > schedule_clock_now() &&
	    (due == 0 || r->due < due))
		due = r->due;		/* the recipients that were not tried still wait for their time */
	if (m->command != NULL && (r->flags & RECORD_ETRN) != 0)
		due = 0;	/* its host asked during the command: the next round finds out which */
	schedule_record_set(r, RECORD_KNOWN, m->known);
	schedule_record_set(r, RECORD_DELAYED, m->delayed);
	schedule_record_set(r, RECORD_CACHED, false);
	if (m->note != ACTIVE_NOTE_NONE)
		schedule_record_set(r, RECORD_NOTED, true);
	r->attempts = m->attempts > 255 ? 255 : m->attempts & 255;
	r->quick = m->quick > SCHEDULE_QUICK_MAX ? SCHEDULE_QUICK_MAX : m->quick & 3;
	r->trouble = m->troubled ? m->trouble & 7 : 0;
	r->paused = m->command != NULL ? r->paused : m->all_paused;
	r->tag = 0;
	if (d == NULL && m->command == NULL)
		d = schedule_etrn_missed(m);
	if (m->backlog && (r->flags & RECORD_ETRN) == 0)
		schedule_etrn_add(m);
	if (r->state == RECORD_SKIPPED || (r->flags & RECORD_HELD) != 0) {
		schedule_admin_put_back(s, m->record, due);
	} else if (d != NULL && !s->draining) {
		r->due = m->deferred ? due : 0;
		schedule_dest_park(s->dests, d, m->record);
	} else {
		schedule_record_retry(r, s->retrying, retry, waits_locally(m));
		schedule_index_wait(s->index, m->record, due == 0 ? schedule_clock_now() : due);
		d = m->deferred ? schedule_attempt_unreachable(m) : NULL;
		if (d == NULL && m->undropped)
			d = s->local;
		if (d != NULL)
			schedule_recover_add(s->recover, m->record, d);
	}
}

/* The round of the message is over and written down, or there was none. */
static void
on_settled(struct active_message *m)
{
	struct schedule *s = m->schedule;

	active_message_enter(m, ACTIVE_SETTLED);
	if (m->gone) {
		unsigned flags = schedule_index_at(s->index, m->record)->flags;

		remove_record(s, m->record);
		if ((flags & (RECORD_BACKLOG | RECORD_ETRN)) != 0)
			schedule_etrn_forget(m, flags);
	} else {
		put_back(m);
	}
	if (m->command != NULL)
		schedule_admin_end(m);
	schedule_message_free(m);
	if (s->draining && s->loaded == 0 && s->idle != NULL) {
		void (*idle)(void *) = s->idle;

		s->idle = NULL;
		idle(s->idle_arg);
		return;
	}
	if (!s->draining)
		loop_timer_set(s->timer, 0);
}

/* --- loading --- */

static void
run_load(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		schedule_load_read(jobs[i]);
}

static void
on_loaded(void *arg, void *job)
{
	struct active_message *m = job;

	if (m->only != NULL) {
		m->only->loading--;
		m->only->refs++;
	}
	if (m->error == 0) {
		m->schedule->recipients += m->e.nrcpt;
		m->recipient = mem_zalloc(m->e.nrcpt * sizeof(*m->recipient) + 1);
	}
	if (m->schedule->draining && m->error == 0)
		result_skip(m->schedule->result, m);
	else
		schedule_load_judge(m);
}

static void
on_loaded_by_thread(void *arg, void *job)
{
	struct schedule *s = arg;

	s->loading--;
	on_loaded(s, job);
	if (!s->draining)
		loop_timer_set(s->timer, 0);
}

/* A file that came a moment ago is in the page cache and read at once; other files are read by a thread. */
static void
load_record(struct schedule *s, uint32_t record, struct schedule_dest *from)
{
	struct schedule_record *r = schedule_index_at(s->index, record);
	bool cached = (r->flags & RECORD_CACHED) != 0;
	struct active_message *m;

	schedule_record_event(r, EVENT_LOAD);
	schedule_record_set(r, RECORD_CACHED, false);
	m = schedule_message_new(s, record, from);
	m->is_new = m->arrived_us >= s->started_us && (r->flags & RECORD_BACKLOG) == 0;
	if (cached) {
		active_message_keep(m, &s->kept, SCHEDULE_KEPT_MAX);
		schedule_load_read(m);
		on_loaded(s, m);
	} else {
		schedule_message_load(m);
	}
}

static uint32_t
take_new(struct schedule *s)
{
	uint32_t n = s->new_first;

	if (n == 0)
		return 0;
	s->new_first = schedule_index_at(s->index, n)->next;
	schedule_index_at(s->index, n)->next = 0;
	return n;
}

static uint32_t
take_due(struct schedule *s)
{
	uint32_t n = schedule_index_first(s->index);

	if (s->loading >= LOADING_MAX || n == 0 || schedule_index_at(s->index, n)->due > schedule_clock_now())
		return 0;
	schedule_index_take(s->index, n);
	return n;
}

bool
schedule_has_room(const struct schedule *s)
{
	return !s->set.at_rest && !s->draining && !result_is_stuck(s->result) &&
	    s->loaded < s->set.window + SPARE && s->recipients <= RECIPIENTS_MAX;
}

/*
 * Loads one more message: a new one and one that waits for a place in alternation, else one that is due.
 * False: there is none, or no room.
 */
static bool
take_next(struct schedule *s)
{
	struct schedule_dest *d = NULL;
	uint32_t n = 0;

	if (!schedule_has_room(s))
		return false;
	s->new_next = !s->new_next;
	if (s->new_next)
		n = take_new(s);
	if (n == 0)
		n = schedule_dest_unpark(s->dests, schedule_dest_share(s->set.window, s->counted[0]), &d);
	if (n == 0)
		n = take_new(s);
	if (n == 0)
		n = take_due(s);
	if (n == 0)
		return false;
	if (schedule_admin_skips(s, n, d))
		return true;
	load_record(s, n, d);
	return true;
}

static void
set_timer_till_due(struct schedule *s)
{
	uint32_t n = schedule_index_first(s->index);
	int64_t ms;

	if (n == 0 || s->draining)
		return;
	ms = ((int64_t)schedule_index_at(s->index, n)->due * 1000000 - clock_wall_us()) / 1000 + 1;
	if (ms > 0)
		loop_timer_set(s->timer, ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : (uint64_t)ms);
}

static void
load_due(void *arg)
{
	struct schedule *s = arg;
	unsigned n = 0;

	loop_timer_stop(s->timer);
	schedule_clock_check(s);
	while (n < LOADS_A_TURN && take_next(s))
		n++;
	if (n == LOADS_A_TURN)
		loop_timer_set(s->timer, 0);
	else
		set_timer_till_due(s);
	atrn_check(s);
	schedule_count(s);
}

/* --- what the worker tells --- */

void
schedule_hint(struct schedule *s, const char *id)
{
	struct schedule_record *r;
	uint32_t n;

	n = schedule_index_find(s->index, id);
	if (n != 0) {
		schedule_unstored_found(s, n);
		schedule_admin_again(s, n);
		return;
	}
	n = schedule_index_add(s->index, id);
	r = schedule_index_at(s->index, n);
	r->flags = RECORD_KNOWN | RECORD_CACHED;
	schedule_record_event(r, EVENT_NEW);
	if (s->new_first == 0)
		s->new_first = n;
	else
		schedule_index_at(s->index, s->new_last)->next = n;
	s->new_last = n;
}

void
schedule_found(struct schedule *s, const struct spool_entry *entry)
{
	uint32_t now = schedule_clock_now(), due, n;

	n = schedule_index_find(s->index, entry->id);
	if (n != 0) {
		schedule_unstored_found(s, n);
		schedule_admin_again(s, n);
		return;
	}
	due = entry->due < 0 || entry->due > (int64_t)schedule_clock_latest(s, now) ?
	    now : (uint32_t)entry->due;
	n = schedule_index_add(s->index, entry->id);
	schedule_record_retry(schedule_index_at(s->index, n), s->retrying, due > now && !entry->held, false);
	schedule_index_wait(s->index, n, due);
	if (entry->held)
		schedule_admin_hold(s, entry->id, true);
}

void
schedule_go(struct schedule *s)
{
	load_due(s);
}

void
schedule_retry_all(struct schedule *s)
{
	schedule_index_all_due(s->index, schedule_clock_now());
	load_due(s);
}

void
schedule_drop_is_back(struct schedule *s)
{
	schedule_recover_back(s->recover, s->local);
}

void
schedule_drain(struct schedule *s, void (*idle)(void *arg), void *arg)
{
	s->draining = true;
	loop_timer_stop(s->timer);
	if (s->loaded == 0) {
		idle(arg);
		return;
	}
	s->idle = idle;
	s->idle_arg = arg;
}

/* --- beginning and end --- */

static void
on_queued(void *arg, const char *id)
{
	struct schedule *s = arg;

	schedule_hint(s, id);
	if (!s->draining)
		loop_timer_set(s->timer, 0);
}

struct schedule *
schedule_new(const struct schedule_setup *setup, const char **why)
{
	struct schedule *s = mem_new(struct schedule);
	char local_name[] = "local", directory_name[] = "directory";
	struct destination local = { .key = local_name, .domain = local_name };
	struct destination directory = { .key = directory_name, .domain = directory_name };

	s->set = *setup;
	TAILQ_INIT(&s->messages);
	LIST_INIT(&s->atrns);
	LIST_INIT(&s->offers);
	s->started_us = clock_wall_us();
	schedule_clock_check(s);
	s->index = schedule_index_new();
	s->dests = schedule_dest_table_new(s->index);
	s->local = schedule_dest_add(s->dests, &local);
	s->local->local = true;
	if (setup->expand != NULL) {
		s->directory = schedule_dest_add(s->dests, &directory);
		s->directory->directory = true;
		expand_on_queued(setup->expand, on_queued, s);
	}
	s->route = route_new(setup->server, why);
	if (s->route == NULL) {
		schedule_free(s);
		return NULL;
	}
	s->report = report_new(setup->enqueue, setup->server, setup->counters, on_queued, s);
	s->result = result_new(&(struct result_setup){ .loop = setup->loop, .pool = setup->pool,
	    .spool = setup->spool, .report = s->report, .badmail = setup->badmail, .server = setup->server,
	    .settled = on_settled });
	s->drop = drop_new(setup->pool, setup->spool, setup->server);
	s->load = pool_lane_new(setup->pool, LOAD_LANES, LOAD_BATCH, run_load, on_loaded_by_thread, s);
	s->timer = loop_timer_new(setup->loop, load_due, s);
	s->ebb = ebb_new(setup->loop, EBB_WAIT_MS, ebb_give_back, NULL);
	s->recover = schedule_recover_new(s, schedule_go);
	return s;
}

void
schedule_free(struct schedule *s)
{
	struct active_message *m;

	if (s == NULL)
		return;
	while ((m = TAILQ_FIRST(&s->messages)) != NULL)
		schedule_message_free(m);
	atrn_free(s);
	result_free(s->result);
	report_free(s->report);
	drop_free(s->drop);
	route_free(s->route);
	schedule_recover_free(s->recover);
	schedule_dest_table_free(s->dests);
	schedule_index_free(s->index);
	loop_timer_free(s->timer);
	ebb_free(s->ebb);
	free(s);
}
