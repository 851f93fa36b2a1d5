/* sandbox - what each role can call and open, tried by a process that has entered the sandbox of that role */
#include <fcntl.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/process/loop.h"
#include "common/sandbox/sandbox_private.h"
#include "t/unit/common/temp_config.h"

#define NET "deliver resolver auth fetch directory filter limits "
#define LOCAL "pickup auth fetch directory filter limits "
#define WRITE "pickup deliver maintenance "
#define NOBODY ""
#define EVERYBODY NULL

/* A call that fails in any case: with EPERM, or, for roles that have it, with another error. */
static const struct attempt {
	const char *what;
	long number;
	long argument[6];
	const char *may;	/* roles; EVERYBODY: all of them */
	int error;		/* of the others; 0: EPERM */
} attempts[] = {
	{ "socket of IPv4", SYS_socket, { AF_INET, -1 }, NET, 0 },
	{ "socket of IPv6", SYS_socket, { AF_INET6, -1 }, NET, 0 },
	{ "local socket", SYS_socket, { AF_UNIX, -1 }, LOCAL, 0 },
	{ "socket of netlink", SYS_socket, { AF_NETLINK, -1 }, "deliver auth fetch directory", 0 },
	{ "raw packets", SYS_socket, { AF_PACKET, -1 }, NOBODY, 0 },
	{ "connect", SYS_connect, { -1 }, NET LOCAL, 0 },
	{ "bind", SYS_bind, { -1 }, NET, 0 },
	{ "listen", SYS_listen, { -1 }, NOBODY, 0 },
	{ "accept", SYS_accept4, { -1 }, "listener metrics web", 0 },
	{ "execve", SYS_execve, { 0 }, NOBODY, 0 },
	{ "execveat", SYS_execveat, { -1 }, NOBODY, 0 },
	{ "fork", SYS_clone, { SIGCHLD }, NOBODY, 0 },
	{ "clone3", SYS_clone3, { 0 }, NOBODY, ENOSYS },
	{ "kill", SYS_kill, { 1, 0 }, NOBODY, 0 },
	{ "a signal to another process", SYS_tgkill, { 1, 1, 0 }, NOBODY, 0 },
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, 1 }, NOBODY, 0 },
	{ "memory of others", SYS_process_vm_readv, { 1 }, NOBODY, 0 },
	{ "memory of others, for writing", SYS_process_vm_writev, { 1 }, NOBODY, 0 },
	{ "mount", SYS_mount, { 0 }, NOBODY, 0 },
	{ "bpf", SYS_bpf, { -1 }, NOBODY, 0 },
	{ "io_uring", SYS_io_uring_setup, { 0 }, NOBODY, 0 },
	{ "keyctl", SYS_keyctl, { -1 }, NOBODY, 0 },
	{ "userfaultfd", SYS_userfaultfd, { -1 }, NOBODY, 0 },
	{ "unshare", SYS_unshare, { 0 }, NOBODY, 0 },
	{ "to be traced", SYS_prctl, { PR_SET_DUMPABLE, 77 }, NOBODY, 0 },
	{ "code made from data", SYS_mprotect, { 1, 1, PROT_READ | PROT_EXEC }, "directory", 0 },
	{ "memory for code and data", SYS_mmap, { 0, 0, PROT_WRITE | PROT_EXEC }, "directory", 0 },
	{ "a library", SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC }, EVERYBODY, 0 },
	{ "signals by SIGIO", SYS_fcntl, { -1, F_SETOWN, 1 }, NOBODY, 0 },
	{ "flags of a descriptor", SYS_fcntl, { -1, F_GETFL, 0 }, EVERYBODY, 0 },
	{ "ioctl of a terminal", SYS_ioctl, { -1, 0x5412 /* TIOCSTI */ }, NOBODY, 0 },
	{ "fchmod", SYS_fchmod, { -1 }, "pickup deliver maintenance", 0 },
	{ "chown", SYS_fchown, { -1 }, NOBODY, 0 },
	{ "unlink", SYS_unlinkat, { -1 }, WRITE, 0 },
	{ "rename", SYS_renameat2, { -1 }, WRITE, 0 },
	{ "fsync", SYS_fsync, { -1 }, WRITE "auth", 0 },
	{ "mknod", SYS_mknodat, { -1 }, NOBODY, 0 },
	{ "symlink", SYS_symlinkat, { 0 }, NOBODY, 0 },
	{ "inotify", SYS_inotify_add_watch, { -1 }, "pickup", 0 },
	{ "memfd", SYS_memfd_create, { 0 }, "resolver auth directory pickup web", 0 },
	{ "a higher limit", SYS_prlimit64, { 0, RLIMIT_NOFILE, 1 }, NOBODY, 0 },
	{ "setuid", SYS_setuid, { -1 }, NOBODY, 0 },
	{ "read", SYS_read, { -1 }, EVERYBODY, 0 },
	{ "a call of tomorrow", 1000, { 0 }, NOBODY, ENOSYS },
};

/* --- a process in a sandbox --- */

static bool syslog_too;
static int landlock;	/* the version that the kernel has */
static int said = -1;	/* the child tells here what is wrong */

static void
complain(const char *what, const char *detail)
{
	char line[200];
	int len = snprintf(line, sizeof(line), "%s: %s\n", what, detail);

	(void)!write(said, line, (size_t)len);
}

static void
need(bool ok, const char *what)
{
	if (!ok)
		complain(what, strerror(errno));
}

/* What `child` and its events said, to be freed; *status as of waitpid. */
static char *
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

static char *
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

static char *
outside_sandbox(const char *role, void (*child)(const char *role), int *status)
{
	return run_child(NULL, role, child, status);
}

static void
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

/* --- calls --- */

static bool
may_call(const struct attempt *a, const char *role)
{
	const char *at = a->may != NULL ? strstr(a->may, role) : "";

	return at != NULL;
}

static void
try_calls(const char *role)
{
	for (size_t i = 0; i < nitems_of(attempts); i++) {
		const struct attempt *a = &attempts[i];
		const long *x = a->argument;
		int wrong = a->error != 0 ? a->error : EPERM;
		long rc;

		errno = 0;
		rc = syscall(a->number, x[0], x[1], x[2], x[3], x[4], x[5]);
		if (rc == 0 && a->number == SYS_clone)
			_exit(1);
		if (may_call(a, role) ? rc == -1 && errno == wrong : rc != -1 || errno != wrong)
			complain(a->what, rc == -1 ? strerror(errno) : "was done");
	}
}

static void
check_calls(void)
{
	set_up();
	ck_assert_uint_eq(sandbox_table_count, 13);
	for (size_t i = 0; i < sandbox_table_count; i++) {
		const char *role = sandbox_table_roles[i].name;
		int status;
		char *all = in_sandbox(role, false, try_calls, &status), *save = NULL;
		unsigned events = 0;

		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %d", role, status);
		for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			bool event = strstr(line, "event=trouble part=sandbox call=") != NULL;

			ck_assert_msg(event, "%s: %s", role, line);
			events++;
		}
		ck_assert_uint_gt(events, 20);
		free(all);
	}
	end();
}

START_TEST(test_calls_of_each_role)
{
	check_calls();
}
END_TEST

/* That of another role, or no filter at all, is not taken: each makes its own. */
START_TEST(test_filter_of_the_supervisor)
{
	static const char *const roles[] = { "itself", "directory", "resolver" };

	for (size_t i = 0; i < nitems_of(roles); i++) {
		ready_for = roles[i];
		check_calls();
	}
}
END_TEST

static void
try_own_signal(const char *role)
{
	signal(SIGUSR1, SIG_IGN);
	need(raise(SIGUSR1) == 0, "a signal to itself");
	need(syscall(SYS_tgkill, getppid(), getppid(), 0) == -1 && errno == EPERM, "a signal to another");
}

START_TEST(test_own_number)
{
	static const char *const ways[] = { NULL, "itself" };

	set_up();
	for (size_t i = 0; i < nitems_of(ways); i++) {
		int status;

		ready_for = ways[i];
		char *all = in_sandbox("pickup", false, try_own_signal, &status);
		ck_assert_msg(strstr(all, "a signal to") == NULL && strstr(all, "call=tgkill") != NULL, "%s", all);
		ck_assert_int_eq(status, 0);
		free(all);
	}
	end();
}
END_TEST

/* Where events go to syslog, its daemon may have to be reached again. */
static void
try_syslog(const char *role)
{
	need(socket(AF_UNIX, SOCK_DGRAM, 0) != -1, "a local socket");
	need(socket(AF_INET, SOCK_DGRAM, 0) == -1 && errno == EPERM, "another socket");
}

START_TEST(test_syslog)
{
	int status;

	set_up();
	syslog_too = true;
	char *all = in_sandbox("listener", false, try_syslog, &status);
	ck_assert_msg(strstr(all, "a local socket") == NULL && strstr(all, "another socket") == NULL, "%s", all);
	free(all);
	end();
}
END_TEST

/* --- events, and the end in a test build --- */

static void *
try_on_a_thread(void *arg)
{
	need(syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == EPERM, "ptrace on a thread");
	return arg;
}

static void
try_often(const char *role)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		need(syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == EPERM, "ptrace");
	need(pthread_create(&thread, NULL, try_on_a_thread, NULL) == 0, "a thread");
	pthread_join(thread, NULL);
	need(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM, "socket");
}

static struct loop *loop;

static void
on_refused(void *arg, const char *call)
{
	complain(call, arg);
	loop_stop(loop);
}

/* As boot_main does, which then tells operators. */
static void
try_on_the_loop(const char *role)
{
	loop = loop_new();
	sandbox_trap_watch(loop, on_refused, mem_strdup("was told"));
	(void)!syscall(SYS_keyctl, 0);
	loop_run(loop);
	(void)!syscall(SYS_ptrace, 0, 0, 0, 0);
	sandbox_trap_done();
}

START_TEST(test_told_on_the_loop)
{
	int status;

	set_up();
	char *all = in_sandbox("listener", false, try_on_the_loop, &status);
	ck_assert_msg(strstr(all, "keyctl: was told\n") != NULL && strstr(all, "ptrace: was told") == NULL &&
	    strstr(all, "call=ptrace") != NULL, "%s", all);
	ck_assert_int_eq(status, 0);
	free(all);
	end();
}
END_TEST

START_TEST(test_one_event_a_call)
{
	int status;

	set_up();
	char *all = in_sandbox("listener", false, try_often, &status), *first = strstr(all, "call=ptrace number=");
	ck_assert_msg(first != NULL && strstr(first + 1, "call=ptrace") == NULL, "%s", all);
	ck_assert_msg(strstr(all, "part=sandbox call=socket number=") != NULL, "%s", all);
	ck_assert_int_eq(status, 0);
	free(all);
	end();
}
END_TEST

START_TEST(test_a_test_build_ends)
{
	int status;

	set_up();
	char *all = in_sandbox("listener", true, try_often, &status);
	ck_assert_msg(strstr(all, "event=bug reason=\"sandbox: ptrace is no call of listener\"") != NULL, "%s",
	    all);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	free(all);
	end();
}
END_TEST

/* --- folders --- */

static void
try_file(const char *name, int flags, int error)
{
	char path[200];
	int fd;

	if (*name == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, name);
	errno = 0;
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (error == 0 ? fd == -1 : fd != -1 || errno != error)
		complain(path, fd != -1 ? "was opened" : strerror(errno));
	if (fd != -1)
		close(fd);
}

/* It has no folder of mail or logs. */
static void
try_files_of_listener(const char *role)
{
	try_file("home/pickup/x", O_WRONLY | O_CREAT | O_EXCL, EACCES);
	try_file("home/pickup", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("logs/x", O_WRONLY | O_CREAT | O_APPEND, EACCES);
	try_file("logs", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("home/drop", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("home/drop/mail", O_RDONLY, EACCES);
	try_file("postern.ini", O_RDONLY, EACCES);
	try_file("/etc/passwd", O_RDONLY, EACCES);
	try_file("/", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("/usr/lib", O_RDONLY | O_DIRECTORY, 0);
	try_file("/dev/null", O_RDWR, 0);
}

static void
try_port(uint16_t port, int error)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

	errno = 0;
	rc = bind(fd, (const struct sockaddr *)&sin, sizeof(sin));
	if (error == 0 ? rc == -1 : rc != -1 || errno != error)
		complain("a port", rc == 0 ? "was bound" : strerror(errno));
	close(fd);
}

/* Another virtual server, of the same user, whose queue is elsewhere, too. */
static void
try_neighbour(void)
{
	try_file("other/drop/mail", O_RDONLY, EACCES);
	try_file("other/badmail", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("elsewhere/queue", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("elsewhere/queue/x", O_RDWR | O_CREAT | O_EXCL, EACCES);
}

static void
try_files_of_deliver(const char *role)
{
	char from[200], to[200];

	try_file("home/drop/mail", O_RDWR, 0);
	try_file("home/queue/y", O_RDWR | O_CREAT | O_EXCL, 0);
	snprintf(from, sizeof(from), "%s/home/queue/y", folder);
	snprintf(to, sizeof(to), "%s/home/drop/y", folder);
	need(rename(from, to) == 0, "from one folder into another");
	try_file("home/badmail", O_RDONLY | O_DIRECTORY, ENOENT);
	snprintf(to, sizeof(to), "%s/home/badmail", folder);
	need(mkdir(to, 0700) == 0, "a folder below the home");
	try_port(0, 0);
	if (landlock >= 4)
		try_port(2525, EACCES);
	try_file("postern.ini", O_RDONLY, EACCES);
	try_file("/etc/passwd", O_RDONLY, EACCES);
	try_neighbour();
}

static void
try_files_of_maintenance(const char *role)
{
	try_file("home/queue/z", O_RDWR | O_CREAT | O_EXCL, 0);
	try_neighbour();
}

static void
try_files_of_auth(const char *role)
{
	try_file("/etc/passwd", O_RDONLY, 0);
	try_file("/etc/passwd", O_RDWR, EACCES);
	try_file("home/queue", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("logs", O_RDONLY | O_DIRECTORY, EACCES);
}

/* A message comes as a descriptor. */
static void
try_files_of_filter(const char *role)
{
	try_file("/etc/passwd", O_RDONLY, EACCES);
	try_file("home/queue", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("home/drop/mail", O_RDONLY, EACCES);
	try_file("logs", O_RDONLY | O_DIRECTORY, EACCES);
}

START_TEST(test_folders)
{
	static const struct { const char *role; void (*files)(const char *role); } rows[] = {
		{ "listener", try_files_of_listener }, { "deliver", try_files_of_deliver },
		{ "maintenance", try_files_of_maintenance }, { "auth", try_files_of_auth },
		{ "filter", try_files_of_filter },
	};

	landlock = sandbox_trees_version();
	if (landlock < SANDBOX_LANDLOCK_LEAST)
		return;		/* a kernel without; the event of the supervisor says so */
	set_up();
	put("home/drop/mail", "text");
	put("other/drop/mail", "text");
	for (size_t i = 0; i < nitems_of(rows); i++) {
		int status;
		char *all = in_sandbox(rows[i].role, false, rows[i].files, &status);

		ck_assert_msg(*all == '\0' && status == 0, "%s: %s", rows[i].role, all);
		free(all);
	}
	end();
}
END_TEST

/* --- resolv.conf, which comes and goes --- */

static void
write_resolv(const char *name)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/run/%s", name);
	need(mkdir(path, 0755) == 0, path);
	snprintf(path, sizeof(path), "/run/%s/resolv.conf", name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	need(fd != -1, path);
	close(fd);
}

/* Outside of the sandbox: says "made" on `to` when the file of NetworkManager is made, and made anew. */
static void
write_later(int from, int to)
{
	char go;

	for (int i = 0; read(from, &go, 1) == 1; i++) {
		if (i > 0)
			need(rename("/run/NetworkManager", "/run/old") == 0, "rename");
		write_resolv("NetworkManager");
		(void)!write(to, "", 1);
	}
	_exit(0);
}

static void
try_later_resolv(const char *role)
{
	struct sandbox_plan plan = { .role = role };
	int go[2], made[2];
	char ok;

	need(mount("none", "/run", "tmpfs", 0, NULL) == 0, "/run");
	need(mount("none", "/etc", "tmpfs", 0, NULL) == 0, "/etc");
	need(symlink("../run/NetworkManager/resolv.conf", "/etc/resolv.conf") == 0, "link");
	write_resolv("resolvconf");
	need(pipe(go) == 0 && pipe(made) == 0, "pipe");
	if (fork() == 0) {
		close(go[1]);
		write_later(go[0], made[1]);
	}
	need(sandbox_enter(&plan), "a role");
	for (int i = 0; i < 2; i++) {
		need(write(go[1], "", 1) == 1 && read(made[0], &ok, 1) == 1, "made");
		try_file("/etc/resolv.conf", O_RDONLY, 0);
		try_file("/etc/resolv.conf", O_RDWR, EACCES);
	}
	try_file("/run/resolvconf/resolv.conf", O_RDONLY, 0);
	close(go[1]);
}

START_TEST(test_resolv_that_comes_later)
{
	static const char *const roles[] = { "resolver", "fetch", "auth", "directory" };

	if (sandbox_trees_version() < SANDBOX_LANDLOCK_LEAST)
		return;
	for (size_t i = 0; i < nitems_of(roles); i++) {
		int status;

		set_up();
		if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
			return;		/* only root can give itself another /etc */
		char *all = outside_sandbox(roles[i], try_later_resolv, &status);
		(void)umount("/etc");
		(void)umount("/run");
		ck_assert_msg(*all == '\0' && status == 0, "%s: %s", roles[i], all);
		free(all);
		end();
	}
}
END_TEST

/* --- a kernel, or a container, without --- */

/* As a container does that allows neither; then what the supervisor and a worker say. */
static void
enter_container(const char *role)
{
	struct sandbox_plan plan = { .role = role, .server = server("default") };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	need(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SYS_landlock_create_ruleset, 0) == 0, "a rule");
	need(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SYS_seccomp, 0) == 0, "a rule");
	need(seccomp_load(filter) == 0, "the filter of the container");
	seccomp_release(filter);
	sandbox_tell_kernel();
	sandbox_enter_master();
	need(sandbox_enter(&plan), "a role");
	need(socket(AF_INET, SOCK_STREAM, 0) != -1, "a socket");
}

/* As systemd does for a unit whose SystemCallFilter has neither: it ends the process. */
static void
enter_old_unit(const char *role)
{
	struct sandbox_plan plan = { .role = role, .server = server("default") };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	need(seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SYS_landlock_create_ruleset, 0) == 0, "a rule");
	need(seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SYS_seccomp, 0) == 0, "a rule");
	need(seccomp_load(filter) == 0, "the filter of the unit");
	seccomp_release(filter);
	sandbox_probe_kernel();
	need(strcmp(getenv(SANDBOX_DEADLY), "seccomp landlock") == 0, "the environment of its children");
	sandbox_tell_kernel();
	sandbox_enter_master();
	need(sandbox_enter(&plan), "a role");
	need(socket(AF_INET, SOCK_STREAM, 0) != -1, "a socket");
}

START_TEST(test_old_unit)
{
	int status;

	set_up();
	char *all = outside_sandbox("listener", enter_old_unit, &status);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(all, "systemctl daemon-reload"));
	ck_assert_ptr_nonnull(strstr(all, "what=landlock reason=\"Operation not permitted\""));
	free(all);
	end();
}
END_TEST

static void
tell_of_this_kernel(const char *role)
{
	sandbox_tell_kernel();
}

START_TEST(test_without)
{
	static const char want[] =
	    "- event=trouble part=sandbox what=seccomp reason=\"Operation not permitted\"\n"
	    "- event=trouble part=sandbox what=landlock reason=\"Function not implemented\"\n";
	int status;

	set_up();
	char *all = outside_sandbox("listener", enter_container, &status);
	for (char *at = all; (at = strstr(at, "postern[")) != NULL; ) {		/* the process */
		char *rest = strstr(at, "- event");

		ck_assert_ptr_nonnull(rest);
		memmove(at, rest, strlen(rest) + 1);
	}
	ck_assert_str_eq(all, want);
	ck_assert_int_eq(status, 0);
	free(all);
	if (sandbox_trees_version() >= SANDBOX_LANDLOCK_LEAST) {
		all = outside_sandbox("listener", tell_of_this_kernel, &status);
		ck_assert_str_eq(all, "");
		free(all);
	}
	end();
}
END_TEST

/* --- the supervisor --- */

START_TEST(test_master)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		sandbox_enter_master();
		errno = 0;
		_exit(syscall(SYS_keyctl, -1) == -1 && errno == EPERM && getpid() > 1 &&
		    socket(AF_INET, SOCK_STREAM, 0) != -1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_null(sandbox_table_role("posternctl"));
}
END_TEST

UNIT_MAIN("sandbox", test_calls_of_each_role, test_filter_of_the_supervisor, test_own_number, test_syslog,
    test_told_on_the_loop, test_one_event_a_call, test_a_test_build_ends, test_folders,
    test_resolv_that_comes_later, test_without, test_old_unit, test_master)
