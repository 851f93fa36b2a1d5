/*
 * accounts_folder - the folders in which the manager works on password files
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  the key that names a password file is set by command, by users who are not root: whatever path it
 *           has, the manager changes files in the folder passwords beside postern.ini alone, and shows those
 *           beside postern.ini, too. That folder is opened once, and files by their name in it: no link and
 *           no change of a path leads elsewhere. Nobody but the owner, the service or root, may write to it
 * Fails by: -1, and a sentence
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "master/control/control_private.h"

/* Owned by the caller, as the next one. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

char *
accounts_folder_usual(const struct master *m)
{
	char *beside = folder_of(m->options.config_path);
	char *folder = mem_printf("%s/passwords", strcmp(beside, "/") == 0 ? "" : beside);

	free(beside);
	return folder;
}

static const char *
fault_of(const struct stat *st)
{
	return st->st_uid != geteuid() && st->st_uid != 0 ?
	    "this folder belongs to another user than the service or root" :
	    (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 ?
	    "others than its owner may write to this folder; its mode must be 0700 or 0755" : NULL;
}

int
accounts_folder_open(const char *folder, struct buf *why)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const char *fault;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		fault = errno == ENOTDIR || errno == ELOOP ? "is no folder, or a link to one" :
		    disk_reason(folder, errno);
	else
		fault = fault_of(&st);
	if (fault == NULL)
		return fd;
	buf_printf(why, "%s: %s\n", folder, fault);
	disk_close(fd);
	return -1;
}

/* By whatever name. What is then opened is `b`. */
static bool
is_same(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino &&
	    x.st_dev == y.st_dev);
}

bool
accounts_folder_is_usual(const struct master *m, const char *path)
{
	char *of = folder_of(path), *usual = accounts_folder_usual(m);
	bool is = is_same(of, usual);

	free(of);
	free(usual);
	return is;
}

void
accounts_folder_say(const struct master *m, const char *path, struct buf *text)
{
	char *usual = accounts_folder_usual(m);

	buf_printf(text, "%s is changed by posternctl passwd alone: the manager changes files in %s\n", path,
	    usual);
	free(usual);
}

static void
say_not_shown(const char *path, const char *usual, const char *beside, struct buf *why)
{
	buf_printf(why, "%s is shown by posternctl passwd --list alone: the manager shows files in %s and "
	    "%s\n", path, usual, beside);
}

int
accounts_folder_find(const struct master *m, const char *path, bool changes, struct buf *why)
{
	char *of = folder_of(path), *usual = accounts_folder_usual(m);
	char *beside = folder_of(m->options.config_path);
	int fd = -1;

	if (is_same(of, usual))
		fd = accounts_folder_open(usual, why);
	else if (changes)
		accounts_folder_say(m, path, why);
	else if (is_same(of, beside))
		fd = accounts_folder_open(beside, why);
	else
		say_not_shown(path, usual, beside, why);
	free(of);
	free(usual);
	free(beside);
	return fd;
}
