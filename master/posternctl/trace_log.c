/*
 * trace_log - the lines of the event log, oldest first, wherever they are kept
 *
 * Runs in:  posternctl
 * Owns:     the open file, or the program that unpacks or prints it
 * Promise:  a file that was rotated or packed is read as well; no shell sees a name
 * Fails by: a line on the standard error output; what cannot be read is left out
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"

struct trace_file {
	char *path;			/* NULL: the journal of systemd */
	struct timespec written;
};

struct trace_log {
	struct trace_file *file;
	size_t files, at;
	FILE *in;
	pid_t program;			/* that writes into `in`; 0 none */
	char *line;
	size_t size;
};

static int
by_age(const void *a, const void *b)
{
	const struct trace_file *x = a, *y = b;

	if (x->written.tv_sec != y->written.tv_sec)
		return x->written.tv_sec < y->written.tv_sec ? -1 : 1;
	return x->written.tv_nsec < y->written.tv_nsec ? -1 : x->written.tv_nsec > y->written.tv_nsec;
}

/* "PATH", "PATH.1", "PATH.2.gz", "PATH-20261130". */
static void
add_files(struct trace_log *t, const char *path)
{
	const char *const endings[] = { "", ".[0-9]*", "-[0-9]*" };

	for (size_t i = 0; i < nitems_of(endings); i++) {
		char *pattern = mem_printf("%s%s", path, endings[i]);
		glob_t found = { 0 };
		struct stat st;

		if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++) {
				if (stat(found.gl_pathv[k], &st) == -1 || !S_ISREG(st.st_mode))
					continue;
				t->file = mem_grow(t->file, t->files, sizeof(*t->file));
				t->file[t->files++] = (struct trace_file){
					mem_strdup(found.gl_pathv[k]), st.st_mtim };
			}
		globfree(&found);
		free(pattern);
	}
	if (t->files > 0)
		qsort(t->file, t->files, sizeof(*t->file), by_age);
}

struct trace_log *
trace_log_open(const struct config_service *s)
{
	struct trace_log *t = mem_new(struct trace_log);

	if (config_service_log_sink(s, false) == LOG_TO_FILE) {
		add_files(t, s->events);
		return t;
	}
	add_files(t, "/var/log/mail.log");
	if (t->files == 0) {
		t->file = mem_grow(t->file, 0, sizeof(*t->file));
		t->file[t->files++] = (struct trace_file){ NULL };
	}
	return t;
}

/* The standard output of a program as a stream. */
static FILE *
run_program(struct trace_log *t, const char *const *argv)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) == -1)
		return NULL;
	t->program = fork();
	if (t->program == 0) {
		dup2(pair[1], STDOUT_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pair[1]);
	if (t->program == -1) {
		t->program = 0;
		close(pair[0]);
		return NULL;
	}
	return fdopen(pair[0], "r");
}

static FILE *
open_file(struct trace_log *t, const struct trace_file *f)
{
	const char *const journal[] = { "journalctl", "--facility=mail", "--quiet", "--no-pager",
	    "--output=short-iso-precise", NULL };
	const char *const unpacked[] = { "gzip", "-cd", "--", f->path, NULL };
	size_t len = f->path != NULL ? strlen(f->path) : 0;

	if (f->path == NULL)
		return run_program(t, journal);
	if (len > 3 && strcmp(f->path + len - 3, ".gz") == 0)
		return run_program(t, unpacked);
	return fopen(f->path, "re");
}

static void
close_file(struct trace_log *t)
{
	int status;

	if (t->in != NULL)
		fclose(t->in);
	if (t->program > 0 && waitpid(t->program, &status, 0) == t->program &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 127)
		fprintf(stderr, "posternctl: journalctl or gzip is not installed\n");
	t->in = NULL;
	t->program = 0;
}

const char *
trace_log_next(struct trace_log *t)
{
	for (; t->in != NULL || t->at < t->files; close_file(t)) {
		const struct trace_file *f = &t->file[t->in != NULL ? t->at - 1 : t->at];

		if (t->in == NULL) {
			t->at++;
			t->in = open_file(t, f);
		}
		if (t->in == NULL)
			fprintf(stderr, "posternctl: %s: %s\n", f->path != NULL ? f->path : "journalctl",
			    strerror(errno));
		else if (getline(&t->line, &t->size, t->in) != -1)
			return t->line;
	}
	return NULL;
}

void
trace_log_rewind(struct trace_log *t)
{
	close_file(t);
	t->at = 0;
}

void
trace_log_close(struct trace_log *t)
{
	close_file(t);
	for (size_t i = 0; i < t->files; i++)
		free(t->file[i].path);
	free(t->file);
	free(t->line);
	free(t);
}
