/*
 * queue_owner - what both workers have that own a queue: spool, schedule, scan, commands, the way to end
 *
 * Runs in:  deliver, on the loop
 * Owns:     the parts named in struct queue_owner
 * Promise:  a scan tells the schedule of each message; the worker ends when nothing is at work, or when the
 *           grace time is over
 * Fails by: die() before the loop runs
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/fence.h"
#include "common/spool/spool.h"
#include "deliver/admin/admin.h"
#include "deliver/deliver.h"
#include "deliver/move/move.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"

/* --- scan --- */

static void
on_found(void *arg, const struct spool_entry *entry, size_t n)
{
	struct queue_owner *q = arg;

	if (q->ending)
		return;
	for (size_t i = 0; i < n; i++)
		if (!move_taker_is_writing(q->taker, &entry[i]))
			schedule_found(q->schedule, &entry[i]);
	schedule_go(q->schedule);
}

static void
on_scan_end(void *arg, ssize_t total, uint64_t ms)
{
	struct queue_owner *q = arg;

	if (total < 0)
		log_event(LOG_FAULT, NULL, "trouble", "what=scan error=%s", log_safe(strerror((int)-total)));
	q->scanned = true;
	queue_admin_ready(q->admin);
	q->on_scanned(q->worker, ms);
}

int
queue_owner_lock(struct queue_owner *q)
{
	if (spool_own_queue(q->spool) == -1)
		return -1;
	move_taker_open(q->taker);
	queue_scan_start(q->scan, true);
	return 0;
}

/* A message of another virtual server came into the queue. */
static void
on_taken(void *arg, const struct spool_entry *entry)
{
	on_found(arg, entry, 1);
}

/* --- begin --- */

void
queue_owner_open(struct queue_owner *q, struct boot *b, const struct spool_paths *paths, unsigned threads)
{
	const char *where = "";

	q->boot = b;
	q->spool = spool_open(paths, &where);
	if (q->spool == NULL) {
		char reason[CTL_REASON_MAX];

		snprintf(reason, sizeof(reason), "%s cannot be used: %s", where, disk_reason(where, errno));
		boot_refuse(b, EX_CANTCREAT, reason);
	}
	q->fence = boot_fence_new(b);
	spool_fence(q->spool, q->fence);
	spool_badmail_trim_limit(q->spool, b->counters, b->server->badmail_limit);
	q->pool = pool_new(b->loop, threads);
	q->enqueue = enqueue_new(q->pool, q->spool, -1, b->counters);
	q->badmail = badmail_new(b->loop, q->pool, q->spool, b->server, b->counters);
}

void
queue_owner_begin(struct queue_owner *q, struct schedule_setup *setup, void (*own)(void *worker))
{
	struct boot *b = q->boot;
	const char *why = "";

	setup->loop = b->loop;
	setup->server = b->server;
	setup->counters = b->counters;
	setup->spool = q->spool;
	setup->pool = q->pool;
	setup->enqueue = q->enqueue;
	setup->badmail = q->badmail;
	q->schedule = schedule_new(setup, &why);
	if (q->schedule == NULL)
		die(EX_CONFIG, "the smart hosts of %s cannot be understood", why);
	q->admin = queue_admin_new(b, q->pool, q->spool, q->schedule);
	q->trace = trace_server_new(b, q->pool);
	q->scan = queue_scan_new(b->loop, q->pool, q->spool, on_found, on_scan_end, q);
	q->taker = move_taker_new(b, q->pool, q->spool, on_taken, q);
	q->own = loop_timer_new(b->loop, own, q->worker);
}

/* --- end --- */

bool
queue_owner_end(struct queue_owner *q, uint64_t ms, void (*late)(void *worker))
{
	if (q->grace == NULL)
		q->grace = loop_timer_new(q->boot->loop, late, q->worker);
	loop_timer_set(q->grace, ms);
	if (q->ending)
		return false;
	q->ending = true;
	loop_timer_stop(q->own);
	queue_scan_stop(q->scan);
	return true;
}

static void
end_process(void *arg)
{
	struct queue_owner *q = arg;

	boot_tell(q->boot, CTL_IDLE);
	boot_end(q->boot);
}

void
queue_owner_idle(void *arg)
{
	struct queue_owner *q = arg;

	move_taker_end(q->taker, end_process, q);
}

void
queue_owner_close(struct queue_owner *q)
{
	schedule_count(q->schedule);	/* what it leaves */
	schedule_free(q->schedule);
	queue_admin_free(q->admin);
	trace_server_free(q->trace);
	move_taker_free(q->taker);
	badmail_free(q->badmail);
	queue_scan_free(q->scan);
	enqueue_free(q->enqueue);
	loop_timer_free(q->own);
	loop_timer_free(q->grace);
	spool_close(q->spool);
	fence_free(q->fence);
}
