/*
 * schedule - which messages are at work: the due ones, a window of them, fair shares for destinations
 *
 * Runs in:  deliver, on the loop
 * Owns:     the index, the destinations, the loaded messages
 * Promise:  memory is one record a message and a window of loaded ones; no destination fills the window, and
 *           local mail has places that no destination can take; a message is loaded once at a time
 * Fails by: nothing; what the disk refuses is logged and tried again later
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "common/process/pool.h"
#include "deliver/active/active.h"
#include "deliver/local/local.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"

#define SPARE 256			/* places beside the window: for loading and for local mail */
#define RECIPIENTS_MAX 200000		/* of all loaded messages */
#define TURN 128			/* messages taken up in one go of the loop */
#define SLEEP_MAX_MS 600000
#define LOADING_MAX 64			/* by threads: a place that comes free must not wait behind more */
#define LOAD_LANES 2
#define LOAD_BATCH 16

static void pump(void *arg);

/* --- records --- */

static void
wait_until(struct schedule *s, uint32_t n, uint32_t due, bool retry)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	if (retry && (r->flags & RECORD_RETRY) == 0)
		s->retrying++;
	if (!retry && (r->flags & RECORD_RETRY) != 0)
		s->retrying--;
	r->flags = retry ? r->flags | RECORD_RETRY : r->flags & ~(unsigned)RECORD_RETRY;
	schedule_index_wait(s->index, n, due);
}

static void
forget(struct schedule *s, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(s->index, n);

	if ((r->flags & RECORD_RETRY) != 0)
		s->retrying--;
	if (r->state == RECORD_ASIDE)
		schedule_admin_bury(s, n);	/* its list still names it */
	else
		schedule_index_remove(s->index, n);
}

/* The first full second at least `ms` from now. */
static uint32_t
due_after(uint64_t ms)
{
	return (uint32_t)((clock_wall_us() + (int64_t)ms * 1000 + 999999) / 1000000);
}

void
schedule_count(const struct schedule *s)
{
	struct counters *c = s->set.counters;

	counters_set(c, COUNTER_QUEUE_LENGTH, (int64_t)(schedule_index_count(s->index) - s->buried));
	counters_set(c, COUNTER_QUEUE_LOCAL, (int64_t)s->local_held);
	counters_set(c, COUNTER_QUEUE_REMOTE, (int64_t)(s->remote_held +
	    schedule_dest_parked(s->dests) - s->buried));
	counters_set(c, COUNTER_QUEUE_RETRY, (int64_t)s->retrying);
	counters_set(c, COUNTER_QUEUE_HELD, (int64_t)schedule_index_held(s->index));
	counters_set(c, COUNTER_QUEUE_ETRN, (int64_t)schedule_index_backlog(s->index));
}

/* --- messages --- */

/* The destination that had no place for some of its recipients; NULL none had. */
static struct schedule_dest *
parked_for(const struct active_message *m)
{
	for (size_t i = 0; m->result != NULL && i < m->e.nrcpt; i++)
		if (m->result[i].outcome == OUTCOME_PARKED)
			return m->result[i].dest;
	return NULL;
}

/* When it is to be loaded again; 0: now. */
static uint32_t
next_due(const struct active_message *m)
{
	uint32_t due = m->later ? due_after(m->after) : 0, look = m->held ? due_after(m->held_after) : 0;

	return due == 0 || (look != 0 && look < due) ? look : due;
}

/* Back among the records: for its next time, or for a place. */
static void
put_back(struct active_message *m)
{
	struct schedule *s = m->schedule;
	struct schedule_record *r = schedule_index_at(s->index, m->record);
	struct schedule_dest *d = parked_for(m);
	uint32_t due = next_due(m);
	bool retry = m->attempts + m->quick > 0;

	if ((m->only != NULL || m->command != NULL) && r->due > schedule_clock_now() &&
	    (due == 0 || r->due < due))
		due = r->due;		/* the others of this message still wait for their time */
	if (m->command != NULL && (r->flags & RECORD_WANTED) != 0)
		due = 0;	/* asked for while the order was at work: the next round finds out by whom */
	r->flags = (r->flags & (RECORD_RETRY | RECORD_HELD | RECORD_BACKLOG | RECORD_WANTED)) |
	    (m->known ? RECORD_KNOWN : 0U) |
	    (m->delayed ? RECORD_DELAYED : 0U) | (m->noted || (r->flags & RECORD_NOTED) != 0 ? RECORD_NOTED :
	    0U);
	r->attempts = m->attempts > 255 ? 255 : m->attempts & 255;
	r->quick = m->quick > SCHEDULE_QUICK_MAX ? SCHEDULE_QUICK_MAX : m->quick & 3;
	r->tag = 0;
	if (d == NULL && m->command == NULL)
		d = schedule_etrn_wanted(m);
	if (m->held && (r->flags & RECORD_WANTED) == 0)
		schedule_etrn_keep(m);
	if (r->state == RECORD_ASIDE || (r->flags & RECORD_HELD) != 0) {
		schedule_admin_rest(s, m->record, due);
	} else if (d != NULL && !s->draining) {
		r->due = m->later ? due : 0;
		schedule_dest_park(s->dests, d, m->record);
	} else {
		wait_until(s, m->record, due == 0 ? schedule_clock_now() : due, retry);
		if (m->later && (d = schedule_attempt_away(m)) != NULL)
			schedule_recover_sleep(s->wake, m->record, d);
	}
}

/* The round of a message is over and written down, or there was none. */
static void
settled(struct active_message *m)
{
	struct schedule *s = m->schedule;

	if (m->gone) {
		unsigned flags = schedule_index_at(s->index, m->record)->flags;

		forget(s, m->record);
		if ((flags & (RECORD_BACKLOG | RECORD_WANTED)) != 0)
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

/* --- taking up --- */

static void
run_load(void *arg, void **jobs, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		schedule_load_read(jobs[i]);
}

static void
loaded(void *arg, void *job)
{
	struct active_message *m = job;

	(void)arg;
	if (m->only != NULL) {
		m->only->coming--;
		m->only->held++;
	}
	if (m->error == 0) {
		m->schedule->recipients += m->e.nrcpt;
		m->result = mem_zalloc(m->e.nrcpt * sizeof(*m->result) + 1);
	}
	if (m->schedule->draining && m->error == 0)
		result_skip(m->schedule->settle, m);
	else
		schedule_load_judge(m);
}

static void
loaded_by_thread(void *arg, void *job)
{
	struct schedule *s = arg;

	s->loading--;
	loaded(s, job);
	if (!s->draining)
		loop_timer_set(s->timer, 0);
}

/* What came a moment ago is in memory and read at once; what may be cold is read by a thread. */
static void
take_up(struct schedule *s, uint32_t record, struct schedule_dest *from)
{
	struct schedule_record *r = schedule_index_at(s->index, record);
	bool hot = (r->flags & RECORD_HOT) != 0;
	struct active_message *m;

	r->flags &= ~(unsigned)RECORD_HOT;
	m = schedule_message_new(s, record, from);
	m->fresh = m->arrived_us >= s->started_us && (r->flags & RECORD_BACKLOG) == 0;
	if (hot) {
		schedule_load_read(m);
		loaded(s, m);
	} else {
		schedule_message_load(m);
	}
}

static uint32_t
take_fresh(struct schedule *s)
{
	uint32_t n = s->fresh_first;

	if (n == 0)
		return 0;
	s->fresh_first = schedule_index_at(s->index, n)->next;
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

/*
 * One more message: in turn one that waits for a place and what is new, then what is due. False: nothing, or
 * no room.
 */
static bool
take_next(struct schedule *s)
{
	struct schedule_dest *d = NULL;
	uint32_t n = 0;

	if (s->set.at_rest || s->draining || result_is_stuck(s->settle) || s->loaded >= s->set.window +
	    SPARE || s->recipients > RECIPIENTS_MAX)
		return false;
	s->fresh_turn = !s->fresh_turn;
	if (s->fresh_turn)
		n = take_fresh(s);
	if (n == 0)
		n = schedule_dest_unpark(s->dests, schedule_dest_share(s->set.window, s->remote_held), &d);
	if (n == 0)
		n = take_fresh(s);
	if (n == 0)
		n = take_due(s);
	if (n == 0)
		return false;
	if (schedule_admin_is_aside(s, n, d))
		return true;
	take_up(s, n, d);
	return true;
}

static void
sleep_till_due(struct schedule *s)
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
pump(void *arg)
{
	struct schedule *s = arg;
	unsigned turn = 0;

	loop_timer_stop(s->timer);
	schedule_clock_look(s);
	while (turn < TURN && take_next(s))
		turn++;
	if (turn == TURN)
		loop_timer_set(s->timer, 0);
	else
		sleep_till_due(s);
	atrn_look(s);
	schedule_count(s);
}

/* --- news --- */

void
schedule_hint(struct schedule *s, const char *id)
{
	struct schedule_record *r;
	uint32_t n;

	n = schedule_index_find(s->index, id);
	if (n != 0) {
		schedule_admin_unbury(s, n);
		return;
	}
	n = schedule_index_add(s->index, id);
	r = schedule_index_at(s->index, n);
	r->flags = RECORD_KNOWN | RECORD_HOT;
	r->state = RECORD_FRESH;
	if (s->fresh_first == 0)
		s->fresh_first = n;
	else
		schedule_index_at(s->index, s->fresh_last)->next = n;
	s->fresh_last = n;
}

void
schedule_found(struct schedule *s, const struct spool_entry *entry)
{
	uint32_t now = schedule_clock_now(), due, n;

	n = schedule_index_find(s->index, entry->id);
	if (n != 0) {
		schedule_admin_unbury(s, n);
		return;
	}
	due = entry->due < 0 || entry->due > (int64_t)schedule_clock_latest(s, now) ? now :
	    (uint32_t)entry->due;
	n = schedule_index_add(s->index, entry->id);
	wait_until(s, n, due, due > now && !entry->held);
	if (entry->held)
		schedule_admin_hold(s, entry->id, true);
}

void
schedule_go(struct schedule *s)
{
	pump(s);
}

void
schedule_retry_all(struct schedule *s)
{
	schedule_index_all_due(s->index, schedule_clock_now());
	pump(s);
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

/* --- life --- */

static void
message_queued(void *arg, const char *id)
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
	struct destination local = { .key = (char *)"local", .domain = (char *)"local" };
	struct destination directory = { .key = (char *)"directory", .domain = (char *)"directory" };

	s->set = *setup;
	TAILQ_INIT(&s->messages);
	LIST_INIT(&s->turns);
	s->started_us = clock_wall_us();
	schedule_clock_look(s);
	s->index = schedule_index_new();
	s->dests = schedule_dest_table_new(s->index);
	s->local = schedule_dest_add(s->dests, &local);
	s->local->local = true;
	if (setup->expand != NULL) {
		s->directory = schedule_dest_add(s->dests, &directory);
		s->directory->directory = true;
		expand_on_queued(setup->expand, message_queued, s);
	}
	s->route = route_new(setup->server, why);
	if (s->route == NULL) {
		schedule_free(s);
		return NULL;
	}
	s->report = report_new(setup->enqueue, setup->server, setup->counters, message_queued, s);
	s->settle = result_new(&(struct result_setup){ .loop = setup->loop, .pool = setup->pool,
	    .spool = setup->spool, .report = s->report, .badmail = setup->badmail, .server = setup->server,
	    .settled = settled });
	s->drop = drop_new(setup->pool, setup->spool, setup->server);
	s->move = pool_lane_new(setup->pool, 1, 1, schedule_admin_run_move, schedule_admin_moved, s);
	s->load = pool_lane_new(setup->pool, LOAD_LANES, LOAD_BATCH, run_load, loaded_by_thread, s);
	s->timer = loop_timer_new(setup->loop, pump, s);
	s->wake = schedule_recover_new(s, schedule_go);
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
	result_free(s->settle);
	report_free(s->report);
	drop_free(s->drop);
	route_free(s->route);
	schedule_recover_free(s->wake);
	schedule_dest_table_free(s->dests);
	schedule_index_free(s->index);
	loop_timer_free(s->timer);
	free(s);
}
