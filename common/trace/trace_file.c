/*
 * trace_file - the lines of one file of the event log, packed or not
 *
 * Runs in:  posternctl, deliver; there on pool threads
 * Owns:     the descriptor
 * Promise:  each line once, whatever bytes it has; what is behind a broken place of a packed file is left
 *           out. A call unpacks at most BLOCK bytes more than one line has, also of a line without end
 * Fails by: NULL, and a fault
 */
#include "common/trace/trace_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/base/mem.h"

#define BLOCK (64U << 10)

struct trace_file {
	gzFile in;		/* also reads what is not packed */
	int64_t at;		/* of block[used] */
	const char *fault;
	bool skips;		/* the rest of a line that was cut */
	size_t used, have;
	char block[BLOCK];
	char line[TRACE_FILE_LINE_MAX];
};

/* False: there is no more; a fault is noted. */
static bool
fill(struct trace_file *f)
{
	int error = Z_OK, n = gzread(f->in, f->block, sizeof(f->block));

	f->used = 0;
	f->have = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return true;
	(void)gzerror(f->in, &error);
	if (error != Z_OK && error != Z_STREAM_END)
		f->fault = error == Z_ERRNO ? strerror(errno) : "it is damaged";
	return false;
}

/* A NUL ends a line, too: after a loss of power they stand where a line was, in front of the next one. */
static bool
is_end(char c)
{
	return c == '\n' || c == '\0';
}

/* Where an earlier page ended. In the midst of a line that was cut, its rest is no line of its own. */
static void
go_on(struct trace_file *f)
{
	char before;

	if (f->at > 0 &&
	    (gzseek(f->in, (z_off_t)f->at - 1, SEEK_SET) == -1 || gzread(f->in, &before, 1) != 1))
		f->fault = "it has changed meanwhile";
	else if (f->at > 0)
		f->skips = !is_end(before);
}

struct trace_file *
trace_file_open(int fd, int64_t at)
{
	struct trace_file *f = mem_new(struct trace_file);

	f->at = at;
	f->in = gzdopen(fd, "rb");
	if (f->in == NULL) {
		f->fault = "no memory to read it";
		close(fd);
	} else if (gzdirect(f->in) == -1) {	/* looks whether it is packed, so that a seek reads nothing */
		f->fault = "it cannot be read";
	} else {
		go_on(f);
	}
	return f;
}

static void
use(struct trace_file *f, size_t n)
{
	f->used += n;
	f->at += (int64_t)n;
}

/* What is no text of a line: the rest of one that was cut, and NULs. False: the block has nothing else. */
static bool
skip(struct trace_file *f)
{
	size_t n = f->used;

	while (n < f->have && f->skips) {
		f->skips = !is_end(f->block[n]);
		n++;
	}
	while (n < f->have && f->block[n] == '\0')
		n++;
	use(f, n - f->used);
	return n < f->have;
}

/* Adds to the line, of which there are `len` bytes. True: it is complete, or full. */
static bool
take(struct trace_file *f, size_t *len)
{
	while (f->used < f->have && *len < sizeof(f->line) - 1) {
		char c = f->block[f->used];

		use(f, 1);
		if (is_end(c))
			return true;
		f->line[(*len)++] = c;
	}
	f->skips = *len == sizeof(f->line) - 1;
	return f->skips;
}

char *
trace_file_next(struct trace_file *f)
{
	size_t len = 0;
	bool whole = false;

	if (f->fault != NULL || (f->used == f->have && !fill(f)))
		return NULL;
	if (skip(f)) {
		whole = take(f, &len);
		while (!whole && fill(f))
			whole = take(f, &len);
	}
	f->line[len] = '\0';
	return f->line;
}

int64_t
trace_file_at(const struct trace_file *f)
{
	return f->at;
}

const char *
trace_file_fault(const struct trace_file *f)
{
	return f->fault;
}

void
trace_file_close(struct trace_file *f)
{
	if (f == NULL)
		return;
	if (f->in != NULL)
		(void)gzclose(f->in);
	free(f);
}
