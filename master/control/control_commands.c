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

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

#define CHANGES_AT_ONCE 60U	/* of one user, of commands that are events */
#define CHANGES_MS 500U		/* then one each */

enum control_scope {
	CONTROL_SERVICE,	/* needs its right on the whole service */
	CONTROL_SERVER,		/* on the virtual server that is named; without a name on the service */
	CONTROL_VIEW,		/* the same; but without a name it is about those on which the user has it */
};

struct control_command_row {
	const char *name;
	enum control_right right;
	const char *looks;	/* of its verbs, in blanks: those that only look; NULL: it has no verbs */
	enum control_scope scope;
	bool takes_name;
	bool changes;		/* is logged also when it is granted */
	bool local;		/* by control.sock alone */
	bool monitors;		/* its answer is for monitoring: a refusal is "unknown" */
	void (*run)(struct control_command *cmd, struct master *m, struct server *s);	/* s NULL: all */
	/* instead of `run`: takes more words than a name; "-" stands for no name */
	void (*run_words)(struct control_command *cmd, struct master *m, struct server *s,
	    const struct control_words *w);
};

static const struct control_command_row rows[] = {
	{ "status", CONTROL_LOOK, .scope = CONTROL_VIEW, .takes_name = true, .run = control_show_status },
	{ "health", CONTROL_LOOK, .scope = CONTROL_VIEW, .takes_name = true, .monitors = true,
	    .run_words = health_show },
	{ "nodes", CONTROL_LOOK, .scope = CONTROL_SERVICE, .run = nodes_request_run },
	{ "counters", CONTROL_LOOK, .scope = CONTROL_VIEW, .takes_name = true,
	    .run_words = control_show_counters },
	{ "prometheus", CONTROL_LOOK, .scope = CONTROL_VIEW, .takes_name = true,
	    .run = control_show_prometheus },
	{ "watch", CONTROL_LOOK, .scope = CONTROL_SERVER, .takes_name = true, .run = watch_request_run },
	{ "sessions", CONTROL_OPERATE, .looks = " list ", .scope = CONTROL_VIEW, .takes_name = true,
	    .run_words = sessions_request_run },
	{ "directory-test", CONTROL_LOOK, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = directory_request_run },
	{ "explain", CONTROL_LOOK, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = explain_request_run },
	{ "certificates", CONTROL_LOOK, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = certificates_request_run },
	{ "probe", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run_words = probe_request_run },
	{ "hosts", CONTROL_OPERATE, .looks = " list ", .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = hosts_request_run },
	{ "tls-reports", CONTROL_OPERATE, .looks = " list ", .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = tls_reports_request_run },
	{ "dns-test", CONTROL_OPERATE, .scope = CONTROL_SERVICE, .run_words = dns_request_run },
	{ "oauth-test", CONTROL_OPERATE, .scope = CONTROL_SERVICE, .run_words = oauth_request_run },
	{ "queue", CONTROL_OPERATE, .looks = " list show count tally ", .scope = CONTROL_VIEW,
	    .takes_name = true, .run_words = queue_request_run },
	{ "badmail", CONTROL_OPERATE, .looks = " list show tally ", .scope = CONTROL_VIEW, .takes_name = true,
	    .run_words = queue_request_run },
	/* what others wrote to each other is not for viewers */
	{ "drop", CONTROL_OPERATE, .looks = " list tally ", .scope = CONTROL_VIEW, .takes_name = true,
	    .run_words = queue_request_run },
	{ "trace", CONTROL_LOOK, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = trace_request_run },
	{ "start", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_start },
	{ "stop", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_stop },
	{ "pause", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_pause },
	{ "continue", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_continue },
	{ "drain", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_drain },
	{ "retry", CONTROL_OPERATE, .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = control_change_retry },
	{ "get", CONTROL_LOOK, .scope = CONTROL_SERVER, .takes_name = true, .run_words = get_request_run },
	{ "keys", CONTROL_LOOK, .scope = CONTROL_VIEW, .run = get_request_keys },
	{ "set", CONTROL_CONFIGURE, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = change_request_run },
	{ "unset", CONTROL_CONFIGURE, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = change_request_run },
	{ "web-login", CONTROL_LOOK, .scope = CONTROL_VIEW, .changes = true, .local = true,
	    .run_words = web_link_run },
	{ "domain", CONTROL_CONFIGURE, .looks = " list ", .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = get_request_domains },
	/* names of accounts are half of a login: not for viewers */
	{ "accounts", CONTROL_CONFIGURE, .scope = CONTROL_SERVER, .takes_name = true,
	    .run_words = accounts_request_run },
	{ "create", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .run_words = change_request_run },
	{ "adopted", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .local = true,
	    .run_words = adopted_request_run },
	{ "import", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .changes = true,
	    .run_words = import_request_run },
	{ "rename", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .takes_name = true,
	    .run_words = change_request_run },
	{ "delete", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .takes_name = true,
	    .run_words = change_request_run },
	{ "history", CONTROL_LOOK, .scope = CONTROL_VIEW, .takes_name = true,
	    .run_words = get_request_history },
	{ "undo", CONTROL_CONFIGURE, .scope = CONTROL_VIEW, .takes_name = true,
	    .run_words = change_request_run },
	{ "reload", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .changes = true,
	    .run_words = control_change_reload },
	{ "upgrade", CONTROL_CONFIGURE, .scope = CONTROL_SERVICE, .changes = true, .local = true,
	    .run = control_change_upgrade },
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
is_among(const char *words, const char *verb)
{
	char word[32];

	return (size_t)snprintf(word, sizeof(word), " %s ", verb) < sizeof(word) &&
	    strchr(verb, ' ') == NULL && strstr(words, word) != NULL;
}

enum control_right
control_commands_right(const struct control_words *w)
{
	const struct control_command_row *row = find_row(w->word[0]);

	if (row == NULL)
		return CONTROL_NONE;
	return row->looks != NULL && w->count > 2 && is_among(row->looks, w->word[2]) ? CONTROL_LOOK :
	    row->right;
}

/* What the user may do there. `s` NULL: the command names none. */
static enum control_right
right_of(const struct control_command *cmd, const struct control_command_row *row, const struct master *m,
    const struct server *s)
{
	if (s != NULL && row->scope != CONTROL_SERVICE)
		return control_rights_server(s, cmd->peer);
	return row->scope == CONTROL_VIEW ? control_rights_any(m, cmd->peer) :
	    control_rights_service(m, cmd->peer);
}

/* Why the state table refuses it, or NULL. */
static const char *
refusal_of(const struct control_command_row *row, const struct server *s)
{
	for (enum state_event event = EVENT_START; event <= EVENT_DRAIN; event++)
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
	char who[CONTROL_ANSWER_WHO_SIZE], left_out[REFUSAL_EVENT_SIZE] = "";

	if (refusal == NULL ? !row->changes : !refusal_event_may_tell(cmd->peer->author, left_out))
		return;
	control_answer_who(who, cmd);
	log_event(refusal == NULL ? LOG_FACT : LOG_WARN, NULL, "operator",
	    "server=%s %s command=%s result=%s%s%s%s",
	    names_server(w) ? log_safe(w->word[1]) : "-", who, row->name,
	    refusal == NULL ? "ok" : "refused", left_out,
	    refusal != NULL ? " reason=" : "", refusal != NULL ? log_safe(refusal) : "");
}

/* The user has `right` there, which is not enough. */
static void
refuse_user(struct control_command *cmd, const struct control_command_row *row,
    const struct control_words *w, enum control_right right)
{
	bool named = names_server(w), looks = right == CONTROL_LOOK;
	const char *what = named ? "that virtual server" : "the service";

	log_command(cmd, row, w, looks ? "a viewer only" : "no operator");
	if (row->monitors)
		control_answer_say(cmd, CONTROL_NO_MATCH,
		    "UNKNOWN: this user is neither operator nor viewer of %s; name it in viewers of "
		    "postern.ini or of its own file", what);
	else
		control_answer_say(cmd, EX_NOPERM, "%s%s%s: %s %s", row->name, named ? " " : "",
		    named ? w->word[1] : "", looks ? "you may look, but are no operator of" :
		    cmd->right == CONTROL_LOOK ? "you are neither operator nor viewer of" :
		    "you are no operator of", what);
}

/*
 * An upgrade waits, and whoever operates a virtual server could hold it up for ever with one command after
 * the other. Those of the service may: it is their upgrade.
 */
static bool
has_to_wait(struct control_command *cmd, const struct master *m)
{
	if (!m->upgrading || cmd->right <= CONTROL_LOOK ||
	    control_rights_service(m, cmd->peer) >= CONTROL_OPERATE)
		return false;
	control_answer_say(cmd, EX_TEMPFAIL,
	    "an upgrade of the service is under way: say this again in a moment");
	return true;
}

/*
 * Each is an event, and some change a state: whoever operates a virtual server, or may make a link for
 * itself, cannot fill the log with them. A command on a queue comes page by page: queue_request counts it.
 */
static bool
comes_too_fast(struct control_command *cmd, const struct control_command_row *row, const struct master *m)
{
	static struct author_rate rate = { .burst = CHANGES_AT_ONCE, .each_ms = CHANGES_MS };
	bool acts = row->looks != NULL && cmd->right > CONTROL_LOOK && row->run_words != queue_request_run;

	if ((!row->changes && !acts) || control_rights_service(m, cmd->peer) >= CONTROL_OPERATE ||
	    author_rate_take(&rate, cmd->peer->author, clock_mono_ms()))
		return false;
	control_answer_say(cmd, CONTROL_REFUSED, CONTROL_TOO_FAST);
	return true;
}

/* Whether the user may. A name that is none is told to those only that may know of all. */
static bool
is_allowed(struct control_command *cmd, const struct control_command_row *row, const struct master *m,
    const struct control_words *w, const struct server *s)
{
	enum control_right right = names_server(w) && s == NULL ? control_rights_service(m, cmd->peer) :
	    right_of(cmd, row, m, s);

	if (right >= cmd->right)
		return true;
	refuse_user(cmd, row, w, right);
	return false;
}

void
control_commands_run(struct control_command *cmd, struct master *m, const struct control_words *w)
{
	const struct control_command_row *row = find_row(w->word[0]);
	struct server *s;

	if (row == NULL || (row->run_words == NULL && w->count > (row->takes_name ? 2U : 1U))) {
		control_answer_say(cmd, EX_USAGE, "the service does not know the command %s",
		    log_safe(w->word[0]));
		return;
	}
	if (row->local && cmd->peer->web) {
		control_answer_say(cmd, EX_NOPERM, "%s is for posternctl on the host alone", row->name);
		return;
	}
	cmd->right = control_commands_right(w);
	s = names_server(w) ? server_list_find(m, w->word[1]) : NULL;
	if (!is_allowed(cmd, row, m, w, s))
		return;
	if (names_server(w) && s == NULL) {
		log_command(cmd, row, w, "no such virtual server");
		control_answer_say(cmd, CONTROL_NO_MATCH, "%sthere is no virtual server %s",
		    row->monitors ? "UNKNOWN: " : "", log_safe(w->word[1]));
		return;
	}
	if (has_to_wait(cmd, m) || comes_too_fast(cmd, row, m))
		return;
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
	if (cmd->upgrades) {
		cmd->waiting = !m->ops->upgrade_result(m, &cmd->text, &cmd->status);
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
