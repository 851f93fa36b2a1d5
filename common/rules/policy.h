/*
 * policy - who may connect, where mail may go: what a listener decides by, and posternctl explain. Pure
 */
#ifndef COMMON_RULES_POLICY_H
#define COMMON_RULES_POLICY_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/config/config.h"

/* What is known of a client's names. */
enum policy_state {
	POLICY_UNNAMED,		/* names were not asked for, as no list has any */
	POLICY_ASKING,		/* on their way */
	POLICY_NAMED,		/* `names` has what was confirmed, perhaps nothing */
	POLICY_TROUBLE,		/* could not be found out now */
};

enum policy_domain { POLICY_LOCAL, POLICY_RELAYED, POLICY_REMOTE };

struct policy_client {
	const struct sockaddr *address;
	const char *names;	/* each ended by NUL, the last followed by another; NULL: none */
	enum policy_state state;
};
enum policy_answer {
	POLICY_NO, POLICY_YES,
	POLICY_WAIT,		/* when the names are there */
	POLICY_LATER,		/* they are needed and cannot be found out: a temporary refusal */
};

bool policy_wants_names(const struct config_server *server);	/* a list or reverse-dns may ask for them */
enum policy_answer policy_may_connect(const struct config_server *server, const struct policy_client *client);
enum policy_answer policy_may_relay(const struct config_server *server, const struct policy_client *client,
    bool authenticated);
enum policy_domain policy_domain(const struct config_server *server, const char *domain);
/* `literal`, parsed before ("[192.0.2.1]", "[ipv6:2001:db8::1]"), is this address. */
bool policy_is_literal(const char *literal, const struct sockaddr *local);

#endif
