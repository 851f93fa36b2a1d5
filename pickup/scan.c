/*
 * scan - reads the pickup folder in portions
 *
 * Runs in:  pickup's loop; the reading itself on a pool thread
 * Owns:     the open folder of a pass, and the names of one portion
 * Promise:  bounded memory however many files there are; every file that is there from the beginning of a pass to its
 *           end is told of
 * Fails by: SCAN_FAILED or SCAN_GONE told once; the next pass starts anew
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "pickup/pickup.h"

#define PORTION 1024
#define UNSETTLED_US 2000000	/* a folder's time may not tell two changes so near to one another apart */

struct scan {
	struct pool_lane *lane;
	void (*name)(void *arg, const char *name);
	void (*end)(void *arg, enum scan_end end, int error);
	void *arg;
	bool busy, open;		/* a job is at work; a pass is not finished */
	/* the job's */
	struct spool *folder;
	bool force;
	DIR *dir;
	struct buf names;		/* each with its NUL */
	enum scan_end result;
	int error;
	int64_t begun_us;		/* this pass */
	struct timespec changed;	/* the folder's time when the last whole pass began; 0 unknown */
	struct timespec changing;	/* the same of this pass */
};

/* The folder is still what its path names. */
static bool
is_there(struct spool *folder, struct stat *st)
{
	struct stat path;

	return fstat(spool_pickup_folder(folder), st) == 0 && st->st_nlink > 0 && stat(spool_pickup_path(folder), &path) == 0 &&
	    path.st_ino == st->st_ino && path.st_dev == st->st_dev;
}

static bool
is_unchanged(const struct scan *s)
{
	return s->changed.tv_sec != 0 && s->changed.tv_sec == s->changing.tv_sec && s->changed.tv_nsec == s->changing.tv_nsec;
}

static enum scan_end
start_pass(struct scan *s)
{
	struct stat st;
	int fd;

	if (!is_there(s->folder, &st))
		return SCAN_GONE;
	s->begun_us = clock_wall_us();
	s->changing = st.st_mtim;
	if (!s->force && is_unchanged(s))
		return SCAN_DONE;
	fd = openat(spool_pickup_folder(s->folder), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->dir = fd != -1 ? fdopendir(fd) : NULL;
	if (s->dir == NULL) {
		s->error = errno;
		if (fd != -1)
			close(fd);
		return SCAN_FAILED;
	}
	return SCAN_MORE;
}

static bool
is_wanted(const struct dirent *d)
{
	char id[MESSAGE_ID_SIZE];
	const char *name;

	if (d->d_type == DT_DIR)
		return false;
	return !judge_ignores(d->d_name) || spool_pickup_claim_parse(d->d_name, id, &name);
}

static enum scan_end
read_portion(struct scan *s)
{
	for (unsigned i = 0; i < PORTION; i++) {
		struct dirent *d;

		errno = 0;
		d = readdir(s->dir);
		if (d == NULL) {
			s->error = errno;
			return errno == 0 ? SCAN_DONE : SCAN_FAILED;
		}
		if (is_wanted(d))
			buf_add(&s->names, d->d_name, strlen(d->d_name) + 1);
	}
	return SCAN_MORE;
}

static void
end_pass(struct scan *s)
{
	if (s->dir == NULL)
		return;
	closedir(s->dir);
	s->dir = NULL;
	s->changed = (struct timespec){ 0 };
	if (s->result == SCAN_DONE && (int64_t)s->changing.tv_sec * 1000000 + s->changing.tv_nsec / 1000 + UNSETTLED_US < s->begun_us)
		s->changed = s->changing;
}

static void
run(void *arg, void **jobs, size_t n)
{
	struct scan *s = arg;

	(void)jobs, (void)n;
	s->error = 0;
	s->result = s->dir == NULL ? start_pass(s) : SCAN_MORE;
	if (s->result == SCAN_MORE)
		s->result = read_portion(s);
	if (s->result != SCAN_MORE)
		end_pass(s);
}

static void
done(void *arg, void *job)
{
	struct scan *s = arg;
	const char *at = buf_text(&s->names), *end = at + s->names.len;

	(void)job;
	s->busy = false;
	s->open = s->result == SCAN_MORE;
	for (; at < end; at += strlen(at) + 1)
		s->name(s->arg, at);
	buf_clear(&s->names);
	s->end(s->arg, s->result, s->error);
}

struct scan *
scan_new(struct pool *pool, void (*name)(void *arg, const char *name), void (*end)(void *arg, enum scan_end end, int error), void *arg)
{
	struct scan *s = mem_new(struct scan);

	s->name = name;
	s->end = end;
	s->arg = arg;
	buf_init(&s->names, PORTION * SPOOL_PICKUP_NAME_SIZE);
	s->lane = pool_lane_new(pool, 1, 1, run, done, s);
	return s;
}

void
scan_free(struct scan *s)
{
	if (s == NULL)
		return;
	if (s->dir != NULL)
		closedir(s->dir);
	buf_done(&s->names);
	free(s);
}

void
scan_begin(struct scan *s, struct spool *folder, bool force)
{
	if (!scan_is_idle(s))
		return;
	s->folder = folder;
	s->force = force;
	scan_go_on(s);
}

void
scan_go_on(struct scan *s)
{
	if (s->busy)
		return;
	s->busy = true;
	pool_submit(s->lane, s);
}

bool
scan_stop(struct scan *s)
{
	if (s->busy)
		return false;
	s->result = SCAN_GONE;
	end_pass(s);
	s->open = false;
	return true;
}

bool
scan_is_idle(const struct scan *s)
{
	return !s->busy && !s->open;
}
