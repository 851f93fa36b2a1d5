/* master - state that all parts of the supervisor know: the service, its virtual servers, their processes */
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

struct child;
struct change_request;
struct child_ops;
struct config_candidate;
struct config_fault;
struct config_faults;
struct config_files;
struct config_server;
struct control;
struct ctl_client;
struct counters;
struct file_watch;
struct health_disk;
struct heritage;
struct loop;
struct loop_timer;
struct master;
struct server;
struct sampler;
struct takeover;
struct tls_renewal;
struct upgrade;

#define MASTER_TEXT_MAX (1U << 20)	/* bytes; limit of any text made for people */

/* The numbers are those of the original (ServerState). */
enum state {
	STATE_STARTING = 1, STATE_STARTED, STATE_STOPPING, STATE_STOPPED, STATE_PAUSING, STATE_PAUSED,
	STATE_CONTINUING,
	STATE_COUNT
};
enum state_event {
	EVENT_START, EVENT_STOP, EVENT_PAUSE, EVENT_CONTINUE, EVENT_DRAIN,	/* commands */
	EVENT_READY,		/* all children are ready */
	EVENT_PAUSED,		/* all listeners have paused */
	EVENT_CONTINUED,	/* all listeners have continued */
	EVENT_GONE,		/* no child is left */
	EVENT_FAILED,		/* the act of the state failed */
	EVENT_REFUSED,		/* a worker refuses to work with this configuration */
	EVENT_COUNT
};
enum state_kind { STATE_IGNORE, STATE_GO, STATE_ALREADY, STATE_REFUSE };
enum state_act {
	ACT_NONE,
	ACT_OPEN,		/* open the sockets, start the children */
	ACT_CLOSE,		/* tell the children to end, close the sockets */
	ACT_PAUSE,		/* tell the listeners to accept nothing */
	ACT_DRAIN,		/* end what takes mail; what delivers goes on */
	ACT_SHUT,		/* the sockets stop listening */
	ACT_CONTINUE,		/* the sockets listen, tell the listeners to accept */
};

enum role { ROLE_LISTENER, ROLE_PICKUP, ROLE_DELIVER, ROLE_RESOLVER, ROLE_AUTH, ROLE_METRICS, ROLE_FETCH,
    ROLE_DIRECTORY, ROLE_MAINTENANCE, ROLE_WEB, ROLE_FILTER, ROLE_LIMITS, ROLE_COUNT };

/* How often the child of one post failed. */
struct restart_record {
	unsigned failures;		/* one after the other */
};

/* The latest crashes of the processes of a virtual server, or of the helpers. */
#define CRASH_RECORD_OFTEN 3U		/* so many ... */
#define CRASH_RECORD_MS 600000U		/* ... within so long are often */
struct crash_record {
	uint64_t at[CRASH_RECORD_OFTEN];	/* monotonic ms, the latest first; 0 none */
	enum role role;			/* of the latest */
	char words[160];
};

/* A place that one process should fill. */
struct post {
	struct master *m;
	struct server *server;		/* NULL: a helper */
	enum role role; const char *name;	/* of its program; NULL: that of the role */
	struct child *child;
	struct restart_record record;
	struct loop_timer *again;	/* set: wait before the next start; else start at once */
	bool waits;			/* ... and not just for this turn of the loop */
	bool closed;			/* it takes mail, and the virtual server drains */
	const struct listen_set *sockets;	/* of a helper that serves addresses; else NULL */
};

struct listen_refusal;

struct listen_socket {
	int fd;
	bool placeholder;	/* keeps the place in the order; the host has no such address family */
	bool paused;
	struct listen_refusal *refusal;	/* paused, but a wildcard covers it: its clients are turned away */
	struct net_address address;
	char *text;
};

struct listen_set {
	struct listen_socket *socket;
	size_t count;
	char *missing;		/* of service_sockets: which could not be opened and why, or NULL */
};

/* A helper that runs while the configuration has addresses for it. */
struct socket_post {
	struct post post;
	struct listen_set sockets;
	size_t wanted;			/* offset of the addresses in struct config_service */
	void (*started)(struct master *m);	/* NULL: nothing */
};

/* What an operator or a viewer may do: each has those before it. */
enum control_right { CONTROL_NONE, CONTROL_LOOK, CONTROL_OPERATE, CONTROL_CONFIGURE };

/* Users and groups that one key names. */
struct control_rights {
	uid_t *uid;
	gid_t *gid;
	char **login;			/* login_name */
	size_t nuid, ngid, nlogin;
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
	struct snapshot *snapshot;		/* NULL: its INI file has errors */
	const struct config_server *conf, *commit_of;	/* in the snapshot, or NULL; that of `commit` */
	int own_config;			/* its part of the snapshot, for its workers; -1: not made yet */
	struct control_rights operators, viewers;
	enum state state;
	bool wanted, queue_counted;	/* should run; a process counted its queue, and nothing came since */
	bool home_lost;			/* to another service; no operator has said anything since */
	bool removed, renewing;		/* removed: its INI file is gone; forget it when it has stopped */
	bool trouble;	/* a child crashed since the last command or reload, and not all are ready again */
	struct crash_record crashes;
	char *reason;			/* why it is not as wanted, or NULL */
	struct listen_set sockets, leaving;	/* leaving: old ones, until the old listeners drain */
	struct listen_set guard;	/* of one that is stopped: they turn clients away from a wildcard */
	char *addresses;		/* all but wildcards, one a line; listen_others */
	bool shut;			/* connections are refused: no listener is there to take them */
	struct loop_timer *reopen;	/* of sockets that are shut and could not be opened */
	struct listen_arrival *arrival;	/* of an address that this host does not have yet */
	struct counters *counters;
	int counters_fd;
	struct sampler *sampler;
	int hint[2];			/* reading end, writing end */
	struct tls_renewal *tls_renewal;	/* NULL: no TLS until now */
	struct post *post;
	size_t posts;
	TAILQ_HEAD(, child) children;		/* with and without a post; also in those of the master */
	struct commit_way *commit;	/* for the status: as its workers found it; NULL: not asked */
	struct maintenance_post {		/* serves operators while it is stopped */
		struct post post;
		struct loop_timer *idle;
		bool read;		/* the process has read the whole queue */
		char *why;		/* why there is no process, or NULL */
	} maintenance;
};

struct master_options {
	bool foreground, greet;
	const char *config_path;	/* absolute */
	bool installed;			/* that of the installed service */
	const char *start;		/* also start this virtual server, or NULL */
	int take_over;			/* descriptor of the state of the program before; -1 none */
};

struct daemon_pidfile {
	char *path;
	int fd;
};

struct watchdog {
	uint64_t every_ms, told_ms;	/* told: monotonic, the latest message */
	struct loop_timer *timer;	/* NULL: systemd does not watch */
};

/* What the parts ask of the whole; in service.c. */
struct master_ops {
	/* State may have changed: readiness, end, title, waiting commands. Frees commands that are done. */
	void (*changed)(struct master *m);
	void (*stop)(struct master *m, bool hurry);
	void (*lists_changed)(struct master *m);	/* files with lists of addresses */
	/*
	 * Takes over the configuration on disk, or the one that was read with `candidate` in it; adds to
	 * `text` and sets `status`, both for the operator.
	 */
	void (*reload)(struct master *m, const char *only, const struct config_candidate *candidate,
	    struct buf *text, int *status);
	/* Of upgrade.h */
	bool (*upgrade)(struct master *m, struct buf *text, int *status);
	bool (*upgrade_result)(struct master *m, struct buf *text, int *status);
};

struct master {
	const struct master_ops *ops;
	const struct child_ops *child_ops;
	struct master_options options;
	struct snapshot *snapshot;	/* the latest that was read */
	/* INI files of the latest reload, when the faults let nothing of them be taken over; or NULL */
	struct config_files *refused;
	struct change_request *changing;	/* a change of the configuration under way, or NULL */
	struct config_faults *told;	/* of the latest reading of INI files or lists; they are in the log */
	struct control_rights operators, viewers;	/* of [service] */
	uid_t uid; gid_t gid;		/* user and group of those that own mail; -1 when not root */
	struct loop *loop;
	struct control *control;
	uint32_t readings;		/* of the INI set, so far */
	struct health_disk *health_disk;	/* what status --check found on disk, or NULL */
	TAILQ_HEAD(, server) servers;	/* in the order of their ids */
	TAILQ_HEAD(, child) children, wishing;	/* wishing: want a channel to a helper */
	TAILQ_HEAD(, control_question) questions;	/* to children, for commands */
	TAILQ_HEAD(, control_caller) callers;	/* of commands */
	uint32_t requests;		/* number of the latest question to a child */
	struct post helper[CTL_HELPER_COUNT];
	struct loop_timer *helper_timer;
	struct crash_record crashes;	/* of helpers */
	struct file_watch *file_watch;
	struct loop_timer *sampler_timer, *health_timer;
	struct socket_post metrics, web;
	struct ctl_client *auth;	/* questions to the auth helper: logins to the manager */
	struct web_sessions *web_sessions;	/* of those who logged in there */
	struct daemon_pidfile pidfile;
	struct watchdog watchdog;
	int event_file;			/* takes events; -1: no file does */
	int parent;			/* pipe to the waiting parent; -1: none */
	struct buf refusals;		/* what went wrong at the start; for the parent */
	bool names_stay;		/* a change by command: equal names of users are not looked up */
	TAILQ_HEAD(, web_account) logins;	/* to the manager, that the auth helper judges */
	bool wants_auth;		/* m->auth needs a channel */
	bool ready, stopping, reloading;
	unsigned starting;			/* children that are not ready yet, and not killed */
	bool starts_wait;			/* places wait until others have started: roster_go_on */
	struct spawn_space {			/* SPAWN_EXEC_FILES descriptors; tables can be split */
		int block; bool shares;
	} spawn;
	int filter[ROLE_COUNT][2];	/* of sandbox_make_filter, without and with syslog; 0: not made yet */
	char *others;			/* whose addresses are known to all: listen_others */
	char *program, *program_folder;	/* what was executed, and where the others are */
	bool upgrading;			/* an upgrade waits: what would hold it up is not begun */
	struct upgrade *upgrade;	/* one that is under way, or has failed; or NULL */
	TAILQ_HEAD(, heritage) heritages;	/* of an upgrade, until the virtual servers are made */
	struct takeover *takeover;	/* what else came from there, until the service is ready; or NULL */
};

/* Time that children have to end, in ms. */
static inline uint64_t
master_grace(const struct master *m)
{
	return m->snapshot->config->service.grace;
}

/* --- service: the whole service, from start to end --- */

/* Returns when the service has stopped: the exit status. */
int service_run(const struct master_options *o);

/* --- child_events: what birth, messages and death of a child do above the processes --- */

extern const struct child_ops child_events;

/* --- daemon: background, readiness, the pid file --- */

/* Locks the pid file in `folder`; dies (EX_UNAVAILABLE) when another master has the lock. */
void daemon_lock(struct daemon_pidfile *p, const char *folder);
/* The lock is there already, in this process. */
void daemon_keep_lock(struct daemon_pidfile *p, const char *folder, int fd);
void daemon_write_pid(struct daemon_pidfile *p);
void daemon_unlock(struct daemon_pidfile *p);
/*
 * Forks. The child returns, with the descriptor for daemon_report; the parent waits for the report, prints it
 * and exits.
 */
int daemon_background(void);
/* The parent prints `text` (perhaps "") and exits with 0. Closes `fd`; standard streams go to /dev/null. */
void daemon_report(int fd, const char *text);

/* --- event_log: where the events of all processes go --- */

void event_log_prepare(struct master *m);	/* the first events go there, if nothing is to be opened */
void event_log_open(struct master *m);		/* the file, if one is named */
/* Events go there from now on; the parent is told when nothing takes them. */
void event_log_begin(struct master *m);
/* Whether its events can go where it says, or can stay where they are: 0, or -1 and `why`. */
int event_log_try(const struct master *m, const struct config_service *s, char *why, size_t size)
	__attribute__((warn_unused_result));
/* Opens the file again, for all processes; a fault is added to `text`, and to `status` when it is 0. */
void event_log_renew(struct master *m, struct buf *text, int *status);
/* The descriptor for the standard outputs of a child; `null` is one of /dev/null. */
int event_log_output(const struct master *m, int null);
struct child;
enum log_sink event_log_sink(const struct master *m);	/* the form of lines there */

/* --- signals: signals of operators and of the system, as commands --- */

void signals_take(struct master *m);

/* --- notify: readiness, for systemd --- */

/* Sends one message ("READY=1") to systemd; does nothing without NOTIFY_SOCKET. */
void notify_send(const char *text);

/* --- watchdog: the loop turns, for systemd --- */

void watchdog_open(struct watchdog *w, struct loop *loop);
/*
 * For work that is long in one turn of the loop, after each of its parts. extend: a start or reload is under
 * way, and may take longer than the unit gives it. Does nothing when the latest message is new enough.
 */
void watchdog_progress(struct watchdog *w, bool extend);
void watchdog_close(struct watchdog *w);

/* --- make_folder: folders that are missing --- */

/*
 * Makes a folder that is missing, and its missing parents (mode 0755). The new folder gets `mode` and belongs
 * to uid:gid; (uid_t)-1: to the user of this process. 0, or -1 and errno.
 */
int make_folder_make(const char *path, mode_t mode, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
/*
 * Home, logs and the folders outside home of one virtual server, for the user that owns its mail. 0, or -1
 * and `why`, for people.
 */
int make_folder_make_server(const struct master *m, const struct config_server *s, struct buf *why)
	__attribute__((warn_unused_result));

/* --- first_hint: a few lines for a new user (postern -g) --- */

void first_hint_newcomer(struct master *m);

#endif
