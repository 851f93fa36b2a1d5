/*
 * health_gauge - what status --check says, as a number among the measures of each virtual server
 *
 * Runs in:  master
 * Owns:     the timer
 * Promise:  while metrics are served the number is HEALTH_GAUGE_MS old at the most, and what it says of the
 *           files on disk, which are many, a minute; posternctl counters --prometheus has that of now
 * Fails by: not at all
 */
#include "common/process/counters.h"
#include "common/process/measures.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define HEALTH_GAUGE_MS 10000U
#define DISK_MS 60000U

void
health_gauge_set(struct master *m, uint64_t most_ms)
{
	const struct health_disk *disk = health_disk_get(m, most_ms);
	int all = health_of_service(m, disk);
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link) {
		int own = health_of_server(s, disk);

		measures_set(counters_measures(s->counters), MEASURE_HEALTH, own > all ? own : all);
	}
}

static void
on_time(void *arg)
{
	struct master *m = arg;

	if (m->metrics.sockets.count > 0)
		health_gauge_set(m, DISK_MS);
	loop_timer_set(m->health_timer, HEALTH_GAUGE_MS);
}

void
health_gauge_open(struct master *m)
{
	m->health_timer = loop_timer_new(m->loop, on_time, m);
	loop_timer_set(m->health_timer, 0);
}

void
health_gauge_close(struct master *m)
{
	loop_timer_free(m->health_timer);
	m->health_timer = NULL;
}
