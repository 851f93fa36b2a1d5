/*
 * own_address - which addresses, ports and names lead back to this virtual server
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a listener on a wildcard counts with every address that an interface of this machine has now
 * Fails by: when the interfaces cannot be read the wildcard stays as it is, and matches nothing
 */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "deliver/hosts/hosts.h"

#define ADDRESSES_MAX 4096

struct list {
	struct net_address *address;
	size_t count;
};

static void
add_address(struct list *l, const struct sockaddr *sa, uint16_t port)
{
	struct net_address a = { .len = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in) };

	if (l->count == ADDRESSES_MAX)
		return;
	memcpy(&a.sa, sa, a.len);
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.sa;

		sin6->sin6_port = htons(port);
		sin6->sin6_scope_id = 0;
	} else
		((struct sockaddr_in *)&a.sa)->sin_port = htons(port);
	l->address = mem_grow(l->address, l->count, sizeof(*l->address));
	l->address[l->count++] = a;
}

/* The family of a wildcard; 0: it is none. "[::]" is opened for IPv6 only. */
static int
wildcard_family(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET &&
	    ((const struct sockaddr_in *)sa)->sin_addr.s_addr == htonl(INADDR_ANY))
		return AF_INET;
	if (sa->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)sa)->sin6_addr))
		return AF_INET6;
	return 0;
}

/* Ports at which other hosts may reach us: 25 and `port` may be forwarded to the port that we listen on. */
static void
add_at_ports(struct list *l, const struct config_server *s, const struct sockaddr *sa)
{
	add_address(l, sa, 25);
	add_address(l, sa, s->port);
	for (size_t i = 0; i < s->nlisten; i++)
		add_address(l, sa, net_port((const struct sockaddr *)&s->listen[i].address.sa));
}

static void
add_given(struct list *l, const struct config_server *s)
{
	for (size_t i = 0; i < s->own_address.count; i++) {
		struct net_address a;
		const struct sockaddr *sa = (const struct sockaddr *)&a.sa;
		const char *why;

		if (net_address_parse(&a, s->own_address.text[i], 0, &why) == -1)
			continue;	/* it is a name */
		if (net_port(sa) != 0)
			add_address(l, sa, net_port(sa));
		else
			add_at_ports(l, s, sa);
	}
}

/* Whether another virtual server listens at exactly that address and port, and not this one, too. */
static bool
is_of_another(const struct mx_settings *set, const struct sockaddr *sa)
{
	char line[NET_TEXT_SIZE];
	const char *at;

	for (size_t k = 0; set->server != NULL && k < set->server->nlisten; k++)
		if (net_equal((const struct sockaddr *)&set->server->listen[k].address.sa, sa))
			return false;
	net_format(line, sa);
	for (at = set->others; at != NULL && (at = strstr(at, line)) != NULL; at++)
		if ((at == set->others || at[-1] == '\n') && at[strlen(line)] == '\n')
			return true;
	return false;
}

bool
own_address_has(const struct mx_settings *set, const struct net_address *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->sa;

	if (is_of_another(set, sa))
		return false;
	for (size_t i = 0; i < set->nown; i++) {
		const struct sockaddr *own = (const struct sockaddr *)&set->own[i].sa;

		if (!net_is_any(own) && net_equal(own, sa))
			return true;
		if (net_is_any(own) && own->sa_family == sa->sa_family && net_port(own) == net_port(sa) &&
		    net_is_loopback(sa))
			return true;
	}
	return false;
}

static bool
is_own_port(const struct config_server *s, uint16_t port)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (net_port((const struct sockaddr *)&s->listen[i].address.sa) == port)
			return true;
	return port == s->port;
}

bool
own_address_has_name(const struct mx_settings *set, const char *name, uint16_t port)
{
	const struct config_server *s = set->server;

	if (!is_own_port(s, port))
		return false;
	if (strcasecmp(name, s->fqdn) == 0 || strcasecmp(name, set->hostname) == 0)
		return true;
	for (size_t i = 0; i < s->own_address.count; i++)
		if (strcasecmp(name, s->own_address.text[i]) == 0)
			return true;
	return false;
}

struct net_address *
own_address_list(const struct config_server *s, size_t *count)
{
	struct list l = { NULL, 0 };
	struct ifaddrs *interfaces = NULL;

	if (getifaddrs(&interfaces) == -1)
		interfaces = NULL;
	for (size_t i = 0; i < s->nlisten; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&s->listen[i].address.sa;
		int family = wildcard_family(sa);

		add_address(&l, sa, net_port(sa));
		for (const struct ifaddrs *a = interfaces; family != 0 && a != NULL; a = a->ifa_next)
			if (a->ifa_addr != NULL && a->ifa_addr->sa_family == family)
				add_address(&l, a->ifa_addr, net_port(sa));
	}
	if (interfaces != NULL)
		freeifaddrs(interfaces);
	add_given(&l, s);
	*count = l.count;
	return l.address;
}
