/* trace_file - lines of files that are packed, hostile or broken, whole and from the place where a page ended */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/trace/trace_file.h"
#include "t/unit/check_main.h"

#define LONG (4U << 20)		/* bytes of a line without end; a call may unpack some blocks at the most */
#define PIECE_MAX (128U << 10)

static int
make_file(const void *data, size_t len, bool packed)
{
	char path[] = "/tmp/trace-file-XXXXXX";
	int fd = mkstemp(path);
	gzFile out;

	ck_assert(fd != -1);
	out = gzopen(path, packed ? "wb" : "wbT");
	ck_assert(out != NULL && gzwrite(out, data, (unsigned)len) == (int)len && gzclose(out) == Z_OK);
	ck_assert(unlink(path) == 0);
	return fd;
}

/* The lines that are not empty, each with '|' behind it; begun anew after each call when `anew`. */
static void
read_all(char *dst, size_t size, int fd, bool anew)
{
	struct trace_file *f = trace_file_open(dup(fd), 0);
	int64_t at = 0;
	const char *line;
	size_t len = 0;

	while ((line = trace_file_next(f)) != NULL) {
		ck_assert(trace_file_at(f) >= at && trace_file_at(f) - at <= (int64_t)PIECE_MAX);
		at = trace_file_at(f);
		if (*line != '\0')
			len += (size_t)snprintf(dst + len, size - len, "%.20s|", line);
		if (anew) {
			trace_file_close(f);
			ck_assert(lseek(fd, 0, SEEK_SET) == 0);
			f = trace_file_open(dup(fd), at);
		}
	}
	ck_assert_ptr_null(trace_file_fault(f));
	trace_file_close(f);
	ck_assert(lseek(fd, 0, SEEK_SET) == 0);
}

static const struct { const char *data; size_t len; const char *lines; } rows[] = {
#define ROW(data, lines) { data, sizeof(data) - 1, lines }
	ROW("one\ntwo\n", "one|two|"), ROW("one\ntwo", "one|two|"), ROW("\n\none\n\n", "one|"), ROW("", ""),
	/* power failed, and the log was gone on with */
	ROW("one\n\0\0\0\0two\nthree\n", "one|two|three|"), ROW("one\nha\0two\n", "one|ha|two|"), ROW("\0", ""),
};

START_TEST(lines)
{
	char got[100];

	for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t row = i / 4;
		int fd = make_file(rows[row].data, rows[row].len, (i & 1) != 0);

		got[0] = '\0';
		read_all(got, sizeof(got), fd, (i & 2) != 0);
		ck_assert_str_eq(got, rows[row].lines);
		close(fd);
	}
}
END_TEST

/* A line without end is cut, costs no more a call than others, and its rest is no line. */
START_TEST(endless)
{
	static const char fillings[] = { 'x', '\0' };
	char *data = malloc(LONG), got[100];

	ck_assert(data != NULL);
	for (size_t i = 0; i < 4 * sizeof(fillings); i++) {
		char filling = fillings[i / 4];
		int fd;

		memset(data, filling, LONG);
		memcpy(data, "one\n", 4);
		memcpy(data + LONG - 5, "\ntwo\n", 5);
		fd = make_file(data, LONG, (i & 1) != 0);
		got[0] = '\0';
		read_all(got, sizeof(got), fd, (i & 2) != 0);
		ck_assert_str_eq(got, filling == 'x' ? "one|xxxxxxxxxxxxxxxxxxxx|two|" : "one|two|");
		close(fd);
	}
	free(data);
}
END_TEST

START_TEST(broken)
{
	int fd = make_file("one\ntwo\n", 8, true);
	struct trace_file *f;

	ck_assert(ftruncate(fd, 24) == 0);
	f = trace_file_open(dup(fd), 0);
	while (trace_file_next(f) != NULL)
		continue;
	ck_assert_ptr_nonnull(trace_file_fault(f));
	trace_file_close(f);
	close(fd);
	/* cut short since the page before */
	fd = make_file("one\n", 4, false);
	f = trace_file_open(fd, 100);
	ck_assert_ptr_null(trace_file_next(f));
	ck_assert_ptr_nonnull(trace_file_fault(f));
	trace_file_close(f);
}
END_TEST

UNIT_MAIN("trace_file", lines, endless, broken)
