/*
 * counters_ring - samples of the counters of one virtual server, of the last hour and the last day, in a file
 * of fixed size: STATE/NAME.counters
 */
#ifndef COMMON_PROCESS_COUNTERS_RING_H
#define COMMON_PROCESS_COUNTERS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/process/counters.h"

enum counters_ring_span { COUNTERS_RING_HOUR, COUNTERS_RING_DAY, COUNTERS_RING_SPANS };

struct counters_ring_row {
	const char *name;	/* "hour" */
	unsigned every;		/* of the samples that are added, one in so many is kept */
	unsigned samples;	/* so many are kept */
	unsigned step;		/* seconds from one to the next */
};
extern const struct counters_ring_row counters_ring_rows[COUNTERS_RING_SPANS];
#define COUNTERS_RING_STEP 10		/* seconds between two samples that are added */
/* Samples of one span; the day ends with the newest one of the hour. */
#define COUNTERS_RING_MOST 361

struct counters_sample {
	uint64_t number;	/* 1, 2, ... in this file, over restarts: the order that no clock changes */
	uint64_t run;		/* the same for as long as the counters count on */
	int64_t at;		/* microseconds since 1970, as the clock was then */
	uint64_t age;		/* monotonic milliseconds since the counters began at 0 */
	int64_t value[COUNTER_COUNT];
};

struct counters_ring;

/*
 * Opens the file, or makes it; *anew: why what was there is gone (static), or NULL. NULL and errno: there is
 * none.
 */
struct counters_ring *counters_ring_open(const char *folder, const char *name, const char **anew);
void counters_ring_close(struct counters_ring *r);	/* NULL is fine */
bool counters_ring_is_removed(const struct counters_ring *r);
/* Gives it its number and writes it, without a sync. 0, or -1 and errno. */
int counters_ring_add(struct counters_ring *r, struct counters_sample *s) __attribute__((warn_unused_result));
/*
 * Into `list` (COUNTERS_RING_MOST), oldest first: those of the span before `now` (microseconds since 1970)
 * that are whole. A time from before a clock was set back, that would come after a later sample, is left out.
 * The count; 0 when the file cannot be read.
 */
size_t counters_ring_read(const struct counters_ring *r, enum counters_ring_span span, int64_t now,
    struct counters_sample *list);
/* Milliseconds in which `s` grew from `before` (NULL: the one before is unknown); 0: that is not known. */
uint64_t counters_ring_length(const struct counters_sample *before, const struct counters_sample *s);
/* By how much; false: that is not known. A counter that began anew grew from 0. */
bool counters_ring_growth(const struct counters_sample *before, const struct counters_sample *s,
    enum counter which, int64_t *growth);

/* The file goes with its virtual server; `to` NULL: it is removed. Hints: what fails stays. */
void counters_ring_move(const char *folder, const char *from, const char *to);

#endif
