/*
 * make_folder - makes the folders that are missing, with the right owner
 *
 * Runs in:  master, before a process opens the folders of a virtual server or a refresh token is stored
 * Owns:     nothing
 * Promise:  a folder that exists is left as it is. As root nothing is made inside a folder that workers own:
 *           a worker could replace any name there by a link
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/account.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "master/master.h"

static int
give_to_owner(const char *path, uid_t uid, gid_t gid)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result;

	if (fd == -1)
		return -1;
	result = fchown(fd, uid, gid);
	disk_close(fd);
	return result;
}

static int
make_parents(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(part, path);
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return 0;
}

int
make_folder_make(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
		return -1;
	}
	if (make_parents(path) == -1 || mkdir(path, mode) == -1)
		return errno == EEXIST ? 0 : -1;
	return uid == (uid_t)-1 ? 0 : give_to_owner(path, uid, gid);
}

static bool
path_is_below(const char *path, const char *home)
{
	size_t n = strlen(home);

	return strncmp(path, home, n) == 0 && path[n] == '/';
}

/* For the reason of a failure, in place of a path. */
static const char *
missing_account(const char *kind, const char *name)
{
	static char text[160];

	snprintf(text, sizeof(text), "%s %s is not on this host: its folder", kind, name);
	errno = ENOENT;
	return text;
}

/* 0, or -1 and errno. */
static int
find_owner(const struct master *m, const struct config_server *s, struct account *a)
{
	*a = (struct account){ m->uid, m->gid };
	if (m->uid == (uid_t)-1 || s->user == NULL)
		return 0;
	if (account_find(s->user, NULL, a) == 0 && !account_is_root(a))
		return 0;
	errno = ENOENT;
	return -1;
}

/* The folder that `path` is in; what workers own has no link on the way, and leads nowhere else. */
static int
open_parent(const char *home, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC };
	bool below = path_is_below(path, home);
	const char *from = below ? path + strlen(home) + 1 : path, *slash = strrchr(from, '/');
	char *parent = slash == NULL ? mem_strdup(".") : mem_strndup(from, MAX((size_t)(slash - from), 1));
	int top = AT_FDCWD, fd = -1, saved;

	if (below)
		top = open(home, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	how.resolve = below ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS : 0;
	if (!below || top != -1)
		fd = (int)syscall(SYS_openat2, top, parent, &how, sizeof(how));
	saved = errno;
	if (below && top != -1)
		close(top);
	free(parent);
	errno = saved;
	return fd;
}

/* Made when it is missing, as its worker could not. */
static int
open_shared(const char *home, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	int parent = open_parent(home, path), fd = -1;

	if (parent == -1)
		return -1;
	if (mkdirat(parent, name, 0700) == 0 || errno == EEXIST)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	disk_close(parent);
	return fd;
}

/*
 * Gives a folder of the owner's to a group; whatever else has the name is left alone. 0; -1 and errno; -2:
 * there is no such group.
 */
static int
share_folder(const char *home, const char *path, const struct account *owner, const char *group,
    mode_t mode)
{
	struct account a;
	struct stat st;
	int fd, result = -1;

	if (group == NULL || path == NULL || owner->uid == (uid_t)-1)
		return 0;
	if (account_find("0", group, &a) != 0)
		return -2;
	fd = open_shared(home, path);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid != owner->uid && st.st_uid != 0)
		errno = EPERM;
	else
		result = fchown(fd, owner->uid, a.gid) == -1 ? -1 : fchmod(fd, mode);
	disk_close(fd);
	return result;
}

/* Those of a group go through home, whose names they cannot list. */
static int
open_home(const struct config_server *s, const struct account *owner)
{
	bool wanted = s->pickup_group != NULL || s->drop_group != NULL || s->log_group != NULL;
	int fd, result;

	if (!wanted || owner->uid == (uid_t)-1)
		return 0;
	fd = open(s->home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = fchmod(fd, 0751);
	disk_close(fd);
	return result;
}

static int
share_folders(const struct config_server *s, const struct account *owner, const char **where)
{
	const struct {
		const char *path, *group;
		mode_t mode;
	} wanted[] = {
		{ s->pickup, s->pickup_group, 03730 },
		{ config_domain_drop_folder(s), s->drop_group, s->drop_delete ? 02770 : 02750 },
		{ s->log ? s->log_directory : NULL, s->log_group, 02750 },
	};

	*where = s->home;
	if (open_home(s, owner) == -1)
		return -1;
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		int rc = share_folder(s->home, wanted[i].path, owner, wanted[i].group, wanted[i].mode);

		*where = rc == -2 ? missing_account("group", wanted[i].group) : wanted[i].path;
		if (rc != 0)
			return -1;
	}
	return 0;
}

int
make_folder_make_server(const struct master *m, const struct config_server *s, const char **where)
{
	const struct {
		const char *path;
		mode_t mode;
		bool needed;	/* nothing goes without it; what another one hinders, its worker tells */
	} wanted[] = {
		{ s->home, 0750, true }, { s->log_directory, 0750, false },
		{ s->pickup, 0770, false }, { s->queue, 0700, true },
		{ config_domain_drop_folder(s), 0750, false }, { s->badmail, 0700, false },
	};
	struct account owner;

	if (find_owner(m, s, &owner) == -1) {
		*where = missing_account("user", s->user);
		return -1;
	}
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		*where = wanted[i].path;
		/* The workers make what is below home. */
		if (wanted[i].path == NULL || path_is_below(wanted[i].path, s->home))
			continue;
		if (make_folder_make(wanted[i].path, wanted[i].mode, owner.uid, owner.gid) == -1 &&
		    wanted[i].needed)
			return -1;
	}
	return share_folders(s, &owner, where);
}
