/*
 * config - the set of INI files as one object: read and judged, from files or from a snapshot
 *
 * Runs in:  every process
 * Owns:     everything a config points to (config_free)
 * Promise:  a config that is returned has passed the judge; it never changes
 * Fails by: NULL and faults (files), NULL and errno (snapshot)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_filter.h"
#include "common/config/config_private.h"

#define USER(role) { #role "-user", offsetof(struct config_service, role##_user), NULL }
const struct config_user config_users[CONFIG_USERS] = {
	USER(listener), USER(resolver), USER(auth), USER(directory), USER(fetch), USER(metrics),
	USER(web),
	/* A host that has neither need not have it: it may come from a version that had no such user. */
	{ "filter-user", offsetof(struct config_service, filter_user), config_filter_is_any },
	{ "limits-user", offsetof(struct config_service, limits_user), config_limits_are_shared },
};

bool
config_user_is_needed(const struct config *c, const struct config_user *user)
{
	return user->is_needed == NULL || user->is_needed(c);
}

const char *
config_service_user(const struct config_service *s, size_t offset)
{
	return *(char *const *)(const void *)((const char *)s + offset);
}

/* Takes out the virtual servers whose files have errors. */
static void
drop_broken(struct config_work *w)
{
	struct config *c = w->config;
	size_t kept = 0;

	for (size_t i = 0; i < c->nserver; i++) {
		if (config_work_source(w, i)->errors > 0)
			config_build_free_server(&c->server[i]);
		else
			c->server[kept++] = c->server[i];
	}
	c->nserver = kept;
}

/* From sources to a judged config; NULL when postern.ini has errors. */
struct config *
config_make(struct config_work *w)
{
	struct buf text = BUF_INIT(CONFIG_SNAPSHOT_MAX);

	w->ini = mem_zalloc(w->sources.count * sizeof(*w->ini));
	for (size_t i = 0; i < w->sources.count; i++)
		config_ini_parse(&w->ini[i], &w->sources.source[i], w->faults);
	config_build_all(w);
	config_judge_all(w);
	w->config->servers = w->sources.servers > 0 ? w->sources.servers : w->sources.count - 1;
	config_snapshot_format(&text, w);
	if (!buf_ok(&text))
		config_faults_add(w->faults, &w->sources.source[0], 0, false,
		    "all INI files together are larger than %d MiB", CONFIG_SNAPSHOT_MAX / 1024 / 1024);
	w->config->text = text.data;
	w->config->text_len = text.len;
	drop_broken(w);
	for (size_t i = 0; i < w->sources.count; i++)
		config_ini_done(&w->ini[i]);
	free(w->ini);
	if (w->sources.source[0].errors > 0) {
		config_free(w->config);
		w->config = NULL;
	}
	config_faults_sort(w->faults);
	return w->config;
}

struct config *
config_make_files(struct config_files *files, struct config_work *w)
{
	struct config *c = config_make(w);

	config_file_forget_texts(&w->sources);
	files->sources = w->sources;
	if (c != NULL) {
		c->files = files;
		files->users++;
	}
	return c;
}

struct config *
config_read_files(const char *path, struct config_files **files, struct config_faults *faults)
{
	struct config_work w = { .faults = faults, .folders = true };

	*faults = (struct config_faults){ 0 };
	*files = mem_new(struct config_files);
	(*files)->users = 1;
	config_file_gather(&w, path);
	config_faults_copy(&(*files)->faults, faults);
	return config_make_files(*files, &w);
}

struct config *
config_read(const char *path, struct config_faults *faults)
{
	struct config_files *files;
	struct config *c = config_read_files(path, &files, faults);

	config_files_drop(files);
	return c;
}

struct config *
config_read_lists(struct config_files *files, struct config_faults *faults)
{
	struct config_work w = { .sources = files->sources, .faults = faults, .folders = true };

	*faults = (struct config_faults){ 0 };
	config_faults_copy(faults, &files->faults);
	config_file_forget_lists(&w.sources);
	for (size_t i = 0; i < w.sources.count; i++)
		w.sources.source[i].errors = w.sources.source[i].unreadable;
	return config_make_files(files, &w);
}

const char *
config_files_list(const struct config_files *files, size_t n)
{
	return n < files->sources.lists ? files->sources.list[n].path : NULL;
}

void
config_files_drop(struct config_files *files)
{
	if (files == NULL || --files->users > 0)
		return;
	config_file_done(&files->sources);
	config_faults_done(&files->faults);
	free(files);
}

/* `server`: without the files of all others; NULL: all. */
static struct config *
read_text(const char *text, size_t len, const char *server)
{
	struct config_faults faults = { 0 };
	struct config_work w = { .faults = &faults };
	struct config *c = NULL;

	if (config_snapshot_parse(&w.sources, text, len) == 0) {
		if (server != NULL)
			config_file_keep(&w.sources, server);
		c = config_make(&w);
		if (c != NULL && faults.errors > 0) {
			config_free(c);
			c = NULL;
		}
		if (c == NULL)
			errno = EINVAL;
	}
	config_faults_done(&faults);
	config_file_done(&w.sources);
	return c;
}

struct config *
config_read_snapshot(int fd)
{
	size_t len;
	char *text = config_snapshot_read(fd, &len);
	struct config *c = text != NULL ? read_text(text, len, NULL) : NULL;

	free(text);
	return c;
}

int
config_snapshot_of(const struct config *c, const char *server)
{
	struct config *own = read_text(c->text, c->text_len, server);
	int fd = own != NULL ? config_snapshot(own) : -1, saved = errno;

	config_free(own);
	errno = saved;
	return fd;
}

enum log_sink
config_service_log_sink(const struct config_service *s, bool foreground)
{
	bool to_syslog = s->events != NULL ? strcmp(s->events, "syslog") == 0 : s->syslog;

	if (s->events != NULL && s->events[0] == '/')
		return LOG_TO_FILE;
	if (s->events != NULL && strcmp(s->events, "json") == 0)
		return LOG_TO_JSON;
	return to_syslog && !foreground ? LOG_TO_SYSLOG : LOG_TO_STDERR;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	config_files_drop(c->files);
	config_build_free(c);
}
