/*
 * pickup_scan - reads the pickup folder in portions
 *
 * Runs in:  pickup; on its loop, the reading on a pool thread
 * Owns:     the open folder of a pass, and the names of one portion
 * Promise:  bounded memory, however many files there are; every file that is there from the beginning of a
 *           pass to its end is reported
 * Fails by: PICKUP_SCAN_FAILED or PICKUP_SCAN_GONE, once; the next pass begins anew
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
/* the time of a folder may be the same after two changes so near to one another */
#define UNSETTLED_US 2000000
/* what a sendmail that was killed has left: its message was never promised to be safe */
#define UNFINISHED_S (24 * 3600)

struct pickup_scan {
	struct pool_lane *lane;
	void (*name)(void *arg, const char *name, uid_t owner);
	void (*end)(void *arg, enum pickup_scan_end end, int error);
	void *arg;
	bool busy, open;		/* a job is at work; a pass is not finished */
	/* for the job */
	struct spool *folder;
	bool force;
	DIR *dir;
	struct buf names;		/* the owner, then the name with its NUL; again and again */
	enum pickup_scan_end result;
	int error;
	int64_t begun_us;		/* this pass */
	struct timespec changed;	/* the folder's time when the last whole pass began; 0 unknown */
	struct timespec changing;	/* the same of this pass */
};

/* Whether the folder is still the one at its path. */
static bool
is_there(struct spool *folder, struct stat *st)
{
	struct stat path;

	return fstat(spool_pickup_folder(folder), st) == 0 && st->st_nlink > 0 &&
	    stat(spool_pickup_path(folder), &path) == 0 &&
	    path.st_ino == st->st_ino && path.st_dev == st->st_dev;
}

static bool
is_unchanged(const struct pickup_scan *w)
{
	return w->changed.tv_sec != 0 && w->changed.tv_sec == w->changing.tv_sec &&
	    w->changed.tv_nsec == w->changing.tv_nsec;
}

static enum pickup_scan_end
start_pass(struct pickup_scan *w)
{
	struct stat st;
	int fd;

	if (!is_there(w->folder, &st))
		return PICKUP_SCAN_GONE;
	(void)!spool_folder_is_ours(w->folder);	/* a process that lost the home ends, also one that is idle */
	w->begun_us = clock_wall_us();
	w->changing = st.st_mtim;
	if (!w->force && is_unchanged(w))
		return PICKUP_SCAN_DONE;
	fd = openat(spool_pickup_folder(w->folder), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->dir = fd != -1 ? fdopendir(fd) : NULL;
	if (w->dir == NULL) {
		w->error = errno;
		if (fd != -1)
			close(fd);
		return PICKUP_SCAN_FAILED;
	}
	return PICKUP_SCAN_MORE;
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

/* What cannot be removed now is there at the next pass. */
static void
remove_unfinished(struct pickup_scan *w, const char *name)
{
	struct stat st;

	if (strncmp(name, PICKUP_FORM_UNFINISHED, strlen(PICKUP_FORM_UNFINISHED)) != 0 ||
	    fstatat(dirfd(w->dir), name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_mtim.tv_sec + UNFINISHED_S >= w->begun_us / 1000000)
		return;
	if (spool_pickup_remove(w->folder, name) == -1)
		w->changed = (struct timespec){ 0 };
}

static void
add_name(struct pickup_scan *w, const char *name)
{
	struct stat st;

	if (fstatat(dirfd(w->dir), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		st.st_uid = PICKUP_NAMES_NOBODY;
	buf_add(&w->names, &st.st_uid, sizeof(st.st_uid));
	buf_add(&w->names, name, strlen(name) + 1);
}

static enum pickup_scan_end
read_portion(struct pickup_scan *w)
{
	for (unsigned i = 0; i < PORTION; i++) {
		struct dirent *d;

		errno = 0;
		d = readdir(w->dir);
		if (d == NULL) {
			w->error = errno;
			return errno == 0 ? PICKUP_SCAN_DONE : PICKUP_SCAN_FAILED;
		}
		if (is_wanted(d))
			add_name(w, d->d_name);
		else
			remove_unfinished(w, d->d_name);
	}
	return PICKUP_SCAN_MORE;
}

static void
end_pass(struct pickup_scan *w)
{
	if (w->dir == NULL)
		return;
	closedir(w->dir);
	w->dir = NULL;
	w->changed = (struct timespec){ 0 };
	if (w->result == PICKUP_SCAN_DONE &&
	    (int64_t)w->changing.tv_sec * 1000000 + w->changing.tv_nsec / 1000 + UNSETTLED_US < w->begun_us)
		w->changed = w->changing;
}

static void
run_portion(void *arg, void **jobs, size_t n)
{
	struct pickup_scan *w = arg;

	w->error = 0;
	w->result = w->dir == NULL ? start_pass(w) : PICKUP_SCAN_MORE;
	if (w->result == PICKUP_SCAN_MORE)
		w->result = read_portion(w);
	if (w->result != PICKUP_SCAN_MORE)
		end_pass(w);
}

static void
on_portion_read(void *arg, void *job)
{
	struct pickup_scan *w = arg;
	const char *at = buf_text(&w->names), *end = at + w->names.len;

	w->busy = false;
	w->open = w->result == PICKUP_SCAN_MORE;
	for (uid_t owner; at < end; at += strlen(at) + 1) {
		memcpy(&owner, at, sizeof(owner));
		at += sizeof(owner);
		w->name(w->arg, at, owner);
	}
	buf_clear(&w->names);
	w->end(w->arg, w->result, w->error);
}

struct pickup_scan *
pickup_scan_new(struct pool *pool, void (*name)(void *arg, const char *name, uid_t owner),
    void (*end)(void *arg, enum pickup_scan_end end, int error), void *arg)
{
	struct pickup_scan *w = mem_new(struct pickup_scan);

	w->name = name;
	w->end = end;
	w->arg = arg;
	buf_init(&w->names, PORTION * (sizeof(uid_t) + SPOOL_PICKUP_NAME_SIZE));
	w->lane = pool_lane_new(pool, 1, 1, run_portion, on_portion_read, w);
	return w;
}

void
pickup_scan_free(struct pickup_scan *w)
{
	if (w == NULL)
		return;
	if (w->dir != NULL)
		closedir(w->dir);
	buf_done(&w->names);
	free(w);
}

void
pickup_scan_begin(struct pickup_scan *w, struct spool *folder, bool force)
{
	if (!pickup_scan_is_idle(w))
		return;
	w->folder = folder;
	w->force = force;
	pickup_scan_go_on(w);
}

void
pickup_scan_go_on(struct pickup_scan *w)
{
	if (w->busy)
		return;
	w->busy = true;
	pool_submit(w->lane, w);
}

bool
pickup_scan_stop(struct pickup_scan *w)
{
	if (w->busy)
		return false;
	w->result = PICKUP_SCAN_GONE;
	end_pass(w);
	w->open = false;
	return true;
}

bool
pickup_scan_is_idle(const struct pickup_scan *w)
{
	return !w->busy && !w->open;
}
