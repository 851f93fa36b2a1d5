/*
 * spawn_exec - from the master to another program, at a price that does not grow with the service
 *
 * Runs in:  master; in the child until exec
 * Owns:     a block of descriptors in the master, of /dev/null but while a child is made
 * Promise:  until exec the child has the memory of the master, which waits, and then a table of its own with
 *           the descriptors of the block alone: no page and no other descriptor is copied or closed for it.
 *           The program gets the descriptors that were named and no other, and no signal is blocked
 * Fails by: -1 and errno; in the child by exit status 127. Where a kernel cannot split the table (before
 *           Linux 5.9) it is copied whole
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/processes/processes.h"

#define STACK_SIZE (64U << 10)
#define NOT_WATCHED __attribute__((no_sanitize("address", "undefined")))	/* it runs on another stack */

NOT_WATCHED static int
split_from(unsigned first, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, UINT_MAX, flags);
}

NOT_WATCHED static void
close_from(unsigned first)
{
	struct rlimit limit;

	if (split_from(first, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)	/* before Linux 5.9 */
		for (rlim_t fd = first; fd < limit.rlim_cur; fd++)
			close((int)fd);
}

/* So many descriptors in a row, of /dev/null; the first of them, or -1 and errno. */
static int
take_block(int null)
{
	int first = -1, next = STDERR_FILENO + 1;

	while (first == -1 || next < first + SPAWN_EXEC_FILES) {
		int fd = fcntl(null, F_DUPFD_CLOEXEC, next);

		if (fd == -1)
			return -1;
		if (first != -1 && fd != next)
			while (next > first)
				close(--next);
		if (first == -1 || fd != next)
			first = fd;
		next = fd + 1;
	}
	return first;
}

int
spawn_exec_open(struct spawn_space *space)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* No descriptor has these numbers: nothing is closed, only asked. */
	space->shares = split_from(UINT_MAX - 1, CLOSE_RANGE_UNSHARE) == 0;
	space->block = null != -1 ? take_block(null) : -1;
	if (null != -1)
		close(null);
	return space->block == -1 ? -1 : 0;
}

struct birth {
	const struct spawn_space *space;
	const struct spawn_exec *exec;
};

/*
 * In the child, on a stack of its own in the memory of the master: it calls nothing that allocates, locks or
 * registers anything there.
 */
NOT_WATCHED static int
become_program(void *arg)
{
	const struct birth *b = arg;
	const struct spawn_exec *e = b->exec;
	unsigned end = (unsigned)(b->space->block + e->count);
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	if (b->space->shares && split_from(end, CLOSE_RANGE_UNSHARE) == -1)
		return 127;
	setsid(); /* Ctrl-C reaches the master only */
	/* Upwards: what is overwritten was copied already, as all of the block are above their goal */
	for (int i = 0; i < e->count; i++)
		if (dup2(b->space->block + i, i) == -1)
			return 127;
	close_from((unsigned)e->count);
	for (int signo = 1; signo < NSIG; signo++)
		(void)sigaction(signo, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(e->path, (char *const *)(uintptr_t)e->argv, e->env); /* it changes no argument */
	return 127;
}

/* Puts descriptors, or (NULL) /dev/null again, into the block. 0, or -1 and errno. */
static int
fill_block(const struct spawn_space *space, const int *fd, int count)
{
	for (int i = 0; i < count; i++)
		if (dup3(fd != NULL ? fd[i] : space->block + SPAWN_EXEC_FILES - 1, space->block + i,
		    O_CLOEXEC) == -1)
			return -1;
	return 0;
}

static pid_t
make_child(const struct birth *b)
{
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (b->space->shares ? CLONE_FILES : 0);
	char *stack = mem_array(NULL, STACK_SIZE, 1);
	sigset_t all, before;
	pid_t pid;

	/* A handler would run in the memory of both. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(become_program, stack + STACK_SIZE, flags, (void *)(uintptr_t)b);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(stack);
	return pid;
}

pid_t
spawn_exec_run(const struct spawn_space *space, const struct spawn_exec *e)
{
	const struct birth b = { .space = space, .exec = e };
	pid_t pid = -1;
	int saved;

	if (fill_block(space, e->fd, e->count) == 0)
		pid = make_child(&b);
	saved = errno;
	(void)!fill_block(space, NULL, e->count);
	errno = saved;
	return pid;
}
