/*
 * schedule_recover - mail that was put off because its destination was away comes at once when that is back
 *
 * Runs in:  deliver, on the loop
 * Owns:     which tags sleep and which are to be woken; the walk over the records
 * Promise:  a destination is eleven bits in its records and costs no other memory; another one of the same
 *           tag is woken with it, rarely and harmlessly. A slice of the records at a time, a walk at most
 *           every ten seconds
 * Fails by: nothing; a record that is not woken keeps its own time
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "deliver/schedule/schedule.h"

#define FIRST_MS 500		/* after the first sign of life: others may come back in that time */
#define BETWEEN_MS 10000	/* between two walks */

struct schedule_recover {
	struct schedule *s;
	void (*woken)(struct schedule *s);
	struct loop_timer *timer;
	bool asleep[SCHEDULE_TAGS];	/* some record has this tag */
	bool back[SCHEDULE_TAGS];	/* for the next walk */
	bool walking[SCHEDULE_TAGS];	/* for the present one */
	uint32_t at;			/* of it: the next record; 0 none walks */
	uint64_t last;			/* when the last one began */
};

/* From 1; 0 means none. */
static uint16_t
tag_of(const char *key)
{
	uint32_t h = 2166136261U;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return (uint16_t)((h ^ h >> 13) % (SCHEDULE_TAGS - 1) + 1);
}

static void
begin(struct schedule_recover *w)
{
	memcpy(w->walking, w->back, sizeof(w->walking));
	memset(w->back, 0, sizeof(w->back));
	w->at = 1;
	w->last = clock_mono_ms();
}

static void
walk(void *arg)
{
	struct schedule_recover *w = arg;

	if (w->s->draining)
		return;
	if (w->at == 0)
		begin(w);
	w->at = schedule_index_make_due(w->s->index, w->at, w->walking, schedule_clock_now());
	w->woken(w->s);
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
	uint16_t tag = tag_of(d->d.key);

	schedule_index_at(w->s->index, record)->tag = tag & (SCHEDULE_TAGS - 1);
	w->asleep[tag] = true;
}

void
schedule_recover_back(struct schedule_recover *w, const struct schedule_dest *d)
{
	uint16_t tag = tag_of(d->d.key);
	uint64_t since = clock_mono_ms() - w->last;

	if (!w->asleep[tag] || w->s->draining)
		return;
	w->asleep[tag] = false;
	w->back[tag] = true;
	log_event(LOG_FACT, NULL, "service", "what=destination-back domain=%s", log_safe(d->d.domain));
	if (w->at == 0 && !loop_timer_is_set(w->timer))
		loop_timer_set(w->timer, w->last == 0 || since >= BETWEEN_MS ? FIRST_MS : BETWEEN_MS - since);
}

struct schedule_recover *
schedule_recover_new(struct schedule *s, void (*woken)(struct schedule *s))
{
	struct schedule_recover *w = mem_new(struct schedule_recover);

	w->s = s;
	w->woken = woken;
	w->timer = loop_timer_new(s->set.loop, walk, w);
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
