/*
 * spool_move - a message goes from the queue of one virtual server to that of another, by the two processes
 * that own them, or comes from another node
 *
 * Runs in:  posternctl, deliver; on pool threads
 * Owns:     nothing
 * Promise:  the message is on disk in the other queue before it leaves this one. A crash between leaves it in
 *           both: it may come twice, and a repeat of the move finds the copy and continues. While it is on
 *           its way, its copy cannot be moved back
 * Fails by: -1 and errno, or spool_move.error; the message stays, and after a failed answer may be in both
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool_gone.h"
#include "common/spool/spool_move.h"
#include "common/spool/spool_private.h"

/* --- in the process that owns the queue where it is --- */

int
spool_move_open(struct spool *from, struct spool_move *m)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;

	m->note = m->fd = -1;
	spool_name_message(name, m->id);
	/* the lock is not in the descriptor that goes away: who gets that could keep it, or give it up */
	m->lock = openat(from->queue, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (m->lock == -1)
		return -1;
	if (flock(m->lock, LOCK_EX | LOCK_NB) == -1) {
		errno = errno == EWOULDBLOCK ? EBUSY : errno;
		return -1;
	}
	m->fd = openat(from->queue, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (m->fd == -1 || fstat(m->fd, &st) == -1)
		return -1;
	m->held = (st.st_mode & SPOOL_HELD) != 0;
	m->most = st.st_size;
	m->due = st.st_mtim.tv_sec;
	spool_name_note(name, m->id);
	m->note = openat(from->queue, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return m->note == -1 && errno != ENOENT ? -1 : 0;
}

void
spool_move_close(struct spool_move *m)
{
	if (m->fd != -1)
		close(m->fd);
	if (m->note != -1)
		close(m->note);
	if (m->lock != -1)
		close(m->lock);
	m->fd = m->note = m->lock = -1;
}

int
spool_move_leave(struct spool *from, const char *id)
{
	if (!spool_folder_is_ours(from) || spool_remove(from, id) == -1)
		return -1;
	(void)!spool_remove_note(from, id); /* the scan removes what stays */
	disk_crash_point("move-left");
	/* a name that returns is a second delivery, never a loss */
	(void)!spool_bucket_sync_name(from, id);
	return 0;
}

int
spool_move_look(const struct spool_move *m, struct message_envelope *e, const char **why)
{
	return spool_load_open(m->fd, m->id, e, NULL, why);
}

/* --- in the process that owns the other queue --- */

/* One folder under two names: the move would remove what it has just put there. */
static bool
is_ours(struct spool *to, const struct spool_move *m)
{
	char name[SPOOL_NAME_SIZE];
	struct stat x, y;

	spool_name_message(name, m->id);
	return fstat(m->fd, &x) == 0 && fstatat(to->queue, name, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int
copy_content(const struct message_envelope *e, int fd, struct spool_draft *d)
{
	char *piece = mem_zalloc(SPOOL_COPY);
	off_t at = 0;
	int error = 0;

	while (at < e->content_size && error == 0) {
		size_t want = e->content_size - at < (off_t)SPOOL_COPY ? (size_t)(e->content_size - at) :
		    SPOOL_COPY;
		ssize_t n = disk_pread(fd, piece, want, e->content_at + at);

		if (n <= 0)
			error = n == 0 ? EBADMSG : errno;
		else if (spool_draft_write(d, piece, (size_t)n) == -1)
			error = errno;
		at += n;
	}
	free(piece);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* The whole message as a draft, not synced yet. NULL and errno. */
static struct spool_draft *
write_copy(struct spool *to, const struct spool_move *m, spool_move_judge *judge, void *arg)
{
	struct message_envelope e;
	struct spool_draft *d = NULL;
	const char *why;
	int saved;

	if (is_ours(to, m)) {
		errno = EINVAL;
		return NULL;
	}
	if (spool_load_open(m->fd, m->id, &e, NULL, &why) == -1)
		return NULL;
	errno = e.content_at + e.content_size > m->most ? EBADMSG : judge != NULL ? judge(arg, &e) : 0;
	e.flags |= m->afar ? MESSAGE_EVACUATED : 0U;
	if (errno == 0)
		d = spool_draft_new(to, &e);
	if (d != NULL && m->afar)
		spool_draft_due(d, m->due);
	if (d != NULL && m->held)
		spool_draft_hold(d);
	if (d != NULL && copy_content(&e, m->fd, d) == -1) {
		saved = errno;
		spool_draft_free(d);
		d = NULL;
		errno = saved;
	}
	saved = errno;
	message_envelope_done(&e);
	errno = saved;
	return d;
}

/* A copy of an earlier try: the same envelope and size, and not on its way from here to there. */
static bool
is_copy(struct spool *to, const struct spool_move *m)
{
	struct message_envelope e, other;
	const char *why;
	int fd;
	bool same;

	if (spool_load(to, m->id, &other, &fd, &why) == -1)
		return false;
	same = flock(fd, LOCK_EX | LOCK_NB) == 0 && spool_load_open(m->fd, m->id, &e, NULL, &why) != -1;
	close(fd);
	if (same) {
		same = strcmp(other.sender, e.sender) == 0 && other.nrcpt == e.nrcpt &&
		    other.content_size == e.content_size;
		message_envelope_done(&e);
	}
	message_envelope_done(&other);
	return same;
}

/* It may have waited there, not held; or be held there alone, and stays so. */
static int
renew_copy(struct spool *to, struct spool_move *m)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;

	if (m->held && spool_hold(to, m->id, true) == -1)
		return -1;
	spool_name_message(name, m->id);
	if (fstatat(to->queue, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	m->held = (st.st_mode & SPOOL_HELD) != 0;
	return spool_set_due(to, m->id, clock_wall_us() / 1000000);
}

/* What a crash loses of it only makes the tries be counted again. */
static void
copy_note(struct spool *to, const struct spool_move *m)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	int fd;

	if (m->note == -1 || fstat(m->note, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size > MESSAGE_ENVELOPE_MAX)
		return;
	spool_name_note(name, m->id);
	fd = openat(to->queue, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	if (spool_copy(m->note, 0, st.st_size, fd) == 0)
		(void)!disk_sync(fd);
	close(fd);
}

/* The names of the notes, of copies that were there, and their holds. */
static void
sync_buckets(struct spool *to, struct spool_move **moves, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned bucket = spool_bucket_of(moves[i]->id);
		bool first = true;

		for (size_t j = 0; j < i && first; j++)
			first = spool_bucket_of(moves[j]->id) != bucket;
		if (!first || spool_bucket_sync_name(to, moves[i]->id) == 0)
			continue;
		for (size_t j = i; j < n; j++)
			if (moves[j]->error == 0 && spool_bucket_of(moves[j]->id) == bucket)
				moves[j]->error = errno;
	}
}

/* One from another node, which was done here. */
static void
ask_gone(struct spool *to, struct spool_move *m)
{
	int rc = m->error == 0 && m->afar ? spool_gone_find(to, m->id) : 0;

	m->known = rc == 1;
	if (rc == -1)
		m->error = errno;
}

static void
finish_copy(struct spool *to, struct spool_move *m, struct spool_draft *d)
{
	if (d == NULL)
		return;
	m->error = spool_draft_error(d);
	spool_draft_free(d);
	if (m->error == EEXIST && is_copy(to, m)) {
		m->known = m->afar;
		m->error = m->afar || renew_copy(to, m) == 0 ? 0 : errno;
	}
	disk_crash_point("move-placed");
	if (m->error == 0)
		copy_note(to, m);
}

void
spool_move_take(struct spool *to, struct spool_move **moves, size_t n, spool_move_judge *judge, void *arg)
{
	struct spool_draft **all = mem_zalloc(n * sizeof(*all)), **of = mem_zalloc(n * sizeof(*of));
	size_t drafts = 0;

	for (size_t i = 0; i < n; i++) {
		ask_gone(to, moves[i]);
		if (moves[i]->error == 0 && !moves[i]->known &&
		    (of[i] = write_copy(to, moves[i], judge, arg)) == NULL)
			moves[i]->error = errno;
		if (of[i] != NULL)
			all[drafts++] = of[i];
	}
	spool_draft_commit(all, drafts);
	for (size_t i = 0; i < n; i++)
		finish_copy(to, moves[i], of[i]);
	sync_buckets(to, moves, n);
	for (size_t i = 0; i < n; i++)
		disk_crash_point("move-synced");
	free(all);
	free(of);
}
