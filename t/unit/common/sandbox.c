/* sandbox - what each role can call, tried by a process that has entered the sandbox of that role */
#include <fcntl.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/process/loop.h"
#include "t/unit/common/temp_sandbox.h"

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
    test_told_on_the_loop, test_one_event_a_call, test_a_test_build_ends, test_without, test_old_unit, test_master)
