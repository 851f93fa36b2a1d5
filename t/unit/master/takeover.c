/*
 * takeover - what the program before has left, where that does not fit any more: a virtual server whose file has
 * errors by now, a helper that is dead; and a process that does not read, for which an upgrade waits
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/config/config_faults.h"
#include "common/process/loop.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"
#include "t/unit/check_main.h"

static struct config config;
static struct snapshot snapshot = { .config = &config };
static struct master m;

static void
on_changed(struct master *master)
{
}

static pid_t
fork_child(bool lives)
{
	pid_t pid = fork();
	siginfo_t info;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		while (lives)
			pause();
		_exit(0);
	}
	if (!lives)	/* it is dead, and is not taken */
		ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

/* The state of the program before, as far as it has been read at the start. */
static void
begin(const char *lines)
{
	static const struct master_ops ops = { .changed = on_changed };
	static char folder[] = "/nonexistent";
	char text[1000];
	int fd = memfd_create("state", MFD_CLOEXEC);

	config.service.state = folder;
	config.service.grace = 1000;
	m = (struct master){ .ops = &ops, .child_ops = &child_events, .snapshot = &snapshot, .loop = loop_new(),
	    .options = { .take_over = fd }, .ready = true };
	TAILQ_INIT(&m.servers);
	TAILQ_INIT(&m.children);
	TAILQ_INIT(&m.questions);
	TAILQ_INIT(&m.callers);
	TAILQ_INIT(&m.heritages);
	web_account_open(&m);
	helper_open(&m);
	m.file_watch = file_watch_new(&m);
	snprintf(text, sizeof(text), "postern-upgrade-1 %u 0.0.1\n%s", ctl_version(), lines);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	takeover_open(&m);
}

/* Its processes are stopped, not left without a word; the service has no part in the error of its file. */
START_TEST(test_faulty_file)
{
	static char file[] = "/etc/a.ini", name[] = "a", text[] = "rubbish";
	struct config_fault fault = { .file = file, .line = 2, .server = name, .text = text };
	struct server *s;
	struct child *c;
	char lines[400];
	int pair[2], listening = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;
	pid_t pid = fork_child(true);

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(lines, sizeof(lines), "server %u %u %u 0 0 0 started a\nsocket %d 0 0 open 127.0.0.1:25\n"
	    "child %d 3 %d 0 0 listener ready a\n", UPGRADE_NONE, UPGRADE_NONE, UPGRADE_NONE, listening, (int)pid,
	    pair[0]);
	begin(lines);
	s = server_list_add(&m, "a", NULL, &fault);
	ck_assert(s != NULL && s->wanted);
	takeover_servers(&m);
	ck_assert_int_eq(s->state, STATE_STOPPING);
	ck_assert_uint_eq(s->sockets.count, 0);
	ck_assert(strstr(s->reason, "rubbish") != NULL);
	c = TAILQ_FIRST(&m.children);
	ck_assert(c != NULL && c->phase == CHILD_STOPPING && c->pid == pid);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	child_free(c);
	server_update(s);
	ck_assert_int_eq(s->state, STATE_STOPPED);
	ck_assert(s->wanted);	/* a reload starts it when the file is mended */
}
END_TEST

/* The parts that start it again are not there yet: its death is heard of when they are. */
START_TEST(test_dead_helper)
{
	pid_t pid = fork_child(false);
	char lines[100];
	int status;

	snprintf(lines, sizeof(lines), "child %d 3 %u 0 0 auth ready -\n", (int)pid, UPGRADE_NONE);
	begin(lines);
	takeover_servers(&m);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), pid);
}
END_TEST

/* Whatever a process does not read, an upgrade waits for a while; then it is killed. */
START_TEST(test_unread)
{
	static char much[CTL_PAYLOAD_MAX];
	struct child c = { .m = &m, .role = ROLE_LISTENER, .phase = CHILD_READY };
	int pair[2], status;
	pid_t pid = fork_child(true);

	m.loop = loop_new();
	c.pid = pid;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c.ctl = ctl_new(m.loop, pair[0], CTL_FROM_WORKER, NULL, NULL, NULL);
	ck_assert(!upgrade_waits_for(&c, 1000));
	while (ctl_waiting(c.ctl) == 0)
		ck_assert_int_eq(ctl_send(c.ctl, CTL_OTHERS, 0, much, sizeof(much), -1), 0);
	ck_assert(upgrade_waits_for(&c, 2000));
	ck_assert(upgrade_waits_for(&c, 2000 + UPGRADE_UNREAD_MS - 1));
	ck_assert_int_eq(kill(pid, 0), 0);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	ck_assert(upgrade_waits_for(&c, 2000 + UPGRADE_UNREAD_MS));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && c.killed != NULL);
}
END_TEST

UNIT_MAIN("takeover", test_faulty_file, test_dead_helper, test_unread)
