/*
 * mx_list - the addresses of a destination, in the order of trying, from what a look-up has found; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; the list is the caller's
 * Promise:  hosts in the order of the look-up, of each IPv6 and IPv4 in turn. Never an address of ours; by MX
 *           no host whose preference is not better than ours; at most MX_ADDRESSES_MAX
 * Fails by: an empty list with the reason
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/rules/route.h"
#include "deliver/hosts/hosts.h"

static struct net_address
make_address(const uint8_t *bytes, bool six, uint16_t port)
{
	struct net_address a = { .len = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in) };

	if (six) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.sa;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		memcpy(&sin6->sin6_addr, bytes, 16);
	} else {
		struct sockaddr_in *sin = (struct sockaddr_in *)&a.sa;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, bytes, 4);
	}
	return a;
}

/* The DNS, or a recipient, may not send us there. */
static bool
is_never(const struct mx_lookup *l, const struct net_address *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->sa;

	return net_is_nowhere(sa) || (!l->d->named && config_nets_has(&l->set->server->never_to, sa));
}

/* --- ourselves --- */

/* By MX by its name, too, or by the name that it is an alias of. */
static bool
is_us(const struct mx_lookup *l, const struct mx_host *h)
{
	if (l->d->by_mx && (own_address_has_name(l->set, h->name, h->port) ||
	    (h->canonical != NULL && own_address_has_name(l->set, h->canonical, h->port))))
		return true;
	for (size_t i = 0; i < h->six.count + h->four.count; i++) {
		bool six = i < h->six.count;
		struct net_address a = make_address(six ? h->six.bytes[i] : h->four.bytes[i - h->six.count],
		    six, h->port);

		if (own_address_has(l->set, &a))
			return true;
	}
	return false;
}

/* --- the list --- */

/* What the MTA-STS policy says of it; TLSA records overrule that (RFC 8461 2). */
static void
apply_policy(struct mx_address *a, const struct mx_lookup *l, const struct mx_host *h)
{
	const char *trouble = mta_sts_trouble(l->sts);

	if (a->refused != NULL || (a->tlsa != NULL && a->tlsa->count > 0))
		return;
	if (trouble != NULL)
		a->refused = mem_strdup(trouble);
	else if (!mta_sts_enforces(l->sts))
		return;
	else if (mta_sts_covers(l->sts, h->name))
		a->sts = true;
	else
		a->refused = mem_printf("the MTA-STS policy of %s does not name the host %s", l->domain,
		    h->name);
}

/* MTA-STS, as it was found; without its policy, where that could not be fetched. */
static struct tls_applied *
apply_sts(const struct mx_lookup *l, const struct mx_host *h)
{
	static const enum tls_result failures[] = { [POLICY_UNFETCHED] = TLS_RESULT_FETCH,
	    [POLICY_NONSENSE] = TLS_RESULT_POLICY, [POLICY_UNPROVEN] = TLS_RESULT_WEBPKI };
	const struct msg_policy_answer *p = mta_sts_answered(l->sts);
	struct tls_applied *a;

	if (p == NULL || (p->mode == POLICY_NONE && p->failure == POLICY_FINE))
		return tls_applied_new(l->domain, TLS_APPLIED_NONE);
	a = tls_applied_new(l->domain, TLS_APPLIED_STS);
	if (p->mode == POLICY_NONE) {
		tls_applied_fail(a, failures[p->failure], p->text);
		return a;
	}
	a->testing = p->mode == POLICY_TESTING;
	tls_applied_sts(a, a->testing ? "testing" : "enforce", p->mx, p->max_age);
	if (!mta_sts_covers(l->sts, h->name))
		tls_applied_fail(a, TLS_RESULT_OTHER, "the MTA-STS policy does not name the host");
	return a;
}

static struct tls_applied *
apply_tlsa(const struct mx_lookup *l, const struct mx_address *address)
{
	struct tls_applied *a = tls_applied_new(l->domain, TLS_APPLIED_TLSA);
	const struct tlsa_set *set = address->tlsa;

	if (set == NULL)
		tls_applied_fail(a, TLS_RESULT_DNSSEC, address->refused);
	else if (set->count == 0)
		tls_applied_fail(a, TLS_RESULT_TLSA, "no TLSA record has a usage that mail can use");
	for (size_t i = 0; set != NULL && i < set->count; i++)
		tls_applied_tlsa(a, set->data + set->record[i].at, set->record[i].len);
	return a;
}

/* NULL: its sessions are not counted. */
static struct tls_applied *
applied_to(const struct mx_lookup *l, const struct mx_host *h, const struct mx_address *address)
{
	if (!l->d->security.reported || l->domain == NULL)
		return NULL;
	if (address->tlsa != NULL && address->tlsa->count == 0 && mta_sts_enforces(l->sts))
		return apply_sts(l, h);
	if (address->tlsa != NULL || (h->tlsa != NULL && tlsa_trouble(h->tlsa) != NULL))
		return apply_tlsa(l, address);
	return mta_sts_trouble(l->sts) == NULL ? apply_sts(l, h) : NULL;
}

static void
add_address(struct mx_list *list, const struct mx_lookup *l, const struct mx_host *h, const uint8_t *bytes,
    bool six)
{
	struct net_address to = make_address(bytes, six, h->port);
	bool bare;
	struct mx_address *a;

	if (list->count == MX_ADDRESSES_MAX || is_never(l, &to))
		return;
	list->address = mem_grow(list->address, list->count, sizeof(*list->address));
	a = &list->address[list->count++];
	*a = (struct mx_address){ .to = to, .rank = h->rank,
	    .literal = h->literal, .sure = l->sure };
	bare = h->literal && h->name[0] != '[';
	a->host = bare ? mem_printf("[%s]", h->name) : mem_strdup(h->name);
	if (h->tlsa != NULL) {
		a->tlsa = tlsa_set_copy(tlsa_found(h->tlsa));
		a->refused = mem_strdup(tlsa_trouble(h->tlsa));
	}
	apply_policy(a, l, h);
	a->applied = applied_to(l, h, a);
	if (a->refused != NULL && list->ttl > MX_TTL_TROUBLE)
		list->ttl = MX_TTL_TROUBLE;
}

/* IPv6 before IPv4, as in RFC 6724; where this machine has no route for it, connect(2) says so at once. */
static void
add_addresses(struct mx_list *list, const struct mx_lookup *l, const struct mx_host *h)
{
	for (size_t i = 0; i < h->six.count || i < h->four.count; i++) {
		if (i < h->six.count)
			add_address(list, l, h, h->six.bytes[i], true);
		if (i < h->four.count)
			add_address(list, l, h, h->four.bytes[i], false);
	}
}

static bool
has_some(const struct mx_lookup *l)
{
	for (size_t i = 0; i < l->nhost; i++)
		if (l->host[i].six.count + l->host[i].four.count > 0)
			return true;
	return false;
}

/* Why the list is empty. `us`: we are one of the hosts; `absent`: no host exists. */
static void
explain_empty(struct mx_list *list, const struct mx_lookup *l, bool us, bool absent)
{
	const char *domain = l->d->domain;
	enum verdict_what no = l->d->named ? VERDICT_LATER : VERDICT_REFUSED;
	struct verdict *v = &list->verdict;

	if (l->trouble[0] != '\0')
		verdict_set(v, VERDICT_LATER, "4.4.3", "the DNS gave no answer about the hosts for %s: %s",
		    domain, l->trouble);
	else if (us)
		verdict_set(v, no, no == VERDICT_LATER ? "4.4.6" : "5.4.6",
		    "mail for %s leads back to this server%s", domain,
		    l->d->named ? "" : ", but is not local here");
	else if (absent && l->implicit)
		verdict_set(v, no, "5.1.2", "%s: this domain does not exist in the DNS", domain);
	else
		verdict_set(v, no, no == VERDICT_LATER ? "4.4.4" : "5.4.4", has_some(l) ?
		    "the hosts for %s have only addresses that no mail is sent to (never-to)" :
		    "no host for %s has an address", domain);
}

void
mx_list_make(struct mx_list *list, struct mx_lookup *l)
{
	bool trouble = l->trouble[0] != '\0', us = false, absent = true;
	unsigned limit = l->below;	/* by MX: hosts of this rank and above are no better than we are */

	*list = (struct mx_list){ .ttl = trouble && l->ttl > MX_TTL_TROUBLE ? MX_TTL_TROUBLE : l->ttl,
	    .verdict = l->verdict };
	if (l->decided)
		return;
	for (size_t i = 0; i < l->nhost; i++) {
		struct mx_host *h = &l->host[i];

		h->is_us = is_us(l, h);
		us |= h->is_us;
		absent &= h->six.result == DNS_NO_NAME && h->four.result == DNS_NO_NAME;
		if (h->is_us && l->d->by_mx && h->rank < limit)
			limit = h->rank;
	}
	for (size_t i = 0; i < l->nhost; i++)
		if (!l->host[i].is_us && !l->host[i].late && l->host[i].rank < limit)
			add_addresses(list, l, &l->host[i]);
	if (list->count == 0)
		explain_empty(list, l, us, absent);
}

void
mx_list_done(struct mx_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->address[i].host);
		free(list->address[i].tlsa);
		free(list->address[i].refused);
		tls_applied_put(list->address[i].applied);
	}
	free(list->address);
	*list = (struct mx_list){ .count = 0 };
}
