/*
 * w3clog_file - the file of the protocol log: which it is now, its header, and batches of lines at its end
 *
 * Runs in:  listener, deliver, pickup; on one pool thread at a time
 * Owns:     the open file
 * Promise:  a batch is one write with O_APPEND, so lines of several processes never mix; each file, each
 *           reopening and each change of fields begins with the header. It takes nothing of the queue's
 *           disk reserve
 * Fails by: w3clog_batch.error, with the number of lost lines
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "common/w3clog/w3clog.h"

struct w3clog_file {
	struct w3clog_format format;
	enum config_log_roll roll;
	const struct config_server *server;
	uint64_t roll_size;
	int fd;
	char open_name[W3CLOG_NAME_SIZE];
	bool header_due;
	bool torn;			/* the last line in the file is not whole */
	bool short_of_room;		/* the disk is at its reserve */
};

struct w3clog_file *
w3clog_file_new(const struct config *c, const struct config_server *s)
{
	struct w3clog_file *f;

	if (!s->log)
		return NULL;
	f = mem_new(struct w3clog_file);
	w3clog_fields_init(&f->format, c, s);
	f->roll = s->log_roll;
	f->roll_size = s->log_roll_size;
	f->server = s;
	f->fd = -1;
	return f;
}

static void
close_file(struct w3clog_file *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

static int
path_of(const struct w3clog_file *f, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", f->server->log_directory, name) < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* No device, no pipe, no second name of a file elsewhere, nothing of another user. */
static bool
is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid();
}

static int
open_log_file(struct w3clog_file *f, const char *name)
{
	char path[PATH_MAX];

	close_file(f);
	if (path_of(f, name, path) == -1)
		return -1;
	f->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
	    0640);
	if (f->fd == -1)
		return -1;
	if (!is_ours(f->fd)) {
		close_file(f);
		errno = EPERM;
		return -1;
	}
	snprintf(f->open_name, sizeof(f->open_name), "%s", name);
	f->header_due = true;
	f->torn = false;
	return 0;
}

/* The open file no longer has its name: it was moved or removed. */
static bool
is_moved(const struct w3clog_file *f)
{
	struct stat mine, named;
	char path[PATH_MAX];

	return path_of(f, f->open_name, path) == -1 || fstat(f->fd, &mine) == -1 ||
	    lstat(path, &named) == -1 || mine.st_ino != named.st_ino || mine.st_dev != named.st_dev;
}

static bool
is_full(const struct w3clog_file *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && (uint64_t)st.st_size >= f->roll_size;
}

static unsigned
highest_number(const struct w3clog_file *f)
{
	unsigned highest = 1;
	DIR *dir = opendir(f->server->log_directory);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		unsigned number = w3clog_names_parse(entry->d_name, f->format.format);

		highest = number > highest ? number : highest;
	}
	if (dir != NULL)
		closedir(dir);
	return highest;
}

/* Every process finds the same number: counting down from the highest, the first file that has room. */
static int
open_number(struct w3clog_file *f)
{
	char name[W3CLOG_NAME_SIZE];

	for (unsigned number = highest_number(f);; number++) {
		w3clog_names_number(name, f->format.format, number);
		if (open_log_file(f, name) == -1)
			return -1;
		if (!is_full(f))
			return 0;
	}
}

static int
open_right(struct w3clog_file *f, const struct w3clog_batch *b)
{
	char name[W3CLOG_NAME_SIZE] = "";
	bool numbered = f->roll == CONFIG_ROLL_SIZE;

	if (!numbered)
		w3clog_names_period(name, f->format.format, f->roll, b->time_us);
	if (f->fd != -1 && !is_moved(f) && (numbered ? !is_full(f) : strcmp(f->open_name, name) == 0))
		return 0;
	return numbered ? open_number(f) : open_log_file(f, name);
}

/* Mail comes first: the queue has the same file system, and only its reserve is left there. */
static bool
is_at_reserve(struct w3clog_file *f)
{
	const struct config_server *s = f->server;
	struct spool_room room;
	struct stat log, queue;

	if (s->disk_reserve == 0 || fstat(f->fd, &log) == -1 || stat(s->queue, &queue) == -1 ||
	    log.st_dev != queue.st_dev || spool_room_of(f->fd, &room) == -1)
		return false;
	f->short_of_room = spool_room_is_short(&room, (unsigned)s->disk_reserve, s->max_message_size,
	    f->short_of_room);
	return f->short_of_room;
}

static size_t
count_lines(const char *text, size_t len)
{
	size_t n = 0;

	for (const char *end = text + len; (text = memchr(text, '\n', (size_t)(end - text))) != NULL; text++)
		n++;
	return n;
}

/* A full disk may take a part: the rest of that line is dropped, and later lines begin on a new one. */
static void
append_batch(struct w3clog_file *f, struct w3clog_batch *b)
{
	struct buf head = BUF_INIT(4096);
	struct iovec iov[2];
	ssize_t n;

	if (f->torn)
		buf_add(&head, "\n", 1);
	if (f->header_due)
		w3clog_fields_header(&head, &f->format, clock_wall_us());
	iov[0] = (struct iovec){ head.data, head.len };
	iov[1] = (struct iovec){ b->text.data, b->text.len };
	n = writev(f->fd, iov, 2);
	if (n == (ssize_t)(head.len + b->text.len)) {
		f->header_due = f->torn = false;
	} else {
		size_t got = n > (ssize_t)head.len ? (size_t)n - head.len : 0;

		b->error = n == -1 ? errno : ENOSPC;
		b->lost = b->lines - count_lines(b->text.data, got);
		if (n > 0) {
			f->header_due = f->header_due && got == 0;
			f->torn = got == 0 || b->text.data[got - 1] != '\n';
		}
	}
	buf_done(&head);
}

/* A listener that drains after a reload may have other ones than its successor. */
static void
take_fields(struct w3clog_file *f, const struct w3clog_batch *b)
{
	if (b->format == f->format.format && b->fields == f->format.fields)
		return;
	f->format.format = b->format;
	f->format.fields = b->fields;
	close_file(f);
}

void
w3clog_file_append(struct w3clog_file *f, struct w3clog_batch *b)
{
	take_fields(f, b);
	if (b->reopen)
		close_file(f);
	if (b->text.len == 0)
		return;
	if (open_right(f, b) == -1)
		b->error = errno;
	else if (is_at_reserve(f))
		b->error = ENOSPC;
	else
		append_batch(f, b);
	if (b->error != 0 && b->lost == 0)
		b->lost = b->lines;
}

void
w3clog_file_free(struct w3clog_file *f)
{
	if (f == NULL)
		return;
	close_file(f);
	free(f);
}
