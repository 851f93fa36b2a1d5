/*
 * dns_query - questions and their answers: the hosts table first, then libunbound on this process's loop
 *
 * Runs in:  resolver
 * Owns:     the contexts; the open questions; the hosts table
 * Promise:  each question is answered once, within QUESTION_MS; a change of resolv.conf or hosts is seen
 *           within CHECK_MS: a fresh context is used, and the old one freed after its last question. One
 *           that cannot be read changes nothing; mail waits where there was none before
 * Fails by: DNS_TROUBLE with a text
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unbound.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define RESOLV_PATH "/etc/resolv.conf"
#define HOSTS_PATH "/etc/hosts"
#define FILE_MAX (8U << 20)
#define CHECK_MS 5000		/* between checks of the two files; they are made when a question comes */
#define QUESTION_MS 30000

struct dns_query_question {
	TAILQ_ENTRY(dns_query_question) link;	/* in order of deadline */
	struct dns_query *owner;
	struct dns_context *context;
	struct msg_dns_query query;
	uint64_t deadline;
	/* While a context is being asked: set when its callback came already */
	bool *back;
	void (*done)(void *arg, const struct msg_dns_answer *answer);	/* NULL: answered or forgotten */
	void *arg;
};
TAILQ_HEAD(questions, dns_query_question);

/* What a context found. */
struct reply {
	int rcode;
	void *packet;			/* `len` bytes; perhaps NULL */
	int len;
	int security;			/* 0 insecure, 1 bogus, 2 secure */
	const char *why;		/* it is bogus; perhaps NULL */
};

struct dns_query {
	struct loop *loop;
	const struct config_service *service;
	struct dns_context_env env;
	char *anchors;			/* of dnssec, see unbound_config; NULL: none until now */
	char no_anchors[256];		/* why */
	struct hosts_file *hosts;
	struct dns_file hosts_file, resolv_file;
	struct buf resolv;		/* what was read of resolv.conf */
	uint64_t checked_at;
	LIST_HEAD(, dns_context) contexts;		/* the first is in use */
	struct loop_timer *sweep;		/* deletes retired contexts, outside of their callbacks */
	/* Of questions that went to the network; NULL: nothing is to be told */
	void (*heard)(void *arg, bool answered);
	void (*unread)(void *arg, const struct dns_file *file);
	void *heard_arg;
	struct questions waiting;
	struct questions spent;			/* done with, but a context still works on them */
	struct loop_timer *clock;
};

/* --- files --- */

/* Whoever watches hears what cannot be read, and that it is over. */
static void
tell_file(const struct dns_query *d, const struct dns_file *f)
{
	if (d->unread != NULL)
		d->unread(d->heard_arg, f);
}

static void
update_hosts(struct dns_query *d)
{
	struct buf text = BUF_INIT(FILE_MAX);
	int changed = dns_file_read(&d->hosts_file, &text);

	if (changed == 1 || d->hosts == NULL) {
		if (changed == -1)
			buf_clear(&text);
		hosts_file_free(d->hosts);
		d->hosts = hosts_file_parse(buf_text(&text), text.len);
	}
	buf_done(&text);
	if (changed != 0)
		tell_file(d, &d->hosts_file);
}

/* True: there are other servers now. With dns-server in the INI the file is of no use. */
static bool
update_resolv(struct dns_query *d)
{
	struct buf text = BUF_INIT(FILE_MAX);
	int changed = d->service->dns_server.count > 0 ? 0 : dns_file_read(&d->resolv_file, &text);

	if (changed == 1) {
		buf_done(&d->resolv);
		d->resolv = text;
	} else {
		buf_done(&text);
	}
	if (changed != 0)
		tell_file(d, &d->resolv_file);
	return changed == 1;
}

/* --- contexts --- */

/* Not yet in the list. NULL: libunbound refuses the settings. */
static struct dns_context *
context_open(struct dns_query *d)
{
	return dns_context_open(&d->env, d->anchors, &d->resolv);
}

static struct dns_context *
context_new(struct dns_query *d)
{
	struct dns_context *c = context_open(d);

	if (c != NULL)
		LIST_INSERT_HEAD(&d->contexts, c, link);
	return c;
}

static void
context_free(struct dns_context *c)
{
	LIST_REMOVE(c, link);
	dns_context_free(c);
}

static void
on_context_sweep(void *arg)
{
	struct dns_query *d = arg;
	struct dns_context *c = LIST_FIRST(&d->contexts), *next;

	for (c = c != NULL ? LIST_NEXT(c, link) : NULL; c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->open == 0)
			context_free(c);
	}
}

static void
update_files(struct dns_query *d)
{
	uint64_t now = clock_mono_ms();

	if (now - d->checked_at < CHECK_MS)
		return;
	d->checked_at = now;
	update_hosts(d);
	if (!update_resolv(d))
		return;
	if (context_new(d) == NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s",
		    log_safe("cannot use the changed " RESOLV_PATH));
	loop_timer_set(d->sweep, 0);
}

/* --- questions --- */

/* What the network says of a question; not what the cache or a bogus zone does, nor a probe. */
static void
note_health(const struct dns_query_question *q, const struct msg_dns_answer *a)
{
	struct dns_query *d = q->owner;

	if (d->heard != NULL && q->context == LIST_FIRST(&d->contexts) && q->back == NULL && !a->bogus)
		d->heard(d->heard_arg, a->result != DNS_TROUBLE);
}

/* Calls `done`, unless it was called or the question was forgotten before. */
static void
answer_question(struct dns_query_question *q, const struct msg_dns_answer *answer)
{
	void (*done)(void *, const struct msg_dns_answer *) = q->done;

	if (done == NULL)
		return;
	q->done = NULL;
	TAILQ_REMOVE(&q->owner->waiting, q, link);
	TAILQ_INSERT_TAIL(&q->owner->spent, q, link);
	note_health(q, answer);
	done(q->arg, answer);
}

static void
set_trouble(struct msg_dns_answer *a, const char *text)
{
	memset(a, 0, offsetof(struct msg_dns_answer, record));
	a->result = DNS_TROUBLE;
	snprintf(a->text, sizeof(a->text), "%.*s", (int)sizeof(a->text) - 1, text);
}

static void
fill_answer(struct msg_dns_answer *a, const struct dns_query_question *q, const struct reply *r)
{
	if (r->security == 1) {
		set_trouble(a, r->why != NULL ? r->why : "DNSSEC validation failed");
		a->bogus = 1;
		return;
	}
	memset(a, 0, offsetof(struct msg_dns_answer, record));
	if (r->rcode == 3) {
		a->result = DNS_NO_NAME;
		return;
	}
	if (r->rcode != 0 || r->packet == NULL || r->len < 0) {
		set_trouble(a, r->rcode == 5 ? "the DNS servers refused to answer" :
		    "the DNS servers did not answer or failed");
		return;
	}
	if (dns_packet_read(a, q->query.type, r->packet, (size_t)r->len) == -1)
		set_trouble(a, "malformed DNS answer");
	else if (a->result == DNS_TROUBLE)
		set_trouble(a, "the DNS servers failed");
	a->secure = r->security == 2;
}

static void
on_context_answer(void *arg, int rcode, void *packet, int len, int sec, char *why, int limited)
{
	const struct reply reply = { rcode, packet, len, sec, why };
	struct dns_query_question *q = arg;
	struct dns_query *owner = q->owner;
	struct msg_dns_answer answer;

	if (q->done != NULL) {
		fill_answer(&answer, q, &reply);
		answer_question(q, &answer);
	}
	if (q->back != NULL)
		*q->back = true;
	q->context->open--;
	TAILQ_REMOVE(&owner->spent, q, link);
	if (q->context->open == 0 && q->context != LIST_FIRST(&owner->contexts))
		loop_timer_set(owner->sweep, 0);
	free(q);
}

static void
on_deadline(void *arg)
{
	struct dns_query *d = arg;
	struct dns_query_question *q;
	uint64_t now = clock_mono_ms();
	struct msg_dns_answer answer;

	set_trouble(&answer, "the DNS servers did not answer in time");
	while ((q = TAILQ_FIRST(&d->waiting)) != NULL && q->deadline <= now)
		answer_question(q, &answer);
	if (q != NULL)
		loop_timer_set(d->clock, q->deadline - now);
}

/* Asks by that context. NULL: `done` was called already. */
static struct dns_query_question *
ask_context(struct dns_context *c, struct dns_query *d, const struct msg_dns_query *query,
    void (*done)(void *arg, const struct msg_dns_answer *answer), void *arg)
{
	struct dns_query_question *q = mem_new(struct dns_query_question);
	struct msg_dns_answer answer;
	bool back = false;
	int error;

	*q = (struct dns_query_question){ .owner = d, .context = c, .query = *query, .back = &back,
	    .deadline = clock_mono_ms() + QUESTION_MS, .done = done, .arg = arg };
	c->open++;
	TAILQ_INSERT_TAIL(&d->waiting, q, link);
	if (!loop_timer_is_set(d->clock))
		loop_timer_set(d->clock, QUESTION_MS);

	/* What is in the cache comes back before this returns; `q` is free then. */
	error = dns_context_ask(c, query, on_context_answer, q);
	if (back)
		return NULL;
	if (error != 0) {
		char text[sizeof(answer.text)];

		snprintf(text, sizeof(text), "the resolver does not work: %s", ub_strerror(error));
		set_trouble(&answer, text);
		answer_question(q, &answer);
		c->open--;
		TAILQ_REMOVE(&d->spent, q, link);
		free(q);
		return NULL;
	}
	q->back = NULL;
	return q;
}

struct dns_query_question *
dns_query_ask(struct dns_query *d, const struct msg_dns_query *query,
    void (*done)(void *arg, const struct msg_dns_answer *answer), void *arg)
{
	struct msg_dns_answer answer;

	update_files(d);
	if (hosts_file_answer(d->hosts, query, &answer)) {
		done(arg, &answer);
		return NULL;
	}
	if (d->service->dnssec == CONFIG_DNSSEC_YES && d->anchors == NULL) {
		set_trouble(&answer, d->no_anchors);
		done(arg, &answer);
		return NULL;
	}
	if (d->resolv_file.error != 0 && !d->resolv_file.known) {
		set_trouble(&answer, RESOLV_PATH " cannot be read");
		done(arg, &answer);
		return NULL;
	}
	return ask_context(LIST_FIRST(&d->contexts), d, query, done, arg);
}

void
dns_query_probe(struct dns_query *d, void (*done)(void *arg, const struct msg_dns_answer *answer), void *arg)
{
	static const struct msg_dns_query root = { .type = DNS_A, .name = "." };
	struct dns_context *c = context_open(d);
	struct msg_dns_answer answer;

	if (c != NULL) {	/* not the one in use: it is freed after its question */
		LIST_INSERT_AFTER(LIST_FIRST(&d->contexts), c, link);
		if (ask_context(c, d, &root, done, arg) == NULL)
			loop_timer_set(d->sweep, 0);
		return;
	}
	set_trouble(&answer, "the resolver does not work");
	done(arg, &answer);
}

void
dns_query_watch(struct dns_query *d, void (*heard)(void *arg, bool answered),
    void (*unread)(void *arg, const struct dns_file *file), void *arg)
{
	d->heard = heard;
	d->unread = unread;
	d->heard_arg = arg;
	tell_file(d, &d->hosts_file);
	tell_file(d, &d->resolv_file);
}

void
dns_query_forget(struct dns_query_question *q)
{
	if (q->done == NULL)
		return;
	q->done = NULL;
	TAILQ_REMOVE(&q->owner->waiting, q, link);
	TAILQ_INSERT_TAIL(&q->owner->spent, q, link);
}

/* With a context of its own: what failed by the old keys is not in its cache. */
bool
dns_query_trust(struct dns_query *d, const char *anchors, const char *why)
{
	bool old = d->anchors != NULL;

	if (anchors == NULL) {
		snprintf(d->no_anchors, sizeof(d->no_anchors), "there is no trust anchor for DNSSEC: %.200s",
		    why);
		return old;
	}
	free(d->anchors);
	d->anchors = mem_strdup(anchors);
	if (context_new(d) == NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s",
		    log_safe("libunbound refuses the trust anchors"));
	loop_timer_set(d->sweep, 0);
	return old;
}

struct dns_query *
dns_query_new(struct loop *l, const struct config_service *s)
{
	struct dns_query *d = mem_new(struct dns_query);

	d->loop = l;
	d->service = s;
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->spent);
	dns_context_env_init(&d->env, l, s);
	d->sweep = loop_timer_new(l, on_context_sweep, d);
	d->clock = loop_timer_new(l, on_deadline, d);
	d->checked_at = clock_mono_ms();
	d->hosts_file.path = HOSTS_PATH;
	d->resolv_file.path = RESOLV_PATH;
	buf_init(&d->resolv, FILE_MAX);
	update_hosts(d);
	(void)update_resolv(d);
	if (context_new(d) == NULL)
		die(EX_CONFIG, "libunbound refuses the DNS settings (dns-server, trust-anchor)");
	return d;
}

void
dns_query_free(struct dns_query *d)
{
	struct dns_query_question *q;
	struct dns_context *c;

	while ((c = LIST_FIRST(&d->contexts)) != NULL)
		context_free(c);
	TAILQ_CONCAT(&d->spent, &d->waiting, link);
	while ((q = TAILQ_FIRST(&d->spent)) != NULL) {
		TAILQ_REMOVE(&d->spent, q, link);
		free(q);
	}
	loop_timer_free(d->sweep);
	loop_timer_free(d->clock);
	hosts_file_free(d->hosts);
	buf_done(&d->resolv);
	free(d->anchors);
	dns_context_env_done(&d->env);
	free(d);
}
