/*
 * spool_drop - drop files: complete when they become visible
 *
 * Runs in:  listener, deliver; on pool threads
 * Owns:     drop/.ID-N.part until its rename
 * Promise:  error 0: the file is whole, visible, and on disk with its name
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

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

#define HEAD_MAX (64U << 20)

static void
part_name(char *dst, const struct spool_drop *d)
{
	snprintf(dst, SPOOL_NAME_SIZE, ".%s-%u.part", d->id, d->part);
}

void
spool_drop_name(char *dst, const struct spool_drop *d)
{
	snprintf(dst, SPOOL_NAME_SIZE, "%s-%u.eml", d->id, d->part);
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

/* The head and the first piece in one write, the rest by copying. */
static int
write_file(const struct spool_drop *d, int fd)
{
	size_t first = d->e->content_size < (off_t)SPOOL_COPY ? (size_t)d->e->content_size : SPOOL_COPY;
	char *piece = mem_zalloc(first + 1);
	struct buf head = BUF_INIT(HEAD_MAX);
	size_t used = 0;
	int rc = -1;
	ssize_t n = disk_pread(d->source_fd, piece, first, d->e->content_at);
	int saved;

	if (n >= 0 && (size_t)n < first)
		errno = EBADMSG;
	if (n == (ssize_t)first) {
		struct iovec iov[2];

		format_head(d, piece, first, &head, &used);
		iov[0] = (struct iovec){ .iov_base = head.data, .iov_len = head.len };
		iov[1] = (struct iovec){ .iov_base = piece + used, .iov_len = first - used };
		errno = ENOMEM;
		rc = buf_ok(&head) ? disk_writev(fd, iov, 2) : -1;
	}
	if (rc == 0 && (off_t)first < d->e->content_size)
		rc = spool_copy(d->source_fd, d->e->content_at + (off_t)first,
		    d->e->content_size - (off_t)first, fd);
	saved = errno;
	buf_done(&head);
	free(piece);
	errno = saved;
	return rc;
}

/* The descriptor of the written file, or -1 with d->error set and nothing left. */
static int
write_drop_part(struct spool *s, struct spool_drop *d)
{
	char name[SPOOL_NAME_SIZE];
	int fd, folder;

	part_name(name, d);
	d->error = 0;
	folder = spool_folder_open(s, SPOOL_DROP);
	fd = folder == -1 ? -1 :
	    openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd == -1) {
		d->error = errno;
		return -1;
	}
	if (write_file(d, fd) == 0) {
		disk_start(fd);
		return fd;
	}
	d->error = errno;
	close(fd);
	unlinkat(s->drop, name, 0);
	return -1;
}

static void
finish_part(struct spool *s, struct spool_drop *d, int fd)
{
	char from[SPOOL_NAME_SIZE], to[SPOOL_NAME_SIZE];

	part_name(from, d);
	spool_drop_name(to, d);
	if (disk_sync(fd) == -1 || renameat(s->drop, from, s->drop, to) == -1) {
		d->error = errno;
		unlinkat(s->drop, from, 0);
	}
	close(fd);
	disk_crash_point("drop-placed");
}

void
spool_drop_write(struct spool *s, struct spool_drop **drops, size_t n)
{
	int *fd = mem_array(NULL, n, sizeof(*fd));
	bool any = false;

	for (size_t i = 0; i < n; i++)
		fd[i] = write_drop_part(s, drops[i]);
	disk_crash_point("drop-written");
	for (size_t i = 0; i < n; i++)
		if (fd[i] != -1) {
			finish_part(s, drops[i], fd[i]);
			any = true;
		}
	free(fd);
	if (!any || disk_sync_folder(s->drop) == 0)
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

void
spool_drop_sweep(struct spool *s)
{
	int fd = openat(spool_folder_open(s, SPOOL_DROP), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		size_t len = strlen(de->d_name);

		if (de->d_name[0] == '.' && len > 5 && strcmp(de->d_name + len - 5, ".part") == 0)
			unlinkat(fd, de->d_name, 0);
	}
	closedir(dir);
}
