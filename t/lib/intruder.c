/*
 * intruder - stands in place of a worker or helper that was taken over, and tries what it may not do
 *
 * Started by the master under the name of a role, it has the descriptors, the user and the limits of that role.
 * POSTERN_INTRUDER in the environment: what it tries, "WHAT:ARGUMENT", divided by blanks. Each try is one event
 * "intruder" with its result: "done", or the name of the error. It serves nobody.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"

static int
close_fd(int fd)
{
	return fd == -1 ? -1 : close(fd);
}

static int
try_read(const char *path)
{
	return close_fd(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

static int
try_write(const char *path)
{
	return close_fd(open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC));
}

static int
try_list(const char *path)
{
	return close_fd(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
try_make(const char *folder)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/intruder", folder);
	return close_fd(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
try_remove(const char *path)
{
	return unlink(path);
}

static int
try_mode(const char *path)
{
	return chmod(path, 0777);
}

/* No signal is sent: whether one might be. */
static int
try_signal(const char *pid)
{
	return kill((pid_t)atoi(pid), 0);
}

static int
try_trace(const char *pid)
{
	if (ptrace(PTRACE_ATTACH, (pid_t)atoi(pid), NULL, NULL) == -1)
		return -1;
	(void)ptrace(PTRACE_DETACH, (pid_t)atoi(pid), NULL, NULL);
	return 0;
}

static int
try_memory(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	return try_read(path);
}

static int
try_connect(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = -1;

	if (fd != -1)
		rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
	if (fd != -1)
		close(fd);
	return rc;
}

static int
try_listen(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = -1;

	if (fd != -1)
		rc = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ? listen(fd, 1) : -1;
	if (fd != -1)
		close(fd);
	return rc;
}

static int
try_run(const char *program)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == -1)
		return -1;
	if (pid == 0) {
		execl(program, program, (char *)NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) == -1)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno == 0 ? 0 : -1;
}

static int
try_root(const char *what)
{
	return setuid(0);
}

/* As it would do with a file of events, which every process may write to. */
static int
try_shrink(const char *what)
{
	int fd = memfd_create(what, MFD_CLOEXEC), rc = fd == -1 ? -1 : ftruncate(fd, 0);

	if (fd != -1)
		close(fd);
	return rc;
}

/* Whether that text is in the configuration that it was given. */
static int
try_config(const char *text)
{
	struct stat st;
	char *all;
	bool found;

	if (fstat(BOOT_CONFIG, &st) == -1)
		return -1;
	all = mem_zalloc((size_t)st.st_size + 1);
	found = pread(BOOT_CONFIG, all, (size_t)st.st_size, 0) == st.st_size &&
	    memmem(all, (size_t)st.st_size, text, strlen(text)) != NULL;
	free(all);
	errno = ENOENT;
	return found ? 0 : -1;
}

/* Channels to that helper, asked for again and again: whether a second one of them is open. */
static struct { struct boot *boot; uint32_t helper; int fd[3]; size_t count; } channels;

static void
ask_for_channel(void)
{
	(void)!ctl_send(channels.boot->master, CTL_NEED, 0, &channels.helper, sizeof(channels.helper), -1);
}

static bool
is_taken(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 1000) == 0;
}

static void
take_channel(const struct ctl_message *m)
{
	channels.fd[channels.count++] = ctl_take_fd(m);
	if (channels.count < nitems_of(channels.fd)) {
		ask_for_channel();
		return;
	}
	for (size_t i = 0; i < channels.count; i++)
		log_event(LOG_FACT, NULL, "intruder", "role=%s what=channel argument=%zu result=%s",
		    channels.boot->role->name, i, is_taken(channels.fd[i]) ? "done" : "over");
}

static int
try_channels(const char *helper)
{
	channels.helper = (uint32_t)atoi(helper);
	ask_for_channel();
	return 0;
}

static const struct { const char *what; int (*attempt)(const char *argument); } attempts[] = {
	{ "read", try_read }, { "write", try_write }, { "list", try_list }, { "make", try_make },
	{ "remove", try_remove }, { "mode", try_mode }, { "signal", try_signal }, { "trace", try_trace },
	{ "memory", try_memory }, { "connect", try_connect }, { "listen", try_listen }, { "run", try_run },
	{ "root", try_root }, { "config", try_config }, { "shrink", try_shrink },
	{ "channels", try_channels },
};

static void
try_one(const struct boot *b, const char *what, const char *argument)
{
	for (size_t i = 0; i < nitems_of(attempts); i++) {
		bool done;

		if (strcmp(attempts[i].what, what) != 0)
			continue;
		errno = 0;
		done = attempts[i].attempt(argument) == 0;
		log_event(LOG_FACT, NULL, "intruder", "role=%s server=%s what=%s argument=%s result=%s",
		    b->role->name, b->server != NULL ? b->server->name : "-", what, log_safe(argument),
		    done ? "done" : strerrorname_np(errno));
	}
}

static void
run_intruder(struct boot *b)
{
	char *list, *word, *argument;
	const char *given = getenv("POSTERN_INTRUDER");

	channels.boot = b;
	boot_ready(b);
	list = mem_strdup(given != NULL ? given : "");
	for (char *rest = list; (word = strsep(&rest, " ")) != NULL;) {
		argument = strchr(word, ':');
		if (argument == NULL)
			continue;
		*argument++ = '\0';
		try_one(b, word, argument);
	}
	free(list);
	log_event(LOG_FACT, NULL, "intruder", "role=%s server=%s result=over", b->role->name,
	    b->server != NULL ? b->server->name : "-");
}

static void
on_intruder_control(struct boot *b, const struct ctl_message *m)
{
	if (m->type == CTL_CHANNEL && channels.count < nitems_of(channels.fd))
		take_channel(m);
	else
		boot_helper_control(b, m);
}

int
main(int argc, char **argv)
{
	static struct boot_role role = { .title = "was taken over", .run = run_intruder,
		.on_control = on_intruder_control };
	const char *slash = strrchr(argv[0], '/'), *name = slash != NULL ? slash + 1 : argv[0];

	role.name = mem_strdup(strncmp(name, "postern-", 8) == 0 ? name + 8 : name);
	role.per_server = argc > 1 && argv[1][0] != '\0';
	for (size_t i = 0; i < CONFIG_USERS; i++)
		if (strncmp(config_users[i].key, role.name, strlen(role.name)) == 0)
			role.user = config_users[i].offset;
	return boot_main(argc, argv, &role);
}
