/*
 * site_lockout - a host that denied our account is left alone for a while, before it locks the account
 *
 * Runs in:  deliver
 * Owns:     nothing; a lockout belongs to its site_host
 * Promise:  after each lockout one attempt, however much mail waits. Lockouts double from FIRST_MS to LAST_MS
 *           until the host accepts the account; an operator's "retry" ends them
 * Fails by: meanwhile jobs get the verdict of the last attempt, at once
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/outbound/outbound.h"

#define FIRST_MS 60000U
#define LAST_MS 1800000U

void
site_lockout_begin(struct site *s, size_t index, const struct verdict *why)
{
	struct site_lockout *l;

	if (index >= s->list.count)
		return;
	if (s->host[index].lockout == NULL)
		s->host[index].lockout = mem_new(struct site_lockout);
	l = s->host[index].lockout;
	l->wait = l->wait == 0 ? FIRST_MS : l->wait * 2 > LAST_MS ? LAST_MS : l->wait * 2;
	l->until = clock_mono_ms() + l->wait;
	l->why = *why;
}

void
site_lockout_end(struct site *s, size_t index)
{
	if (index >= s->list.count)
		return;
	free(s->host[index].lockout);
	s->host[index].lockout = NULL;
}

void
site_lockout_release(struct site *s)
{
	for (size_t i = 0; i < s->list.count; i++)
		if (s->host[i].lockout != NULL) {
			s->host[i].lockout->until = 0;
			if (s->reach == SITE_DOWN)
				s->reach = SITE_UNKNOWN;
		}
}

void
site_lockout_skip(struct site *s)
{
	for (size_t i = 0; i < s->list.count; i++) {
		const struct site_lockout *l = s->host[i].lockout;

		if (l == NULL || l->until <= s->used_at)
			continue;
		for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
			if (job->tried & (1U << i))
				continue;
			site_queue_note(job, &l->why, false);
			job->tried |= 1U << i;
			s->check_tried = true;
		}
	}
}
