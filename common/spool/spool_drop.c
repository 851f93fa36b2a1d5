/*
 * spool_drop - drop files: complete when they become visible
 *
 * Runs in:  posternctl, deliver, pickup; on pool threads
 * Owns:     drop/.*.part until its rename
 * Promise:  error 0: the file is whole, visible, and on disk with its name; it is the one that was written,
 *           although others may write to the folder. A file that is there is never replaced
 * Fails by: spool_drop.error; then nothing is visible
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

#define HEAD_MAX (64U << 20)
#define NAMES_TRIED 100

struct part {
	int fd;			/* -1: it was not written */
	char name[SPOOL_NAME_SIZE];
};

void
spool_drop_name(char *dst, const struct spool_drop *d)
{
	snprintf(dst, SPOOL_NAME_SIZE, "%s-%u.eml", d->other[0] != '\0' ? d->other : d->id, d->part);
}

/* x- lines, our Received, Return-Path; `used` bytes of content are in it. */
static void
format_head(const struct spool_drop *d, const char *content, size_t len, struct buf *head, size_t *used)
{
	struct header_field f;
	size_t pos = 0;

	buf_printf(head, "x-sender: %s\r\n", d->e->sender);
	for (size_t i = 0; i < d->count; i++)
		buf_printf(head, "x-receiver: %s\r\n", d->e->rcpt[d->index[i]].address);
	*used = header_next(content, len, &pos, &f) == 1 && header_is(&f, "Received") ? f.size : 0;
	buf_add(head, content, *used);
	buf_printf(head, "Return-Path: <%s>\r\n", d->return_path);
}

/* The head, and after it all of `content` but what is in the head. */
static int
write_head(const struct spool_drop *d, const char *content, size_t len, int fd)
{
	struct buf head = BUF_INIT(HEAD_MAX);
	struct iovec iov[2];
	size_t used = 0;
	int rc, saved;

	format_head(d, content, len < SPOOL_COPY ? len : SPOOL_COPY, &head, &used);
	iov[0] = (struct iovec){ .iov_base = head.data, .iov_len = head.len };
	iov[1] = (struct iovec){ .iov_base = mem_unconst(content + used), .iov_len = len - used };
	errno = ENOMEM;
	rc = buf_ok(&head) ? disk_writev(fd, iov, 2) : -1;
	saved = errno;
	buf_done(&head);
	errno = saved;
	return rc;
}

/* The head and the first piece in one write, the rest by copying. */
static int
copy_file(const struct spool_drop *d, int fd)
{
	size_t first = d->e->content_size < (off_t)SPOOL_COPY ? (size_t)d->e->content_size : SPOOL_COPY;
	char *piece = mem_zalloc(first + 1);
	int rc = -1;
	ssize_t n = disk_pread(d->source_fd, piece, first, d->e->content_at);
	int saved;

	if (n >= 0 && (size_t)n < first)
		errno = EBADMSG;
	if (n == (ssize_t)first)
		rc = write_head(d, piece, first, fd);
	if (rc == 0 && (off_t)first < d->e->content_size)
		rc = spool_copy(d->source_fd, d->e->content_at + (off_t)first,
		    d->e->content_size - (off_t)first, fd);
	saved = errno;
	free(piece);
	errno = saved;
	return rc;
}

static int
write_file(const struct spool_drop *d, int fd)
{
	return d->content != NULL ? write_head(d, d->content, (size_t)d->e->content_size, fd) :
	    copy_file(d, fd);
}

/*
 * Those who fetch the files may write to the folder: a name that they knew could be there already, as a pipe
 * that nobody reads or as a file that stays theirs. `tag` NULL: of the owner of the queue.
 */
static int
open_part(int folder, const char *tag, char name[SPOOL_NAME_SIZE])
{
	int fd = -1;

	for (int turn = 0; turn < NAMES_TRIED && fd == -1; turn++) {
		char id[MESSAGE_ID_SIZE];

		message_id_make(id, (int64_t)chance_u32(), chance_u32());
		snprintf(name, SPOOL_NAME_SIZE, ".%s%s%s.part", tag != NULL ? tag : "",
		    tag != NULL ? "." : "", id + MESSAGE_ID_LEN - SPOOL_TAG_LEN);
		fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (fd == -1 && errno != EEXIST)
			return -1;
	}
	return fd;
}

/* Whether `name` is another file than ours by now. When it is gone, somebody has fetched it already. */
static bool
is_replaced(int folder, const char *name, int fd)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (mine.st_dev != named.st_dev || mine.st_ino != named.st_ino);
}

/* The descriptor of the written file, or -1 with d->error set and nothing left. */
static int
write_drop_part(struct spool *s, struct spool_drop *d, char name[SPOOL_NAME_SIZE])
{
	const char *tag = d->straight ? spool_draft_tag(s) : NULL;
	int fd, folder;

	d->error = 0;
	d->other[0] = '\0';
	folder = d->straight && tag == NULL ? -1 : spool_folder_open(s, SPOOL_DROP);
	fd = folder == -1 ? -1 : open_part(folder, tag, name);
	if (fd == -1) {
		d->error = errno;
		return -1;
	}
	if (write_file(d, fd) == 0)
		return fd;
	d->error = errno;
	close(fd);
	unlinkat(s->drop, name, 0);
	return -1;
}

/*
 * To a name that nothing has, else EEXIST. Without RENAME_NOREPLACE (NFS) the file has two names for a
 * moment; without hard links, too, only the owner of the queue is left that could give the name.
 */
static int
place_part(struct spool *s, const struct spool_drop *d, const char *from, const char *to)
{
	struct stat st;

	if (renameat2(s->drop, from, s->drop, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (d->straight) {	/* once and for all */
		atomic_store(&s->replaces, true);
		return -1;
	}
	if (linkat(s->drop, from, s->drop, to, 0) == 0) {
		unlinkat(s->drop, from, 0);
		return 0;
	}
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	if (fstatat(s->drop, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(s->drop, from, s->drop, to) : -1;
}

/* The name has the file that `fd` is, written before: it is ours, has the same bytes, and is on disk now. */
static bool
is_there(const struct spool *s, const char *name, int fd)
{
	int there = openat(s->drop, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat old, new;
	bool is;

	if (there == -1)
		return false;
	is = fstat(there, &old) == 0 && fstat(fd, &new) == 0 && S_ISREG(old.st_mode) &&
	    old.st_uid == new.st_uid && old.st_size == new.st_size &&
	    spool_same_bytes(there, fd, old.st_size) && disk_sync(there) == 0;
	close(there);
	return is;
}

/*
 * What has the name may be another message: ids are told to clients, and whoever has taken a listener over
 * can send one under an id of before. 0 placed; 1 it is there already; -1 and errno. `to` is the name.
 */
static int
place_beside(struct spool *s, struct spool_drop *d, int fd, const char *from, char to[SPOOL_NAME_SIZE])
{
	for (unsigned turn = 0; turn < NAMES_TRIED; turn++) {
		spool_drop_name(to, d);
		if (place_part(s, d, from, to) == 0)
			return 0;
		if (errno != EEXIST || d->straight)
			return -1;
		if (is_there(s, to, fd))
			return 1;
		spool_fresh_id(d->other);
	}
	return -1;
}

static void
finish_part(struct spool *s, struct spool_drop *d, int fd, const char *from)
{
	char to[SPOOL_NAME_SIZE];
	int placed = spool_commit_file(s, SPOOL_DROP, fd) == -1 ? -1 : place_beside(s, d, fd, from, to);

	if (placed == -1)
		d->error = errno;
	if (placed != 0) {
		unlinkat(s->drop, from, 0);
	} else if (is_replaced(s->drop, to, fd)) {
		/*
		 * A file of others took its place: the message is tried again. That file goes, for nothing
		 * else replaces it; who could put it there could remove any other, too.
		 */
		d->error = ESTALE;
		unlinkat(s->drop, to, 0);
	}
	close(fd);
	disk_crash_point("drop-placed");
}

void
spool_drop_write(struct spool *s, struct spool_drop **drops, size_t n)
{
	struct part *part = mem_array(NULL, n, sizeof(*part));
	bool any = false;
	int error;

	for (size_t i = 0; i < n; i++)
		if ((part[i].fd = write_drop_part(s, drops[i], part[i].name)) != -1 && n > 1)
			disk_start(part[i].fd);
	disk_crash_point("drop-written");
	error = spool_folder_is_ours(s) ? 0 : errno;
	for (size_t i = 0; i < n; i++)
		if (part[i].fd != -1 && error != 0) {
			drops[i]->error = error;
			unlinkat(s->drop, part[i].name, 0);
			close(part[i].fd);
		} else if (part[i].fd != -1) {
			finish_part(s, drops[i], part[i].fd, part[i].name);
			any = true;
		}
	free(part);
	/* the last look is before 250 is said, or a mark is made */
	if (!any || (disk_sync_folder(s->drop) == 0 && spool_folder_is_ours(s)))
		return;
	for (size_t i = 0; i < n; i++)
		if (drops[i]->error == 0)
			drops[i]->error = errno;
}

int64_t
spool_drop_size(struct spool *s)
{
	int fd = openat(spool_folder_open(s, SPOOL_DROP), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	int64_t sum;
	struct dirent *de;
	struct stat st;

	if (dir == NULL)
		return -1;
	sum = 0;
	while ((de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.' && fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			sum += st.st_size;
	closedir(dir);
	return sum;
}

bool
spool_drop_follow(struct spool *s)
{
	struct stat have, now, queue;
	int folder = spool_folder_open(s, SPOOL_DROP);

	if (s->path[SPOOL_DROP] == NULL || fstatat(AT_FDCWD, s->path[SPOOL_DROP], &now, 0) == -1)
		return false;
	if ((folder == -1 || fstat(folder, &have) == -1 || have.st_dev != now.st_dev ||
	    have.st_ino != now.st_ino) && spool_folder_check(s, SPOOL_DROP) == -1)
		return false;
	return fstat(s->queue, &queue) == 0 && queue.st_dev == now.st_dev;
}

/* Whether `name` is that of a part, and whose: *tag is "" of one of the owner of the queue. */
static bool
is_part(const char *name, char tag[SPOOL_TAG_LEN + 1])
{
	size_t len = strlen(name);
	bool tagged = len == SPOOL_TAG_LEN * 2 + 7 && name[SPOOL_TAG_LEN + 1] == '.';

	if (name[0] != '.' || len <= 5 || strcmp(name + len - 5, ".part") != 0)
		return false;
	snprintf(tag, SPOOL_TAG_LEN + 1, "%.*s", tagged ? SPOOL_TAG_LEN : 0, name + 1);
	return true;
}

/* Removes the parts of process `of`; NULL: all whose process has gone, and those of the queue's owner. */
static void
sweep_parts(struct spool *s, const char *of)
{
	int fd = openat(spool_folder_open(s, SPOOL_DROP), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	char tag[SPOOL_TAG_LEN + 1];
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (is_part(de->d_name, tag) && (of != NULL ? strncmp(tag, of, SPOOL_TAG_LEN) == 0 :
		    *tag == '\0' || spool_draft_tag_is_dead(s, tag)))
			unlinkat(fd, de->d_name, 0);
	closedir(dir);
}

void
spool_drop_sweep(struct spool *s)
{
	sweep_parts(s, NULL);
}

void
spool_drop_sweep_tag(struct spool *s, const char *tag)
{
	sweep_parts(s, tag);
}
