/*
 * make_folder - makes the folders that are missing, with the right owner
 *
 * Runs in:  master, before a process opens the folders of a virtual server or a refresh token is stored
 * Owns:     nothing
 * Promise:  a folder that exists is left as it is. As root nothing is made inside a folder that workers own:
 *           a worker could replace any name there by a link
 * Fails by: -1 and errno, or a reason for people
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

#include "common/account/account.h"
#include "common/base/buf.h"
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

static int
fail(struct buf *why, const char *path)
{
	buf_printf(why, "%s cannot be made: %s", path, disk_reason(path, errno));
	return -1;
}

/* A home that came from another host is of a user of that one. */
static int
fail_foreign(struct buf *why, const struct config_server *s, const char *path, const struct account *owner)
{
	struct stat st;

	if (lstat(path, &st) == -1 || st.st_uid == owner->uid || st.st_uid == 0) {
		errno = EPERM;
		return fail(why, path);
	}
	buf_printf(why, "%s is of the user %u, not of the one who owns the mail here, %u: where it came from "
	    "another host, posternctl adopt %s %s gives it to the users of this one", path,
	    (unsigned)st.st_uid, (unsigned)owner->uid, s->home, s->name);
	return -1;
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
 * there is no such group; -3: it is of another user.
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
		result = -3;
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
share_folders(const struct config_server *s, const struct account *owner, struct buf *why)
{
	const struct {
		const char *path, *group;
		mode_t mode;
	} wanted[] = {
		{ s->pickup, s->pickup_group, 03730 },
		{ config_domain_drop_folder(s), s->drop_group, s->drop_delete ? 02770 : 02750 },
		{ s->log ? s->log_directory : NULL, s->log_group, 02750 },
	};

	if (open_home(s, owner) == -1)
		return fail(why, s->home);
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		int rc = share_folder(s->home, wanted[i].path, owner, wanted[i].group, wanted[i].mode);

		if (rc == -2) {
			buf_printf(why, "group %s is not on this host: %s cannot be made", wanted[i].group,
			    wanted[i].path);
			return -1;
		}
		if (rc != 0)
			return rc == -3 ? fail_foreign(why, s, wanted[i].path, owner) :
			    fail(why, wanted[i].path);
	}
	return 0;
}

int
make_folder_make_server(const struct master *m, const struct config_server *s, struct buf *why)
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
		buf_printf(why, "user %s is not on this host: %s cannot be made", s->user, s->home);
		return -1;
	}
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		/* The workers make what is below home. */
		if (wanted[i].path == NULL || path_is_below(wanted[i].path, s->home))
			continue;
		if (make_folder_make(wanted[i].path, wanted[i].mode, owner.uid, owner.gid) == -1 &&
		    wanted[i].needed)
			return fail(why, wanted[i].path);
	}
	return share_folders(s, &owner, why);
}
