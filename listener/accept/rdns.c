/*
 * rdns - the names of a client: the PTR records of its address, each confirmed by its A or AAAA records
 *
 * Runs in:  listener
 * Owns:     the look-ups under way
 * Promise:  `done` comes within RDNS_WAIT_MS, whatever the DNS does; at most RDNS_OPEN_MAX look-ups are under
 *           way, of them RDNS_NEAR_MAX for one network: a client whose names come slowly hinders no other
 * Fails by: POLICY_TROUBLE; NULL from rdns_ask when too many are under way, which callers take as trouble
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/base/net_reverse.h"
#include "common/boot/boot.h"
#include "common/helpers/dns_client.h"
#include "common/process/counters.h"
#include "listener/accept/accept.h"

#define RDNS_WAIT_MS 5000
#define RDNS_OPEN_MAX 2000	/* a question to a dead DNS server stays with the helper for half a minute */
#define RDNS_NEAR_MAX 200	/* of a /24, or /48 of IPv6; below the window of dns_client */
#define RDNS_NAMES_MAX 4	/* of one address; further PTR records are ignored */

struct rdns_query {
	TAILQ_ENTRY(rdns_query) link;
	struct rdns *rdns;
	union proxy_address address;
	char *candidate[RDNS_NAMES_MAX];
	bool confirmed[RDNS_NAMES_MAX];
	unsigned candidates, waiting;	/* names to confirm; answers to come */
	bool trouble;
	struct loop_timer *timer;
	void (*done)(void *arg, enum policy_state state, char *names);	/* NULL: called, or forgotten */
	void *arg;
};

struct rdns {
	struct boot *boot;
	struct ctl_client *resolver;
	TAILQ_HEAD(, rdns_query) open;
	size_t count;
};

static void
free_query(struct rdns_query *q)
{
	TAILQ_REMOVE(&q->rdns->open, q, link);
	q->rdns->count--;
	for (unsigned i = 0; i < q->candidates; i++)
		free(q->candidate[i]);
	loop_timer_free(q->timer);
	free(q);
}

/* The confirmed names in the form of struct policy_client; NULL: none. */
static char *
names_of(const struct rdns_query *q)
{
	size_t size = 1, at = 0;
	char *names;

	for (unsigned i = 0; i < q->candidates; i++)
		size += q->confirmed[i] ? strlen(q->candidate[i]) + 1 : 0;
	if (size == 1)
		return NULL;
	names = mem_zalloc(size);
	for (unsigned i = 0; i < q->candidates; i++) {
		if (!q->confirmed[i])
			continue;
		strcpy(names + at, q->candidate[i]);
		at += strlen(q->candidate[i]) + 1;
	}
	return names;
}

static void
tell_names(struct rdns_query *q, enum policy_state state, char *names)
{
	void (*done)(void *, enum policy_state, char *) = q->done;

	q->done = NULL;
	loop_timer_stop(q->timer);
	if (done != NULL)
		done(q->arg, state, names);
	else
		free(names);
}

/* All answers are here. One confirmed name is enough, whatever became of the others. */
static void
end_query(struct rdns_query *q)
{
	char *names = names_of(q);

	tell_names(q, names == NULL && q->trouble ? POLICY_TROUBLE : POLICY_NAMED, names);
	free_query(q);
}

static void
on_forward(void *arg, unsigned tag, const struct msg_dns_answer *a)
{
	struct rdns_query *q = arg;

	q->confirmed[tag] = ptr_name_confirms(a, &q->address.sa);
	q->trouble |= a->result == DNS_TROUBLE;
	if (--q->waiting == 0)
		end_query(q);
}

static bool
is_new(const struct rdns_query *q, const char *name)
{
	for (unsigned i = 0; i < q->candidates; i++)
		if (strcasecmp(q->candidate[i], name) == 0)
			return false;
	return true;
}

static void
on_reverse(void *arg, unsigned tag, const struct msg_dns_answer *a)
{
	struct rdns_query *q = arg;

	q->waiting = 0;
	q->trouble = a->result == DNS_TROUBLE;
	for (size_t i = 0; a->result == DNS_FOUND && i < a->count && q->candidates < RDNS_NAMES_MAX; i++) {
		const char *name = (const char *)a->record[i].data;

		if (net_is_hostname(name) && is_new(q, name))
			q->candidate[q->candidates++] = mem_strdup(name);
	}
	if (q->done == NULL || q->candidates == 0) {
		end_query(q);
		return;
	}
	q->waiting = q->candidates;
	for (unsigned i = 0; i < q->candidates; i++)
		dns_client_ask(q->rdns->resolver, ptr_name_type(&q->address.sa), q->candidate[i], on_forward,
		    q, i);
	counters_add(q->rdns->boot->counters, COUNTER_DNS_QUERIES, q->candidates);
}

static void
on_late(void *arg)
{
	tell_names(arg, POLICY_TROUBLE, NULL); /* answers that come later only free the query */
}

/* Of the same /24, or /48 of IPv6. Forgotten ones count: the helper still has them. */
static size_t
count_near(const struct rdns *r, const struct sockaddr *sa)
{
	const struct rdns_query *q;
	uint8_t mine[16], other[16];
	int family, its;
	size_t near = 0, len = net_bytes(sa, &family, mine) == 4 ? 3 : 6;

	TAILQ_FOREACH(q, &r->open, link) {
		(void)!net_bytes(&q->address.sa, &its, other);
		near += its == family && memcmp(mine, other, len) == 0;
	}
	return near;
}

struct rdns_query *
rdns_ask(struct rdns *r, const struct sockaddr *sa,
    void (*done)(void *arg, enum policy_state state, char *names), void *arg)
{
	char name[NET_REVERSE_SIZE];
	struct rdns_query *q;

	if (r->count == RDNS_OPEN_MAX || count_near(r, sa) >= RDNS_NEAR_MAX)
		return NULL;
	q = mem_new(struct rdns_query);
	q->rdns = r;
	memcpy(&q->address, sa, sa->sa_family == AF_INET6 ? sizeof(q->address.in6) : sizeof(q->address.in));
	q->done = done;
	q->arg = arg;
	q->waiting = 1;
	q->timer = loop_timer_new(r->boot->loop, on_late, q);
	loop_timer_set(q->timer, RDNS_WAIT_MS);
	TAILQ_INSERT_TAIL(&r->open, q, link);
	r->count++;
	net_reverse_name(name, sa);
	dns_client_ask(r->resolver, DNS_PTR, name, on_reverse, q, 0);
	counters_add(r->boot->counters, COUNTER_DNS_QUERIES, 1);
	return q;
}

void
rdns_forget(struct rdns_query *q)
{
	if (q == NULL)
		return;
	q->done = NULL;
	loop_timer_stop(q->timer);
}

struct rdns *
rdns_new(struct boot *b, struct ctl_client *resolver)
{
	struct rdns *r = mem_new(struct rdns);

	r->boot = b;
	r->resolver = resolver;
	TAILQ_INIT(&r->open);
	return r;
}

void
rdns_free(struct rdns *r)
{
	struct rdns_query *q;

	if (r == NULL)
		return;
	while ((q = TAILQ_FIRST(&r->open)) != NULL)
		free_query(q);
	free(r);
}
