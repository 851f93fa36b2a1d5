/* config_account - the account of the server at remote hosts */
#ifndef COMMON_CONFIG_CONFIG_ACCOUNT_H
#define COMMON_CONFIG_CONFIG_ACCOUNT_H

#include <stdbool.h>

#include "common/config/config.h"

/*
 * The account of the server at remote hosts, by the keys of the remote domain or its own. When it is not
 * anonymous, it has user and secret_file (oauth2: oauth).
 */
struct config_account {
	enum config_outbound_auth auth;
	const char *user, *secret_file, *oauth;	/* oauth: a profile's name */
	const char *domain;		/* the [domain] whose secret-file it is; "" the server's */
};
/*
 * `d` NULL: for the server's smart hosts. `by_dns`: the host is named only by the DNS, and is shown the
 * account of its own [domain], never the server's. False: user, or secret-file (oauth2: the profile), is
 * missing.
 */
bool config_account_find(struct config_account *a, const struct config_server *s,
    const struct config_domain *d, bool by_dns);

#endif
