/* processes - the children of the supervisor; one block a file */
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
struct ctl;
struct ctl_file;
struct ctl_message;
struct ctl_opened;
struct loop_timer;
struct master;
struct post;
struct restart_record;
struct server;

/* --- roster_roles: the kinds of processes there are --- */

enum roster_hint { ROSTER_NO_HINT, ROSTER_HINT_READ, ROSTER_HINT_WRITE };

struct roster_role {
	const char *name;		/* "listener": program is postern-listener */
	/* "deliver": it is postern-deliver all the same; NULL: as its name says */
	const char *program;
	bool per_server;		/* each virtual server that runs has some */
	bool sockets;			/* inherits the listening sockets */
	bool overlaps;			/* on reload the new one runs beside the old one; else after it */
	enum roster_hint hint;
};
extern const struct roster_role roster_roles[ROLE_COUNT];

/* --- roster: which processes should exist --- */

/* Pure: how many of a role should run in that state. */
unsigned roster_copies(enum role role, const struct config_server *s, enum state state);
void roster_build(struct server *s);
/* Retires the children of all posts (they go on living) and forgets the posts. */
void roster_clear(struct server *s);
/* Starts whoever is missing and may start now. */
void roster_fill(struct server *s);
/* Fills one post now, or later after a failure. */
void roster_start(struct post *p);
/* The child of `p` died: forget it, and when it crashed wait before the next; that time in ms. */
uint64_t roster_vacate(struct post *p, bool crashed, uint64_t lived_ms);

#define ROSTER_FIRST_MS 1000U
#define ROSTER_LAST_MS 60000U
#define ROSTER_WELL_MS 60000U	/* a child that lived so long clears the record of its place */

/* Pure: how long to wait before the next start; doubles with each failure in a row. */
uint64_t roster_delay(struct restart_record *r, uint64_t lived_ms);

/* --- spawn --- */

/* Forks and executes the program of a post. The child, or NULL with errno. */
struct child *spawn_child(struct post *p);
/* Where the workers are: beside our own program, else the libexec folder. Owned by the caller. */
char *spawn_folder(void);

/* --- child: one process from birth to death, and its control channel --- */

enum child_phase {
	CHILD_BORN,		/* has not reported yet */
	CHILD_READY,
	CHILD_DRAINING,		/* takes nothing new, ends by itself */
	CHILD_STOPPING,		/* was told to end */
};

/* What a message of a child does; one row a type. A type without a row does nothing. */
struct child_row {
	void (*take)(struct child *c, const struct ctl_message *m);	/* m->fd is closed already */
	bool changes;			/* `changed` is called afterwards */
};

struct reap_death;

/* What the parts above the processes do when something happens to a child: child_events. */
struct child_ops {
	struct child_row row[CTL_COUNT];
	void (*changed)(struct child *c);
	void (*born)(struct child *c);
	void (*gone)(struct child *c);	/* it is dead: no answer of it will come; it is freed afterwards */
	void (*died)(struct master *m, const struct reap_death *d);
	/* No process could be made for the place, for that errno; it is tried again. */
	void (*not_started)(struct post *p, int error);
};

struct child {
	TAILQ_ENTRY(child) link;
	struct master *m;
	struct server *server;		/* NULL: a helper */
	struct post *post;		/* the place it fills; NULL: retired */
	enum role role;
	enum child_phase phase;
	pid_t pid;
	unsigned slot;
	bool paused;			/* said so, and was not told to continue */
	uint64_t born_ms;
	struct child_wish {
		bool open;			/* wants a channel to that helper */
		uint32_t request;
		uint64_t served_ms;		/* last time it got one */
	} wish[CTL_HELPER_COUNT];
	unsigned questions;		/* of commands that it has to answer */
	const char *killed;		/* why the master killed it, or NULL */
	char *reason;			/* why it said it would exit, or NULL */
	struct ctl *ctl;		/* NULL: closed */
	struct loop_timer *timer;	/* when patience ends */
};

/* What the rows of its own messages call. */
void child_take_ready(struct child *c, const struct ctl_message *m);
void child_take_paused(struct child *c, const struct ctl_message *m);	/* or continued */
void child_take_reason(struct child *c, const struct ctl_message *m);
/* Takes over `fd`, the master's end of the channel. */
struct child *child_new(struct master *m, struct post *post, pid_t pid, unsigned slot, int fd);
void child_free(struct child *c);
/* A child that is alive and does not read is killed. `fd` (-1: none) stays the caller's. */
void child_send(struct child *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd);
void child_tell(struct child *c, enum ctl_type type);
/* Like child_tell, and kills the child when it has not answered in time. */
void child_require(struct child *c, enum ctl_type type);
void child_stop(struct child *c, uint64_t grace_ms);
void child_drain(struct child *c);
void child_kill(struct child *c, const char *why);

/* --- reap: deaths --- */

/* A child that is dead and freed. */
struct reap_death {
	struct server *server;		/* NULL: a helper's */
	enum role role;
	bool crashed;			/* ended badly, or without being asked */
	bool missed;			/* it was not told to end: another one is to follow */
	bool posted;			/* it filled a place */
	bool refused;			/* it said why it cannot work; another try would change nothing */
	const char *words;		/* how it ended, for people */
};

/* Pure: whether a death is a crash; `dst` gets it in words. */
bool reap_judge(int status, enum child_phase phase, const char *killed, const char *reason, char *dst,
    size_t size);
/* Takes all dead children. */
void reap_all(struct master *m);

/* --- helper: channels between workers and helpers, which start when first needed --- */

void helper_open(struct master *m);
void helper_close(struct master *m);
/* CTL_NEED: a worker wants a channel. One that is no helper's name is ignored. */
void helper_take_need(struct child *worker, const struct ctl_message *m);
/* A helper was born, died, or time passed: serves those who wait. */
void helper_update(struct master *m);
void helper_stop(struct master *m, enum ctl_helper which, uint64_t grace_ms);
void helper_stop_all(struct master *m, uint64_t grace_ms);

/* --- maintenance: the process that serves orders about the queue of a virtual server that is stopped --- */

#define MAINTENANCE_IDLE_MS 15000U		/* it ends that long after the last order */
#define MAINTENANCE_READING_MS 600000U	/* but has at least so long to read its queue for the first */

void maintenance_post_open(struct server *s);
void maintenance_post_close(struct server *s);		/* once it is gone */
/*
 * One that is ready; it is started when there is none. NULL: `*why` says why not, or is NULL: ask again soon.
 */
struct child *maintenance_post_call(struct server *s, const char **why);
void maintenance_post_answered(struct server *s, bool read);	/* read: it knows its queue */
void maintenance_post_end(struct server *s);		/* it answers who is being served, and goes */
void maintenance_post_gone(struct server *s, const char *crash);	/* crash NULL: it was told to */
bool maintenance_post_is_over(const struct server *s);	/* none is left */

/* --- metrics_post: the sockets of [service] metrics and the helper that serves them --- */

void metrics_post_open(struct master *m);
void metrics_post_update(struct master *m);	/* starts the helper when it is wanted and not there */
/* A virtual server is new, or about to be forgotten */
void metrics_post_tell(struct master *m, const struct server *s, bool gone);
void metrics_post_renew(struct master *m);	/* the key has changed */
void metrics_post_stop(struct master *m);
void metrics_post_close(struct master *m);

/* --- file_handover: opened files of the configuration for children that may not open them --- */

/*
 * Answers CTL_OPEN. `s`: the virtual server whose file it is, a worker's own or the one that a helper names;
 * NULL: there is none of that name. A file of a profile of [oauth] is found by file->server.
 */
void file_handover_send(struct child *c, uint32_t request, const struct ctl_file *file,
    const struct server *s);
/* Whether all certificates and keys can be opened now: 0, or -1 with a reason. */
int file_handover_check(const struct config_server *conf,
    struct buf *why) __attribute__((warn_unused_result));

/* --- refresh_store: refresh tokens, kept over restarts --- */

void refresh_store_token(struct child *c, const struct ctl_message *m);	/* CTL_TOKEN_KEEP */

#endif
