/*
 * spool_list - what is in the folders of a home that no process has: counted, and the ids of the queue
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  names are read, and nothing is opened but folders
 * Fails by: what cannot be read is not counted
 */
#include "common/spool/spool_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/mail/message_id.h"
#include "common/spool/spool_private.h"

static DIR *
open_stream(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;

	if (dir == NULL)
		disk_close(fd);
	return dir;
}

static size_t
list_bucket(int queue, const char *bucket, void (*each)(void *arg, const char *id, bool held), void *arg)
{
	DIR *dir = open_stream(queue, bucket);
	struct dirent *de;
	struct stat st;
	size_t n = 0;

	while (dir != NULL && (de = readdir(dir)) != NULL)
		if (message_id_is_valid(de->d_name) &&
		    fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
			each(arg, de->d_name, (st.st_mode & SPOOL_HELD) != 0);
			n++;
		}
	if (dir != NULL)
		closedir(dir);
	return n;
}

size_t
spool_list_queue(const char *queue, void (*each)(void *arg, const char *id, bool held), void *arg)
{
	int fd = open(queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[SPOOL_NAME_SIZE];
	size_t n = 0;

	for (unsigned i = 0; i < SPOOL_BUCKETS && fd != -1; i++) {
		spool_bucket_name(name, i);
		n += list_bucket(fd, name, each, arg);
	}
	disk_close(fd);
	return n;
}

/* One file a message: its words have other endings. */
static bool
is_badmail(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && (strcmp(dot, ".bad") == 0 || strcmp(dot, ".foreign") == 0);
}

size_t
spool_list_count(const char *folder, bool badmail)
{
	DIR *dir = open_stream(AT_FDCWD, folder);
	struct dirent *de;
	struct stat st;
	size_t n = 0;

	while (dir != NULL && (de = readdir(dir)) != NULL)
		n += de->d_name[0] != '.' && (!badmail || is_badmail(de->d_name)) &&
		    fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
	if (dir != NULL)
		closedir(dir);
	return n;
}
