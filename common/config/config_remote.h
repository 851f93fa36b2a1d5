/* config_remote - the rules for remote hosts: the sections [host PATTERN] of a virtual server */
#ifndef COMMON_CONFIG_CONFIG_REMOTE_H
#define COMMON_CONFIG_CONFIG_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/net.h"

struct config_origin;
struct config_server;
struct config_work;

enum config_remote_provider { CONFIG_PROVIDER_NONE, CONFIG_PROVIDER_MICROSOFT, CONFIG_PROVIDER_GOOGLE };
/* Bits: extensions that are not used though the host offers them. NOTHING: none, whatever others say. */
enum config_without {
	CONFIG_WITHOUT_PIPELINING = 1, CONFIG_WITHOUT_SIZE = 2, CONFIG_WITHOUT_8BITMIME = 4,
	CONFIG_WITHOUT_SMTPUTF8 = 8, CONFIG_WITHOUT_STATUSCODES = 16, CONFIG_WITHOUT_CHUNKING = 32,
	CONFIG_WITHOUT_DSN = 64, CONFIG_WITHOUT_STARTTLS = 128, CONFIG_WITHOUT_BINARYMIME = 256,
	CONFIG_WITHOUT_NOTHING = 512,
};

/* What is 0 was not given: a less exact section may say it. */
struct config_remote {
	char *name;		/* "mx.example.com", "*.example.com", "192.0.2.1", "2001:db8::/32", "*" */
	struct net_entry net;	/* AF_UNSPEC: the pattern is one of names */
	enum config_remote_provider provider;
	unsigned without, mechanisms;	/* enum config_without, enum config_mechanism */
	uint64_t connections, rate, recipients;
	struct config_origin *origin;
};

enum config_remote_key { CONFIG_REMOTE_WITHOUT, CONFIG_REMOTE_MECHANISMS, CONFIG_REMOTE_CONNECTIONS,
    CONFIG_REMOTE_RATE, CONFIG_REMOTE_RECIPIENTS, CONFIG_REMOTE_KEYS };
extern const char *const config_remote_key_names[CONFIG_REMOTE_KEYS];

/* What counts for one host: each key is of the most exact section that has it. */
struct config_remote_rules {
	/* By enum config_remote_key. A limit is CONFIG_UNLIMITED where there is none; mechanisms 0: all */
	uint64_t value[CONFIG_REMOTE_KEYS];
	const struct config_remote *from[CONFIG_REMOTE_KEYS];	/* NULL: no section says it */
	/* The most exact section is one of addresses: each of them counts by itself, not the host's name */
	bool by_address;
};
/*
 * `host`: "mx.example.com", "[192.0.2.1]"; `address` NULL: not known yet, only names are looked at. `domain`:
 * what its [domain] says goes before every section of the host; NULL: nothing.
 */
void config_remote_find(struct config_remote_rules *r, const struct config_server *s,
    const struct config_remote *domain, const char *host, const struct sockaddr *address);
/* What that of a [domain] says alone. */
void config_remote_of_domain(struct config_remote_rules *r, const struct config_remote *domain);
/* Whether the section alone says that key, also by its provider. */
bool config_remote_says(const struct config_remote *remote, enum config_remote_key key);
bool config_remote_is_empty(const struct config_remote *remote);	/* it says none */
/*
 * Whether a pattern, in any form that a section or paused-hosts may have, is of that host; false also when
 * it is none. `address` may be NULL.
 */
bool config_remote_fits(const char *pattern, const char *host, uint16_t port, const struct sockaddr *address);
/* Whether an operator has paused it: paused-hosts of [delivery]. */
bool config_remote_is_paused(const struct config_server *s, const char *host, const struct sockaddr *address);
/* The value comes from the section's provider, not from a key of its own. */
bool config_remote_is_preset(const struct config_remote *remote, enum config_remote_key key);

void config_remote_sort(struct config_server *s);	/* the most exact first; sets `net` */
void config_remote_judge(struct config_work *w, size_t server);

#endif
