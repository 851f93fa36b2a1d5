/*
 * adopt_merge - all mail of a home that was given up goes into the home of a virtual server here
 *
 * Runs in:  posternctl; a process of its own, with the user of the mail
 * Owns:     the home where the mail is, by its lock and fence; a pipe, by which the service hears what came
 * Promise:  root touches no name in a folder that workers own. Nothing goes into a home that another service
 *           has, or has taken meanwhile. See spool_merge
 * Fails by: an exit status, and it has been said why; a repeat continues
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/account/account.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/spool/fence_holder.h"
#include "common/spool/spool_merge.h"
#include "master/posternctl/adopt/adopt.h"

static int
say_failed(const char *path)
{
	fprintf(stderr, "posternctl: %s: %s\n", log_safe(path), strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_IOERR;
}

/* One of the two homes. What was moved until now is in one of them, each file as a whole. */
static void
on_lost(void *arg, const char *why)
{
	const char *home = arg;

	fprintf(stderr, "posternctl: %s: %s\n", log_safe(home), why);
	_exit(EX_TEMPFAIL);
}

/* The home of the target, which processes of another node have. */
static int
refuse_target(const struct adopt *a, const struct spool *to)
{
	struct fence_record r;
	int error = errno;

	if (error != EBUSY || spool_owner(to, &r) != 1) {
		errno = error;
		return say_failed(a->target->queue);
	}
	fprintf(stderr, "posternctl: %s: its home is that of %s (generation %llu), whose processes have it\n",
	    a->name, r.host, (unsigned long long)r.generation);
	return 1;
}

static void
say_done(const struct adopt *a, const struct spool_merge *m)
{
	printf("%s: %zu of the queue, %zu of pickup, %zu of drop and %zu of badmail are in the home of %s\n",
	    a->home, m->queue, m->pickup, m->drop, m->badmail, a->name);
	if (m->known > 0)
		printf("%s: %zu of the queue were known there, and done\n", a->home, m->known);
	if (m->left > 0)
		printf("%s: %zu links and others were left as they are\n", a->home, m->left);
}

/* To the process that may speak to the service. What does not get there is not told. */
static void
pass_message(void *arg, const char *id)
{
	const int *out = arg;

	dprintf(*out, "%s\n", id);
}

static int
merge_owned(const struct adopt *a, struct spool *from, struct spool *to, int out)
{
	struct spool_merge m = { .moved = pass_message, .arg = &out };
	const char *where = a->queue;
	int rc, error;

	if (spool_own_queue(from) == -1) {
		if (errno != EWOULDBLOCK)
			return say_failed(where);
		fprintf(stderr, "posternctl: a process has %s\n", a->home);
		return 1;
	}
	if (!spool_folder_is_ours(to))
		return refuse_target(a, to);
	rc = spool_merge(from, to, &m, &where);
	error = errno;
	dprintf(out, "=%zu %zu %zu %zu %zu %zu\n", m.queue, m.held, m.pickup, m.drop, m.badmail, m.known);
	errno = error;
	if (rc == -1)
		return say_failed(where);
	say_done(a, &m);
	return EX_OK;
}

/*
 * As one more worker of the target, whose processes may run beside this one. `holder`: its name. `out`: a
 * pipe.
 */
static int
merge(struct adopt *a, const char *holder, int out)
{
	const struct config_server *s = a->target;
	const struct spool_paths here = { .pickup = a->pickup, .queue = a->queue, .drop = a->drop,
	    .badmail = a->badmail }, there = { .pickup = s->pickup, .queue = s->queue,
	    .drop = config_domain_drop_folder(s), .badmail = s->badmail };
	const char *where = "";
	struct spool *from = spool_open(&here, &where);
	struct spool *to = from != NULL ? spool_open(&there, &where) : NULL;
	const char *host = a->set.config->service.hostname;
	struct fence *source, *target;
	char name[40];
	int status;

	if (to == NULL) {
		status = say_failed(where);
		spool_close(from);
		return status;
	}
	snprintf(name, sizeof(name), "adopt-%d", (int)getpid());
	source = fence_new(name, host, on_lost, a->home);
	target = fence_new(holder, host, on_lost, s->home);
	spool_fence(from, source);
	spool_fence(to, target);
	status = merge_owned(a, from, to, out);
	spool_close(from);
	spool_close(to);
	fence_free(source);
	fence_free(target);
	return status;
}

/* For good: this process does nothing else. */
static bool
become(const struct account *account)
{
	return setgroups(1, &account->gid) == 0 && setresgid(account->gid, account->gid, account->gid) == 0 &&
	    setresuid(account->uid, account->uid, account->uid) == 0;
}

/* --- what the process says that merges: an id a line, then its numbers --- */

static void
take_line(struct adopt_tell *t, struct adopt_counts *n, const char *line)
{
	if (message_id_is_valid(line)) {
		n->queue++;
		adopt_tell_message(t, line);
	} else if (line[0] == '=')
		(void)!sscanf(line + 1, "%zu %zu %zu %zu %zu %zu", &n->queue, &n->held, &n->pickup, &n->drop,
		    &n->badmail, &n->known);
}

/* Each time nothing more is there at once, what came is told. */
static void
listen_to(struct adopt_tell *t, struct adopt_counts *n, int in)
{
	char data[PIPE_BUF], *rest, *line;
	size_t len = 0;
	ssize_t got;

	while ((got = read(in, data + len, sizeof(data) - 1 - len)) > 0 || (got == -1 && errno == EINTR)) {
		if (got == -1)
			continue;
		len += (size_t)got;
		data[len] = '\0';
		for (rest = data; strchr(rest, '\n') != NULL && (line = strsep(&rest, "\n")) != NULL;)
			take_line(t, n, line);
		len = strlen(rest);
		if (len == sizeof(data) - 1)
			len = 0;	/* no such line is so long */
		memmove(data, rest, len);
		adopt_tell_flush(t);
	}
}

/* The exit status of the process that merges, once it has ended. */
static int
wait_for(const struct adopt *a, pid_t pid)
{
	int ended = 0;

	while (waitpid(pid, &ended, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(ended))
		return WEXITSTATUS(ended);
	fprintf(stderr, "posternctl: %s: interrupted; the same command continues\n", a->home);
	return EX_TEMPFAIL;
}

/* `account` NULL: that of this process is kept. */
static int
run_merge(const struct adopt *a, const struct account *account, const int ends[2])
{
	struct adopt own = *a;
	struct adopt_tell *tell = mem_new(struct adopt_tell);
	struct adopt_counts counts = { 0 };
	char holder[FENCE_HOLDER_SIZE];
	int status = 0;
	pid_t pid;

	tell->a = a;
	fence_holder_name(holder, NULL, a->set.config->service.run, a->target->id);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* goes on to the end, untold, when the one that listens is killed */
		close(ends[0]);
		signal(SIGPIPE, SIG_IGN);
		status = account != NULL && !become(account) ? say_failed(a->home) :
		    merge(&own, holder, ends[1]);
		fflush(NULL);
		_exit(status);
	}
	if (pid == -1)
		status = say_failed(a->home);
	close(ends[1]);
	if (pid != -1) {
		listen_to(tell, &counts, ends[0]);
		status = wait_for(a, pid);
		adopt_tell_end(tell, &counts, status == EX_OK);
	}
	close(ends[0]);
	free(tell);
	return status;
}

int
adopt_merge(const struct adopt *a)
{
	struct account account;
	int status, ends[2];
	bool drops = adopt_take_user(a, &account, &status);

	if (status != EX_OK)
		return status;
	return pipe2(ends, O_CLOEXEC) == -1 ? say_failed(a->home) :
	    run_merge(a, drops ? &account : NULL, ends);
}
