/*
 * sandbox_filter - filters of system calls (seccomp) from the table
 *
 * Runs in:  every process but posternctl
 * Owns:     nothing once the kernel has the filter
 * Promise:  what the table does not name is not done; a call that is newer than the table is ENOSYS where it
 *           can be told, so that the C library falls back to an older one
 * Fails by: an errno
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/sandbox/sandbox_private.h"

#define NAME_MAX_SIZE 40

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
add_some(scmp_filter_ctx filter, const struct sandbox_call *some)
{
	int error = 0;

	for (; some != NULL && some->name != NULL && error == 0; some++) {
		uint64_t value = some->own_pid ? (uint64_t)getpid() : some->value;
		const struct scmp_arg_cmp compare = { .arg = some->argument, .op = SCMP_CMP_MASKED_EQ,
		    .datum_a = some->mask, .datum_b = value };

		error = add_rule(filter, SCMP_ACT_ALLOW, some->name, 1, &compare);
	}
	return error;
}

/* In clone3 the flags are where no filter can read them: the C library uses clone then. */
static int
add_sets(scmp_filter_ctx filter, unsigned sets)
{
	int error = add_rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);

	for (unsigned i = 0; i < SANDBOX_SETS && error == 0; i++) {
		if ((sets & 1U << i) == 0)
			continue;
		error = add_names(filter, SCMP_ACT_ALLOW, sandbox_table_sets[i].names);
		if (error == 0)
			error = add_some(filter, sandbox_table_sets[i].some);
	}
	return error;
}

static int
load_filter(scmp_filter_ctx filter)
{
	int rc;

	(void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* a tree, not a list */
	rc = seccomp_load(filter);
	return rc < 0 ? -rc : 0;
}

int
sandbox_filter_load(const struct sandbox_role *role, const struct sandbox_plan *plan)
{
	unsigned sets = role->sets | (plan->syslog ? 1U << SANDBOX_UNIX : 0) |
	    (plan->sanitizers ? 1U << SANDBOX_SANITIZERS : 0);
	uint32_t refuse = sandbox_trap_set(plan) ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx filter = seccomp_init(refuse);
	int error;

	if (filter == NULL)
		return ENOMEM;
	error = add_sets(filter, sets);
	if (error == 0)
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
