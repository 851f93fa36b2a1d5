/*
 * adopt_merge - all mail of a home that was given up goes into the home of a virtual server here
 *
 * Runs in:  posternctl; a process of its own, with the user of the mail
 * Owns:     the home where the mail is, by its lock and fence
 * Promise:  root touches no name in a folder that workers own. See spool_merge
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

#include "common/base/account.h"
#include "common/base/log.h"
#include "common/config/config.h"
#include "common/spool/fence.h"
#include "common/spool/spool_merge.h"
#include "master/posternctl/adopt/adopt.h"

static int
say_failed(const char *path)
{
	fprintf(stderr, "posternctl: %s: %s\n", log_safe(path), strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_IOERR;
}

static void
on_lost(void *arg, const char *why)
{
	const struct adopt *a = arg;

	fprintf(stderr, "posternctl: %s: %s\n", a->home, why);
	_exit(EX_TEMPFAIL);
}

static void
say_done(const struct adopt *a, const struct spool_merge *m)
{
	printf("%s: %zu of the queue, %zu of pickup, %zu of drop and %zu of badmail are in the home of %s\n",
	    a->home, m->queue, m->pickup, m->drop, m->badmail, a->name);
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
	if (spool_merge(from, to, &m, &where) == -1)
		return say_failed(where);
	say_done(a, &m);
	return EX_OK;
}

static int
merge(struct adopt *a)
{
	const struct config_server *s = a->target;
	const struct spool_paths here = { .pickup = a->pickup, .queue = a->queue, .drop = a->drop,
	    .badmail = a->badmail }, there = { .pickup = s->pickup, .queue = s->queue,
	    .drop = config_domain_drop_folder(s), .badmail = s->badmail };
	const char *where = "";
	struct spool *from = spool_open(&here, &where);
	struct spool *to = from != NULL ? spool_open(&there, &where) : NULL;
	char holder[40];
	struct fence *f;
	int status;

	if (to == NULL) {
		status = say_failed(where);
		spool_close(from);
		return status;
	}
	snprintf(holder, sizeof(holder), "adopt-%d", (int)getpid());
	f = fence_new(holder, a->set.config->service.hostname, on_lost, a);
	spool_fence(from, f);
	status = merge_owned(a, from, to);
	spool_close(from);
	spool_close(to);
	fence_free(f);
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
	struct account account;
	int status, ended = 0;
	bool drops = adopt_take_user(a, &account, &status);
	pid_t pid;

	if (status != EX_OK)
		return status;
	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return say_failed(a->home);
	if (pid == 0) {
		status = drops && !become(&account) ? say_failed(a->home) : merge(&own);
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
