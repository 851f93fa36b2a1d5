/*
 * adopt_judge - whether a folder can become the home of that virtual server
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  no home of a virtual server here becomes that of another one, and none of a running one is
 *           touched
 * Fails by: an exit status, and it has been said why
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/server_name.h"
#include "common/host/wanted_state.h"
#include "master/posternctl/adopt/adopt.h"

#define STATUS_MAX 65536U

static int
refuse(int status, const char *what, const char *why)
{
	fprintf(stderr, "posternctl: %s %s\n", log_safe(what), why);
	return status;
}

/* Where a path leads to; what is not there yet stays as it is. Owned by the caller. */
static char *
resolve(const char *path)
{
	char *real = realpath(path, NULL);

	return real != NULL ? real : mem_strdup(path);
}

static bool
is_or_is_in(const char *path, const char *home)
{
	char *real = resolve(path);
	size_t n = strlen(home);
	bool in = strncmp(real, home, n) == 0 && (real[n] == '\0' || real[n] == '/');

	free(real);
	return in;
}

/* A virtual server here that has mail in that folder; NULL: none. */
static const struct config_server *
find_owner(const struct adopt *a)
{
	const struct config *c = a->set.config;

	for (size_t i = 0; i < c->nserver; i++) {
		const struct config_server *s = &c->server[i];

		if (is_or_is_in(s->home, a->home) || is_or_is_in(s->queue, a->home) ||
		    is_or_is_in(s->pickup, a->home) || is_or_is_in(s->badmail, a->home) ||
		    is_or_is_in(config_domain_drop_folder(s), a->home))
			return s;
	}
	return NULL;
}

/* The service says so, when there is one. */
static bool
is_stopped(const struct adopt *a)
{
	struct buf text = BUF_INIT(STATUS_MAX);
	int status = command_send_for(a->context, "status", &a->name, 1, &text);
	char *stopped = mem_printf("%s stopped ", a->name);
	bool is = status == CONTROL_CLIENT_NO_SERVICE ||
	    strncmp(buf_text(&text), stopped, strlen(stopped)) == 0;

	free(stopped);
	buf_done(&text);
	return is;
}

/* The mail goes into the home of one that is there. */
static int
judge_merge(struct adopt *a, const struct config_server *named)
{
	char why[WANTED_STATE_WHY_SIZE];

	if (named == NULL)
		return refuse(1, a->name, "is no virtual server here: --merge is for one that is");
	if (a->count > 0 || a->from != NULL)
		return refuse(EX_USAGE, a->name, "is there already: keys are for a new virtual server");
	if (wanted_state_lost(a->set.config->service.state, a->name, why)) {
		fprintf(stderr, "posternctl: %s has lost its home, which would get the mail: %s\n", a->name,
		    why);
		return 1;
	}
	a->target = named;
	return EX_OK;
}

static int
judge_names(struct adopt *a)
{
	const struct config_server *owner = find_owner(a);
	const struct config_server *named = config_server_by_name(a->set.config, a->name);

	if (named == NULL && !server_name_is_good(a->name))
		return refuse(EX_USAGE, a->name, "is no name of a virtual server");
	if (owner != NULL && owner != named) {
		fprintf(stderr, "posternctl: %s is of the virtual server %s here\n", a->home, owner->name);
		return 1;
	}
	if (a->merge && owner == NULL)
		return judge_merge(a, named);
	if (named != NULL && owner == NULL) {
		fprintf(stderr, "posternctl: %s has a home of its own, %s. With --merge all mail of the "
		    "folder goes into that one; or adopt the folder under a new name\n", a->name,
		    named->home);
		return 1;
	}
	if (named != NULL && a->count > 0)
		return refuse(EX_USAGE, a->name, "is there already: keys are for a new virtual server");
	if (named != NULL && !is_stopped(a))
		return refuse(1, a->name, a->force ? "is not stopped, and has that home: nothing is to be "
		    "taken. --force is for a home that processes of another node or service have" :
		    "is not stopped, and has that home: nothing is to be adopted");
	a->server = named;
	return EX_OK;
}

static char *
below(const struct adopt *a, const char *configured, const char *name)
{
	return a->server != NULL ? mem_strdup(configured) : mem_printf("%s/%s", a->home, name);
}

static void
set_paths(struct adopt *a)
{
	const struct config_server *s = a->server;

	a->pickup = below(a, s != NULL ? s->pickup : NULL, "pickup");
	a->queue = below(a, s != NULL ? s->queue : NULL, "queue");
	a->drop = below(a, s != NULL ? config_domain_drop_folder(s) : NULL, "drop");
	a->badmail = below(a, s != NULL ? s->badmail : NULL, "badmail");
}

int
adopt_judge(struct adopt *a)
{
	struct stat st;
	int status;

	a->home = realpath(a->folder, NULL);
	if (a->home == NULL) {
		fprintf(stderr, "posternctl: %s: %s\n", log_safe(a->folder), strerror(errno));
		return EX_NOINPUT;
	}
	status = judge_names(a);
	if (status != EX_OK)
		return status;
	set_paths(a);
	if (stat(a->queue, &st) == -1 || !S_ISDIR(st.st_mode))
		return refuse(EX_NOINPUT, a->home, "is no home of a virtual server: it has no queue");
	return EX_OK;
}
