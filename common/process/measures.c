/*
 * measures - what monitoring wants to know of one virtual server beside its counters
 *
 * Runs in:  master, metrics, listener, deliver, pickup
 * Owns:     nothing: the memory is that of the counters
 * Promise:  a reader comes to no harm by what a writer leaves there; the number of rows has a bound
 * Fails by: not at all
 */
#include "common/process/measures.h"

#include <string.h>

#include "common/base/utf8.h"

const unsigned measures_bounds[MEASURES_BUCKETS] = { 1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 172800 };

void
measures_set(struct measures *m, enum measure which, int64_t value)
{
	if (m != NULL)
		atomic_store_explicit(&m->value[which], value, memory_order_relaxed);
}

int64_t
measures_get(const struct measures *m, enum measure which)
{
	return m == NULL ? 0 : atomic_load_explicit(&m->value[which], memory_order_relaxed);
}

void
measures_observe(struct measures *m, int64_t us)
{
	uint64_t ms = us < 0 ? 0 : (uint64_t)us / 1000;		/* the clock was set back */
	size_t i = 0;

	if (m == NULL)
		return;
	while (i < MEASURES_BUCKETS && ms > (uint64_t)measures_bounds[i] * 1000)
		i++;
	atomic_fetch_add_explicit(&m->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->sum_ms, ms, memory_order_relaxed);
}

static void
put_label(struct measures_row *r, const char *label)
{
	size_t len = strnlen(label, MEASURES_LABEL_SIZE - 1);

	memcpy(r->label, label, len);
	memset(r->label + len, 0, MEASURES_LABEL_SIZE - len);
}

static void
put_value(struct measures_row *r, enum measure_value which, int64_t value)
{
	atomic_store_explicit(&r->value[which], value, memory_order_relaxed);
}

void
measures_set_row(struct measures *m, enum measure_list list, size_t row, const char *label, int64_t time)
{
	if (m == NULL || row >= MEASURES_ROWS)
		return;
	put_value(&m->row[list][row], MEASURES_TIME, time);
	put_label(&m->row[list][row], label);
}

void
measures_clear_rows(struct measures *m, enum measure_list list, size_t from)
{
	for (size_t i = from; m != NULL && i < MEASURES_ROWS; i++)
		put_label(&m->row[list][i], "");
}

struct measures_row *
measures_row(struct measures *m, enum measure_list list, const char *label)
{
	struct measures_row *r, *oldest = NULL;

	if (m == NULL)
		return NULL;
	for (size_t i = 0; i < MEASURES_ROWS; i++) {
		r = &m->row[list][i];
		if (r->label[0] == '\0')
			break;
		if (strncmp(r->label, label, MEASURES_LABEL_SIZE - 1) == 0)
			return r;
		if (oldest == NULL || r->value[MEASURES_TIME] < oldest->value[MEASURES_TIME])
			oldest = r;
		r = NULL;
	}
	if (r == NULL)
		r = oldest;
	for (size_t i = 0; i < MEASURES_VALUES; i++)
		put_value(r, i, 0);
	put_label(r, label);
	return r;
}

bool
measures_label(const struct measures_row *r, char label[MEASURES_LABEL_SIZE])
{
	size_t left, taken;

	memcpy(label, r->label, MEASURES_LABEL_SIZE);
	label[MEASURES_LABEL_SIZE - 1] = '\0';
	left = strlen(label);
	for (char *at = label; left > 0; at += taken, left -= taken) {
		taken = utf8_take_printable((const unsigned char *)at, left);
		if (taken == 0) {
			*at = '?';
			taken = 1;
		}
	}
	return label[0] != '\0';
}
