/*
 * custodian - the worker of a virtual server that is stopped: reads its queue and serves operators' orders about it and its badmail
 *
 * Runs in:  deliver, on the loop
 * Owns:     all parts of the worker; it has none that speaks to a network or writes drop files
 * Promise:  touches the queue only while it holds its lock; tries no message and lets none expire; what was begun of an order
 *           is done and answered before it ends, within the grace time
 * Fails by: die() before the loop runs
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/chores.h"
#include "deliver/deliver.h"

#define THREADS 8
#define WINDOW 64		/* orders load their own, few at a time */
#define OWN_MS 100		/* between attempts to own the queue while another process has it */

struct custodian {
	struct boot *boot;
	struct spool *spool;
	struct pool *pool;
	struct intake *intake;
	struct badmail *badmail;
	struct schedule *schedule;
	struct rescan *rescan;
	struct chores *chores;
	struct loop_timer *own, *grace;
	bool scanned, ending;
	bool look;			/* another scan is to follow the running one */
};

/* --- what there is --- */

static void
found(void *arg, const struct spool_entry *entry, size_t n)
{
	struct custodian *k = arg;

	for (size_t i = 0; i < n && !k->ending; i++)
		schedule_found(k->schedule, &entry[i]);
	schedule_go(k->schedule);
}

static void
scanned(void *arg, ssize_t total, uint64_t ms)
{
	struct custodian *k = arg;

	(void)ms;
	if (total < 0)
		log_event(LOG_FAULT, NULL, "trouble", "what=scan error=%s", log_safe(strerror((int)-total)));
	k->scanned = true;
	chores_ready(k->chores);
	if (k->look && !k->ending)
		k->look = !rescan_start(k->rescan, false);
}

/* Another one put messages into our queue. */
static void
look(struct custodian *k, const struct ctl_message *m)
{
	(void)m;
	if (!k->ending && (!k->scanned || !rescan_start(k->rescan, false)))
		k->look = true;
}

/* Nobody else of this service has it now. */
static void
own(void *arg)
{
	struct custodian *k = arg;
	bool owned = spool_own_queue(k->spool) == 0;

	chores_bar(k->chores, !owned);
	if (owned)
		rescan_start(k->rescan, true);
	else
		loop_timer_set(k->own, OWN_MS);
}

/* --- begin and end --- */

static void
make_schedule(struct custodian *k)
{
	struct boot *b = k->boot;
	const char *why = "";
	struct schedule_setup setup = {
		.loop = b->loop, .server = b->server, .counters = b->counters, .spool = k->spool, .pool = k->pool,
		.intake = k->intake, .badmail = k->badmail, .window = WINDOW, .at_rest = true,
	};

	k->schedule = schedule_new(&setup, &why);
	if (k->schedule == NULL)
		die(EX_CONFIG, "the smart hosts of %s cannot be understood", why);
}

static void
run(struct boot *b)
{
	struct custodian *k = mem_new(struct custodian);
	struct spool_paths paths = { .queue = b->server->queue, .badmail = b->server->badmail };
	const char *where = "";

	b->state = k;
	k->boot = b;
	k->spool = spool_open(&paths, &where);
	if (k->spool == NULL)
		die(EX_CANTCREAT, "cannot open %s: %s", where, strerror(errno));
	k->pool = pool_new(b->loop, THREADS);
	k->intake = intake_new(b->loop, k->pool, k->spool, -1);
	intake_count(k->intake, b->counters);
	k->badmail = badmail_new(b->loop, k->pool, k->spool, b->server, b->counters);
	make_schedule(k);
	k->chores = chores_new(b, k->pool, k->spool, k->schedule);
	k->rescan = rescan_new(b->loop, k->pool, k->spool, found, scanned, k);
	k->own = loop_timer_new(b->loop, own, k);
	boot_ready(b);
	own(k);
}

static void
end(void *arg)
{
	struct custodian *k = arg;

	boot_tell(k->boot, CTL_IDLE);
	boot_end(k->boot);
}

static void
answered(void *arg)
{
	struct custodian *k = arg;

	schedule_drain(k->schedule, end, k);
}

static void
out_of_grace(void *arg)
{
	struct custodian *k = arg;

	log_event(LOG_WARN, NULL, "service", "what=grace-over");
	boot_end(k->boot);
}

static void
stop(struct custodian *k, const struct ctl_message *m)
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
	rescan_stop(k->rescan);
	chores_end(k->chores, answered, k);
}

static void
finish(struct boot *b)
{
	struct custodian *k = b->state;

	rescan_stop(k->rescan);
	pool_free(k->pool);
	schedule_count(k->schedule);	/* what it leaves */
	schedule_free(k->schedule);
	chores_free(k->chores);
	badmail_free(k->badmail);
	rescan_free(k->rescan);
	intake_free(k->intake);
	loop_timer_free(k->own);
	loop_timer_free(k->grace);
	spool_close(k->spool);
	free(k);
}

/* --- control --- */

static void
chore(struct custodian *k, const struct ctl_message *m)
{
	chores_take(k->chores, m);
}

static void (*const controls[CTL_COUNT])(struct custodian *k, const struct ctl_message *m) = {
	[CTL_STOP] = stop,
	[CTL_CHORE] = chore,
	[CTL_LOOK] = look,
};

static void
on_control(struct boot *b, const struct ctl_message *m)
{
	if (controls[m->type] != NULL)
		controls[m->type](b->state, m);
}

bool
custodian_is_meant(const char *program)
{
	return strcmp(program, "postern-custodian") == 0;
}

const struct boot_role custodian_role = {
	.name = "custodian",
	.title = "keeps the queue of a virtual server that is stopped",
	.per_server = true,
	.run = run,
	.on_control = on_control,
	.finish = finish,
};
