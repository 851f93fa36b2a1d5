/*
 * policy_table - the MTA-STS policies of all domains: fetched, kept until their end, fetched anew (RFC 8461
 * 3.3, 5.1, 10.2)
 *
 * Runs in:  fetch
 * Owns:     the policies, the requests to their hosts, the questions that wait for one
 * Promise:  each question is answered. A policy counts until its end, whatever the DNS or its host say in
 *           between; one that is in use is fetched anew each day. A host that fails is left alone for
 *           REST_MS, and gets one request at a time
 * Fails by: an answer without a policy, with the reason, and an event
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch_private.h"

#define ENTRIES_MAX 10000
#define BYTES_MAX (16U << 20)	/* of their hosts: policy_keep writes anew at twice that, reads four times */
#define REST_MS 300000
#define RENEW_S 86400		/* or half of its life, when that is shorter */
#define UNUSED_MS (30 * 86400000ULL)	/* then it is left to end */
#define TICK_MS 600000
#define TICK_MOST 20		/* renewals at a time */
#define FAILED_MS (6 * 3600000ULL)	/* and not again: others wait */
#define TTL_MAX 3600		/* seconds that an answer may be used */

static int64_t
wall_now(void)
{
	return clock_wall_us() / 1000000;
}

/* --- entries --- */

/* Seconds that the policy still counts; 0: there is none. A clock that was set back does not lengthen it. */
static uint64_t
left_of(const struct policy_entry *e)
{
	int64_t age = wall_now() - e->policy.fetched;

	if (e->policy.mx == NULL || age >= (int64_t)e->policy.max_age)
		return 0;
	return age < 0 ? e->policy.max_age : e->policy.max_age - (uint64_t)age;
}

static size_t
size_of(const struct policy *p)
{
	return p->mx != NULL ? strlen(p->mx) : 0;
}

static size_t
hash(const char *domain)
{
	size_t h = 5381;

	for (; *domain != '\0'; domain++)
		h = h * 33 + (unsigned char)(*domain | 0x20);
	return h % POLICY_BUCKETS;
}

static struct policy_entry *
find(struct policy_table *t, const char *domain)
{
	struct policy_entry *e;

	LIST_FOREACH(e, &t->bucket[hash(domain)], bucket)
		if (strcasecmp(e->domain, domain) == 0)
			return e;
	return NULL;
}

static void
free_entry(struct policy_entry *e)
{
	struct policy_table *t = e->table;
	struct policy_wait *w;

	while ((w = STAILQ_FIRST(&e->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->waiting, link);
		ctl_server_close(&w->open);
		free(w);
	}
	LIST_REMOVE(e, bucket);
	TAILQ_REMOVE(&t->used, e, used_link);
	if (e->state == POLICY_WAITS)
		TAILQ_REMOVE(&t->turn, e, turn_link);
	https_cancel(e->job);
	t->count--;
	t->bytes -= size_of(&e->policy);
	free(e->policy.mx);
	free(e->domain);
	free(e);
}

static bool
is_full(const struct policy_table *t)
{
	return t->count >= ENTRIES_MAX || t->bytes >= BYTES_MAX;
}

/* Those without a policy give way, then those that were not asked for for the longest time. */
static void
make_room(struct policy_table *t)
{
	struct policy_entry *e, *next;

	for (int all = 0; all < 2 && is_full(t); all++)
		for (e = TAILQ_FIRST(&t->used); e != NULL && is_full(t); e = next) {
			next = TAILQ_NEXT(e, used_link);
			if (e->state == POLICY_RESTS && (all || left_of(e) == 0))
				free_entry(e);
		}
}

static struct policy_entry *
add_entry(struct policy_table *t, const char *domain)
{
	struct policy_entry *e;

	make_room(t);
	e = mem_new(struct policy_entry);
	e->table = t;
	e->domain = mem_strdup(domain);
	STAILQ_INIT(&e->waiting);
	LIST_INSERT_HEAD(&t->bucket[hash(domain)], e, bucket);
	TAILQ_INSERT_TAIL(&t->used, e, used_link);
	e->used_at = clock_mono_ms();
	t->count++;
	return e;
}

static void
set_policy(struct policy_entry *e, struct policy *p)
{
	e->table->bytes += size_of(p) - size_of(&e->policy);
	free(e->policy.mx);
	e->policy = *p;
	*p = (struct policy){ 0 };
}

/* --- answers --- */

/* `e` NULL: nothing is known of the domain. */
static void
answer(const struct policy_entry *e, struct ctl_server *s, uint32_t request)
{
	static struct msg_policy_answer a;	/* too large for the stack of a callback chain */
	uint64_t left = e != NULL ? left_of(e) : 0;

	memset(&a, 0, offsetof(struct msg_policy_answer, mx));
	a.ttl = TTL_MAX;
	if (left > 0) {
		a.ttl = left < TTL_MAX ? (uint32_t)left : TTL_MAX;
		a.mode = e->policy.mode;
		a.max_age = e->policy.max_age;
		a.len = (uint16_t)strlen(e->policy.mx);
		memcpy(a.mx, e->policy.mx, a.len);
	}
	if (e != NULL && e->failed_at != 0) {
		a.ttl = a.ttl < REST_MS / 1000 ? a.ttl : REST_MS / 1000;
		snprintf(a.text, sizeof(a.text), "%s", e->trouble);
		a.failure = (uint8_t)e->failure;
	}
	ctl_server_answer(s, CTL_POLICY_ANSWER, request, &a, msg_policy_answer_size(&a), -1);
}

static void
answer_all(struct policy_entry *e)
{
	struct policy_wait *w;

	while ((w = STAILQ_FIRST(&e->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->waiting, link);
		if (w->open.server != NULL)
			answer(e, w->open.server, w->open.request);
		ctl_server_close(&w->open);
		free(w);
	}
}

/* --- the file --- */

static void
on_read(void *arg, const char *domain, struct policy *p)
{
	struct policy_table *t = arg;
	struct policy_entry *e = find(t, domain);

	if (e == NULL)
		e = add_entry(t, domain);
	if (e->policy.mx == NULL || e->policy.fetched <= p->fetched)
		set_policy(e, p);
	free(p->mx);
}

static void
write_all(struct policy_table *t)
{
	struct buf text = BUF_INIT(64U << 20);
	struct policy_entry *e;
	size_t live = 0;

	TAILQ_FOREACH(e, &t->used, used_link)
		if (left_of(e) > 0) {
			policy_file_format(&text, e->domain, &e->policy);
			live++;
		}
	if (buf_ok(&text))
		policy_keep_replace(t->keep, &text, live);
	buf_done(&text);
}

/* --- the end of a request --- */

static void
take_failure(struct policy_entry *e, const char *why)
{
	e->failed_at = clock_mono_ms();
	snprintf(e->trouble, sizeof(e->trouble), "%s", why);
	log_event(LOG_WARN, NULL, "policy", "domain=%s result=failed reason=%s used=%s", e->domain,
	    log_safe(why), left_of(e) > 0 ? "old" : "none");
}

static void
take_policy(struct policy_entry *e, struct policy *p)
{
	set_policy(e, p);
	e->failed_at = 0;
	e->failure = POLICY_FINE;
	e->trouble[0] = '\0';
	if (policy_keep_add(e->table->keep, e->domain, &e->policy, e->table->count))
		write_all(e->table);
}

static void
on_done(struct policy_entry *e, struct policy *p, const char *why)
{
	struct policy_table *t = e->table;

	if (p != NULL)
		take_policy(e, p);
	else
		take_failure(e, why);
	e->state = POLICY_RESTS;
	t->jobs--;
	answer_all(e);
	policy_request_next(t);
}

/* --- questions --- */

static bool
rests(const struct policy_entry *e)
{
	return e->failed_at != 0 && clock_mono_ms() - e->failed_at < REST_MS;
}

static bool
is_old(const struct policy_entry *e)
{
	int64_t age = wall_now() - e->policy.fetched;
	uint32_t half = e->policy.max_age / 2;

	return age < 0 || age >= (half < RENEW_S ? half : RENEW_S);
}

/* What the DNS names is not what we have. */
static bool
is_news(const struct policy_entry *e, const struct msg_policy_ask *a)
{
	return a->id[0] != '\0' && (left_of(e) == 0 || strcmp(a->id, e->policy.id) != 0);
}

static void
note_use(struct policy_entry *e, const struct msg_policy_ask *a, const struct ctl_server *s)
{
	struct policy_table *t = e->table;

	e->used_at = clock_mono_ms();
	TAILQ_REMOVE(&t->used, e, used_link);
	TAILQ_INSERT_TAIL(&t->used, e, used_link);
	if (a->id[0] == '\0')
		return;
	/* another record: what was wrong before may be right now */
	if (e->failed_at != 0 && strcmp(e->ask.id, a->id) != 0)
		e->failed_at = 0;
	e->ask = *a;
	strlcpy(e->server, ctl_server_server(s), sizeof(e->server));
}

/* A request to its host may bring what the DNS names. */
static bool
is_worth(struct policy_entry *e, const struct msg_policy_ask *a)
{
	if (!is_news(e, a) || rests(e))
		return false;
	if (a->addresses > 0)
		return true;
	e->failed_at = clock_mono_ms();
	e->failure = POLICY_UNFETCHED;
	snprintf(e->trouble, sizeof(e->trouble), "its host has no address that may be used");
	return false;
}

void
policy_table_ask(struct policy_table *t, const struct msg_policy_ask *a, struct ctl_server *s,
    uint32_t request)
{
	struct policy_entry *e = find(t, a->domain);
	struct policy_wait *w;

	policy_keep_open(t->keep);	/* whoever has no use for policies does not open it */
	if (e == NULL && t->ready && a->id[0] == '\0') {
		answer(NULL, s, request);
		return;
	}
	if (e == NULL)
		e = add_entry(t, a->domain);
	note_use(e, a, s);
	if (t->ready && !is_worth(e, a)) {
		answer(e, s, request);
		if (a->addresses > 0 && left_of(e) > 0 && is_old(e) && !rests(e))
			policy_request_want(e);
		return;
	}
	w = mem_new(struct policy_wait);
	ctl_server_open(s, &w->open, request);
	STAILQ_INSERT_TAIL(&e->waiting, w, link);
	if (t->ready)
		policy_request_want(e);
}

/* The file was read, or there is none: those that came before it. */
static void
begin(struct policy_table *t)
{
	struct policy_entry *e, *next;

	t->ready = true;
	for (e = TAILQ_FIRST(&t->used); e != NULL; e = next) {
		next = TAILQ_NEXT(e, used_link);
		if (STAILQ_EMPTY(&e->waiting))
			continue;
		if (is_worth(e, &e->ask)) {
			policy_request_want(e);
			continue;
		}
		answer_all(e);
		if (e->policy.mx == NULL)
			free_entry(e);
	}
}

bool
policy_table_opened(struct policy_table *t, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct policy_entry *e;

	memcpy(&opened, m->data, sizeof(opened));
	if (opened.file.kind == CTL_FILE_POLICIES) {
		policy_keep_opened(t->keep, m, on_read, t);
		begin(t);
		return true;
	}
	if (opened.file.kind != CTL_FILE_POLICY_CA)
		return false;
	TAILQ_FOREACH(e, &t->used, used_link)
		if (e->state == POLICY_OPENS && e->opening == m->request) {
			policy_request_opened(e, m);
			break;
		}
	return true;
}

/* --- renewal --- */

/* Those that were used lately, before they end: mail may come when their host or the DNS is away. */
static void
on_tick(void *arg)
{
	struct policy_table *t = arg;
	uint64_t now = clock_mono_ms();
	struct policy_entry *e;
	size_t n = 0;

	loop_timer_set(t->tick, TICK_MS);
	TAILQ_FOREACH(e, &t->used, used_link) {
		if (n == TICK_MOST)
			break;
		if (left_of(e) == 0 || now - e->used_at > UNUSED_MS || !is_old(e) || rests(e) ||
		    e->ask.addresses == 0 || (e->failed_at != 0 && now - e->failed_at < FAILED_MS))
			continue;
		policy_request_want(e);
		n++;
	}
}

struct policy_table *
policy_table_new(struct fetch *f)
{
	struct policy_table *t = mem_new(struct policy_table);

	t->fetch = f;
	t->done = on_done;
	for (size_t i = 0; i < POLICY_BUCKETS; i++)
		LIST_INIT(&t->bucket[i]);
	TAILQ_INIT(&t->used);
	TAILQ_INIT(&t->turn);
	t->tick = loop_timer_new(f->boot->loop, on_tick, t);
	loop_timer_set(t->tick, TICK_MS);
	t->keep = policy_keep_new(f->boot);
	return t;
}

void
policy_table_free(struct policy_table *t)
{
	struct policy_entry *e;

	while ((e = TAILQ_FIRST(&t->used)) != NULL)
		free_entry(e);
	loop_timer_free(t->tick);
	policy_keep_free(t->keep);
	free(t);
}
