/*
 * spool_move - moves a queued message to the queue of another virtual server
 *
 * Runs in:  deliver; on pool threads
 * Owns:     nothing
 * Promise:  on one file system the message is in one of the two queues at every moment (rename). Else it is
 *           on disk in the other queue before it leaves this one: a crash between leaves it in both, and
 *           moving it back meanwhile is refused
 * Fails by: -1 and errno; the message is then in one of them, after a copy perhaps in both
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

static bool
is_same_file(struct spool *a, struct spool *b, const char *name)
{
	struct stat x, y;

	return fstatat(a->queue, name, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(b->queue, name, &y, AT_SYMLINK_NOFOLLOW) == 0 && x.st_dev == y.st_dev &&
	    x.st_ino == y.st_ino;
}

/* One folder under two names: the move would remove what it has just put there. */
static bool
is_same_queue(struct spool *a, struct spool *b)
{
	struct stat x, y;

	return fstat(a->queue, &x) == 0 && fstat(b->queue, &y) == 0 && x.st_dev == y.st_dev &&
	    x.st_ino == y.st_ino;
}

/* A copy of an earlier try: the same envelope and size, and not on its way from there to here. */
static bool
is_copy(struct spool *to, const char *id, const struct message_envelope *e)
{
	struct message_envelope other;
	const char *why;
	int fd;
	bool same;

	if (spool_load(to, id, &other, &fd, &why) == -1)
		return false;
	same = flock(fd, LOCK_EX | LOCK_NB) == 0 && strcmp(other.sender, e->sender) == 0 &&
	    other.nrcpt == e->nrcpt && other.content_size == e->content_size;
	close(fd);
	message_envelope_done(&other);
	return same;
}

static int
write_copy(struct spool *to, const char *id, const struct message_envelope *e, int fd, bool held)
{
	struct spool_draft *d = spool_draft_new(to, e);
	char piece[16384];
	off_t at = 0;
	int error;

	if (d == NULL)
		return -1;
	if (held)
		spool_draft_hold(d);
	while (at < e->content_size) {
		size_t want = e->content_size - at < (off_t)sizeof(piece) ? (size_t)(e->content_size - at) :
		    sizeof(piece);
		ssize_t n = disk_pread(fd, piece, want, e->content_at + at);

		if (n <= 0 || spool_draft_write(d, piece, (size_t)n) == -1) {
			int saved = n == 0 ? EBADMSG : errno;

			spool_draft_free(d);
			errno = saved;
			return -1;
		}
		at += n;
	}
	spool_draft_commit(&d, 1);
	error = spool_draft_error(d);
	spool_draft_free(d);
	errno = error == EEXIST && is_copy(to, id, e) ? 0 : error;
	return errno == 0 ? 0 : -1;
}

static int
copy_over(struct spool *from, struct spool *to, const char *id, const char *name)
{
	struct message_envelope e;
	struct stat st;
	const char *why;
	int fd, saved, rc;
	bool held;

	if (spool_load(from, id, &e, &fd, &why) == -1)
		return -1;
	held = fstat(fd, &st) == 0 && (st.st_mode & SPOOL_HELD) != 0;
	rc = write_copy(to, id, &e, fd, held);
	if (rc == 0 && held) /* a copy of an earlier try may not be held */
		rc = fchmodat(to->queue, name, st.st_mode & 07777, 0);
	saved = errno;
	close(fd);
	message_envelope_done(&e);
	errno = saved;
	return rc;
}

/* Moves the note. When a crash loses it, the other side only counts its tries again. */
static void
move_note(struct spool *from, struct spool *to, const char *id)
{
	struct buf text = BUF_INIT(MESSAGE_ENVELOPE_MAX);
	char name[SPOOL_NAME_SIZE];

	spool_name_note(name, id);
	if (linkat(from->queue, name, to->queue, name, 0) == -1 && errno != ENOENT && errno != EEXIST &&
	    spool_note_read(from, id, &text) == 1)
		(void)!spool_note_add(to, id, buf_text(&text), false);
	buf_done(&text);
}

/* It is in the other queue. */
static int
finish_move(struct spool *from, struct spool *to, const char *id, int64_t due)
{
	disk_crash_point("move-placed");
	(void)!spool_set_due(to, id, due); /* else its old due time stays */
	move_note(from, to, id);
	if (spool_sync_bucket(to, spool_bucket(id)) == -1)
		return -1;
	disk_crash_point("move-synced");
	return 0;
}

static void
leave_note(struct spool *from, const char *id)
{
	(void)!spool_remove_note(from, id); /* the scan removes what stays */
	disk_crash_point("move-left");
}

/* `fd` is the message, locked, so that no other process takes it for a copy of what it moves here. */
static int
copy_and_remove(struct spool *from, struct spool *to, const char *id, int64_t due, int fd)
{
	char name[SPOOL_NAME_SIZE];

	spool_name_message(name, id);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return -1;
	/* Two names of one file: a rename in two steps (NFS) was interrupted. */
	if ((!is_same_file(from, to, name) && copy_over(from, to, id, name) == -1) ||
	    finish_move(from, to, id, due) == -1 || spool_remove(from, id) == -1)
		return -1;
	leave_note(from, id);
	/* a name that returns is a second delivery, never a loss */
	(void)!spool_sync_bucket(from, spool_bucket(id));
	return 0;
}

int
spool_move(struct spool *from, struct spool *to, const char *id, int64_t due)
{
	char name[SPOOL_NAME_SIZE];
	int fd, rc, saved;

	if (is_same_queue(from, to)) {
		errno = EINVAL;
		return -1;
	}
	spool_name_message(name, id);
	if (spool_place(to, from->queue, name, id) == 0) {
		rc = finish_move(from, to, id, due);
		leave_note(from, id);
		return rc;
	}
	if (errno != EXDEV && !(errno == EEXIST && is_same_file(from, to, name)))
		return -1;
	fd = openat(from->queue, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	rc = fd != -1 ? copy_and_remove(from, to, id, due, fd) : -1;
	saved = errno;
	if (fd != -1)
		close(fd);
	errno = saved;
	return rc;
}
