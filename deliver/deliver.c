/*
 * deliver - the deliver worker: sets up its parts, takes hints and control messages, scans slowly, stops in
 * good order
 *
 * Runs in:  deliver, on the loop
 * Owns:     all parts of the worker
 * Promise:  delivers only while it holds the queue's lock; with all hints lost the scan finds what there is;
 *           at a stop what is under way ends or is put back, within the grace time
 * Fails by: die() before the loop runs
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/spool_private.h"
#include "common/w3clog/w3clog.h"
#include "deliver/admin/admin.h"
#include "deliver/deliver.h"
#include "deliver/local/local.h"
#include "deliver/outbound/outbound.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"

#define THREADS 13	/* one for the protocol log */
#define WINDOW 2000		/* messages loaded at a time */
#define WINDOW_MIN 64
/* Descriptors beside window and connections: spare messages, drop files, reports */
#define FILES_OTHER 640
#define OWN_MS 100		/* between attempts to own the queue while another worker drains */
#define SLOW_MS 30000		/* between scans; at least ten times what one takes */
#define MISSED_MS 1000		/* after hints came: whether some were lost */
#define HINT_IDS 64
#define HINTS_A_TURN 64

/* --- scan --- */

static void
found(void *arg, const struct spool_entry *entry, size_t n)
{
	struct deliver *r = arg;

	if (r->ending)
		return;
	for (size_t i = 0; i < n; i++)
		schedule_found(r->schedule, &entry[i]);
	schedule_go(r->schedule);
}

static void
scanned(void *arg, ssize_t total, uint64_t ms)
{
	struct deliver *r = arg;

	if (total < 0)
		log_event(LOG_FAULT, NULL, "trouble", "what=scan error=%s", log_safe(strerror((int)-total)));
	r->scanned = true;
	queue_admin_ready(r->queue_admin);
	if (r->retry && !r->ending)
		schedule_retry_all(r->schedule);
	r->retry = false;
	etrn_server_open(r->etrn_server, !r->ending);
	if (r->look && !r->ending)
		r->look = !queue_scan_start(r->queue_scan, false);
	else if (!r->ending)
		loop_timer_set(r->slow, ms * 10 > SLOW_MS ? ms * 10 : SLOW_MS);
}

static void
slow_scan(void *arg)
{
	struct deliver *r = arg;

	queue_scan_start(r->queue_scan, false);
}

/* Another one put messages into our queue. */
static void
look(struct deliver *r, const struct ctl_message *m)
{
	(void)m;
	if (r->scanned && !r->ending && !queue_scan_start(r->queue_scan, false))
		r->look = true;
}

/* --- hints --- */

static void
look_for_missed(void *arg)
{
	struct deliver *r = arg;
	int64_t lost = counters_get(r->boot->counters, COUNTER_HINTS_LOST);

	if (lost != r->hints_lost)
		queue_scan_start(r->queue_scan, false);
	r->hints_lost = lost;
}

static bool
take_hint(struct deliver *r)
{
	char data[HINT_IDS * MESSAGE_ID_LEN], id[MESSAGE_ID_SIZE] = "";
	ssize_t n = recv(BOOT_HINT, data, sizeof(data), MSG_DONTWAIT);

	if (n <= 0)
		return false;
	for (ssize_t at = 0; at + MESSAGE_ID_LEN <= n; at += MESSAGE_ID_LEN) {
		memcpy(id, data + at, MESSAGE_ID_LEN);
		if (message_id_is_valid(id))
			schedule_hint(r->schedule, id);
	}
	return true;
}

static void
take_hints(void *arg, unsigned what)
{
	struct deliver *r = arg;
	unsigned n = 0;

	(void)what;
	while (n < HINTS_A_TURN && take_hint(r))
		n++;
	if (n == 0)
		return;
	if (!loop_timer_is_set(r->missed))
		loop_timer_set(r->missed, MISSED_MS);
	schedule_go(r->schedule);
}

/* --- begin --- */

/* Another worker of this virtual server may still drain: its lock says so. */
static void
own(void *arg)
{
	struct deliver *r = arg;

	if (spool_own_queue(r->spool) == -1) {
		if (!r->waiting)
			log_event(LOG_FACT, NULL, "service", "what=queue-owner waiting-for=%s",
			    errno == EWOULDBLOCK ? "\"the worker before\"" : log_safe(strerror(errno)));
		r->waiting = true;
		loop_timer_set(r->own, OWN_MS);
		return;
	}
	spool_drop_sweep(r->spool);
	r->hint = loop_io_new(r->boot->loop, BOOT_HINT, LOOP_READ, take_hints, r);
	queue_scan_start(r->queue_scan, true);
	badmail_keep_trimmed(r->badmail);
}

/* As many as there are descriptors for. */
static size_t
window_for(const struct config_server *server)
{
	struct rlimit rl;
	uint64_t used = FILES_OTHER + (server->connections < WINDOW ? server->connections : WINDOW);

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= used + WINDOW)
		return WINDOW;
	return rl.rlim_cur < used + WINDOW_MIN ? WINDOW_MIN : rl.rlim_cur - used;
}

static struct spool *
open_spool(const struct config_server *s)
{
	struct spool_paths paths = { .pickup = s->pickup, .queue = s->queue,
	    .drop = config_domain_drop_folder(s), .badmail = s->badmail };
	const char *where = "";
	struct spool *spool;

	spool = spool_open(&paths, &where);
	if (spool == NULL)
		die(EX_CANTCREAT, "cannot open %s: %s", where, strerror(errno));
	return spool;
}

static void
make_schedule(struct deliver *r)
{
	struct boot *b = r->boot;
	const char *why = "";
	struct schedule_setup setup = {
		.loop = b->loop, .server = b->server, .counters = b->counters, .spool = r->spool,
		.pool = r->pool,
		.enqueue = r->enqueue, .outbound = r->outbound, .expand = r->expand, .badmail = r->badmail,
		.window = window_for(b->server),
	};

	r->schedule = schedule_new(&setup, &why);
	if (r->schedule == NULL)
		die(EX_CONFIG, "the smart hosts of %s cannot be understood", why);
}

/* Whom to believe is known. */
static void
begin(void *arg)
{
	struct deliver *r = arg;

	if (!r->ending)
		own(r);
}

static void
run(struct boot *b)
{
	struct deliver *r = mem_new(struct deliver);

	b->state = r;
	r->boot = b;
	r->spool = open_spool(b->server);
	r->pool = pool_new(b->loop, THREADS);
	r->enqueue = enqueue_new(b->loop, r->pool, r->spool, -1);
	enqueue_count(r->enqueue, b->counters);
	r->outbound = outbound_new(b);
	r->log = w3clog_new(b->loop, r->pool, b->config, b->server, b->counters);
	r->outbound->log = r->log;
	r->expand = expand_new(b, r->enqueue);
	r->badmail = badmail_new(b->loop, r->pool, r->spool, b->server, b->counters);
	make_schedule(r);
	r->etrn_server = etrn_server_new(b->loop, r->schedule);
	r->queue_admin = queue_admin_new(b, r->pool, r->spool, r->schedule);
	r->queue_scan = queue_scan_new(b->loop, r->pool, r->spool, found, scanned, r);
	r->own = loop_timer_new(b->loop, own, r);
	r->slow = loop_timer_new(b->loop, slow_scan, r);
	r->missed = loop_timer_new(b->loop, look_for_missed, r);
	r->hints_lost = counters_get(b->counters, COUNTER_HINTS_LOST);
	r->authorities = trusted_ca_new(b, begin, r);
	r->outbound->tls = trusted_ca_tls(r->authorities);
	boot_ready(b);
	if (trusted_ca_begin(r->authorities))
		own(r);
}

/* --- end --- */

static void
end(void *arg)
{
	struct deliver *r = arg;

	boot_tell(r->boot, CTL_IDLE);
	boot_end(r->boot);
}

static void
out_of_grace(void *arg)
{
	struct deliver *r = arg;

	log_event(LOG_WARN, NULL, "service", "what=grace-over deliveries=%zu", outbound_active(r->outbound));
	boot_end(r->boot);
}

static void
begin_end(struct deliver *r, uint64_t grace_ms)
{
	if (r->grace == NULL)
		r->grace = loop_timer_new(r->boot->loop, out_of_grace, r);
	loop_timer_set(r->grace, grace_ms);
	if (r->ending)
		return;
	r->ending = true;
	etrn_server_open(r->etrn_server, false);
	loop_io_free(r->hint);
	r->hint = NULL;
	loop_timer_stop(r->own);
	loop_timer_stop(r->slow);
	loop_timer_stop(r->missed);
	queue_scan_stop(r->queue_scan);
	queue_admin_end(r->queue_admin, NULL, NULL);
	schedule_drain(r->schedule, end, r);
	outbound_drain(r->outbound);
	expand_drain(r->expand);
}

static void
finish(struct boot *b)
{
	struct deliver *r = b->state;

	queue_scan_stop(r->queue_scan);
	etrn_server_free(r->etrn_server);
	login_test_free_all(r->outbound);
	outbound_free(r->outbound);
	trusted_ca_free(r->authorities);
	w3clog_end(r->log);
	pool_free(r->pool);
	w3clog_free(r->log);
	expand_free(r->expand);
	schedule_count(r->schedule);	/* what it leaves */
	schedule_free(r->schedule);
	queue_admin_free(r->queue_admin);
	badmail_free(r->badmail);
	queue_scan_free(r->queue_scan);
	enqueue_free(r->enqueue);
	loop_io_free(r->hint);
	loop_timer_free(r->own);
	loop_timer_free(r->slow);
	loop_timer_free(r->missed);
	loop_timer_free(r->grace);
	spool_close(r->spool);
	free(r);
}

/* --- control --- */

static void
stop(struct deliver *r, const struct ctl_message *m)
{
	uint32_t ms = 0;

	memcpy(&ms, m->data, m->len < sizeof(ms) ? m->len : sizeof(ms));
	begin_end(r, ms);
}

static void
drain(struct deliver *r, const struct ctl_message *m)
{
	(void)m;
	begin_end(r, r->boot->config->service.grace);
}

static void
retry(struct deliver *r, const struct ctl_message *m)
{
	(void)m;
	outbound_release(r->outbound);
	if (r->scanned && !r->ending)
		schedule_retry_all(r->schedule);
	else
		r->retry = true;	/* for what the first scan is yet to find */
}

static void
chore(struct deliver *r, const struct ctl_message *m)
{
	queue_admin_take(r->queue_admin, m);
}

static void
channel(struct deliver *r, const struct ctl_message *m)
{
	struct ctl_channel channel;

	memcpy(&channel, m->data, sizeof(channel));
	if (m->fd != -1 && channel.helper == CTL_HELPER_DELIVER)
		etrn_server_channel(r->etrn_server, m->fd);
	else if (m->fd != -1 && channel.helper == CTL_HELPER_DIRECTORY && r->expand != NULL)
		expand_channel(r->expand, m->fd);
	else
		outbound_on_channel(r->outbound, m);
}

static void
trial(struct deliver *r, const struct ctl_message *m)
{
	login_test_begin(r->outbound, m);
}

static void
file(struct deliver *r, const struct ctl_message *m)
{
	trusted_ca_take_file(r->authorities, m);
}

static void
reopen_logs(struct deliver *r, const struct ctl_message *m)
{
	(void)m;
	w3clog_reopen(r->log);
}

/* Delivery goes on in a paused virtual server. */
static void
pause_on(struct deliver *r, const struct ctl_message *m)
{
	(void)m;
	boot_tell(r->boot, CTL_PAUSED);
}

static void
go_on(struct deliver *r, const struct ctl_message *m)
{
	(void)m;
	boot_tell(r->boot, CTL_CONTINUED);
}

static void (*const controls[CTL_COUNT])(struct deliver *r, const struct ctl_message *m) = {
	[CTL_STOP] = stop,
	[CTL_DRAIN] = drain,
	[CTL_LOGS] = reopen_logs,
	[CTL_RETRY] = retry,
	[CTL_CHANNEL] = channel,
	[CTL_OAUTH_TEST] = trial,
	[CTL_FILE] = file,
	[CTL_QUEUE] = chore,
	[CTL_NEW_MAIL] = look,
	[CTL_PAUSE] = pause_on,
	[CTL_CONTINUE] = go_on,
};

static void
on_control(struct boot *b, const struct ctl_message *m)
{
	if (controls[m->type] != NULL)
		controls[m->type](b->state, m);
}

const struct boot_role deliver_role = {
	.name = "deliver",
	.title = "delivers, drops and returns mail",
	.per_server = true,
	.run = run,
	.on_control = on_control,
	.finish = finish,
};
