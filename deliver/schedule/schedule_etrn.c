/*
 * schedule_etrn - mail that is held until its host asks for it: where it waits, and that it goes when it is
 * asked for
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the destinations have the lists
 * Promise:  at rest a held message costs its record and four bytes, and no work: it is looked at when it is
 *           asked for, and for its delay report and its end. Nothing about it is written down: the
 *           configuration says what is held
 * Fails by: nothing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "deliver/active/active.h"
#include "deliver/schedule/schedule.h"

#define KEY_PREFIX "hold:"

static void
make_key(char key[ROUTE_KEY_SIZE], const char *domain)
{
	snprintf(key, ROUTE_KEY_SIZE, KEY_PREFIX "%s", domain);
}

const char *
schedule_etrn_domain(const struct schedule_dest *d)
{
	return d->d.key + strlen(KEY_PREFIX);
}

/*
 * One for each domain, also where several have one smart host: what waits here has been asked for by its own
 * host.
 */
struct schedule_dest *
schedule_etrn_dest(struct schedule *s, const char *domain, const struct route_answer *a)
{
	char key[ROUTE_KEY_SIZE];
	struct schedule_dest *found;
	struct destination d;

	make_key(key, domain);
	found = schedule_dest_find(s->dests, key);
	if (found != NULL)
		return found;
	if (a->kind == ROUTE_HOSTS)
		route_destination_copy(&d, a->hosts);
	else
		route_direct(&d, domain, a);
	free(d.key);
	d.key = mem_strdup(key);
	found = schedule_dest_add(s->dests, &d);
	schedule_dest_set_etrn(s->dests, found);
	route_destination_done(&d);
	return found;
}

/* --- from round to round --- */

/* The next destination that holds, each once; NULL none. `*at` is 0 at first. */
static struct schedule_dest *
next_holding(const struct active_message *m, size_t *at, uint64_t stamp, bool pending)
{
	for (; *at < m->e.nrcpt; ++*at) {
		const struct active_recipient *r = &m->recipient[*at];

		if (r->etrn && r->dest != NULL && r->dest->etrn && r->dest->stamp != stamp &&
		    (!pending || r->outcome == OUTCOME_BACKLOG)) {
			r->dest->stamp = stamp;
			return r->dest;
		}
	}
	return NULL;
}

void
schedule_etrn_add(struct active_message *m)
{
	struct schedule *s = m->schedule;
	uint64_t stamp = schedule_dest_stamp(s->dests);
	struct schedule_dest *d;
	size_t at = 0;

	if ((schedule_index_at(s->index, m->record)->flags & RECORD_BACKLOG) != 0)
		return;
	while ((d = next_holding(m, &at, stamp, true)) != NULL)
		schedule_dest_add_backlog(s->dests, d, m->record);
	schedule_index_set_backlog(s->index, m->record, true);
}

static bool
is_held_for(const struct active_message *m, const struct schedule_dest *d)
{
	for (size_t i = 0; m->recipient != NULL && i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_BACKLOG && m->recipient[i].dest == d)
			return true;
	return false;
}

struct schedule_dest *
schedule_etrn_missed(struct active_message *m)
{
	struct schedule *s = m->schedule;
	struct schedule_record *r = schedule_index_at(s->index, m->record);
	struct schedule_dest *turn = NULL, *next;
	bool others = false;

	if ((r->flags & RECORD_ETRN) == 0)
		return NULL;
	for (struct schedule_dest *d = schedule_dest_next_etrn(s->dests, NULL); d != NULL; d = next) {
		next = schedule_dest_next_etrn(s->dests, d);
		if (!etrn_backlog_is_missed(&d->backlog, m->record))
			continue;
		if (is_held_for(m, d) && turn != NULL) {
			others = true;
			continue;
		}
		turn = is_held_for(m, d) ? d : turn;
		(void)etrn_backlog_forget_missed(&d->backlog, m->record);
		schedule_dest_check(s->dests, d);
	}
	if (!others)
		schedule_record_set(r, RECORD_ETRN, false);
	return turn;
}

void
schedule_etrn_forget_missed(struct schedule *s, uint32_t record)
{
	struct schedule_dest *next;

	for (struct schedule_dest *d = schedule_dest_next_etrn(s->dests, NULL); d != NULL; d = next) {
		next = schedule_dest_next_etrn(s->dests, d);
		if (etrn_backlog_forget_missed(&d->backlog, record))
			schedule_dest_check(s->dests, d);
	}
}

void
schedule_etrn_forget(struct active_message *m, unsigned flags)
{
	struct schedule *s = m->schedule;
	uint64_t stamp = schedule_dest_stamp(s->dests);
	struct schedule_dest *d;
	size_t at = 0;

	if ((flags & RECORD_ETRN) != 0)
		schedule_etrn_forget_missed(s, m->record);
	while ((flags & RECORD_BACKLOG) != 0 && m->recipient != NULL &&
	    (d = next_holding(m, &at, stamp, false)) != NULL)
		if (++d->backlog.gone * 2 > d->backlog.count)
			schedule_dest_tidy_backlog(s->dests, d);
}

/* --- asking --- */

/* "*.example.com" is all below example.com. */
static bool
is_meant(const struct schedule_dest *d, const char *pattern)
{
	const char *domain = schedule_etrn_domain(d);
	size_t len = strlen(domain), tail = strlen(pattern + 1);

	return len > tail && strcmp(domain + len - tail, pattern + 1) == 0;
}

static size_t
ask(struct schedule *s, struct schedule_dest *d, bool *running)
{
	bool runs = schedule_dest_is_busy(d);
	size_t n = schedule_dest_start_backlog(s->dests, d);

	*running |= runs;
	if (n > 0)
		log_event(LOG_FACT, NULL, "asked", "domain=%s messages=%zu",
		    log_safe(schedule_etrn_domain(d)), n);
	counters_add(s->set.counters, COUNTER_ASKED, (int64_t)n);
	return n;
}

size_t
schedule_etrn(struct schedule *s, const char *pattern, bool *running)
{
	char key[ROUTE_KEY_SIZE];
	struct schedule_dest *d = NULL;
	size_t n = 0;

	if (*pattern != '*') {
		make_key(key, pattern);
		d = schedule_dest_find(s->dests, key);
		n = d == NULL ? 0 : ask(s, d, running);
	} else {
		while ((d = schedule_dest_next_etrn(s->dests, d)) != NULL)
			if (is_meant(d, pattern))
				n += ask(s, d, running);
	}
	if (n > 0 && !s->draining)
		loop_timer_set(s->timer, 0);
	return n;
}
