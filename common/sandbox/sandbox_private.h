/* sandbox_private - the table of roles, for the files that make filters and rules of it, and for its test */
#ifndef COMMON_SANDBOX_SANDBOX_PRIVATE_H
#define COMMON_SANDBOX_SANDBOX_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sandbox/sandbox.h"

#define SANDBOX_READY_ROLE 16	/* bytes of the name of a role */

/* A call under a condition: (argument & mask) == value. */
struct sandbox_call {
	const char *name;
	unsigned argument;	/* from 0 */
	uint64_t mask, value;
	bool own_pid;		/* the value is the process's own id */
};

enum sandbox_set {
	SANDBOX_BASE, SANDBOX_CODE, SANDBOX_THREADS, SANDBOX_MEMFILES, SANDBOX_WRITE, SANDBOX_SYNC,
	SANDBOX_MODES, SANDBOX_WATCH, SANDBOX_ACCEPT, SANDBOX_NET, SANDBOX_UNIX, SANDBOX_NETLINK,
	SANDBOX_SANITIZERS,
	SANDBOX_SETS
};

struct sandbox_calls {
	const char *names;		/* a blank between two */
	const struct sandbox_call *some;	/* ends with a name that is NULL; or NULL */
};

/* Which folders; sandbox_trees knows where they are. */
enum sandbox_tree {
	SANDBOX_NO_TREE,
	SANDBOX_SYSTEM,		/* libraries, settings of TLS, time zones */
	SANDBOX_NAMES,		/* /etc, and where resolv.conf is */
	SANDBOX_REPLAYS,	/* the replay cache of Kerberos */
	SANDBOX_HOME, SANDBOX_PICKUP, SANDBOX_QUEUE, SANDBOX_BADMAIL, SANDBOX_LOGS,
	SANDBOX_DROPS,		/* of all domains of the virtual server */
	SANDBOX_TREES
};
enum sandbox_right { SANDBOX_LIST, SANDBOX_READ, SANDBOX_APPEND, SANDBOX_TRIM, SANDBOX_CHANGE,
    SANDBOX_RIGHTS };

#define SANDBOX_ROLE_TREES 9
struct sandbox_role {
	const char *name;
	unsigned sets;			/* bits: 1 << enum sandbox_set */
	bool connects;			/* by TCP */
	struct { enum sandbox_tree tree; enum sandbox_right right; } tree[SANDBOX_ROLE_TREES];
};

/* --- sandbox_table --- */
extern const struct sandbox_calls sandbox_table_sets[SANDBOX_SETS];
extern const char sandbox_table_master[];	/* what no process of the service does */
extern const struct sandbox_role sandbox_table_roles[];
extern const size_t sandbox_table_count;
const struct sandbox_role *sandbox_table_role(const char *name);	/* NULL: there is none */

/* --- sandbox_probe --- */
/* "seccomp", "landlock": to ask for it ends a process. */
bool sandbox_probe_is_deadly(const char *what);

/* --- sandbox_filter: system calls --- */
/* 0, or an errno: ENOSYS when the kernel, or the container, has no filters. */
int sandbox_filter_probe(void) __attribute__((warn_unused_result));
int sandbox_filter_load(const struct sandbox_role *role,
    const struct sandbox_plan *plan) __attribute__((warn_unused_result));
int sandbox_filter_make(const struct sandbox_plan *plan);	/* a descriptor, or -1 */
int sandbox_filter_load_master(void) __attribute__((warn_unused_result));

/* --- sandbox_trap: what becomes of a call that was refused --- */
/* Whether it can be told on this architecture. Before the filter. */
bool sandbox_trap_set(const struct sandbox_plan *plan, int newest);
bool sandbox_trap_is_there(void);	/* ... on this architecture */
/* The highest number of a call that libseccomp knows. It takes its time. */
int sandbox_trap_newest(void);

/* --- sandbox_trees: folders --- */
#define SANDBOX_LANDLOCK_LEAST 2	/* the first that lets a file move between folders */
/* The version that the kernel has, from 1; or -1 and errno. */
int sandbox_trees_version(void);
/* 0, or an errno. */
int sandbox_trees_enter(const struct sandbox_role *role,
    const struct sandbox_plan *plan) __attribute__((warn_unused_result));

#endif
