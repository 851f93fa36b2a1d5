/*
 * sampler - the counters of each virtual server, every ten seconds, into its ring file
 *
 * Runs in:  master
 * Owns:     the ring of each virtual server, and the timer
 * Promise:  a virtual server has its first sample when it is made: from there its counters are known. Cheap
 *           enough for the master, which alone has all counters and the state folder: for each virtual server
 *           a write of 400 bytes every ten seconds, without a sync
 * Fails by: an event when a file cannot be written, or was made anew; it is tried again with every sample
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "common/process/counters_ring.h"
#include "common/process/loop.h"
#include "master/servers/servers.h"

struct sampler {
	struct counters_ring *ring;	/* NULL: there is none, until now */
	uint64_t run, begin;		/* of its counters: their name, and the monotonic time in ms */
	bool failed;			/* that has been said */
};

static void
say(const struct server *s, enum log_level level, const char *reason)
{
	log_event(level, NULL, "trouble", "server=%s doing=counters reason=%s path=%s", s->name,
	    log_safe(reason), log_safe(s->m->snapshot->config->service.state));
}

/* False: there is none. */
static bool
open_ring(struct server *s)
{
	struct sampler *p = s->sampler;
	const char *anew;

	if (p->ring != NULL && counters_ring_is_removed(p->ring)) {
		counters_ring_close(p->ring);
		p->ring = NULL;
	}
	if (p->ring != NULL)
		return true;
	p->ring = counters_ring_open(s->m->snapshot->config->service.state, s->name, &anew);
	if (p->ring != NULL && anew != NULL)
		say(s, LOG_WARN, anew);
	return p->ring != NULL;
}

static void
take_sample(struct server *s)
{
	struct sampler *p = s->sampler;
	struct counters_sample sample = { .run = p->run, .at = clock_wall_us(),
	    .age = clock_mono_ms() - p->begin };
	bool written;

	for (enum counter i = 0; i < COUNTER_COUNT; i++)
		sample.value[i] = counters_get(s->counters, i);
	written = open_ring(s) && counters_ring_add(p->ring, &sample) == 0;
	if (!written && !p->failed)
		say(s, LOG_FAULT, strerror(errno));
	p->failed = !written;
}

static void
on_time(void *arg)
{
	struct master *m = arg;
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (!s->removed)	/* its file has gone, too */
			take_sample(s);
	loop_timer_set(m->sampler_timer, COUNTERS_RING_STEP * 1000U);
}

void
sampler_open(struct master *m)
{
	m->sampler_timer = loop_timer_new(m->loop, on_time, m);
	loop_timer_set(m->sampler_timer, COUNTERS_RING_STEP * 1000U);
}

void
sampler_close(struct master *m)
{
	loop_timer_free(m->sampler_timer);
	m->sampler_timer = NULL;
}

void
sampler_begin(struct server *s)
{
	const struct heritage *h = heritage_find(s->m, s->name);

	s->sampler = mem_new(struct sampler);
	*s->sampler = (struct sampler){ .run = (uint64_t)clock_wall_us(), .begin = clock_mono_ms() };
	if (h != NULL && h->run != 0) {
		s->sampler->run = h->run;
		s->sampler->begin = h->begin;
	}
	take_sample(s);
}

void
sampler_origin(const struct server *s, uint64_t *run, uint64_t *begin)
{
	*run = s->sampler->run;
	*begin = s->sampler->begin;
}

void
sampler_forget(struct server *s)
{
	if (s->sampler != NULL)
		counters_ring_close(s->sampler->ring);
	free(s->sampler);
	s->sampler = NULL;
}

const struct counters_ring *
sampler_ring(const struct server *s)
{
	return s->sampler != NULL ? s->sampler->ring : NULL;
}
