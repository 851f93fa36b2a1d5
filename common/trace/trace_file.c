/*
 * trace_file - the lines of one file of the event log, packed or not
 *
 * Runs in:  posternctl, deliver; there on pool threads
 * Owns:     the descriptor
 * Promise:  each line once, whatever bytes it has; what is behind a broken place of a packed file is left out
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

struct trace_file {
	gzFile in;		/* also reads what is not packed */
	int64_t at;
	const char *fault;
	char line[TRACE_FILE_LINE_MAX];
};

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
	} else if (at > 0 && gzseek(f->in, (z_off_t)at, SEEK_SET) == -1) {
		f->fault = "it has changed meanwhile";
	}
	return f;
}

/* The rest of a line that is too long. False: the end. */
static bool
skip_line(struct trace_file *f)
{
	char rest[1024];

	while (gzgets(f->in, rest, sizeof(rest)) != NULL) {
		size_t len = strlen(rest);

		f->at = gztell(f->in);
		if (len > 0 && rest[len - 1] == '\n')
			return true;
	}
	return false;
}

char *
trace_file_next(struct trace_file *f)
{
	size_t len;
	int error = Z_OK;

	if (f->fault != NULL)
		return NULL;
	if (gzgets(f->in, f->line, sizeof(f->line)) == NULL) {
		(void)gzerror(f->in, &error);
		if (error != Z_OK && error != Z_STREAM_END)
			f->fault = error == Z_ERRNO ? strerror(errno) : "it is damaged";
		return NULL;
	}
	f->at = gztell(f->in);
	len = strlen(f->line);
	if (len > 0 && f->line[len - 1] == '\n')
		f->line[len - 1] = '\0';
	else if (len == sizeof(f->line) - 1)
		(void)skip_line(f);
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
