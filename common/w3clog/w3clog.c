/*
 * w3clog - the writer of the protocol log: lines gather on the loop, a pool thread appends them
 *
 * Runs in:  listener, deliver; w3clog_add on the loop, the file on one pool thread at a time
 * Owns:     the open file and the lines on their way to it
 * Promise:  no line waits longer than FLUSH_MS; a batch is one write with O_APPEND, so lines of several
 *           processes never mix; at most GATHER_MAX bytes wait; each file, and each reopening, begins with
 *           the header
 * Fails by: lost lines: counted, with one event when it begins and one when it is over
 */
#include "common/w3clog/w3clog.h"

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
#include "common/base/log.h"
#include "common/base/mem.h"

#define FLUSH_MS 500
#define BATCH_BYTES (64U << 10)
#define GATHER_MAX (2U << 20)
#define CALM_MS 5000		/* after so long without a loss the trouble is over */
#define HOUR_US INT64_C(3600000000)	/* the shortest life of a name */

struct batch {
	char name[W3CLOG_NAME_SIZE];	/* "": numbered files */
	struct buf text;
	size_t lines;
	bool reopen;
	int error;			/* out */
	size_t lost;			/* out: lines */
};

struct w3clog {
	/* for the loop */
	struct w3clog_format format;
	enum config_log_roll roll;
	const char *folder;
	uint64_t roll_size;
	struct counters *counters;
	struct pool_lane *lane;
	struct loop_timer *timer;
	struct batch *batch;		/* gathering; NULL none */
	char name[W3CLOG_NAME_SIZE];	/* of the present hour's file */
	int64_t hour_us;
	size_t waiting;			/* bytes that the pool has */
	uint64_t lost;			/* lines lost since the trouble began */
	uint64_t lost_ms;		/* time of the last one */
	bool troubled;
	/* for the pool thread */
	int fd;
	char open_name[W3CLOG_NAME_SIZE];
	bool header_due;
	bool torn;			/* the last line in the file is not whole */
};

/* --- on a pool thread --- */

static void
close_file(struct w3clog *log)
{
	if (log->fd != -1)
		close(log->fd);
	log->fd = -1;
}

static int
path_of(const struct w3clog *log, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", log->folder, name) < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

static int
open_log_file(struct w3clog *log, const char *name)
{
	char path[PATH_MAX];

	close_file(log);
	if (path_of(log, name, path) == -1)
		return -1;
	log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
	    0640);
	if (log->fd == -1)
		return -1;
	snprintf(log->open_name, sizeof(log->open_name), "%s", name);
	log->header_due = true;
	log->torn = false;
	return 0;
}

/* The open file no longer has its name: it was moved or removed. */
static bool
is_moved(const struct w3clog *log)
{
	struct stat mine, named;
	char path[PATH_MAX];

	return path_of(log, log->open_name, path) == -1 || fstat(log->fd, &mine) == -1 ||
	    lstat(path, &named) == -1 || mine.st_ino != named.st_ino || mine.st_dev != named.st_dev;
}

static bool
is_full(const struct w3clog *log)
{
	struct stat st;

	return fstat(log->fd, &st) == 0 && (uint64_t)st.st_size >= log->roll_size;
}

static unsigned
highest_number(const struct w3clog *log)
{
	unsigned highest = 1;
	DIR *dir = opendir(log->folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		unsigned number = w3clog_names_parse(entry->d_name, log->format.format);

		highest = number > highest ? number : highest;
	}
	if (dir != NULL)
		closedir(dir);
	return highest;
}

/* Every process finds the same number: counting down from the highest, the first file that has room. */
static int
open_number(struct w3clog *log)
{
	char name[W3CLOG_NAME_SIZE];

	for (unsigned number = highest_number(log);; number++) {
		w3clog_names_number(name, log->format.format, number);
		if (open_log_file(log, name) == -1)
			return -1;
		if (!is_full(log))
			return 0;
	}
}

static int
open_right(struct w3clog *log, const struct batch *b)
{
	bool numbered = b->name[0] == '\0';

	if (log->fd != -1 && !is_moved(log) &&
	    (numbered ? !is_full(log) : strcmp(log->open_name, b->name) == 0))
		return 0;
	return numbered ? open_number(log) : open_log_file(log, b->name);
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
append_batch(struct w3clog *log, struct batch *b)
{
	struct buf head = BUF_INIT(4096);
	struct iovec iov[2];
	ssize_t n;

	if (log->torn)
		buf_add(&head, "\n", 1);
	if (log->header_due)
		w3clog_fields_header(&head, &log->format, clock_wall_us());
	iov[0] = (struct iovec){ head.data, head.len };
	iov[1] = (struct iovec){ b->text.data, b->text.len };
	n = writev(log->fd, iov, 2);
	if (n == (ssize_t)(head.len + b->text.len)) {
		log->header_due = log->torn = false;
	} else {
		size_t got = n > (ssize_t)head.len ? (size_t)n - head.len : 0;

		b->error = n == -1 ? errno : ENOSPC;
		b->lost = b->lines - count_lines(b->text.data, got);
		if (n > 0) {
			log->header_due = log->header_due && got == 0;
			log->torn = got == 0 || b->text.data[got - 1] != '\n';
		}
	}
	buf_done(&head);
}

static void
run_batches(void *arg, void **jobs, size_t n)
{
	struct w3clog *log = arg;

	for (size_t i = 0; i < n; i++) {
		struct batch *b = jobs[i];

		if (b->reopen)
			close_file(log);
		if (b->text.len == 0)
			continue;
		if (open_right(log, b) == 0)
			append_batch(log, b);
		else {
			b->error = errno;
			b->lost = b->lines;
		}
	}
}

/* --- on the loop --- */

static void
lose_lines(struct w3clog *log, size_t lines, int error)
{
	log->lost += lines;
	log->lost_ms = clock_mono_ms();
	counters_add(log->counters, COUNTER_LOG_LOST, (int64_t)lines);
	if (log->troubled)
		return;
	log->troubled = true;
	log_event(LOG_FAULT, NULL, "trouble", "doing=protocol-log folder=%s reason=%s", log_safe(log->folder),
	    log_safe(error != 0 ? strerror(error) : "the disk does not keep up"));
}

static void
on_batch_written(void *arg, void *job)
{
	struct w3clog *log = arg;
	struct batch *b = job;

	log->waiting -= b->text.len;
	if (b->error != 0)
		lose_lines(log, b->lost, b->error);
	else if (log->troubled && b->text.len > 0 && clock_mono_ms() - log->lost_ms >= CALM_MS) {
		log_event(LOG_WARN, NULL, "service", "what=protocol-log-again lines-lost=%llu",
		    (unsigned long long)log->lost);
		log->troubled = false;
		log->lost = 0;
	}
	buf_done(&b->text);
	free(b);
}

static struct batch *
batch_of(struct w3clog *log)
{
	struct batch *b;

	if (log->batch != NULL)
		return log->batch;
	b = mem_new(struct batch);
	memcpy(b->name, log->name, sizeof(b->name));
	buf_init(&b->text, BATCH_BYTES + W3CLOG_LINE_MAX);
	log->batch = b;
	return b;
}

static void
submit_batch(struct w3clog *log)
{
	struct batch *b = log->batch;

	loop_timer_stop(log->timer);
	if (b == NULL)
		return;
	log->batch = NULL;
	log->waiting += b->text.len;
	pool_submit(log->lane, b);
}

static void
on_flush_timer(void *arg)
{
	submit_batch(arg);
}

struct w3clog *
w3clog_new(struct loop *l, struct pool *pool, const struct config *c, const struct config_server *s,
    struct counters *counters)
{
	struct w3clog *log;

	if (!s->log)
		return NULL;
	log = mem_new(struct w3clog);
	w3clog_fields_init(&log->format, c, s);
	log->roll = s->log_roll;
	log->roll_size = s->log_roll_size;
	log->folder = s->log_directory;
	log->counters = counters;
	log->hour_us = INT64_MIN;
	log->fd = -1;
	log->lane = pool_lane_new(pool, 1, 1, run_batches, on_batch_written, log);
	log->timer = loop_timer_new(l, on_flush_timer, log);
	return log;
}

/* Lines of another hour may belong to another file. */
static void
change_period(struct w3clog *log, int64_t time_us)
{
	int64_t hour = time_us - time_us % HOUR_US;

	if (hour == log->hour_us)
		return;
	submit_batch(log);
	log->hour_us = hour;
	if (log->roll != CONFIG_ROLL_SIZE)
		w3clog_names_period(log->name, log->format.format, log->roll, time_us);
}

void
w3clog_add(struct w3clog *log, const struct w3clog_fact *fact)
{
	struct batch *b;

	if (log == NULL)
		return;
	change_period(log, fact->time_us);
	if (log->waiting + (log->batch != NULL ? log->batch->text.len : 0) > GATHER_MAX) {
		lose_lines(log, 1, 0);
		return;
	}
	b = batch_of(log);
	w3clog_fields_line(&b->text, &log->format, fact);
	b->lines++;
	if (b->text.len >= BATCH_BYTES)
		submit_batch(log);
	else if (b->lines == 1)
		loop_timer_set(log->timer, FLUSH_MS);
}

void
w3clog_reopen(struct w3clog *log)
{
	if (log == NULL)
		return;
	submit_batch(log);
	batch_of(log)->reopen = true;
	submit_batch(log);
}

void
w3clog_end(struct w3clog *log)
{
	if (log != NULL)
		submit_batch(log);
}

void
w3clog_free(struct w3clog *log)
{
	if (log == NULL)
		return;
	close_file(log);
	loop_timer_free(log->timer);
	free(log);
}
