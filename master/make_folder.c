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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/account.h"
#include "common/base/mem.h"
#include "master/master.h"

static int
give_to_owner(const char *path, uid_t uid, gid_t gid)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result, saved;

	if (fd == -1)
		return -1;
	result = fchown(fd, uid, gid);
	saved = errno;
	close(fd);
	errno = saved;
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

	*where = s->user;
	if (find_owner(m, s, &owner) == -1)
		return -1;
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		*where = wanted[i].path;
		/* The workers make what is below home. */
		if (wanted[i].path == NULL || path_is_below(wanted[i].path, s->home))
			continue;
		if (make_folder_make(wanted[i].path, wanted[i].mode, owner.uid, owner.gid) == -1 &&
		    wanted[i].needed)
			return -1;
	}
	return 0;
}
