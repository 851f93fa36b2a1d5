/*
 * measures - what monitoring wants to know of one virtual server beside its counters: times, room, lists that
 * have a bound, the time to delivery. In the memory of the counters; each value has one kind of writer.
 */
#ifndef COMMON_PROCESS_MEASURES_H
#define COMMON_PROCESS_MEASURES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum measure {
	MEASURE_STARTED,	/* Unix time: when the counters were zero */
	MEASURE_OLDEST,		/* Unix time: the arrival of the oldest message to be delivered; 0 none */
	MEASURE_HEALTH,		/* 0 good, 1 a warning, 2 critical */
	MEASURE_FREE_BYTES, MEASURE_SIZE_BYTES, MEASURE_FREE_FILES, MEASURE_FILES,	/* of the queue's */
	MEASURE_COUNT
};

enum measure_list {
	MEASURES_NEXT_HOPS,	/* named by the configuration; all that the DNS names are one */
	MEASURES_CERTIFICATES, MEASURES_CLIENT_CERTIFICATES, MEASURES_TOKENS,
	MEASURES_LISTS
};
#define MEASURES_ROWS 32U
#define MEASURES_LABEL_SIZE 128U	/* a longer label is cut */
enum measure_value {
	/* Unix times; 0 none */
	MEASURES_TIME,		/* the last success; the end of a certificate or token */
	MEASURES_SINCE,		/* the first failure, while mail waits and none got on */
	MEASURES_VALUES
};
struct measures_row {
	_Atomic int64_t value[MEASURES_VALUES];
	char label[MEASURES_LABEL_SIZE];	/* "": no row */
};

#define MEASURES_BUCKETS 10U
extern const unsigned measures_bounds[MEASURES_BUCKETS];	/* seconds, rising */

struct measures {
	_Atomic int64_t value[MEASURE_COUNT];
	struct measures_row row[MEASURES_LISTS][MEASURES_ROWS];
	_Atomic uint64_t bucket[MEASURES_BUCKETS + 1];		/* the last one: beyond all bounds */
	_Atomic uint64_t sum_ms;				/* of all that was observed */
};

/* m NULL: nothing (unit tests). */
void measures_set(struct measures *m, enum measure which, int64_t value);
int64_t measures_get(const struct measures *m, enum measure which);
void measures_observe(struct measures *m, int64_t us);	/* one recipient got its message after so long */
/* Whoever writes a list knows its rows by number ... */
void measures_set_row(struct measures *m, enum measure_list list, size_t row, const char *label,
    int64_t time);
void measures_clear_rows(struct measures *m, enum measure_list list, size_t from);	/* up to the last */
/* ... or, when it is the only writer, by label; a new one takes the place of the one with the oldest time. */
struct measures_row *measures_row(struct measures *m, enum measure_list list, const char *label);
/* The label of a row as text: what is no text is '?'. A process that was taken over may have written it. */
bool measures_label(const struct measures_row *r, char label[MEASURES_LABEL_SIZE]);

#endif
