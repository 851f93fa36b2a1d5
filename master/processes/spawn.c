/*
 * spawn - start of a child: its program, arguments, descriptors and clean environment
 *
 * Runs in:  master
 * Owns:     nothing after it has returned
 * Promise:  the child inherits the descriptors of boot.h and 0, 1, 2, and no other
 * Fails by: NULL and errno; in the child by exit status 127
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/machine.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/process/counters.h"
#include "common/process/ebb.h"
#include "common/sandbox/sandbox.h"
#include "master/processes/processes.h"

#define SPAWN_ENV_MAX 11
static_assert(BOOT_LISTEN + CONFIG_LISTEN_MAX + 1 < SPAWN_EXEC_FILES, "one stays /dev/null");

struct spawn_plan {
	char path[PATH_MAX];
	char program[32], slot[16], sockets[16];
	char supervisor[sizeof(BOOT_SUPERVISOR) + 40];	/* NAME=value */
	const char *argv[5];
	bool foreground;
	int null, config;
	int fd[SPAWN_EXEC_FILES];	/* index: the number in the child */
	int count;
	int filter;			/* BOOT_FILTER; 0: none */
};

char *
spawn_own_program(void)
{
	static const char gone[] = " (deleted)";	/* by a package that puts another file there */
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t end = sizeof(gone) - 1, len = n > 0 ? (size_t)n : 0;

	self[len] = '\0';
	if (len > end && strcmp(self + len - end, gone) == 0)
		self[len - end] = '\0';
	return len > 0 ? mem_strdup(self) : NULL;
}

char *
spawn_folder(void)
{
	char *self = spawn_own_program(), *slash = self != NULL ? strrchr(self, '/') : NULL;
	char probe[PATH_MAX];

	if (slash != NULL && slash != self) {
		*slash = '\0';
		if (snprintf(probe, sizeof(probe), "%s/postern-listener", self) < (int)sizeof(probe) &&
		    access(probe, X_OK) == 0)
			return self;
	}
	free(self);
	return mem_strdup(POSTERN_LIBEXECDIR);
}

/* In the release build workers get PATH, the time zone, and nothing else of the caller's environment. */
static char **
make_environment(struct spawn_plan *plan, enum log_sink sink, char **space)
{
	bool foreground = plan->foreground;
	static char ready[sizeof(BOOT_FILTER) + 16];

#ifdef POSTERN_TEST
	const char form[] = { (char)('0' + sink), '\0' };

	snprintf(ready, sizeof(ready), "%d", plan->filter);
	if (plan->filter != 0)
		setenv(BOOT_FILTER, ready, 1);
	else
		unsetenv(BOOT_FILTER);

	setenv(BOOT_EVENTS, form, 1);
	setenv(BOOT_SUPERVISOR, strchr(plan->supervisor, '=') + 1, 1);
	if (foreground)
		setenv("POSTERN_FOREGROUND", "1", 1);
	else
		unsetenv("POSTERN_FOREGROUND");
	return environ;
#else
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", stderr_log[] = "POSTERN_FOREGROUND=1",
	    zone[256], stream[64], filter[128], memory[64], processors[64],
	    events[sizeof(BOOT_EVENTS) + 2];
	const char *tz = getenv("TZ"), *journal = getenv("JOURNAL_STREAM"), *deadly = getenv(SANDBOX_DEADLY);
	size_t n = 0;

	space[n++] = path;
	snprintf(events, sizeof(events), BOOT_EVENTS "=%c", '0' + (int)sink);
	space[n++] = events;
	space[n++] = plan->supervisor;
	if (foreground)
		space[n++] = stderr_log;
	if (foreground && journal != NULL &&
	    snprintf(stream, sizeof(stream), "JOURNAL_STREAM=%s", journal) < (int)sizeof(stream))
		space[n++] = stream;
	if (tz != NULL && snprintf(zone, sizeof(zone), "TZ=%s", tz) < (int)sizeof(zone))
		space[n++] = zone;
	if (deadly != NULL && snprintf(filter, sizeof(filter), SANDBOX_DEADLY "=%s", deadly) <
	    (int)sizeof(filter))
		space[n++] = filter;
	if (plan->filter != 0 && snprintf(ready, sizeof(ready), BOOT_FILTER "=%d", plan->filter) <
	    (int)sizeof(ready))
		space[n++] = ready;
	snprintf(memory, sizeof(memory), MACHINE_MEMORY "=%llu", (unsigned long long)machine_memory());
	space[n++] = memory;
	snprintf(processors, sizeof(processors), MACHINE_PROCESSORS "=%u", machine_processors());
	space[n++] = processors;
	space[n] = NULL;
	return space;
#endif
}

/* Opened again, read-only: after dup, all children would share one reading position. */
static int
open_again(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* What a child of that post may know of the configuration. The descriptor is the caller's; -1 and errno. */
static int
open_config(const struct post *p)
{
	struct server *s = p->server;
	const struct snapshot *snap = s != NULL ? s->snapshot : p->m->snapshot;

	if (roster_roles[p->role].whole_config)
		return open_again(snap->fd);
	if (s == NULL)
		return config_snapshot_of(snap->config, "");
	if (s->own_config == -1)
		s->own_config = config_snapshot_of(snap->config, s->name);
	return s->own_config != -1 ? open_again(s->own_config) : -1;
}

/* The filter of calls of all processes of a role, made with the first of them; -1: none. */
static int
filter_of(struct master *m, enum role role)
{
#ifdef POSTERN_TEST
	const bool test = true;
#else
	const bool test = false;
#endif
	struct sandbox_plan plan = { .role = roster_roles[role].name, .sanitizers = test,
	    .syslog = event_log_sink(m) == LOG_TO_SYSLOG };
	int *fd = &m->filter[role][plan.syslog];

	if (*fd == 0 && m->snapshot->config->service.sandbox) {
		*fd = sandbox_make_filter(&plan);
		if (m->ready)	/* its rules took some hundred KiB; at the start the next ones use them */
			ebb_give_back(NULL);
	}
	return *fd > 0 ? *fd : -1;
}

/* The lock is the same for whoever takes over, and for whoever starts after a supervisor that was killed. */
static void
name_supervisor(struct spawn_plan *plan, const struct master *m)
{
	struct stat st = { 0 };

	(void)!fstat(m->pidfile.fd, &st);
	snprintf(plan->supervisor, sizeof(plan->supervisor), BOOT_SUPERVISOR "=%llx-%llx",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

/* Program, arguments and descriptors. 0; -1 and errno when something is missing. */
static int
prepare_plan(struct spawn_plan *plan, const struct post *p, unsigned slot, int channel)
{
	const struct roster_role *role = &roster_roles[p->role];
	const struct server *s = p->server;
	const struct listen_set *set = s != NULL ? &s->sockets : p->sockets;
	size_t sockets = role->sockets && set != NULL ? set->count : 0;
	int filter;

	/* A program that serves for two roles finds its role in argv[0]. */
	snprintf(plan->program, sizeof(plan->program), "postern-%s", p->name != NULL ? p->name : role->name);
	if (snprintf(plan->path, sizeof(plan->path), "%s/postern-%s", p->m->program_folder,
	    role->program != NULL ? role->program : role->name) >= (int)sizeof(plan->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (access(plan->path, X_OK) == -1)
		return -1;
	snprintf(plan->slot, sizeof(plan->slot), "%u", slot);
	snprintf(plan->sockets, sizeof(plan->sockets), "%zu", sockets);
	plan->argv[0] = plan->program;
	plan->argv[1] = s != NULL ? p->server->name : "";
	plan->argv[2] = plan->slot;
	plan->argv[3] = plan->sockets;
	name_supervisor(plan, p->m);

	plan->fd[STDIN_FILENO] = plan->null;
	plan->fd[STDOUT_FILENO] = plan->fd[STDERR_FILENO] = event_log_output(p->m, plan->null);
	plan->fd[BOOT_MASTER] = channel;
	plan->fd[BOOT_CONFIG] = plan->config;
	plan->fd[BOOT_COUNTERS] = s != NULL ? s->counters_fd : plan->null;
	plan->fd[BOOT_HINT] = role->hint == ROSTER_NO_HINT ? plan->null :
	    s->hint[role->hint == ROSTER_HINT_WRITE];
	for (size_t i = 0; i < sockets; i++)
		plan->fd[BOOT_LISTEN + i] = set->socket[i].fd;
	plan->count = BOOT_LISTEN + (int)sockets;
	filter = filter_of(p->m, p->role);
	if (filter == -1)
		return 0;
	plan->filter = plan->count++;
	plan->fd[plan->filter] = filter;
	return 0;
}

void
spawn_forget_config(struct server *s)
{
	if (s->own_config != -1)
		close(s->own_config);
	s->own_config = -1;
}

static struct child *
fork_child(struct post *p, unsigned slot, struct spawn_plan *plan, int channel[2])
{
	char *env[SPAWN_ENV_MAX], **environment;
	struct child *c;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel) == -1 ||
	    (plan->null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    (plan->config = open_config(p)) == -1 ||
	    prepare_plan(plan, p, slot, channel[1]) == -1)
		return NULL;
	environment = make_environment(plan, event_log_sink(p->m), env);
	pid = spawn_exec_run(&p->m->spawn, &(struct spawn_exec){ .path = plan->path, .argv = plan->argv,
	    .env = environment, .fd = plan->fd, .count = plan->count });
	if (pid == -1)
		return NULL;
	c = child_new(p->m, p, pid, slot, channel[0]);
	channel[0] = -1;
	return c;
}

/* The lowest slot of the counters that no child of `s` has; -1: none is free. */
static int
lowest_free_slot(const struct server *s)
{
	bool used[COUNTERS_SLOTS] = { false };
	const struct child *c;

	TAILQ_FOREACH(c, &s->children, of_server)
		used[c->slot] = true;
	for (unsigned i = 0; i < COUNTERS_SLOTS; i++)
		if (!used[i])
			return (int)i;
	return -1;
}

struct child *
spawn_child(struct post *p)
{
	struct spawn_plan plan = { .null = -1, .config = -1, .foreground = p->m->options.foreground };
	int channel[2] = { -1, -1 };
	int slot = p->server != NULL ? lowest_free_slot(p->server) : 0;
	struct child *c;
	int saved;

	if (slot == -1) {
		errno = EAGAIN;
		return NULL;
	}
	c = fork_child(p, (unsigned)slot, &plan, channel);
	saved = errno;
	for (int i = 0; i < 2; i++)
		if (channel[i] != -1)
			close(channel[i]);
	if (plan.null != -1)
		close(plan.null);
	if (plan.config != -1)
		close(plan.config);
	errno = saved;
	return c;
}
