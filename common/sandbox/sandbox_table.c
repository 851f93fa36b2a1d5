/*
 * sandbox_table - which role may make which system calls and touch which folders; one row a role
 *
 * Runs in:  every process but posternctl
 * Owns:     nothing
 * Promise:  all that a process may ask of the kernel stands here. A test build ends at a call that is missing
 * Fails by: cannot
 */
#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/sandbox/sandbox_private.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41	/* glibc names its memory */
#endif
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

#define WHEN(call, number, of, is) { .name = call, .argument = number, .mask = of, .value = is }
#define IS(call, number, is) WHEN(call, number, UINT32_MAX, is)
#define FCNTL(command) IS("fcntl", 1, command), IS("fcntl64", 1, command)
#define BIT(set) (1U << SANDBOX_##set)

/* --- sets of calls --- */

/*
 * Memory that can be written is never executed, and what was written is never made executable. F_SETOWN and
 * F_SETSIG, which send signals, are no commands of fcntl here, and limits are only read.
 */
static const struct sandbox_call base[] = {
	WHEN("mmap", 2, PROT_WRITE | PROT_EXEC, 0), WHEN("mmap2", 2, PROT_WRITE | PROT_EXEC, 0),
	WHEN("mmap", 2, PROT_WRITE | PROT_EXEC, PROT_WRITE),
	WHEN("mmap2", 2, PROT_WRITE | PROT_EXEC, PROT_WRITE),
	WHEN("mmap", 2, PROT_WRITE | PROT_EXEC, PROT_EXEC),
	WHEN("mmap2", 2, PROT_WRITE | PROT_EXEC, PROT_EXEC),
	WHEN("mprotect", 2, PROT_EXEC, 0),
	FCNTL(F_DUPFD), FCNTL(F_DUPFD_CLOEXEC), FCNTL(F_GETFD), FCNTL(F_SETFD), FCNTL(F_GETFL),
	FCNTL(F_SETFL), FCNTL(F_GETLK), FCNTL(F_SETLK), FCNTL(F_SETLKW), FCNTL(F_OFD_GETLK),
	FCNTL(F_OFD_SETLK), FCNTL(F_OFD_SETLKW), FCNTL(F_GET_SEALS), FCNTL(F_ADD_SEALS),
	IS("ioctl", 1, FIONREAD), IS("ioctl", 1, FIONBIO), IS("ioctl", 1, TCGETS),
	IS("prctl", 0, PR_SET_NAME), IS("prctl", 0, PR_SET_VMA),
	WHEN("prlimit64", 2, UINT64_MAX, 0),
	{ .name = "tgkill", .argument = 0, .mask = UINT32_MAX, .own_pid = true },
	{ 0 }
};

static const struct sandbox_call threads[] = {
	WHEN("clone", CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD), { 0 }
};

static const struct sandbox_call net[] = {
	IS("socket", 0, AF_INET), IS("socket", 0, AF_INET6), { 0 }
};
static const struct sandbox_call local[] = { IS("socket", 0, AF_UNIX), { 0 } };
static const struct sandbox_call netlink[] = { IS("socket", 0, AF_NETLINK), { 0 } };

const struct sandbox_calls sandbox_table_sets[SANDBOX_SETS] = {
	/* Held descriptors, memory, waits, clocks, its own signals, names of files. */
	[SANDBOX_BASE] = {
	    "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 close close_range "
	    "lseek _llseek fstat fstat64 dup dup2 dup3 pipe pipe2 "
	    "recvmsg recvmmsg recvmmsg_time64 recvfrom recv sendmsg sendto send shutdown "
	    "getsockopt getsockname getpeername "
	    "epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 "
	    "timerfd_create timerfd_settime timerfd_settime64 "
	    "poll ppoll ppoll_time64 select _newselect pselect6 "
	    "pselect6_time64 signalfd4 "
	    "futex futex_time64 futex_waitv set_robust_list get_robust_list rseq set_tid_address sched_yield "
	    "sched_getaffinity getcpu membarrier "
	    "brk munmap mremap madvise "
	    "clock_gettime clock_gettime64 clock_getres clock_getres_time64 gettimeofday time nanosleep "
	    "clock_nanosleep clock_nanosleep_time64 times "
	    "rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack restart_syscall "
	    "getpid getppid gettid getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 "
	    "getresuid getresuid32 getresgid getresgid32 getgroups getgroups32 "
	    "getrandom getrlimit ugetrlimit getrusage sysinfo uname exit exit_group "
	    "open openat openat2 access faccessat faccessat2 stat stat64 lstat lstat64 newfstatat fstatat64 "
	    "statx readlink readlinkat getdents getdents64 getcwd statfs statfs64 fstatfs fstatfs64 "
	    "fadvise64 fadvise64_64 arm_fadvise64_64", base },
	/* Libraries of LDAP make small pieces of code at run time (libffi). */
	[SANDBOX_CODE] = { "mmap mmap2 mprotect", NULL },
	[SANDBOX_THREADS] = { "", threads },
	[SANDBOX_MEMFILES] = { "memfd_create", NULL },
	[SANDBOX_WRITE] = {
	    "mkdir mkdirat rename renameat renameat2 link linkat unlink unlinkat rmdir flock fsync fdatasync "
	    "sync_file_range sync_file_range2 copy_file_range sendfile "
	    "sendfile64 utimensat utimensat_time64", NULL },
	/* Of a file that another process has opened for it. */
	[SANDBOX_SYNC] = { "fsync", NULL },
	/* The mode of a queue file says that an operator holds it. */
	[SANDBOX_MODES] = { "fchmod fchmodat fchmodat2", NULL },
	[SANDBOX_WATCH] = { "inotify_init1 inotify_add_watch inotify_rm_watch", NULL },
	[SANDBOX_ACCEPT] = { "accept accept4 setsockopt", NULL },
	[SANDBOX_NET] = { "connect bind setsockopt sendmmsg socketpair", net },
	[SANDBOX_UNIX] = { "connect setsockopt socketpair", local },
	[SANDBOX_NETLINK] = { "bind", netlink },
	/* The leak sanitizer stops the threads of its own process from another one, which it clones. */
	[SANDBOX_SANITIZERS] = {
	    "clone wait4 waitid ptrace prctl personality kill tkill tgkill process_vm_readv sched_getparam "
	    "sched_getscheduler prlimit64 setrlimit mincore getpgrp ioctl mmap mprotect unlink", NULL },
};

/* The supervisor, and so all that it starts. Some need root, which its bounding set may leave it. */
const char sandbox_table_master[] =
#ifndef POSTERN_TEST	/* the leak sanitizer */
    "ptrace process_vm_readv "
#endif
    "process_vm_writev pidfd_getfd kcmp bpf perf_event_open userfaultfd io_uring_setup io_uring_enter "
    "io_uring_register add_key request_key keyctl kexec_load kexec_file_load init_module finit_module "
    "delete_module mount umount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr "
    "pivot_root chroot unshare setns swapon swapoff reboot acct quotactl quotactl_fd settimeofday stime "
    "clock_settime clock_settime64 clock_adjtime clock_adjtime64 adjtimex sethostname setdomainname "
    "open_by_handle_at name_to_handle_at lookup_dcookie nfsservctl iopl ioperm vm86 vm86old modify_ldt "
    "create_module get_kernel_syms query_module uselib ustat sysfs _sysctl vhangup syslog fanotify_init "
    "mbind migrate_pages move_pages set_mempolicy get_mempolicy memfd_secret";

/* --- roles --- */

/* All have these: the heart of a process, and what libraries read. */
#define ALL BIT(BASE)
#define STANDARD { SANDBOX_SYSTEM, SANDBOX_READ }

const struct sandbox_role sandbox_table_roles[] = {
	/* The network side: no socket, connect, bind, listen, exec, fork, kill; no folder of mail or logs. */
	{ .name = "listener", .sets = ALL | BIT(THREADS) | BIT(ACCEPT), .tree = { STANDARD } },
	/*
	 * Its folder may be made anew, and a rule is about the folder that was there: so all of its home. For
	 * listeners it writes the protocol log, of which it removes what is old, counts the drop folder, and
	 * puts local mail there that nothing stands in the way of.
	 */
	{ .name = "pickup", .sets = ALL | BIT(THREADS) | BIT(WRITE) | BIT(MODES) | BIT(WATCH) | BIT(UNIX) |
	    BIT(MEMFILES),
	    .tree = { STANDARD, { SANDBOX_NAMES, SANDBOX_READ }, { SANDBOX_HOME, SANDBOX_CHANGE },
	    { SANDBOX_PICKUP, SANDBOX_CHANGE }, { SANDBOX_QUEUE, SANDBOX_CHANGE },
	    { SANDBOX_BADMAIL, SANDBOX_CHANGE }, { SANDBOX_LOGS, SANDBOX_TRIM },
	    { SANDBOX_DROPS, SANDBOX_CHANGE } } },
	/* It says whether pickup can be used. */
	{ .name = "deliver", .sets = ALL | BIT(THREADS) | BIT(WRITE) | BIT(MODES) | BIT(NET) | BIT(NETLINK),
	    .connects = true,
	    .tree = { STANDARD, { SANDBOX_HOME, SANDBOX_CHANGE }, { SANDBOX_QUEUE, SANDBOX_CHANGE },
	    { SANDBOX_BADMAIL, SANDBOX_CHANGE }, { SANDBOX_DROPS, SANDBOX_CHANGE },
	    { SANDBOX_LOGS, SANDBOX_APPEND }, { SANDBOX_PICKUP, SANDBOX_LIST } } },
	{ .name = "maintenance", .sets = ALL | BIT(THREADS) | BIT(WRITE) | BIT(MODES),
	    .tree = { STANDARD, { SANDBOX_HOME, SANDBOX_CHANGE }, { SANDBOX_QUEUE, SANDBOX_CHANGE },
	    { SANDBOX_BADMAIL, SANDBOX_CHANGE }, { SANDBOX_DROPS, SANDBOX_CHANGE } } },
	/* UDP and TCP to other hosts. It reads resolv.conf and hosts anew when they change. */
	{ .name = "resolver", .sets = ALL | BIT(NET) | BIT(MEMFILES), .connects = true,
	    .tree = { STANDARD, { SANDBOX_NAMES, SANDBOX_READ } } },
	{ .name = "metrics", .sets = ALL | BIT(ACCEPT), .tree = { STANDARD } },
	{ .name = "web", .sets = ALL | BIT(ACCEPT) | BIT(MEMFILES), .tree = { STANDARD } },
	/* Of posternctl and the supervisor: reads its input and says what it found. */
	{ .name = "import", .sets = ALL, .tree = { STANDARD } },
	/* Kerberos finds its servers by itself, by name. The master opens password files that it writes. */
	{ .name = "auth",
	    .sets = ALL | BIT(THREADS) | BIT(SYNC) | BIT(MEMFILES) | BIT(NET) | BIT(NETLINK) | BIT(UNIX),
	    .connects = true,
	    .tree = { STANDARD, { SANDBOX_NAMES, SANDBOX_READ }, { SANDBOX_REPLAYS, SANDBOX_CHANGE } } },
	{ .name = "fetch", .sets = ALL | BIT(THREADS) | BIT(NET) | BIT(NETLINK) | BIT(UNIX), .connects = true,
	    .tree = { STANDARD, { SANDBOX_NAMES, SANDBOX_READ } } },
	/* Filters listen on addresses and sockets of this host or its network: it opens no file. */
	{ .name = "filter", .sets = ALL | BIT(NET) | BIT(UNIX), .connects = true, .tree = { STANDARD } },
	/* The engine is an address or a socket, too. */
	{ .name = "limits", .sets = ALL | BIT(NET) | BIT(UNIX), .connects = true, .tree = { STANDARD } },
	{ .name = "directory",
	    .sets = ALL | BIT(CODE) | BIT(THREADS) | BIT(MEMFILES) | BIT(NET) | BIT(NETLINK) | BIT(UNIX),
	    .connects = true, .tree = { STANDARD, { SANDBOX_NAMES, SANDBOX_READ } } },
};
const size_t sandbox_table_count = nitems_of(sandbox_table_roles);

const struct sandbox_role *
sandbox_table_role(const char *name)
{
	for (size_t i = 0; i < sandbox_table_count; i++)
		if (strcmp(sandbox_table_roles[i].name, name) == 0)
			return &sandbox_table_roles[i];
	return NULL;
}
