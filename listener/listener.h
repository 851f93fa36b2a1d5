/* listener - the listener worker */
#ifndef LISTENER_LISTENER_H
#define LISTENER_LISTENER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/boot/boot.h"

struct boot;
struct client_limit;
struct config_server;
struct conn_env;
struct ctl_client;
struct drop_quota;
struct enqueue;
struct gatekeeper;
struct loop_timer;
struct pending;
struct pool;
struct rdns;
struct recipient_check;
struct spool;
struct tls_files;
struct w3clog;

/* --- listener: the process --- */

enum listener_mood { LISTENER_OPEN, LISTENER_PAUSED, LISTENER_DRAINING, LISTENER_STOPPING };

TAILQ_HEAD(inbound_list, inbound);
struct listener {
	struct boot *boot;
	const struct config_server *server;
	enum listener_mood mood;
	struct conn_env *env;
	struct spool *spool;
	struct pool *pool;
	struct enqueue *enqueue;
	struct w3clog *log;		/* NULL: none is kept */
	struct drop_quota *quota;
	struct client_limit *limit;
	struct ctl_client *auth_in_client;	/* NULL: nobody wanted to authenticate yet */
	struct ctl_client *claim;		/* NULL: nobody asked for held mail yet */
	struct tls_files *secure;		/* NULL: no TLS */
	struct gatekeeper *gate;		/* NULL: certificates are still to come */
	struct pending *pending;
	struct rdns *rdns;
	struct recipient_check *seek;		/* NULL: no directory */
	bool wants_names;
	uint32_t serial;		/* of the latest session */
	struct inbound_list sessions;
	struct loop_timer *grace;
	bool ended;
};
extern const struct boot_role listener_role;
/* All that is needed is here: accept, and say so to the master */
void listener_serve(struct listener *l);
void listener_check_idle(struct listener *l);	/* draining or stopping, and the last session has gone: end */

#endif
