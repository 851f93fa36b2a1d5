/*
 * server_command - makes and deletes virtual servers: INI file and wanted state
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a new file with errors is removed again. Mail folders are never removed. When a step fails, the
 *           steps before are undone
 * Fails by: an exit status and a line on the standard error output
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
				return server_set_refuse(1, s->name, why);
			}
	return EX_OK;
}

/* Reads all INI files with the new one among them. EX_OK, or a status, and the faults are printed. */
static int
judge_set(const char *config_path, const char *name)
{
	struct server_set set;
	const struct config_server *s;
	int status = server_set_open(&set, config_path);

	if (status == EX_OK && (s = config_server_by_name(set.config, name)) == NULL) {
		config_faults_print(&set.faults, stderr);
		status = EX_CONFIG;
	} else if (status == EX_OK) {
		status = judge_addresses(set.config, s);
	}
	server_set_close(&set);
	return status;
}

static int
create_in_set(const struct server_set *set, const char *path, const char *const *words, size_t count)
{
	struct buf text = BUF_INIT(SERVER_COMMAND_FILE_MAX), why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;

	buf_puts(&why, "is not made: ");
	if (!write_ini_text(&text, &why, set->config, words + 1, count - 1))
		status = server_set_refuse(EX_USAGE, words[0], buf_text(&why));
	else if (create_file(path, &text) == -1)
		status = server_set_say_errno(path);
	else if ((status = judge_set(set->config_path, words[0])) != EX_OK)
		unlink(path);
	buf_done(&text);
	buf_done(&why);
	return status;
}

int
server_command_create(const char *config_path, const char *const *words, size_t count)
{
	struct server_set set;
	int status;
	char *path;

	if (!server_set_name_is_good(words[0]))
		return server_set_refuse(EX_USAGE, words[0],
		    "is no name: small letters, digits and hyphens, 32 at the most");
	status = server_set_open(&set, config_path);
	path = server_set_path(&set, words[0], "");
	if (status == EX_OK)
		status = access(path, F_OK) == 0 ? server_set_refuse(1, words[0], "exists already") :
		    create_in_set(&set, path, words, count);
	if (status == EX_OK)
		printf("%s has been made: %s\n", words[0], path);
	free(path);
	server_set_close(&set);
	return status;
}

/* --- delete --- */

static int
may_be_deleted(const struct server_set *set, const char *name)
{
	int status = server_set_find(set, name);

	if (status == EX_OK && strcmp(name, "default") == 0)
		status = server_set_refuse(1, name, "cannot be deleted");
	if (status == EX_OK && set->config->nserver == 1 && strcmp(set->config->server[0].name, name) == 0)
		status = server_set_refuse(1, name, "is the last virtual server; it cannot be deleted");
	return status;
}

/* Where its file is kept: an earlier one of the same name is not replaced. */
static char *
free_path(const struct server_set *set, const char *name)
{
	char *path = server_set_path(set, name, ".deleted");
	char ending[32];

	for (unsigned n = 2; access(path, F_OK) == 0 && n < 1000; n++) {
		free(path);
		snprintf(ending, sizeof(ending), ".deleted-%u", n);
		path = server_set_path(set, name, ending);
	}
	return path;
}

int
server_command_delete(const char *config_path, const char *name)
{
	struct server_set set;
	int status = server_set_open(&set, config_path);
	char *path, *kept;

	if (status == EX_OK)
		status = may_be_deleted(&set, name);
	path = server_set_path(&set, name, "");
	kept = free_path(&set, name);
	if (status == EX_OK && rename(path, kept) == -1)
		status = server_set_say_errno(path);
	if (status == EX_OK) {
		const struct config_server *s = config_server_by_name(set.config, name);

		if (server_set_move_state(set.config->service.state, name, NULL, true) == -1)
			(void)server_set_say_errno(set.config->service.state);
		printf("%s has been deleted; its file is kept as %s%s%s\n", name, kept,
		    s != NULL ? ", its mail in " : "", s != NULL ? s->home : "");
	}
	free(path);
	free(kept);
	server_set_close(&set);
	return status;
}
