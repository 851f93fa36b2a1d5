/*
 * probe - posternctl probe: goes the way of a mail as far as MAIL, and tells each step; then, when that is
 * asked for, a test message follows
 *
 * Runs in:  deliver: on the loop, the writing on a pool thread
 * Owns:     a probe until its last host has answered, or had its time
 * Promise:  what is tried is what mail would meet: the same folder, route, names, addresses, TLS and login,
 *           over connections of its own. No secret is told. A host has PROBE_HOST_MS. Without `send`
 *           no message is queued, and with it only when all steps went well: one that would wait
 *           helps nobody
 * Fails by: lines as msg_probe has them and an exit status, sent to the master
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "common/msg/msg_probe.h"
#include "common/process/pool.h"
#include "deliver/deliver.h"
#include "deliver/outbound/outbound.h"
#include "deliver/schedule/schedule.h"

#define PROBE_HOST_MS 30000U
#define PROBE_SHARED_MS 10000U	/* no longer for connections that other nodes have */
#define LINE_MAX_BYTES 1000

struct probe_hop {
	TAILQ_ENTRY(probe_hop) link;
	struct probes *all;
	struct probe *probe;		/* NULL: its time is over, and nothing waits for it */
	struct destination d;
	struct outbound_job job;
	struct verdict verdict;
	enum outbound_step reached;
	bool looked;			/* whether other nodes have all connections */
	bool ok;
};
TAILQ_HEAD(probe_hops, probe_hop);

struct probe {
	TAILQ_ENTRY(probe) link;
	struct probes *all;
	uint32_t request, serial;
	struct msg_probe_ask ask;
	struct probe_send *message;	/* NULL: none yet, or none is asked for */
	struct loop_timer *timer;	/* of the first hop */
	struct probe_hops hops;		/* the first one is at work */
	uint64_t step_at;		/* monotonic ms: the beginning of the present step */
	uint64_t write_ms;		/* by the thread */
	int error;
	bool failed;
};

struct probes {
	struct queue_owner *queue;
	struct outbound *outbound;
	uint32_t serial;		/* of the latest probe */
	struct pool_lane *lane;
	TAILQ_HEAD(, probe) list;
	struct probe_hops late;		/* that outbound still has */
};

static void tell(struct probe *p, const char *step, const char *verdict, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void next_hop(struct probe *p);

/* --- what is told --- */

static void
send_line(const struct probe *p, const char *step, const char *verdict, uint64_t ms, char *words,
    const char *id)
{
	char line[LINE_MAX_BYTES + 100];

	for (char *at = words; *at != '\0'; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
	snprintf(line, sizeof(line), "%s\t%s\t%llu\t%s\t%s\n", step, verdict, (unsigned long long)ms, words,
	    id);
	(void)!ctl_send(p->all->queue->boot->master, CTL_TEST_TEXT, p->request, line, strlen(line), -1);
}

/* `verdict`: "ok", "failed", "skipped". The time is that since the step before. `id`: of the test message. */
static void
tell_step(struct probe *p, const char *step, const char *verdict, char *words, const char *id)
{
	uint64_t now = clock_mono_ms();

	p->failed |= strcmp(verdict, "failed") == 0;
	send_line(p, step, verdict, now - p->step_at, words, id);
	p->step_at = now;
}

static void
tell(struct probe *p, const char *step, const char *verdict, const char *fmt, ...)
{
	char words[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	tell_step(p, step, verdict, words, "-");
}

/* --- hosts --- */

static void
free_hop(struct probe_hops *list, struct probe_hop *h)
{
	TAILQ_REMOVE(list, h, link);
	route_destination_done(&h->d);
	free(h);
}

static void
free_probe(struct probe *p)
{
	struct probe_hop *h;

	while ((h = TAILQ_FIRST(&p->hops)) != NULL)
		free_hop(&p->hops, h);
	TAILQ_REMOVE(&p->all->list, p, link);
	probe_send_free(p->message);
	loop_timer_free(p->timer);
	free(p);
}

static void
end_probe(void *arg, int result)
{
	struct probe *p = arg;
	int32_t status = result;

	(void)!ctl_send(p->all->queue->boot->master, CTL_TEST_END, p->request, &status, sizeof(status), -1);
	free_probe(p);
}

/* --- the test message --- */

static void
tell_message(void *arg, const char *step, const char *verdict, const char *text, const char *id)
{
	char words[LINE_MAX_BYTES];

	snprintf(words, sizeof(words), "%s", text);
	tell_step(arg, step, verdict, words, id);
}

/* All steps are over. */
static void
end_steps(struct probe *p)
{
	struct probe_send_ops ops = { .tell = tell_message, .done = end_probe, .arg = p };
	bool failed = p->failed || p->ask.failed != 0;

	if (p->ask.send != 0 && failed)
		tell(p, "message", "skipped", "it is not sent: a step before it has failed");
	if (p->ask.send == 0 || failed) {
		end_probe(p, p->failed ? MSG_PROBE_FAILED : EX_OK);
		return;
	}
	p->message = probe_send_new(p->all->queue, &p->ask, &ops);
	probe_send_begin(p->message);
}

/* The step after the last one that went well. */
static const char *
step_name(const struct probe_hop *h)
{
	if (h->reached < OUTBOUND_RESOLVED)
		return "dns";
	if (h->reached < OUTBOUND_CONNECTED)
		return "connect";
	if (h->reached < OUTBOUND_SECURED && h->d.security.tls >= CONFIG_OUT_TLS_REQUIRED)
		return "tls";
	return h->d.security.account.auth != CONFIG_OUT_ANONYMOUS ? "login" : "session";
}

static void
on_step(void *arg, enum outbound_step step, const char *text)
{
	static const char *const names[] = { [OUTBOUND_RESOLVED] = "dns", [OUTBOUND_CONNECTED] = "connect",
	    [OUTBOUND_SECURED] = "tls" };
	struct probe_hop *h = arg;

	if (h->probe == NULL || (step <= h->reached && step != OUTBOUND_CONNECTED))
		return;
	h->reached = step;
	tell(h->probe, names[step], "ok", "%s", text);
}

/* The host has let us in. */
static void
on_login(void *arg, const struct outconn *c)
{
	struct probe_hop *h = arg;
	bool account = h->d.security.account.auth != CONFIG_OUT_ANONYMOUS;

	h->ok = true;
	if (account)
		verdict_set(&h->verdict, VERDICT_ACCEPTED, "2.0.0", "ok, as %s with %s", c->client.set.user,
		    msg_auth_out_mechanism_names[c->client.auth->mechanism]);
	else
		verdict_set(&h->verdict, VERDICT_ACCEPTED, "2.0.0", "the host takes commands%s",
		    c->tls == NULL ? ", without TLS" : "");
}

static void
on_done(void *arg, struct outbound_job *job)
{
	struct probe_hop *h = arg;
	struct probe *p = h->probe;
	const struct verdict *v = &h->verdict;

	if (p == NULL) {
		free_hop(&h->all->late, h);
		return;
	}
	loop_timer_stop(p->timer);
	if (h->ok)
		tell(p, h->d.security.account.auth != CONFIG_OUT_ANONYMOUS ? "login" : "session", "ok", "%s",
		    v->text);
	else
		tell(p, step_name(h), "failed", "%s %s", v->status, v->text);
	free_hop(&p->hops, h);
	next_hop(p);
}

/* The host hangs, or other nodes have its connections. Outbound keeps the job for its own, longer limits. */
static void
on_time(void *arg)
{
	struct probe *p = arg;
	struct probe_hop *h = TAILQ_FIRST(&p->hops);
	char why[PACE_WORDS_SIZE];
	bool first = !h->looked;

	h->looked = true;
	if (shared_limits_waits(p->all->outbound, h->d.key, why)) {
		tell(p, step_name(h), "failed", "%s", why);
	} else if (first) {
		loop_timer_set(p->timer, PROBE_HOST_MS - PROBE_SHARED_MS);
		return;
	} else
		tell(p, step_name(h), "failed", "no answer within %u seconds", PROBE_HOST_MS / 1000);
	h->probe = NULL;
	TAILQ_REMOVE(&p->hops, h, link);
	TAILQ_INSERT_TAIL(&p->all->late, h, link);
	next_hop(p);
}

static void
next_hop(struct probe *p)
{
	static size_t first;
	struct probe_hop *h = TAILQ_FIRST(&p->hops);

	if (h == NULL) {
		end_steps(p);
		return;
	}
	tell(p, "next-hop", "ok", "%s", h->d.domain);
	loop_timer_set(p->timer, PROBE_SHARED_MS);
	h->job = (struct outbound_job){ .e = NULL, .fd = -1, .sender = "", .index = &first, .count = 1,
	    .verdict = &h->verdict, .done = on_done, .done_login = on_login, .step = on_step, .arg = h };
	outbound_submit(p->all->outbound, &h->d, &h->job);
}

/* --- the route --- */

static void
add_hop(void *arg, const struct destination *d)
{
	struct probe *p = arg;
	/* A key of its own: the probe uses no connection that mail has opened, and none of its failures */
	char *key = mem_printf("%s;probe=%u", d->key, p->serial);
	struct probe_hop *h;

	TAILQ_FOREACH(h, &p->hops, link)
		if (strcmp(h->d.key, key) == 0)
			break;
	if (h != NULL) {
		free(key);
		return;
	}
	h = mem_new(struct probe_hop);
	h->all = p->all;
	h->probe = p;
	route_destination_copy(&h->d, d);
	free(h->d.key);
	h->d.key = key;
	TAILQ_INSERT_TAIL(&p->hops, h, link);
}

static void
add_direct(struct probe *p, const char *domain, const struct route_answer *a)
{
	struct destination d;

	route_direct(&d, domain, a);
	add_hop(p, &d);
	route_destination_done(&d);
}

static void
tell_drop(struct probe *p)
{
	struct queue_owner *q = p->all->queue;
	const char *folder = config_domain_drop_folder(q->boot->server);
	int error = spool_folder_check(q->spool, SPOOL_DROP) == -1 ? errno : 0;

	tell(p, "drop", error == 0 ? "ok" : "failed", "%s%s%s", folder, error == 0 ? "" : ": ",
	    error == 0 ? "" : disk_reason(folder, error));
}

/* The test message would only lie there. */
static bool
rests(struct probe *p, const struct route_answer *a)
{
	if (a->kind == ROUTE_REFUSED || (!a->paused && !a->backlog))
		return false;
	tell(p, "route", "failed", "%s", a->paused ?
	    "an operator has paused the mail of this domain (posternctl queue resume)" :
	    "mail of this domain waits until its host asks for it (hold = yes)");
	return true;
}

/* Of one recipient. */
static void
find_hop(struct probe *p, const struct route *route)
{
	struct address to;
	struct route_answer a;
	const char *domain;

	if (address_from_text(&to, p->ask.rcpt) == -1) {
		tell(p, "route", "failed", "this is no address");
		return;
	}
	domain = address_domain(&to);
	route_find(route, domain, p->ask.send != 0 ? p->ask.sender : NULL, &a);
	if (p->ask.send != 0 && rests(p, &a))
		return;
	switch (a.kind) {
	case ROUTE_LOCAL:
		tell(p, "route", "ok", "%s is a local domain: the drop folder", domain);
		tell_drop(p);
		break;
	case ROUTE_REFUSED:
		tell(p, "route", "failed", "%s %s", a.status, a.why);
		break;
	case ROUTE_HOSTS:
		tell(p, "route", "ok", "%s: hosts that the configuration names", domain);
		add_hop(p, a.hosts);
		break;
	case ROUTE_DIRECT:
		tell(p, "route", "ok", "%s: the hosts that the DNS names", domain);
		add_direct(p, domain, &a);
		break;
	}
}

static void
find_hops(struct probe *p)
{
	const char *why = NULL;
	struct route *route = route_new(p->all->queue->boot->server, &why);

	if (route == NULL)
		tell(p, "route", "failed", "%s cannot be understood", why);
	else if (p->ask.rcpt[0] != '\0')
		find_hop(p, route);
	else
		route_each(route, add_hop, p);
	if (route != NULL && p->ask.rcpt[0] == '\0' && TAILQ_EMPTY(&p->hops))
		tell(p, "route", "skipped", "no host is named in the configuration; with --rcpt the way of a "
		    "recipient is tried");
	route_free(route);
	next_hop(p);
}

/* --- the queue --- */

/* As much as a mail would need: a file in the queue, written and synced; it gets no name there. */
static int
write_draft(struct spool *spool)
{
	struct message_envelope e = { .sender = mem_strdup("") };
	struct spool_draft *d;
	int fd, error = 0;

	(void)message_envelope_add(&e, "postmaster");
	d = spool_draft_new(spool, &e);
	message_envelope_done(&e);
	if (d == NULL || spool_draft_write(d, "probe\r\n", 7) == -1) {
		error = errno;
	} else {
		fd = spool_draft_open(d);
		if (fd == -1 || disk_sync_whole(fd) == -1)
			error = errno;
		if (fd != -1)
			close(fd);
	}
	spool_draft_free(d);
	return error;
}

static void
write_drafts(void *arg, void **jobs, size_t n)
{
	struct probes *all = arg;

	for (size_t i = 0; i < n; i++) {
		struct probe *p = jobs[i];
		uint64_t began = clock_mono_ms();

		p->error = write_draft(all->queue->spool);
		p->write_ms = clock_mono_ms() - began;
	}
}

static void
on_written(void *arg, void *job)
{
	struct probes *all = arg;
	struct probe *p = job;
	const char *folder = all->queue->boot->server->queue;

	if (p->error == 0)
		tell(p, "queue", "ok", "%s: written and synced in %llu ms", folder,
		    (unsigned long long)p->write_ms);
	else
		tell(p, "queue", "failed", "%s: %s", folder, disk_reason(folder, p->error));
	find_hops(p);
}

/* --- beginning and end --- */

void
probe_begin(struct probes *all, const struct ctl_message *m)
{
	struct probe *p = mem_new(struct probe);

	memcpy(&p->ask, m->data, sizeof(p->ask));
	p->ask.rcpt[sizeof(p->ask.rcpt) - 1] = '\0';
	p->ask.author[sizeof(p->ask.author) - 1] = '\0';
	p->ask.sender[sizeof(p->ask.sender) - 1] = '\0';
	p->all = all;
	p->request = m->request;
	p->serial = ++all->serial;
	p->step_at = clock_mono_ms();
	TAILQ_INIT(&p->hops);
	p->timer = loop_timer_new(all->queue->boot->loop, on_time, p);
	TAILQ_INSERT_TAIL(&all->list, p, link);
	pool_submit(all->lane, p);
}

struct probes *
probe_new(struct queue_owner *queue, struct outbound *outbound)
{
	struct probes *all = mem_new(struct probes);

	all->queue = queue;
	all->outbound = outbound;
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->late);
	all->lane = pool_lane_new(queue->pool, 1, 1, write_drafts, on_written, all);
	return all;
}

void
probe_free(struct probes *all)
{
	struct probe *p;
	struct probe_hop *h;

	while ((p = TAILQ_FIRST(&all->list)) != NULL)
		free_probe(p);
	while ((h = TAILQ_FIRST(&all->late)) != NULL)
		free_hop(&all->late, h);
	free(all);
}
