/* listener - the listener worker */
#ifndef LISTENER_LISTENER_H
#define LISTENER_LISTENER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/boot/boot.h"

struct client_limit;
struct client_shares;
struct config_server;
struct conn_env;
struct ctl_client;
struct ebb;
struct queue_room;
struct gatekeeper;
struct inbound;
struct loop_timer;
struct pending;
struct log_sender;
struct pool;
struct queue_writer;
struct rdns;
struct recipient_check;
struct scratch_writer;
struct tls_files;
struct w3clog;

/* --- listener: the process --- */

/* Paused can become open again; draining and stopping go on to the end of the process. */
enum listener_state { LISTENER_OPEN, LISTENER_PAUSED, LISTENER_DRAINING, LISTENER_STOPPING };

/* What the configuration says, or what the machine has: see ceilings. */
struct ceilings {
	uint64_t memory;	/* bytes of all sessions of this process; UINT64_MAX: unlimited */
	uint64_t messages, sessions;	/* the most that either may hold of it */
	uint64_t session;	/* of which each session has these at least */
	uint64_t connections, per_client;	/* of all processes; CONFIG_UNLIMITED */
	bool is_derived;	/* per_client; not for loopback then: what runs here, a proxy, a tunnel */
};

TAILQ_HEAD(inbound_list, inbound);
#define LISTENER_WEIGHTS 8
struct listener {
	struct boot *boot;
	const struct config_server *server;
	enum listener_state state;
	bool ended;			/* the process leaves its loop */
	struct conn_env *conn_env;
	struct pool *pool;
	struct queue_writer *queue_writer;
	struct scratch_writer *scratch_writer;	/* NULL: no mail filters */
	struct w3clog *log;		/* NULL: none is kept */
	struct log_sender *log_sender;
	struct queue_room *queue_room;
	struct ceilings ceilings;
	size_t held, held_messages;	/* bytes of all sessions; of which for messages; see inbound_memory */
	struct client_limit *client_limit;	/* NULL: unlimited */
	struct client_shares *client_shares;	/* NULL: this node counts alone */
	/* Questions to other processes. NULL: this configuration never asks that one. */
	struct ctl_client *helper[CTL_HELPER_COUNT];
	struct rdns *rdns;		/* NULL: no list and no key needs names of clients */
	struct recipient_check *recipient_check;	/* NULL: no directory */
	struct tls_files *tls_files;	/* NULL: no TLS */
	struct gatekeeper *gatekeeper;	/* NULL: certificates or a count are to come */
	unsigned missing;		/* what of that is not there yet */
	struct pending *pending;
	struct inbound_list sessions;
	struct inbound_list heavy[LISTENER_WEIGHTS];	/* of those without a message; see inbound_memory */
	struct loop_timer *relief;
	struct ebb *ebb;		/* of held */
	void (*shed)(struct inbound *c);
	struct inbound_list long_lines;	/* those with a long line of AUTH, the oldest first */
	unsigned long_count;
	uint32_t serial;		/* of the latest connection */
	struct loop_timer *grace;
	/* A session has left `sessions`, or lines were written. */
	void (*session_ended)(struct listener *l);
};
extern const struct boot_role listener_role;

#endif
