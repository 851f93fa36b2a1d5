/*
 * config_dns - the DNS servers of [service]: addresses, and whether their word on DNSSEC can be believed
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the AD bit counts only where nobody on a network can set it: from loopback addresses
 * Fails by: -1; faults
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/config/config_private.h"

int
config_dns_server(struct net_address *a, const char *text)
{
	const char *why;
	char brackets[NET_TEXT_SIZE];
	uint8_t six[16];

	/* A bare IPv6 address has colons of its own. */
	if (inet_pton(AF_INET6, text, six) == 1) {
		snprintf(brackets, sizeof(brackets), "[%s]", text);
		text = brackets;
	}
	return net_address_parse(a, text, 53, &why);
}

void
config_dns_judge(struct config_work *w)
{
	const struct config_service *service = &w->config->service;
	const char *key = service->dns_server.count > 0 ? "dns-server" : "dnssec";
	unsigned line = config_origin_of(service->origin, KEY_SERVICE, key)->line;
	struct net_address a;

	if (service->dnssec != CONFIG_DNSSEC_RESOLVER)
		return;
	if (service->dns_server.count == 0)
		config_faults_add(w->faults, &w->sources.source[0], line, false,
		    "dnssec = resolver needs dns-server, the address of the validating resolver on this "
		    "host, like 127.0.0.1 (unbound, bind, knot-resolver) or 127.0.0.53 (systemd-resolved)");
	for (size_t i = 0; i < service->dns_server.count; i++)
		if (config_dns_server(&a, service->dns_server.text[i]) == -1 ||
		    !net_is_loopback((const struct sockaddr *)&a.sa))
			config_faults_add(w->faults, &w->sources.source[0], line, false,
			    "dnssec = resolver needs resolvers on this host: the address %s is no address "
			    "of the loopback interface", service->dns_server.text[i]);
}
