/*
 * site_hosts - the addresses of a site: found by mx and the resolver, their health, which one is next
 *
 * Runs in:  deliver
 * Owns:     the list of addresses, their health, the look-up that renews the list
 * Promise:  a renewed list keeps the health of its addresses, and connections find theirs in it. An address
 *           that cannot be used gives at most one event a minute
 * Fails by: an empty list: the waiting jobs end with its verdict
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/dns_client.h"
#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

#define BAD_MS 60000		/* an address that failed is tried last */
#define QUIET_MS 60000		/* between two events about one address */
#define LIST_MS 5000		/* a list lives at least that long, whatever its ttl */
#define STALE_MS 60000		/* it lives that much longer when it cannot be renewed now */
#define OWN_ADDRESS_MS 30000	/* the addresses of this machine are read again after that */

size_t
site_hosts_index(const struct site *s, const struct outconn *p)
{
	return p->generation == s->generation ? p->index : s->list.count;
}

/* --- a new list --- */

/* Address `j` of the old list is address `i` of the new one. */
static void
carry_over(struct site *s, size_t i, struct site_host *old, size_t j)
{
	struct site_host *h = &s->host[i];
	struct outconn *p;

	h->bad_until = old->bad_until;
	h->quiet_until = old->quiet_until;
	if (h->lockout == NULL) {
		h->lockout = old->lockout;
		old->lockout = NULL;
	}
	TAILQ_FOREACH(p, &s->conns, link)
		if (p->generation == s->generation && p->index == j) {
			p->generation = s->generation + 1;
			p->index = (unsigned)i;
		}
}

static void
free_hosts(struct site_host *host, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(host[i].lockout);
	free(host);
}

static void
replace_list(struct site *s, struct mx_list *list)
{
	struct mx_list old = s->list;
	struct site_host *old_host = s->host;

	s->list = *list;
	s->host = mem_zalloc((list->count + 1) * sizeof(*s->host));
	for (size_t i = 0; i < s->list.count; i++)
		for (size_t j = 0; j < old.count; j++)
			if (net_equal((const struct sockaddr *)&s->list.address[i].to.sa,
			    (const struct sockaddr *)&old.address[j].to.sa))
				carry_over(s, i, &old_host[j], j);
	s->generation++;
	free_hosts(old_host, old.count);
	mx_list_done(&old);
}

static void
take_list(struct site *s, struct mx_list *list)
{
	uint64_t ttl = (uint64_t)list->ttl * 1000;

	/* The DNS is in trouble: the list that was right a moment ago is better than none. */
	if (list->count == 0 && list->verdict.what == VERDICT_LATER && s->list.count > 0) {
		s->expires = clock_mono_ms() + STALE_MS;
		return;
	}
	replace_list(s, list);
	s->expires = clock_mono_ms() + (ttl < LIST_MS ? LIST_MS : ttl);
	for (struct outbound_job *job = s->first; job != NULL; job = job->next)
		if (job->tried != 0) {
			job->tried = job->doubt.plain = 0;
			job->rounds++;
			s->check_tried = true;
		}
	if (s->list.count == 0) {
		s->expires = 0;
		site_queue_finish_all(s, &s->list.verdict);
	}
}

static void on_dns_answer(void *arg, unsigned tag, const struct msg_dns_answer *a);

/* Asks what the look-up wants to know, and ends it when it knows all. */
static void
step_lookup(struct site *s)
{
	struct ctl_client *resolver = s->o->helper[CTL_HELPER_RESOLVER];
	struct mx_question q;
	struct mx_list list;

	while (mx_lookup_ask(s->lookup, &q)) {
		counters_add(s->o->counters, COUNTER_DNS_QUERIES, 1);
		dns_client_ask(resolver, q.type, q.name, on_dns_answer, s, q.tag);
	}
	if (!mx_lookup_end(s->lookup, &list))
		return;
	mx_lookup_free(s->lookup);
	s->lookup = NULL;
	take_list(s, &list);
	site_waitlist_due(s);
}

static void
on_dns_answer(void *arg, unsigned tag, const struct msg_dns_answer *a)
{
	struct site *s = arg;

	mx_lookup_answer(s->lookup, tag, a);
	step_lookup(s);
}

/* With the addresses that lead back to us, as they are now. */
static const struct mx_settings *
mx_settings(struct outbound *o)
{
	uint64_t now = clock_mono_ms();

	if (o->own_address == NULL || now - o->own_address_at >= OWN_ADDRESS_MS) {
		free(o->own_address);
		o->own_address = own_address_list(o->server, &o->mx.nown);
		o->mx.own = o->own_address;
		o->own_address_at = now;
	}
	return &o->mx;
}

void
site_hosts_renew(struct site *s)
{
	if (s->lookup != NULL)
		return;
	s->lookup = mx_lookup_new(&s->d, mx_settings(s->o));
	step_lookup(s);
}

/* --- the next address --- */

/* Connections to each address, for an even spread among equals. */
static size_t
conns_to(struct site *s, size_t index)
{
	struct outconn *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->conns, link)
		n += site_hosts_index(s, p) == index;
	return n;
}

/* Address `i` is better than `best`, which has so many connections. */
static bool
is_better(struct site *s, size_t i, size_t best, size_t best_conns, uint64_t now)
{
	bool bad = s->host[i].bad_until > now, best_bad = s->host[best].bad_until > now;
	unsigned rank = s->list.address[i].rank, best_rank = s->list.address[best].rank;

	if (bad != best_bad)
		return !bad;
	if (rank != best_rank)
		return rank < best_rank;
	return conns_to(s, i) < best_conns;
}

size_t
site_hosts_choose(struct site *s, const struct outbound_job *job, uint64_t now)
{
	size_t best = s->list.count, best_conns = 0;

	for (size_t i = 0; i < s->list.count; i++) {
		if (job->tried & (1U << i))
			continue;
		if (best < s->list.count && !is_better(s, i, best, best_conns, now))
			continue;
		best = i;
		best_conns = conns_to(s, i);
	}
	return best;
}

/* --- what became of a connection --- */

void
site_hosts_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch)
{
	uint64_t now = clock_mono_ms();
	struct site_host *h;

	if (s->reach == SITE_UP)
		s->reach = SITE_UNKNOWN;
	counters_add(s->o->counters, v->code != 0 ? COUNTER_OUTBOUND_REFUSED : COUNTER_CONNECTION_ERRORS, 1);
	for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
		site_queue_note(job, v, glitch);
		if (index < s->list.count)
			job->tried |= 1U << index;
		else
			job->rounds++;
		s->check_tried = true;
	}
	if (index >= s->list.count)
		return;
	h = &s->host[index];
	h->bad_until = now + BAD_MS;
	if (h->quiet_until > now)
		return;
	h->quiet_until = now + QUIET_MS;
	log_event(LOG_WARN, NULL, "trouble", "host=%s status=%s reason=%s", log_safe(where), v->status,
	    log_safe(v->text));
}

void
site_hosts_done(struct site *s)
{
	mx_lookup_free(s->lookup);
	free_hosts(s->host, s->list.count);
	mx_list_done(&s->list);
}
