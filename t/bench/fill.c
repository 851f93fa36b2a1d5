/*
 * fill QUEUE COUNT DOMAINS SUFFIX ARRIVED DUE_FROM DUE_TO SIZE - writes COUNT messages into a queue that
 * no process owns yet
 *
 * For x@dN.SUFFIX, N going round below DOMAINS (DOMAINS 1: for x@SUFFIX); arrived within the last ARRIVED
 * seconds, due from DUE_FROM to DUE_TO seconds from now, with a content of SIZE bytes. By the names and
 * formats of common/mail, without any sync: for benchmarks only.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "common/spool/spool_private.h"

struct plan {
	int queue;
	unsigned long count, domains, arrived, due_from, due_to, size;
	const char *suffix;
	int64_t now;
	char *content;
	struct buf head;
};

static int
open_message(const struct plan *p, const char *id)
{
	char name[SPOOL_NAME_SIZE], bucket[SPOOL_NAME_SIZE];
	int fd;

	spool_name_message(name, id);
	fd = openat(p->queue, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 && errno == ENOENT) {
		spool_bucket_name(bucket, spool_bucket_of(id));
		if (mkdirat(p->queue, bucket, 0700) == -1 && errno != EEXIST)
			err(1, "%s", bucket);
		fd = openat(p->queue, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd == -1)
		err(1, "%s", name);
	return fd;
}

static void
write_one(struct plan *p, unsigned long i)
{
	struct message_envelope e = { .sender = mem_strdup("a@sender.example"),
	    .client = mem_strdup("192.0.2.1") };
	char to[300], end[MESSAGE_END_SIZE];
	unsigned long span = p->due_to - p->due_from;
	time_t due = (time_t)(p->now / 1000000) + (time_t)p->due_from +
	    (span > 0 ? (time_t)arc4random_uniform((uint32_t)span) : 0);

	if (p->domains > 1)
		snprintf(to, sizeof(to), "x@d%lu.%s", i % p->domains, p->suffix);
	else
		snprintf(to, sizeof(to), "x@%s", p->suffix);
	message_envelope_add(&e, to);
	message_id_make(e.id,
	    p->now - (int64_t)(p->arrived * 1e6 * (double)(p->count - i) / (double)p->count), arc4random());
	buf_clear(&p->head);
	if (message_envelope_format(&e, &p->head) == -1)
		errx(1, "no envelope for %s", to);
	message_end_format(end, p->size);
	int fd = open_message(p, e.id);
	struct iovec part[] = { { p->head.data, p->head.len }, { p->content, p->size },
	    { end, sizeof(end) } };
	struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = due } };
	if (writev(fd, part, 3) != (ssize_t)(p->head.len + p->size + sizeof(end)) ||
	    futimens(fd, times) == -1)
		err(1, "%s", e.id);
	close(fd);
	message_envelope_done(&e);
}

/* A message of that many bytes. */
static char *
make_content(unsigned long size)
{
	static const char head[] = "From: a@sender.example\r\nSubject: one of many\r\n\r\n";
	char *content;

	if (size < sizeof(head))
		errx(1, "a message has at least %zu bytes", sizeof(head));
	content = mem_zalloc(size);
	memset(content, 'x', size);
	memcpy(content, head, sizeof(head) - 1);
	for (unsigned long at = sizeof(head) + 60; at + 2 < size; at += 62)
		memcpy(content + at, "\r\n", 2);
	memcpy(content + size - 2, "\r\n", 2);
	return content;
}

int
main(int argc, char **argv)
{
	if (argc != 9)
		errx(1, "usage: fill QUEUE COUNT DOMAINS SUFFIX ARRIVED DUE_FROM DUE_TO SIZE");
	struct plan p = {
		.count = strtoul(argv[2], NULL, 10), .domains = strtoul(argv[3], NULL, 10), .suffix = argv[4],
		.arrived = strtoul(argv[5], NULL, 10), .due_from = strtoul(argv[6], NULL, 10),
		.due_to = strtoul(argv[7], NULL, 10),
		.size = strtoul(argv[8], NULL, 10), .now = clock_wall_us(), .head = BUF_INIT(1U << 16),
	};
	if (mkdir(argv[1], 0700) == -1 && errno != EEXIST)
		err(1, "%s", argv[1]);
	p.queue = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p.queue == -1)
		err(1, "%s", argv[1]);
	p.content = make_content(p.size);
	for (unsigned long i = 0; i < p.count; i++)
		write_one(&p, i);
	buf_done(&p.head);
	free(p.content);
	return 0;
}
