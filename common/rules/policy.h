/* policy - who may connect, and where mail may go; for listeners and posternctl explain. Pure */
#ifndef COMMON_RULES_POLICY_H
#define COMMON_RULES_POLICY_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/config/config.h"

/* What is known of a client's names. */
enum policy_state {
	POLICY_UNNAMED,		/* names are not needed: no list has any */
	POLICY_ASKING,		/* were asked for */
	POLICY_NAMED,		/* `names` has the confirmed ones, perhaps none */
	POLICY_TROUBLE,		/* cannot be found out now */
};

enum policy_domain { POLICY_LOCAL, POLICY_RELAYED, POLICY_REMOTE };

struct policy_client {
	const struct sockaddr *address;
	const char *names;	/* each ended by NUL, the last one by two; NULL: none */
	enum policy_state state;
};
enum policy_answer {
	POLICY_NO, POLICY_YES,
	POLICY_WAIT,		/* decide again when the names are there */
	POLICY_LATER,		/* the names are needed and cannot be found out: a temporary refusal */
};

bool policy_wants_names(const struct config_server *server);	/* a list or reverse-dns may need them */
enum policy_answer policy_may_connect(const struct config_server *server, const struct policy_client *client);
enum policy_answer policy_may_relay(const struct config_server *server, const struct policy_client *client,
    bool authenticated);
/* Whether the client is one of those that `mend` or `dsn` names. */
enum policy_answer policy_serves(const struct config_server *server, enum config_clients whom,
    const struct policy_client *client, bool authenticated);
enum policy_domain policy_domain(const struct config_server *server, const char *domain);
/* Whether `domain` is an address literal, and mail from here can never reach that address. */
bool policy_is_nowhere(const struct config_server *server, const char *domain);
/* Whether `literal`, parsed before ("[192.0.2.1]", "[ipv6:2001:db8::1]"), is this address. */
bool policy_is_literal(const char *literal, const struct sockaddr *local);

#endif
