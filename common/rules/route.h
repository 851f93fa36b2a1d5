/* route - from a recipient's domain to the hosts for its mail; for deliver and posternctl explain. Pure */
#ifndef COMMON_RULES_ROUTE_H
#define COMMON_RULES_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/address.h"
#include "common/mail/idn.h"
#include "common/mail/verdict.h"
#include "common/config/config_account.h"
#include "common/msg/msg_dns.h"

struct route;

/* Security towards its hosts: by the keys of the remote domain where they are given, else by the server's. */
struct destination_security {
	enum config_outbound_tls tls;
	bool mta_sts;			/* for hosts that only the DNS names */
	bool reported;			/* the same: their sessions are counted for tls-reports */
	bool strict;			/* whoever the host is, it proves its name (REQUIRETLS) */
	struct config_account account;	/* strings belong to the configuration */
	unsigned mechanisms;		/* AUTH_OUT_BIT()s that the account may be used with */
	/* Whose client certificate is shown: of a [domain], "" the server's; NULL none. Of the config */
	const char *certificate;
	const struct config_remote *rules;	/* of a [domain]; NULL: it says none. Of the config */
};

/* Where recipients go: made by route, used by outbound. Jobs with equal `key` share queue and connections. */
struct destination {
	/* "dns:example.com", "hosts:[192.0.2.1]:25,relay.example:587;helo;tls=verify;account=example.com" */
	char *key;
	char *domain;			/* for logs and the per-domain limit */
	bool named;			/* its hosts are named by the configuration */
	bool by_mx;			/* look up MX of `domain`; else `host` in order */
	struct destination_host { char *name; bool literal; uint16_t port; } *host; size_t nhost;
	uint16_t port;			/* for by_mx */
	bool helo;			/* HELO instead of EHLO */
	struct destination_security security;	/* in `key` where it differs from the server's */
};

enum route_kind { ROUTE_LOCAL, ROUTE_DIRECT, ROUTE_HOSTS, ROUTE_REFUSED };

struct route_answer {
	enum route_kind kind;
	const struct destination *hosts;	/* ROUTE_HOSTS: smart hosts; owned by the route */
	const struct destination *fallback;	/* ROUTE_DIRECT: smart hosts to try after it; NULL none */
	uint16_t port;
	bool helo;
	bool paused;			/* by an operator: not to be tried now, whichever way it has */
	bool backlog;			/* waits until its host asks for it (ETRN, ATRN); then as above */
	struct destination_security security;
	const struct config_domain *sender;	/* whose hosts or account these are; NULL: no sender's */
	const char *suffix;			/* what security adds to a key; owned by the route */
	const char *way;			/* what route_want added to that; "" */
	const char *status, *why;		/* ROUTE_REFUSED */
};

/*
 * Parses all smart hosts of the configuration. NULL and *why when one of them is malformed (the judge found
 * it before).
 */
struct route *route_new(const struct config_server *s, const char **why) __attribute__((warn_unused_result));
void route_free(struct route *r);
/* Calls back with each destination whose hosts the configuration names. */
void route_each(const struct route *r, void (*call)(void *arg, const struct destination *d), void *arg);
/* `sender`: of the envelope, as it came; NULL: not known. */
void route_find(const struct route *r, const char *domain, const char *sender, struct route_answer *a);
/*
 * The same for an address of the envelope; returns its domain in ASCII, in `ascii` or in the address itself:
 * "" of a bare one, and as it is when it has no ASCII form.
 */
const char *route_find_address(const struct route *r, const char *address, const char *sender,
    char ascii[IDN_SIZE], struct route_answer *a);
#define ROUTE_KEY_SIZE (4 * DNS_NAME_SIZE + 128)	/* the domain, account, certificate, rules */
/*
 * What a message wants, beside where it goes (RFC 8689): TLS with a proof on the whole way, or its delivery
 * rather than what policies of other domains say.
 */
enum route_want { ROUTE_AS_SET, ROUTE_STRICT, ROUTE_TLS_OPTIONAL };
/* Changes what route_find said. False: outbound-tls is off, and TLS is wanted. */
bool route_want(struct route_answer *a, enum route_want want);
/* The same for hosts that the configuration names: a copy, to be freed with route_destination_done. */
void route_want_hosts(struct destination *to, const struct destination *d, enum route_want want);
/* The key of a direct destination. */
void route_direct_key(char key[ROUTE_KEY_SIZE], const char *domain, const struct route_answer *a);
/* Fills `d`; free with route_destination_done. */
void route_direct(struct destination *d, const char *domain, const struct route_answer *a);
void route_destination_copy(struct destination *to, const struct destination *from);
void route_destination_done(struct destination *d);
/* Whether a connection made under one of them may be used under the other. */
bool route_security_is_same(const struct destination_security *a, const struct destination_security *b);
/* Whether this result of the direct way sends the recipient to the fallback. */
bool route_is_fallback(const struct route *r, const struct verdict *v);
/* Whether a message with so many Received fields goes round in a loop. */
bool route_is_too_far(const struct config_server *s, unsigned hops);
/* "name", "name:587", "[192.0.2.1]", "[2001:db8::1]:25". 0 or -1. */
int route_host_parse(struct destination_host *h, const char *text,
    uint16_t port) __attribute__((warn_unused_result));

#endif
