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

/* Unspecified, multicast, broadcast: no mail server has it, though connect(2) may lead some of them to us. */
static bool
is_nowhere(const uint8_t *bytes, bool six)
{
	static const uint8_t zero[16];

	if (six)
		return memcmp(bytes, zero, 16) == 0 || bytes[0] == 0xff ||
		    (memcmp(bytes, zero, 10) == 0 && bytes[10] == 0xff && bytes[11] == 0xff);
	return bytes[0] == 0 || bytes[0] >= 224;
}

/* --- ourselves --- */

static bool
is_own_address(const struct mx_settings *set, const struct net_address *a)
{
	for (size_t i = 0; i < set->nown; i++)
		if (net_equal((const struct sockaddr *)&set->own[i].sa, (const struct sockaddr *)&a->sa))
			return true;
	return false;
}

static bool
is_own_port(const struct mx_settings *set, uint16_t port)
{
	for (size_t i = 0; i < set->nown; i++)
		if (net_port((const struct sockaddr *)&set->own[i].sa) == port)
			return true;
	return false;
}

/* By its name, at a port that we listen on, or by one of its addresses. */
static bool
is_us(const struct mx_lookup *l, const struct mx_host *h)
{
	if (l->d->by_mx && is_own_port(l->set, h->port) &&
	    (h->is_us || strcasecmp(h->name, l->set->fqdn) == 0))
		return true;
	for (size_t i = 0; i < h->six.count + h->four.count; i++) {
		bool six = i < h->six.count;
		struct net_address a = make_address(six ? h->six.bytes[i] : h->four.bytes[i - h->six.count],
		    six, h->port);

		if (is_own_address(l->set, &a))
			return true;
	}
	return false;
}

/* --- the list --- */

static void
add_address(struct mx_list *list, const struct mx_lookup *l, const struct mx_host *h, const uint8_t *bytes,
    bool six)
{
	bool bare;
	struct mx_address *a;

	if (list->count == MX_ADDRESSES_MAX || is_nowhere(bytes, six))
		return;
	list->address = mem_array(list->address, list->count + 1, sizeof(*list->address));
	a = &list->address[list->count++];
	*a = (struct mx_address){ .to = make_address(bytes, six, h->port), .rank = h->rank,
	    .literal = h->literal, .sure = l->sure };
	bare = h->literal && h->name[0] != '[';
	a->host = bare ? mem_printf("[%s]", h->name) : mem_strdup(h->name);
	if (h->tlsa == NULL)
		return;
	a->tlsa = tlsa_set_copy(tlsa_found(h->tlsa));
	a->refused = mem_strdup(tlsa_trouble(h->tlsa));
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

/* Why the list is empty. `us`: we are one of the hosts; `absent`: no host exists. */
static void
explain_empty(struct mx_list *list, const struct mx_lookup *l, bool us, bool absent)
{
	const char *domain = l->d->domain;
	enum verdict_what no = l->d->by_mx ? VERDICT_REFUSED : VERDICT_LATER;
	struct verdict *v = &list->verdict;

	if (l->trouble[0] != '\0')
		verdict_set(v, VERDICT_LATER, "4.4.3", "the DNS gave no answer about the hosts for %s: %s",
		    domain, l->trouble);
	else if (us)
		verdict_set(v, no, no == VERDICT_LATER ? "4.4.6" : "5.4.6",
		    "mail for %s leads back to this server%s", domain,
		    l->d->by_mx ? ", but is not local here" : "");
	else if (absent && l->implicit)
		verdict_set(v, no, "5.1.2", "%s: this domain does not exist in the DNS", domain);
	else
		verdict_set(v, no, no == VERDICT_LATER ? "4.4.4" : "5.4.4", "no host for %s has an address",
		    domain);
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
	}
	free(list->address);
	*list = (struct mx_list){ .count = 0 };
}
