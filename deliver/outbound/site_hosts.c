/*
 * site_hosts - the addresses of a site: found by mx and the resolver, their health, which one is next
 *
 * Runs in:  deliver
 * Owns:     the list of addresses, their health, the look-up that renews the list
 * Promise:  a renewed list keeps the health of its addresses; connections find theirs in it, and jobs what
 *           they have tried. No mail waits for a look-up or a connection that takes its time, while there is
 *           another address. One that cannot be used gives at most one event a minute
 * Fails by: an empty list: the waiting jobs end with its verdict
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/helpers/dns_client.h"
#include "common/helpers/policy_client.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

#define TOLD_ADDRESSES 4
#define TOLD_MAX 2000
#define QUIET_MS 60000		/* between two events about one address */
#define LIST_MS 5000		/* a list lives at least that long, whatever its ttl */
#define STALE_MS 60000		/* it lives that much longer when it cannot be renewed now */
#define PATIENCE_MS 500		/* then a look-up has to do with the answers that have come */
#define PATIENCE_LONG_MS 5000	/* and then with those for hosts that may be worse than we are, too */
#define CONNECT_SLOW_MS 3000	/* a host that is not connected by then is slow */
#define OPEN_SLOW_MS 10000	/* the same for one that has not let us in */
#define OWN_ADDRESS_MS 30000	/* the addresses of this machine are read again after that */

size_t
site_hosts_index(const struct site *s, const struct outconn *p)
{
	return p->generation == s->generation ? p->index : s->list.count;
}

/* --- a new list --- */

/* What the connection was opened for is less than what is known of its host now. */
static bool
wants_more(const struct mx_address *a, const struct outconn *p)
{
	return a->refused != NULL || (a->sts && !p->policy.sts) || (a->tlsa != NULL && p->tlsa == NULL);
}

/* Address `j` of the old list is address `i` of the new one. */
static void
carry_over(struct site *s, size_t i, struct site_host *old, size_t j)
{
	struct site_host *h = &s->host[i];
	struct outconn *p;

	h->quiet_until = old->quiet_until;
	h->unfit_until = old->unfit_until;
	h->good_at = old->good_at;
	h->secure_at = old->secure_at;
	if (h->lockout == NULL) {
		h->lockout = old->lockout;
		old->lockout = NULL;
	}
	TAILQ_FOREACH(p, &s->conns, link)
		if (p->generation == s->generation && p->index == j) {
			p->generation = s->generation + 1;
			p->index = (unsigned)i;
			p->spent |= wants_more(&s->list.address[i], p);
		}
}

static void
free_hosts(struct site_host *host, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(host[i].lockout);
		pace_table_put(host[i].pace);
		pace_gate_put(host[i].gate, clock_mono_ms());
	}
	free(host);
}

/* A job keeps what it has tried. When none of that is in the new list, it has used up a list. */
static void
carry_tried(struct site *s, const uint32_t moved[MX_ADDRESSES_MAX], size_t count)
{
	for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
		uint32_t tried = 0, plain = 0, single = 0;

		for (size_t j = 0; j < count; j++) {
			tried |= job->tried & (1U << j) ? moved[j] : 0;
			plain |= job->doubt.plain & (1U << j) ? moved[j] : 0;
			single |= job->doubt.single & (1U << j) ? moved[j] : 0;
		}
		if (job->tried != 0 && tried == 0)
			job->rounds++;
		job->tried = tried;
		job->doubt.plain = plain;
		job->doubt.single = single;
		s->check_tried = true;
	}
}

static void
replace_list(struct site *s, struct mx_list *list)
{
	struct mx_list old = s->list;
	struct site_host *old_host = s->host;
	uint32_t moved[MX_ADDRESSES_MAX] = { 0 };

	site_hosts_give_way(s);
	s->list = *list;
	s->host = mem_zalloc((list->count + 1) * sizeof(*s->host));
	for (size_t i = 0; i < s->list.count; i++) {
		s->host[i].pace = pace_table_get(s->o->pace, &s->list.address[i].to);
		s->host[i].gate = site_gate_get(s, &s->list.address[i]);
		for (size_t j = 0; j < old.count; j++)
			if (old_host[j].pace == s->host[i].pace) {
				carry_over(s, i, &old_host[j], j);
				moved[j] |= 1U << i;
			}
	}
	carry_tried(s, moved, old.count);
	s->generation++;
	free_hosts(old_host, old.count);
	mx_list_done(&old);
}

static void
tell_list(const struct site *s)
{
	struct buf text = BUF_INIT(TOLD_MAX);

	if (s->list.count == 0)
		return;
	for (size_t i = 0; i < s->list.count && i < TOLD_ADDRESSES; i++) {
		char where[NET_TEXT_SIZE];

		net_format(where, (const struct sockaddr *)&s->list.address[i].to.sa);
		buf_printf(&text, "%s%s %s%s", i > 0 ? ", " : "", s->list.address[i].host, where,
		    s->list.address[i].sts ? " as its MTA-STS policy says" : "");
	}
	if (s->list.count > TOLD_ADDRESSES)
		buf_printf(&text, " and %zu more", s->list.count - TOLD_ADDRESSES);
	site_queue_step(s, OUTBOUND_RESOLVED, buf_text(&text));
	buf_done(&text);
}

static void
take_list(struct site *s, struct mx_list *list, bool partial)
{
	uint64_t ttl = (uint64_t)list->ttl * 1000;

	s->partial = partial;
	/* The DNS is in trouble: the list that was right a moment ago is better than none. */
	if (list->count == 0 && list->verdict.what == VERDICT_LATER && s->list.count > 0) {
		s->expires = clock_mono_ms() + STALE_MS;
		return;
	}
	replace_list(s, list);
	tell_list(s);
	s->expires = clock_mono_ms() + (ttl < LIST_MS ? LIST_MS : ttl);
	if (s->list.count == 0) {
		s->expires = 0;
		site_queue_finish_all(s, &s->list.verdict);
	}
}

static void on_dns_answer(void *arg, unsigned tag, const struct msg_dns_answer *a);
static void on_policy(void *arg, const struct msg_policy_answer *a, const char *why);

/* Asks what the look-up wants to know, and ends it when it knows all. */
static void
step_lookup(struct site *s)
{
	struct ctl_client *resolver = s->o->helper[CTL_HELPER_RESOLVER];
	const struct msg_policy_ask *policy;
	struct mx_question q;
	struct mx_list list;

	while (mx_lookup_ask(s->lookup, &q)) {
		counters_add(s->o->counters, COUNTER_DNS_QUERIES, 1);
		dns_client_ask(resolver, q.type, q.name, on_dns_answer, s, q.tag);
	}
	policy = mx_lookup_wants_policy(s->lookup);
	if (policy != NULL) {
		s->o->mx.policies |= policy->id[0] != '\0';
		policy_client_ask(s->o->helper[CTL_HELPER_FETCH], policy, on_policy, s);
	}
	if (!mx_lookup_end(s->lookup, &list))
		return;
	mx_lookup_free(s->lookup);
	s->lookup = NULL;
	loop_timer_stop(s->patience);
	take_list(s, &list, false);
	site_waitlist_due(s);
}

/*
 * Some answers are late, perhaps for an address that is of no use: those that have come will do, else the
 * list that was right a moment ago.
 */
static void
on_patience(void *arg)
{
	struct site *s = arg;
	uint64_t now = clock_mono_ms();
	bool longer = now - s->asked_at >= PATIENCE_LONG_MS;
	struct mx_list list;

	if (!longer)
		loop_timer_set(s->patience, PATIENCE_LONG_MS - PATIENCE_MS);
	if (mx_lookup_so_far(s->lookup, longer, &list))
		take_list(s, &list, true);
	else if (s->list.count > 0)
		s->expires = now + STALE_MS;
	else
		return;
	site_waitlist_due(s);
}

static void
on_dns_answer(void *arg, unsigned tag, const struct msg_dns_answer *a)
{
	struct site *s = arg;

	mx_lookup_answer(s->lookup, tag, a);
	step_lookup(s);
}

static void
begin_lookup(void *arg)
{
	step_lookup(arg);
}

static void
take_late_policy(void *arg)
{
	struct site *s = arg;

	mx_lookup_policy(s->lookup, s->late);
	free(s->late);
	s->late = NULL;
	step_lookup(s);
}

/*
 * A policy that is to be enforced, or reported of, needs the authorities: it is no part of the look-up before
 * they were read. Else the look-up might end meanwhile, with hosts that nobody can prove yet.
 */
static void
on_policy(void *arg, const struct msg_policy_answer *a, const char *why)
{
	struct site *s = arg;

	if (a != NULL && a->mode >= (s->d.security.reported ? POLICY_TESTING : POLICY_ENFORCE) &&
	    !trusted_ca_are_there(s->o->trust)) {
		s->late = mem_new(struct msg_policy_answer);
		*s->late = *a;
		trusted_ca_want(s->o->trust, take_late_policy, s);
		return;
	}
	if (a == NULL || msg_policy_answer_is_ours(a))
		mx_lookup_policy_fail(s->lookup, a == NULL ? why : a->text);
	else
		mx_lookup_policy(s->lookup, a);
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
	s->asked_at = clock_mono_ms();
	loop_timer_set(s->patience, PATIENCE_MS);
	/* without authorities no host could prove its name */
	if (s->d.security.strict && !trusted_ca_are_there(s->o->trust))
		trusted_ca_want(s->o->trust, begin_lookup, s);
	else
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

bool
site_hosts_is_slow(const struct outconn *p, uint64_t now)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	uint64_t age = now > p->begun_at ? now - p->begun_at : 0;

	if (p->state >= OUTCONN_OPEN || p->pace == NULL)
		return false;
	if (p->proves || age >= OPEN_SLOW_MS)
		return true;
	return age >= CONNECT_SLOW_MS && p->state == OUTCONN_CONNECTING &&
	    getpeername(p->fd, (struct sockaddr *)&sa, &len) == -1;
}

/* A connection to the address is under way, and takes its time. */
static bool
is_awaited(struct site *s, size_t index, uint64_t now)
{
	const struct outconn *p;

	TAILQ_FOREACH(p, &s->conns, link)
		if (site_hosts_index(s, p) == index && site_hosts_is_slow(p, now))
			return true;
	return false;
}

/* Not for another site whose turn it is. */
static bool
has_room(const struct site *s, size_t i, uint64_t now)
{
	struct pace_host *h = s->host[i].pace;

	return (h->heir == NULL || h->heir == s) && pace_host_has_room(h, now) &&
	    site_gate_has_room(s, s->host[i].gate, now);
}

/* What makes one address better than another: the lowest number of the first that differs. */
struct merit { uint64_t bad, rank, full, conns; };

static struct merit
merit_of(struct site *s, size_t i, uint64_t now)
{
	struct pace_host *h = s->host[i].pace;

	return (struct merit){ .bad = site_health_is_bad(&s->host[i], now) || h->next_at > now,
	    .rank = s->list.address[i].rank, .full = !has_room(s, i, now), .conns = conns_to(s, i) };
}

static bool
is_better(const struct merit *a, const struct merit *b)
{
	if (a->bad != b->bad)
		return a->bad < b->bad;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->full != b->full)
		return a->full < b->full;
	return a->conns < b->conns;
}

static size_t
conns_of(const struct site *s, const struct site_host *h)
{
	const struct outconn *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->conns, link)
		n += p->gate == h->gate || p->pace == h->pace;
	return n;
}

/* The next connection is for who has the fewest, then for who came first. */
static void
wait_at(struct site *s, const struct site_host *h, void **place)
{
	struct site *heir = *place;

	if (heir == NULL || (heir != s && conns_of(heir, h) > conns_of(s, h)))
		*place = s;
	else if (heir != s)
		site_waitlist_due(heir);
}

/* For a place at the host, or else at this address of it. */
static void
wait_for_room(struct site *s, const struct site_host *h, uint64_t now)
{
	if (site_gate_has_room(s, h->gate, now))
		wait_at(s, h, &h->pace->heir);
	else
		wait_at(s, h, &h->gate->heir);
}

size_t
site_hosts_choose(struct site *s, const struct outbound_job *job, uint64_t now)
{
	size_t best = s->list.count;
	struct merit best_merit = { 0 };

	for (size_t i = 0; i < s->list.count; i++) {
		struct merit merit;

		if ((job->tried & (1U << i)) || is_awaited(s, i, now))
			continue;
		merit = merit_of(s, i, now);
		if (best < s->list.count && !is_better(&merit, &best_merit))
			continue;
		best = i;
		best_merit = merit;
	}
	if (best == s->list.count || !best_merit.full)
		return best;
	wait_for_room(s, &s->host[best], now);
	return s->list.count;
}

/* The site's turn has come: what it still needs it asks for anew. */
void
site_hosts_give_way(struct site *s)
{
	for (size_t i = 0; i < s->list.count; i++) {
		if (s->host[i].pace->heir == s)
			s->host[i].pace->heir = NULL;
		if (s->host[i].gate->heir == s)
			s->host[i].gate->heir = NULL;
	}
}

/* --- what became of a connection --- */

void
site_hosts_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch)
{
	uint64_t now = clock_mono_ms();
	struct site_host *h;

	if (s->reach == SITE_UP)
		s->reach = SITE_UNKNOWN;
	s->fails = true;
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
	if (h->quiet_until > now)
		return;
	h->quiet_until = now + QUIET_MS;
	log_event(LOG_WARN, NULL, "trouble", "host=%s status=%s reason=%s", log_safe(where), v->status,
	    log_safe(verdict_words(v->status, v->text)));
}

void
site_hosts_init(struct site *s)
{
	s->patience = loop_timer_new(s->o->loop, on_patience, s);
}

void
site_hosts_done(struct site *s)
{
	site_hosts_give_way(s);
	mx_lookup_free(s->lookup);
	free(s->late);
	loop_timer_free(s->patience);
	free_hosts(s->host, s->list.count);
	mx_list_done(&s->list);
}
