/*
 * sandbox - what a process may ask of the kernel: system calls (seccomp) and folders (Landlock), by its role
 */
#ifndef COMMON_SANDBOX_SANDBOX_H
#define COMMON_SANDBOX_SANDBOX_H

#include <stdbool.h>

struct config_server;
struct loop;

struct sandbox_plan {
	const char *role;			/* of boot_role: "listener" */
	const struct config_server *server;	/* NULL: a helper */
	bool syslog;		/* events go there, and it is connected again when it was restarted */
	bool sanitizers;	/* what they call at the end of a test build's process */
	bool kill;		/* end the process, with a line, at a call that its role has not */
	int filter;		/* of sandbox_make_filter, or 0; stays the caller's */
};

/*
 * From now on the process, with all threads that it will have, can call and open what the table says of its
 * role, and nothing can widen that. After the privilege drop, before there are threads. Another call is
 * EPERM, and one event for each call. What the kernel does not know is left out without a word (see
 * sandbox_tell_kernel); any other failure is an event. False: no role of that name.
 */
bool sandbox_enter(const struct sandbox_plan *plan) __attribute__((warn_unused_result));
/*
 * For the supervisor: the filter of calls, made once for all processes of a role: it takes each of them a
 * millisecond. A descriptor; -1: each makes its own. plan: role, syslog and sanitizers. The heap keeps
 * what it took, some hundred KiB, for the next one.
 */
int sandbox_make_filter(const struct sandbox_plan *plan);

/* --- sandbox_trap: calls that were refused become events, on the loop; at the end those that are left --- */
/* `refused` is told, too, on the loop, once for each call: its name, "-" of one that is not known. */
void sandbox_trap_watch(struct loop *l, void (*refused)(void *arg, const char *call), void *arg);
void sandbox_trap_done(void);
void sandbox_trap_tell(void);	/* now */

/*
 * For the supervisor, first of all: whether a filter around the service (an older systemd unit) ends who asks
 * for a sandbox. Then no process asks: its children have SANDBOX_DEADLY in their environment.
 */
#define SANDBOX_DEADLY "POSTERN_SANDBOX_DEADLY"
void sandbox_probe_kernel(void);

/*
 * For the supervisor, as root or not: no process of the service can trace, load code into the kernel, mount,
 * and the like.
 */
void sandbox_enter_master(void);
/* An event for each of the two that this kernel has not, or the container does not let us use. */
void sandbox_tell_kernel(void);

#endif
