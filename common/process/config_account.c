/*
 * config_account - who the server is to remote hosts: outbound-auth, user and secret-file of a [domain] or of the server
 *
 * Runs in:  every process; pure
 * Owns:     nothing
 * Promise:  user and secret-file come from one place, never one from the domain and the other from the server; an account is shown
 *           to hosts that the configuration names, or to a domain that it names
 * Fails by: false: not whole
 */
#include "common/process/config_parts.h"

static const struct config_account nobody = { .auth = CONFIG_OUT_ANONYMOUS, .domain = "" };

static bool
is_whole(const struct config_account *a)
{
	return a->auth == CONFIG_OUT_ANONYMOUS || (a->user != NULL && a->secret_file != NULL);
}

bool
config_account_find(struct config_account *a, const struct config_server *s, const struct config_domain *d, bool by_dns)
{
	struct config_account server = { s->outbound_auth, s->outbound_user, s->outbound_secret_file, "" };

	*a = by_dns ? nobody : server;
	if (d == NULL || (!d->has_outbound_auth && d->user == NULL && d->secret_file == NULL))
		return is_whole(a);
	*a = (struct config_account){ d->has_outbound_auth ? d->outbound_auth : s->outbound_auth, d->user, d->secret_file, d->name };
	if (a->user == NULL && a->secret_file == NULL && a->auth == server.auth)
		*a = server;
	return is_whole(a);
}
