/*
 * etrn_backlog - the records that a destination keeps until they are asked for, oldest first
 *
 * Runs in:  deliver, on the loop; pure
 * Owns:     an array of record numbers
 * Promise:  four bytes a message, nothing to be done at rest. An entry is no more than a word that the record
 *           may be
 *           here: one that went its way meanwhile is passed over, and swept before the array grows
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
	free(k->wanted);
	*k = (struct etrn_backlog){ .record = NULL };
}

static void
empty(struct etrn_backlog *k)
{
	free(k->record);
	k->record = NULL;
	k->first = k->count = k->size = 0;
}

void
etrn_backlog_tidy(struct etrn_backlog *k, struct schedule_index *x, size_t *asked)
{
	size_t n = 0, asked_left = 0;

	for (size_t i = 0; i < k->count; i++) {
		uint32_t number = k->record[k->first + i];
		struct schedule_record *r = schedule_index_at(x, number);

		if ((r->flags & (RECORD_BACKLOG | RECORD_WANTED)) != RECORD_BACKLOG)
			continue;
		r->flags |= RECORD_WANTED;	/* seen */
		asked_left += i < *asked;
		k->record[n++] = number;
	}
	for (size_t i = 0; i < n; i++) {
		struct schedule_record *r = schedule_index_at(x, k->record[i]);

		r->flags = (uint8_t)(r->flags & ~RECORD_WANTED);
	}
	k->first = k->gone = 0;
	k->count = n;
	*asked = asked_left;
	if (n == 0)
		empty(k);
}

void
etrn_backlog_add(struct etrn_backlog *k, struct schedule_index *x, uint32_t record, size_t *asked)
{
	if (k->first + k->count == k->size) {
		etrn_backlog_tidy(k, x, asked);
		if (k->count + k->count / 2 >= k->size) {
			k->size = k->size == 0 ? SIZE_MIN : k->size * 2;
			k->record = mem_array(k->record, k->size, sizeof(*k->record));
		}
	}
	k->record[k->first + k->count++] = record;
}

/* --- at work when they were asked for --- */

static void
want(struct etrn_backlog *k, struct schedule_record *r, uint32_t record)
{
	r->flags |= RECORD_WANTED;
	if (etrn_backlog_wants(k, record))
		return;
	if (k->nwanted == k->wanted_size) {
		k->wanted_size = k->wanted_size == 0 ? SIZE_MIN : k->wanted_size * 2;
		k->wanted = mem_array(k->wanted, k->wanted_size, sizeof(*k->wanted));
	}
	k->wanted[k->nwanted++] = record;
}

bool
etrn_backlog_wants(const struct etrn_backlog *k, uint32_t record)
{
	for (size_t i = 0; i < k->nwanted; i++)
		if (k->wanted[i] == record)
			return true;
	return false;
}

bool
etrn_backlog_unwant(struct etrn_backlog *k, uint32_t record)
{
	for (size_t i = 0; i < k->nwanted; i++) {
		if (k->wanted[i] != record)
			continue;
		k->wanted[i] = k->wanted[--k->nwanted];
		return true;
	}
	return false;
}

void
etrn_backlog_unwant_all(struct etrn_backlog *k)
{
	k->nwanted = 0;
}

/* Held by an operator it is no more to be had than if nobody had asked. */
static bool
is_at_work(const struct schedule_record *r)
{
	return (r->flags & RECORD_HELD) == 0 && (r->state == RECORD_LOADED || r->state == RECORD_PARKED ||
	    r->state == RECORD_ASIDE);
}

uint32_t
etrn_backlog_take(struct etrn_backlog *k, struct schedule_index *x, size_t *asked)
{
	while (*asked > 0) {
		uint32_t number = k->record[k->first++];
		struct schedule_record *r = schedule_index_at(x, number);

		k->count--;
		--*asked;
		if ((r->flags & RECORD_BACKLOG) != 0 && r->state == RECORD_WAITING) {
			schedule_index_set_backlog(x, number, false);
			schedule_index_take(x, number);
			return number;
		}
		/* At work: perhaps because another of its destinations was asked, or by an order. */
		schedule_index_set_backlog(x, number, false);
		if (is_at_work(r))
			want(k, r, number);
	}
	return 0;
}
