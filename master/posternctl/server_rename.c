/*
 * server_rename - gives a virtual server another name: INI file, the folders that are named after it, wanted
 * state and number
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what would be refused is refused before the virtual server is stopped. When a step fails, or the
 *           files would not do under the new name, the steps before are undone and it runs again
 * Fails by: an exit status and a line on the standard error output
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/config/key.h"
#include "common/config/wanted_state.h"
#include "master/posternctl/posternctl.h"

/* A folder that has the name of the virtual server, because no file says otherwise. */
struct named_folder {
	const char *what, *parent;
	char *old, *new;
	bool named, moved;
};
enum { HOME, LOGS, FOLDERS };

struct rename {
	struct server_set set;
	const char *from, *to;
	char *old_file, *new_file;
	struct named_folder folder[FOLDERS];
};

static bool
is_given(const struct config_server *s, enum key_section section, const char *key)
{
	return s != NULL && config_faults_key_is_given(s, section, key);
}

static void
find_folder(struct rename *r, struct named_folder *f, const char *what, const char *parent, const char *path)
{
	const struct config_server *s = config_server_by_name(r->set.config, r->from);

	f->what = what;
	f->parent = parent;
	f->old = mem_printf("%s/%s", parent, r->from);
	f->new = mem_printf("%s/%s", parent, r->to);
	f->named = s != NULL && path != NULL && strcmp(path, f->old) == 0 &&
	    !is_given(s, KEY_GENERAL, what);
}

static void
find_folders(struct rename *r)
{
	const struct config_service *c = &r->set.config->service;
	const struct config_server *s = config_server_by_name(r->set.config, r->from);

	find_folder(r, &r->folder[HOME], "home", c->spool, s != NULL ? s->home : NULL);
	find_folder(r, &r->folder[LOGS], "log-directory", c->logs, s != NULL ? s->log_directory : NULL);
}

/* --- before it is stopped --- */

/* A folder that a file names by its path stays where it is: it must not lie in one that moves. */
static int
judge_inside(const struct rename *r)
{
	const struct config_server *s = config_server_by_name(r->set.config, r->from);
	const char *home = r->folder[HOME].old, *drop = s != NULL ? s->default_domain->drop : NULL;
	size_t len = strlen(home);
	char why[700];

	const struct {
		const char *key, *path;
		bool given;
	} inside[] = {
		{ "pickup", s != NULL ? s->pickup : NULL, is_given(s, KEY_GENERAL, "pickup") },
		{ "queue", s != NULL ? s->queue : NULL, is_given(s, KEY_GENERAL, "queue") },
		{ "drop", s != NULL ? s->drop : NULL, is_given(s, KEY_GENERAL, "drop") },
		{ "drop", drop, drop != NULL },
		{ "badmail", s != NULL ? s->badmail : NULL, is_given(s, KEY_MESSAGES, "badmail") },
	};
	for (size_t i = 0; i < nitems_of(inside) && r->folder[HOME].named; i++) {
		const char *path = inside[i].path;

		if (!inside[i].given || strncmp(path, home, len) != 0 || path[len] != '/')
			continue;
		snprintf(why, sizeof(why),
		    "is not renamed: %s is %.400s by its file, in the home folder that would move; take that "
		    "key out first", inside[i].key, path);
		return server_set_refuse(1, r->from, why);
	}
	return EX_OK;
}

/* Whether names may change there, and the new name is free. */
static int
judge_folder(const struct named_folder *f)
{
	struct stat st;

	if (!f->named)
		return EX_OK;
	if (lstat(f->new, &st) == 0) {
		errno = EEXIST;
		if (lstat(f->old, &st) == -1)
			fprintf(stderr, "posternctl: %s is not there: was a rename interrupted? Then move "
			    "%s back to it first\n", f->old, f->new);
		return server_set_say_errno(f->new);
	}
	return lstat(f->old, &st) == 0 && access(f->parent, W_OK) == -1 ? server_set_say_errno(f->parent) :
	    EX_OK;
}

static int
judge_folders(const struct rename *r)
{
	const char *state = r->set.config->service.state;
	char *servers = mem_strdup(r->old_file);
	int status = EX_OK;

	*strrchr(servers, '/') = '\0';
	if (access(servers, W_OK) == -1)
		status = server_set_say_errno(servers);
	else if (access(state, W_OK) == -1)
		status = server_set_say_errno(state);
	for (size_t i = 0; i < FOLDERS && status == EX_OK; i++)
		status = judge_folder(&r->folder[i]);
	free(servers);
	return status == EX_OK ? judge_inside(r) : status;
}

static int
judge_rename(const struct rename *r)
{
	int status = server_set_find(&r->set, r->from);

	/* which folders are its own is not known then */
	if (status == EX_OK && config_server_by_name(r->set.config, r->from) == NULL) {
		config_faults_print(&r->set.faults, stderr);
		status = server_set_refuse(EX_CONFIG, r->from, "is not renamed: its file has errors");
	}
	if (status == EX_OK && access(r->new_file, F_OK) == 0)
		status = server_set_refuse(1, r->to, "exists already");
	return status == EX_OK ? judge_folders(r) : status;
}

/* --- when it has stopped --- */

static void
move_back(struct rename *r)
{
	for (size_t i = 0; i < FOLDERS; i++)
		if (r->folder[i].moved && rename(r->folder[i].new, r->folder[i].old) == -1)
			(void)server_set_say_errno(r->folder[i].new);
}

static int
move_folders(struct rename *r)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		struct named_folder *f = &r->folder[i];
		struct stat st;

		if (!f->named || lstat(f->old, &st) == -1)
			continue;
		if (rename(f->old, f->new) == -1)
			return server_set_say_errno(f->old);
		f->moved = true;
	}
	return EX_OK;
}

/*
 * Reads all INI files with the new name among them. Errors that were there before do not count: new ones may
 * be another virtual server's, whose folders are now in the way.
 */
static int
judge_set(const struct rename *r)
{
	struct server_set set;
	int status = server_set_open(&set, r->set.config_path);

	if (status == EX_OK && set.faults.errors > r->set.faults.errors) {
		config_faults_print(&set.faults, stderr);
		status = EX_CONFIG;
	}
	server_set_close(&set);
	return status;
}

static int
move_files(struct rename *r, bool wanted)
{
	const char *state = r->set.config->service.state;
	int status = move_folders(r);

	if (status == EX_OK && rename(r->old_file, r->new_file) == -1)
		status = server_set_say_errno(r->old_file);
	else if (status == EX_OK && (status = judge_set(r)) != EX_OK &&
	    rename(r->new_file, r->old_file) == -1)
		(void)server_set_say_errno(r->new_file);
	if (status != EX_OK) {
		move_back(r);
		return status;
	}
	/* it has the new name now, whatever becomes of this */
	if (server_set_move_state(state, r->from, r->to, wanted) == -1)
		(void)server_set_say_errno(state);
	printf("%s is now %s\n", r->from, r->to);
	return EX_OK;
}

static int
rename_server(struct rename *r, int (*request)(void *arg, const char *what, const char *name), void *arg)
{
	bool wanted = wanted_state_wanted(r->set.config->service.state, r->from);
	int status;

	find_folders(r);
	status = judge_rename(r);
	if (status == EX_OK)
		status = request(arg, "stop", r->from);
	if (status != EX_OK)
		return status;
	status = move_files(r, wanted);
	if (status != EX_OK && wanted)
		(void)request(arg, "start", r->from); /* it ran before */
	return status;
}

int
server_rename(const char *config_path, const char *from, const char *to,
    int (*request)(void *arg, const char *what, const char *name), void *arg)
{
	struct rename r = { .from = from, .to = to };
	int status;

	if (!server_set_name_is_good(to))
		return server_set_refuse(EX_USAGE, to,
		    "is no name: small letters, digits and hyphens, 32 at the most");
	status = server_set_open(&r.set, config_path);
	r.old_file = server_set_path(&r.set, from, "");
	r.new_file = server_set_path(&r.set, to, "");
	if (status == EX_OK)
		status = rename_server(&r, request, arg);
	for (size_t i = 0; i < FOLDERS; i++) {
		free(r.folder[i].old);
		free(r.folder[i].new);
	}
	free(r.old_file);
	free(r.new_file);
	server_set_close(&r.set);
	return status;
}
