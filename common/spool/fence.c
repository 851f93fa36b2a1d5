/*
 * fence - whose home it is: a number in queue/owner that grows each time another one takes the home
 *
 * Runs in:  deliver, pickup, posternctl; any thread
 * Owns:     queue/.owner.part
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

#define PART_NAME ".owner.part"
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
	bool owns;			/* the queue: it has the locks */
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
	if (fence_record_is_replaced(queue, fd)) {
		errno = EWOULDBLOCK;
		return -1;
	}
	rc = fence_record_read(fd, r);
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
		if (fence_record_write(f->fd, &r) == -1 || disk_sync_folder(queue) == -1)
			return -1;
		disk_crash_point("fence-taken");
	}
	/* after the look: who broke the fence meanwhile has written before it, and is read, or changes it */
	if (note_look(f) == -1 || fence_record_read(f->fd, &now) != 1)
		return -1;
	if (now.generation != r.generation || strcmp(now.holder, f->holder) != 0) {
		errno = EWOULDBLOCK;
		return -1;
	}
	f->generation = r.generation;
	f->state = FENCE_HELD;
	return 0;
}

/* The worker that owns the queue is started again, and another one of its holder has the home meanwhile. */
static bool
is_shared(const struct fence *f, int queue, const struct fence_record *r)
{
	return !r->forced && r->holder[0] != '\0' && strcmp(r->holder, f->holder) != 0 &&
	    fence_record_look(fence_record_open_new(queue)) == 1;
}

/* With the mutex. One that is not had leaves all as it was: it may be joined. */
static int
own(struct fence *f, int queue, bool alone)
{
	const struct statx_timestamp seen = f->seen;
	struct fence_record r;
	int before = f->fd, rc, saved;

	f->fd = fence_record_open(queue, O_CREAT);
	rc = f->fd == -1 ? -1 : take_locks(queue, f->fd, alone, &r);
	if (rc == 0 && is_shared(f, queue, &r)) {
		errno = EWOULDBLOCK;
		rc = -1;
	}
	if (rc == 0)
		rc = take_home(f, queue, &r);
	if (rc == 0) {
		disk_close(before);
		return 0;
	}
	saved = errno;
	(void)flock(queue, LOCK_UN);	/* the spool's own descriptor would keep it */
	close_file(f);
	errno = saved;
	f->fd = before;
	f->seen = seen;
	return -1;
}

/* With the mutex. */
static int
own_queue(struct fence *f, int queue)
{
	if (!f->owns)
		f->owns = own(f, queue, false) == 0;
	return f->owns ? 0 : -1;
}

int
fence_own(struct fence *f, int queue)
{
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = own_queue(f, queue);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* --- is it ours? --- */

/* While the owner of the queue is started again, this says that the home is in use. Nobody waits for it. */
static void
share_lock(struct fence *f, int queue)
{
	if (f->shared == -1)
		f->shared = fence_record_open_new(queue);
	if (f->shared != -1)
		(void)flock(f->shared, LOCK_SH | LOCK_NB);
}

/* The home is that of our holder already: we belong to it. */
static bool
is_of_holder(struct fence *f, int queue)
{
	struct fence_record r;

	close_file(f);
	f->fd = fence_record_open(queue, 0);
	if (f->fd == -1 || note_look(f) == -1 || fence_record_read(f->fd, &r) != 1 ||
	    strcmp(r.holder, f->holder) != 0 || fence_record_is_replaced(queue, f->fd)) {
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

int
fence_claim(struct fence *f, int queue)
{
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = own_queue(f, queue);
	if (rc == -1 && errno == EWOULDBLOCK &&
	    (f->state == FENCE_HELD || is_of_holder(f, queue) || take_alone(f, queue)))
		rc = 0;
	pthread_mutex_unlock(&f->lock);
	return rc;
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
	rc = fence_record_read(f->fd, &r);
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
	int fd = openat(queue, FENCE_RECORD_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc, saved;

	*r = (struct fence_record){ .generation = 0 };
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = fence_record_read(fd, r);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
fence_is_locked(int queue)
{
	int rc = fence_record_is_locked(queue);

	if (rc == 0)
		rc = fence_record_look(fence_record_open(queue, 0));
	return rc == 0 ? fence_record_look(fence_record_open_new(queue)) : rc;
}

/* Where the lock of the folder is not asked, that of the file says it alone. */
int
fence_is_others(const struct fence *f, int queue, struct fence_record *r)
{
	int rc = fence_read(queue, r);

	if (rc != 1 || strcmp(r->holder, f->holder) == 0)
		return rc == -1 ? -1 : 0;
	return r->forced ? fence_record_look(fence_record_open(queue, 0)) : fence_is_locked(queue);
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
	rc = fence_record_write(fd, r);
	if (rc == 0)
		rc = renameat(queue, PART_NAME, queue, FENCE_RECORD_FILE);
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
	int fd = fence_record_open(queue, 0), rc, saved;

	if (fd == -1)
		return -1;
	rc = fence_record_read(fd, &before);
	if (rc == 0) {
		errno = ENOENT;
		rc = -1;
	}
	r.generation = before.generation + 1;
	snprintf(r.holder, sizeof(r.holder), "nobody");
	snprintf(r.host, sizeof(r.host), "%s", host);
	if (rc == 1)
		rc = fence_record_write(fd, &r);
	disk_crash_point("fence-broken");
	saved = errno;
	close(fd);
	errno = saved;
	return rc == 0 ? replace_file(queue, &r) : -1;
}
