/*
 * site_hosts - the addresses of a site: found by mx and lookup, their health, which one is next
 *
 * Runs in:  deliver
 * Owns:     the list, the walk that renews it
 * Promise:  health and connections are recognised over a renewed list; what could not be reached gives at
 *           most one event per address and minute
 * Fails by: an empty list ends the waiting jobs with its verdict
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/ipc/dns_client.h"
#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

#define BAD_MS 60000		/* an address that failed is tried last */
#define QUIET_MS 60000		/* between two events about one address */
#define PLAIN_MS 300000		/* TLS is not tried again after it failed where it need not be */
#define LIST_MS 5000		/* a list lives at least that long, whatever its ttl */
#define STALE_MS 60000		/* ... and so much longer when it cannot be renewed for now */

/* Which address of the present list the connection goes to; list.count when none. */
size_t
site_hosts_index(const struct site *s, const struct outconn *p)
{
	return p->generation == s->generation ? p->index : s->list.count;
}

/* Health is kept and connections are recognised over a renewed list. */
static void
carry_over(struct site *s, struct mx_list *old)
{
	struct outconn *p;

	for (size_t i = 0; i < s->list.count; i++)
		for (size_t j = 0; j < old->count; j++) {
			struct mx_address *a = &s->list.address[i];

			if (!net_equal((const struct sockaddr *)&a->to.sa,
			    (const struct sockaddr *)&old->address[j].to.sa))
				continue;
			a->bad_until = old->address[j].bad_until;
			a->quiet_until = old->address[j].quiet_until;
			a->plain_until = old->address[j].plain_until;
			if (a->hold == NULL) {
				a->hold = old->address[j].hold;
				old->address[j].hold = NULL;
			}
			TAILQ_FOREACH(p, &s->peers, link)
				if (p->generation == s->generation && p->index == j) {
					p->generation = s->generation + 1;
					p->index = (unsigned)i;
				}
		}
}

static void
take_list(struct site *s, struct mx_list *list)
{
	struct mx_list old = s->list;
	uint64_t ttl = (uint64_t)list->ttl * 1000;

	/* The DNS is in trouble: what was right a moment ago is better than nothing. */
	if (list->count == 0 && list->verdict.what == VERDICT_LATER && old.count > 0) {
		s->expires = clock_mono_ms() + STALE_MS;
		return;
	}
	s->list = *list;
	carry_over(s, &old);
	s->generation++;
	s->expires = clock_mono_ms() + (ttl < LIST_MS ? LIST_MS : ttl);
	mx_list_done(&old);
	for (struct outbound_job *job = s->first; job != NULL; job = job->next)
		if (job->tried != 0) {
			job->tried = 0;
			job->rounds++;
			s->tired = true;
		}
	if (s->list.count == 0) {
		s->expires = 0;
		site_queue_finish_all(s, &s->list.verdict);
	}
}

static void on_answer(void *arg, unsigned tag, const struct msg_dns_answer *a);

/* Asks what the walk wants to know, and ends it when it knows all. */
static void
step_walk(struct site *s)
{
	struct mx_question q;
	struct mx_list list;

	while (mx_walk_ask(s->walk, &q)) {
		counters_add(s->r->counters, COUNTER_DNS_QUERIES, 1);
		dns_client_ask(s->r->lookup, q.type, q.name, on_answer, s, q.tag);
	}
	if (!mx_walk_end(s->walk, &list))
		return;
	mx_walk_free(s->walk);
	s->walk = NULL;
	take_list(s, &list);
	outbound_due(s->r, s);
}

static void
on_answer(void *arg, unsigned tag, const struct msg_dns_answer *a)
{
	struct site *s = arg;

	mx_walk_answer(s->walk, tag, a);
	step_walk(s);
}

void
site_hosts_renew(struct site *s)
{
	if (s->walk != NULL)
		return;
	s->walk = mx_walk_new(&s->d, outbound_mx(s->r));
	step_walk(s);
}

/* Connections to each address, for an even spread among equals. */
static size_t
peers_at(struct site *s, size_t index)
{
	struct outconn *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->peers, link)
		n += site_hosts_index(s, p) == index;
	return n;
}

/* The best address for the job: not tried, healthy, preferred, least used. list.count when none is left. */
size_t
site_hosts_choose(struct site *s, const struct outbound_job *job, uint64_t now)
{
	size_t best = s->list.count, best_peers = 0;
	const struct mx_address *a, *b = NULL;

	for (size_t i = 0; i < s->list.count; i++) {
		if (job->tried & (1U << i))
			continue;
		a = &s->list.address[i];
		if (b != NULL) {
			bool a_bad = a->bad_until > now, b_bad = b->bad_until > now;

			if (a_bad != b_bad ? a_bad : a->rank > b->rank)
				continue;
			if (a_bad == b_bad && a->rank == b->rank && peers_at(s, i) >= best_peers)
				continue;
		}
		best = i;
		best_peers = peers_at(s, i);
		b = a;
	}
	return best;
}

void
site_hosts_plain(struct site *s, size_t index, const char *where, const struct verdict *v)
{
	uint64_t now = clock_mono_ms();

	if (index < s->list.count)
		s->list.address[index].plain_until = now + PLAIN_MS;
	log_event(LOG_WARN, NULL, "handshake", "result=plain host=%s reason=%s", log_safe(where),
	    log_safe(v->text));
}

/* The address did not let us in: every waiting job has met it now. */
void
site_hosts_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch)
{
	uint64_t now = clock_mono_ms();
	struct mx_address *a;

	s->proven = false;
	counters_add(s->r->counters, v->code != 0 ? COUNTER_OUTBOUND_REFUSED : COUNTER_CONNECTION_ERRORS, 1);
	for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
		site_queue_note(job, v, glitch);
		if (index < s->list.count)
			job->tried |= 1U << index;
		else
			job->rounds++;
		s->tired = true;
	}
	if (index >= s->list.count)
		return;
	a = &s->list.address[index];
	a->bad_until = now + BAD_MS;
	if (a->quiet_until > now)
		return;
	a->quiet_until = now + QUIET_MS;
	log_event(LOG_WARN, NULL, "trouble", "host=%s status=%s reason=%s", log_safe(where), v->status,
	    log_safe(v->text));
}
