/*
 * trace_files - where the event log lies: its files, with those that were rotated or packed
 *
 * Runs in:  posternctl, master
 * Owns:     the list
 * Promise:  regular files alone, in the order in which they were written
 * Fails by: an empty list
 */
#include "common/trace/trace_files.h"

#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/mem.h"

static int
by_age(const void *a, const void *b)
{
	const struct trace_files_one *x = a, *y = b;

	if (x->written.tv_sec != y->written.tv_sec)
		return x->written.tv_sec < y->written.tv_sec ? -1 : 1;
	return x->written.tv_nsec < y->written.tv_nsec ? -1 : x->written.tv_nsec > y->written.tv_nsec;
}

/* A link is none of the rotated ones, whoever has put it there: the service would not open it. */
static void
add(struct trace_files *t, const char *path, bool rotated)
{
	struct stat st;

	if ((rotated ? lstat(path, &st) : stat(path, &st)) == -1 || !S_ISREG(st.st_mode))
		return;
	t->one = mem_grow(t->one, t->count, sizeof(*t->one));
	t->one[t->count++] = (struct trace_files_one){ mem_strdup(path), st.st_ino, st.st_mtim };
}

void
trace_files_find(struct trace_files *t, const char *path)
{
	const char *const endings[] = { "", ".[0-9]*", "-[0-9]*" };

	*t = (struct trace_files){ .count = 0 };
	for (size_t i = 0; i < nitems_of(endings); i++) {
		char *pattern = mem_printf("%s%s", path, endings[i]);
		glob_t found = { 0 };

		if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				add(t, found.gl_pathv[k], i > 0);
		globfree(&found);
		free(pattern);
	}
	if (t->count > 0)
		qsort(t->one, t->count, sizeof(*t->one), by_age);
}

void
trace_files_done(struct trace_files *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->one[i].path);
	free(t->one);
	*t = (struct trace_files){ .count = 0 };
}
