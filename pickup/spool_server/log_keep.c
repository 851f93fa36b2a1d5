/*
 * log_keep - removes files of the protocol log that are older than log-keep
 *
 * Runs in:  pickup: the look on a pool thread, the rest on the loop
 * Owns:     nothing
 * Promise:  at the start and every hour; the log that deliver writes, too
 * Fails by: one event when it begins to fail; it tries again an hour later
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/w3clog/w3clog.h"
#include "pickup/spool_server/spool_server.h"

#define HOUR_MS 3600000

struct log_keep {
	const struct config_server *server;
	struct pool_lane *lane;
	struct loop_timer *timer;
	size_t gone;		/* by the thread, until `look_done` */
	int error;		/* alike */
	int told;		/* the error that the event log knows */
};

static void
run_look(void *arg, void **jobs, size_t n)
{
	struct log_keep *k = arg;

	k->gone = w3clog_trim(k->server->log_directory, k->server->log_keep, clock_wall_us(), &k->error);
}

static void
look_done(void *arg, void *job)
{
	struct log_keep *k = arg;

	if (k->gone > 0)
		log_event(LOG_FACT, NULL, "service", "what=log-trimmed folder=%s files=%zu",
		    log_safe(k->server->log_directory), k->gone);
	if (k->error != 0 && k->error != k->told)
		log_event(LOG_WARN, NULL, "trouble", "doing=log-keep folder=%s reason=%s",
		    log_safe(k->server->log_directory), log_safe(strerror(k->error)));
	k->told = k->error;
	loop_timer_set(k->timer, HOUR_MS);
}

static void
look(void *arg)
{
	struct log_keep *k = arg;

	pool_submit(k->lane, k);
}

struct log_keep *
log_keep_new(struct boot *b, struct pool *pool)
{
	struct log_keep *k;

	if (!b->server->log || b->server->log_keep == CONFIG_UNLIMITED)
		return NULL;
	k = mem_new(struct log_keep);
	k->server = b->server;
	k->lane = pool_lane_new(pool, 1, 1, run_look, look_done, k);
	k->timer = loop_timer_new(b->loop, look, k);
	look(k);
	return k;
}

void
log_keep_free(struct log_keep *k)
{
	if (k == NULL)
		return;
	loop_timer_free(k->timer);
	free(k);
}
