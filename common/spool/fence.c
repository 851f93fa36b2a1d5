/*
 * fence - whose home it is: a number in queue/owner that grows each time another one takes the home
 *
 * Runs in:  deliver, pickup, posternctl; any thread
 * Owns:     queue/owner and queue/.owner.part
 * Promise:  when fence_own or fence_break has returned, whoever had the home before finds that it is lost by
 *           the next fence_holds, over the network, too: the file is written in place, so that an open
 *           descriptor sees it
 * Fails by: -1 and errno; never logs, never exits
 */
#include "common/spool/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"

#define FILE_NAME "owner"
#define PART_NAME ".owner.part"
#define FIRST_LINE "postern-home 1"
/*
 * In one sector. Its time of modification is the generation, in seconds: the clock of a file system is
 * coarse, and two writes within one of its ticks would look alike. The part of a second is of the holder:
 * without locks two may write the same generation at once, and the first one is to see that it was not the
 * last.
 */
#define FILE_SIZE 512
#define JOIN_MS 5000		/* for a process of the same holder that takes the home */
#define JOIN_ALONE_MS 1000	/* then this one takes it, when nobody has the locks */
#define JOIN_STEP_MS 5

enum fence_state { FENCE_OUTSIDE, FENCE_HELD, FENCE_LOST };

struct fence {
	char holder[FENCE_HOLDER_SIZE], host[FENCE_HOST_SIZE];
	void (*lost)(void *arg, const char *why);
	void *arg;
	pthread_mutex_t lock;		/* guards what follows */
	enum fence_state state;
	int fd;				/* of the file; -1 */
	int shared;			/* queue/new, whose lock those share that do not own the queue; -1 */
	uint64_t generation;
	struct statx_timestamp seen;	/* of the file when it was last found to be ours */
};

struct fence *
fence_new(const char *holder, const char *host, void (*lost)(void *arg, const char *why), void *arg)
{
	struct fence *f = mem_new(struct fence);

	*f = (struct fence){ .lost = lost, .arg = arg, .fd = -1, .shared = -1 };
	snprintf(f->holder, sizeof(f->holder), "%s", holder);
	snprintf(f->host, sizeof(f->host), "%s", host);
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

static void
close_file(struct fence *f)
{
	int saved = errno;

	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	errno = saved;
}

void
fence_free(struct fence *f)
{
	if (f == NULL)
		return;
	close_file(f);
	if (f->shared != -1)
		close(f->shared);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* --- the file --- */

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

/* 1; 0: it is empty; -1 and errno. */
static int
read_record(int fd, struct fence_record *r)
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

/* In place, and synced. */
static int
write_record(int fd, const struct fence_record *r)
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

static int
open_file(int queue, int flags)
{
	return openat(queue, FILE_NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
}

/* Whether the name leads to another file by now. */
static bool
is_replaced(int queue, int fd)
{
	struct stat have, named;

	return fstat(fd, &have) == -1 || fstatat(queue, FILE_NAME, &named, AT_SYMLINK_NOFOLLOW) == -1 ||
	    have.st_dev != named.st_dev || have.st_ino != named.st_ino;
}

/* --- the locks --- */

/*
 * That of the file and that of the folder. The record is in *r. -1 and errno. `alone`: where there is no
 * record, the lock of the folder is that of a process of a version without fences, as during an upgrade; it
 * cannot lose the home, and mail is taken beside it as it was before.
 */
static int
take_locks(int queue, int fd, bool alone, struct fence_record *r)
{
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return -1;
	if (is_replaced(queue, fd)) {
		errno = EWOULDBLOCK;
		return -1;
	}
	rc = read_record(fd, r);
	if (rc == -1 && errno == EBADMSG) {
		/* torn by a power cut, in the middle of one sector: no number below this was ever there */
		r->generation = (uint64_t)(clock_wall_us() / 1000000);
		rc = 1;
	}
	if (rc == -1)
		return -1;
	if (flock(queue, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK && (r->forced || (alone && rc == 0)) ? 0 : -1;
}

/* What the file looks like now that it is ours. */
static int
note_look(struct fence *f)
{
	struct statx st;

	if (statx(f->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_MTIME, &st) == -1)
		return -1;
	f->seen = st.stx_mtime;
	return 0;
}

/* With the locks: the home is ours from the next generation on, or was ours before. */
static int
take_home(struct fence *f, int queue, const struct fence_record *before)
{
	struct fence_record r = { .generation = before->generation, .forced = before->forced }, now;

	if (strcmp(before->holder, f->holder) != 0) {
		r.generation++;
		r.forced = before->forced && flock(queue, LOCK_EX | LOCK_NB) == -1;
		snprintf(r.holder, sizeof(r.holder), "%s", f->holder);
		snprintf(r.host, sizeof(r.host), "%s", f->host);
		if (write_record(f->fd, &r) == -1 || disk_sync_folder(queue) == -1)
			return -1;
		disk_crash_point("fence-taken");
	}
	/* after the look: who broke the fence meanwhile has written before it, and is read, or changes it */
	if (note_look(f) == -1 || read_record(f->fd, &now) != 1)
		return -1;
	if (now.generation != r.generation || strcmp(now.holder, f->holder) != 0) {
		errno = EWOULDBLOCK;
		return -1;
	}
	f->generation = r.generation;
	f->state = FENCE_HELD;
	return 0;
}

/* With the mutex. */
static int
own(struct fence *f, int queue, bool alone)
{
	struct fence_record r;

	close_file(f);
	f->fd = open_file(queue, O_CREAT);
	if (f->fd == -1)
		return -1;
	if (take_locks(queue, f->fd, alone, &r) == 0 && take_home(f, queue, &r) == 0)
		return 0;
	close_file(f);
	return -1;
}

int
fence_own(struct fence *f, int queue)
{
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = own(f, queue, false);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* --- is it ours? --- */

static int
open_new(int queue)
{
	return openat(queue, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* While the owner of the queue is started again, this says that the home is in use. Nobody waits for it. */
static void
share_lock(struct fence *f, int queue)
{
	if (f->shared == -1)
		f->shared = open_new(queue);
	if (f->shared != -1)
		(void)flock(f->shared, LOCK_SH | LOCK_NB);
}

/* The home is that of our holder already: we belong to it. */
static bool
is_of_holder(struct fence *f, int queue)
{
	struct fence_record r;

	close_file(f);
	f->fd = open_file(queue, 0);
	if (f->fd == -1 || note_look(f) == -1 || read_record(f->fd, &r) != 1 ||
	    strcmp(r.holder, f->holder) != 0 || is_replaced(queue, f->fd)) {
		close_file(f);
		return false;
	}
	f->generation = r.generation;
	f->state = FENCE_HELD;
	share_lock(f, queue);
	return true;
}

/* Takes the home for all of the holder, and leaves the locks to the one that owns the queue. */
static bool
take_alone(struct fence *f, int queue)
{
	if (own(f, queue, true) == -1)
		return false;
	share_lock(f, queue);
	(void)flock(f->fd, LOCK_UN);
	(void)flock(queue, LOCK_UN);
	return true;
}

/* With the mutex, but not while it waits: another thread of this process may take the home. */
static void
join(struct fence *f, int queue)
{
	static const struct timespec step = { .tv_nsec = JOIN_STEP_MS * 1000000L };
	uint64_t begun = clock_mono_ms(), gone = 0;

	while (f->state == FENCE_OUTSIDE && !is_of_holder(f, queue) && gone < JOIN_MS &&
	    (gone < JOIN_ALONE_MS || !take_alone(f, queue))) {
		pthread_mutex_unlock(&f->lock);
		nanosleep(&step, NULL);
		pthread_mutex_lock(&f->lock);
		gone = clock_mono_ms() - begun;
	}
}

static bool
looks_alike(const struct fence *f, const struct statx *st)
{
	return st->stx_mtime.tv_sec == f->seen.tv_sec && st->stx_mtime.tv_nsec == f->seen.tv_nsec;
}

static void
lose(struct fence *f, const struct fence_record *now)
{
	char why[FENCE_HOST_SIZE + 200];

	f->state = FENCE_LOST;
	snprintf(why, sizeof(why), "its home was taken over by %s (generation %llu; ours was %llu)",
	    now->host[0] != '\0' ? now->host : "another service", (unsigned long long)now->generation,
	    (unsigned long long)f->generation);
	pthread_mutex_unlock(&f->lock);
	f->lost(f->arg, why);
	pthread_mutex_lock(&f->lock);
}

/* -1 and errno: it is not known whose the home is, as the file system does not answer: no reason to go on. */
static int
look(struct fence *f)
{
	struct fence_record r;
	struct statx st;
	int rc;

	if (statx(f->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_MTIME, &st) == -1)
		return -1;
	if (looks_alike(f, &st))
		return 0;
	f->seen = st.stx_mtime;		/* the look comes before the reading */
	rc = read_record(f->fd, &r);
	if (rc != 1) {
		f->seen = (struct statx_timestamp){ 0 };	/* read again next time */
		errno = rc == 0 ? EBADMSG : errno;	/* it is being written just now */
		return -1;
	}
	if (strcmp(r.holder, f->holder) == 0 && r.generation == f->generation)
		return 0;
	lose(f, &r);
	errno = ESTALE;
	return -1;
}

bool
fence_holds(struct fence *f, int queue)
{
	int rc, saved;

	pthread_mutex_lock(&f->lock);
	if (f->state == FENCE_OUTSIDE)
		join(f, queue);
	errno = f->state == FENCE_LOST ? ESTALE : EBUSY;
	rc = f->state == FENCE_HELD ? look(f) : -1;
	saved = errno;
	pthread_mutex_unlock(&f->lock);
	errno = saved;
	return rc == 0;
}

/* --- taking over --- */

int
fence_read(int queue, struct fence_record *r)
{
	int fd = openat(queue, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc, saved;

	*r = (struct fence_record){ .generation = 0 };
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = read_record(fd, r);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* Taken and given back. */
static int
lock_is_held(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? 1 : -1;
	(void)flock(fd, LOCK_UN);
	return 0;
}

/* Of a file that was opened for that; one that is not there has no lock. */
static int
look_at_lock(int fd)
{
	int rc, saved;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = lock_is_held(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
fence_is_locked(int queue)
{
	int rc = lock_is_held(queue);

	if (rc == 0)
		rc = look_at_lock(open_file(queue, 0));
	return rc == 0 ? look_at_lock(open_new(queue)) : rc;
}

/* Where the lock of the folder is not asked, that of the file says it alone. */
int
fence_is_others(const struct fence *f, int queue, struct fence_record *r)
{
	int rc = fence_read(queue, r);

	if (rc != 1 || strcmp(r->holder, f->holder) == 0)
		return rc == -1 ? -1 : 0;
	return r->forced ? look_at_lock(open_file(queue, 0)) : fence_is_locked(queue);
}

/* The file that has locks goes, and another one with the same words takes its name. */
static int
replace_file(int queue, const struct fence_record *r)
{
	int fd, rc, saved;

	(void)unlinkat(queue, PART_NAME, 0);
	fd = openat(queue, PART_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	rc = write_record(fd, r) == 0 && renameat(queue, PART_NAME, queue, FILE_NAME) == 0 ? 0 : -1;
	saved = errno;
	close(fd);
	errno = saved;
	disk_crash_point("fence-replaced");
	return rc == 0 ? disk_sync_folder(queue) : -1;
}

int
fence_break(int queue, const char *host)
{
	struct fence_record before, r = { .forced = true };
	int fd = open_file(queue, 0), rc, saved;

	if (fd == -1)
		return -1;
	rc = read_record(fd, &before);
	if (rc == 0) {
		errno = ENOENT;
		rc = -1;
	}
	r.generation = before.generation + 1;
	snprintf(r.holder, sizeof(r.holder), "nobody");
	snprintf(r.host, sizeof(r.host), "%s", host);
	if (rc == 1)
		rc = write_record(fd, &r);
	disk_crash_point("fence-broken");
	saved = errno;
	close(fd);
	errno = saved;
	return rc == 0 ? replace_file(queue, &r) : -1;
}
