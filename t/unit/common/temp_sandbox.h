/*
 * temp_sandbox - set_up() makes a configuration and folders; in_sandbox() runs a function in a process that has entered
 * the sandbox of a role, outside_sandbox() in one that has not: both give what it said, to be freed, and how it ended.
 * The function says with complain() and need() what is wrong.
 */
#ifndef TEMP_SANDBOX_H
#define TEMP_SANDBOX_H

#include <sys/wait.h>

#include "common/sandbox/sandbox_private.h"
#include "t/unit/common/temp_config.h"

static bool syslog_too;
static int said = -1;	/* the child tells here what is wrong */

static inline void
complain(const char *what, const char *detail)
{
	char line[200];
	int len = snprintf(line, sizeof(line), "%s: %s\n", what, detail);

	(void)!write(said, line, (size_t)len);
}

static inline void
need(bool ok, const char *what)
{
	if (!ok)
		complain(what, strerror(errno));
}

/* What `child` and its events said, to be freed; *status as of waitpid. */
static inline char *
run_child(const struct sandbox_plan *plan, const char *role, void (*child)(const char *role), int *status)
{
	int words[2];
	char *all = mem_zalloc(65536);
	size_t len = 0;
	ssize_t n;

	ck_assert_int_eq(pipe(words), 0);
	pid_t pid = fork();
	if (pid == 0) {
		said = words[1];
		dup2(said, STDERR_FILENO);
		if (plan != NULL && !sandbox_enter(plan))
			complain(role, "no such role");
		else
			child(role);
		sandbox_trap_tell();
		_exit(0);
	}
	close(words[1]);
	while ((n = read(words[0], all + len, 65535 - len)) > 0)
		len += (size_t)n;
	close(words[0]);
	ck_assert_int_eq(waitpid(pid, status, 0), pid);
	return all;
}

/* The role whose filter a process gets, as of the supervisor; "itself"; NULL: it makes its own. */
static const char *ready_for;

static inline char *
in_sandbox(const char *role, bool kill_it, void (*child)(const char *role), int *status)
{
	struct sandbox_plan plan = { .role = role, .server = server("default"),
	    .kill = kill_it, .syslog = syslog_too };
	struct sandbox_plan other = { .role = ready_for };

	if (ready_for != NULL) {
		plan.filter = sandbox_make_filter(strcmp(ready_for, "itself") == 0 ? &plan : &other);
		ck_assert_int_gt(plan.filter, 0);
	}
	char *all = run_child(&plan, role, child, status);
	if (plan.filter > 0)
		close(plan.filter);
	return all;
}

static inline char *
outside_sandbox(const char *role, void (*child)(const char *role), int *status)
{
	return run_child(NULL, role, child, status);
}

static inline void
set_up(void)
{
	begin();
	char *text = mem_printf("[general]\nhome = %s/home\nlog-directory = %s/logs\n[domain a.example]\n"
	    "type = default\n", folder, folder);
	put("servers/default.ini", text);
	free(text);
	for (size_t i = 0; i < 10; i++) {
		static const char *const made[] = { "home", "home/drop", "home/pickup", "home/queue", "logs",
		    "other", "other/drop", "other/badmail", "elsewhere", "elsewhere/queue" };
		char *path = path_of(made[i]);

		ck_assert_int_eq(mkdir(path, 0755), 0);
		free(path);
	}
	read_all();
	(void)server("default");
}

#endif
