/*
 * maintenance - the worker of a virtual server that is stopped: reads its queue and serves commands about it
 *
 * Runs in:  deliver, on the loop
 * Owns:     the parts of a queue_owner; it has none that speaks to a network or writes drop files
 * Promise:  touches the queue only while it holds its lock; tries no message and lets none expire; what was
 *           begun of a command is done and answered before it ends, within the grace time
 * Fails by: die() before the loop runs
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/pool.h"
#include "common/spool/spool_private.h"
#include "deliver/admin/admin.h"
#include "deliver/deliver.h"
#include "deliver/move/move.h"
#include "deliver/schedule/schedule.h"

#define THREADS 10
#define WINDOW 64		/* messages loaded at a time: commands load few */

struct maintenance {
	struct queue_owner queue;
};

/* --- scan --- */

/* For operators: no attempt counts them here. */
static void
on_scanned(void *arg, uint64_t ms)
{
	schedule_count(((struct maintenance *)arg)->queue.schedule);
}

/* The lock says whether another process of this service still has the queue. */
static void
own_queue(void *arg)
{
	(void)queue_owner_lock_at_rest(&((struct maintenance *)arg)->queue);
}

/* --- begin and end --- */

static void
run_maintenance(struct boot *b)
{
	struct maintenance *k = mem_new(struct maintenance);
	struct spool_paths paths = { .queue = b->server->queue, .badmail = b->server->badmail,
		.drop = config_domain_drop_folder(b->server) };
	struct schedule_setup setup = { .window = WINDOW, .at_rest = true };

	b->state = k;
	k->queue.worker = k;
	k->queue.on_scanned = on_scanned;
	queue_owner_open(&k->queue, b, &paths, THREADS);
	queue_owner_begin(&k->queue, &setup, own_queue);
	boot_ready(b);
	own_queue(k);
}

static void
on_all_answered(void *arg)
{
	struct maintenance *k = arg;

	schedule_drain(k->queue.schedule, queue_owner_idle, &k->queue);
}

static void
out_of_grace(void *arg)
{
	struct maintenance *k = arg;

	log_event(LOG_WARN, NULL, "service", "what=grace-over");
	boot_end(k->queue.boot);
}

static void
on_stop(struct maintenance *k, const struct ctl_message *m)
{
	if (queue_owner_end(&k->queue, boot_grace(m), out_of_grace))
		queue_admin_end(k->queue.admin, on_all_answered, k);
}

static void
finish_maintenance(struct boot *b)
{
	struct maintenance *k = b->state;

	queue_scan_stop(k->queue.scan);
	pool_free(k->queue.pool);
	queue_owner_close(&k->queue);
	free(k);
}

/* --- control --- */

static void
on_look(struct maintenance *k, const struct ctl_message *m)
{
	queue_owner_look(&k->queue);
}

static void
on_queue(struct maintenance *k, const struct ctl_message *m)
{
	queue_admin_take(k->queue.admin, m);
}

static void
on_trace(struct maintenance *k, const struct ctl_message *m)
{
	trace_server_take(k->queue.trace, m);
}

static void
on_moves(struct maintenance *k, const struct ctl_message *m)
{
	move_taker_channel(k->queue.taker, m);
}

static void (*const controls[CTL_COUNT])(struct maintenance *k, const struct ctl_message *m) = {
	[CTL_STOP] = on_stop,
	[CTL_LOOK] = on_look,
	[CTL_QUEUE] = on_queue,
	[CTL_TRACE] = on_trace,
	[CTL_MOVES] = on_moves,
};

static void
on_control(struct boot *b, const struct ctl_message *m)
{
	if (controls[m->type] != NULL)
		controls[m->type](b->state, m);
}

const struct boot_role maintenance_role = {
	.name = "maintenance",
	.title = "keeps the queue of a virtual server that is stopped",
	.per_server = true,
	.run = run_maintenance,
	.on_control = on_control,
	.finish = finish_maintenance,
};
