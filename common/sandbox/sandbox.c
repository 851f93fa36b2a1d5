/*
 * sandbox - a process gives up all calls and folders that its role has no use for
 *
 * Runs in:  every process but posternctl; once, before there are threads
 * Owns:     nothing
 * Promise:  what was given up does not come back. An old kernel takes away less, and the supervisor says so
 *           once
 * Fails by: an event: the process goes on with what it has
 */
#include "common/sandbox/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/base/log.h"
#include "common/sandbox/sandbox_private.h"

static void
tell_failure(const char *what, int error)
{
	if (error != 0)
		log_event(LOG_WARN, NULL, "trouble", "part=sandbox what=%s reason=%s", what,
		    log_safe(strerror(error)));
}

/* 0: the kernel has filters, and it does no harm to ask for one. */
static int
filter_error(void)
{
	return sandbox_probe_is_deadly("seccomp") ? EPERM : sandbox_filter_probe();
}

static int
trees_version(void)
{
	if (!sandbox_probe_is_deadly("landlock"))
		return sandbox_trees_version();
	errno = EPERM;
	return -1;
}

bool
sandbox_enter(const struct sandbox_plan *plan)
{
	const struct sandbox_role *role = sandbox_table_role(plan->role);

	if (role == NULL)
		return false;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (trees_version() >= SANDBOX_LANDLOCK_LEAST)
		tell_failure("landlock", sandbox_trees_enter(role, plan));
	if (filter_error() == 0)
		tell_failure("seccomp", sandbox_filter_load(role, plan));
	return true;
}

int
sandbox_make_filter(const struct sandbox_plan *plan)
{
	return filter_error() == 0 ? sandbox_filter_make(plan) : -1;
}

void
sandbox_enter_master(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_error() == 0)
		tell_failure("seccomp", sandbox_filter_load_master());
}

void
sandbox_tell_kernel(void)
{
	int version = trees_version();
	const char *trees = version == -1 ? strerror(errno) : "the kernel has its first version only";
	int filter = filter_error();

	if (getenv(SANDBOX_DEADLY) != NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=sandbox reason=%s",
		    log_safe("the filter around the service ends a process that asks for one: the "
		    "systemd unit is older than the program; systemctl daemon-reload, then restart"));
	tell_failure("seccomp", filter);
	if (version < SANDBOX_LANDLOCK_LEAST)
		log_event(LOG_WARN, NULL, "trouble", "part=sandbox what=landlock reason=%s", log_safe(trees));
}
