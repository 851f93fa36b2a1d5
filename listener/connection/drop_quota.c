/*
 * drop_quota - whether the drop folder is full: counted on a pool thread, remembered for FRESH_MS
 *
 * Runs in:  listener; the counting on a pool thread
 * Owns:     the last count
 * Promise:  the loop never waits for the disk; while mail comes, the answer is a few seconds old at most
 * Fails by: a folder that cannot be counted counts as not full; one event when that begins
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

enum { FRESH_MS = 2000 };

struct drop_quota {
	struct spool *spool;
	struct pool_lane *lane;
	uint64_t limit;
	int64_t size;		/* bytes of drop/, as last counted; -1: could not */
	int64_t counted;	/* the pool thread's result */
	int error;
	uint64_t asked_at;	/* monotonic ms */
	bool asking;
};

static void
run_count(void *arg, void **jobs, size_t n)
{
	struct drop_quota *q = arg;

	q->counted = spool_drop_size(q->spool);
	q->error = errno;
}

static void
after_count(void *arg, void *job)
{
	struct drop_quota *q = arg;

	if (q->counted == -1 && q->size != -1)
		log_event(LOG_FAULT, NULL, "trouble", "doing=quota reason=%s", log_safe(strerror(q->error)));
	q->size = q->counted;
	q->asking = false;
}

static void
count_again(struct drop_quota *q)
{
	uint64_t now = clock_mono_ms();

	if (q->asking || now - q->asked_at < FRESH_MS)
		return;
	q->asking = true;
	q->asked_at = now;
	pool_submit(q->lane, q);
}

struct drop_quota *
drop_quota_new(struct listener *l)
{
	uint64_t limit = l->server->default_domain->drop_quota;
	struct drop_quota *q;

	if (limit == CONFIG_UNLIMITED)
		return NULL;
	q = mem_new(struct drop_quota);
	q->spool = l->spool;
	q->limit = limit;
	q->lane = pool_lane_new(l->pool, 1, 1, run_count, after_count, q);
	/* Once on the loop, before it serves: the first client needs an answer. */
	q->size = spool_drop_size(l->spool);
	q->asked_at = clock_mono_ms();
	return q;
}

bool
drop_quota_is_full(struct drop_quota *q)
{
	if (q == NULL)
		return false;
	count_again(q);
	return q->size >= 0 && (uint64_t)q->size >= q->limit;
}

void
drop_quota_free(struct drop_quota *q)
{
	free(q);
}
