/*
 * config_unit - folders that the unit of systemd must let the service write to: named by check, and written
 * into a drop-in by posternctl unit
 *
 * Runs in:  posternctl, master
 * Owns:     nothing
 * Promise:  both walk the same folders. What is added to a drop-in lets the service write when it is read
 *           back together with the unit; what was in the drop-in stays
 * Fails by: faults, or -1 and words
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/key.h"
#include "common/host/config_unit.h"
#include "common/host/unit_file.h"
#include "common/host/unit_text.h"

struct folder {
	const struct config_server *server;	/* NULL: of postern.ini */
	enum key_section section;
	const char *key, *path;			/* absolute */
};
typedef void folder_cb(void *arg, const struct folder *f);

/* The folder of a file, which is renamed there; owned by the caller. One in the root folder itself. */
static char *
folder_of_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL || slash == path ? mem_strdup(path) : mem_strndup(path, (size_t)(slash - path));
}

static void
each_of_service(const struct config *c, folder_cb *take, void *arg)
{
	const struct config_service *v = &c->service;
	char *events = v->events != NULL ? folder_of_file(v->events) : NULL;
	const struct folder all[] = {
		{ NULL, KEY_SERVICE, "spool", v->spool }, { NULL, KEY_SERVICE, "state", v->state },
		{ NULL, KEY_SERVICE, "run", v->run }, { NULL, KEY_SERVICE, "logs", v->logs },
		{ NULL, KEY_SERVICE, "events", events },
	};

	for (size_t i = 0; i < nitems_of(all); i++)
		if (all[i].path != NULL && all[i].path[0] == '/')
			take(arg, &all[i]);
	free(events);
}

/* What nothing names lies below the spool. */
static void
each_of_server(const struct config_server *s, folder_cb *take, void *arg)
{
	const struct folder all[] = {
		{ s, KEY_GENERAL, "home", s->home }, { s, KEY_GENERAL, "pickup", s->pickup },
		{ s, KEY_GENERAL, "queue", s->queue }, { s, KEY_GENERAL, "drop", s->drop },
		{ s, KEY_GENERAL, "log-directory", s->log_directory },
		{ s, KEY_MESSAGES, "badmail", s->badmail },
	};

	for (size_t i = 0; i < nitems_of(all); i++)
		if (all[i].path != NULL && all[i].path[0] == '/' &&
		    config_faults_key_is_given(s, all[i].section, all[i].key))
			take(arg, &all[i]);
}

static void
each_folder(const struct config *c, folder_cb *take, void *arg)
{
	each_of_service(c, take, arg);
	for (size_t i = 0; i < c->nserver; i++)
		each_of_server(&c->server[i], take, arg);
}

struct judging { const struct config *config; struct config_faults *faults; };

static void
judge_folder(void *arg, const struct folder *f)
{
	const struct judging *j = arg;
	char text[400];

	if (unit_file_judge(f->path, NULL) == UNIT_FILE_ALLOWED)
		return;
	snprintf(text, sizeof(text),
	    "%s %.180s: the unit of systemd does not let the service write there; \"posternctl unit\" shows "
	    "what it needs, \"posternctl unit --write\" writes it", f->key, f->path);
	if (f->server != NULL)
		config_faults_tell(j->faults, f->server, f->section, f->key, true, text);
	else
		config_faults_tell_service(j->faults, j->config, f->section, f->key, true, text);
}

void
config_unit_judge(const struct config *c, struct config_faults *faults)
{
	struct judging j = { .config = c, .faults = faults };

	if (unit_file_reads(c->service.file))
		each_folder(c, judge_folder, &j);
}

struct completing { struct buf *text, *why; int lines; };

static void
note_section(void *arg, const char *section, const char *key, const char *value)
{
	*(bool *)arg = strcmp(section, "Service") == 0;
}

/* What is added comes below [Service], on a line of its own. */
static void
open_section(struct buf *text)
{
	bool service = false;

	if (text->len == 0)
		buf_puts(text, "# Folders of the configuration; \"posternctl unit --write\" adds to them.\n");
	else if (buf_text(text)[text->len - 1] != '\n')
		buf_puts(text, "\n");
	unit_text_each(buf_text(text), note_section, &service);
	if (!service)
		buf_puts(text, "[Service]\n");
}

/* "-": a folder that is not there later must not keep the service from starting. */
static void
complete_folder(void *arg, const struct folder *f)
{
	struct completing *c = arg;
	enum unit_file_need need = unit_file_judge(f->path, buf_text(c->text));

	if (need == UNIT_FILE_ALLOWED || c->why->len > 0)
		return;
	if (c->lines == 0)
		open_section(c->text);
	c->lines++;
	if (need == UNIT_FILE_HOME)
		buf_puts(c->text, "ProtectHome=tmpfs\n");
	buf_puts(c->text, need == UNIT_FILE_WRITE ? "ReadWritePaths=" : "BindPaths=");
	if (unit_text_put_path(c->text, "-", f->path) == -1) {
		buf_printf(c->why, "%s %.200s cannot be named in a unit of systemd: choose a path without "
		    "\"..\" and control characters, in UTF-8\n", f->key, f->path);
		return;
	}
	buf_puts(c->text, "\n");
	if (!buf_ok(c->text) || unit_file_judge(f->path, buf_text(c->text)) != UNIT_FILE_ALLOWED)
		buf_printf(c->why, "%s %.200s: other lines of the unit or its drop-ins undo what is added; "
		    "look at \"systemctl cat postern\"\n", f->key, f->path);
}

int
config_unit_complete(const struct config *c, struct buf *text, struct buf *why)
{
	struct completing all = { .text = text, .why = why };

	each_folder(c, complete_folder, &all);
	return why->len > 0 ? -1 : all.lines;
}
