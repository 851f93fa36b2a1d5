/*
 * sandbox_trees - rules about folders and TCP (Landlock) from the table
 *
 * Runs in:  every process but posternctl
 * Owns:     nothing once the kernel has the rules
 * Promise:  nothing below another folder is opened, made, moved or removed; nothing is executed; no TCP but
 *           that of the role; no signal to another process. As much of it as the kernel knows
 * Fails by: an errno. A folder that is not there has no rule
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/sandbox/sandbox_private.h"

/* The header of Debian 12 knows the first two versions. */
#define FS_TRUNCATE (1ULL << 14)	/* version 3 */
#define FS_IOCTL_DEV (1ULL << 15)	/* version 5 */
#define NET_BIND (1ULL << 0)		/* version 4 */
#define NET_CONNECT (1ULL << 1)
#define RULE_NET_PORT 2
#define SCOPE_ABSTRACT (1ULL << 0)	/* version 6 */
#define SCOPE_SIGNAL (1ULL << 1)

#define RIGHTS_LIST LANDLOCK_ACCESS_FS_READ_DIR
#define RIGHTS_READ (RIGHTS_LIST | LANDLOCK_ACCESS_FS_READ_FILE)
#define RIGHTS_APPEND (RIGHTS_LIST | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
#define RIGHTS_TRIM (RIGHTS_APPEND | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* To move what others have put into a folder needs the right to make its kind; no filter lets one be made. */
#define RIGHTS_MOVE (LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
#define RIGHTS_CHANGE (RIGHTS_MOVE | RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | \
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* Of a rule about a file. */
#define RIGHTS_OF_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

struct ruleset {	/* as the kernel of version 6 reads it; older ones read its beginning */
	uint64_t fs, net, scoped;
};

struct port_rule {
	uint64_t allowed, port;
};

struct rules {
	int fd;
	uint64_t handled;	/* rights of folders that the kernel knows */
	int error;		/* the first */
};

int
sandbox_trees_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void
allow_path(struct rules *r, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights & r->handled };
	struct stat st;

	if (path == NULL || (rule.parent_fd = open(path, O_PATH | O_CLOEXEC)) == -1)
		return;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= RIGHTS_OF_FILE;
	if (rule.allowed_access != 0 &&
	    syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1 &&
	    r->error == 0)
		r->error = errno;
	close(rule.parent_fd);
}

/* The folder in which a file is, where links to it lead. */
static void
allow_folder_of(struct rules *r, const char *file, uint64_t rights)
{
	char *real = file != NULL ? realpath(file, NULL) : NULL, *slash;

	if (real != NULL && (slash = strrchr(real, '/')) != NULL && slash != real) {
		*slash = '\0';
		allow_path(r, real, rights);
	}
	free(real);
}

/* What libraries read; nothing here is secret. */
static void
allow_system(struct rules *r, uint64_t rights)
{
	static const char *const paths[] = {
		"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache", "/etc/localtime",
		"/etc/timezone", "/etc/ssl", "/etc/pki", "/etc/crypto-policies", "/etc/gnutls",
		"/proc/sys", "/sys/devices/system/cpu", "/dev/urandom", "/dev/random",
	};

	for (size_t i = 0; i < nitems_of(paths); i++)
		allow_path(r, paths[i], rights);
	allow_path(r, "/dev/null", RIGHTS_OF_FILE);
}

/* A rule needs a folder: one that is missing below the home is made here. */
static void
allow_made(struct rules *r, const char *path, mode_t mode, uint64_t rights)
{
	(void)mkdir(path, mode);
	allow_path(r, path, rights);
}

/*
 * A folder that may be made again, or mounted, while the process runs: the folder in which it is, too, or the
 * nearest that is there.
 */
static void
allow_place(struct rules *r, const char *path, uint64_t rights)
{
	char *above = mem_strdup(path), *slash;
	struct stat st;

	allow_path(r, path, rights);
	while (above != NULL && (slash = strrchr(above, '/')) != NULL && slash != above) {
		*slash = '\0';
		if (stat(above, &st) == 0 && S_ISDIR(st.st_mode)) {
			allow_path(r, above, rights);
			break;
		}
	}
	free(above);
}

/*
 * Where a link of /etc leads, which may be made later, and again: at boot, or by a VPN. Its folder, and the
 * one above or the nearest that is there.
 */
static void
allow_target(struct rules *r, const char *link, uint64_t rights)
{
	char target[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink(link, target, sizeof(target) - 1);
	const char *rest = target;
	char *slash;

	if (len <= 0)
		return;
	target[len] = '\0';
	if (strncmp(rest, "../", 3) == 0)
		rest += 2;
	if (*rest != '/' || strstr(rest, "/../") != NULL ||
	    snprintf(path, sizeof(path), "%s", rest) >= (int)sizeof(path))
		return;
	slash = strrchr(path, '/');
	if (slash == path)
		return;
	*slash = '\0';
	allow_place(r, path, rights);
}

/* Users, hosts, services, and the settings of Kerberos and LDAP. */
static void
allow_names(struct rules *r, uint64_t rights)
{
	/* Programs that write resolv.conf; each may take it over. */
	static const char *const writers[] = {
		"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman",
	};

	allow_path(r, "/etc", rights);
	allow_folder_of(r, "/etc/resolv.conf", rights);
	allow_target(r, "/etc/resolv.conf", rights);
	for (size_t i = 0; i < nitems_of(writers); i++)
		allow_path(r, writers[i], rights);
	allow_path(r, "/var/lib/sss", rights);
	allow_path(r, "/var/lib/extrausers", rights);
}

static void
allow_drops(struct rules *r, const struct config_server *s, uint64_t rights)
{
	allow_place(r, s->drop, rights);
	for (size_t i = 0; i < s->ndomain; i++)
		allow_place(r, s->domain[i].drop, rights);
}

static void
allow_tree(struct rules *r, enum sandbox_tree tree, uint64_t rights, const struct sandbox_plan *plan)
{
	const struct config_server *s = plan->server;

	if (tree == SANDBOX_SYSTEM)
		allow_system(r, rights);
	else if (tree == SANDBOX_NAMES)
		allow_names(r, rights);
	else if (tree == SANDBOX_REPLAYS)
		allow_path(r, "/var/tmp", rights);
	else if (s == NULL)
		return;
	else if (tree == SANDBOX_HOME)
		allow_path(r, s->home, rights);
	else if (tree == SANDBOX_PICKUP)
		allow_place(r, s->pickup, rights);
	else if (tree == SANDBOX_QUEUE)
		allow_made(r, s->queue, 0700, rights);
	else if (tree == SANDBOX_BADMAIL)
		allow_place(r, s->badmail, rights);
	else if (tree == SANDBOX_LOGS)
		allow_made(r, s->log_directory, 0750, rights);
	else if (tree == SANDBOX_DROPS)
		allow_drops(r, s, rights);
}

/* A connection may come from an address that is set ([delivery] source-address), never from a port. */
static void
allow_source(struct rules *r)
{
	const struct port_rule rule = { .allowed = NET_BIND, .port = 0 };

	if (syscall(SYS_landlock_add_rule, r->fd, RULE_NET_PORT, &rule, 0) == -1 && r->error == 0)
		r->error = errno;
}

/* The stacks of a report are read from the program; files of Kerberos are where a test has put them. */
static void
allow_sanitizers(struct rules *r)
{
	allow_path(r, "/proc", RIGHTS_READ);
	allow_folder_of(r, "/proc/self/exe", RIGHTS_READ);
	allow_folder_of(r, getenv("KRB5_CONFIG"), RIGHTS_CHANGE);
	allow_path(r, getenv("KRB5RCACHEDIR"), RIGHTS_CHANGE);
}

static struct ruleset
make_ruleset(const struct sandbox_role *role, int version)
{
	struct ruleset set = { .fs = (1ULL << 14) - 1 };	/* all of version 2 */

	if (version >= 3)
		set.fs |= FS_TRUNCATE;
	if (version >= 4)
		set.net = NET_BIND | (role->connects ? 0 : NET_CONNECT);
	if (version >= 5)
		set.fs |= FS_IOCTL_DEV;
	if (version >= 6)
		set.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return set;
}

int
sandbox_trees_enter(const struct sandbox_role *role, const struct sandbox_plan *plan)
{
	static const uint64_t rights[SANDBOX_RIGHTS] = {
		[SANDBOX_LIST] = RIGHTS_LIST, [SANDBOX_READ] = RIGHTS_READ,
		[SANDBOX_APPEND] = RIGHTS_APPEND, [SANDBOX_TRIM] = RIGHTS_TRIM,
		[SANDBOX_CHANGE] = RIGHTS_CHANGE,
	};
	int version = sandbox_trees_version();
	struct ruleset set = make_ruleset(role, version);
	size_t size = version >= 6 ? sizeof(set) : version >= 4 ? offsetof(struct ruleset, scoped) :
	    offsetof(struct ruleset, net);
	struct rules r = { .handled = set.fs };

	if (version < SANDBOX_LANDLOCK_LEAST)
		return version == -1 ? errno : EOPNOTSUPP;
	r.fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (r.fd == -1)
		return errno;
	for (size_t i = 0; i < SANDBOX_ROLE_TREES && role->tree[i].tree != SANDBOX_NO_TREE; i++)
		allow_tree(&r, role->tree[i].tree, rights[role->tree[i].right], plan);
	if (role->connects && set.net != 0)
		allow_source(&r);
	if (plan->sanitizers)
		allow_sanitizers(&r);
	if (r.error == 0 && syscall(SYS_landlock_restrict_self, r.fd, 0) == -1)
		r.error = errno;
	close(r.fd);
	return r.error;
}
