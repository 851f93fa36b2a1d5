/*
 * age_walk - the oldest message that is to be delivered
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing
 * Promise:  a walk looks at some thousands of records at a time; a message that left meanwhile does not count
 * Fails by: not at all
 */
#include "deliver/deliver.h"
#include "deliver/schedule/schedule.h"

#define PORTION 65536U

static bool
record_counts(const struct schedule_record *r)
{
	return r->state != RECORD_FREE && r->state != RECORD_GONE && !r->paused &&
	    (r->flags & (RECORD_HELD | RECORD_BACKLOG | RECORD_ETRN)) == 0;
}

static bool
is_still_there(const struct schedule_index *x, uint32_t n, int64_t time)
{
	const struct schedule_record *r = n != 0 ? schedule_index_at(x, n) : NULL;

	return r != NULL && record_counts(r) && (int64_t)r->time == time;
}

bool
age_walk_step(const struct schedule_index *x, struct age_walk *a)
{
	uint32_t last = schedule_index_last(x), end;

	if (a->next == 0)
		*a = (struct age_walk){ .next = 1, .oldest_us = a->oldest_us };
	end = last - (a->next - 1) > PORTION ? a->next + PORTION - 1 : last;
	for (uint32_t n = a->next; n <= end && n != 0; n++) {
		const struct schedule_record *r = schedule_index_at(x, n);

		if (record_counts(r) && (a->record == 0 || (int64_t)r->time < a->found_us)) {
			a->record = n;
			a->found_us = (int64_t)r->time;
		}
	}
	a->next = end + 1;
	if (end < last)
		return false;
	a->next = 0;
	/* When the oldest one has left since it was seen, the next walk finds the one after it. */
	if (a->record == 0 || is_still_there(x, a->record, a->found_us))
		a->oldest_us = a->found_us;
	return true;
}
