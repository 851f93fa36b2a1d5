/*
 * schedule_group - the recipients of an attempt, by destination
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the groups belong to the attempt
 * Promise:  a recipient is in one group, and in that once
 * Fails by: cannot
 */
#include "common/base/mem.h"
#include "deliver/active/active.h"
#include "deliver/schedule/schedule_private.h"

static struct group *
group_of(struct active_message *m, struct schedule_dest *d, uint64_t stamp)
{
	struct schedule_attempt *a = m->attempt;

	if (d->stamp != stamp) {
		d->stamp = stamp;
		d->group = a->ngroup++;
		a->group = mem_array(a->group, a->ngroup, sizeof(*a->group));
		a->group[d->group] = (struct group){ .dest = d };
	}
	return &a->group[d->group];
}

bool
schedule_group_make(struct active_message *m)
{
	struct schedule_attempt *a = m->attempt;
	uint64_t stamp = schedule_dest_stamp(m->schedule->dests);
	size_t total = 0;

	a->ngroup = a->group_at = a->offset = 0;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].todo)
			group_of(m, m->recipient[i].dest, stamp)->count++;
	for (size_t g = 0; g < a->ngroup; g++) {
		a->group[g].first = total;
		total += a->group[g].count;
		a->group[g].count = 0;
	}
	if (total == 0)
		return false;
	a->order = mem_array(a->order, total, sizeof(*a->order));
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].todo) {
			struct group *g = group_of(m, m->recipient[i].dest, stamp);

			a->order[g->first + g->count++] = i;
			m->recipient[i].todo = false;
		}
	return true;
}
