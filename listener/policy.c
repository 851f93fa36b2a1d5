/*
 * policy - who may connect and where mail may go: decided by recipient domain, client address and authentication alone
 *
 * Runs in:  listener (pure)
 * Owns:     nothing
 * Promise:  the sender is no part of any decision; no input or output
 * Fails by: never
 */
#include "listener/listener.h"

/*
 * "only": in the list; "all-except": not in it. Domain names of a list match nobody here: they need a reverse look-up, and
 * configurations with them are refused until there is one.
 */
static bool
list_allows(enum config_list_mode mode, const struct config_nets *list, const struct sockaddr *client)
{
	for (size_t i = 0; i < list->count; i++)
		if (net_entry_has(&list->entry[i], client))
			return mode == CONFIG_ONLY;
	return mode == CONFIG_ALL_EXCEPT;
}

bool
policy_may_connect(const struct config_server *server, const struct sockaddr *client)
{
	return list_allows(server->connection_control, &server->connection_list, client);
}

bool
policy_may_relay(const struct config_server *server, const struct sockaddr *client, bool authenticated)
{
	if (authenticated && server->relay_authenticated)
		return true;
	return list_allows(server->relay, &server->relay_list, client);
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
