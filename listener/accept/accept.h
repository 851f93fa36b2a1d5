/* accept - from the listening sockets to a client that may speak SMTP; one block a file */
#ifndef LISTENER_ACCEPT_ACCEPT_H
#define LISTENER_ACCEPT_ACCEPT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/rules/policy.h"

struct boot;
struct ceilings;
struct client_count;
struct client_limit;
struct client_shares;
struct config_server;
struct ctl_client;
struct gatekeeper;
struct listener;
struct msg_dns_answer;
struct pending;
struct pending_client;
struct rdns;
struct rdns_query;

/* --- proxy: the PROXY protocol's header, versions 1 and 2; pure --- */

/* An IPv4 or IPv6 address and its port. */
union proxy_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Version 2: addresses and TLVs, in bytes. HAProxy and cloud balancers send a few hundred. */
#define PROXY_LENGTH_MAX 4096U
#define PROXY_STORED_MAX 108U	/* a whole line of version 1, or the head and addresses of version 2 */

struct proxy {
	enum proxy_state {
		PROXY_MORE,
		PROXY_CLIENT,	/* `from` and `to` are filled */
		PROXY_ITSELF,	/* LOCAL, UNKNOWN: the peer itself is the client */
		PROXY_BAD,	/* `why` tells */
	} state;
	enum proxy_kind { PROXY_UNDECIDED, PROXY_LINE, PROXY_BINARY } kind;
	const char *why;
	union proxy_address from, to;
	size_t len, left;	/* stored in `head`; still to come (version 2) */
	char head[PROXY_STORED_MAX];
};

void proxy_init(struct proxy *p);
/* Bytes used: all while the state is PROXY_MORE, else up to and with the last byte of the header. */
size_t proxy_take(struct proxy *p, const char *data, size_t len);

/* --- gatekeeper: the listening sockets, and which clients may come in --- */

/* A client on its way in. Taken over with its descriptor, its names and its places in the limits. */
struct gatekeeper_client {
	int fd;
	unsigned listen;			/* which socket: index into config_server.listen */
	/* reached: the address that the client connected to, by a PROXY header; family 0: there was none */
	union proxy_address address, reached;
	char *names;				/* as in struct policy_client; owned */
	enum policy_state state;
	bool placed, counted;			/* in connection-limit; in connection-limit-per-client */
};

/* Accepts on all of them. `admit` takes over each client that may speak SMTP. */
struct gatekeeper *gatekeeper_open(struct listener *l,
    void (*admit)(void *arg, struct gatekeeper_client *client), void *arg);
void gatekeeper_free(struct gatekeeper *g);	/* NULL is fine, here and in the next four */
void gatekeeper_pause(struct gatekeeper *g);	/* takes what the kernel has queued, then accepts no more */
void gatekeeper_stop(struct gatekeeper *g);	/* accepts no more, and leaves the kernel's queue */
void gatekeeper_close(struct gatekeeper *g);	/* the same, and closes the sockets here */
void gatekeeper_continue(struct gatekeeper *g);	/* accepts again */
/* The address is known: admits the client, refuses it, or asks for its names first. Takes it over. */
void gatekeeper_check_client(struct gatekeeper *g, struct gatekeeper_client *client);
/* Closes without a reply; with an event when there is a reason (NULL: none). Takes the client over. */
void gatekeeper_close_client(struct gatekeeper *g, struct gatekeeper_client *client, const char *why);

/* --- pending: clients that wait for their PROXY header or their names before they are let in --- */

/* What became of a client. One of the two is called, once, and takes the client over. */
struct pending_ops {
	/* Its address is known, and its names if the lists need them: gatekeeper_check_client() */
	void (*known)(void *arg, struct gatekeeper_client *client);
	/* It may not come in, or has waited too long: gatekeeper_close_client() */
	void (*failed)(void *arg, struct gatekeeper_client *client, const char *why);
};
/* What an operator sees of a client; strings belong to it. */
struct pending_view {
	uint32_t serial;
	const struct sockaddr *address;
	const char *ip, *state;		/* "proxy": waits for the header; "lookup": for names */
	uint64_t age_ms;
};

struct pending *pending_new(struct listener *l, const struct pending_ops *ops, void *arg);
void pending_free(struct pending *p);		/* pending_stop() first; NULL is fine */
void pending_stop(struct pending *p);		/* all fail */
/* Take the client over. False: no room, the client stays the caller's. */
bool pending_read_header(struct pending *p, const struct gatekeeper_client *client);
bool pending_ask_names(struct pending *p, const struct gatekeeper_client *client);
bool pending_is_empty(const struct pending *p);
/* In the order of their serials: the first (`at` NULL) or the next one. Terminate: it fails. */
struct pending_client *pending_next(const struct pending *p, struct pending_client *at);
void pending_view(const struct pending_client *at, struct pending_view *v);
void pending_terminate(struct pending_client *at);

/* --- ceilings: the limits that hold the machine; struct ceilings is in listener.h --- */

#define CEILINGS_MESSAGE (290U << 10)	/* what a message may hold on its way: see queue_message */

/*
 * From the configuration, the number of listeners, bytes of memory for all of them and descriptors of one,
 * where it leaves a limit to us.
 */
void ceilings_set(struct ceilings *c, const struct config_server *s, unsigned processes, uint64_t memory,
    uint64_t descriptors);
/* Those of this machine, which so many virtual servers share. */
void ceilings_find(struct ceilings *c, const struct config_server *s, size_t servers);

/* --- client_limit: connections per client, over all processes of the virtual server --- */

/*
 * A client is a network: the first `v4` and `v6` bits of its address. NULL: there is no limit. `c` stays the
 * caller's.
 */
struct client_limit *client_limit_new(const struct ceilings *c, unsigned v4, unsigned v6,
    struct client_count *client_count, unsigned slot);
/* All nodes count together; NULL: this one alone. They stay the caller's. */
void client_limit_share(struct client_limit *t, struct client_shares *shares);
void client_limit_free(struct client_limit *t);
/* false: this address has its share already. Both: `t` may be NULL. */
bool client_limit_take(struct client_limit *t, const struct sockaddr *client);
void client_limit_give(struct client_limit *t, const struct sockaddr *client);

/* --- client_share: what this node may have of a client's connections that all nodes count --- */
/* NULL: no other node counts with us. */
struct client_shares *client_share_open(struct listener *l, const struct ceilings *c,
    struct client_count *count);
void client_share_close(struct client_shares *all);	/* after the helpers' channels; NULL is fine */
/* Connections that the client may have at this node now; one more is about to come. */
uint64_t client_share_most(struct client_shares *all, const uint8_t key[16]);

/* --- rdns: the names of a client, confirmed --- */

/* `resolver` (dns_client_new) stays the caller's, to be freed before rdns_free(): it knows the queries. */
struct rdns *rdns_new(struct boot *b, struct ctl_client *resolver);
void rdns_free(struct rdns *r);			/* nothing is called any more; NULL is fine */
/*
 * Asks. `done` comes later, once, unless it is forgotten before: POLICY_NAMED with the names in the form of
 * struct policy_client, owned by it (NULL: none), or POLICY_TROUBLE; then the query is no more. NULL: too
 * many are under way.
 */
struct rdns_query *rdns_ask(struct rdns *r, const struct sockaddr *sa,
    void (*done)(void *arg, enum policy_state state, char *names), void *arg);
void rdns_forget(struct rdns_query *q);		/* NULL is fine */

/* --- ptr_name: whether the DNS confirms a name of an address; pure --- */

/* DNS_A or DNS_AAAA: where a name of this address is confirmed. */
uint16_t ptr_name_type(const struct sockaddr *sa);
/* The address is among the records. */
bool ptr_name_confirms(const struct msg_dns_answer *a, const struct sockaddr *sa);

#endif
