/*
 * ring_request - counters NAME hour|day: the samples of the last hour or day, a line a counter
 *
 * Runs in:  master; reads a file of 256 KiB
 * Owns:     nothing
 * Promise:  a counter that only grows is shown by its growth since the sample before; what is not known, as
 *           after a sample that is missing, is "-"
 * Fails by: an answer that says so
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters_ring.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

struct samples {
	struct counters_sample list[COUNTERS_RING_MOST];
	size_t count;
};

static const struct counters_sample *
before_of(const struct samples *all, size_t i)
{
	return i > 0 ? &all->list[i - 1] : NULL;
}

static void
put_times(struct buf *b, const struct samples *all)
{
	buf_puts(b, "times");
	for (size_t i = 0; i < all->count; i++)
		buf_printf(b, "\t%lld", (long long)(all->list[i].at / 1000000));
	buf_puts(b, "\nlengths");
	for (size_t i = 0; i < all->count; i++) {
		uint64_t ms = counters_ring_length(before_of(all, i), &all->list[i]);

		buf_printf(b, ms > 0 ? "\t%llu" : "\t-", (unsigned long long)ms);
	}
	buf_puts(b, "\n");
}

static void
put_counter(struct buf *b, const struct samples *all, enum counter which)
{
	const struct counter_row *row = &counters_rows[which];

	buf_printf(b, "%s\t%s", row->name, row->gauge ? "value" : "growth");
	for (size_t i = 0; i < all->count; i++) {
		int64_t n = all->list[i].value[which];

		if (row->gauge || counters_ring_growth(before_of(all, i), &all->list[i], which, &n))
			buf_printf(b, "\t%lld", (long long)n);
		else
			buf_puts(b, "\t-");
	}
	buf_puts(b, "\n");
}

static bool
is_wanted(const struct control_words *w, const char *name)
{
	for (size_t i = 3; i < w->count; i++)
		if (strcmp(w->word[i], name) == 0)
			return true;
	return w->count <= 3;
}

/* A word that names no counter, or NULL. */
static const char *
find_unknown(const struct control_words *w)
{
	for (size_t i = 3; i < w->count; i++) {
		enum counter which = 0;

		while (which < COUNTER_COUNT && strcmp(counters_rows[which].name, w->word[i]) != 0)
			which++;
		if (which == COUNTER_COUNT)
			return w->word[i];
	}
	return NULL;
}

enum counters_ring_span
ring_request_span(const struct control_words *w)
{
	enum counters_ring_span span = 0;

	while (span < COUNTERS_RING_SPANS &&
	    (w->count < 3 || strcmp(w->word[2], counters_ring_rows[span].name) != 0))
		span++;
	return span;
}

void
ring_request_run(struct control_command *cmd, const struct server *s, const struct control_words *w)
{
	enum counters_ring_span span = ring_request_span(w);
	const char *unknown = find_unknown(w);
	struct samples *all;

	if (s == NULL) {
		control_answer_say(cmd, EX_USAGE, "!say of which virtual server");
		return;
	}
	if (unknown != NULL) {
		control_answer_say(cmd, EX_USAGE, "!there is no counter %s", log_safe(unknown));
		return;
	}
	if (sampler_ring(s) == NULL) {
		control_answer_say(cmd, EX_UNAVAILABLE, "!there are no samples: the state folder cannot be "
		    "written; the event log says why");
		return;
	}
	all = mem_new(struct samples);
	all->count = counters_ring_read(sampler_ring(s), span, clock_wall_us(), all->list);
	buf_printf(&cmd->text, "step\t%u\n", counters_ring_rows[span].step);
	put_times(&cmd->text, all);
	for (enum counter i = 0; i < COUNTER_COUNT; i++)
		if (is_wanted(w, counters_rows[i].name))
			put_counter(&cmd->text, all, i);
	free(all);
}
