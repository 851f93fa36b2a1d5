/*
 * control_commands - what the commands of an operator do, one row a command
 *
 * Runs in:  master
 * Owns:     a command and its answer until it is sent
 * Promise:  the answer to a command is its outcome: the state is reached, the command is refused with a
 *           reason, or the service tries again
 * Fails by: an answer that says so
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters_text.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
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
	void (*run)(struct control_command *o, struct master *m, struct server *s);	/* s NULL: all */
	/* instead of `run`: takes more words than a name; "-" stands for no name */
	void (*run_words)(struct control_command *o, struct master *m, struct server *s,
	    const struct control_words *w);
};

void
control_commands_init(struct control_command *o, const struct control_peer *peer)
{
	*o = (struct control_command){ .peer = peer, .text = BUF_INIT(MASTER_TEXT_MAX) };
}

void
control_commands_done(struct control_command *o)
{
	buf_done(&o->text);
	control_question_free(o->question);
	o->question = NULL;
	free(o->name);
	o->name = NULL;
	o->names = 0;
}

static void
say_line(struct control_command *o, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
say_line(struct control_command *o, int status, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_printf(&o->text, "%s\n", line);
	if (status != 0 && o->status == 0)
		o->status = status;
}

static void
wait_for_server(struct control_command *o, const struct server *s, enum state goal)
{
	o->name = mem_array(o->name, o->names + 1, sizeof(*o->name));
	snprintf(o->name[o->names++], sizeof(*o->name), "%s", s->name);
	o->waiting = true;
	o->goal = goal;
}

/* --- commands that change a state --- */

static void
change_server(struct control_command *o, struct master *m, struct server *s, enum state_event event,
    enum state goal)
{
	const char *text = NULL;

	if (m->stopping) {
		say_line(o, CONTROL_REFUSED, "the service is stopping");
		return;
	}
	switch (server_request(s, event, &text)) {
	case STATE_GO:
		wait_for_server(o, s, goal);
		break;
	case STATE_ALREADY:
		say_line(o, 0, "%s %s", s->name, text);
		break;
	default:
		say_line(o, CONTROL_REFUSED, "%s %s", s->name, text);
	}
}

/* Without a name: all that can change so; when none can, says why for each. */
static void
change_all(struct control_command *o, struct master *m, enum state_event event, enum state goal)
{
	struct server *s;
	bool any = false;

	TAILQ_FOREACH(s, &m->servers, link)
		if (state_move(s->state, event)->kind == STATE_GO) {
			change_server(o, m, s, event, goal);
			any = true;
		}
	if (any)
		return;
	TAILQ_FOREACH(s, &m->servers, link)
		say_line(o, state_move(s->state, event)->kind == STATE_REFUSE ? CONTROL_NO_MATCH : 0, "%s %s",
		    s->name, state_move(s->state, event)->text);
}

static void
run_start(struct control_command *o, struct master *m, struct server *s)
{
	if (s != NULL) {
		change_server(o, m, s, EVENT_START, STATE_STARTED);
		return;
	}
	TAILQ_FOREACH(s, &m->servers, link)
		if (s->wanted && (s->state == STATE_STOPPED || s->state == STATE_STARTING))
			change_server(o, m, s, EVENT_START, STATE_STARTED);
	if (!o->waiting)
		say_line(o, 0, "the service is running");
}

static void
run_stop(struct control_command *o, struct master *m, struct server *s)
{
	if (s != NULL) {
		change_server(o, m, s, EVENT_STOP, STATE_STOPPED);
		return;
	}
	o->ends_service = true;
	m->ops->stop(m, false);
}

static void
run_pause(struct control_command *o, struct master *m, struct server *s)
{
	if (s != NULL)
		change_server(o, m, s, EVENT_PAUSE, STATE_PAUSED);
	else
		change_all(o, m, EVENT_PAUSE, STATE_PAUSED);
}

static void
run_continue(struct control_command *o, struct master *m, struct server *s)
{
	if (s != NULL)
		change_server(o, m, s, EVENT_CONTINUE, STATE_STARTED);
	else
		change_all(o, m, EVENT_CONTINUE, STATE_STARTED);
}

static void
run_reload(struct control_command *o, struct master *m, struct server *s)
{
	m->ops->reload(m, &o->text, &o->status);
	TAILQ_FOREACH(s, &m->servers, link)
		if (!m->stopping)
			wait_for_server(o, s, 0);
}

static void
run_retry(struct control_command *o, struct master *m, struct server *only)
{
	struct child *c;
	unsigned told = 0;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->role == ROLE_DELIVER && (only == NULL || c->server == only) &&
		    c->phase <= CHILD_READY) {
			child_tell(c, CTL_RETRY);
			say_line(o, 0, "%s: all messages in the queue are due now", c->server->name);
			told++;
		}
	if (told == 0 && only != NULL && only->state == STATE_STOPPED)
		say_line(o, CONTROL_REFUSED,
		    "%s is stopped: nothing is tried; what queue %s retry makes due goes when it is started",
		    only->name, only->name);
	else if (told == 0)
		say_line(o, CONTROL_REFUSED, "%s: no delivery is running",
		    only != NULL ? only->name : "service");
}

/* --- commands that show something --- */

static bool
may_see(const struct control_command *o, const struct server *s, const struct server *only)
{
	return (only == NULL || s == only) && control_rights_server(s, o->peer);
}

/* " listener=101,102": the children of one role (ROLE_COUNT: of all), those that serve or those that end. */
static void
put_pids(struct buf *b, const struct server *s, const char *label, enum role role, bool leaving)
{
	const struct child *c;
	bool any = false;

	TAILQ_FOREACH(c, &s->m->children, link) {
		bool goes = c->phase == CHILD_DRAINING || c->phase == CHILD_STOPPING;

		if (c->server != s || (role != ROLE_COUNT && c->role != role) || goes != leaving)
			continue;
		buf_printf(b, "%s%s%d", any ? "," : " ", any ? "" : label, (int)c->pid);
		any = true;
	}
}

static void
put_status(struct buf *b, const struct server *s)
{
	buf_printf(b, "%s %s number=%d id=%u description=%s listen=", s->name, state_name(s->state),
	    (int)s->state, server_id(s), log_safe(s->conf != NULL ? s->conf->description : ""));
	for (size_t i = 0; s->conf != NULL && i < s->conf->nlisten; i++)
		buf_printf(b, "%s%s", i > 0 ? "," : "", s->conf->listen[i].text);
	buf_printf(b, " sessions=%lld queue=%lld",
	    (long long)counters_get(s->counters, COUNTER_INBOUND_CURRENT),
	    (long long)counters_get(s->counters, COUNTER_QUEUE_LENGTH));
	put_pids(b, s, "listener=", ROLE_LISTENER, false);
	put_pids(b, s, "pickup=", ROLE_PICKUP, false);
	put_pids(b, s, "deliver=", ROLE_DELIVER, false);
	put_pids(b, s, "maintenance=", ROLE_MAINTENANCE, false);
	put_pids(b, s, "leaving=", ROLE_COUNT, true);
	if (s->reason != NULL)
		buf_printf(b, " reason=%s", log_safe(s->reason));
	buf_puts(b, "\n");
}

static void
run_status(struct control_command *o, struct master *m, struct server *only)
{
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (may_see(o, s, only))
			put_status(&o->text, s);
	if (only != NULL || !control_rights_service(m, o->peer))
		return;
	buf_printf(&o->text, "(service) %s pid=%d",
	    m->stopping ? "stopping" : m->ready ? "started" : "starting", (int)getpid());
	for (size_t i = 0; i < CTL_HELPER_COUNT; i++)
		if (m->helper[i].child != NULL)
			buf_printf(&o->text, " %s=%d", roster_roles[m->helper[i].role].name,
			    (int)m->helper[i].child->pid);
	if (m->metrics.child != NULL)
		buf_printf(&o->text, " metrics=%d", (int)m->metrics.child->pid);
	buf_puts(&o->text, "\n");
}

/* As monitoring wants it: 0 well, 1 warning, 2 it should run and does not. */
static int
server_health(const struct server *s)
{
	if (s->state == STATE_STOPPED)
		return s->wanted ? 2 : 0;
	if (s->trouble)
		return s->state == STATE_STARTING ? 2 : 1;
	return s->state == STATE_STARTED ? 0 : 1;
}

static void
run_health(struct control_command *o, struct master *m, struct server *only)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL" };
	struct buf line = BUF_INIT(MASTER_TEXT_MAX);
	const struct server *s;
	int worst = 0;
	TAILQ_FOREACH(s, &m->servers, link) {
		int health;

		if (!may_see(o, s, only))
			continue;
		health = server_health(s);
		worst = health > worst ? health : worst;
		buf_printf(&line, "%s%s %s", line.len > 0 ? ", " : "", s->name, state_name(s->state));
		if (health > 0 && s->reason != NULL)
			buf_printf(&line, " (%s)", s->reason);
		else if (s->state == STATE_STOPPED && health == 0)
			buf_puts(&line, " as ordered");
	}
	buf_printf(&o->text, "%s: %s\n", word[worst], buf_text(&line));
	o->status = worst;
	buf_done(&line);
}

/* The counters of one virtual server; without a name the sums of all, which have no state. */
static void
run_counters(struct control_command *o, struct master *m, struct server *only)
{
	for (enum counter i = 0; i < COUNTER_COUNT; i++) {
		const struct server *s;
		int64_t sum = 0;

		if (only == NULL && i == COUNTER_STATE)
			continue;
		TAILQ_FOREACH(s, &m->servers, link)
			if (may_see(o, s, only))
				sum += counters_get(s->counters, i);
		buf_printf(&o->text, "%s %lld\n", counters_rows[i].name, (long long)sum);
	}
}

static void
run_prometheus(struct control_command *o, struct master *m, struct server *only)
{
	struct counters_text_server *list = NULL;
	const struct server *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &m->servers, link)
		if (may_see(o, s, only)) {
			list = mem_array(list, n + 1, sizeof(*list));
			list[n++] = (struct counters_text_server){ s->name, s->counters };
		}
	counters_text_prometheus(&o->text, list, n);
	free(list);
}

static const struct control_command_row rows[] = {
	{ .name = "status", .scope = CONTROL_VIEW, .takes_name = true, .run = run_status },
	{ .name = "health", .scope = CONTROL_VIEW, .takes_name = true, .run = run_health },
	{ .name = "counters", .scope = CONTROL_VIEW, .takes_name = true, .run = run_counters },
	{ .name = "prometheus", .scope = CONTROL_VIEW, .takes_name = true, .run = run_prometheus },
	{ .name = "sessions", .scope = CONTROL_VIEW, .takes_name = true, .run_words = sessions_request_run },
	{ .name = "oauth-test", .scope = CONTROL_SERVICE, .run_words = oauth_request_run },
	{ .name = "queue", .scope = CONTROL_VIEW, .takes_name = true, .run_words = queue_request_run },
	{ .name = "badmail", .scope = CONTROL_VIEW, .takes_name = true, .run_words = queue_request_run },
	{ .name = "start", .scope = CONTROL_SERVER, .takes_name = true, .changes = true, .run = run_start },
	{ .name = "stop", .scope = CONTROL_SERVER, .takes_name = true, .changes = true, .run = run_stop },
	{ .name = "pause", .scope = CONTROL_SERVER, .takes_name = true, .changes = true, .run = run_pause },
	{ .name = "continue", .scope = CONTROL_SERVER, .takes_name = true, .changes = true,
	    .run = run_continue },
	{ .name = "retry", .scope = CONTROL_SERVER, .takes_name = true, .changes = true, .run = run_retry },
	{ .name = "reload", .scope = CONTROL_SERVICE, .changes = true, .run = run_reload },
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
is_allowed(const struct control_command *o, const struct control_command_row *row, const struct master *m,
    const struct server *s)
{
	if (control_rights_service(m, o->peer))
		return true;
	if (row->scope == CONTROL_SERVICE)
		return false;
	if (s != NULL)
		return control_rights_has(&s->rights, o->peer);
	if (row->scope == CONTROL_VIEW)
		TAILQ_FOREACH(s, &m->servers, link)
			if (control_rights_has(&s->rights, o->peer))
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
log_command(const struct control_command *o, const struct control_command_row *row,
    const struct control_words *w, const char *refusal)
{
	if (refusal == NULL && !row->changes)
		return;
	log_event(refusal == NULL ? LOG_FACT : LOG_WARN, NULL, "operator",
	    "server=%s uid=%u command=%s result=%s%s%s",
	    names_server(w) ? log_safe(w->word[1]) : "-", (unsigned)o->peer->uid, row->name,
	    refusal == NULL ? "ok" : "refused",
	    refusal != NULL ? " reason=" : "", refusal != NULL ? log_safe(refusal) : "");
}

void
control_commands_run(struct control_command *o, struct master *m, const struct control_words *w)
{
	const struct control_command_row *row = find_row(w->word[0]);
	bool named, allowed;
	struct server *s;

	if (row == NULL || (row->run_words == NULL && w->count > (row->takes_name ? 2U : 1U))) {
		say_line(o, EX_USAGE, "the service does not know the command %s", log_safe(w->word[0]));
		return;
	}
	named = names_server(w);
	s = named ? server_list_find(m, w->word[1]) : NULL;
	allowed = (!named || s != NULL || control_rights_service(m, o->peer)) && is_allowed(o, row, m, s);
	if (!allowed) {
		log_command(o, row, w, "no operator");
		say_line(o, EX_NOPERM, "%s%s%s: you are no operator of %s", row->name, named ? " " : "",
		    named ? w->word[1] : "", named ? "that virtual server" : "the service");
		return;
	}
	if (named && s == NULL) {
		log_command(o, row, w, "no such virtual server");
		say_line(o, CONTROL_NO_MATCH, "there is no virtual server %s", log_safe(w->word[1]));
		return;
	}
	log_command(o, row, w, s != NULL ? refusal_of(row, s) : NULL);
	if (row->run_words != NULL)
		row->run_words(o, m, s, w);
	else
		row->run(o, m, s);
}

static void
say_outcome(struct control_command *o, const struct server *s)
{
	if (s->trouble)
		say_line(o, EX_TEMPFAIL, "%s is %s: %s", s->name, state_name(s->state),
		    s->reason != NULL ? s->reason : "a process ended");
	else if (o->goal != 0 && s->state != o->goal)
		say_line(o, CONTROL_REFUSED, "%s is %s%s%s", s->name, state_name(s->state),
		    s->reason != NULL ? ": " : "", s->reason != NULL ? s->reason : "");
	else
		say_line(o, 0, "%s is %s%s%s", s->name, state_name(s->state), s->reason != NULL ? ": " : "",
		    s->reason != NULL ? s->reason : "");
}

bool
control_commands_update(struct control_command *o, struct master *m)
{
	const struct server *s;

	if (o->question != NULL) {
		o->waiting = !o->question->ops->update(o->question, o);
		return !o->waiting;
	}
	for (size_t i = 0; i < o->names; i++)
		if ((s = server_list_find(m, o->name[i])) != NULL && !server_is_steady(s))
			return false;
	for (size_t i = 0; i < o->names; i++)
		if ((s = server_list_find(m, o->name[i])) != NULL)
			say_outcome(o, s);
		else
			say_line(o, 0, "%s has been removed", o->name[i]);
	o->waiting = false;
	return true;
}
