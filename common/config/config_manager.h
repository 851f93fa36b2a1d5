/* config_manager - [manager] of postern.ini: the manager in a web browser */
#ifndef COMMON_CONFIG_CONFIG_MANAGER_H
#define COMMON_CONFIG_CONFIG_MANAGER_H

#include <stdbool.h>

#include "common/config/config_strings.h"

struct config_manager {
	struct config_strings listen;		/* "/path", "address:port"; empty: there is none */
	char *certificate, *key;		/* NULL not set */
	char *accounts;				/* a password file; NULL: none log in by password */
	char *keytab, *service_principal;	/* NULL: none log in with Kerberos */
	struct config_strings kerberos_realms;
	struct config_strings hosts;
	struct config_strings nodes;		/* as ssh takes them; not for the web helper */
	char *nodes_file;			/* NULL: no nodes are shown */
};

/* Whether the web helper that runs on `a` can stay when `b` comes. */
bool config_manager_same(const struct config_manager *a, const struct config_manager *b);

#endif
