/*
 * session - the dialogue of one connection: bytes and events in, replies and actions out; pure
 *
 * Runs in:  listener
 * Owns:     the HELO name, the user, the envelope that grows
 * Promise:  commands run in the order they came, each with its reply; bytes are read only under WAIT_CLIENT;
 *           nothing is read or said any more once the session has ended
 * Fails by: replies; a client cannot make it fail otherwise
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_etrn.h"
#include "common/rules/policy.h"
#include "listener/smtp/smtp_private.h"

void
session_init(struct session *s, const struct config_server *server, const struct session_ops *ops, void *arg,
    const struct policy_client *client, const char *ip)
{
	*s = (struct session){
		.server = server, .ops = ops, .arg = arg, .client = client, .ip = ip, .phase = PHASE_START,
		.filters = config_filter_is_used(server, CONFIG_FILTER_SMTP),
	};
}

void
session_done(struct session *s)
{
	free(s->helo);
	free(s->user);
	envelope_free(s->envelope);
	free(s->bdat);
	filter_stage_forget(s);
	s->helo = s->user = NULL;
	s->envelope = NULL;
	s->bdat = NULL;
}

/* The host's name comes first (RFC 5321 4.2), also before a banner that does not begin with it. */
void
session_greet(struct session *s)
{
	char line[REPLY_SIZE];
	const char *fqdn = s->server->fqdn, *banner = s->server->banner;

	if (s->stopping) {
		s->greeted = true;
		session_reply(s, REPLY_STOPPING, fqdn);
		return;
	}
	switch (filter_stage_ask(s, FILTER_CONNECT, "", "")) {
	case STAGE_WAITS:
		return;
	case STAGE_REFUSED:
		filter_stage_say(s, NULL);
		return;
	case STAGE_PASSED:
		s->greeted = true;
	}
	if (banner == NULL)
		snprintf(line, sizeof(line), "%s Postern ESMTP service ready", fqdn);
	else if (strncasecmp(banner, fqdn, strlen(fqdn)) == 0)
		snprintf(line, sizeof(line), "%s", banner);
	else
		snprintf(line, sizeof(line), "%s %s", fqdn, banner);
	session_reply(s, REPLY_GREETING, line);
}

/* What came before the handshake could have come from an attacker: it is forgotten (RFC 3207 4.2). */
void
session_secured(struct session *s, bool bound)
{
	free(s->helo);
	free(s->user);
	s->helo = s->user = NULL;
	s->extended = s->partial = false;
	s->link = bound ? LINK_TLS_BOUND : LINK_TLS;
	session_phase_enter(s, PHASE_START);
	s->progress++;
	if (!s->greeted)
		session_greet(s);
	else if (s->stopping)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
}

/*
 * A list with dead addresses in any order must reach the good ones: refused recipients end the session only
 * between transactions, or when the client goes on with another command though none was accepted.
 */
static bool
has_failed_enough(const struct session *s)
{
	if (s->errors >= SESSION_ERRORS_MAX)
		return true;
	if (s->refused < SESSION_ERRORS_MAX || s->phase == PHASE_RCPT || s->phase == PHASE_CHUNKS)
		return false;
	return s->phase != PHASE_MAIL || !s->recipient || s->refused >= SESSION_REFUSED_MAX;
}

/* Commands that the verb counts end at their own limit; recipients given again and empty chunks come here. */
static bool
has_repeated_enough(const struct session *s)
{
	uint64_t limit = s->server->idle_command_limit;

	return limit != CONFIG_UNLIMITED && s->idle > limit + SESSION_REPEATED_MAX;
}

/* After each command and message, where a session may end: too many errors, or a stop that waits. */
static void
check_border(struct session *s)
{
	s->partial = false;
	s->progress++;
	if (!(s->phase & PHASE_COMMAND))
		return;
	if (has_failed_enough(s))
		session_reply(s, REPLY_TOO_MANY_ERRORS, s->server->fqdn);
	else if (has_repeated_enough(s))
		session_reply(s, REPLY_IDLE_COMMANDS, s->server->fqdn);
	else if (s->stopping && s->phase != PHASE_CHUNKS)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
}

/* Skips the rest of a line that was refused, up to its CRLF: none of it is a command. */
static size_t
skip_line(struct session *s, const char *data, size_t len)
{
	bool ended;
	size_t used = line_rest(data, len, &ended);

	s->line_waste += used;
	if (ended) {
		s->line_waste = 0;
		check_border(s);
	} else if (s->line_waste > SESSION_LINE_WASTE) {
		session_phase_end(s, true);
	}
	return used;
}

/* The reply comes at once, as a client that ends no line with CRLF waits for it. */
static void
refuse_line(struct session *s, const char *line, size_t len, enum line_kind kind)
{
	if (s->phase == PHASE_AUTH_LINE)
		auth_verb_refuse(s, kind == LINE_LONG ? REPLY_AUTH_LONG : REPLY_LINE_BARE);
	else if (kind == LINE_LONG && auth_verb_line_max(s, line, len) > 0)
		verb_refuse(s, line, len, REPLY_AUTH_LONG);
	else
		verb_refuse(s, line, len, kind == LINE_LONG ? REPLY_LINE_LONG : REPLY_LINE_BARE);
	check_border(s);
}

static size_t
line_max(const struct session *s, const char *data, size_t size)
{
	size_t max = auth_verb_line_max(s, data, size);

	return max > 0 ? max : SESSION_LINE_MAX;
}

/* The owner counts long lines, as a client that sends one is not known yet. */
static void
note_long_line(struct session *s, bool comes)
{
	if (s->long_line == comes)
		return;
	s->long_line = comes;
	s->ops->long_line(s->arg, comes);
}

static size_t
take_command(struct session *s, const char *data, size_t size)
{
	enum line_kind kind;
	size_t len, used;

	if (s->line_waste > 0)
		return skip_line(s, data, size);
	kind = line_scan(data, size, line_max(s, data, size), &len, &used);
	note_long_line(s, kind == LINE_MORE && size >= AUTH_VERB_LINE_MAX);
	switch (kind) {
	case LINE_MORE:
		if (!s->partial)
			s->progress++; /* the time limit of a command runs from its first byte */
		s->partial = true;
		return 0;
	case LINE_LONG:
	case LINE_BARE:
		s->line_waste = MIN(used, SESSION_LINE_MAX);	/* the lines of AUTH have other limits */
		refuse_line(s, data, len, kind);
		return used;
	case LINE_WHOLE:
		if (s->phase == PHASE_AUTH_LINE)
			auth_verb_line(s, data, len);
		else
			verb_dispatch(s, data, len, size > used);
		if (session_phase_waits(s)) {
			s->partial = false;
			s->progress++;
			return 0;
		}
		if (!(s->phase & PHASE_CHUNK))
			filter_stage_forget(s);	/* asked about, and refused for another reason */
		break;
	}
	check_border(s);
	return used;
}

size_t
session_input(struct session *s, const char *data, size_t len)
{
	size_t used;

	if (len == 0 || !session_wants_input(s))
		return 0;
	if (!(s->phase & PHASE_CONTENT))
		return take_command(s, data, len);
	s->progress++;
	used = s->phase == PHASE_DATA ? transaction_content(s, data, len) : bdat_content(s, data, len);
	if (!(s->phase & PHASE_CONTENT))
		check_border(s);
	return used;
}

bool
session_wants_input(const struct session *s)
{
	return s->wait == WAIT_CLIENT;
}

void
session_room(struct session *s)
{
	if (s->wait == WAIT_ROOM)
		session_phase_wait(s, WAIT_CLIENT);
	s->progress++;
}

void
session_run_again(struct session *s)
{
	if (!session_phase_waits(s) || s->wait == WAIT_FILTER)
		return;
	session_phase_wait(s, WAIT_CLIENT);
	s->progress++;
}

void
session_filtered(struct session *s, const struct msg_filter_answer *a)
{
	if (s->wait != WAIT_FILTER)
		return;
	filter_stage_keep(s, a);
	session_phase_wait(s, WAIT_CLIENT);
	s->progress++;
	if (!s->greeted)
		session_greet(s);
}

void
session_stored(struct session *s, int error, const char *id)
{
	transaction_stored(s, error, id);
	check_border(s);
}

void
session_refused(struct session *s, const char *words)
{
	session_phase_enter(s, PHASE_READY);
	session_reply_words(s, REPLY_HOP_WORDS, words, NULL, false);
	session_phase_reset(s);
	check_border(s);
}

void
session_judged(struct session *s, const struct msg_filter_answer *a, const char *id)
{
	if (a->verdict == FILTER_DISCARD) {
		session_stored(s, 0, id);
		return;
	}
	filter_stage_keep(s, a);
	session_phase_enter(s, PHASE_READY);
	filter_stage_say(s, NULL);
	session_phase_reset(s);
	check_border(s);
}

void
session_auth_answered(struct session *s, const struct msg_auth_in_answer *a)
{
	auth_verb_answer(s, a);
	if (s->phase == PHASE_AUTH_LINE && s->stopping)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
	check_border(s);
}

void
session_etrn_answered(struct session *s, const struct msg_etrn_answer *a, const char *node)
{
	if (s->phase != PHASE_ETRN)
		return;
	etrn_answer(s, a, node);
	check_border(s);
}

/* No answer came in time: the client hears 4xx and may go on. */
static void
give_up(struct session *s)
{
	static const struct msg_etrn_answer later = { .result = MSG_ETRN_LATER };

	if (s->phase == PHASE_ETRN) {
		session_etrn_answered(s, &later, "");
		return;
	}
	auth_verb_refuse(s, REPLY_AUTH_LATER);
	check_border(s);
}

/* What will be said at the end of the present content; REPLY_NONE: it is good so far, or there is none. */
static enum reply
content_fault(const struct session *s)
{
	return s->phase == PHASE_CHUNK ? bdat_refusal(s) : transaction_fault(s);
}

/* `which`: the reply of ACTION_REPLY. */
static void
take_event(struct session *s, enum session_event event, enum reply which)
{
	switch (session_phase_action(s, event)) {
	case ACTION_NONE:
		break;
	case ACTION_END:
		session_phase_end(s, false);
		break;
	case ACTION_GIVE_UP:
		give_up(s);
		break;
	case ACTION_REPLY:
		session_reply(s, which, s->server->fqdn);
		break;
	}
}

void
session_expire(struct session *s)
{
	enum reply fault = content_fault(s);

	if (s->wait == WAIT_PAUSE) {
		session_phase_wait(s, WAIT_CLIENT);
		s->progress++;
		return;
	}
	/* A client that ends content with a bare LF waits for a reply in vain: say what is wrong. */
	if (fault != REPLY_NONE)
		bdat_say_refusal(s, fault);
	take_event(s, EVENT_EXPIRE, REPLY_IDLE);
}

void
session_eof(struct session *s)
{
	take_event(s, EVENT_EOF, REPLY_NONE);
}

void
session_cut_line(struct session *s)
{
	static const char line[] = "AUTH GSSAPI";

	s->long_line = false;
	s->line_waste = 1;		/* all of it is still to be skipped */
	if (s->phase == PHASE_AUTH_LINE)
		auth_verb_refuse(s, REPLY_AUTH_LATER);
	else
		verb_refuse(s, line, sizeof(line) - 1, REPLY_AUTH_LATER);
	check_border(s);
}

void
session_stop(struct session *s)
{
	s->stopping = true;
	if (!s->partial)
		take_event(s, EVENT_STOP, REPLY_STOPPING);
}

void
session_retire(struct session *s, bool now)
{
	if (s->partial || s->line_waste > 0 || s->wait != WAIT_CLIENT)
		return;
	if ((s->phase & (PHASE_START | PHASE_READY)) || (now && (s->phase & PHASE_COMMAND)))
		session_reply(s, REPLY_SESSION_OLD, s->server->fqdn);
}

void
session_cut(struct session *s)
{
	take_event(s, EVENT_CUT, REPLY_STOPPING);
}

void
session_shed(struct session *s)
{
	take_event(s, EVENT_CUT, REPLY_SESSION_MEMORY);
}

size_t
session_held(const struct session *s)
{
	return (s->helo != NULL ? strlen(s->helo) : 0) + (s->user != NULL ? strlen(s->user) : 0) +
	    (s->filter_answer != NULL ? sizeof(*s->filter_answer) : 0);
}

uint64_t
session_limit_ms(const struct session *s)
{
	return session_phase_limit_ms(s, s->line_waste > 0 || content_fault(s) != REPLY_NONE);
}
