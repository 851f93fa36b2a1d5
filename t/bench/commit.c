/*
 * commit FOLDER WRITERS FILES SIZE - durable files a second, written as Postern commits messages
 *
 * Groups of WRITERS messages of SIZE bytes go into a queue of their own and out of it again by common/spool, one
 * group after the other: what a server with so many sessions could commit if it did nothing else. Prints files a
 * second, and milliseconds of CPU a file.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "common/spool/spool.h"

#define WRITERS_MOST 64

static double
seconds_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
write_group(struct spool *s, size_t n, const char *content, size_t size)
{
	struct message_envelope e = { .sender = mem_strdup("a@sender.example"),
	    .client = mem_strdup("192.0.2.1") };
	struct spool_draft *drafts[WRITERS_MOST];

	message_envelope_add(&e, "x@relay.example");
	for (size_t i = 0; i < n; i++) {
		drafts[i] = spool_draft_new(s, &e);
		if (drafts[i] == NULL || spool_draft_end(drafts[i], content, size) == -1)
			err(1, "a draft");
	}
	spool_draft_commit(drafts, n);
	for (size_t i = 0; i < n; i++) {
		if (spool_draft_error(drafts[i]) != 0)
			errx(1, "commit: %s", strerror(spool_draft_error(drafts[i])));
		if (spool_remove(s, spool_draft_id(drafts[i])) == -1)
			err(1, "remove");
		spool_draft_free(drafts[i]);
	}
	message_envelope_done(&e);
}

int
main(int argc, char **argv)
{
	size_t writers, files, size, done = 0;
	struct spool_paths paths = { 0 };
	struct spool *s;
	double begin, cpu;
	char *content;

	if (argc != 5)
		errx(1, "usage: commit FOLDER WRITERS FILES SIZE");
	paths.queue = argv[1];
	writers = strtoul(argv[2], NULL, 10);
	files = strtoul(argv[3], NULL, 10);
	size = strtoul(argv[4], NULL, 10);
	if (writers < 1 || writers > WRITERS_MOST || files < 1)
		errx(1, "1 to %d writers", WRITERS_MOST);
	content = mem_zalloc(size + 1);
	memset(content, 'x', size);
	s = spool_new(&paths);
	write_group(s, 1, content, size);	/* makes the folders */
	begin = seconds_of(CLOCK_MONOTONIC);
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	while (done < files) {
		write_group(s, writers, content, size);
		done += writers;
	}
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%.1f %.4f\n", (double)done / (seconds_of(CLOCK_MONOTONIC) - begin), 1000 * cpu / (double)done);
	spool_close(s);
	free(content);
	return 0;
}
