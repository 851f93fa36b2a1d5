/*
 * change_queue - whether mail waits in the queue of a virtual server that is to go
 *
 * Runs in:  master (on its loop: as many folders as the queue has, without their files), posternctl
 * Owns:     nothing; opens no message
 * Promise:  true only when all of it was looked at; a file that is no message counts, too
 * Fails by: false and words
 */
#include "common/change/change_queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"

static DIR *
open_folder(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;

	if (fd != -1 && dir == NULL) {
		disk_close(fd);
	}
	return dir;
}

/* The next name without a dot in front; NULL and errno 0: the end. */
static const char *
next_name(DIR *dir)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry != NULL && entry->d_name[0] == '.');
	return entry != NULL ? entry->d_name : NULL;
}

/* 1: there is a file; 0: none, or drafts, which are no messages yet; -1 and errno. */
static int
look_in(int queue, const char *name)
{
	DIR *dir;
	int found, saved;

	if (strcmp(name, "new") == 0)
		return 0;
	dir = open_folder(queue, name);
	if (dir == NULL)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;	/* messages are in folders only */
	found = next_name(dir) != NULL ? 1 : errno != 0 ? -1 : 0;
	saved = errno;
	closedir(dir);
	errno = saved;
	return found;
}

bool
change_queue_is_empty(const char *queue, struct buf *why)
{
	DIR *dir = open_folder(AT_FDCWD, queue);
	const char *name;
	int found = 0, error;

	if (dir == NULL && errno == ENOENT)
		return true;
	while (dir != NULL && found == 0 && (name = next_name(dir)) != NULL)
		found = look_in(dirfd(dir), name);
	error = found == 1 ? 0 : errno;
	if (dir != NULL)
		closedir(dir);
	if (error != 0)
		buf_printf(why, "%s: %s\n", queue, disk_reason(queue, error));
	return error == 0 && found == 0;
}
