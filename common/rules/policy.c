/*
 * policy - who may connect and where mail may go: decided by recipient domain, authentication, and the
 * address and confirmed names of the client; pure
 *
 * Runs in:  master, posternctl, listener
 * Owns:     nothing
 * Promise:  the sender has no part in any decision
 * Fails by: never
 */
#include "common/rules/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/net.h"

bool
policy_wants_names(const struct config_server *server)
{
	return server->reverse_dns || server->connection_list.names > 0 || server->relay_list.names > 0;
}

static bool
list_has(const struct config_nets *list, const struct policy_client *client)
{
	if (config_nets_has(list, client->address))
		return true;
	for (const char *name = client->names; list->names > 0 && name != NULL && *name != '\0';
	    name += strlen(name) + 1)
		if (config_nets_has_name(list, name))
			return true;
	return false;
}

/* "only": in the list; "all-except": not in it. Entries by name decide only when no entry by address does. */
static enum policy_answer
list_answer(enum config_list_mode mode, const struct config_nets *list, const struct policy_client *client)
{
	if (list_has(list, client))
		return mode == CONFIG_ONLY ? POLICY_YES : POLICY_NO;
	if (list->names > 0 && client->state == POLICY_ASKING)
		return POLICY_WAIT;
	if (list->names > 0 && client->state == POLICY_TROUBLE)
		return POLICY_LATER;
	return mode == CONFIG_ALL_EXCEPT ? POLICY_YES : POLICY_NO;
}

/* When names cannot be found now, a client that is let in unless listed is let in. */
enum policy_answer
policy_may_connect(const struct config_server *server, const struct policy_client *client)
{
	enum policy_answer a = list_answer(server->connection_control, &server->connection_list, client);

	return a == POLICY_LATER && server->connection_control == CONFIG_ALL_EXCEPT ? POLICY_YES : a;
}

enum policy_answer
policy_may_relay(const struct config_server *server, const struct policy_client *client, bool authenticated)
{
	if (authenticated && server->relay_authenticated)
		return POLICY_YES;
	return list_answer(server->relay, &server->relay_list, client);
}

enum policy_answer
policy_serves(const struct config_server *server, enum config_clients whom,
    const struct policy_client *client, bool authenticated)
{
	if (whom == CONFIG_CLIENTS_RELAY)
		return policy_may_relay(server, client, authenticated);
	return whom == CONFIG_CLIENTS_ALL ? POLICY_YES : POLICY_NO;
}

enum policy_domain
policy_domain(const struct config_server *server, const char *domain)
{
	const struct config_domain *d = config_domain_find(server, domain);

	if (d == NULL)
		return POLICY_REMOTE;
	if (d->type != CONFIG_DOMAIN_REMOTE)
		return POLICY_LOCAL;
	return d->relay ? POLICY_RELAYED : POLICY_REMOTE;
}

bool
policy_is_nowhere(const struct config_server *server, const char *domain)
{
	struct net_address a;
	const struct sockaddr *sa = (const struct sockaddr *)&a.sa;

	/* A smart host may know better. */
	if (*domain != '[' || server->smart_host.count > 0 || net_literal_parse(&a, domain, 25) == -1)
		return false;
	return config_nets_has(&server->never_to, sa) || net_is_nowhere(sa);
}

bool
policy_is_literal(const char *literal, const struct sockaddr *local)
{
	char want[NET_TEXT_SIZE], have[NET_TEXT_SIZE];
	struct in6_addr six;
	size_t size = strlen(literal);
	bool v6 = strncmp(literal, "[ipv6:", 6) == 0;
	size_t skip = v6 ? 6 : 1;

	if (size < skip + 1 || size - skip >= sizeof(want))
		return false;
	memcpy(want, literal + skip, size - skip - 1);
	want[size - skip - 1] = '\0';
	net_format_ip(have, local);
	if (!v6)
		return strcmp(want, have) == 0;
	return local->sa_family == AF_INET6 && inet_pton(AF_INET6, want, &six) == 1 &&
	    memcmp(&six, &((const struct sockaddr_in6 *)(const void *)local)->sin6_addr, sizeof(six)) == 0;
}
