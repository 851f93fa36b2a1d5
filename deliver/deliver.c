/*
 * deliver - the deliver worker: sets up its parts, takes hints and control messages, scans slowly, stops
 *
 * Runs in:  deliver, on the loop
 * Owns:     the parts of a queue_owner, and what sends and drops mail
 * Promise:  delivers only while it holds the queue's lock; with all hints lost the scan finds every message;
 *           at a stop, work under way ends or is put back within the grace time. That of a stopped virtual
 *           server tries no message, and brings them to another node when it is told to
 * Fails by: die() before the loop runs
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/burst.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/spool_private.h"
#include "common/w3clog/w3clog.h"
#include "deliver/admin/admin.h"
#include "deliver/deliver.h"
#include "deliver/evacuate/evacuate.h"
#include "deliver/local/local.h"
#include "deliver/move/move.h"
#include "deliver/outbound/outbound.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"
#include "deliver/signing/signing.h"
#include "deliver/tls_report/tls_report.h"

#define THREADS 15	/* one for the protocol log */
#define FILES_JUDGED 3
#define SLOW_MS 30000		/* between scans; at least ten times what a scan takes */
#define MISSED_MS 1000		/* from a hint to the check whether hints were lost */
#define HINT_IDS 64
#define HINTS_A_TURN 64

struct deliver {
	struct queue_owner queue;
	struct w3clog *log;
	struct outbound *outbound;
	struct tls_reports *reports;	/* NULL: none are made */
	struct trusted_ca *authorities;	/* NULL: no TLS */
	struct own_certificate *own;	/* NULL: we show none */
	struct signing_keys *keys;	/* NULL: no mail is signed */
	struct signing *signing;
	struct expand *expand;		/* NULL: no directory */
	struct etrn_server *etrn_server;
	struct offer_server *offer_server;
	struct evacuate_sender *evacuator;
	struct evacuate_taker *evacuations;
	struct folder_watch *folders;
	struct age_watch *age;
	struct probes *probes;
	struct loop_timer *slow, *missed;
	struct loop_io *hint;
	struct burst burst;		/* of hints */
	int64_t hints_lost;		/* of the virtual server, at the last check */
	unsigned judged;		/* of FILES_JUDGED: authorities, certificates, keys that sign */
	bool told;			/* it knows the addresses of other virtual servers */
	bool at_rest;			/* of a stopped virtual server: it speaks to another node alone */
	bool retry;			/* all is to be due once the first scan is over */
};

/* --- scan --- */

static void
on_scanned(void *arg, uint64_t ms)
{
	struct deliver *r = arg;

	if (r->retry && !r->queue.ending)
		schedule_retry_all(r->queue.schedule);
	r->retry = false;
	if (r->at_rest)
		schedule_count(r->queue.schedule);
	etrn_server_open(r->etrn_server, !r->queue.ending);
	if (!r->queue.ending)
		loop_timer_set(r->slow, ms * 10 > SLOW_MS ? ms * 10 : SLOW_MS);
}

static void
slow_scan(void *arg)
{
	queue_scan_start(((struct deliver *)arg)->queue.scan, false);
}

/* --- hints --- */

static void
check_missed(void *arg)
{
	struct deliver *r = arg;
	int64_t lost = counters_get(r->queue.boot->counters, COUNTER_HINTS_LOST);

	if (lost != r->hints_lost)
		queue_scan_start(r->queue.scan, false);
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
			schedule_hint(r->queue.schedule, id);
	}
	return true;
}

static void
take_hints(void *arg, unsigned what)
{
	struct deliver *r = arg;
	bool all = burst_begin(&r->burst);
	unsigned n = 0;

	while (n < (all ? HINTS_A_TURN : 1) && take_hint(r))
		n++;
	if (all)
		burst_end(&r->burst, n);
	if (n == 0)
		return;
	if (!loop_timer_is_set(r->missed))
		loop_timer_set(r->missed, MISSED_MS);
	folder_watch_stir(r->folders);
	age_watch_stir(r->age);
	schedule_go(r->queue.schedule);
}

/* --- begin --- */

static void
own_queue(void *arg)
{
	struct deliver *r = arg;

	if (r->at_rest) {
		(void)queue_owner_lock_at_rest(&r->queue);
		return;
	}
	if (queue_owner_lock(&r->queue) == -1) {
		queue_owner_wait(&r->queue, errno);
		return;
	}
	spool_drop_sweep(r->queue.spool);
	tls_reports_begin(r->reports);
	r->hint = loop_io_new(r->queue.boot->loop, BOOT_HINT, LOOP_READ, take_hints, r);
	badmail_keep_trimmed(r->queue.badmail);
}

/*
 * A folder can be used again: what waits for it may have waited for long. Of mail that was tried by a process
 * before this one it is not known what it waits for. Trouble with queue and badmail is tried again within a
 * minute by itself.
 */
static void
on_folder_mended(void *arg, enum spool_which which, bool ever)
{
	struct deliver *r = arg;

	if (!r->queue.scanned || r->queue.ending)
		return;
	if (which == SPOOL_DROP && ever)
		schedule_drop_is_back(r->queue.schedule);
	else if (which == SPOOL_DROP)
		schedule_retry_all(r->queue.schedule);
	else if (which == SPOOL_QUEUE)
		queue_scan_start(r->queue.scan, false);
}

/* Without either, mail would be refused, or sent where it must not go. */
static void
begin_work(struct deliver *r)
{
	if (r->judged == FILES_JUDGED && r->told && !r->queue.ending)
		own_queue(r);
}

static void
on_judged(void *arg)
{
	((struct deliver *)arg)->judged++;
	begin_work(arg);
}

static void
make_parts(struct deliver *r, struct boot *b)
{
	const struct config_server *s = b->server;
	struct spool_paths paths = { .pickup = s->pickup, .queue = s->queue,
	    .drop = config_domain_drop_folder(s), .badmail = s->badmail };
	struct schedule_setup setup = { .window = queue_owner_window(s), .at_rest = r->at_rest };

	r->queue.worker = r;
	r->queue.on_scanned = on_scanned;
	queue_owner_open(&r->queue, b, &paths, THREADS);
	if (!r->at_rest)
		queue_owner_claim(&r->queue);
	setup.outbound = r->outbound = outbound_new(b);
	r->log = w3clog_new(b->loop, r->queue.pool, b->config, s, b->counters);
	r->outbound->log = r->log;
	r->outbound->spool = r->queue.spool;
	setup.expand = r->expand = expand_new(b, r->queue.enqueue);
	r->reports = r->at_rest ? NULL : tls_report_owner_new(&r->queue, r->outbound);
	r->keys = signing_keys_new(b, on_judged, r);
	setup.signing = r->signing = signing_new(r->queue.pool, r->keys);
	queue_owner_begin(&r->queue, &setup, own_queue);
	r->queue.admin->evacuator = r->evacuator = evacuate_sender_new(b, r->queue.pool, r->queue.spool,
	    r->outbound);
	r->evacuations = evacuate_taker_new(b, r->queue.pool, r->queue.spool, r->queue.taker);
	r->etrn_server = etrn_server_new(b->loop, r->queue.schedule);
	r->offer_server = offer_server_new(b->loop, r->queue.schedule, &r->queue.scanned);
	etrn_server_evacuations(r->etrn_server, r->evacuations);
	r->folders = folder_watch_new(b, r->queue.pool, r->queue.spool, on_folder_mended, r);
	r->age = age_watch_new(b, r->queue.schedule);
	r->probes = probe_new(&r->queue, r->outbound);
}

void
deliver_run(struct boot *b, bool at_rest)
{
	struct deliver *r = mem_new(struct deliver);

	b->state = r;
	r->at_rest = at_rest;
	make_parts(r, b);
	r->slow = loop_timer_new(b->loop, slow_scan, r);
	r->missed = loop_timer_new(b->loop, check_missed, r);
	r->hints_lost = counters_get(b->counters, COUNTER_HINTS_LOST);
	r->authorities = trusted_ca_new(b, on_judged, r);
	r->outbound->tls = trusted_ca_tls(r->authorities);
	r->outbound->trust = r->authorities;
	r->outbound->own = r->own = own_certificate_new(b, on_judged, r);
	boot_ready(b);
	r->judged += own_certificate_begin(r->own);
	r->judged += signing_keys_begin(r->keys);
	r->judged += trusted_ca_begin(r->authorities);	/* CTL_OTHERS comes by itself */
}

/* --- end --- */

static void
out_of_grace(void *arg)
{
	struct deliver *r = arg;

	log_event(LOG_WARN, NULL, "service", "what=grace-over deliveries=%zu", outbound_active(r->outbound));
	boot_end(r->queue.boot);
}

static void
begin_end(struct deliver *r, uint64_t grace_ms, const char *why)
{
	if (!queue_owner_end(&r->queue, grace_ms, out_of_grace))
		return;
	etrn_server_open(r->etrn_server, false);
	evacuate_taker_end(r->evacuations);
	loop_io_free(r->hint);
	r->hint = NULL;
	loop_timer_stop(r->slow);
	loop_timer_stop(r->missed);
	tls_reports_end(r->reports);
	queue_admin_end(r->queue.admin, NULL, NULL);
	schedule_drain(r->queue.schedule, queue_owner_idle, &r->queue);
	outbound_drain(r->outbound, why);
	expand_drain(r->expand);
}

void
deliver_finish(struct boot *b)
{
	struct deliver *r = b->state;

	queue_scan_stop(r->queue.scan);
	etrn_server_free(r->etrn_server);
	login_test_free_all(r->outbound);
	evacuate_sender_cut(r->evacuator);
	outbound_free(r->outbound);
	trusted_ca_free(r->authorities);
	own_certificate_free(r->own);
	w3clog_end(r->log);
	pool_free(r->queue.pool);
	w3clog_free(r->log);
	folder_watch_free(r->folders);
	age_watch_free(r->age);
	probe_free(r->probes);
	evacuate_sender_free(r->evacuator);
	evacuate_taker_free(r->evacuations);
	expand_free(r->expand);
	tls_reports_free(r->reports);
	offer_server_free(r->offer_server);
	queue_owner_close(&r->queue);
	signing_free(r->signing);
	signing_keys_free(r->keys);
	loop_io_free(r->hint);
	loop_timer_free(r->slow);
	loop_timer_free(r->missed);
	free(r);
}

/* --- control --- */

static void
on_stop(struct deliver *r, const struct ctl_message *m)
{
	begin_end(r, boot_grace(m), "the virtual server stops");
}

static void
on_drain(struct deliver *r, const struct ctl_message *m)
{
	begin_end(r, r->queue.boot->config->service.grace,
	    "its process is replaced: a change, or an upgrade");
}

static void
on_retry(struct deliver *r, const struct ctl_message *m)
{
	outbound_release(r->outbound);
	if (r->queue.scanned && !r->queue.ending)
		schedule_retry_all(r->queue.schedule);
	else
		r->retry = true;	/* for the messages that the first scan will find */
}

static void
on_look(struct deliver *r, const struct ctl_message *m)
{
	queue_owner_look(&r->queue);
}

static void
on_queue(struct deliver *r, const struct ctl_message *m)
{
	queue_admin_take(r->queue.admin, m);
}

static void
on_hosts(struct deliver *r, const struct ctl_message *m)
{
	host_admin_take(r->outbound, m);
}

static void
on_trace(struct deliver *r, const struct ctl_message *m)
{
	trace_server_take(r->queue.trace, m);
}

static void
on_moves(struct deliver *r, const struct ctl_message *m)
{
	move_taker_channel(r->queue.taker, m);
}

static void
on_channel(struct deliver *r, const struct ctl_message *m)
{
	struct ctl_channel channel;

	memcpy(&channel, m->data, sizeof(channel));
	channel.role[sizeof(channel.role) - 1] = '\0';
	/* pickup offers, a listener asks for ATRN: any other channel is one that this worker has asked for */
	if (channel.helper == CTL_HELPER_DELIVER && strcmp(channel.role, "pickup") == 0)
		offer_server_channel(r->offer_server, m, &channel);
	else if (m->fd != -1 && channel.helper == CTL_HELPER_DELIVER && strcmp(channel.role, "listener") == 0)
		etrn_server_channel(r->etrn_server, m, &channel);
	else if (m->fd != -1 && channel.helper == CTL_HELPER_DIRECTORY && r->expand != NULL)
		expand_channel(r->expand, ctl_take_fd(m));
	else
		outbound_on_channel(r->outbound, m);
}

static void
on_tls_reports(struct deliver *r, const struct ctl_message *m)
{
	tls_report_view_take(r->reports, r->queue.boot, m);
}

static void
on_oauth_test(struct deliver *r, const struct ctl_message *m)
{
	login_test_begin(r->outbound, m);
}

static void
on_probe(struct deliver *r, const struct ctl_message *m)
{
	probe_begin(r->probes, m);
}

static void
on_file(struct deliver *r, const struct ctl_message *m)
{
	struct ctl_opened opened;

	memcpy(&opened, m->data, sizeof(opened));
	if (opened.file.kind == CTL_FILE_AUTHORITIES)
		trusted_ca_take_file(r->authorities, m);
	else if (opened.file.kind == CTL_FILE_DKIM_KEY)
		signing_keys_take_file(r->keys, m);
	else
		own_certificate_take_file(r->own, m);
}

static void
on_renewed(struct deliver *r, const struct ctl_message *m)
{
	trusted_ca_renew(r->authorities);
	own_certificate_renew(r->own);
	signing_keys_renew(r->keys);
}

static void
on_policies(struct deliver *r, __attribute__((unused)) const struct ctl_message *m)
{
	r->outbound->mx.policies = true;
}

static void
on_others(struct deliver *r, const struct ctl_message *m)
{
	outbound_take_others(r->outbound, m);
	if (r->told)
		return;
	r->told = true;
	begin_work(r);
}

static void
on_logs(struct deliver *r, const struct ctl_message *m)
{
	w3clog_reopen(r->log);
}

/* Delivery goes on in a paused virtual server. */
static void
on_pause(struct deliver *r, const struct ctl_message *m)
{
	boot_tell(r->queue.boot, CTL_PAUSED);
}

static void
on_continue(struct deliver *r, const struct ctl_message *m)
{
	boot_tell(r->queue.boot, CTL_CONTINUED);
}

static void (*const controls[CTL_COUNT])(struct deliver *r, const struct ctl_message *m) = {
	[CTL_STOP] = on_stop,
	[CTL_DRAIN] = on_drain,
	[CTL_LOGS] = on_logs,
	[CTL_RETRY] = on_retry,
	[CTL_LOOK] = on_look,
	[CTL_CHANNEL] = on_channel,
	[CTL_OAUTH_TEST] = on_oauth_test,
	[CTL_PROBE] = on_probe,
	[CTL_HOSTS] = on_hosts,
	[CTL_TLS_REPORTS] = on_tls_reports,
	[CTL_FILE] = on_file,
	[CTL_RENEWED] = on_renewed,
	[CTL_QUEUE] = on_queue,
	[CTL_TRACE] = on_trace,
	[CTL_MOVES] = on_moves,
	[CTL_OTHERS] = on_others,
	[CTL_POLICIES] = on_policies,
	[CTL_PAUSE] = on_pause,
	[CTL_CONTINUE] = on_continue,
};

void
deliver_control(struct boot *b, const struct ctl_message *m)
{
	if (controls[m->type] != NULL)
		controls[m->type](b->state, m);
}
