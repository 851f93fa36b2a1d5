/*
 * schedule_recover - mail that was deferred because its destination was down is due as soon as that is back
 *
 * Runs in:  deliver, on the loop
 * Owns:     the tags in use, and those whose records are to be made due; the walk over the records
 * Promise:  a destination is an 11-bit tag in its records and needs no other memory; two with the same tag
 *           are on_due together, which is rare and harmless. A walk takes some thousands of records a turn,
 *           and begins at most every ten seconds
 * Fails by: nothing; a record that is not found keeps its own time
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "deliver/schedule/schedule.h"

#define FIRST_MS 500		/* from a success to the walk: others may be back by then */
#define BETWEEN_MS 10000	/* between the beginnings of two walks */

struct schedule_recover {
	struct schedule *s;
	void (*on_due)(struct schedule *s);
	struct loop_timer *timer;
	bool used[SCHEDULE_TAGS];	/* some record may have this tag */
	bool back[SCHEDULE_TAGS];	/* their destination is back: for the next walk */
	bool walking[SCHEDULE_TAGS];	/* the tags of the present walk */
	uint32_t at;			/* the next record of the walk; 0: there is none */
	uint64_t last;			/* when the last walk began (monotonic ms) */
};

/* 1 to SCHEDULE_TAGS - 1. */
static uint32_t
tag_of(const char *key)
{
	uint32_t h = 2166136261U;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return (h ^ h >> 13) % (SCHEDULE_TAGS - 1) + 1;
}

static void
begin_walk(struct schedule_recover *w)
{
	memcpy(w->walking, w->back, sizeof(w->walking));
	memset(w->back, 0, sizeof(w->back));
	w->at = 1;
	w->last = clock_mono_ms();
}

static void
walk_records(void *arg)
{
	struct schedule_recover *w = arg;

	if (w->s->draining)
		return;
	if (w->at == 0)
		begin_walk(w);
	w->at = schedule_index_make_due(w->s->index, w->at, w->walking, schedule_clock_now());
	w->on_due(w->s);
	if (w->at != 0)
		loop_timer_set(w->timer, 0);
	else
		for (size_t i = 1; i < SCHEDULE_TAGS; i++)
			if (w->back[i] && !loop_timer_is_set(w->timer))
				loop_timer_set(w->timer, BETWEEN_MS);
}

void
schedule_recover_add(struct schedule_recover *w, uint32_t record, const struct schedule_dest *d)
{
	uint32_t tag = tag_of(d->d.key);

	schedule_index_at(w->s->index, record)->tag = tag & (SCHEDULE_TAGS - 1);
	w->used[tag] = true;
}

void
schedule_recover_back(struct schedule_recover *w, const struct schedule_dest *d)
{
	uint32_t tag = tag_of(d->d.key);
	uint64_t since = clock_mono_ms() - w->last;

	if (!w->used[tag] || w->s->draining)
		return;
	w->used[tag] = false;
	w->back[tag] = true;
	log_event(LOG_FACT, NULL, "service", "what=destination-back domain=%s", log_safe(d->d.domain));
	if (w->at == 0 && !loop_timer_is_set(w->timer))
		loop_timer_set(w->timer, w->last == 0 || since >= BETWEEN_MS ? FIRST_MS : BETWEEN_MS - since);
}

struct schedule_recover *
schedule_recover_new(struct schedule *s, void (*on_due)(struct schedule *s))
{
	struct schedule_recover *w = mem_new(struct schedule_recover);

	w->s = s;
	w->on_due = on_due;
	w->timer = loop_timer_new(s->set.loop, walk_records, w);
	return w;
}

void
schedule_recover_free(struct schedule_recover *w)
{
	if (w == NULL)
		return;
	loop_timer_free(w->timer);
	free(w);
}
