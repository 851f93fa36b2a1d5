/*
 * import_request - import: what postern-import makes of a file of IIS that came with the command
 *
 * Runs in:  master
 * Owns:     the process and what it writes, until it has ended
 * Promise:  no byte of the file and of what is said of it is looked at here: postern-import reads it without
 *           rights, and who asked judges its words. It may take a minute, and fill its file as far as an
 *           answer goes; the loop waits for nothing of that
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define PROGRAM "postern-import"
#define IMPORT_MS 60000U
#define IMPORTS_MAX 2U

struct import_request {
	struct control_question q;		/* first; no child of the roster answers it */
	pid_t pid;				/* 0: it has ended */
	int out;
	char *said;				/* how posternctl is called for this service */
	int ended;				/* its status */
	bool late;
};

static const struct control_question_ops import_ops;

static struct import_request *
request_of(struct control_question *q)
{
	return (struct import_request *)(void *)q;	/* its first member */
}

/* --- the process --- */

/* In the new process. */
static _Noreturn void
execute(const struct import_request *r, int input, const char *path, const char *folder)
{
	const struct rlimit most = { GET_REQUEST_MAX, GET_REQUEST_MAX };
	const char *argv[] = { PROGRAM, folder, r->said, NULL };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	if (dup2(input, STDIN_FILENO) == -1 || dup2(r->out, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1)
		_exit(127);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	(void)!setrlimit(RLIMIT_FSIZE, &most);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGXFSZ, SIG_DFL);
	execve(path, (char *const *)(uintptr_t)argv, environ);	/* it changes no argument */
	_exit(127);
}

static int
start(struct import_request *r, int input, const struct master *m)
{
	const char *config = m->options.config_path;
	char *path = mem_printf("%s/" PROGRAM, m->program_folder);
	char *folder = mem_strndup(config, (size_t)(strrchr(config, '/') - config));
	int result = -1, saved;

	r->out = memfd_create("postern-import", MFD_CLOEXEC);
	if (r->out != -1) {
		r->pid = fork();
		if (r->pid == 0)
			execute(r, input, path, folder);
		result = r->pid != -1 ? 0 : -1;
	}
	saved = errno;
	free(path);
	free(folder);
	errno = saved;
	return result;
}

void
import_request_died(struct master *m, pid_t pid, int status)
{
	struct control_question *q;

	TAILQ_FOREACH(q, &m->questions, link)
		if (q->ops == &import_ops && request_of(q)->pid == pid) {
			request_of(q)->pid = 0;
			request_of(q)->ended = status;
			control_question_end(q);
		}
}

/* --- the command --- */

static void
on_late(struct control_question *q)
{
	request_of(q)->late = true;
}

/* The first line is how posternctl is called; then what the program has written. */
static void
give_answer(const struct import_request *r, struct control_command *cmd)
{
	off_t len = lseek(r->out, 0, SEEK_END);
	char *text = mem_zalloc(GET_REQUEST_MAX);
	ssize_t n = len > 0 && len < (off_t)GET_REQUEST_MAX ? disk_pread(r->out, text, (size_t)len, 0) : -1;

	if (r->late) {
		control_answer_say(cmd, EX_TEMPFAIL, "the file was not read in time");
	} else if (len >= (off_t)GET_REQUEST_MAX) {
		control_answer_say(cmd, EX_DATAERR, "there is more to say of it than the manager shows: "
		    "posternctl import reads it on the host");
	} else if (n <= 0 || !WIFEXITED(r->ended) || WEXITSTATUS(r->ended) != 0) {
		control_answer_say(cmd, EX_DATAERR, PROGRAM " could not read it");
	} else {
		buf_done(&cmd->text);
		buf_init(&cmd->text, GET_REQUEST_MAX + 4096);
		buf_printf(&cmd->text, "%s\n", r->said);
		buf_add(&cmd->text, text, (size_t)n);
	}
	free(text);
}

static bool
update(struct control_question *q, struct control_command *cmd)
{
	if (!q->over)
		return false;
	give_answer(request_of(q), cmd);
	return true;
}

/* It is late, or nobody waits for it any more: it is not needed. */
static void
free_request(struct control_question *q)
{
	struct import_request *r = request_of(q);

	if (r->pid > 0)
		kill(r->pid, SIGKILL);
	if (r->out != -1)
		close(r->out);
	free(r->said);
	free(r);
}

static const struct control_question_ops import_ops = { .late = on_late, .update = update,
    .free = free_request };

static unsigned
count_open(const struct master *m)
{
	const struct control_question *q;
	unsigned n = 0;

	TAILQ_FOREACH(q, &m->questions, link)
		n += q->ops == &import_ops;
	return n;
}

void
import_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	struct import_request *r;

	if (cmd->input == -1) {
		control_answer_say(cmd, EX_USAGE, "no file came with it: posternctl import FILE");
		return;
	}
	if (count_open(m) >= IMPORTS_MAX) {
		control_answer_say(cmd, CONTROL_REFUSED, "other files are being read: say this again");
		return;
	}
	r = mem_new(struct import_request);
	control_question_init(&r->q, m, &import_ops);
	r->said = control_words_program(m->options.installed ? NULL : m->options.config_path);
	if (start(r, cmd->input, m) == -1) {
		control_answer_say(cmd, EX_OSERR, PROGRAM ": %s", strerror(errno));
		r->pid = 0;
		control_question_free(&r->q);
		return;
	}
	control_question_wait(&r->q, IMPORT_MS);
	cmd->question = &r->q;
	cmd->waiting = true;
}
