/*
 * fence_record - the file queue/owner: its words, the number that it has as time, its locks
 *
 * Runs in:  deliver, pickup, posternctl; any thread
 * Owns:     queue/owner
 * Promise:  a record is written in place, so that an open descriptor sees it, over the network, too
 * Fails by: -1 and errno; never logs, never exits
 */
#include "common/spool/fence_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"

#define FIRST_LINE "postern-home 1"
/*
 * In one sector. Its time of modification is the generation, in seconds: the clock of a file system is
 * coarse, and two writes within one of its ticks would look alike. The part of a second is of the holder:
 * without locks two may write the same generation at once, and the first one is to see that it was not the
 * last.
 */
#define FILE_SIZE 512

static void
format_record(char text[FILE_SIZE], const struct fence_record *r)
{
	memset(text, '\n', FILE_SIZE);
	text[snprintf(text, FILE_SIZE, FIRST_LINE "\ngeneration %llu\nholder %s\nhost %s\nforced %d\n",
	    (unsigned long long)r->generation, r->holder, r->host, r->forced ? 1 : 0)] = '\n';
}

static bool
parse_record(struct fence_record *r, const char *text)
{
	unsigned long long generation;
	int forced;

	if (sscanf(text, FIRST_LINE "\ngeneration %llu\nholder %79[a-z0-9-]\nhost %255[!-~]\nforced %d\n",
	    &generation, r->holder, r->host, &forced) != 4)
		return false;
	r->generation = generation;
	r->forced = forced != 0;
	return true;
}

int
fence_record_read(int fd, struct fence_record *r)
{
	char text[FILE_SIZE + 1] = "";
	ssize_t n = disk_pread(fd, text, FILE_SIZE, 0);

	*r = (struct fence_record){ .generation = 0 };
	if (n <= 0)
		return (int)n;
	if (parse_record(r, text))
		return 1;
	errno = EBADMSG;
	return -1;
}

/* FNV-1a, as a part of a second. */
static long
part_of(const char *holder)
{
	uint32_t hash = 2166136261U;

	for (; *holder != '\0'; holder++)
		hash = (hash ^ (unsigned char)*holder) * 16777619U;
	return (long)(hash % 1000000000U);
}

int
fence_record_write(int fd, const struct fence_record *r)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
	    { .tv_sec = (time_t)r->generation, .tv_nsec = part_of(r->holder) } };
	char text[FILE_SIZE];

	format_record(text, r);
	if (disk_pwrite(fd, text, sizeof(text), 0) == -1 || futimens(fd, times) == -1)
		return -1;
	disk_crash_point("fence-written");
	return disk_sync(fd);
}

int
fence_record_open(int queue, int flags)
{
	return openat(queue, FENCE_RECORD_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
}

bool
fence_record_is_replaced(int queue, int fd)
{
	struct stat have, named;

	return fstat(fd, &have) == -1 ||
	    fstatat(queue, FENCE_RECORD_FILE, &named, AT_SYMLINK_NOFOLLOW) == -1 ||
	    have.st_dev != named.st_dev || have.st_ino != named.st_ino;
}

int
fence_record_open_new(int queue)
{
	return openat(queue, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
fence_record_is_locked(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? 1 : -1;
	(void)flock(fd, LOCK_UN);
	return 0;
}

int
fence_record_look(int fd)
{
	int rc, saved;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = fence_record_is_locked(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}
