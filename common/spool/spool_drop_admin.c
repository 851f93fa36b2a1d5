/*
 * spool_drop_admin - drop files for operators: listed, opened, removed
 *
 * Runs in:  deliver; on pool threads
 * Owns:     nothing
 * Promise:  only files that deliver has written and named; what else lies in the folder is left alone, and no
 *           link is followed
 * Fails by: -1 and errno
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mail/message_id.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

#define ENDING ".eml"

/* "ID-N" */
static bool
is_name(const char *name)
{
	char id[MESSAGE_ID_SIZE];
	size_t len = strlen(name);

	if (len < MESSAGE_ID_LEN + 2 || len >= SPOOL_DROP_FILE_SIZE || name[MESSAGE_ID_LEN] != '-')
		return false;
	memcpy(id, name, MESSAGE_ID_LEN);
	id[MESSAGE_ID_LEN] = '\0';
	name += MESSAGE_ID_LEN + 1;
	return message_id_is_valid(id) && strspn(name, "0123456789") == strlen(name);
}

static bool
take_name(struct spool_drop_file *f, const char *file)
{
	size_t len = strlen(file), end = sizeof(ENDING) - 1;

	if (len <= end || len - end >= sizeof(f->name) || strcmp(file + len - end, ENDING) != 0)
		return false;
	*f = (struct spool_drop_file){ .size = 0 };
	memcpy(f->name, file, len - end);
	return is_name(f->name);
}

static void
make_name(char name[SPOOL_NAME_SIZE], const struct spool_drop_file *f)
{
	snprintf(name, SPOOL_NAME_SIZE, "%s" ENDING, f->name);
}

/* Keeps the `n` largest names, the largest first. */
static size_t
keep_largest(struct spool_drop_file *list, size_t count, size_t n, const struct spool_drop_file *f)
{
	size_t at = count;

	while (at > 0 && strcmp(list[at - 1].name, f->name) < 0)
		at--;
	if (at == n)
		return count;
	count -= count == n;
	memmove(&list[at + 1], &list[at], (count - at) * sizeof(*list));
	list[at] = *f;
	return count + 1;
}

int
spool_drop_admin_find(struct spool *s, struct spool_drop_file *f)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;

	if (!is_name(f->name))
		return 0;
	make_name(name, f);
	if (fstatat(spool_folder_open(s, SPOOL_DROP), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	f->since = st.st_mtim.tv_sec;
	f->since_us = st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
	f->size = st.st_size;
	return S_ISREG(st.st_mode);
}

static DIR *
open_drop(struct spool *s)
{
	int fd = openat(spool_folder_open(s, SPOOL_DROP), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd != -1 ? fdopendir(fd) : NULL;
}

int
spool_drop_admin_walk(struct spool *s, void (*take)(void *arg, const struct spool_drop_file *f), void *arg)
{
	DIR *dir = open_drop(s);
	struct spool_drop_file f;
	struct dirent *de;

	if (dir == NULL)
		return -1;
	while ((de = readdir(dir)) != NULL)
		if (take_name(&f, de->d_name) && spool_drop_admin_find(s, &f) == 1)
			take(arg, &f);
	closedir(dir);
	return 0;
}

ssize_t
spool_drop_admin_list(struct spool *s, const char *before, struct spool_drop_file *list, size_t n)
{
	DIR *dir = open_drop(s);
	struct spool_drop_file f;
	struct dirent *de;
	size_t count = 0;

	if (dir == NULL)
		return -1;
	while ((de = readdir(dir)) != NULL)
		if (take_name(&f, de->d_name) && (before[0] == '\0' || strcmp(f.name, before) < 0))
			count = keep_largest(list, count, n, &f);
	closedir(dir);
	return (ssize_t)count;
}

int
spool_drop_admin_open(struct spool *s, const struct spool_drop_file *f)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	int fd;

	make_name(name, f);
	fd = openat(spool_folder_open(s, SPOOL_DROP), name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

int
spool_drop_admin_remove(struct spool *s, const struct spool_drop_file *f)
{
	char name[SPOOL_NAME_SIZE];

	make_name(name, f);
	return unlinkat(spool_folder_open(s, SPOOL_DROP), name, 0);
}
