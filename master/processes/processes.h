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
struct reap_record;
struct server;

/* --- roster: who should exist --- */

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
/* The lowest slot no child of `s` has; -1. */
int roster_slot(const struct server *s);

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
	const char *killed;		/* why the master killed it, or NULL */
	char *reason;			/* why it said it would exit, or NULL */
	struct ctl *ctl;		/* NULL: closed */
	struct loop_timer *timer;	/* when patience ends */
};

/* Takes over `fd`, the master's end of the channel. */
struct child *child_new(struct master *m, struct post *post, pid_t pid, unsigned slot, int fd);
void child_free(struct child *c);
/* A child that is alive and does not read is killed. `fd` (-1: none) stays the caller's. */
void child_send(struct child *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd);
void child_tell(struct child *c, enum ctl_type type);
/* Like child_tell, and kills the child when it has not answered in time. */
void child_order(struct child *c, enum ctl_type type);
void child_stop(struct child *c, uint64_t grace_ms);
void child_drain(struct child *c);
void child_kill(struct child *c, const char *why);

/* --- reap: deaths --- */

#define REAP_FIRST_MS 1000U
#define REAP_LAST_MS 60000U
#define REAP_WELL_MS 60000U	/* who lived that long is forgiven */

/* Pure: how long to wait before the next start. */
uint64_t reap_delay(struct reap_record *r, uint64_t lived_ms);
/* Pure: whether a death is a crash; `dst` gets it in words. */
bool reap_judge(int status, enum child_phase phase, const char *killed, const char *reason, char *dst,
    size_t size);
/* Takes all dead children. */
void reap_all(struct master *m);

/* --- helper: channels between workers and helpers, which start when first needed --- */

void helper_open(struct master *m);
void helper_close(struct master *m);
/* A worker wants a channel. One that is no helper's name is ignored. */
void helper_request(struct child *worker, uint32_t request, uint32_t which);
/* A helper was born, died, or time passed: serves those who wait. */
void helper_look(struct master *m);
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
void metrics_post_look(struct master *m);	/* starts the helper when it is wanted and not there */
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
