/*
 * control_web - what the web helper asks on behalf of those who are logged in to the manager in a web browser
 *
 * Runs in:  master
 * Owns:     a caller for each command that is not answered yet
 * Promise:  a command runs with the rights of the user for whom the master made the session, looked up anew
 *           each time. The helper names no user, and gets nothing without a secret that a browser has shown.
 *           What it gets for a session ends with that, whatever the helper thinks of it
 * Fails by: an answer that says so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define ORDERS_MAX 128U
#define ORDERS_KEPT 32U		/* of these, for those who operate the service */
#define CHANNEL_FULL (2U << 20)	/* bytes that the helper has not read; another answer fits beyond them */

/* A command from a browser. */
struct web_order {
	struct control_caller caller;	/* first */
	struct child *helper;		/* NULL: it is dead */
	uint32_t request;
	uint8_t session[32];		/* the hash of its handle */
};

static struct web_order *
order_of(const struct control_caller *caller)
{
	return mem_unconst(caller);	/* its first member */
}

static bool
send_to_helper(struct control_caller *caller, enum ctl_type type, const void *data, size_t len)
{
	struct web_order *o = order_of(caller);

	if (o->helper != NULL)
		child_send(o->helper, type, o->request, data, len, -1);
	return o->helper != NULL;
}

/* Of a command that is no stream the helper closes it again, and so ends the command. */
static bool
hand_to_helper(struct control_caller *caller, int fd)
{
	struct web_order *o = order_of(caller);

	if (o->helper != NULL)
		child_send(o->helper, CTL_WEB_EVENTS, o->request, NULL, 0, fd);
	return o->helper != NULL;
}

static bool
is_helper_full(const struct control_caller *caller)
{
	const struct web_order *o = order_of(caller);

	return o->helper != NULL && o->helper->ctl != NULL && ctl_waiting(o->helper->ctl) > CHANNEL_FULL;
}

static bool
is_session_over(const struct control_caller *caller)
{
	return !web_sessions_is_good(caller->m->web_sessions, order_of(caller)->session, clock_mono_ms());
}

static void
end_order(struct control_caller *caller)
{
	control_caller_done(caller);
	free(order_of(caller));
}

static void
on_answered(struct control_caller *caller, bool sent)
{
	end_order(caller);
}

static const struct control_caller_ops order_ops = { .send = send_to_helper, .hand = hand_to_helper,
    .is_full = is_helper_full, .is_over = is_session_over,
    .answered = on_answered, .end = end_order };

void
control_web_greet(struct child *c)
{
	if (c->role == ROLE_WEB)
		child_send(c, CTL_WEB_KEY, 0, web_sessions_key(c->m->web_sessions), WEB_KEY_SIZE, -1);
}

void
control_web_gone(struct child *c)
{
	struct control_caller *caller;

	TAILQ_FOREACH(caller, &c->m->callers, link)
		if (caller->ops == &order_ops && order_of(caller)->helper == c)
			order_of(caller)->helper = NULL;
	web_account_gone(c);
}

/* --- sessions --- */

static void
log_in(struct child *c, const struct ctl_message *message)
{
	struct msg_web_session answer = { .result = WEB_UNKNOWN };
	char left_out[REFUSAL_EVENT_SIZE];
	struct msg_web_login login;
	struct web_session *s;

	if (!msg_web_login_take(&login, message->data, message->len)) {
		child_kill(c, "it sent a malformed login");
		return;
	}
	s = web_sessions_login(c->m->web_sessions, login.token, clock_mono_ms(), answer.handle);
	if (s == NULL && refusal_event_may_tell(login.client, left_out)) {
		log_event(LOG_WARN, NULL, "operator",
		    "server=- by=web command=login way=link result=refused client=%s%s reason=%s",
		    log_safe(login.client), left_out, log_safe("no such link, or it is used up"));
	} else if (s != NULL) {
		web_answer_describe(&answer, c->m, s);
		log_event(LOG_FACT, NULL, "operator",
		    "server=- %s by=web command=login way=link result=%s client=%s",
		    s->peer.author, answer.result == WEB_OK ? "ok" : "refused",
		    log_safe(login.client));
		if (answer.result != WEB_OK)
			web_sessions_end(c->m->web_sessions, s);
	}
	explicit_bzero(&login, sizeof(login));
	web_answer_send(c, message->request, &answer);
}

static void
take_password(struct child *c, const struct ctl_message *message)
{
	struct msg_web_password password;

	if (msg_web_password_take(&password, message->data, message->len))
		web_account_password(c, message->request, &password);
	else
		child_kill(c, "it sent a malformed login");
	explicit_bzero(&password, sizeof(password));
}

static void
take_ticket(struct child *c, const struct ctl_message *message)
{
	struct msg_web_ticket *ticket = mem_new(struct msg_web_ticket);

	if (msg_web_ticket_take(ticket, message->data, message->len))
		web_account_ticket(c, message->request, ticket);
	else
		child_kill(c, "it sent a malformed login");
	explicit_bzero(ticket, sizeof(*ticket));
	free(ticket);
}

static void
tell_or_end(struct child *c, const struct ctl_message *message)
{
	struct msg_web_session answer = { .result = WEB_UNKNOWN };
	unsigned char handle[WEB_SECRET_SIZE];
	struct web_session *s;

	memcpy(handle, message->data, sizeof(handle));
	s = web_sessions_find(c->m->web_sessions, handle, clock_mono_ms(), true);
	explicit_bzero(handle, sizeof(handle));
	if (s != NULL)
		web_answer_describe(&answer, c->m, s);
	if (s != NULL && message->type == CTL_WEB_LOGOUT) {
		log_event(LOG_FACT, NULL, "operator", "server=- %s by=web command=logout result=ok",
		    s->peer.author);
		web_sessions_end(c->m->web_sessions, s);
	} else if (s != NULL) {
		web_account_check(c->m, s);
	}
	web_answer_send(c, message->request, &answer);
}

/* --- commands --- */

/*
 * Whether that person, in whatever session, or all together have as many unanswered commands as they may. So
 * those who operate one virtual server each do not lock out those who operate the service.
 */
static bool
is_busy(const struct master *m, const struct web_session *s)
{
	bool operates = control_rights_service(m, &s->peer) >= CONTROL_OPERATE;
	const struct control_caller *caller;
	unsigned all = 0, own = 0;

	TAILQ_FOREACH(caller, &m->callers, link)
		if (caller->ops == &order_ops) {
			all++;
			own += control_rights_peer_same(&caller->peer, &s->peer);
		}
	return operates ? all >= ORDERS_MAX || own >= WEB_COMMANDS_PER_OPERATOR :
	    all >= ORDERS_MAX - ORDERS_KEPT || own >= WEB_COMMANDS_PER_PERSON;
}

static void
run_words(struct child *c, const struct ctl_message *message, const struct web_session *s,
    const struct control_words *w)
{
	struct web_order *o = mem_new(struct web_order);
	struct control_peer peer;

	o->helper = c;
	o->request = message->request;
	memcpy(o->session, s->hash, sizeof(o->session));
	control_rights_peer_copy(&peer, &s->peer);
	control_caller_init(&o->caller, c->m, &order_ops, &peer);
	o->caller.input = ctl_take_fd(message);
	control_caller_run(&o->caller, w);
}

static void
run_command(struct child *c, const struct ctl_message *message)
{
	struct msg_web_command *command = mem_new(struct msg_web_command);
	struct msg_web_session answer = { .result = WEB_UNKNOWN };
	struct control_words w;
	struct web_session *s = NULL;
	size_t len = 0;

	if (!msg_web_command_take(command, &len, message->data, message->len) ||
	    !control_words_parse(&w, command->words, len)) {
		child_kill(c, "it sent a malformed command");
	} else {
		s = web_sessions_find(c->m->web_sessions, command->handle, clock_mono_ms(),
		    command->watching != 0);
		if (s != NULL && is_busy(c->m, s))
			answer.result = WEB_BUSY;
		if (s != NULL)
			web_account_check(c->m, s);
		if (s == NULL || answer.result == WEB_BUSY)
			web_answer_send(c, message->request, &answer);
		else
			run_words(c, message, s, &w);
	}
	explicit_bzero(command, sizeof(*command));
	free(command);
}

void
control_web_take(struct child *c, const struct ctl_message *m)
{
	if (m->type == CTL_WEB_LOGIN)
		log_in(c, m);
	else if (m->type == CTL_WEB_PASSWORD)
		take_password(c, m);
	else if (m->type == CTL_WEB_TICKET)
		take_ticket(c, m);
	else if (m->type == CTL_WEB_COMMAND)
		run_command(c, m);
	else
		tell_or_end(c, m);
}
