/*
 * spool - the folders of one virtual server: opening, names, reading and marking queued messages
 *
 * Runs in:  posternctl, deliver, pickup; on pool threads (see spool.h)
 * Owns:     every name below these folders; the folders' descriptors; the queue's lock
 * Promise:  after spool_draft_commit returned 0, a message survives a power cut until spool_remove
 * Fails by: -1 and errno; never exits, never logs
 */
#include "common/base/chance.h"
#include "common/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/spool/fence.h"
#include "common/spool/spool_private.h"

#define FIRST_READ (16U << 10)	/* most envelopes, and the whole of a small message */

struct spool *
spool_new(const struct spool_paths *paths)
{
	const char *const path[SPOOL_FOLDERS] = { [SPOOL_QUEUE] = paths->queue, [SPOOL_DROP] = paths->drop,
	    [SPOOL_BADMAIL] = paths->badmail, [SPOOL_PICKUP] = paths->pickup };
	struct spool *s = mem_new(struct spool);
	pthread_mutexattr_t recursive;

	s->pickup = s->queue = s->fresh = s->drop = s->badmail = s->tag_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&s->bad_lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	for (unsigned i = 0; i < SPOOL_FOLDERS; i++) {
		s->path[i] = mem_strdup(path[i]);
		(void)spool_folder_open(s, (enum spool_which)i);
	}
	return s;
}

struct spool *
spool_open(const struct spool_paths *paths, const char **where)
{
	struct spool *s = spool_new(paths);

	*where = paths->queue;
	if (spool_folder_open(s, SPOOL_QUEUE) == -1) {
		int saved = errno;

		spool_close(s);
		errno = saved;
		return NULL;
	}
	return s;
}

void
spool_close(struct spool *s)
{
	int fds[6];

	if (s == NULL)
		return;
	if (s->tag_fd != -1) {
		char name[SPOOL_NAME_SIZE];

		snprintf(name, sizeof(name), "%s.lock", s->tag);
		unlinkat(s->fresh, name, 0);
	}
	memcpy(fds, (int[]){ s->pickup, s->queue, s->fresh, s->drop, s->badmail, s->tag_fd }, sizeof(fds));
	for (size_t i = 0; i < nitems_of(fds); i++)
		if (fds[i] != -1)
			close(fds[i]);
	spool_bucket_close(s);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->bad_lock);
	for (unsigned i = 0; i < SPOOL_FOLDERS; i++)
		free(s->path[i]);
	free(s);
}

void
spool_fence(struct spool *s, struct fence *f)
{
	s->fence = f;
}

int
spool_owner(const struct spool *s, struct fence_record *r)
{
	return fence_read(s->queue, r);
}

int
spool_own_queue(struct spool *s)
{
	int rc = s->fence != NULL ? fence_own(s->fence, s->queue) : flock(s->queue, LOCK_EX | LOCK_NB);

	if (rc == -1)
		return -1;
	s->owner = true;
	return 0;
}

/* --- names --- */

void
spool_name_message(char *dst, const char *id)
{
	if (!message_id_is_valid(id))
		bug("spool: bad id %s", log_safe(id));
	snprintf(dst, SPOOL_NAME_SIZE, "%03x/%s", spool_bucket_of(id), id);
}

void
spool_name_note(char *dst, const char *id)
{
	spool_name_message(dst, id);
	strcat(dst, ".note");
}

void
spool_fresh_id(char *id)
{
	message_id_make(id, clock_wall_us(), chance_u32());
}

int
spool_copy(int from, off_t at, off_t size, int to)
{
	char *piece = mem_zalloc(SPOOL_COPY);
	int rc = 0;

	while (size > 0 && rc == 0) {
		ssize_t n = disk_pread(from, piece, size < (off_t)SPOOL_COPY ? (size_t)size : SPOOL_COPY, at);

		if (n == 0)
			errno = EBADMSG; /* shorter than its end record said */
		if (n <= 0 || disk_write(to, piece, (size_t)n) == -1)
			rc = -1;
		else
			at += n, size -= n;
	}
	free(piece);
	return rc;
}

bool
spool_same_bytes(int a, int b, off_t size)
{
	char *piece = mem_zalloc(2 * SPOOL_COPY);
	off_t at = 0;
	ssize_t n;

	while (at < size && (n = disk_pread(a, piece, SPOOL_COPY, at)) > 0 &&
	    disk_pread(b, piece + SPOOL_COPY, (size_t)n, at) == n &&
	    memcmp(piece, piece + SPOOL_COPY, (size_t)n) == 0)
		at += n;
	free(piece);
	return at == size;
}

/* --- reading --- */

/* Reads the envelope's bytes into `in`, more each turn, until it is whole. 1, or -1 with errno and *why. */
static int
read_envelope(int fd, off_t file_size, struct buf *in, struct message_envelope *e, const char **why)
{
	for (;;) {
		size_t want = in->len == 0 ? FIRST_READ : in->len;
		int rc = in->len == 0 ? 0 : message_envelope_parse(e, buf_text(in), in->len, why);
		char *to;
		ssize_t n;

		if (rc == 1)
			return 1;
		if ((off_t)(in->len + want) > file_size)
			want = (size_t)file_size - in->len;
		to = rc == 0 ? buf_room(in, want) : NULL;
		n = to != NULL ? disk_pread(fd, to, want, (off_t)in->len) : 0;
		if (n == -1)
			return -1;
		in->len += (size_t)n;
		if (rc == 0 && n == 0)
			*why = "the file ends within the envelope";
		if (rc == -1 || n == 0) {
			errno = EBADMSG;
			return -1;
		}
	}
}

static int
check_end_record(int fd, off_t file_size, const struct buf *in, struct message_envelope *e, const char **why)
{
	char end[MESSAGE_END_SIZE];
	off_t at = file_size - MESSAGE_END_SIZE;

	if (at < e->content_at) {
		*why = "no end record";
	} else if ((off_t)in->len == file_size) {
		memcpy(end, in->data + at, MESSAGE_END_SIZE);
		*why = NULL;
	} else {
		ssize_t n = disk_pread(fd, end, MESSAGE_END_SIZE, at);

		if (n == -1)
			return -1;
		*why = n == MESSAGE_END_SIZE ? NULL : "no end record";
	}
	if (*why == NULL && message_end_parse(end) != at - e->content_at)
		*why = "no end record, or one of another size";
	if (*why != NULL) {
		errno = EBADMSG;
		return -1;
	}
	e->content_size = at - e->content_at;
	return 0;
}

/*
 * The first read most often brings the whole of a small file: its end record says so, and its size need not
 * be asked for.
 */
static bool
is_whole(int fd, struct buf *in, struct message_envelope *e)
{
	const char *why;
	char *to = buf_room(in, FIRST_READ);
	ssize_t n = to != NULL ? pread(fd, to, FIRST_READ, 0) : -1;

	if (n <= 0)
		return false;
	in->len = (size_t)n;
	if (n == FIRST_READ)
		return false;
	if (message_envelope_parse(e, buf_text(in), in->len, &why) == 1 &&
	    check_end_record(fd, n, in, e, &why) == 0)
		return true;
	message_envelope_done(e);
	return false;
}

/* The rest of it, whatever it is. */
static int
load_rest(int fd, struct buf *in, struct message_envelope *e, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		*why = "not a regular file";
		errno = EBADMSG;
		return -1;
	}
	return read_envelope(fd, st.st_size, in, e, why) == 1 ?
	    check_end_record(fd, st.st_size, in, e, why) : -1;
}

/* `whole` as spool_load_small says. */
static int
load_open(int fd, struct message_envelope *e, struct buf *whole, const char **why)
{
	struct buf in = BUF_INIT(MESSAGE_ENVELOPE_MAX);
	bool small = is_whole(fd, &in, e);
	int rc = small ? 0 : load_rest(fd, &in, e, why), saved = errno;

	if (small && whole != NULL)
		*whole = in;
	else
		buf_done(&in);
	errno = saved;
	return rc;
}

/* `whole` as spool_load_small says. */
static int
load_file(int fd, const char *id, struct message_envelope *e, struct buf *whole, const char **why)
{
	int saved;

	*e = (struct message_envelope){ 0 };
	*why = "cannot be read";
	if (load_open(fd, e, whole, why) == -1) {
		saved = errno;
		message_envelope_done(e);
		errno = saved;
		return -1;
	}
	memcpy(e->id, id, MESSAGE_ID_SIZE);
	return 0;
}

int
spool_load_open(int fd, const char *id, struct message_envelope *e, struct buf *whole, const char **why)
{
	return load_file(fd, id, e, whole, why);
}

int
spool_load(struct spool *s, const char *id, struct message_envelope *e, int *fd, const char **why)
{
	return spool_load_small(s, id, e, fd, NULL, why);
}

ssize_t
spool_read_content(const struct message_envelope *e, int fd, const char *content, char *piece, size_t want,
    off_t at)
{
	if (content == NULL)
		return disk_pread(fd, piece, want, e->content_at + at);
	memcpy(piece, content + at, want);
	return (ssize_t)want;
}

int
spool_load_small(struct spool *s, const char *id, struct message_envelope *e, int *fd,
    struct buf *whole, const char **why)
{
	char name[SPOOL_NAME_SIZE];

	*e = (struct message_envelope){ 0 };
	*why = "cannot be read";
	*fd = -1;
	spool_name_message(name, id);
	*fd = openat(s->queue, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd == -1 && (errno == ELOOP || errno == EISDIR)) {
		*why = "not a regular file";
		errno = EBADMSG;
	}
	if (*fd == -1)
		return -1;
	if (load_file(*fd, id, e, whole, why) == -1) {
		int saved = errno;

		close(*fd);
		*fd = -1;
		errno = saved;
		return -1;
	}
	return 0;
}

/* --- marks, due time, note, removal --- */

int
spool_mark(int fd, const struct message_envelope *e, size_t index, char mark)
{
	if (index >= e->nrcpt)
		bug("spool: mark %zu of %zu", index, e->nrcpt);
	return disk_pwrite(fd, &mark, 1, e->marks_at + (off_t)index);
}

int
spool_sync(int fd)
{
	return disk_sync(fd);
}

int
spool_set_due(struct spool *s, const char *id, int64_t due)
{
	char name[SPOOL_NAME_SIZE];
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)due } };

	spool_name_message(name, id);
	return utimensat(s->queue, name, ts, AT_SYMLINK_NOFOLLOW);
}

/* --- held by an operator --- */

int
spool_hold(struct spool *s, const char *id, bool held)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	mode_t mode;
	int rc;

	spool_name_message(name, id);
	if (!spool_folder_is_ours(s))
		return -1;
	if (fstatat(s->queue, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	mode = held ? st.st_mode | SPOOL_HELD : st.st_mode & ~(mode_t)SPOOL_HELD;
	rc = S_ISREG(st.st_mode) && mode != st.st_mode ? fchmodat(s->queue, name, mode & 07777, 0) : 0;
	disk_crash_point("hold-marked");
	return rc;
}

int
spool_hold_sync(struct spool *s, const char *id)
{
	char name[SPOOL_NAME_SIZE];
	int rc, fd;

	spool_name_message(name, id);
	fd = openat(s->queue, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = disk_sync_whole(fd);
	disk_close(fd);
	disk_crash_point("hold-synced");
	return rc;
}

int
spool_note_add(struct spool *s, const char *id, const char *text, bool sync)
{
	char name[SPOOL_NAME_SIZE];
	int rc, fd;

	if (!spool_folder_is_ours(s))
		return -1;
	spool_name_note(name, id);
	fd = openat(s->queue, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	rc = disk_write(fd, text, strlen(text));
	if (rc == 0 && sync)
		rc = disk_sync(fd);
	if (rc == 0 && sync) /* the name of the note */
		rc = spool_bucket_sync_name(s, id);
	disk_close(fd);
	disk_crash_point("note-added");
	return rc;
}

int
spool_note_read(struct spool *s, const char *id, struct buf *out)
{
	char name[SPOOL_NAME_SIZE], *to;
	struct stat st;
	int saved, rc, fd;
	ssize_t n;

	spool_name_note(name, id);
	fd = openat(s->queue, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	rc = fstat(fd, &st);
	to = rc == 0 ? buf_room(out, (size_t)st.st_size) : NULL;
	n = to != NULL ? disk_pread(fd, to, (size_t)st.st_size, 0) : -1;
	if (n > 0) {
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
	saved = to == NULL && rc == 0 ? EFBIG : errno;
	close(fd);
	errno = saved;
	return n == -1 ? -1 : 1;
}

int
spool_remove(struct spool *s, const char *id)
{
	char name[SPOOL_NAME_SIZE];
	int rc;

	spool_name_message(name, id);
	disk_crash_point("remove-before");
	rc = unlinkat(s->queue, name, 0);
	return rc == -1 && errno != ENOENT ? -1 : 0;
}

int
spool_remove_note(struct spool *s, const char *id)
{
	char name[SPOOL_NAME_SIZE];
	int rc;

	spool_name_note(name, id);
	rc = unlinkat(s->queue, name, 0);
	return rc == -1 && errno != ENOENT ? -1 : 0;
}
