/*
 * change_prepare - a change before anything is written: whose file, what is changed, by which right, judged
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  rights come before the judge, which tells what is in files that a value names; the right that
 *           depends on an account comes behind it, as the file decides. A file that was changed by hand since
 *           it was read is left alone
 * Fails by: an exit status, and words in the answer
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/change/change_create.h"
#include "common/change/change_history.h"
#include "common/change/change_records.h"
#include "common/change/change_servers.h"
#include "common/change/change_undo.h"
#include "common/change/change_words.h"
#include "common/config/config_check.h"
#include "common/config/config_files.h"
#include "common/host/config_host.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

static const struct config_files *
latest_files(const struct master *m)
{
	return m->refused != NULL ? m->refused : m->snapshot->config->files;
}

static int
compare(struct change_request *r, const char *server)
{
	size_t len = 0;
	const char *loaded = config_files_text(latest_files(r->m), server, &len);

	return change_compare(&r->change, loaded, len);
}

static int
open_change(struct change_request *r, const struct server *s)
{
	const char *server = s != NULL ? s->name : NULL;
	int status = change_open(&r->change, r->m->options.config_path, server);

	r->change.base = latest_files(r->m);
	return status == EX_OK ? compare(r, server) : status;
}

static int
make_move(struct change_request *r, const struct server *s, const struct control_words *w)
{
	int status = change_servers_make(&r->change, r->m->options.config_path, r->m->snapshot->config,
	    r->command, s != NULL ? s->name : "", w->word + 2, w->count > 2 ? w->count - 2 : 0);

	return status == EX_OK ? compare(r, r->change.gone) : status;
}

/* --- undo --- */

/* What the user may do with the file that the record is about. */
static enum control_right
right_on(const struct change_record *record, const struct control_command *cmd, const struct master *m)
{
	bool there = record->server != NULL && !record->gone;
	const struct server *s = there ? server_list_find(m, record->server) : NULL;

	/* which virtual servers there are is for operators of the service */
	if (cmd->right == CONTROL_CONFIGURE && change_servers_is_record(record))
		return control_rights_service(m, cmd->peer);
	return s != NULL ? control_rights_server(s, cmd->peer) : control_rights_service(m, cmd->peer);
}

bool
change_prepare_is_shown(const struct change_record *record, const struct control_command *cmd,
    const struct master *m, const struct server *only)
{
	return right_on(record, cmd, m) >= cmd->right &&
	    (only == NULL || (record->server != NULL && !record->gone &&
	    strcmp(record->server, only->name) == 0));
}

struct search {
	const struct control_command *cmd; const struct master *m; const struct server *only;
	struct change_record *record;
	bool found;
};

static bool
take_shown(void *arg, struct change_record *r)
{
	struct search *s = arg;

	s->found = change_prepare_is_shown(r, s->cmd, s->m, s->only);
	if (s->found) {
		*s->record = *r;
		*r = (struct change_record){ 0 };
	}
	return !s->found;
}

/* The latest one that the user may undo. */
static bool
find_latest(struct change_record *record, const struct control_command *cmd, const struct master *m,
    const struct server *only)
{
	struct search search = { .cmd = cmd, .m = m, .only = only, .record = record };

	change_history_each(m->snapshot->config->service.state, only != NULL ? only->name : NULL,
	    take_shown, &search);
	return search.found;
}

/* undo NAME|- [dry-run] [NUMBER] */
static bool
find_record(struct change_record *record, const struct control_command *cmd, const struct master *m,
    const struct server *only, const struct control_words *w)
{
	const char *why = NULL;
	unsigned number = 0;

	for (size_t i = 2; i < w->count && why == NULL; i++)
		if (strcmp(w->word[i], CHANGE_WORDS_DRY_RUN) != 0)
			number = (unsigned)strtonum(w->word[i], 1, INT32_MAX, &why);
	if (why != NULL)
		return false;
	if (number == 0)
		return find_latest(record, cmd, m, only);
	if (!change_history_read(record, m->snapshot->config->service.state, number))
		return false;
	if (change_prepare_is_shown(record, cmd, m, only))
		return true;
	change_history_done(record);
	return false;
}

/* The name before, or the file that is there no more. */
static int
undo_move(struct change_request *r, const struct change_record *record)
{
	int status = change_servers_undo(&r->change, r->m->options.config_path, r->m->snapshot->config,
	    record);

	return status == EX_OK && r->change.gone != NULL ? compare(r, r->change.gone) : status;
}

static int
make_undo(struct change_request *r, const struct control_command *cmd, const struct server **s,
    const struct control_words *w)
{
	struct change_record record;
	int status = EX_OK;

	if (!find_record(&record, cmd, r->m, *s, w)) {
		buf_puts(&r->text, "there is no such change that you may undo: see posternctl history\n");
		return CONTROL_NO_MATCH;
	}
	*s = record.server != NULL ? server_list_find(r->m, record.server) : NULL;
	if (change_servers_is_record(&record)) {
		status = undo_move(r, &record);
		change_history_done(&record);
		return status;
	}
	if (record.server != NULL && (record.gone || *s == NULL)) {
		buf_printf(&r->text, "there is no virtual server %s any more\n", record.server);
		status = CONTROL_NO_MATCH;
	}
	if (status == EX_OK)
		status = open_change(r, *s);
	if (status == EX_OK)
		status = change_undo_make(&r->change, &record);
	change_history_done(&record);
	return status;
}

/* --- judged --- */

/* *s: whose file it is; undo finds that out. */
static int
make_change(struct change_request *r, const struct control_command *cmd, const struct server **s,
    const struct control_words *w)
{
	int status;

	if (strcmp(r->command, "create") == 0)
		return change_create_make(&r->change, r->m->options.config_path, r->m->snapshot->config,
		    w->word + 2, w->count > 2 ? w->count - 2 : 0);
	if (strcmp(r->command, "undo") == 0)
		return make_undo(r, cmd, s, w);
	if (change_servers_is_command(r->command))
		return make_move(r, *s, w);
	status = open_change(r, *s);
	return status == EX_OK ? change_words_make(&r->change, r->command, w->word + 2,
	    w->count > 2 ? w->count - 2 : 0) : status;
}

/* Names of users are looked up only where a change can name some: the look-up may take its time. */
static config_check_files *
judge_of(const struct change *c)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct key *k = key_find(c->key[i].place.section, c->key[i].place.key);

		if (k != NULL && (k->guard == KEY_GUARD_SERVICE || k->guard == KEY_GUARD_RANGE))
			return config_host_judge;
	}
	return NULL;
}

/* `why`: words of its own, or NULL. */
static int
refuse_right(struct change_request *r, const char *place, const char *why)
{
	log_event(LOG_WARN, NULL, "operator", "server=%s %s command=%s result=refused key=%s reason=%s",
	    r->change.server != NULL ? r->change.server : "-", r->author, r->command,
	    log_safe(place), log_safe(why != NULL ? why : "for operators of the service"));
	buf_printf(&r->text, "%s: only an operator of the service may change this: %s\n", place,
	    why != NULL ? why : "it names files, folders, users or addresses, has to do with what "
	    "others share, or decides who is shown a password");
	return EX_NOPERM;
}

/* k: what operators of the service alone may change; NULL: nothing. `why`: words of its own, or NULL. */
static int
judge_right(struct change_request *r, const struct control_command *cmd, const struct change_key *k,
    const struct buf *why)
{
	struct buf place = BUF_INIT(600);
	int status;

	if (k == NULL || control_rights_service(r->m, cmd->peer) >= CONTROL_CONFIGURE)
		return EX_OK;
	change_place_format(&place, &k->place);
	status = refuse_right(r, buf_text(&place), why != NULL && why->len > 0 ? buf_text(why) : NULL);
	buf_done(&place);
	return status;
}

/* What others suffer from: mail from everybody by the address that they share, their disk and memory. */
static int
judge_bounds(struct change_request *r, const struct control_command *cmd)
{
	const struct change *c = &r->change;

	if (control_rights_service(r->m, cmd->peer) >= CONTROL_CONFIGURE)
		return EX_OK;
	if (c->opens != NULL)
		return refuse_right(r, "access.relay", c->opens);
	return c->passes.len > 0 ? refuse_right(r, buf_text(&c->passes), buf_text(&c->passes_why)) : EX_OK;
}

static bool
is_dry_run(const struct control_words *w)
{
	return w->count > 2 && change_words_is_dry_run(w->word + 2, w->count - 2);
}

int
change_prepare(struct change_request *r, const struct control_command *cmd, const struct server *s,
    const struct control_words *w)
{
	const struct config *running = r->m->snapshot->config;
	struct buf why = BUF_INIT(2000);
	int status = make_change(r, cmd, &s, w);

	if (status == EX_OK)
		status = judge_right(r, cmd, change_guarded(&r->change, running, &why), &why);
	buf_done(&why);
	r->change.base = latest_files(r->m);
	if (status == EX_OK)
		status = change_judge(&r->change, judge_of(&r->change));
	if (status == EX_OK)
		status = judge_right(r, cmd, change_guarded_account(&r->change, s != NULL ? s->conf : NULL),
		    NULL);
	if (status == EX_OK)
		status = judge_bounds(r, cmd);
	if (status == EX_OK && r->change.old == NULL)
		status = change_create_judge(&r->change);
	if (status == EX_OK && !change_is_none(&r->change) && (r->change.old != NULL || is_dry_run(w))) {
		if (r->change.gone == NULL)
			buf_printf(&r->text, "%s\n", r->change.path);
		buf_add(&r->text, buf_text(&r->change.diff), r->change.diff.len);
	}
	buf_add(&r->text, buf_text(&r->change.why), r->change.why.len);
	buf_clear(&r->change.why);
	return status;
}
