/*
 * control_change - commands that change something: start, stop, pause, continue, reload, retry, upgrade
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  what cannot be changed is refused with the reason of the state table
 * Fails by: an answer that says so
 */
#include <string.h>

#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static void
change_server(struct control_command *cmd, struct master *m, struct server *s, enum state_event event,
    enum state goal)
{
	const char *text = NULL;

	if (m->stopping) {
		control_answer_say(cmd, CONTROL_REFUSED, "the service is stopping");
		return;
	}
	if (s->removed && event != EVENT_STOP) {
		control_answer_say(cmd, CONTROL_REFUSED, "%s is being removed", s->name);
		return;
	}
	switch (server_request(s, event, &text)) {
	case STATE_GO:
		control_answer_wait(cmd, s, goal);
		break;
	case STATE_ALREADY:
		control_answer_say(cmd, 0, "%s %s", s->name, text);
		break;
	default:
		control_answer_say(cmd, CONTROL_REFUSED, "%s %s", s->name, text);
	}
}

/* Without a name: all that can change so; when none can, says why for each. */
static void
change_all(struct control_command *cmd, struct master *m, enum state_event event, enum state goal)
{
	struct server *s;
	bool any = false;

	TAILQ_FOREACH(s, &m->servers, link)
		if (state_move(s->state, event)->kind == STATE_GO) {
			change_server(cmd, m, s, event, goal);
			any = true;
		}
	if (any)
		return;
	TAILQ_FOREACH(s, &m->servers, link) {
		const struct state_move *move = state_move(s->state, event);

		control_answer_say(cmd, move->kind == STATE_REFUSE ? CONTROL_NO_MATCH : 0, "%s %s", s->name,
		    move->text);
	}
}

/* `s` NULL: without a name. */
static void
change_named(struct control_command *cmd, struct master *m, struct server *s, enum state_event event,
    enum state goal)
{
	if (s != NULL)
		change_server(cmd, m, s, event, goal);
	else
		change_all(cmd, m, event, goal);
}

/*
 * The file of `s` had errors when it was read; it may have been mended. False: it has errors still, or the
 * operator may not have the files read: that concerns the other virtual servers, too.
 */
static bool
read_again(struct control_command *cmd, struct master *m, struct server *s)
{
	if (control_rights_service(m, cmd->peer) < CONTROL_CONFIGURE) {
		control_answer_say(cmd, CONTROL_REFUSED,
		    "%s: %s; when that is mended, an operator of the service has to reload", s->name,
		    s->reason != NULL ? s->reason : "its file had errors");
		return false;
	}
	m->ops->reload(m, s->name, NULL, &cmd->text, &cmd->status);
	return s->conf != NULL;
}

void
control_change_start(struct control_command *cmd, struct master *m, struct server *s)
{
	if (s != NULL && s->conf == NULL && !m->stopping && !read_again(cmd, m, s))
		return;
	if (s != NULL) {
		change_server(cmd, m, s, EVENT_START, STATE_STARTED);
		return;
	}
	TAILQ_FOREACH(s, &m->servers, link)
		if (s->wanted && (s->state == STATE_STOPPED || s->state == STATE_STARTING))
			change_server(cmd, m, s, EVENT_START, STATE_STARTED);
	if (!cmd->waiting)
		control_answer_say(cmd, 0, "the service is running");
}

void
control_change_stop(struct control_command *cmd, struct master *m, struct server *s)
{
	if (s != NULL) {
		change_server(cmd, m, s, EVENT_STOP, STATE_STOPPED);
		return;
	}
	cmd->ends_service = true;
	m->ops->stop(m, false);
}

void
control_change_pause(struct control_command *cmd, struct master *m, struct server *s)
{
	change_named(cmd, m, s, EVENT_PAUSE, STATE_PAUSED);
}

void
control_change_continue(struct control_command *cmd, struct master *m, struct server *s)
{
	change_named(cmd, m, s, EVENT_CONTINUE, STATE_STARTED);
}

void
control_change_drain(struct control_command *cmd, struct master *m, struct server *s)
{
	change_named(cmd, m, s, EVENT_DRAIN, STATE_PAUSED);
}

void
control_change_reload(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	const char *only = w->count > 2 ? w->word[2] : NULL;

	m->ops->reload(m, only, NULL, &cmd->text, &cmd->status);
	TAILQ_FOREACH(s, &m->servers, link)
		if (!m->stopping && (only == NULL || strcmp(s->name, only) == 0))
			control_answer_wait(cmd, s, 0);
}

void
control_change_upgrade(struct control_command *cmd, struct master *m, struct server *s)
{
	cmd->upgrades = cmd->waiting = m->ops->upgrade(m, &cmd->text, &cmd->status);
}

void
control_change_retry(struct control_command *cmd, struct master *m, struct server *only)
{
	struct child *c;
	unsigned told = 0;

	TAILQ_FOREACH(c, &m->children, link)
		if (deliver_request_delivers(c) && (only == NULL || c->server == only) &&
		    c->phase <= CHILD_READY) {
			child_tell(c, CTL_RETRY);
			control_answer_say(cmd, 0, "%s: all messages in the queue are due now",
			    c->server->name);
			told++;
		}
	if (told == 0 && only != NULL && only->state == STATE_STOPPED)
		control_answer_say(cmd, CONTROL_REFUSED,
		    "%s is stopped: nothing is tried; what queue %s retry makes due goes when it is started",
		    only->name, only->name);
	else if (told == 0)
		control_answer_say(cmd, CONTROL_REFUSED, "%s: no delivery is running",
		    only != NULL ? only->name : "service");
}
