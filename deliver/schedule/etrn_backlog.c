/*
 * etrn_backlog - the records of a destination that wait until its host asks, oldest first; pure
 *
 * Runs in:  deliver, on the loop
 * Owns:     arrays of record numbers
 * Promise:  four bytes a message. Entries are hints: one whose record left is skipped, and removed before the
 *           array grows
 * Fails by: nothing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/schedule/schedule.h"

#define SIZE_MIN 16

void
etrn_backlog_done(struct etrn_backlog *k)
{
	free(k->record);
	free(k->missed);
	*k = (struct etrn_backlog){ .record = NULL };
}

static void
empty_backlog(struct etrn_backlog *k)
{
	free(k->record);
	k->record = NULL;
	k->first = k->count = k->size = 0;
}

void
etrn_backlog_tidy(struct etrn_backlog *k, struct schedule_index *x, size_t *started)
{
	size_t n = 0, left = 0;

	for (size_t i = 0; i < k->count; i++) {
		uint32_t number = k->record[k->first + i];
		struct schedule_record *r = schedule_index_at(x, number);

		if ((r->flags & RECORD_BACKLOG) == 0 || r->listed)
			continue;
		r->listed = true;
		left += i < *started;
		k->record[n++] = number;
	}
	for (size_t i = 0; i < n; i++)
		schedule_index_at(x, k->record[i])->listed = false;
	k->first = k->gone = 0;
	k->count = n;
	*started = left;
	if (n == 0)
		empty_backlog(k);
}

void
etrn_backlog_add(struct etrn_backlog *k, struct schedule_index *x, uint32_t record, size_t *started)
{
	if (k->first + k->count == k->size) {
		etrn_backlog_tidy(k, x, started);
		if (k->count + k->count / 2 >= k->size) {
			k->size = k->size == 0 ? SIZE_MIN : k->size * 2;
			k->record = mem_array(k->record, k->size, sizeof(*k->record));
		}
	}
	k->record[k->first + k->count++] = record;
}

/* --- records that were at work when their host asked --- */

static void
add_missed(struct etrn_backlog *k, struct schedule_record *r, uint32_t record)
{
	schedule_record_set(r, RECORD_ETRN, true);
	if (etrn_backlog_is_missed(k, record))
		return;
	if (k->nmissed == k->missed_size) {
		k->missed_size = k->missed_size == 0 ? SIZE_MIN : k->missed_size * 2;
		k->missed = mem_array(k->missed, k->missed_size, sizeof(*k->missed));
	}
	k->missed[k->nmissed++] = record;
}

bool
etrn_backlog_is_missed(const struct etrn_backlog *k, uint32_t record)
{
	for (size_t i = 0; i < k->nmissed; i++)
		if (k->missed[i] == record)
			return true;
	return false;
}

bool
etrn_backlog_forget_missed(struct etrn_backlog *k, uint32_t record)
{
	for (size_t i = 0; i < k->nmissed; i++) {
		if (k->missed[i] != record)
			continue;
		k->missed[i] = k->missed[--k->nmissed];
		return true;
	}
	return false;
}

void
etrn_backlog_forget_all_missed(struct etrn_backlog *k)
{
	k->nmissed = 0;
}

/* Its turn comes after the present round, unless an operator holds it. */
static bool
is_at_work(const struct schedule_record *r)
{
	return (r->flags & RECORD_HELD) == 0 &&
	    (r->state == RECORD_LOADED || r->state == RECORD_PARKED || r->state == RECORD_SKIPPED);
}

uint32_t
etrn_backlog_take(struct etrn_backlog *k, struct schedule_index *x, size_t *started)
{
	while (*started > 0) {
		uint32_t number = k->record[k->first++];
		struct schedule_record *r = schedule_index_at(x, number);

		k->count--;
		--*started;
		if ((r->flags & RECORD_BACKLOG) != 0 && r->state == RECORD_WAITING) {
			schedule_index_set_backlog(x, number, false);
			schedule_index_take(x, number);
			return number;
		}
		/* At work, for another of its destinations or for a command; or it has left. */
		schedule_index_set_backlog(x, number, false);
		if (is_at_work(r))
			add_missed(k, r, number);
	}
	return 0;
}
