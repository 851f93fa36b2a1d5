/*
 * log_file - a named file that takes events
 *
 * Runs in:  master, posternctl
 * Owns:     nothing after it has returned
 * Promise:  root appends to no file that another user put there: no link, no second name of a file, no device
 * Fails by: -1 and the reason in words
 */
#include "common/base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"

/* NULL: the file may be taken. */
static const char *
fault_of_file(const struct stat *st, uid_t uid)
{
	if (S_ISLNK(st->st_mode))
		return "it is a link";
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_nlink > 1)
		return "it has a second name";
	if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != uid)
		return "it belongs to another user";
	return st->st_mode & S_IWOTH ? "everybody may write to it" : NULL;
}

static int
say_fault(const char *path, const char *fault, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", path, fault);
	return -1;
}

int
log_file_open(const char *path, uid_t uid, gid_t gid, char *why, size_t size)
{
	/* O_NONBLOCK: a pipe without a reader would hold the service up */
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0640);
	const char *fault;
	struct stat st;

	if (fd != -1 && gid != (gid_t)-1 && fchown(fd, (uid_t)-1, gid) == -1) {
		fault = strerror(errno);
		close(fd);
		return say_fault(path, fault, why, size);
	}
	if (fd == -1 && errno == EEXIST)
		fd = open(path, flags);
	if (fd == -1)
		return say_fault(path, errno == ELOOP ? "it is a link" : disk_reason(path, errno), why, size);
	fault = fstat(fd, &st) == -1 ? strerror(errno) : fault_of_file(&st, uid);
	if (fault == NULL)
		return fd;
	close(fd);
	return say_fault(path, fault, why, size);
}

int
log_file_judge(const char *path, uid_t uid, char *why, size_t size)
{
	const char *slash = strrchr(path, '/'), *fault;
	struct stat st;

	if (lstat(path, &st) == 0)
		fault = fault_of_file(&st, uid);
	else if (errno == EACCES)
		fault = NULL;	/* this user may not look there */
	else if (errno != ENOENT)
		fault = strerror(errno);
	else {
		snprintf(why, size, "%.*s", (int)(slash - path), path);
		fault = why[0] == '\0' || access(why, F_OK) == 0 ? NULL : "its folder is not there";
	}
	return fault == NULL ? 0 : say_fault(path, fault, why, size);
}
