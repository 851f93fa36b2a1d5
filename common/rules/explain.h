/* explain - what would happen to a message, and which line of the configuration decides it. Pure */
#ifndef COMMON_RULES_EXPLAIN_H
#define COMMON_RULES_EXPLAIN_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/net.h"
#include "common/config/config.h"
#include "common/mail/address.h"
#include "common/rules/policy.h"

enum explain_directory { EXPLAIN_NOT_ASKED, EXPLAIN_FOUND, EXPLAIN_UNKNOWN, EXPLAIN_UNRESOLVED };

struct explain {
	const struct config_server *server;
	const char *from, *rcpt;		/* of the client and of the recipient, as given */
	const char *user, *sender, *size;	/* NULL: not given */
	/* One step; origin, the place in the configuration, and key may be NULL. */
	void (*say)(void *arg, const char *what, const char *origin, const char *key, const char *value);
	/* What the directory says of the recipient, or why it was not asked. NULL: it cannot be asked here */
	enum explain_directory (*ask)(void *arg, const char *address, struct buf *text);
	void *arg;
	/* For explain alone: */
	struct net_address client;
	struct policy_client policy;
	struct address to;
	bool refused;
};

/* The question; -1: `text` says what is wrong with it. */
int explain_judge(struct explain *x, struct buf *text) __attribute__((warn_unused_result));
/* After it: says each step. False: the message would be refused or returned. */
bool explain_answer(struct explain *x);
/* For explain_answer: a step for each mail filter that is asked, before the 250. */
void explain_filter_say_all(const struct explain *x);

#endif
