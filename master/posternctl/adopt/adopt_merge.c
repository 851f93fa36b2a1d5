/*
 * adopt_merge - all mail of a home that was given up goes into the home of a virtual server here
 *
 * Runs in:  posternctl; a process of its own, with the user of the mail
 * Owns:     the home where the mail is, by its lock and fence
 * Promise:  root touches no name in a folder that workers own. Nothing goes into a home that another service
 *           has, or has taken meanwhile. See spool_merge
 * Fails by: an exit status, and it has been said why; a repeat continues
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/account/account.h"
#include "common/base/log.h"
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

static int
merge_owned(const struct adopt *a, struct spool *from, struct spool *to)
{
	struct spool_merge m;
	const char *where = a->queue;

	if (spool_own_queue(from) == -1) {
		if (errno != EWOULDBLOCK)
			return say_failed(where);
		fprintf(stderr, "posternctl: a process has %s\n", a->home);
		return 1;
	}
	if (!spool_folder_is_ours(to))
		return refuse_target(a, to);
	if (spool_merge(from, to, &m, &where) == -1)
		return say_failed(where);
	say_done(a, &m);
	return EX_OK;
}

/* As one more worker of the target, whose processes may run beside this one. `holder`: its name. */
static int
merge(struct adopt *a, const char *holder)
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
	status = merge_owned(a, from, to);
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

int
adopt_merge(const struct adopt *a)
{
	struct adopt own = *a;
	char holder[FENCE_HOLDER_SIZE];
	struct account account;
	int status, ended = 0;
	bool drops = adopt_take_user(a, &account, &status);
	pid_t pid;

	if (status != EX_OK)
		return status;
	fence_holder_name(holder, NULL, a->set.config->service.run, a->target->id);
	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return say_failed(a->home);
	if (pid == 0) {
		status = drops && !become(&account) ? say_failed(a->home) : merge(&own, holder);
		fflush(NULL);
		_exit(status);
	}
	while (waitpid(pid, &ended, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(ended))
		return WEXITSTATUS(ended);
	fprintf(stderr, "posternctl: %s: interrupted; the same command continues\n", a->home);
	return EX_TEMPFAIL;
}
