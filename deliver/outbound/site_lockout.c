/*
 * site_lockout - hosts that do not want our account are left alone for a while: one that is tried too often
 * is locked
 *
 * Runs in:  deliver
 * Owns:     nothing; a hold belongs to its address
 * Promise:  one attempt a hold, however much mail waits; holds double from HOLD_FIRST_MS to HOLD_LAST_MS
 *           until the host is content; an operator's "retry" ends them
 * Fails by: jobs meanwhile get the verdict of the last attempt, at once
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/outbound/outbound.h"

#define HOLD_FIRST_MS 60000U
#define HOLD_LAST_MS 1800000U

void
site_lockout_begin(struct site *s, size_t index, const struct verdict *why)
{
	struct site_lockout *h;
	struct mx_address *a;

	if (index >= s->list.count)
		return;
	a = &s->list.address[index];
	if (a->hold == NULL)
		a->hold = mem_new(struct site_lockout);
	h = a->hold;
	h->wait = h->wait == 0 ? HOLD_FIRST_MS : h->wait * 2 > HOLD_LAST_MS ? HOLD_LAST_MS : h->wait * 2;
	h->until = clock_mono_ms() + h->wait;
	h->why = *why;
}

void
site_lockout_end(struct site *s, size_t index)
{
	if (index >= s->list.count)
		return;
	free(s->list.address[index].hold);
	s->list.address[index].hold = NULL;
}

void
site_lockout_release(struct site *s)
{
	for (size_t i = 0; i < s->list.count; i++)
		if (s->list.address[i].hold != NULL) {
			s->list.address[i].hold->until = 0;
			s->down = false;
		}
}

void
site_lockout_skip(struct site *s)
{
	for (size_t i = 0; i < s->list.count; i++) {
		const struct site_lockout *h = s->list.address[i].hold;

		if (h == NULL || h->until <= s->touched)
			continue;
		for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
			if (job->tried & (1U << i))
				continue;
			site_queue_note(job, &h->why, false);
			job->tried |= 1U << i;
			s->tired = true;
		}
	}
}
