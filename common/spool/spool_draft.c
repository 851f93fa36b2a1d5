/*
 * spool_draft - a message being written into the queue, and the group commit
 *
 * Runs in:  posternctl, deliver, pickup; on pool threads
 * Owns:     a file in queue/new until it is placed; a scratch file is the caller's
 * Promise:  error 0 after a commit: data, name and folder are on disk; else no file is left in the queue
 * Fails by: -1 and errno; spool_draft_error() after a commit
 */
#include <bsd/stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "common/spool/spool_offer.h"
#include "common/spool/spool_private.h"

struct spool_draft {
	struct spool *spool;
	char id[MESSAGE_ID_SIZE];
	struct buf head;	/* envelope, until it was written */
	int fd;
	int error;		/* sticky errno */
	struct spool_bucket *bucket;	/* its name is in it; NULL: in none, or synced */
	uint64_t size;		/* content so far */
	bool ended, placed, held;
	int64_t due;		/* wall seconds; 0: now */
	bool whole;		/* no envelope and no end record is ours */
};

struct spool_draft *
spool_draft_new(struct spool *s, const struct message_envelope *e)
{
	struct spool_draft *d = mem_new(struct spool_draft);
	struct message_envelope named;	/* shallow copy; only its "arrived" line is from the id */

	d->spool = s;
	d->fd = -1;
	buf_init(&d->head, MESSAGE_ENVELOPE_MAX);
	if (e->id[0] != '\0')
		memcpy(d->id, e->id, sizeof(d->id));
	else
		spool_fresh_id(d->id);
	named = *e;
	memcpy(named.id, d->id, sizeof(named.id));
	if (message_envelope_format(&named, &d->head) == -1) {
		spool_draft_free(d);
		errno = EINVAL;
		return NULL;
	}
	return d;
}

struct spool_draft *
spool_draft_whole(struct spool *s, const char *id)
{
	struct spool_draft *d = mem_new(struct spool_draft);

	d->spool = s;
	d->fd = -1;
	d->whole = true;
	buf_init(&d->head, 1);
	memcpy(d->id, id, sizeof(d->id));
	return d;
}

void
spool_draft_name(struct spool_draft *d, const char *id)
{
	memcpy(d->id, id, sizeof(d->id));
}

void
spool_draft_hold(struct spool_draft *d)
{
	d->held = true;
}

void
spool_draft_due(struct spool_draft *d, int64_t due)
{
	d->due = due;
}

bool
spool_draft_is_held(const struct spool_draft *d)
{
	return d->held;
}

static void
file_name(char *dst, const struct spool_draft *d)
{
	snprintf(dst, SPOOL_NAME_SIZE, "%s.%s", d->spool->tag, d->id);
}

/* Makes and locks TAG.lock. The scan may remove it before it is locked: then another tag. */
static int
make_tag(struct spool *s)
{
	char name[SPOOL_NAME_SIZE], id[MESSAGE_ID_SIZE];

	for (int turn = 0; turn < 100; turn++) {
		struct stat st;
		int fd;

		message_id_make(id, (int64_t)arc4random() << 20 ^ arc4random(), arc4random());
		memcpy(s->tag, id + MESSAGE_ID_LEN - SPOOL_TAG_LEN, SPOOL_TAG_LEN);
		snprintf(name, sizeof(name), "%s.lock", s->tag);
		fd = openat(s->fresh, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd == -1 && errno == EEXIST)
			continue;
		if (fd == -1)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1) {
			s->tag_fd = fd;
			return 0;
		}
		close(fd);
	}
	errno = EAGAIN;
	return -1;
}

static int
have_tag(struct spool *s)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = s->tag_fd != -1 ? 0 : make_tag(s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* A file that has a name until it is open: where the file system (NFS) makes none without. */
static int
open_unlinked(struct spool *s)
{
	struct spool_draft d = { .spool = s };
	char name[SPOOL_NAME_SIZE];
	int fd;

	if (have_tag(s) == -1)
		return -1;
	spool_fresh_id(d.id);
	file_name(name, &d);
	fd = openat(s->fresh, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || unlinkat(s->fresh, name, 0) == 0)
		return fd;
	disk_close(fd);
	return -1;
}

int
spool_draft_scratch(struct spool *s)
{
	int fd;

	if (spool_folder_open(s, SPOOL_QUEUE) == -1)
		return -1;
	fd = openat(s->fresh, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		fd = open_unlinked(s);
	return fd;
}

const char *
spool_draft_tag(struct spool *s)
{
	return spool_folder_open(s, SPOOL_QUEUE) == -1 || have_tag(s) == -1 ? NULL : s->tag;
}

bool
spool_draft_tag_is_dead(struct spool *s, const char *tag)
{
	char name[SPOOL_NAME_SIZE];
	bool dead;
	int fd;

	snprintf(name, sizeof(name), "%.*s.lock", SPOOL_TAG_LEN, tag);
	fd = openat(s->fresh, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT;
	dead = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return dead;
}

static int
open_draft_file(struct spool_draft *d)
{
	char name[SPOOL_NAME_SIZE];

	if (spool_folder_open(d->spool, SPOOL_QUEUE) == -1 || have_tag(d->spool) == -1)
		return -1;
	file_name(name, d);
	d->fd = openat(d->spool->fresh, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (d->fd == -1 && errno == EEXIST)
		errno = EBUSY;	/* it is being written: EEXIST says that it is in the queue */
	if (d->fd == -1)
		return -1;
	return d->held ? fchmod(d->fd, 0600 | SPOOL_HELD) : 0;
}

static int
have_draft_file(struct spool_draft *d)
{
	if (d->error == 0 && d->fd == -1 && open_draft_file(d) == -1)
		d->error = errno;
	if (d->error == 0)
		return 0;
	errno = d->error;
	return -1;
}

int
spool_draft_open(struct spool_draft *d)
{
	char name[SPOOL_NAME_SIZE];

	if (have_draft_file(d) == -1)
		return -1;
	file_name(name, d);
	return openat(d->spool->fresh, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* Envelope (once), data and maybe the end record in one write. */
static int
put_pieces(struct spool_draft *d, const void *data, size_t len, bool last)
{
	char end[MESSAGE_END_SIZE];
	struct iovec iov[3];

	if (have_draft_file(d) == -1)
		return -1;
	message_end_format(end, d->size + len);
	iov[0] = (struct iovec){ .iov_base = d->head.data, .iov_len = d->head.len };
	iov[1] = (struct iovec){ .iov_base = mem_unconst(data), .iov_len = len };
	iov[2] = (struct iovec){ .iov_base = end, .iov_len = last && !d->whole ? sizeof(end) : 0 };
	if (disk_writev(d->fd, iov, 3) == -1) {
		d->error = errno;
		return -1;
	}
	buf_done(&d->head);
	d->size += len;
	d->ended = last;
	disk_crash_point("draft-written");
	return 0;
}

int
spool_draft_write(struct spool_draft *d, const void *data, size_t len)
{
	return put_pieces(d, data, len, false);
}

int
spool_draft_end(struct spool_draft *d, const void *data, size_t len)
{
	return put_pieces(d, data, len, true);
}

/*
 * What is not in its bytes is synced, too: that it is held, and when it is due. In a batch both are in the
 * journal before the name is.
 */
static int
sync_file(const struct spool_draft *d)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)d->due } };

	if (d->due != 0 && futimens(d->fd, ts) == -1)
		return -1;
	if ((d->held || d->due != 0) && !atomic_load(&d->spool->batch[SPOOL_QUEUE]))
		return disk_sync_whole(d->fd);
	return spool_commit_file(d->spool, SPOOL_QUEUE, d->fd);
}

/* Ends and syncs the files. Writing back is begun for all first: they wait for the device together. */
static void
sync_files(struct spool_draft **drafts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct spool_draft *d = drafts[i];

		if (d->error == 0 && !d->ended)
			(void)!put_pieces(d, NULL, 0, true); /* the error is sticky */
		if (d->error == 0 && i + 1 < n)
			disk_start(d->fd);
	}
	for (size_t i = n; i-- > 0; )		/* the last one was not begun */
		if (drafts[i]->error == 0 && sync_file(drafts[i]) == -1)
			drafts[i]->error = errno;
	disk_crash_point("draft-synced");
}

/*
 * A rename in two steps (NFS) whose second step failed leaves a name in the queue. Nothing was promised yet,
 * so that name is removed. False: it cannot be removed, and the draft is in the queue.
 */
static bool
take_back(const struct spool_draft *d)
{
	char name[SPOOL_NAME_SIZE];
	struct stat here, there;

	spool_name_message(name, d->id);
	if (fstat(d->fd, &here) == -1 || fstatat(d->spool->queue, name, &there, AT_SYMLINK_NOFOLLOW) == -1 ||
	    here.st_dev != there.st_dev || here.st_ino != there.st_ino)
		return true;
	return unlinkat(d->spool->queue, name, 0) == 0;
}

/*
 * Whether its name has to be on disk. A file that has the id already counts as the draft for a caller that
 * gave the id.
 */
static bool
has_name(const struct spool_draft *d)
{
	return d->placed || d->error == EEXIST;
}

static void
place_files(struct spool_draft **drafts, size_t n)
{
	char name[SPOOL_NAME_SIZE];
	int error;

	for (size_t i = 0; i < n; i++) {
		struct spool_draft *d = drafts[i];

		if (d->error != 0)
			continue;
		file_name(name, d);
		d->bucket = spool_bucket_place(d->spool, d->spool->fresh, name, d->id, &error);
		if (error != 0 && take_back(d))
			d->error = error;
		else
			d->placed = true;
		if (d->bucket != NULL && !has_name(d)) {
			spool_bucket_leave(d->spool, d->bucket);
			d->bucket = NULL;
		}
		disk_crash_point("draft-placed");
	}
}

/* Syncs the bucket of the first for all that have their names in it. */
static void
sync_bucket(struct spool_draft **drafts, size_t n)
{
	struct spool_bucket *b = drafts[0]->bucket;
	int error = spool_bucket_sync(b) == -1 ? errno : 0;

	for (size_t i = 0; i < n; i++) {
		struct spool_draft *d = drafts[i];

		if (d->bucket != b)
			continue;
		if (error != 0)
			d->error = error;
		d->bucket = NULL;
		spool_bucket_leave(d->spool, b);
	}
}

/* One sync for each bucket of the group: nearly always one, since buckets go by time. */
static void
sync_names(struct spool_draft **drafts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (drafts[i]->bucket != NULL)
			sync_bucket(drafts + i, n - i);
	disk_crash_point("draft-committed");
}

/* Nothing is named in a home of others; and what was named while it was lost is not promised. */
static void
ask_fence(struct spool_draft **drafts, size_t n)
{
	int error = n > 0 && !spool_folder_is_ours(drafts[0]->spool) ? errno : 0;

	for (size_t i = 0; i < n && error != 0; i++)
		drafts[i]->error = error;
}

void
spool_draft_commit(struct spool_draft **drafts, size_t n)
{
	sync_files(drafts, n);
	ask_fence(drafts, n);
	place_files(drafts, n);
	sync_names(drafts, n);
	ask_fence(drafts, n);
}

int
spool_draft_error(const struct spool_draft *d)
{
	return d->error;
}

int
spool_draft_fd(const struct spool_draft *d)
{
	return d->fd;
}

const struct buf *
spool_draft_head(const struct spool_draft *d)
{
	return &d->head;
}

const char *
spool_draft_id(const struct spool_draft *d)
{
	return d->id;
}

void
spool_draft_free(struct spool_draft *d)
{
	char name[SPOOL_NAME_SIZE];

	if (d == NULL)
		return;
	if (d->fd != -1 && !d->placed) {
		file_name(name, d);
		unlinkat(d->spool->fresh, name, 0);
	} else if (d->placed && d->error != 0) { /* it was not accepted: remove the name */
		spool_name_message(name, d->id);
		unlinkat(d->spool->queue, name, 0);
	}
	if (d->fd != -1)
		close(d->fd);
	buf_done(&d->head);
	free(d);
}
