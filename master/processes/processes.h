/* processes - the child processes of the supervisor; one block a file */
#ifndef MASTER_PROCESSES_PROCESSES_H
#define MASTER_PROCESSES_PROCESSES_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/ipc/ctl.h"
#include "master/master.h"

struct buf;
struct child;
struct config_server;
struct config_service;
struct config_strings;
struct ctl;
struct ctl_file;
struct ctl_message;
struct ctl_opened;
struct listen_set;
struct loop_timer;
struct master;
struct post;
struct restart_record;
struct server;

/* --- roster_roles: the kinds of processes there are --- */

enum roster_hint { ROSTER_NO_HINT, ROSTER_HINT_READ, ROSTER_HINT_WRITE };

struct roster_role {
	const char *name;		/* "listener": its program calls itself postern-listener */
	/* "deliver": the file is postern-deliver; NULL: the file has its own name */
	const char *program;
	bool per_server;		/* each virtual server that runs has its own */
	bool whole_config;		/* its configuration has other virtual servers, too */
	bool sockets;			/* inherits the listening sockets */
	bool overlaps;			/* on reload the new one starts beside the old one; else after it */
	enum roster_hint hint;
	unsigned at_once;		/* so many restarts in a row need not wait */
};
extern const struct roster_role roster_roles[ROLE_COUNT];

/* --- crash_record: whether processes keep dying --- */

/* Pure. `words`: how it died. */
void crash_record_add(struct crash_record *r, enum role role, const char *words, uint64_t now_ms);
/* Whether they die often now. */
bool crash_record_is_often(const struct crash_record *r, uint64_t now_ms);

/* --- roster: which processes should exist --- */

/* Pure: how many processes of a role a virtual server has in that state. */
unsigned roster_copies(enum role role, unsigned listeners, enum state state);
/* Makes the posts of `s` for its state and configuration; all empty. */
void roster_build(struct server *s);
/* Forgets the posts. Their children live on without a post. */
/* A virtual server that drains: its places for listeners and pickup are left empty, or filled again. */
void roster_drain(struct server *s);
bool roster_undrain(struct server *s);	/* false: none was closed */
void roster_clear(struct server *s);
/* On reload: the children that have no post any more end, each as its role does. */
void roster_retire(struct server *s);
/*
 * Starts a child for every empty post that need not wait. Where many start at the time, the rest waits for
 * roster_go_on: all at once would share the processors so that none reports in time.
 */
#define ROSTER_AT_A_TIME 32
void roster_fill(struct server *s);
void roster_go_on(struct master *m);	/* a child is ready, or dead */
/* Starts the child of one post; after a failure the back-off timer is set. */
void roster_start(struct post *p);
/* The child of `p` is dead. After a crash its timer is set, perhaps to 0: that time in ms; else 0. */
uint64_t roster_vacate(struct post *p, bool crashed, uint64_t lived_ms);

#define ROSTER_FIRST_MS 1000U
#define ROSTER_LAST_MS 60000U
#define ROSTER_WELL_MS 60000U	/* a child that lived so long clears the record of its post */
#define ROSTER_FORGIVE_MS 15000U	/* each takes one failure away */

/* Pure: ms to wait before the next start: none for the first `at_once` failures in a row, then it doubles. */
uint64_t roster_delay(struct restart_record *r, unsigned at_once, uint64_t lived_ms);

/* --- spawn: starts programs --- */

/* Starts the program of a post. The child, or NULL and errno. */
struct child *spawn_child(struct post *p);
/* Its part of the configuration is made anew for the next child. */
void spawn_forget_config(struct server *s);
/* Folder of the programs: that of our own program, else libexec. Owned by the caller. */
char *spawn_folder(void);
/* The path of our own program, also when another file has that name by now. Owned by the caller; or NULL. */
char *spawn_own_program(void);

/* --- spawn_exec: from the master to another program --- */

#define SPAWN_EXEC_FILES 48	/* 0, 1, 2, those of enum boot_fd, and at least one that stays /dev/null */

struct spawn_exec {
	const char *path;
	const char *const *argv;
	char **env;
	const int *fd;			/* index: the number in the program; from 0 on, without a gap */
	int count;			/* less than SPAWN_EXEC_FILES */
};
/* Early, while low numbers are free. 0, or -1 and errno. */
int spawn_exec_open(struct spawn_space *space) __attribute__((warn_unused_result));
/* The child, or -1 and errno. */
pid_t spawn_exec_run(const struct spawn_space *space, const struct spawn_exec *e);

/* --- child: one process from birth to death, and its control channel --- */

enum child_phase {
	CHILD_BORN,		/* has not said that it is ready */
	CHILD_READY,
	CHILD_DRAINING,		/* accepts nothing new and ends when its sessions have ended */
	CHILD_STOPPING,		/* was told to end */
};

/* What a message of a child does, one row a type. No row: no child sends it. */
struct child_row {
	void (*take)(struct child *c, const struct ctl_message *m);	/* NULL: nothing */
	unsigned roles;			/* bits 1 << enum role of those that may send it */
	bool changes;			/* afterwards child_ops.changed is called */
};

struct reap_death;

/* What the parts above do when something happens to a child; in child_events.c. */
struct child_ops {
	struct child_row row[CTL_COUNT];
	void (*changed)(struct child *c);
	void (*born)(struct child *c);
	void (*gone)(struct child *c);	/* dead: it will answer nothing; freed after this call */
	void (*died)(struct master *m, const struct reap_death *d);
	/* A process that fills no place in the roster */
	void (*other_died)(struct master *m, pid_t pid, int status);
	/* The child of a post could not be started; it is tried again. */
	void (*not_started)(struct post *p, int error);
};

struct child {
	TAILQ_ENTRY(child) link, of_server, wishing;
	struct master *m;
	struct server *server;		/* NULL: a helper */
	struct post *post;		/* the post that it fills; NULL: none any more */
	enum role role;
	enum child_phase phase;
	pid_t pid;
	unsigned slot;
	unsigned version;		/* of its control messages: another one than ours during an upgrade */
	bool paused;			/* it accepts nothing, and was not told to continue */
	bool starts;			/* it is one of master.starting */
	uint64_t born_ms;
	uint64_t ends_ms;		/* stopping: when what it does is cut off */
	uint64_t unread_ms;		/* an upgrade waits for it to read, since then; 0: it does not */
	struct child_wish {
		bool open;			/* wants a channel to that helper */
		uint32_t request;
		uint64_t served_ms;		/* when it got the last one */
	} wish[CTL_HELPER_COUNT];
	bool wishes;			/* it is one of master.wishing */
	unsigned questions;		/* how many questions of commands it has to answer */
	/* Messages that it may send now; the last time (monotonic ms) that some were added */
	unsigned budget; uint64_t budget_at;
	const char *killed;		/* why the master killed it, or NULL */
	char *reason;			/* why it said it would exit, or NULL */
	char *trouble;			/* what it said it cannot do, or NULL */
	struct ctl *ctl;		/* NULL: closed */
	struct loop_timer *timer;	/* it must have answered, or ended, by then */
};

/* Messages about the child itself: CTL_READY, CTL_PAUSED or CTL_CONTINUED, CTL_REASON, CTL_TROUBLE. */
void child_take_ready(struct child *c, const struct ctl_message *m);
void child_take_paused(struct child *c, const struct ctl_message *m);
void child_take_reason(struct child *c, const struct ctl_message *m);
void child_take_trouble(struct child *c, const struct ctl_message *m);
/* Takes over `fd`, our end of the channel. */
struct child *child_new(struct master *m, struct post *post, pid_t pid, unsigned slot, int fd);
/* A child of the program before, in an upgrade: it fills no post. Takes over `fd`; -1: it is closed. */
struct child_origin {
	pid_t pid;
	unsigned slot, version;
	int fd;
	enum child_phase phase;
	bool paused;
	uint64_t ends_ms;
};
struct child *child_adopt(struct master *m, struct server *s, enum role role, const struct child_origin *o);
void child_free(struct child *c);
/* Whether it is of our version: others know only what is common to all of them. */
bool child_is_ours(const struct child *c);
/*
 * A child that lives and does not read is killed. The caller keeps `fd` (-1: none). What a child of another
 * version does not know is not sent.
 */
void child_send(struct child *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd);
void child_tell(struct child *c, enum ctl_type type);	/* without payload */
/* Like child_tell; a child that does not answer in time is killed. */
void child_require(struct child *c, enum ctl_type type);
void child_stop(struct child *c, uint64_t grace_ms);
void child_drain(struct child *c);
void child_kill(struct child *c, const char *why);

/* --- reap: deaths of children --- */

/* A child that is dead; its struct is freed already. */
struct reap_death {
	struct server *server;		/* NULL: a helper */
	enum role role;
	bool crashed;			/* ended badly, or without being asked */
	bool missed;			/* it was not told to end: another one has to follow */
	bool posted;			/* it filled a place */
	bool maintenance;		/* ... that of maintenance_post */
	bool refused;			/* it said why it cannot work, and a new start would change nothing */
	bool lost;			/* another service has taken its home */
	const char *words;		/* how it ended, for people */
};

/* Pure: whether a death is a crash; `dst` gets the words for people. */
bool reap_judge(int status, enum child_phase phase, const char *killed, const char *reason, char *dst,
    size_t size);
/* Takes all children that are dead. */
void reap_all(struct master *m);

/* --- helper: channels between workers and helpers --- */

void helper_open(struct master *m);
void helper_close(struct master *m);
/* CTL_NEED: a worker wants a channel. An unknown helper is ignored. */
void helper_take_need(struct child *worker, const struct ctl_message *m);
void helper_wish(struct child *c, enum ctl_helper which, uint32_t request);	/* without serving it yet */
void helper_child_gone(struct child *c);
/* A helper was born or died, or time passed: serves the workers that wait. */
void helper_update(struct master *m);
/* The master itself wants a channel to auth: m->auth gets it, when that runs. */
void helper_want_auth(struct master *m);
void helper_stop(struct master *m, enum ctl_helper which, uint64_t grace_ms);
void helper_stop_all(struct master *m, uint64_t grace_ms);

/* --- maintenance_post: the process that serves operators for the queue of a stopped virtual server --- */

#define MAINTENANCE_IDLE_MS 15000U		/* it ends so long after the last command */
#define MAINTENANCE_READING_MS 600000U	/* but has at least so long to read its queue */

void maintenance_post_open(struct server *s);
void maintenance_post_close(struct server *s);		/* when its process is dead */
/*
 * The process, when it is ready; starts one when there is none and no upgrade waits. NULL: *why says why not;
 * *why is NULL: call again soon. `make`: makes folders that are missing. `evacuates`: one that can speak to
 * another node.
 */
struct child *maintenance_post_call(struct server *s, bool make, bool evacuates, const char **why);
bool maintenance_post_has(const struct child *c);	/* it is that process */
void maintenance_post_answered(struct server *s, bool read);	/* read: it has read its queue */
void maintenance_post_end(struct server *s);		/* it answers what was asked, and ends */
void maintenance_post_gone(struct server *s, const char *crash);	/* NULL: it was told to end */
bool maintenance_post_is_over(const struct server *s);	/* there is no process */

/* --- service_sockets: the stream sockets of the service that helpers serve --- */

/*
 * Opens the addresses and paths of `wanted`; those that are open already stay. `doing` is for the event of
 * one that cannot be opened, which is left out.
 */
void service_sockets_renew(struct master *m, struct listen_set *set, const struct config_strings *wanted,
    const char *doing);
void service_sockets_close(struct listen_set *set);	/* and removes the paths */

/* --- socket_post: a helper that runs while the configuration has addresses for it --- */

/*
 * `wanted`: offset of its addresses in struct config_service, a struct config_strings. `started` is called
 * for each new helper; NULL: nothing.
 */
void socket_post_open(struct socket_post *p, struct master *m, enum role role, size_t wanted,
    void (*started)(struct master *m));
void socket_post_update(struct socket_post *p);	/* starts the helper when it should run and does not */
void socket_post_renew(struct socket_post *p);	/* its configuration has changed */
void socket_post_stop(struct socket_post *p);
void socket_post_close(struct socket_post *p);

/* --- metrics_post: what the metrics helper is told --- */

/* Sends the counters of a virtual server, for reading only; `gone`: it will be forgotten. */
void metrics_post_tell(struct master *m, const struct server *s, bool gone);
void metrics_post_tell_all(struct master *m);

/* --- file_handover: opened files of the configuration for children that may not open them --- */

/*
 * Answers CTL_OPEN. `s`: the virtual server whose file it is, a worker's own or the one that a helper names;
 * NULL: there is none of that name. A file of a profile of [oauth] is found by file->server.
 */
void file_handover_send(struct child *c, uint32_t request, const struct ctl_file *file,
    const struct server *s);
/* Tells what the service needs and cannot open. */
void file_handover_tell_missing(const struct config *c);
/* The one role that may have files of that kind. */
enum role file_handover_role(enum ctl_file_kind kind);
/* Whether all certificates and keys can be opened now: 0, or -1 with a reason. */
int file_handover_check(const struct config_server *conf,
    struct buf *why) __attribute__((warn_unused_result));
/*
 * Adds words about each other file that is needed and cannot be opened now: without it the virtual server
 * runs, but cannot do all of its work.
 */
void file_handover_blame(const struct config_server *conf, struct buf *why);

/* The same of the service. */
void file_handover_blame_service(const struct config_service *s, struct buf *why);

/* --- decoy_key: from which salts for unknown names are drawn --- */

/* For CTL_FILE_DECOY_KEY, in the state folder; it is made when it is not there. The descriptor, or -1. */
int decoy_key_open(const char *folder, struct ctl_opened *answer);

/* --- policy_store: the MTA-STS policies that the fetch helper keeps --- */

/* For CTL_FILE_POLICIES, in the state folder; made when it is not there. To be read and written; or -1. */
int policy_store_open(const char *folder, struct ctl_opened *answer);
/* Whether some policy is kept there. */
bool policy_store_has_some(const char *folder);
/* The fetch helper is asked for policies: from now on by each deliver process, whatever the DNS says. */
void policy_store_tell(struct master *m);

/* --- refresh_store: refresh tokens on disk --- */

void refresh_store_token(struct child *c, const struct ctl_message *m);	/* CTL_TOKEN_KEEP */

#endif
