/*
 * counters_text - counters as the text Prometheus reads
 *
 * Runs in:  master, metrics
 * Owns:     nothing
 * Promise:  each counter is there from the first moment, so that a rate need not guess about a missing zero
 * Fails by: the buffer's cap
 */
#include "common/process/counters_text.h"

void
counters_text_prometheus(struct buf *out, const struct counters_text_server *server, size_t n)
{
	for (enum counter which = 0; which < COUNTER_COUNT; which++) {
		const struct counter_row *row = &counters_rows[which];

		buf_printf(out, "# HELP postern_%s %s%s\n# TYPE postern_%s %s\n", row->name, row->title,
		    which == COUNTER_STATE ?
		    ": 1 starting, 2 started, 3 stopping, 4 stopped, 5 pausing, 6 paused, 7 continuing" : "",
		    row->name, row->gauge ? "gauge" : "counter");
		for (size_t i = 0; i < n; i++)
			buf_printf(out, "postern_%s{server=\"%s\"} %lld\n", row->name, server[i].name,
			    (long long)counters_get(server[i].counters, which));
	}
}
