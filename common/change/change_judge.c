/*
 * change_judge - the set of INI files as it would be, judged
 *
 * Runs in:  master, posternctl
 * Owns:     nothing; reads the set twice, as it is and as it would be
 * Promise:  an error that is not there yet is never written, in whichever file it would show
 * Fails by: EX_CONFIG and words
 */
#include <string.h>
#include <sysexits.h>

#include "common/change/change.h"
#include "common/config/config_check.h"
#include "common/config/config_files.h"

/* Whether the error keeps the file from being read: it would not be taken over. */
static bool
is_fatal(const struct change *c, const struct config *after, const struct config_fault *f)
{
	if (f->server == NULL)
		return after == NULL;
	return c->server != NULL && strcmp(f->server, c->server) == 0 &&
	    (after == NULL || config_server_by_name(after, c->server) == NULL);
}

/* Both are of the file that is renamed. */
static bool
has_moved(const struct change *c, const struct config_fault *before, const struct config_fault *f)
{
	return c->gone != NULL && before->server != NULL && f->server != NULL &&
	    strcmp(before->server, c->gone) == 0 && strcmp(f->server, c->server) == 0;
}

/* The line may be another one now. */
static bool
is_known(const struct change *c, const struct config_faults *before, const struct config_fault *f)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct config_fault *x = &before->fault[i];

		if (x->warning == f->warning && strcmp(x->text, f->text) == 0 &&
		    (strcmp(x->file, f->file) == 0 || has_moved(c, x, f)))
			return true;
	}
	return false;
}

/* A file that is not there yet cannot be looked at: its virtual server is named; the text names the key. */
static void
tell_place(struct change *c, const struct config_fault *f)
{
	if (c->old == NULL && strcmp(f->file, c->path) == 0)
		buf_printf(&c->why, "%s:", c->server);
	else
		buf_printf(&c->why, "%s:", f->file);
	if (f->line > 0 && c->old != NULL)
		buf_printf(&c->why, "%u:", f->line);
}

/* How many errors keep it from being written; they and new warnings are told. */
static size_t
tell_faults(struct change *c, const struct config_faults *before, const struct config *config,
    const struct config_faults *after)
{
	size_t errors = 0;

	for (size_t i = 0; i < after->count; i++) {
		const struct config_fault *f = &after->fault[i];

		if (is_known(c, before, f) && (f->warning || !is_fatal(c, config, f)))
			continue;
		errors += !f->warning;
		tell_place(c, f);
		buf_printf(&c->why, " %s: %s\n", f->warning ? "warning" : "error", f->text);
	}
	return errors;
}

struct config_candidate
change_judge_candidate(const struct change *c, const struct buf *text)
{
	bool goes = c->gone != NULL && strcmp(c->gone, c->server) == 0;

	return (struct config_candidate){ .server = c->server, .text = goes ? NULL : buf_text(text),
	    .len = goes ? 0 : text->len, .gone = c->gone };
}

struct config *
change_judge_read(const struct change *c, const struct buf *text, struct config_faults *faults)
{
	struct config_candidate candidate = { .server = c->gone != NULL ? c->gone : c->server,
	    .text = c->old, .len = c->old_len };
	struct config_files *files;
	struct config *config;

	if (text != NULL)
		candidate = change_judge_candidate(c, text);
	if (c->base == NULL)
		return text == NULL ? config_read(c->config_path, faults) :
		    config_files_judge(c->config_path, &candidate, faults);
	config = config_files_change(c->base, &candidate, &files, faults);
	config_files_drop(files);
	return config;
}

static const struct config_server *
server_in(const struct config *config, const char *name)
{
	return config != NULL && name != NULL ? config_server_by_name(config, name) : NULL;
}

/* What operators of the virtual server may not do, although they may set the keys. */
static void
judge_bounds(struct change *c, const struct config *before, const struct config *after)
{
	const struct config_server *s = server_in(after, c->server), *old = server_in(before, c->server);

	c->opens = s != NULL && (old == NULL || config_relay_opens(old) == NULL) ? config_relay_opens(s) :
	    NULL;
	if (s != NULL)
		(void)config_ceiling_is_passed(after, s, old, &c->passes, &c->passes_why);
}

int
change_judge(struct change *c, config_check_files *files)
{
	struct config_faults before_faults, after_faults;
	struct config *before, *after;
	size_t errors;

	config_edit_text(c->edit, &c->text);
	config_edit_diff(c->edit, &c->diff);
	if (!buf_ok(&c->text)) {
		buf_printf(&c->why, "%s would be larger than an INI file may be\n", c->path);
		return EX_CONFIG;
	}
	before = change_judge_read(c, NULL, &before_faults);
	after = change_judge_read(c, &c->text, &after_faults);
	if (files != NULL && before != NULL)
		files(before, &before_faults);
	if (files != NULL && after != NULL)
		files(after, &after_faults);
	c->account = c->server != NULL && (change_guarded_has_account(before, c->server) ||
	    change_guarded_has_account(after, c->server));
	judge_bounds(c, before, after);
	errors = tell_faults(c, &before_faults, after, &after_faults);
	config_free(before);
	config_free(after);
	config_faults_done(&before_faults);
	config_faults_done(&after_faults);
	return errors > 0 ? EX_CONFIG : EX_OK;
}
