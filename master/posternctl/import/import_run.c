/*
 * import_run - runs postern-import, which reads the file, and takes what it says
 *
 * Runs in:  posternctl
 * Owns:     the process and its pipe until it has ended
 * Promise:  the file is opened as the user who called, and read by a process without rights; what it says is
 *           bounded
 * Fails by: NULL and an exit status; it has been printed why
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/import/import_command_line.h"
#include "master/posternctl/import/import.h"

#define ANSWER_MAX (256U << 20)
#define PROGRAM "postern-import"

/* Beside this program (a build folder), else as installed. Owned by the caller. */
static char *
find_program(void)
{
	char self[PATH_MAX], *slash, *beside;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		beside = mem_printf("%s/" PROGRAM, self);
		if (access(beside, X_OK) == 0)
			return beside;
		free(beside);
	}
	return mem_strdup(POSTERN_LIBEXECDIR "/" PROGRAM);
}

/* A regular file; -1: it has been printed why, *status. */
static int
open_input(const char *file, int *status)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd == -1) {
		*status = errno == EACCES || errno == EPERM ? EX_NOPERM : EX_NOINPUT;
		fprintf(stderr, "posternctl: %s: %s\n", log_safe(file), strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	fprintf(stderr, "posternctl: %s is no file\n", log_safe(file));
	*status = EX_NOINPUT;
	close(fd);
	return -1;
}

static pid_t
start(int input, int output, const char *folder, const char *program)
{
	char *path = find_program();
	const char *argv[] = { PROGRAM, folder, program, NULL };
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (dup2(input, STDIN_FILENO) != -1 && dup2(output, STDOUT_FILENO) != -1)
			execv(path, (char *const *)(uintptr_t)argv);	/* it changes no argument */
		fprintf(stderr, "posternctl: %s: %s\n", path, strerror(errno));
		_exit(EX_UNAVAILABLE);
	}
	free(path);
	return pid;
}

static bool
read_answer(int fd, struct buf *answer)
{
	for (;;) {
		char *room = buf_room(answer, 65536);
		ssize_t n = room != NULL ? read(fd, room, 65536) : -1;

		if (n == -1 && room != NULL && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		answer->len += (size_t)n;
	}
}

static json_t *
take_answer(const char *file, const struct buf *answer, int ended, const char *program, int *status)
{
	json_error_t error;
	json_t *document = ended == 0 ? json_loadb(buf_text(answer), answer->len, 0, &error) : NULL;
	const char *refused = json_string_value(json_object_get(document, "refused"));

	*status = EX_OK;
	if (document != NULL && !import_command_line_judge(document, program)) {
		fprintf(stderr, "posternctl: %s: " PROGRAM " said what may not be shown\n", log_safe(file));
		*status = EX_DATAERR;
		json_decref(document);
		document = NULL;
	} else if (document == NULL) {
		*status = WIFEXITED(ended) && WEXITSTATUS(ended) == EX_UNAVAILABLE ? EX_UNAVAILABLE :
		    EX_DATAERR;
		fprintf(stderr, "posternctl: %s: " PROGRAM " could not read it (%s %d)\n", log_safe(file),
		    WIFSIGNALED(ended) ? "signal" : "exit status", WIFSIGNALED(ended) ? WTERMSIG(ended) :
		    WEXITSTATUS(ended));
	} else if (refused != NULL) {
		*status = EX_DATAERR;
		fprintf(stderr, "posternctl: %s is refused: %s\n", log_safe(file), refused);
		json_decref(document);
		document = NULL;
	}
	return document;
}

json_t *
import_run_open(int input, const char *file, const char *folder, const char *program, int *status)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	int pipes[2], ended = 0;
	json_t *document = NULL;
	pid_t pid;

	*status = EX_OSERR;
	if (pipe2(pipes, O_CLOEXEC) == -1) {
		fprintf(stderr, "posternctl: %s\n", strerror(errno));
		close(input);
		return NULL;
	}
	pid = start(input, pipes[1], folder, program);
	close(input);
	close(pipes[1]);
	if (pid != -1 && !read_answer(pipes[0], &answer))
		buf_clear(&answer);
	close(pipes[0]);
	if (pid != -1) {
		while (waitpid(pid, &ended, 0) == -1 && errno == EINTR)
			;
		document = take_answer(file, &answer, ended, program, status);
	}
	buf_done(&answer);
	return document;
}

json_t *
import_run_file(const char *file, const char *folder, const char *program, int *status)
{
	int input = open_input(file, status);

	return input != -1 ? import_run_open(input, file, folder, program, status) : NULL;
}
