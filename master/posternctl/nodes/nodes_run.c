/*
 * nodes_run - the same command on all nodes at once, an ssh for each
 *
 * Runs in:  posternctl
 * Owns:     the processes of ssh and their pipes
 * Promise:  ends when each node has answered, or its time is over; a node that hangs holds no other one. ssh
 *           asks nothing, and reads the configuration of its user. Its end is what counts, not that of its
 *           pipes: a shared connection that stays keeps those open
 * Fails by: the `error` of a node; false when the system has no more processes or descriptors
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/config/key.h"
#include "master/posternctl/nodes/nodes.h"

#define CONNECT_SECONDS 10	/* for a connection, at the most */
#define NO_CONNECTION 255	/* the exit status of ssh itself */
#define PIECE 65536
#define PIECES 64		/* read at a time: a node that never stops talking holds no other one */

struct run {
	struct node *node; size_t count;
	const char *command;
	uint64_t begun, limit_ms;
	void (*line)(const struct node *n, char *line);
};

/* --- start --- */

static void
exec_ssh(const struct run *r, const struct node *n, const int *pipes)
{
	uint64_t seconds = r->limit_ms / 1000;
	char connect[48];
	const char *argv[] = { "ssh", "-n", "-T", "-o", "BatchMode=yes", "-o", connect,
		"-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3",
		"-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "--", n->name,
		r->command, NULL };
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	snprintf(connect, sizeof(connect), "ConnectTimeout=%d",
	    seconds == 0 || seconds > CONNECT_SECONDS ? CONNECT_SECONDS : (int)seconds);
	if (nothing != -1 && dup2(nothing, STDIN_FILENO) != -1 && dup2(pipes[1], STDOUT_FILENO) != -1 &&
	    dup2(pipes[3], STDERR_FILENO) != -1 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0)
		execvp(argv[0], (char *const *)(uintptr_t)argv);	/* it changes no argument */
	fprintf(stderr, "ssh: %s\n", strerror(errno));
	_exit(NO_CONNECTION);
}

static bool
start(const struct run *r, struct node *n)
{
	int pipes[4] = { -1, -1, -1, -1 };

	fflush(NULL);
	n->pid = pipe2(pipes, O_CLOEXEC) == 0 && pipe2(pipes + 2, O_CLOEXEC) == 0 ? fork() : -1;
	if (n->pid == 0)
		exec_ssh(r, n, pipes);
	if (n->pid != -1)
		n->process = pidfd_open(n->pid, 0);
	n->out = pipes[0];
	n->err = pipes[2];
	for (int i = 1; i < 4; i += 2)
		if (pipes[i] != -1)
			close(pipes[i]);
	return n->process != -1 && fcntl(n->out, F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(n->err, F_SETFL, O_NONBLOCK) == 0;
}

/* --- what comes --- */

static void
hear_lines(const struct run *r, struct node *n)
{
	char *lf;

	while (r->line != NULL && n->text.len > 0 && (lf = memchr(n->text.data, '\n', n->text.len)) != NULL) {
		*lf = '\0';
		r->line(n, n->text.data);
		buf_drop(&n->text, (size_t)(lf + 1 - n->text.data));
	}
}

/* What is there; what is over the limit of `text` is lost. False: there is nothing more for good. */
static bool
take(int fd, struct buf *text)
{
	static char piece[PIECE];

	for (unsigned i = 0; i < PIECES; i++) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n > 0)
			buf_add(text, piece, (size_t)n);
		else if (n == 0 || errno != EINTR)
			return n == -1 && errno == EAGAIN;
	}
	return true;
}

static void
close_one(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
hear(const struct run *r, struct node *n)
{
	if (n->out != -1 && !take(n->out, &n->text))
		close_one(&n->out);
	hear_lines(r, n);
	if (n->err != -1 && !take(n->err, &n->remarks))
		close_one(&n->err);
	if (!buf_ok(&n->text) && n->pid != 0 && n->error.len == 0) {
		buf_puts(&n->error, "its answer is too long");	/* it may have no end */
		(void)kill(n->pid, SIGKILL);
	}
}

/* --- end --- */

/* The last line of what ssh said: the lines before it are warnings. */
static void
say_unreachable(struct node *n)
{
	const char *text = buf_text(&n->remarks), *line = text;
	size_t len = n->remarks.len;

	while (len > 0 && strchr("\r\n", text[len - 1]) != NULL)
		len--;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || text[i] == '\r')
			line = text + i + 1;
	buf_puts(&n->error, "does not answer");
	if (len > (size_t)(line - text))
		buf_printf(&n->error, ": %.*s", (int)(text + len - line), line);
	buf_clear(&n->remarks);
}

/* posternctl there names itself, as this one does before the node. */
static void
drop_names(struct buf *text)
{
	static const char name[] = "posternctl: ";
	const size_t len = sizeof(name) - 1;
	size_t to = 0, at = 0;
	bool begins = true;

	while (at < text->len) {
		if (begins && text->len - at >= len && memcmp(text->data + at, name, len) == 0) {
			at += len;
			continue;
		}
		begins = text->data[at] == '\n';
		text->data[to++] = text->data[at++];
	}
	text->len = to;
}

/* ssh has ended. */
static void
end(const struct run *r, struct node *n)
{
	int ended = 0;

	hear(r, n);
	while (waitpid(n->pid, &ended, 0) == -1 && errno == EINTR)
		;
	n->pid = 0;
	n->status = WIFEXITED(ended) ? WEXITSTATUS(ended) : NO_CONNECTION;
	if (n->error.len > 0 || !buf_ok(&n->remarks))
		buf_clear(&n->remarks);
	drop_names(&n->remarks);
	if (n->error.len > 0)
		n->status = EX_UNAVAILABLE;
	else if (!buf_ok(&n->text))
		buf_puts(&n->error, "its answer is too long");
	else if (WIFSIGNALED(ended))
		buf_printf(&n->error, "ssh ended by signal %d", WTERMSIG(ended));
	else if (n->status == NO_CONNECTION)
		say_unreachable(n);
	if (n->error.len > 0)
		n->status = EX_UNAVAILABLE;
	close_one(&n->out);
	close_one(&n->err);
	close_one(&n->process);
}

/* The command may go on there: nobody can tell. */
static void
give_up(struct node *n, uint64_t limit_ms)
{
	char limit[32];

	key_format_time(limit, sizeof(limit), limit_ms);
	buf_printf(&n->error, "no answer in %s; what it was told may still be done there", limit);
	(void)kill(n->pid, SIGKILL);
}

/* --- all of them --- */

/* How many are not at their end. The descriptors of each are three in a row. */
static size_t
watched(const struct run *r, struct pollfd *p)
{
	size_t left = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct node *n = &r->node[i];

		p[i * 3] = (struct pollfd){ .fd = n->process, .events = POLLIN };
		p[i * 3 + 1] = (struct pollfd){ .fd = n->out, .events = POLLIN };
		p[i * 3 + 2] = (struct pollfd){ .fd = n->err, .events = POLLIN };
		left += n->pid != 0;
	}
	return left;
}

static int
wait_ms(const struct run *r)
{
	uint64_t gone = clock_mono_ms() - r->begun;

	return r->limit_ms == 0 ? -1 : gone >= r->limit_ms ? 0 : (int)(r->limit_ms - gone);
}

static void
follow(struct run *r)
{
	struct pollfd *p = mem_array(NULL, r->count * 3, sizeof(*p));

	while (watched(r, p) > 0) {
		int wait = wait_ms(r), n = poll(p, r->count * 3, wait);

		for (size_t i = 0; n > 0 && i < r->count; i++) {
			if (p[i * 3].revents != 0)
				end(r, &r->node[i]);
			else if (p[i * 3 + 1].revents != 0 || p[i * 3 + 2].revents != 0)
				hear(r, &r->node[i]);
		}
		if (wait != 0)
			continue;
		for (size_t i = 0; i < r->count; i++)
			if (r->node[i].pid != 0 && r->node[i].error.len == 0)
				give_up(&r->node[i], r->limit_ms);
		r->limit_ms = 0;	/* the ends of those that were given up are all that is awaited */
	}
	free(p);
}

bool
nodes_run(struct node *nodes, size_t count, const char *command, uint64_t limit_ms,
    void (*line)(const struct node *n, char *line))
{
	struct run r = { nodes, count, command, clock_mono_ms(), limit_ms, line };

	for (size_t i = 0; i < count; i++)
		if (!start(&r, &nodes[i])) {
			fprintf(stderr, "posternctl: ssh: %s\n", strerror(errno));
			return false;		/* those that run end with this process */
		}
	follow(&r);
	return true;
}
