/*
 * adopt_take - the lock, the fence and the owners of the files of a home
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a home that a process has is not taken, unless the operator says that it was given up; then that
 *           process has lost it before anything else is changed
 * Fails by: an exit status, and it has been said why
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/account/account.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/spool/fence.h"
#include "common/spool/spool_mend.h"
#include "master/posternctl/adopt/adopt.h"

static int
say_failed(const char *path)
{
	fprintf(stderr, "posternctl: %s: %s\n", path, strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_IOERR;
}

static int
refuse_locked(const struct adopt *a, const struct fence_record *r)
{
	fprintf(stderr, "posternctl: a process has %s: that of %s, generation %llu. Stop it there; with "
	    "--force it loses the home, when it cannot be reached any more\n", a->home,
	    r->host[0] != '\0' ? r->host : "a service on this host", (unsigned long long)r->generation);
	return 1;
}

static int
break_fence(const struct adopt *a, int queue)
{
	if (fence_break(queue, a->set.config->service.hostname) == 0) {
		printf("%s: who had it has lost it\n", a->home);
		return EX_OK;
	}
	if (errno != ENOENT)
		return say_failed(a->queue);
	fprintf(stderr, "posternctl: %s: the process that has it is of a version that does not know when it "
	    "has lost a home: it has to be ended\n", a->home);
	return 1;
}

static int
take_fence(struct adopt *a, int queue)
{
	struct fence_record r;
	int rc = fence_read(queue, &r), locked;

	if (rc == -1 && errno == EBADMSG) {
		fprintf(stderr, "posternctl: %s is a home of another version of postern\n", a->home);
		return EX_DATAERR;
	}
	locked = rc == -1 ? -1 : fence_is_locked(queue);
	if (locked == -1)
		return say_failed(a->queue);
	snprintf(a->host, sizeof(a->host), "%s", r.host);
	printf("%s: of %s, generation %llu%s\n", a->home, r.host[0] != '\0' ? r.host : "nobody yet",
	    (unsigned long long)r.generation, locked == 1 ? ", and a process has it" : "");
	if (locked == 1 && !a->force)
		return refuse_locked(a, &r);
	return a->force && !a->dry && rc == 1 ? break_fence(a, queue) :
	    a->force && locked == 1 && rc == 0 ? break_fence(a, queue) : EX_OK;
}

bool
adopt_take_user(const struct adopt *a, struct account *account, int *status)
{
	const struct config_service *s = &a->set.config->service;
	const struct config_server *of = a->merge ? a->target : a->server;
	const char *own = of != NULL ? of->user : NULL;

	*status = EX_OK;
	if (geteuid() != 0)
		return false;
	if (account_find(own != NULL ? own : s->user, own != NULL ? NULL : s->group, account) == 0)
		return true;
	fprintf(stderr, "posternctl: user %s is not on this host\n", log_safe(own != NULL ? own : s->user));
	*status = EX_CONFIG;
	return false;
}

static int
mend(const struct adopt *a)
{
	const char *const folders[] = { a->queue, a->pickup, a->drop, a->badmail };
	struct account account;
	struct spool_mend m = { .dry = a->dry };
	int status;

	if (!adopt_take_user(a, &account, &status))
		return status;
	m.uid = account.uid;
	m.gid = account.gid;
	for (size_t i = 0; i < nitems_of(folders); i++)
		if (spool_mend(folders[i], &m) == -1 && errno != ENOENT)
			return say_failed(folders[i]);
	if (!a->dry && chown(a->home, m.uid, m.gid) == -1)
		return say_failed(a->home);
	printf("%s: %zu files and folders %s of another user%s\n", a->home, m.mended,
	    a->dry ? "are" : "were", a->dry ? "" : ", and have the one of this host now");
	if (m.left > 0)
		printf("%s: %zu links and others were left as they are\n", a->home, m.left);
	return EX_OK;
}

int
adopt_take(struct adopt *a)
{
	int queue = open(a->queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;

	if (queue == -1)
		return say_failed(a->queue);
	status = take_fence(a, queue);
	close(queue);
	return status == EX_OK ? mend(a) : status;
}
