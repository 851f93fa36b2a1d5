/*
 * change_apply - a change written, taken over by the service, and taken back
 *
 * Runs in:  master
 * Owns:     nothing; files by way of common/change
 * Promise:  a change with which a virtual server is worse off is taken back. Each is an event, whatever
 *           becomes of the service
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/change/change_event.h"
#include "common/change/change_file.h"
#include "common/change/change_history.h"
#include "common/change/change_servers.h"
#include "common/process/loop.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

void
change_apply_say(struct change_request *r, int status, const char *text)
{
	buf_puts(&r->text, text);
	if (status != 0 && r->status == 0)
		r->status = status;
}

void
change_apply_tell(const struct change_request *r, const char *result)
{
	char author[sizeof(r->author) + sizeof(r->by)];

	snprintf(author, sizeof(author), "%s%s", r->author, r->by);
	change_event_log(&r->change, author, r->command, result);
}

static bool
is_active(const struct server *s)
{
	return s->state != STATE_STOPPED && s->state != STATE_STOPPING;
}

static bool
is_meant(const struct change_request *r, const char *name)
{
	return r->change.server == NULL || strcmp(r->change.server, name) == 0;
}

static void
add_witness(struct change_request *r, const char *name, bool active, bool trouble)
{
	struct change_witness *x;

	r->witness = mem_grow(r->witness, r->witnesses, sizeof(*r->witness));
	x = &r->witness[r->witnesses++];
	*x = (struct change_witness){ .active = active, .trouble = trouble };
	snprintf(x->name, sizeof(x->name), "%s", name);
}

void
change_apply_watch(struct change_request *r)
{
	const struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link)
		if (is_meant(r, s->name))
			add_witness(r, s->name, is_active(s), s->trouble);
	if ((r->change.old == NULL || r->was_active) && server_list_find(r->m, r->change.server) == NULL)
		add_witness(r, r->change.server, true, false);	/* it is to run, too */
}

/* Whether that virtual server is worse off than before; then the reason is added. */
static bool
is_worse(const struct change_request *r, const struct change_witness *x, struct buf *why)
{
	const struct master *m = r->m;
	const struct server *s = server_list_find(m, x->name);
	const char *said = NULL;

	if (s == NULL || s->removed)
		return false;
	if (x->active && s->snapshot != m->snapshot &&
	    config_server_by_name(m->snapshot->config, s->name) != NULL)
		said = "the change could not be taken over";
	else if (x->active && s->state == STATE_STOPPED && s->wanted)
		said = "it does not run any more";
	else if (s->trouble && !x->trouble)
		said = "a process ended";
	if (said != NULL)
		buf_printf(why, "%s: %s\n", s->name, s->reason != NULL ? s->reason : said);
	return said != NULL;
}

bool
change_apply_has_failed(const struct change_request *r, struct buf *why)
{
	bool worse = false;

	for (size_t i = 0; i < r->witnesses; i++)
		worse = is_worse(r, &r->witness[i], why) || worse;
	return worse;
}

/* The file as it is now; all other ones as they were read. */
void
change_apply_reload(struct change_request *r, bool back, struct buf *text)
{
	const struct change *c = &r->change;
	bool renames = c->gone != NULL && strcmp(c->gone, c->server) != 0;
	const struct config_candidate before = { .server = renames ? c->gone : c->server, .text = c->old,
	    .len = c->old_len, .gone = renames ? c->server : NULL };
	const struct config_candidate candidate = back ? before : change_judge_candidate(c, &c->text);
	int status = 0;

	r->m->ops->reload(r->m, c->server, &candidate, text, &status);
}

void
change_apply_end(struct change_request *r)
{
	loop_timer_stop(r->timer);
	r->over = true;
}

const char *
change_apply_state(const struct change_request *r)
{
	return r->m->snapshot->config->service.state;
}

void
change_apply_take_back(struct change_request *r, const struct buf *why)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);

	buf_add(&r->text, buf_text(why), why->len);
	if (change_file_take_back(&r->change) == EX_OK) {
		change_history_take_back(change_apply_state(r), &r->change, r->record);
		change_apply_reload(r, true, &text);
		if (r->change.old == NULL)
			buf_printf(&r->text, "%s is not made: its file is removed again\n", r->change.server);
		change_apply_say(r, CONTROL_REFUSED, r->change.old == NULL ? "" :
		    "the change has been taken back\n");
		change_apply_tell(r, "taken-back");
	} else {
		buf_add(&r->text, buf_text(&r->change.why), r->change.why.len);
		change_apply_say(r, CONTROL_REFUSED, "the change could not be taken back\n");
		change_apply_tell(r, "failed");
	}
	buf_done(&text);
	change_apply_end(r);
}

void
change_apply_write(struct change_request *r)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	const struct snapshot *before = r->m->snapshot;
	int status = EX_OK;

	if (r->change.kept != NULL && change_servers_recall(&r->change, change_apply_state(r)) == -1) {
		buf_printf(&r->change.why, "%s: %s\n", change_apply_state(r), strerror(errno));
		status = EX_IOERR;
	}
	if (status == EX_OK)
		status = change_file_write(&r->change);
	if (status != EX_OK) {
		change_apply_say(r, status, buf_text(&r->change.why));
		change_apply_end(r);
		return;
	}
	r->written = true;
	change_apply_tell(r, "written");	/* whatever becomes of the service now */
	r->record = change_history_add(change_apply_state(r), &r->change, r->author, r->command);
	if (r->record == 0)
		log_event(LOG_WARN, NULL, "trouble", "doing=history reason=%s", log_safe(strerror(errno)));
	change_apply_watch(r);
	change_apply_reload(r, false, &text);
	if (r->m->snapshot == before)
		change_apply_take_back(r, &text);
	else if (change_apply_has_failed(r, &why))	/* all else of `text` is told already */
		change_apply_take_back(r, &why);
	else
		loop_timer_set(r->timer, CHANGE_WAIT_MS);
	buf_done(&why);
	buf_done(&text);
}

/* What was stopping, or is told to, stops when its sessions end: that has nothing to do with the change. */
bool
change_apply_is_steady(const struct change_request *r)
{
	for (size_t i = 0; i < r->witnesses; i++) {
		const struct change_witness *x = &r->witness[i];
		const struct server *s = server_list_find(r->m, x->name);

		if (s != NULL && !server_is_steady(s) &&
		    (s->state != STATE_STOPPING || (x->active && s->wanted)))
			return false;
	}
	return true;
}
