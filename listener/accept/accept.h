/* accept - who may come in; one block a file */
#ifndef LISTENER_ACCEPT_ACCEPT_H
#define LISTENER_ACCEPT_ACCEPT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/rules/policy.h"

struct boot;
struct client_count;
struct client_limit;
struct gatekeeper;
struct inbound_view;
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

/* Version 2: addresses and TLVs; what HAProxy and clouds send is some hundred */
#define PROXY_LENGTH_MAX 4096U
#define PROXY_KEPT_MAX 108U	/* a whole line of version 1, or the head and addresses of version 2 */

struct proxy {
	enum proxy_state {
		PROXY_MORE,
		PROXY_CLIENT,	/* `from` and `to` are filled */
		PROXY_ITSELF,	/* LOCAL, UNKNOWN: the peer speaks for itself */
		PROXY_BAD,	/* `why` says */
	} state;
	enum proxy_kind { PROXY_UNDECIDED, PROXY_LINE, PROXY_BINARY } kind;
	const char *why;
	union proxy_address from, to;
	size_t len, left;	/* kept; still to come (version 2) */
	char head[PROXY_KEPT_MAX];
};

void proxy_init(struct proxy *p);
/* Bytes used: all while it says PROXY_MORE, else up to and with the header's last. */
size_t proxy_take(struct proxy *p, const char *data, size_t len);

/* --- gatekeeper: the listening sockets --- */

/* Somebody at the door. */
struct gatekeeper_client {
	int fd;
	unsigned listen;			/* which socket: index into config_server.listen */
	union proxy_address client, reached;	/* reached: family 0 unless a PROXY header said it */
	char *names;				/* as in struct policy_client; owned */
	enum policy_state state;
	bool placed, counted;			/* in connection-limit; in connection-limit-per-client */
};

struct gatekeeper *gatekeeper_open(struct listener *l);		/* watches all of them */
/*
 * The address is known: lets in, turns away, or has the names looked up first. Takes over what `guest` holds.
 */
void gatekeeper_judge(struct gatekeeper *g, struct gatekeeper_client *guest);
/* Closes without a word; an event when there is a reason. Takes over what `guest` holds. */
void gatekeeper_dismiss(struct gatekeeper *g, struct gatekeeper_client *guest, const char *why);
/* Accepts no more; what the kernel has queued is taken first */
void gatekeeper_shut(struct gatekeeper *g);
/* Accepts no more; the queue is left for the next process */
void gatekeeper_leave(struct gatekeeper *g);
void gatekeeper_close(struct gatekeeper *g);			/* accepts no more, for good */
void gatekeeper_reopen(struct gatekeeper *g);
void gatekeeper_free(struct gatekeeper *g);

/* --- pending: connections that are not let in yet --- */

struct pending *pending_new(struct listener *l);
void pending_free(struct pending *p);
/* Takes over what the guest holds; false: no room, nothing is taken over. */
bool pending_await_header(struct pending *p, const struct gatekeeper_client *guest);
bool pending_await_names(struct pending *p, const struct gatekeeper_client *guest);
bool pending_is_empty(const struct pending *p);
/*
 * For register, in the order of their serials: the first (`at` NULL) or next one, what is to be seen of it,
 * its end without a word.
 */
struct pending_client *pending_next(const struct pending *p, struct pending_client *at);
void pending_look(const struct pending_client *at, struct inbound_view *v);
void pending_terminate(struct pending_client *at);
void pending_stop(struct pending *p);		/* turns all away */

/*
 * --- client_limit: concurrent connections per client address, over all processes of the virtual server ---
 */

/* NULL: unlimited */
struct client_limit *client_limit_new(uint64_t per_client, struct client_count *client_count, unsigned slot);
void client_limit_free(struct client_limit *t);
/* false: that client has its share already */
bool client_limit_take(struct client_limit *t, const struct sockaddr *client);
void client_limit_give(struct client_limit *t, const struct sockaddr *client);

/* --- rdns: the names of a client, confirmed --- */

struct rdns *rdns_new(struct boot *b);
void rdns_free(struct rdns *r);			/* nobody is called any more; NULL is fine */
void rdns_channel(struct rdns *r, int fd);	/* takes over `fd` */
/*
 * Asks. `done` comes later, once, unless it is forgotten before: POLICY_NAMED with the names in the form of
 * struct policy_client, owned by it (NULL: none), or POLICY_TROUBLE; then the query is no more. NULL: too
 * many are under way.
 */
struct rdns_query *rdns_ask(struct rdns *r, const struct sockaddr *sa,
    void (*done)(void *arg, enum policy_state state, char *names), void *arg);
void rdns_forget(struct rdns_query *q);		/* NULL is fine */

/* --- ptr_name: names of addresses; pure --- */

#define PTR_NAME_SIZE 80

/* "1.2.0.192.in-addr.ptr_name"; `dst` of PTR_NAME_SIZE */
void ptr_name_name(char *dst, const struct sockaddr *sa);
uint16_t ptr_name_type(const struct sockaddr *sa);		/* DNS_A or DNS_AAAA */
/* The address is among the records */
bool ptr_name_confirms(const struct msg_dns_answer *a, const struct sockaddr *sa);

#endif
