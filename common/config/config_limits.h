/* config_limits - [limits] of postern.ini: limits that several nodes share in an engine */
#ifndef COMMON_CONFIG_CONFIG_LIMITS_H
#define COMMON_CONFIG_CONFIG_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct config;

enum config_on_loss { CONFIG_LOSS_SHARE, CONFIG_LOSS_CLOSED };

struct config_limits {
	char *engine;			/* "inet:127.0.0.1:6379", "unix:/run/x.sock"; NULL: none */
	char *user, *password_file;	/* NULL not set */
	char *prefix;
	char *node;			/* NULL: the hostname */
	uint32_t nodes;
	enum config_on_loss on_loss;
	uint64_t lease;			/* ms */
};

bool config_limits_are_shared(const struct config *c);		/* there is an engine */
/* Whether the limits helper that runs on `a` can stay when `b` comes. */
bool config_limits_same(const struct config_limits *a, const struct config_limits *b);

#endif
