/*
 * change_request - a command that changes the configuration: judged, written, taken over, or taken back
 *
 * Runs in:  master
 * Owns:     the change that is under way (m->changing), and the lock of changes
 * Promise:  what is refused has touched no file. A change that the service cannot run with is taken back,
 *           also when who asked for it has gone. One at a time, and not for long: a virtual server that
 *           stops anyway is not waited for
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/change/change_event.h"
#include "common/change/change_file.h"
#include "common/change/change_history.h"
#include "common/change/change_words.h"
#include "common/config/config_files.h"
#include "common/process/loop.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

#define CHANGE_WAIT_MS 15000U	/* no other change is made until then, at the most */

/* What a command waits with. */
struct change_wait {
	struct control_question q;
	unsigned number;
};

/* --- the answer --- */

static void
say(struct change_request *r, int status, const char *text)
{
	buf_puts(&r->text, text);
	if (status != 0 && r->status == 0)
		r->status = status;
}

static void
free_request(struct change_request *r)
{
	change_done(&r->change);
	if (r->lock != -1)
		close(r->lock);
	loop_timer_free(r->timer);
	free(r->witness);
	buf_done(&r->text);
	free(r);
}

static void
tell(const struct change_request *r, const char *result)
{
	char author[sizeof(r->author) + sizeof(r->by)];

	snprintf(author, sizeof(author), "%s%s", r->author, r->by);
	change_event_log(&r->change, author, r->command, result);
}

/* --- writing --- */

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

static void
call_witnesses(struct change_request *r)
{
	const struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link)
		if (is_meant(r, s->name))
			add_witness(r, s->name, is_active(s), s->trouble);
	if (r->change.old == NULL && server_list_find(r->m, r->change.server) == NULL)
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

static bool
has_failed(const struct change_request *r, struct buf *why)
{
	bool worse = false;

	for (size_t i = 0; i < r->witnesses; i++)
		worse = is_worse(r, &r->witness[i], why) || worse;
	return worse;
}

/* The file as it is now; all other ones as they were read. */
static void
reload(struct change_request *r, bool back, struct buf *text)
{
	const struct change *c = &r->change;
	const struct config_candidate candidate = { .server = c->server, .text = back ? c->old :
	    buf_text(&c->text), .len = back ? c->old_len : c->text.len };
	int status = 0;

	r->m->ops->reload(r->m, c->server, &candidate, text, &status);
}

static void
end_request(struct change_request *r)
{
	loop_timer_stop(r->timer);
	r->over = true;
}

static const char *
state_of(const struct change_request *r)
{
	return r->m->snapshot->config->service.state;
}

static void
take_back(struct change_request *r, const struct buf *why)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);

	buf_add(&r->text, buf_text(why), why->len);
	if (change_file_take_back(&r->change) == EX_OK) {
		change_history_remove(state_of(r), r->record);
		reload(r, true, &text);
		say(r, CONTROL_REFUSED, "the change has been taken back\n");
		tell(r, "taken-back");
	} else {
		buf_add(&r->text, buf_text(&r->change.why), r->change.why.len);
		say(r, CONTROL_REFUSED, "the change could not be taken back\n");
		tell(r, "failed");
	}
	buf_done(&text);
	end_request(r);
}

static void
write_change(struct change_request *r)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);
	const struct snapshot *before = r->m->snapshot;
	int status = change_file_write(&r->change);

	if (status != EX_OK) {
		say(r, status, buf_text(&r->change.why));
		end_request(r);
		return;
	}
	r->written = true;
	tell(r, "written");	/* whatever becomes of the service now */
	r->record = change_history_add(state_of(r), &r->change, r->author, r->command);
	if (r->record == 0)
		log_event(LOG_WARN, NULL, "trouble", "doing=history reason=%s", log_safe(strerror(errno)));
	call_witnesses(r);
	reload(r, false, &text);
	if (r->m->snapshot == before || has_failed(r, &text))
		take_back(r, &text);
	else
		loop_timer_set(r->timer, CHANGE_WAIT_MS);
	buf_done(&text);
}

/* --- while the service takes it over --- */

/* What was stopping, or is told to, stops when its sessions end: that has nothing to do with the change. */
static bool
is_steady(const struct change_request *r)
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

static void
put_states(struct change_request *r)
{
	const struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link)
		if (r->change.server != NULL && is_meant(r, s->name))
			buf_printf(&r->text, "%s is %s%s%s\n", s->name, state_name(s->state),
			    s->reason != NULL ? ": " : "", s->reason != NULL ? s->reason : "");
}

/* State may have changed. */
static void
step(struct change_request *r)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);

	if (r->over)
		return;
	if (r->m->stopping) {	/* what ends now says nothing about the change */
		say(r, EX_TEMPFAIL, "the change is written; the service stops before all is taken over\n");
		end_request(r);
		return;
	}
	if (!r->late && !is_steady(r))
		return;
	if (has_failed(r, &why)) {
		take_back(r, &why);
	} else {
		tell(r, "ok");
		if (r->change.old == NULL)
			buf_printf(&r->text, "%s has been made: %s\n", r->change.server, r->change.path);
		put_states(r);
		if (r->record != 0 && r->change.old != NULL)
			buf_printf(&r->text, "this is change %u\n", r->record);
		if (r->late)
			say(r, EX_TEMPFAIL, "the change is written; not all is taken over yet\n");
		end_request(r);
	}
	buf_done(&why);
}

static void
on_late(void *arg)
{
	struct change_request *r = arg;
	struct master *m = r->m;

	r->late = true;
	m->ops->changed(m);
}

void
change_request_update(struct master *m)
{
	struct change_request *r = m->changing;

	if (r != NULL)
		step(r);
	if (r != NULL && r->over && r->alone)
		change_request_close(m);
}

void
change_request_close(struct master *m)
{
	if (m->changing != NULL)
		free_request(m->changing);
	m->changing = NULL;
}

/* --- the command that waits --- */

static void
give_answer(struct change_request *r, struct control_command *cmd)
{
	buf_add(&cmd->text, buf_text(&r->text), r->text.len);
	cmd->status = r->status;
}

static bool
update_wait(struct control_question *q, struct control_command *cmd)
{
	const struct change_wait *wait = (const struct change_wait *)(const void *)q;
	struct change_request *r = q->m->changing;

	if (r == NULL || r->number != wait->number || !r->over)
		return false;
	give_answer(r, cmd);
	change_request_close(q->m);
	return true;
}

static void
free_wait(struct control_question *q)
{
	struct change_request *r = q->m->changing;

	/* Who asked has gone, or has the answer. */
	if (r != NULL && r->number == ((const struct change_wait *)(const void *)q)->number)
		r->alone = true;
	free(q);
}

static const struct control_question_ops change_ops = { .update = update_wait, .free = free_wait };

static void
wait_for(struct control_command *cmd, struct change_request *r)
{
	struct change_wait *wait = mem_new(struct change_wait);

	wait->number = r->number;
	control_question_init(&wait->q, r->m, &change_ops);
	cmd->question = &wait->q;
	cmd->waiting = true;
}

static struct change_request *
new_request(struct control_command *cmd, struct master *m, const char *command)
{
	static unsigned number;
	struct change_request *r = mem_new(struct change_request);

	*r = (struct change_request){ .m = m, .text = BUF_INIT(MASTER_TEXT_MAX), .number = ++number };
	snprintf(r->author, sizeof(r->author), "uid=%u", (unsigned)cmd->peer->uid);
	snprintf(r->by, sizeof(r->by), "%s", cmd->peer->web ? " by=web" : "");
	snprintf(r->command, sizeof(r->command), "%s", command);
	r->timer = loop_timer_new(m->loop, on_late, r);
	r->lock = change_file_lock(m->snapshot->config->service.state, &r->text);
	return r;
}

void
change_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	struct change_request *r;
	int status = EX_OK;

	if (m->stopping || m->changing != NULL) {
		control_answer_say(cmd, CONTROL_REFUSED, m->stopping ? "the service is stopping" :
		    "another change is under way: look at what it has changed, then say this again");
		return;
	}
	if (control_rights_service(m, cmd->peer) < CONTROL_CONFIGURE &&
	    !change_rate_take(cmd->peer->uid, clock_mono_ms())) {
		control_answer_say(cmd, CONTROL_REFUSED, "too many changes: wait, and say this again");
		return;
	}
	r = new_request(cmd, m, w->word[0]);
	status = r->lock == -1 ? CONTROL_REFUSED : change_prepare(r, cmd, s, w);
	if (status == EX_OK && change_is_none(&r->change))
		say(r, 0, "all of this is so already\n");
	else if (status == EX_OK && w->count > 2 &&
	    change_words_is_dry_run(w->word + 2, w->count - 2))
		say(r, 0, "this is what would change; nothing was written\n");
	else if (status == EX_OK)
		write_change(r);
	r->status = r->status != 0 ? r->status : status;
	if (r->written && !r->over) {
		m->changing = r;
		wait_for(cmd, r);
		return;
	}
	give_answer(r, cmd);
	free_request(r);
}
