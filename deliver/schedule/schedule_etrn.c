/*
 * schedule_etrn - mail that waits until its host asks with ETRN or ATRN: its destinations, and how it is
 * started
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the destinations have the backlogs
 * Promise:  a waiting message costs its record and four bytes, and no work until its host asks, its delay
 *           report is due or its time is over. Nothing on the disk says that it waits: the configuration
 *           does
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

/* One for each domain, also where several domains have one smart host: each host asks for its own. */
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

/* --- after a round --- */

/*
 * The next destination with `etrn`, each once; NULL none. `*at` is 0 at first. `waiting`: only of recipients
 * that are in OUTCOME_BACKLOG.
 */
static struct schedule_dest *
next_etrn_dest(const struct active_message *m, size_t *at, uint64_t stamp, bool waiting)
{
	for (; *at < m->e.nrcpt; ++*at) {
		const struct active_recipient *r = &m->recipient[*at];

		if (r->etrn && r->dest != NULL && r->dest->etrn && r->dest->stamp != stamp &&
		    (!waiting || r->outcome == OUTCOME_BACKLOG)) {
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
	while ((d = next_etrn_dest(m, &at, stamp, true)) != NULL)
		schedule_dest_add_backlog(s->dests, d, m->record);
	schedule_index_set_backlog(s->index, m->record, true);
}

static bool
waits_for(const struct active_message *m, const struct schedule_dest *d)
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
	struct schedule_dest *chosen = NULL, *next;
	bool others = false;

	if ((r->flags & RECORD_ETRN) == 0)
		return NULL;
	for (struct schedule_dest *d = schedule_dest_next_etrn(s->dests, NULL); d != NULL; d = next) {
		next = schedule_dest_next_etrn(s->dests, d);
		if (!etrn_backlog_is_missed(&d->backlog, m->record))
			continue;
		if (waits_for(m, d) && chosen != NULL) {
			others = true;
			continue;
		}
		chosen = waits_for(m, d) ? d : chosen;
		(void)etrn_backlog_forget_missed(&d->backlog, m->record);
		schedule_dest_check(s->dests, d);
	}
	if (!others)
		schedule_record_set(r, RECORD_ETRN, false);
	return chosen;
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
	    (d = next_etrn_dest(m, &at, stamp, false)) != NULL)
		if (++d->backlog.gone * 2 > d->backlog.count)
			schedule_dest_tidy_backlog(s->dests, d);
}

/* --- ETRN --- */

/* "*.example.com" means all domains below example.com. */
static bool
is_meant(const struct schedule_dest *d, const char *pattern)
{
	const char *domain = schedule_etrn_domain(d);
	size_t len = strlen(domain), tail = strlen(pattern + 1);

	return len > tail && strcmp(domain + len - tail, pattern + 1) == 0;
}

static size_t
start_backlog(struct schedule *s, struct schedule_dest *d, bool *running)
{
	bool runs = schedule_dest_is_busy(d);
	size_t n = schedule_dest_start_backlog(s->dests, d);

	*running |= runs;
	if (n > 0)
		log_event(LOG_FACT, NULL, "asked", "domain=%s messages=%zu",
		    log_safe(schedule_etrn_domain(d)), n);
	counters_add(s->set.counters, COUNTER_ETRN_MESSAGES, (int64_t)n);
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
		n = d == NULL ? 0 : start_backlog(s, d, running);
	} else {
		while ((d = schedule_dest_next_etrn(s->dests, d)) != NULL)
			if (is_meant(d, pattern))
				n += start_backlog(s, d, running);
	}
	if (n > 0 && !s->draining)
		loop_timer_set(s->timer, 0);
	return n;
}
