/*
 * change_servers - a virtual server gets another name, is deleted, and comes back: what has to move for that
 *
 * Runs in:  master, posternctl
 * Owns:     nothing; looks at folders, and moves none
 * Promise:  what could not be moved is refused before the virtual server is stopped. Mail folders are never
 *           removed; the file of one that is deleted is kept under another name
 * Fails by: an exit status and words
 */
#include "common/change/change_servers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/change/change_queue.h"
#include "common/change/change_words.h"
#include "common/config/config.h"
#include "common/config/server_name.h"
#include "common/config/server_numbers.h"
#include "common/host/wanted_state.h"

#define CHANGE_SERVERS_NO_MATCH 3

bool
change_servers_is_command(const char *command)
{
	return strcmp(command, "rename") == 0 || strcmp(command, "delete") == 0;
}

static int
say_errno(struct change *c, const char *path)
{
	int error = errno;

	buf_printf(&c->why, "%s: %s\n", path, disk_reason(path, error));
	return error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM :
	    error == EEXIST ? 1 : EX_IOERR;
}

static void
add_step(struct change *c, const char *from, const char *to)
{
	c->step = mem_grow(c->step, c->steps, sizeof(*c->step));
	c->step[c->steps++] = (struct change_step){ mem_strdup(from), mem_strdup(to), 0 };
	buf_printf(&c->diff, "-%s\n+%s\n", from, to);
}

/* What is remembered of the one that goes. */
static void
recall(struct change *c, const struct config *config)
{
	const char *state = config->service.state;
	struct server_numbers n;

	server_numbers_read(&n, state);
	c->id = server_numbers_find(&n, c->gone);
	server_numbers_done(&n);
	c->stopped = !wanted_state_wanted(state, c->gone);
}

/* --- rename: the folders that have its name --- */

/* A folder of a file that names it is no such folder. */
static char *
named_folder(const struct config_server *s, const char *key, const char *parent, const char *path)
{
	char *old = mem_printf("%s/%s", parent, s->name);

	if (path != NULL && strcmp(path, old) == 0 && !config_faults_key_is_given(s, KEY_GENERAL, key))
		return old;
	free(old);
	return NULL;
}

/* A folder that a file names by its path stays where it is: it must not lie in one that moves. */
static int
judge_inside(struct change *c, const struct config_server *s, const char *home)
{
	const char *drop = s->default_domain != NULL ? s->default_domain->drop : NULL;
	size_t len = strlen(home);

	const struct {
		const char *key, *path;
		bool given;
	} inside[] = {
		{ "pickup", s->pickup, config_faults_key_is_given(s, KEY_GENERAL, "pickup") },
		{ "queue", s->queue, config_faults_key_is_given(s, KEY_GENERAL, "queue") },
		{ "drop", s->drop, config_faults_key_is_given(s, KEY_GENERAL, "drop") },
		{ "drop", drop, drop != NULL },
		{ "badmail", s->badmail, config_faults_key_is_given(s, KEY_MESSAGES, "badmail") },
	};
	for (size_t i = 0; i < nitems_of(inside); i++) {
		const char *path = inside[i].path;

		if (!inside[i].given || strncmp(path, home, len) != 0 || path[len] != '/')
			continue;
		buf_printf(&c->why, "%s is not renamed: %s is %.400s by its file, in the home folder that "
		    "would move; take that key out first\n", s->name, inside[i].key, path);
		return 1;
	}
	return EX_OK;
}

/* Whether names may change there, and the new name is free. */
static int
judge_folder(struct change *c, const char *parent, const char *old, const char *new)
{
	struct stat st, above;

	if (lstat(new, &st) == 0) {
		errno = EEXIST;
		return say_errno(c, new);
	}
	if (lstat(old, &st) == -1)
		return EX_OK;	/* it is made when it is needed */
	if (access(parent, W_OK) == -1)
		return say_errno(c, parent);
	if (stat(parent, &above) == 0 && above.st_dev != st.st_dev) {
		buf_printf(&c->why, "%s is a file system of its own, which cannot be renamed: name it in the "
		    "file (home, log-directory) first\n", old);
		return 1;
	}
	return EX_OK;
}

static int
move_folder(struct change *c, const char *parent, char *old)
{
	char *new = mem_printf("%s/%s", parent, c->server);
	int status = old != NULL ? judge_folder(c, parent, old, new) : EX_OK;

	if (old != NULL && status == EX_OK)
		add_step(c, old, new);
	free(new);
	free(old);
	return status;
}

static int
judge_writable(struct change *c, const char *file, const char *state)
{
	char *servers = mem_strndup(file, (size_t)(strrchr(file, '/') - file));
	int status = EX_OK;

	if (access(servers, W_OK) == -1)
		status = say_errno(c, servers);
	else if (access(state, W_OK) == -1)
		status = say_errno(c, state);
	free(servers);
	return status;
}

static int
open_gone(struct change *c, const char *config_path, const struct config *config, const char *name)
{
	int status;

	if (!server_name_is_good(name)) {
		*c = (struct change){ .why = BUF_INIT(1000) };
		buf_printf(&c->why, "there is no virtual server %s\n", log_safe(name));
		return CHANGE_SERVERS_NO_MATCH;
	}
	status = change_open(c, config_path, name);
	if (status == EX_NOINPUT)
		status = CHANGE_SERVERS_NO_MATCH;
	c->gone = mem_strdup(name);
	recall(c, config);
	return status == EX_OK ? judge_writable(c, c->path, config->service.state) : status;
}

static int
rename_server(struct change *c, const char *config_path, const struct config *config, const char *from,
    const char *to)
{
	const struct config_server *s = config_server_by_name(config, from);
	int status = open_gone(c, config_path, config, from);
	char *old;

	if (status != EX_OK)
		return status;
	if (s == NULL) {	/* which folders are its own is not known then */
		buf_printf(&c->why, "%s is not renamed: its file has errors\n", from);
		return EX_CONFIG;
	}
	old = c->path;
	c->path = change_path(config_path, to);
	free(c->server);
	c->server = mem_strdup(to);
	if (access(c->path, F_OK) == 0) {
		buf_printf(&c->why, "%s exists already\n", to);
		status = 1;
	}
	if (status == EX_OK)
		status = move_folder(c, config->service.spool, named_folder(s, "home",
		    config->service.spool, s->home));
	if (status == EX_OK && c->steps > 0)
		status = judge_inside(c, s, c->step[0].from);
	if (status == EX_OK)
		status = move_folder(c, config->service.logs, named_folder(s, "log-directory",
		    config->service.logs, s->log_directory));
	if (status == EX_OK)
		add_step(c, old, c->path);	/* the last one: until then its folders can go back */
	free(old);
	return status;
}

/* --- delete --- */

/* Where its file is kept: an earlier one of the same name is not replaced. Owned by the caller. */
static char *
free_path(const char *file)
{
	char *path = mem_printf("%s.deleted", file);

	for (unsigned n = 2; access(path, F_OK) == 0 && n < 1000; n++) {
		free(path);
		path = mem_printf("%s.deleted-%u", file, n);
	}
	return path;
}

static int
delete_server(struct change *c, const char *config_path, const struct config *config, const char *name)
{
	int status = open_gone(c, config_path, config, name);
	char *kept;

	if (status != EX_OK)
		return status;
	if (strcmp(name, "default") == 0) {
		buf_puts(&c->why, "default cannot be deleted\n");
		return 1;
	}
	if (config->nserver == 1 && strcmp(config->server[0].name, name) == 0) {
		buf_printf(&c->why, "%s is the last virtual server; it cannot be deleted\n", name);
		return 1;
	}
	kept = free_path(c->path);
	add_step(c, c->path, kept);
	free(kept);
	return EX_OK;
}

/* --- the words --- */

static int
fail(struct change *c, int status, const char *text, const char *name)
{
	*c = (struct change){ .why = BUF_INIT(1000) };
	buf_printf(&c->why, "%s%s\n", log_safe(name), text);
	return status;
}

int
change_servers_make(struct change *c, const char *config_path, const struct config *config,
    const char *command, const char *name, const char *const *words, size_t count)
{
	bool renames = strcmp(command, "rename") == 0;
	const char *to = NULL;
	size_t names = 0;

	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], CHANGE_WORDS_DRY_RUN) != 0) {
			to = words[i];
			names++;
		}
	if (names != (renames ? 1 : 0))
		return fail(c, EX_USAGE, renames ? ": say the name and the new name" :
		    ": say one name, and nothing else", command);
	if (!renames)
		return delete_server(c, config_path, config, name);
	if (!server_name_is_good(to))
		return fail(c, EX_USAGE, " is no name: small letters, digits and hyphens, 32 at the most",
		    to);
	return rename_server(c, config_path, config, name, to);
}

/* --- taken back --- */

static bool
moves(const struct change_record *r)
{
	return r->steps > 0 && r->keys == 1 && strcmp(r->key[0].place, CHANGE_HISTORY_NAME) == 0 &&
	    r->key[0].before != NULL;
}

bool
change_servers_is_record(const struct change_record *r)
{
	return r->server != NULL && (moves(r) || r->lines == NULL);
}

/* The file is there again as it was; its folders have never gone. */
static int
bring_back(struct change *c, const char *config_path, const struct change_record *r)
{
	int status = change_open_new(c, config_path, r->server, r->lines != NULL ? r->lines : "");

	c->kept = mem_strdup(r->step[0].to);
	c->back = r->number;
	c->id = r->id;
	c->stopped = r->stopped;
	buf_printf(&c->diff, "+%s\n", c->path);
	return status;
}

/* One that was made, or came back, goes again: unless mail came meanwhile. */
static int
unmake(struct change *c, const char *config_path, const struct config *config, const char *name)
{
	const struct config_server *s = config_server_by_name(config, name);
	int status = delete_server(c, config_path, config, name);

	if (status == EX_OK && s == NULL) {	/* where its queue is, is not known then */
		buf_printf(&c->why, "%s stays: its file has errors; posternctl delete %s deletes it all the "
		    "same\n", name, name);
		return EX_CONFIG;
	}
	if (status == EX_OK) {
		c->queue = mem_strdup(s->queue);
		status = change_servers_judge_queue(c);
	}
	return status;
}

int
change_servers_judge_queue(struct change *c)
{
	if (c->queue == NULL || change_queue_is_empty(c->queue, &c->why))
		return EX_OK;
	buf_printf(&c->why, "%s stays: mail waits in its queue, %s; let it go or move it first, or say "
	    "posternctl delete %s, which leaves it there\n", c->server, c->queue, c->server);
	return 1;
}

int
change_servers_undo(struct change *c, const char *config_path, const struct config *config,
    const struct change_record *r)
{
	const char *after = moves(r) ? r->key[0].after : r->server;

	if (!server_name_is_good(r->server) ||
	    (moves(r) && !server_name_is_good(r->key[0].before)))
		return fail(c, 1, ": that change cannot be read", r->command);
	if (after == NULL)
		return bring_back(c, config_path, r);
	if (r->gone)
		return fail(c, CHANGE_SERVERS_NO_MATCH, ": there is no such virtual server any more",
		    r->server);
	if (strcmp(after, r->server) != 0)
		return fail(c, CHANGE_SERVERS_NO_MATCH, " has got another name since", after);
	return moves(r) ? rename_server(c, config_path, config, r->server, r->key[0].before) :
	    unmake(c, config_path, config, r->server);
}

int
change_servers_recall(const struct change *c, const char *state)
{
	struct server_numbers n;
	int result = 0;

	if (c->stopped)
		result = wanted_state_write(state, c->server, false);
	server_numbers_read(&n, state);
	if (result == 0 && c->id != 0 && server_numbers_owner(&n, c->id) == NULL &&
	    server_numbers_set(&n, c->server, c->id))
		result = server_numbers_write(&n, state);
	server_numbers_done(&n);
	return result;
}

void
change_servers_say(const struct change *c, const struct config *before, struct buf *out)
{
	const struct config_server *s = config_server_by_name(before, c->gone);

	if (strcmp(c->gone, c->server) != 0)
		buf_printf(out, "%s is now %s\n", c->gone, c->server);
	else
		buf_printf(out, "%s has been deleted; its file is kept as %s%s%s\n", c->gone, c->step[0].to,
		    s != NULL ? ", its mail in " : "", s != NULL ? s->home : "");
}
