/*
 * config_files - the INI files of one reading, and as they would be with another text of one of them
 *
 * Runs in:  master, posternctl
 * Owns:     the changed files until config_files_drop
 * Promise:  the judge is that of every reading; nothing is written
 * Fails by: NULL and faults
 */
#include "common/config/config_files.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

static bool
is_of(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const char *
config_files_text(const struct config_files *files, const char *server, size_t *len)
{
	for (size_t i = 0; i < files->sources.count; i++) {
		const struct config_source *s = &files->sources.source[i];

		if (!is_of(s->server, server))
			continue;
		*len = s->len;
		return s->text;
	}
	return NULL;
}

struct config *
config_files_judge(const char *path, const struct config_candidate *candidate, struct config_faults *faults)
{
	struct config_work w = { .faults = faults, .folders = true };
	struct config *c;

	*faults = (struct config_faults){ 0 };
	config_file_gather_with(&w, path, candidate);
	c = config_make(&w);
	config_file_done(&w.sources);
	return c;
}

/* --- from an earlier reading --- */

static void
add_text(struct config_sources *sources, const char *server, const char *path, const char *text, size_t len)
{
	struct config_source *s = config_file_add(sources, server, path);

	s->len = text != NULL ? len : 0;
	s->text = text != NULL ? mem_zalloc(len + 1) : NULL;
	if (text != NULL)
		memcpy(s->text, text, len);
}

/* Beside the others; the order is that of the names. */
static void
add_candidate(struct config_sources *sources, const struct config_files *files,
    const struct config_candidate *c)
{
	const char *first = files->sources.source[0].path, *slash = strrchr(first, '/');
	int folder = slash != NULL ? (int)(slash - first) + 1 : 0;
	char *path = mem_printf("%.*sservers/%s.ini", folder, first, c->server);

	add_text(sources, c->server, path, c->text, c->len);
	free(path);
}

static void
copy_sources(struct config_sources *to, const struct config_files *files, const struct config_candidate *c)
{
	bool there = c->server == NULL || c->text == NULL;

	to->hostname = mem_strdup(files->sources.hostname);
	for (size_t i = 0; i < files->sources.count; i++) {
		const struct config_source *s = &files->sources.source[i];

		if (s->server != NULL && is_of(s->server, c->gone))
			continue;
		if (is_of(s->server, c->server)) {
			if (c->text != NULL)
				add_text(to, s->server, s->path, c->text, c->len);
			there = true;
			continue;
		}
		if (!there && s->server != NULL && strcmp(c->server, s->server) < 0) {
			add_candidate(to, files, c);
			there = true;
		}
		add_text(to, s->server, s->path, s->text, s->len);
		to->source[to->count - 1].errors = to->source[to->count - 1].unreadable = s->unreadable;
	}
	if (!there)
		add_candidate(to, files, c);
}

/* Faults of reading: those of the file that is replaced are over. */
static void
copy_faults(struct config_files *to, const struct config_files *from, const struct config_candidate *c,
    struct config_faults *faults)
{
	for (size_t i = 0; i < from->faults.count; i++) {
		const struct config_fault *f = &from->faults.fault[i];
		struct config_source at = { .path = f->file, .server = f->server };

		if (f->server != NULL && (is_of(f->server, c->server) || is_of(f->server, c->gone)))
			continue;
		config_faults_add(&to->faults, &at, f->line, f->warning, "%s", f->text);
	}
	config_faults_copy(faults, &to->faults);
}

struct config *
config_files_change(const struct config_files *files, const struct config_candidate *candidate,
    struct config_files **changed, struct config_faults *faults)
{
	struct config_work w = { .faults = faults, .folders = true };

	*faults = (struct config_faults){ 0 };
	*changed = mem_new(struct config_files);
	(*changed)->users = 1;
	copy_sources(&w.sources, files, candidate);
	copy_faults(*changed, files, candidate, faults);
	return config_make_files(*changed, &w);
}

struct config *
config_files_handed(int fd, struct config_faults *faults)
{
	struct config_work w = { .faults = faults };
	struct config_files *files;
	struct config *c = NULL;
	size_t len;
	char *text = config_snapshot_read(fd, &len);

	*faults = (struct config_faults){ 0 };
	if (text != NULL && config_snapshot_parse(&w.sources, text, len) == 0) {
		w.sources.servers = 0;	/* all of them are in it, also when it is judged again */
		files = mem_new(struct config_files);
		files->users = 1;
		c = config_make_files(files, &w);
		config_files_drop(files);
	} else {
		config_file_done(&w.sources);
	}
	free(text);
	return c;
}
