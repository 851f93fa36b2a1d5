/*
 * spool_folder - the folders of a spool: opened when they are needed, and again when they were made anew
 *
 * Runs in:  posternctl, deliver, pickup; on pool threads
 * Owns:     the descriptors of the folders
 * Promise:  a folder that cannot be used fails what needs it, and nothing else. A descriptor keeps its number
 *           when it comes to lead to another folder, as threads may be using it
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/spool/fence.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

static int
open_folder(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == -1 && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int *
folder_of(struct spool *s, enum spool_which which)
{
	return which == SPOOL_QUEUE ? &s->queue : which == SPOOL_DROP ? &s->drop :
	    which == SPOOL_BADMAIL ? &s->badmail : &s->pickup;
}

static int
open_which(const struct spool *s, enum spool_which which)
{
	static const mode_t mode[SPOOL_FOLDERS] = {
		[SPOOL_QUEUE] = 0700, [SPOOL_DROP] = 0750, [SPOOL_BADMAIL] = 0700, [SPOOL_PICKUP] = 0770,
	};

	return open_folder(s->path[which], mode[which]);
}

/* With its folder "new", or not at all. */
static int
open_queue(struct spool *s)
{
	int fd = open_which(s, SPOOL_QUEUE), fresh = -1;

	if (fd != -1 && (mkdirat(fd, "new", 0700) == 0 || errno == EEXIST))
		fresh = openat(fd, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fresh == -1) {
		disk_close(fd);
		return -1;
	}
	s->fresh = fresh;
	return fd;
}

int
spool_folder_open(struct spool *s, enum spool_which which)
{
	int *fd = folder_of(s, which), error = s->error[which];

	if (error != 0) {
		errno = error;
		return -1;
	}
	if (*fd != -1 || s->path[which] == NULL)
		return *fd;
	pthread_mutex_lock(&s->lock);
	if (*fd == -1)
		*fd = which == SPOOL_QUEUE ? open_queue(s) : open_which(s, which);
	spool_commit_judge(s, which, *fd);
	pthread_mutex_unlock(&s->lock);
	return *fd;
}

/* Threads may be using the number of the old descriptor: the new one takes its place. */
static int
take_folder(struct spool *s, enum spool_which which, int fd)
{
	int *have = folder_of(s, which), rc = 0;
	struct stat old, now;

	pthread_mutex_lock(&s->lock);
	if (*have == -1)
		rc = (*have = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1 ? -1 : 0;
	else if (fstat(*have, &old) == -1 || fstat(fd, &now) == -1)
		rc = -1;
	else if (old.st_dev != now.st_dev || old.st_ino != now.st_ino)
		rc = dup3(fd, *have, O_CLOEXEC) == -1 ? -1 : 0;
	spool_commit_judge(s, which, *have);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static bool
leads_to(int folder, const char *path, int fd)
{
	struct stat now, have;

	return fstatat(folder, path, &now, 0) == 0 && fstat(fd, &have) == 0 && now.st_dev == have.st_dev &&
	    now.st_ino == have.st_ino;
}

static int
replace_folder(struct spool *s, enum spool_which which)
{
	int have = *folder_of(s, which), fd, rc;

	if (have != -1 && leads_to(AT_FDCWD, s->path[which], have))
		return 0;
	fd = open_which(s, which);
	if (fd == -1)
		return -1;
	rc = take_folder(s, which, fd);
	disk_close(fd);
	return rc;
}

bool
spool_folder_is_ours(struct spool *s)
{
	return s->fence == NULL ||
	    (spool_folder_open(s, SPOOL_QUEUE) != -1 && fence_holds(s->fence, s->queue));
}

/*
 * The queue is not opened again: two processes hold it, with locks, and messages of the old one may be at
 * work. Whoever starts anew has the new one.
 */
static int
check_queue(const struct spool *s)
{
	if (leads_to(AT_FDCWD, s->path[SPOOL_QUEUE], s->queue) && leads_to(s->queue, "new", s->fresh))
		return 0;
	errno = ESTALE;
	return -1;
}

int
spool_folder_check(struct spool *s, enum spool_which which)
{
	bool replaceable = which == SPOOL_DROP || which == SPOOL_BADMAIL;
	int rc;

	if (s->path[which] == NULL)
		return 0;
	rc = replaceable ? replace_folder(s, which) : spool_folder_open(s, which);
	if (rc != -1)
		rc = faccessat(AT_FDCWD, s->path[which], R_OK | W_OK | X_OK, AT_EACCESS);
	if (rc != -1 && which == SPOOL_QUEUE)
		rc = check_queue(s) == 0 && spool_folder_is_ours(s) ? 0 : -1;
	if (replaceable)
		s->error[which] = rc == -1 ? errno : 0;
	return rc;
}
