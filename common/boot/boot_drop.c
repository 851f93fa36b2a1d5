/*
 * boot_drop - the one privilege drop, proved
 *
 * Runs in:  every process but master, posternctl; once
 * Owns:     nothing
 * Promise:  afterwards: no root, no group but those that were said, no capability, no way back
 * Fails by: die() (EX_NOUSER, EX_OSERR)
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/account/account.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"

enum { GROUPS_MAX = 64 };

static void
must_succeed(bool ok, const char *what)
{
	if (!ok)
		die(EX_OSERR, "privilege drop: %s: %s", what, strerror(errno));
}

/* Needs CAP_SETPCAP: before the user changes. */
static void
shut_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		must_succeed(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0, "capability bounding set");
}

/* The groups of the host that name the user, but never root's, into `groups` of GROUPS_MAX. Their number. */
static size_t
groups_of_host(const char *user, const struct account *a, gid_t *groups)
{
	const struct passwd *pw = getpwnam(user);
	int n = GROUPS_MAX;
	size_t kept = 0;

	if (pw == NULL)
		pw = getpwuid(a->uid);
	if (pw == NULL)		/* a number without a name is in no list */
		return 0;
	if (getgrouplist(pw->pw_name, a->gid, groups, &n) == -1)
		n = GROUPS_MAX;
	for (int i = 0; i < n; i++)
		if (groups[i] != 0 && groups[i] != a->gid)
			groups[kept++] = groups[i];
	return kept;
}

static void
become_user(const char *user, const char *group, const char *also, bool host_groups)
{
	struct account a, other = { 0 };
	int rc = account_find(user, group, &a), more = also != NULL ? account_find(user, also, &other) : 0;
	gid_t groups[GROUPS_MAX + 2];
	size_t n = 0;

	if (rc != 0)
		die(EX_NOUSER, "no %s %s on this host", rc == -1 ? "user" : "group", rc == -1 ? user : group);
	if (more != 0)
		die(EX_NOUSER, "no group %s on this host", also);
	if (account_is_root(&a) || (also != NULL && other.gid == 0))
		die(EX_CONFIG, "the user %s is root, or has its group", user);
	if (host_groups)
		n = groups_of_host(user, &a, groups);
	groups[n++] = a.gid;
	if (also != NULL)
		groups[n++] = other.gid;
	shut_bounding_set();
	must_succeed(setgroups(n, groups) == 0, "setgroups");
	must_succeed(setresgid(a.gid, a.gid, a.gid) == 0, "setresgid");
	must_succeed(setresuid(a.uid, a.uid, a.uid) == 0, "setresuid");
}

static void
clear_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	must_succeed(syscall(SYS_capset, &head, none) == 0, "capset");
	must_succeed(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
}

static void
check_no_way_back(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];
	uid_t r, e, s;

	must_succeed(getresuid(&r, &e, &s) == 0 && r != 0 && e != 0 && s != 0, "a user id is still root");
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0 || setgid(0) == 0)
		bug("privilege drop: root came back");
	must_succeed(syscall(SYS_capget, &head, have) == 0, "capget");
	for (size_t i = 0; i < nitems_of(have); i++)
		if (have[i].effective != 0 || have[i].permitted != 0 || have[i].inheritable != 0)
			bug("privilege drop: a capability is left");
}

void
boot_drop(const char *user, const char *group, const char *also, bool host_groups)
{
	bool root = geteuid() == 0;

	if (root)
		become_user(user, group, also, host_groups);
	clear_capabilities();
	if (getuid() != 0)
		check_no_way_back();
}
