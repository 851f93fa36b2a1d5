/*
 * trace_log - the lines of the event log, oldest first, wherever they are kept
 *
 * Runs in:  posternctl
 * Owns:     the open file, or the program that prints the journal
 * Promise:  a file that was rotated or packed is read as well; no shell sees a name. What takes longer than a
 *           second says on a terminal how far it is
 * Fails by: a line on the standard error output; what cannot be read is left out
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/trace/trace_file.h"
#include "common/trace/trace_files.h"
#include "master/posternctl/events/events.h"

#define TELL_LINES 4096U
#define TELL_MS 1000U

struct trace_log {
	struct trace_files files;	/* none: the journal of systemd */
	size_t at, count;
	struct trace_file *in;
	pid_t program;			/* that writes into `in`; 0 none */
	bool refused;			/* a part of it, to this user */
	bool again;			/* it was read before: what is wrong was said */
	bool terminal;			/* the standard error output is one: who waits is told */
	unsigned long lines;		/* read so far, over all files */
	uint64_t begun_ms, told_ms;	/* told_ms 0: nothing stands there */
};

static void
say_fault(struct trace_log *t, const char *name, int error)
{
	if (error == EACCES || error == EPERM)
		t->refused = true;
	if (!t->again)
		fprintf(stderr, "posternctl: %s: %s\n", name, strerror(error));
}

/* The journal shows a user what that one may see, and is silent about the rest. */
static void
judge_journal(struct trace_log *t)
{
	static const char *const places[] = { "/var/log/journal/*/system.journal",
		"/run/log/journal/*/system.journal" };

	for (size_t i = 0; i < nitems_of(places); i++) {
		glob_t found = { 0 };

		if (glob(places[i], GLOB_NOSORT, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				if (access(found.gl_pathv[k], R_OK) == -1)
					say_fault(t, found.gl_pathv[k], errno);
		globfree(&found);
	}
}

const char *
trace_log_unkept(const struct config_service *s)
{
	switch (config_service_log_sink(s, false)) {
	case LOG_TO_STDERR:
		return "its standard error output";
	case LOG_TO_JSON:
		return "its standard output, as JSON";
	default:
		return NULL;
	}
}

struct trace_log *
trace_log_open(const struct config_service *s)
{
	struct trace_log *t = mem_new(struct trace_log);
	bool own = config_service_log_sink(s, false) == LOG_TO_FILE;
	const char *path = own ? s->events : TRACE_FILES_SYSLOG;

	trace_files_find(&t->files, path);
	t->count = t->files.count > 0 || own ? t->files.count : 1;
	/* in a folder that may not be entered nothing is found */
	if (t->files.count == 0 && access(path, R_OK) == -1 && errno == EACCES)
		say_fault(t, path, errno);
	else if (t->files.count == 0 && !own)
		judge_journal(t);
	t->terminal = isatty(STDERR_FILENO) == 1;
	t->begun_ms = clock_mono_ms();
	return t;
}

/* The standard output of the program that prints the journal; -1 and errno. */
static int
print_journal(struct trace_log *t)
{
	static const char *const argv[] = { "journalctl", "--facility=mail", "--quiet", "--no-pager",
	    "--output=short-iso-precise", NULL };
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) == -1)
		return -1;
	t->program = fork();
	if (t->program == 0) {
		dup2(pair[1], STDOUT_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pair[1]);
	if (t->program != -1)
		return pair[0];
	t->program = 0;
	close(pair[0]);
	return -1;
}

static const char *
name_of(const struct trace_log *t, size_t i)
{
	return i < t->files.count ? t->files.one[i].path : "journalctl";
}

static bool
open_next(struct trace_log *t)
{
	size_t i = t->at++;
	int fd = i < t->files.count ? open(t->files.one[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY) :
	    print_journal(t);

	if (fd == -1)
		say_fault(t, name_of(t, i), errno);
	else
		t->in = trace_file_open(fd, 0);
	return fd != -1;
}

static void
close_file(struct trace_log *t)
{
	int status;

	if (t->in != NULL && trace_file_fault(t->in) != NULL && !t->again)
		fprintf(stderr, "posternctl: %s: %s\n", name_of(t, t->at - 1), trace_file_fault(t->in));
	trace_file_close(t->in);
	if (t->program > 0 && waitpid(t->program, &status, 0) == t->program &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 127 && !t->again)
		fprintf(stderr, "posternctl: journalctl is not installed\n");
	t->in = NULL;
	t->program = 0;
}

/* One line that is written over, and goes before anything else is shown. */
static void
tell_progress(struct trace_log *t)
{
	uint64_t now;

	if (!t->terminal || ++t->lines % TELL_LINES != 0)
		return;
	now = clock_mono_ms();
	if (now - t->begun_ms < TELL_MS || now - t->told_ms < TELL_MS)
		return;
	fprintf(stderr, "\r\033[Kreads %s: %lu lines so far", name_of(t, t->at - 1), t->lines);
	t->told_ms = now;
}

void
trace_log_quiet(struct trace_log *t)
{
	if (t->told_ms != 0)
		fputs("\r\033[K", stderr);
	t->told_ms = 0;
}

char *
trace_log_next(struct trace_log *t)
{
	char *line;

	for (; t->in != NULL || t->at < t->count; close_file(t)) {
		if (t->in == NULL && !open_next(t))
			continue;
		line = trace_file_next(t->in);
		if (line != NULL) {
			tell_progress(t);
			return line;
		}
	}
	return NULL;
}

bool
trace_log_is_refused(const struct trace_log *t)
{
	return t->refused;
}

void
trace_log_rewind(struct trace_log *t)
{
	close_file(t);
	t->at = 0;
	t->again = true;
}

void
trace_log_close(struct trace_log *t)
{
	trace_log_quiet(t);
	close_file(t);
	trace_files_done(&t->files);
	free(t);
}
