/*
 * maintenance - the worker of a virtual server that is stopped: reads its queue and serves operators' orders
 * about it and its badmail
 *
 * Runs in:  deliver, on the loop
 * Owns:     all parts of the worker; it has none that speaks to a network or writes drop files
 * Promise:  touches the queue only while it holds its lock; tries no message and lets none expire; what was
 *           begun of an order is done and answered before it ends, within the grace time
 * Fails by: die() before the loop runs
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/spool_private.h"
#include "deliver/admin/admin.h"
#include "deliver/deliver.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"

#define THREADS 8
#define WINDOW 64		/* orders load their own, few at a time */
#define OWN_MS 100		/* between attempts to own the queue while another process has it */

struct maintenance {
	struct boot *boot;
	struct spool *spool;
	struct pool *pool;
	struct enqueue *enqueue;
	struct badmail *badmail;
	struct schedule *schedule;
	struct queue_scan *queue_scan;
	struct queue_admin *queue_admin;
	struct loop_timer *own, *grace;
	bool scanned, ending;
	bool look;			/* another scan is to follow the running one */
};

/* --- what there is --- */

static void
found(void *arg, const struct spool_entry *entry, size_t n)
{
	struct maintenance *k = arg;

	for (size_t i = 0; i < n && !k->ending; i++)
		schedule_found(k->schedule, &entry[i]);
	schedule_go(k->schedule);
}

static void
scanned(void *arg, ssize_t total, uint64_t ms)
{
	struct maintenance *k = arg;

	(void)ms;
	if (total < 0)
		log_event(LOG_FAULT, NULL, "trouble", "what=scan error=%s", log_safe(strerror((int)-total)));
	k->scanned = true;
	queue_admin_ready(k->queue_admin);
	if (k->look && !k->ending)
		k->look = !queue_scan_start(k->queue_scan, false);
}

/* Another one put messages into our queue. */
static void
look(struct maintenance *k, const struct ctl_message *m)
{
	(void)m;
	if (!k->ending && (!k->scanned || !queue_scan_start(k->queue_scan, false)))
		k->look = true;
}

/* Nobody else of this service has it now. */
static void
own(void *arg)
{
	struct maintenance *k = arg;
	bool owned = spool_own_queue(k->spool) == 0;

	queue_admin_bar(k->queue_admin, !owned);
	if (owned)
		queue_scan_start(k->queue_scan, true);
	else
		loop_timer_set(k->own, OWN_MS);
}

/* --- begin and end --- */

static void
make_schedule(struct maintenance *k)
{
	struct boot *b = k->boot;
	const char *why = "";
	struct schedule_setup setup = {
		.loop = b->loop, .server = b->server, .counters = b->counters, .spool = k->spool,
		.pool = k->pool,
		.enqueue = k->enqueue, .badmail = k->badmail, .window = WINDOW, .at_rest = true,
	};

	k->schedule = schedule_new(&setup, &why);
	if (k->schedule == NULL)
		die(EX_CONFIG, "the smart hosts of %s cannot be understood", why);
}

static void
run(struct boot *b)
{
	struct maintenance *k = mem_new(struct maintenance);
	struct spool_paths paths = { .queue = b->server->queue, .badmail = b->server->badmail };
	const char *where = "";

	b->state = k;
	k->boot = b;
	k->spool = spool_open(&paths, &where);
	if (k->spool == NULL)
		die(EX_CANTCREAT, "cannot open %s: %s", where, strerror(errno));
	k->pool = pool_new(b->loop, THREADS);
	k->enqueue = enqueue_new(b->loop, k->pool, k->spool, -1);
	enqueue_count(k->enqueue, b->counters);
	k->badmail = badmail_new(b->loop, k->pool, k->spool, b->server, b->counters);
	make_schedule(k);
	k->queue_admin = queue_admin_new(b, k->pool, k->spool, k->schedule);
	k->queue_scan = queue_scan_new(b->loop, k->pool, k->spool, found, scanned, k);
	k->own = loop_timer_new(b->loop, own, k);
	boot_ready(b);
	own(k);
}

static void
end(void *arg)
{
	struct maintenance *k = arg;

	boot_tell(k->boot, CTL_IDLE);
	boot_end(k->boot);
}

static void
answered(void *arg)
{
	struct maintenance *k = arg;

	schedule_drain(k->schedule, end, k);
}

static void
out_of_grace(void *arg)
{
	struct maintenance *k = arg;

	log_event(LOG_WARN, NULL, "service", "what=grace-over");
	boot_end(k->boot);
}

static void
stop(struct maintenance *k, const struct ctl_message *m)
{
	uint32_t ms = 0;

	memcpy(&ms, m->data, m->len < sizeof(ms) ? m->len : sizeof(ms));
	if (k->grace == NULL)
		k->grace = loop_timer_new(k->boot->loop, out_of_grace, k);
	loop_timer_set(k->grace, ms);
	if (k->ending)
		return;
	k->ending = true;
	loop_timer_stop(k->own);
	queue_scan_stop(k->queue_scan);
	queue_admin_end(k->queue_admin, answered, k);
}

static void
finish(struct boot *b)
{
	struct maintenance *k = b->state;

	queue_scan_stop(k->queue_scan);
	pool_free(k->pool);
	schedule_count(k->schedule);	/* what it leaves */
	schedule_free(k->schedule);
	queue_admin_free(k->queue_admin);
	badmail_free(k->badmail);
	queue_scan_free(k->queue_scan);
	enqueue_free(k->enqueue);
	loop_timer_free(k->own);
	loop_timer_free(k->grace);
	spool_close(k->spool);
	free(k);
}

/* --- control --- */

static void
chore(struct maintenance *k, const struct ctl_message *m)
{
	queue_admin_take(k->queue_admin, m);
}

static void (*const controls[CTL_COUNT])(struct maintenance *k, const struct ctl_message *m) = {
	[CTL_STOP] = stop,
	[CTL_QUEUE] = chore,
	[CTL_NEW_MAIL] = look,
};

static void
on_control(struct boot *b, const struct ctl_message *m)
{
	if (controls[m->type] != NULL)
		controls[m->type](b->state, m);
}

bool
maintenance_is_meant(const char *program)
{
	return strcmp(program, "postern-maintenance") == 0;
}

const struct boot_role maintenance_role = {
	.name = "maintenance",
	.title = "keeps the queue of a virtual server that is stopped",
	.per_server = true,
	.run = run,
	.on_control = on_control,
	.finish = finish,
};
