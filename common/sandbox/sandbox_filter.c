/*
 * sandbox_filter - filters of system calls (seccomp) from the table
 *
 * Runs in:  every process but posternctl
 * Owns:     nothing once the kernel has the filter. One that the supervisor has made for all processes of a
 *           role is a sealed file: what it is for (struct ready), then its program
 * Promise:  what the table does not name is not done; a call that is newer than the table is ENOSYS where it
 *           can be told, so that the C library falls back to an older one
 * Fails by: an errno
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/sandbox/sandbox_private.h"

#define NAME_MAX_SIZE 40
#define READY_MAX 1000		/* instructions; the longest filter has some 300 */
#define ANY_PID 0x7e57e57eU	/* no process has this number: each puts its own there */

/* libseccomp returns -errno; a call that this architecture has not is none that is missing. */
static int
add_rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
    const struct scmp_arg_cmp *compare)
{
	int number = seccomp_syscall_resolve_name(name), rc;

	if (number == __NR_SCMP_ERROR)
		return 0;
	rc = seccomp_rule_add_array(filter, action, number, count, compare);
	return rc == -EEXIST || rc == -EDOM ? 0 : -rc;
}

static int
add_names(scmp_filter_ctx filter, uint32_t action, const char *names)
{
	int error = 0;

	while (*names != '\0' && error == 0) {
		char name[NAME_MAX_SIZE];
		size_t len = strcspn(names, " ");

		if (len > 0 && len < sizeof(name)) {
			snprintf(name, sizeof(name), "%.*s", (int)len, names);
			error = add_rule(filter, action, name, 0, NULL);
		}
		names += len;
		names += strspn(names, " ");
	}
	return error;
}

static int
add_some(scmp_filter_ctx filter, const struct sandbox_call *some, uint32_t pid)
{
	int error = 0;

	for (; some != NULL && some->name != NULL && error == 0; some++) {
		uint64_t value = some->own_pid ? pid : some->value;
		const struct scmp_arg_cmp compare = { .arg = some->argument, .op = SCMP_CMP_MASKED_EQ,
		    .datum_a = some->mask, .datum_b = value };

		error = add_rule(filter, SCMP_ACT_ALLOW, some->name, 1, &compare);
	}
	return error;
}

/* In clone3 the flags are where no filter can read them: the C library uses clone then. */
static int
add_sets(scmp_filter_ctx filter, unsigned sets, uint32_t pid)
{
	int error = add_rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);

	for (unsigned i = 0; i < SANDBOX_SETS && error == 0; i++) {
		if ((sets & 1U << i) == 0)
			continue;
		error = add_names(filter, SCMP_ACT_ALLOW, sandbox_table_sets[i].names);
		if (error == 0)
			error = add_some(filter, sandbox_table_sets[i].some, pid);
	}
	return error;
}

static void
set_attributes(scmp_filter_ctx filter)
{
	(void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* a tree, not a list */
}

static int
load_filter(scmp_filter_ctx filter)
{
	int rc = seccomp_load(filter);

	return rc < 0 ? -rc : 0;
}

/* NULL and errno. */
static scmp_filter_ctx
make_filter(const struct sandbox_role *role, const struct sandbox_plan *plan, bool trap, uint32_t pid)
{
	unsigned sets = role->sets | (plan->syslog ? 1U << SANDBOX_UNIX : 0) |
	    (plan->sanitizers ? 1U << SANDBOX_SANITIZERS : 0);
	scmp_filter_ctx filter = seccomp_init(trap ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM));
	int error = filter != NULL ? add_sets(filter, sets, pid) : ENOMEM;

	if (error == 0) {
		set_attributes(filter);
		return filter;
	}
	if (filter != NULL)
		seccomp_release(filter);
	errno = error;
	return NULL;
}

/* --- made once, by the supervisor --- */

struct ready {
	char role[SANDBOX_READY_ROLE];
	bool syslog, sanitizers;	/* as of the plan */
	int newest;			/* sandbox_trap_newest */
};

/* 0, or -1 and errno. */
static int
write_ready(int fd, const struct ready *head, scmp_filter_ctx filter)
{
	int rc;

	if (disk_write(fd, head, sizeof(*head)) == -1)
		return -1;
	rc = seccomp_export_bpf(filter, fd);
	if (rc < 0) {
		errno = -rc;
		return -1;
	}
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

int
sandbox_filter_make(const struct sandbox_plan *plan)
{
	const struct sandbox_role *role = sandbox_table_role(plan->role);
	struct ready head = { .syslog = plan->syslog, .sanitizers = plan->sanitizers,
	    .newest = sandbox_trap_newest() };
	scmp_filter_ctx filter;
	int fd;

	if (role == NULL || !sandbox_trap_is_there())
		return -1;
	snprintf(head.role, sizeof(head.role), "%s", role->name);
	filter = make_filter(role, plan, true, ANY_PID);
	if (filter == NULL)
		return -1;
	fd = memfd_create("postern-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd != -1 && write_ready(fd, &head, filter) == -1) {
		close(fd);
		fd = -1;
	}
	seccomp_release(filter);
	return fd;
}

/* -1: none of this plan. */
static ssize_t
read_ready(const struct sandbox_role *role, const struct sandbox_plan *plan, struct ready *head,
    struct sock_filter *program, size_t size)
{
	ssize_t n;

	if (pread(plan->filter, head, sizeof(*head), 0) != sizeof(*head) ||
	    strncmp(head->role, role->name, sizeof(head->role)) != 0 || head->syslog != plan->syslog ||
	    head->sanitizers != plan->sanitizers)
		return -1;
	n = pread(plan->filter, program, size, sizeof(*head));
	return n > 0 && (size_t)n < size && (size_t)n % sizeof(*program) == 0 ?
	    n / (ssize_t)sizeof(*program) : -1;
}

/* False: it is to be made here. */
static bool
load_ready(const struct sandbox_role *role, const struct sandbox_plan *plan, int *error)
{
	struct sock_filter program[READY_MAX];
	struct ready head;
	ssize_t n = plan->filter > 0 ? read_ready(role, plan, &head, program, sizeof(program)) : -1;
	struct sock_fprog load = { .len = (unsigned short)n, .filter = program };

	if (n == -1 || !sandbox_trap_set(plan, head.newest))
		return false;
	for (ssize_t i = 0; i < n; i++)
		if (program[i].k == ANY_PID && BPF_CLASS(program[i].code) == BPF_JMP)
			program[i].k = (uint32_t)getpid();
	*error = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &load) == 0 ? 0 : errno;
	return true;
}

/* --- of this process --- */

int
sandbox_filter_load(const struct sandbox_role *role, const struct sandbox_plan *plan)
{
	scmp_filter_ctx filter;
	int error;

	if (load_ready(role, plan, &error))
		return error;
	filter = make_filter(role, plan, sandbox_trap_set(plan, sandbox_trap_newest()), (uint32_t)getpid());
	if (filter == NULL)
		return errno;
	error = load_filter(filter);
	seccomp_release(filter);
	(void)malloc_trim(0);	/* the rules took some hundred KiB */
	return error;
}

int
sandbox_filter_load_master(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error;

	if (filter == NULL)
		return ENOMEM;
	error = add_names(filter, SCMP_ACT_ERRNO(EPERM), sandbox_table_master);
	set_attributes(filter);
	if (error == 0)
		error = load_filter(filter);
	seccomp_release(filter);
	return error;
}

int
sandbox_filter_probe(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? 0 : errno;
}
