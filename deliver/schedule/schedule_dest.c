/*
 * schedule_dest - destinations in use, and for each the records that wait for a place
 *
 * Runs in:  deliver, on the loop
 * Owns:     the destinations; the links of parked records, the backlogs
 * Promise:  destinations with parked or started records are served in turn; an unused one is freed at once,
 *           so memory follows what is at work and not how many domains there are
 * Fails by: nothing; a wrong order of calls is a bug()
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/schedule/schedule.h"

#define BUCKETS 4096
#define ATRN_SHARE 16		/* messages at work for the one connection of a host that asked */
#define LOOK_AT 64		/* destinations looked at to find one record */

struct schedule_dests {
	struct schedule_index *index;
	struct schedule_dest *bucket[BUCKETS];
	TAILQ_HEAD(, schedule_dest) waiting, etrn;
	size_t parked;
	uint64_t stamp;
};

static size_t
bucket_of(const char *key)
{
	uint32_t h = 2166136261U;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return (h ^ h >> 15) % BUCKETS;
}

struct schedule_dests *
schedule_dest_table_new(struct schedule_index *index)
{
	struct schedule_dests *t = mem_new(struct schedule_dests);

	t->index = index;
	TAILQ_INIT(&t->waiting);
	TAILQ_INIT(&t->etrn);
	return t;
}

void
schedule_dest_table_free(struct schedule_dests *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct schedule_dest *d = t->bucket[i], *next; d != NULL; d = next) {
			next = d->chain;
			etrn_backlog_done(&d->backlog);
			route_destination_done(&d->d);
			free(d);
		}
	free(t);
}

struct schedule_dest *
schedule_dest_find(const struct schedule_dests *t, const char *key)
{
	struct schedule_dest *d = t->bucket[bucket_of(key)];

	while (d != NULL && strcmp(d->d.key, key) != 0)
		d = d->chain;
	return d;
}

struct schedule_dest *
schedule_dest_add(struct schedule_dests *t, const struct destination *from)
{
	struct schedule_dest *d = mem_new(struct schedule_dest);
	struct schedule_dest **head = &t->bucket[bucket_of(from->key)];

	route_destination_copy(&d->d, from);
	d->places = SIZE_MAX;
	d->chain = *head;
	*head = d;
	return d;
}

void
schedule_dest_check(struct schedule_dests *t, struct schedule_dest *d)
{
	struct schedule_dest **link = &t->bucket[bucket_of(d->d.key)];

	if (d->local || d->directory || d->atrn != NULL || d->active > 0 || d->loading > 0 || d->refs > 0 ||
	    d->parked > 0 || d->backlog.count > 0 || d->backlog.nmissed > 0)
		return;
	while (*link != d)
		link = &(*link)->chain;
	*link = d->chain;
	if (d->etrn)
		TAILQ_REMOVE(&t->etrn, d, etrn_link);
	etrn_backlog_done(&d->backlog);
	route_destination_done(&d->d);
	free(d);
}

void
schedule_dest_park(struct schedule_dests *t, struct schedule_dest *d, uint32_t record)
{
	struct schedule_record *r = schedule_index_at(t->index, record);

	if (r->heap != 0)
		bug("record %u is in the heap", record);
	schedule_record_event(r, EVENT_PARK);
	r->next = 0;
	if (d->parked + d->started == 0)
		TAILQ_INSERT_TAIL(&t->waiting, d, waiting);
	if (d->parked == 0)
		d->first = record;
	else
		schedule_index_at(t->index, d->last)->next = record;
	d->last = record;
	d->parked++;
	t->parked++;
}

static uint32_t
take_parked(struct schedule_dests *t, struct schedule_dest *d)
{
	uint32_t record = d->first;
	struct schedule_record *r = schedule_index_at(t->index, record);

	d->first = r->next;
	r->next = 0;
	d->parked--;
	t->parked--;
	return record;
}

/* 0: the started records have left meanwhile. */
static uint32_t
take_first(struct schedule_dests *t, struct schedule_dest *d)
{
	uint32_t record = d->parked > 0 ? take_parked(t, d) : etrn_backlog_take(&d->backlog, t->index,
	    &d->started);

	TAILQ_REMOVE(&t->waiting, d, waiting);
	if (d->parked + d->started > 0)
		TAILQ_INSERT_TAIL(&t->waiting, d, waiting);
	if (record != 0)
		d->loading++;
	return record;
}

uint32_t
schedule_dest_unpark(struct schedule_dests *t, size_t share, struct schedule_dest **which)
{
	struct schedule_dest *d;
	uint32_t record;

	for (size_t i = 0; i < LOOK_AT && (d = TAILQ_FIRST(&t->waiting)) != NULL; i++) {
		if (!d->probing &&
		    d->active + d->loading < MIN(d->places,
		    d->atrn != NULL && share > ATRN_SHARE ? ATRN_SHARE : share)) {
			*which = d;
			record = take_first(t, d);
			if (record != 0)
				return record;
			schedule_dest_check(t, d);
			continue;
		}
		TAILQ_REMOVE(&t->waiting, d, waiting);
		TAILQ_INSERT_TAIL(&t->waiting, d, waiting);
	}
	return 0;
}

/* --- mail that waits for ETRN --- */

void
schedule_dest_set_etrn(struct schedule_dests *t, struct schedule_dest *d)
{
	d->etrn = true;
	TAILQ_INSERT_TAIL(&t->etrn, d, etrn_link);
}

void
schedule_dest_add_backlog(struct schedule_dests *t, struct schedule_dest *d, uint32_t record)
{
	bool waits = d->parked + d->started > 0;

	etrn_backlog_add(&d->backlog, t->index, record, &d->started);
	if (waits && d->parked + d->started == 0)
		TAILQ_REMOVE(&t->waiting, d, waiting);
}

void
schedule_dest_tidy_backlog(struct schedule_dests *t, struct schedule_dest *d)
{
	bool waits = d->parked + d->started > 0;

	etrn_backlog_tidy(&d->backlog, t->index, &d->started);
	if (waits && d->parked + d->started == 0)
		TAILQ_REMOVE(&t->waiting, d, waiting);
}

size_t
schedule_dest_start_backlog(struct schedule_dests *t, struct schedule_dest *d)
{
	schedule_dest_tidy_backlog(t, d);
	if (d->backlog.count > 0 && d->parked + d->started == 0)
		TAILQ_INSERT_TAIL(&t->waiting, d, waiting);
	d->started = d->backlog.count;
	d->atrn_ended = false;
	d->probe_now = true;
	return d->started;
}

void
schedule_dest_stop_backlog(struct schedule_dests *t, struct schedule_dest *d)
{
	if (d->started > 0 && d->parked == 0)
		TAILQ_REMOVE(&t->waiting, d, waiting);
	d->started = 0;
}

/* Parked records stay in the list: a command may be at work on some. The next round sees atrn_ended. */
void
schedule_dest_end_atrn(struct schedule_dests *t, struct schedule_dest *d)
{
	d->atrn_ended = true;
	etrn_backlog_forget_all_missed(&d->backlog);
	schedule_dest_stop_backlog(t, d);
}

bool
schedule_dest_is_busy(const struct schedule_dest *d)
{
	return d->parked + d->started + d->loading + d->active > 0;
}

struct schedule_dest *
schedule_dest_next_etrn(const struct schedule_dests *t, const struct schedule_dest *d)
{
	return d == NULL ? TAILQ_FIRST(&t->etrn) : TAILQ_NEXT(d, etrn_link);
}

size_t
schedule_dest_parked(const struct schedule_dests *t)
{
	return t->parked;
}

size_t
schedule_dest_share(size_t window, size_t counted)
{
	size_t free_places = window > counted ? window - counted : 0;

	if (free_places == 0)
		return 0;
	return free_places > 2 ? free_places : 2;
}

uint64_t
schedule_dest_stamp(struct schedule_dests *t)
{
	return ++t->stamp;
}
