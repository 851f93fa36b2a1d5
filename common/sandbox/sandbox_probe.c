/*
 * sandbox_probe - whether a look at the kernel's sandbox would end this process
 *
 * Runs in:  every process but posternctl; the look in master alone, before there are threads
 * Owns:     nothing
 * Promise:  a unit file of before the sandbox, whose filter ends a process at a call that it does not know,
 *           costs the sandbox and not the service
 * Fails by: it counts as there: then each process finds out for itself
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/sandbox/sandbox_private.h"

/*
 * A child does it: only then it can be seen what becomes of who does it. It has our memory until it ends, as
 * a copy of the page tables, and of each page that is written meanwhile, takes longer than the rest of this.
 */
static bool
ends_process(int (*look)(void))
{
	pid_t pid = vfork();
	int status = 0;

	if (pid == 0) {
		(void)look();
		_exit(0);
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return pid != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

void
sandbox_probe_kernel(void)
{
	static const struct { const char *what; int (*look)(void); } rows[] = {
		{ "seccomp", sandbox_filter_probe }, { "landlock", sandbox_trees_version },
	};
	char deadly[64] = "";

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (ends_process(rows[i].look))
			snprintf(deadly + strlen(deadly), sizeof(deadly) - strlen(deadly), "%s%s",
			    deadly[0] != '\0' ? " " : "", rows[i].what);
	if (deadly[0] == '\0')
		unsetenv(SANDBOX_DEADLY);
	else
		setenv(SANDBOX_DEADLY, deadly, 1);
}

bool
sandbox_probe_is_deadly(const char *what)
{
	const char *deadly = getenv(SANDBOX_DEADLY);

	return deadly != NULL && strstr(deadly, what) != NULL;
}
