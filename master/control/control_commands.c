/*
 * control_commands - the commands of an operator, one row a command: rights, words, what is run
 *
 * Runs in:  master
 * Owns:     the table of commands
 * Promise:  the answer to a command is its outcome: the state is reached, the command is refused with a
 *           reason, or the service tries again
 * Fails by: an answer that says so
 */
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/servers/servers.h"

enum control_scope {
	CONTROL_SERVICE,	/* needs rights on the whole service */
	CONTROL_SERVER,		/* of the virtual server that is named; without a name of the service */
	CONTROL_VIEW,		/* the same; but without a name it shows what the operator may see */
};

struct control_command_row {
	const char *name;
	enum control_scope scope;
	bool takes_name;
	bool changes;		/* is logged also when it is granted */
	void (*run)(struct control_command *cmd, struct master *m, struct server *s);	/* s NULL: all */
	/* instead of `run`: takes more words than a name; "-" stands for no name */
	void (*run_words)(struct control_command *cmd, struct master *m, struct server *s,
	    const struct control_words *w);
};

static const struct control_command_row rows[] = {
	{ .name = "status", .scope = CONTROL_VIEW, .takes_name = true, .run = control_show_status },
	{ .name = "health", .scope = CONTROL_VIEW, .takes_name = true, .run = health_show },
	{ .name = "counters", .scope = CONTROL_VIEW, .takes_name = true, .run = control_show_counters },
	{ .name = "prometheus", .scope = CONTROL_VIEW, .takes_name = true, .run = control_show_prometheus },
	{ .name = "sessions", .scope = CONTROL_VIEW, .takes_name = true, .run_words = sessions_request_run },
	{ .name = "directory-test", .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = directory_request_run },
	{ .name = "oauth-test", .scope = CONTROL_SERVICE, .run_words = oauth_request_run },
	{ .name = "queue", .scope = CONTROL_VIEW, .takes_name = true, .run_words = queue_request_run },
	{ .name = "badmail", .scope = CONTROL_VIEW, .takes_name = true, .run_words = queue_request_run },
	{ .name = "start", .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_start },
	{ .name = "stop", .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_stop },
	{ .name = "pause", .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_pause },
	{ .name = "continue", .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_continue },
	{ .name = "retry", .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_retry },
	{ .name = "reload", .scope = CONTROL_SERVICE, .changes = true,
	    .run_words = control_change_reload },
};

/* --- from words to answer --- */

static const struct control_command_row *
find_row(const char *name)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

bool
control_commands_known(const char *command)
{
	return find_row(command) != NULL;
}

static bool
is_allowed(const struct control_command *cmd, const struct control_command_row *row, const struct master *m,
    const struct server *s)
{
	if (control_rights_service(m, cmd->peer))
		return true;
	if (row->scope == CONTROL_SERVICE)
		return false;
	if (s != NULL)
		return control_rights_has(&s->rights, cmd->peer);
	if (row->scope == CONTROL_VIEW)
		TAILQ_FOREACH(s, &m->servers, link)
			if (control_rights_has(&s->rights, cmd->peer))
				return true;
	return false;
}

/* Why the state table refuses it, or NULL. */
static const char *
refusal_of(const struct control_command_row *row, const struct server *s)
{
	for (enum state_event event = EVENT_START; event <= EVENT_CONTINUE; event++)
		if (strcmp(row->name, state_command_name(event)) == 0 &&
		    state_move(s->state, event)->kind == STATE_REFUSE)
			return state_move(s->state, event)->text;
	return NULL;
}

static bool
names_server(const struct control_words *w)
{
	return w->count >= 2 && strcmp(w->word[1], "-") != 0;
}

/* One event: who asked for what, and whether it was granted. States that follow are events of their own. */
static void
log_command(const struct control_command *cmd, const struct control_command_row *row,
    const struct control_words *w, const char *refusal)
{
	if (refusal == NULL && !row->changes)
		return;
	log_event(refusal == NULL ? LOG_FACT : LOG_WARN, NULL, "operator",
	    "server=%s uid=%u command=%s result=%s%s%s",
	    names_server(w) ? log_safe(w->word[1]) : "-", (unsigned)cmd->peer->uid, row->name,
	    refusal == NULL ? "ok" : "refused",
	    refusal != NULL ? " reason=" : "", refusal != NULL ? log_safe(refusal) : "");
}

void
control_commands_run(struct control_command *cmd, struct master *m, const struct control_words *w)
{
	const struct control_command_row *row = find_row(w->word[0]);
	bool named, allowed;
	struct server *s;

	if (row == NULL || (row->run_words == NULL && w->count > (row->takes_name ? 2U : 1U))) {
		control_answer_say(cmd, EX_USAGE, "the service does not know the command %s",
		    log_safe(w->word[0]));
		return;
	}
	named = names_server(w);
	s = named ? server_list_find(m, w->word[1]) : NULL;
	allowed = (!named || s != NULL || control_rights_service(m, cmd->peer)) && is_allowed(cmd, row, m, s);
	if (!allowed) {
		log_command(cmd, row, w, "no operator");
		control_answer_say(cmd, EX_NOPERM, "%s%s%s: you are no operator of %s", row->name,
		    named ? " " : "", named ? w->word[1] : "", named ? "that virtual server" : "the service");
		return;
	}
	if (named && s == NULL) {
		log_command(cmd, row, w, "no such virtual server");
		control_answer_say(cmd, CONTROL_NO_MATCH, "there is no virtual server %s",
		    log_safe(w->word[1]));
		return;
	}
	log_command(cmd, row, w, s != NULL ? refusal_of(row, s) : NULL);
	if (row->run_words != NULL)
		row->run_words(cmd, m, s, w);
	else
		row->run(cmd, m, s);
}

static void
say_outcome(struct control_command *cmd, const struct server *s)
{
	if (s->trouble)
		control_answer_say(cmd, EX_TEMPFAIL, "%s is %s: %s", s->name, state_name(s->state),
		    s->reason != NULL ? s->reason : "a process ended");
	else if (cmd->goal != 0 && s->state != cmd->goal)
		control_answer_say(cmd, CONTROL_REFUSED, "%s is %s%s%s", s->name, state_name(s->state),
		    s->reason != NULL ? ": " : "", s->reason != NULL ? s->reason : "");
	else
		control_answer_say(cmd, 0, "%s is %s%s%s", s->name, state_name(s->state),
		    s->reason != NULL ? ": " : "", s->reason != NULL ? s->reason : "");
}

bool
control_commands_update(struct control_command *cmd, struct master *m)
{
	const struct server *s;

	if (cmd->question != NULL) {
		cmd->waiting = !cmd->question->ops->update(cmd->question, cmd);
		return !cmd->waiting;
	}
	for (size_t i = 0; i < cmd->names; i++)
		if ((s = server_list_find(m, cmd->name[i])) != NULL && !server_is_steady(s))
			return false;
	for (size_t i = 0; i < cmd->names; i++)
		if ((s = server_list_find(m, cmd->name[i])) != NULL)
			say_outcome(cmd, s);
		else
			control_answer_say(cmd, 0, "%s has been removed", cmd->name[i]);
	cmd->waiting = false;
	return true;
}
