/*
 * master - what all of the supervisor knows of: the service, its virtual servers, the places of its children
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/net.h"
#include "common/config/config.h"
#include "common/ipc/ctl.h"

struct buf;
struct child;
struct child_ops;
struct config;
struct config_fault;
struct config_server;
struct control;
struct counters;
struct loop;
struct loop_timer;
struct master;
struct server;
struct tls_renewal;

#define MASTER_TEXT_MAX (1U << 20)	/* cap of any text made for people */

/* The numbers are those of the original (ServerState). */
enum state {
	STATE_STARTING = 1, STATE_STARTED, STATE_STOPPING, STATE_STOPPED, STATE_PAUSING, STATE_PAUSED,
	    STATE_CONTINUING,
	STATE_COUNT
};
enum state_event {
	EVENT_START, EVENT_STOP, EVENT_PAUSE, EVENT_CONTINUE,	/* orders */
	EVENT_READY,		/* all children are */
	EVENT_PAUSED,		/* all listeners are */
	EVENT_CONTINUED,	/* all listeners have */
	EVENT_GONE,		/* no child is left */
	EVENT_FAILED,		/* what the state's act tried cannot be done */
	EVENT_REFUSED,		/* a worker says that it cannot work so */
	EVENT_COUNT
};
enum state_kind { STATE_IGNORE, STATE_GO, STATE_ALREADY, STATE_REFUSE };
enum state_act {
	ACT_NONE,
	ACT_OPEN,		/* sockets, children */
	ACT_CLOSE,		/* tell the children to end, end the sockets */
	ACT_PAUSE,		/* tell the listeners */
	ACT_SHUT,		/* stop the sockets listening */
	ACT_CONTINUE,		/* sockets listen, tell the listeners */
};

enum role { ROLE_LISTENER, ROLE_PICKUP, ROLE_DELIVER, ROLE_RESOLVER, ROLE_AUTH, ROLE_METRICS, ROLE_FETCH,
    ROLE_DIRECTORY, ROLE_MAINTENANCE, ROLE_COUNT };

/* Of a place: how often its child failed. */
struct restart_record {
	unsigned failures;		/* in a row */
};

/* A place one child should fill. */
struct post {
	struct master *m;
	struct server *server;		/* NULL: a helper */
	enum role role;
	struct child *child;
	struct restart_record record;
	struct loop_timer *again;	/* back-off; not set: fill at once */
};

struct listen_socket {
	int fd;
	bool placeholder;	/* the host has no such address family */
	struct net_address address;
	char *text;
};

struct listen_set {
	struct listen_socket *socket;
	size_t count;
};

struct control_rights {
	uid_t *uid;
	gid_t *gid;
	size_t nuid, ngid;
};

/* A configuration and its sealed copy, shared by the servers that run on it. */
struct snapshot {
	struct config *config;
	int fd;
	unsigned users;
};

struct server {
	TAILQ_ENTRY(server) link;
	struct master *m;
	char name[CONFIG_NAME_MAX + 1];
	struct snapshot *snapshot;		/* NULL: its file has faults */
	const struct config_server *conf;	/* in the snapshot, or NULL */
	struct control_rights rights;
	enum state state;
	bool wanted;			/* should run */
	bool removed;			/* forget it once it has stopped */
	bool renewing;			/* a reload is under way */
	/* A child crashed since the last order or reload and not all are ready */
	bool trouble;
	char *reason;			/* why it is not as wanted, or NULL */
	struct listen_set sockets, leaving;	/* leaving: until the old listeners drain */
	struct counters *counters;
	int counters_fd;
	int hint[2];			/* reading end, writing end */
	struct tls_renewal *tls_renewal;	/* NULL: no TLS until now */
	struct post *post;
	size_t posts;
	struct maintenance_post {		/* while it is stopped */
		struct post post;
		struct loop_timer *idle;
		bool read;		/* it knows its queue */
		char *why;		/* why there is none, or NULL */
	} maintenance;
};

struct master_options {
	bool foreground, greet;
	const char *config_path;	/* absolute */
	const char *start;		/* also start this virtual server, or NULL */
};

struct daemon_pidfile {
	char *path;
	int fd;
};

/* What the parts ask of the whole; service has them. */
struct master_ops {
	/* Something changed: readiness, end, title, waiting commands. Frees commands and their questions. */
	void (*changed)(struct master *m);
	void (*stop)(struct master *m, bool hurry);
	/* Goes over to the configuration on disk; `text` and `status` say what came of it. */
	void (*reload)(struct master *m, struct buf *text, int *status);
};

struct master {
	const struct master_ops *ops;
	const struct child_ops *child_ops;
	struct master_options options;
	struct snapshot *snapshot;	/* the latest that was read */
	struct control_rights rights;		/* [service] operators */
	uid_t uid; gid_t gid;		/* of workers; -1 when not root */
	struct loop *loop;
	struct control *control;
	TAILQ_HEAD(, server) servers;	/* by id */
	TAILQ_HEAD(, child) children;
	TAILQ_HEAD(, control_question) questions;	/* to children, on behalf of commands */
	uint32_t requests;		/* number of the latest question to a child */
	struct post helper[CTL_HELPER_COUNT];
	struct loop_timer *helper_timer;
	struct post metrics;		/* the metrics helper's, and its sockets */
	struct listen_set metrics_sockets;
	struct daemon_pidfile pidfile;
	int parent;			/* whom to tell of readiness, -1 */
	struct buf refusals;		/* what did not start, for the parent */
	bool ready, stopping, reloading;
	char *program_folder;
};

/* How long children may take to end, in ms. */
static inline uint64_t
master_grace(const struct master *m)
{
	return m->snapshot->config->service.grace;
}

/* --- service: the whole, from start to end --- */

/* Everything until the service has stopped; the exit status. */
int service_run(const struct master_options *o);

/* --- child_events: what birth, messages and death of a child do to the parts above the processes --- */

extern const struct child_ops child_events;

/* --- daemon: background, readiness, the pid file --- */

/* Locks; dies (EX_UNAVAILABLE) when another master has it. */
void daemon_lock(struct daemon_pidfile *p, const char *folder);
void daemon_write_pid(struct daemon_pidfile *p);
void daemon_unlock(struct daemon_pidfile *p);
/*
 * The child returns with a descriptor for daemon_report; the parent waits for that report and exits with it.
 */
int daemon_background(void);
/*
 * Ends the parent's wait: prints `text` (may be "") and exits 0; `fd` is closed, standard streams go to
 * /dev/null.
 */
void daemon_report(int fd, const char *text);

/* --- signals --- */

void signals_take(struct master *m);

/* --- notify --- */

/* One message for systemd ("READY=1"); nothing without NOTIFY_SOCKET. */
void notify_send(const char *text);

/* --- make_folder --- */

/*
 * Makes a missing folder and its missing parents (0755). A new one belongs to uid:gid ((uid_t)-1: as is). 0
 * or -1.
 */
int make_folder_make(const char *path, mode_t mode, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
/* Home, logs and folders outside of home for one virtual server. 0, or -1 with errno and *where. */
int make_folder_make_server(const struct config_server *s, uid_t uid, gid_t gid, const char **where)
	__attribute__((warn_unused_result));

/* --- first_hint --- */

void first_hint_newcomer(const struct master *m);

#endif
