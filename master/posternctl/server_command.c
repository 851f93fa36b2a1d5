/*
 * server_command - makes, renames and deletes virtual servers: INI file, home folder and wanted state
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a new file with errors is removed again. Mail folders are never removed. When a step fails, the
 *           steps before are undone
 * Fails by: an exit status and a line on the standard error output
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/server_numbers.h"
#include "common/config/wanted_state.h"
#include "master/posternctl/posternctl.h"

#define SERVER_COMMAND_FILE_MAX 65536
#define SERVER_COMMAND_NO_MATCH 3

struct server_command {
	const char *config_path;
	struct config *config;
	struct config_faults faults;
};

static int
say_errno(const char *what)
{
	int status = errno == EACCES || errno == EPERM || errno == EROFS ? EX_NOPERM :
	    errno == EEXIST ? 1 : EX_IOERR;

	fprintf(stderr, "posternctl: %s: %s\n", what, strerror(errno));
	return status;
}

static int
say_refusal(int status, const char *name, const char *why)
{
	fprintf(stderr, "posternctl: %s %s\n", log_safe(name), why);
	return status;
}

bool
server_command_name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= CONFIG_NAME_MAX && name[n] == '\0' && name[0] != '-';
}

/* Path of servers/NAME.ini beside the service file, with `ending` after it; owned by the caller. */
static char *
server_path(const struct server_command *set, const char *name, const char *ending)
{
	const char *slash = strrchr(set->config_path, '/');
	int folder = slash != NULL ? (int)(slash - set->config_path) + 1 : 0;

	return mem_printf("%.*sservers/%s.ini%s", folder, set->config_path, name, ending);
}

static int
open_set(struct server_command *set, const char *config_path)
{
	*set = (struct server_command){ .config_path = config_path };
	set->config = config_read(config_path, &set->faults);
	if (set->config != NULL)
		return EX_OK;
	config_faults_print(&set->faults, stderr);
	return EX_CONFIG;
}

static void
close_set(struct server_command *set)
{
	config_free(set->config);
	config_faults_done(&set->faults);
}

/* --- create --- */

static uint32_t
lowest_free_id(const struct config *c)
{
	struct server_numbers n;
	uint32_t id = 1;

	server_numbers_read(&n, c->service.state);
	while (config_server_by_id(c, id) != NULL || server_numbers_owner(&n, id) != NULL)
		id++;
	server_numbers_done(&n);
	return id;
}

static const char *
create_key(const void *arg, size_t i)
{
	static const char *const keys[] = { "listen", "domain", "description" };

	return i < nitems_of(keys) ? keys[i] : NULL;
}

/* Why `word` is nothing that create knows. */
static void
blame_word(struct buf *why, const char *word)
{
	char *key = mem_strndup(word, strcspn(word, "="));

	if (word[strcspn(word, "=")] == '\0')
		buf_printf(why, "%.60s: say listen=ADDRESS, domain=NAME or description=TEXT", word);
	else if (strcmp(key, "listen") == 0 || strcmp(key, "domain") == 0 || strcmp(key, "description") == 0)
		complaint_value(why, key, NULL, "one line of text behind =");
	else
		complaint_unknown(why, "key", key, create_key, NULL);
	free(key);
}

/*
 * Makes the text of an INI file from words: listen=ADDRESS (any number), domain=NAME, description=TEXT.
 * False: a word is none of these.
 */
static bool
write_ini_text(struct buf *b, struct buf *why, const struct config *c, const char *const *words, size_t count)
{
	const char *domain = c->service.hostname;

	buf_printf(b, "; Made by posternctl create; see postern.ini(5).\n[general]\nid = %u\n",
	    lowest_free_id(c));
	for (size_t i = 0; i < count; i++) {
		const char *value = strchr(words[i], '=');
		bool good = value != NULL && value[1] != '\0' && value[strcspn(value, "\r\n")] == '\0';

		if (good && strncmp(words[i], "domain=", 7) == 0)
			domain = value + 1;
		else if (good && (strncmp(words[i], "listen=", 7) == 0 ||
		    strncmp(words[i], "description=", 12) == 0))
			buf_printf(b, "%.*s = %s\n", (int)(value - words[i]), words[i], value + 1);
		else {
			blame_word(why, words[i]);
			return false;
		}
	}
	buf_printf(b, "\n[domain %s]\ntype = default\n", domain);
	return buf_ok(b);
}

static int
create_file(const char *path, const struct buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int saved, result;

	if (fd == -1)
		return -1;
	result = disk_write(fd, text->data, text->len);
	if (result == 0)
		result = disk_sync(fd);
	saved = errno;
	close(fd);
	if (result == -1)
		unlink(path);
	errno = saved;
	return result;
}

/* Whether another virtual server has one of the addresses of `s`. */
static int
judge_addresses(const struct config *c, const struct config_server *s)
{
	for (size_t i = 0; i < c->nserver; i++)
		for (size_t j = 0; j < c->server[i].nlisten; j++)
			for (size_t k = 0; k < s->nlisten; k++) {
				const struct config_listen *a = &c->server[i].listen[j], *b = &s->listen[k];
				char why[300];

				if (&c->server[i] == s ||
				    !net_equal((const struct sockaddr *)&a->address.sa,
				    (const struct sockaddr *)&b->address.sa))
					continue;
				snprintf(why, sizeof(why),
				    "is not made: %s belongs to virtual server %s; say listen=ADDRESS",
				    b->text, c->server[i].name);
				return say_refusal(1, s->name, why);
			}
	return EX_OK;
}

/* Reads all INI files with the new one among them. EX_OK, or a status, and the faults are printed. */
static int
judge_set(const char *config_path, const char *name)
{
	struct server_command set;
	const struct config_server *s;
	int status = open_set(&set, config_path);

	if (status == EX_OK && (s = config_server_by_name(set.config, name)) == NULL) {
		config_faults_print(&set.faults, stderr);
		status = EX_CONFIG;
	} else if (status == EX_OK) {
		status = judge_addresses(set.config, s);
	}
	close_set(&set);
	return status;
}

static int
create_in_set(const struct server_command *set, const char *path, const char *const *words, size_t count)
{
	struct buf text = BUF_INIT(SERVER_COMMAND_FILE_MAX), why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;

	buf_puts(&why, "is not made: ");
	if (!write_ini_text(&text, &why, set->config, words + 1, count - 1))
		status = say_refusal(EX_USAGE, words[0], buf_text(&why));
	else if (create_file(path, &text) == -1)
		status = say_errno(path);
	else if ((status = judge_set(set->config_path, words[0])) != EX_OK)
		unlink(path);
	buf_done(&text);
	buf_done(&why);
	return status;
}

int
server_command_create(const char *config_path, const char *const *words, size_t count)
{
	struct server_command set;
	int status;
	char *path;

	if (!server_command_name_is_good(words[0]))
		return say_refusal(EX_USAGE, words[0],
		    "is no name: small letters, digits and hyphens, 32 at the most");
	status = open_set(&set, config_path);
	path = server_path(&set, words[0], "");
	if (status == EX_OK)
		status = access(path, F_OK) == 0 ? say_refusal(1, words[0], "exists already") :
		    create_in_set(&set, path, words, count);
	if (status == EX_OK)
		printf("%s has been made: %s\n", words[0], path);
	free(path);
	close_set(&set);
	return status;
}

/* --- delete, rename --- */

/* What is remembered of `from` goes to `to`; NULL: it is forgotten. 0, or -1 and errno. */
static int
move_state(const char *folder, const char *from, const char *to, bool wanted)
{
	struct server_numbers n;
	uint32_t id;
	int result = 0;

	wanted_state_forget(folder, from);
	if (to != NULL && !wanted)
		result = wanted_state_write(folder, to, false);
	server_numbers_read(&n, folder);
	id = server_numbers_find(&n, from);
	if (id != 0 && result == 0) {
		(void)server_numbers_set(&n, to != NULL ? to : from, to != NULL ? id : 0);
		result = server_numbers_write(&n, folder);
	}
	server_numbers_done(&n);
	return result;
}

/* Whether virtual server `name` may be deleted or renamed: EX_OK, else an exit status. */
static int
may_be_deleted(const struct server_command *set, const char *name)
{
	char *path = server_path(set, name, "");
	bool there = server_command_name_is_good(name) && access(path, F_OK) == 0;

	free(path);
	if (!there)
		return say_refusal(SERVER_COMMAND_NO_MATCH, name, "is no virtual server");
	if (strcmp(name, "default") == 0)
		return say_refusal(1, name, "cannot be deleted or renamed");
	return EX_OK;
}

int
server_command_delete(const char *config_path, const char *name)
{
	struct server_command set;
	int status = open_set(&set, config_path);
	char *path, *kept;

	if (status == EX_OK)
		status = may_be_deleted(&set, name);
	if (status == EX_OK && set.config->nserver == 1 && strcmp(set.config->server[0].name, name) == 0)
		status = say_refusal(1, name, "is the last virtual server; it cannot be deleted");
	path = server_path(&set, name, "");
	kept = server_path(&set, name, ".deleted");
	if (status == EX_OK && rename(path, kept) == -1)
		status = say_errno(path);
	if (status == EX_OK) {
		const struct config_server *s = config_server_by_name(set.config, name);

		if (move_state(set.config->service.state, name, NULL, true) == -1)
			status = say_errno(set.config->service.state);
		printf("%s has been deleted; its file is kept as %s%s%s\n", name, kept,
		    s != NULL ? ", its mail in " : "", s != NULL ? s->home : "");
	}
	free(path);
	free(kept);
	close_set(&set);
	return status;
}

/*
 * Whether the folders in which names change may be written to, and the new home is free: asked before the
 * virtual server is stopped for it. EX_OK, else an exit status.
 */
static int
may_be_renamed(const struct server_command *set, const char *from, const char *to)
{
	const struct config_server *s = config_server_by_name(set->config, from);
	char *old = mem_printf("%s/%s", set->config->service.spool, from),
	    *new = mem_printf("%s/%s", set->config->service.spool, to), *file = server_path(set, from, "");
	bool moves = s != NULL && strcmp(s->home, old) == 0 && access(old, F_OK) == 0;
	struct stat st;
	int status = EX_OK;

	*strrchr(file, '/') = '\0';
	if (access(file, W_OK) == -1)
		status = say_errno(file);
	else if (access(set->config->service.state, W_OK) == -1)
		status = say_errno(set->config->service.state);
	else if (moves && access(set->config->service.spool, W_OK) == -1)
		status = say_errno(set->config->service.spool);
	else if (moves && lstat(new, &st) == 0) {
		errno = EEXIST;
		status = say_errno(new);
	}
	free(old);
	free(new);
	free(file);
	return status;
}

/* Renames the home folder when it is named after the virtual server; `back`: undoes it. 0 or -1. */
static int
move_home(const struct config *c, const char *from, const char *to, bool back)
{
	char *old = mem_printf("%s/%s", c->service.spool, from),
	    *new = mem_printf("%s/%s", c->service.spool, to);
	const struct config_server *s = config_server_by_name(c, from);
	struct stat st;
	int result = 0;
	int saved;

	if (s != NULL && strcmp(s->home, old) == 0) {
		if (!back && lstat(new, &st) == 0) {
			errno = EEXIST;
			result = -1;
		} else if (lstat(back ? new : old, &st) == 0) {
			result = back ? rename(new, old) : rename(old, new);
		}
	}
	saved = errno;
	free(old);
	free(new);
	errno = saved;
	return result;
}

/* The virtual server has stopped: its files get the new name. The exit status. */
static int
rename_server_files(const struct server_command *set, const char *from, const char *to, bool wanted)
{
	char *old = server_path(set, from, ""), *new = server_path(set, to, "");
	const char *folder = set->config->service.state;
	int status = EX_OK;

	if (move_home(set->config, from, to, false) == -1) {
		status = say_errno("the home folder");
	} else if (rename(old, new) == -1) {
		status = say_errno(old);
		if (move_home(set->config, from, to, true) == -1)
			status = say_errno("the home folder");
	} else {
		if (move_state(folder, from, to, wanted) == -1)
			status = say_errno(folder);
		printf("%s is now %s\n", from, to);
	}
	free(old);
	free(new);
	return status;
}

int
server_command_rename(const char *config_path, const char *from, const char *to,
    int (*request)(void *arg, const char *what, const char *name), void *arg)
{
	struct server_command set;
	int status;
	char *path;

	if (!server_command_name_is_good(to))
		return say_refusal(EX_USAGE, to,
		    "is no name: small letters, digits and hyphens, 32 at the most");
	status = open_set(&set, config_path);
	path = server_path(&set, to, "");
	if (status == EX_OK)
		status = may_be_deleted(&set, from);
	if (status == EX_OK && access(path, F_OK) == 0)
		status = say_refusal(1, to, "exists already");
	if (status == EX_OK)
		status = may_be_renamed(&set, from, to);
	if (status == EX_OK) {
		bool wanted = wanted_state_wanted(set.config->service.state, from);

		status = request(arg, "stop", from);
		if (status == EX_OK && (status = rename_server_files(&set, from, to, wanted)) != EX_OK &&
		    wanted)
			(void)request(arg, "start", from); /* it ran before */
	}
	free(path);
	close_set(&set);
	return status;
}
