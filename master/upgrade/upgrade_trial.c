/*
 * upgrade_trial - the new program looks at configuration and state before anything is replaced
 *
 * Runs in:  master
 * Owns:     the process and its output
 * Promise:  what would end the new program at its start ends the trial, and the service goes on
 * Fails by: -1 and errno; false and what the program said
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "master/upgrade/upgrade.h"

#define OUTPUT_MAX 65536U	/* bytes; a program that says more ends */
#define SAID_MAX 800U		/* of these for the operator */

/* In the new process. It has the descriptors, so that it can look at them. */
static _Noreturn void
execute(const struct upgrade_trial *t, const struct upgrade_state *s, const struct master *m,
    const char *program, int state)
{
	const struct rlimit most = { OUTPUT_MAX, OUTPUT_MAX };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char number[16];
	const char *argv[] = { program, "-c", m->options.config_path, "--try-take-over", number, NULL };
	sigset_t none;

	snprintf(number, sizeof(number), "%d", state);
	if (dup2(null, STDIN_FILENO) == -1 || dup2(t->out, STDOUT_FILENO) == -1 ||
	    dup2(t->out, STDERR_FILENO) == -1 || fcntl(state, F_SETFD, 0) == -1)
		_exit(127);
	upgrade_state_pass(s, true);
	upgrade_state_pass_config(m, true);
	(void)!setrlimit(RLIMIT_FSIZE, &most);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(program, (char *const *)(uintptr_t)argv, environ);	/* it changes no argument */
	dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

int
upgrade_trial_start(struct upgrade_trial *t, const struct master *m, const char *program)
{
	struct upgrade_state s;
	int state = -1, saved;

	*t = (struct upgrade_trial){ .out = memfd_create("postern-trial", MFD_CLOEXEC) };
	if (t->out == -1 || upgrade_state_take(&s, m) == -1)
		s = (struct upgrade_state){ .fd = NULL };
	else
		state = upgrade_state_open(&s);
	t->pid = state != -1 ? fork() : -1;
	if (t->pid == 0)
		execute(t, &s, m, program, state);
	saved = errno;
	upgrade_state_done(&s);
	if (state != -1)
		close(state);
	if (t->pid != -1)
		return 0;
	if (t->out != -1)
		close(t->out);
	*t = (struct upgrade_trial){ .out = -1 };
	errno = saved;
	return -1;
}

/* One line of text from what a program has written. */
static void
clean(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	for (; *text != '\0'; text++)
		if (*text == '\n')
			*text = ';';
		else if (*text < ' ' || *text > '~')
			*text = '?';
}

bool
upgrade_trial_end(struct upgrade_trial *t, int status, struct buf *said)
{
	char text[SAID_MAX] = "";
	ssize_t n = disk_pread(t->out, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	clean(text);
	close(t->out);
	*t = (struct upgrade_trial){ .out = -1 };
	buf_puts(said, text);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		buf_printf(said, "%sit ended by signal %d (%s)", text[0] != '\0' ? "; " : "",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		buf_printf(said, "%sit ended with exit status %d", text[0] != '\0' ? "; " : "",
		    WEXITSTATUS(status));
	return false;
}
