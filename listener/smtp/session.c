/*
 * session - the dialogue of one connection: bytes and events in, replies and actions out
 *
 * Runs in:  listener (pure)
 * Owns:     the HELO name and the envelope in the making
 * Promise:  commands run in the order they came, each with its answer; nothing runs while content is being
 *           stored; nothing is read any more once the session has ended
 * Fails by: replies; a peer cannot make it fail otherwise
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/ipc/msg_auth_in.h"
#include "common/ipc/msg_etrn.h"
#include "common/rules/policy.h"
#include "listener/smtp/smtp.h"

/*
 * Upper bounds in ms of each stage; connection-timeout is one as well (RFC 5321 4.5.3.2.7 wants 5 minutes for
 * commands).
 */
enum { LIMIT_FIRST = 300000, LIMIT_CONTENT = 180000, LIMIT_REFUSED_CONTENT = 10000, LIMIT_LINGER = 5000,
	LIMIT_AUTH_LINE = 180000, LIMIT_SECURE = 60000, LIMIT_AUTH_HELPER = 60000, LIMIT_ASKING = 15000 };

void
session_init(struct session *s, const struct config_server *server, const struct session_ops *ops, void *arg,
    const struct policy_client *client, const char *ip)
{
	*s = (struct session){
		.server = server, .ops = ops, .arg = arg, .client = client, .ip = ip, .phase = PHASE_START,
	};
}

void
session_done(struct session *s)
{
	free(s->helo);
	free(s->user);
	envelope_free(s->envelope);
	bdat_free(s);
	s->helo = s->user = NULL;
	s->envelope = NULL;
}

/* The host's name comes first (RFC 5321 4.2), whatever the banner says. */
void
session_greet(struct session *s)
{
	char line[REPLY_SIZE];
	const char *fqdn = s->server->fqdn, *banner = s->server->banner;

	s->greeted = true;
	if (s->stopping) {
		session_reply(s, REPLY_STOPPING, fqdn);
		return;
	}
	if (banner == NULL)
		snprintf(line, sizeof(line), "%s Postern ESMTP service ready", fqdn);
	else if (strncasecmp(banner, fqdn, strlen(fqdn)) == 0)
		snprintf(line, sizeof(line), "%s", banner);
	else
		snprintf(line, sizeof(line), "%s %s", fqdn, banner);
	session_reply(s, REPLY_GREETING, line);
}

void
session_secure(struct session *s)
{
	session_reset(s);
	s->phase = PHASE_SECURING;
	s->progress++;
	s->ops->secure(s->arg);
}

/* Whatever the client said before could have been said by somebody else (RFC 3207 4.2). */
void
session_secured(struct session *s, bool bound)
{
	free(s->helo);
	free(s->user);
	s->helo = s->user = NULL;
	s->extended = s->authenticated = s->partial = false;
	s->secure = true;
	s->bound = bound;
	s->phase = PHASE_START;
	s->progress++;
	if (!s->greeted)
		session_greet(s);
	else if (s->stopping)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
}

bool
session_needs_tls(const struct session *s)
{
	return s->server->tls == CONFIG_TLS_REQUIRED && !s->secure;
}

void
session_end(struct session *s, bool linger)
{
	if (s->phase == PHASE_OVER)
		return;
	if (s->phase == PHASE_STORING)
		bug("session ended while its message is being stored");
	transaction_discard(s);
	if (s->phase & PHASE_AUTH)
		s->ops->auth_cancel(s->arg);
	s->phase = PHASE_OVER;
	s->progress++;
	s->ops->close(s->arg, linger);
}

static void
reply_with(struct session *s, enum reply which, const char *detail, const char *recipient, bool event)
{
	char line[REPLY_SIZE];
	const struct reply_row *row = &reply_rows[which];
	size_t len = reply_format(line, which, detail);

	s->ops->send(s->arg, line, len);
	if (row->counter != 0)
		s->ops->count(s->arg, row->counter, 1);
	if ((row->flags & REPLY_EVENT) && event) {
		line[len - 2] = '\0';
		s->ops->refused(s->arg, recipient, line);
	}
	if (row->flags & REPLY_ERROR)
		s->errors++;
	if (row->flags & REPLY_CLOSE)
		session_end(s, row->flags & REPLY_LINGER);
}

void
session_reply(struct session *s, enum reply which, const char *detail)
{
	reply_with(s, which, detail, NULL, true);
}

void
session_reply_about(struct session *s, enum reply which, const char *recipient)
{
	/* A client that goes on and on over max-recipients is worth one event a message. */
	bool event = which != REPLY_RECIPIENTS || !s->envelope->overflow;

	if (which == REPLY_RECIPIENTS)
		s->envelope->overflow = true;
	reply_with(s, which, recipient, recipient, event);
}

void
session_hold(struct session *s)
{
	s->held = true;
}

void
session_reset(struct session *s)
{
	transaction_discard(s);
	envelope_free(s->envelope);
	bdat_free(s);
	s->envelope = NULL;
	s->rcpt_refused = false;
	if (s->phase != PHASE_START && s->phase != PHASE_OVER)
		s->phase = PHASE_READY;
}

/* After each command and message: what ends a session at its border. */
static void
check_border(struct session *s)
{
	s->partial = false;
	s->progress++;
	if (s->phase & ~PHASE_COMMAND)
		return;
	if (s->errors >= SESSION_ERRORS_MAX)
		session_reply(s, REPLY_TOO_MANY_ERRORS, s->server->fqdn);
	else if (s->stopping && s->phase != PHASE_CHUNKS)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
}

/* The rest of a command line that was too long. */
static size_t
skip_line(struct session *s, const char *data, size_t len)
{
	const char *lf = memchr(data, '\n', len);
	size_t used = lf != NULL ? (size_t)(lf - data) + 1 : len;

	s->line_waste += used;
	if (lf != NULL) {
		s->line_waste = 0;
		if (s->phase == PHASE_AUTH_LINE)
			auth_verb_refuse(s, REPLY_AUTH_LONG);
		else
			session_reply(s, REPLY_LINE_LONG, NULL);
		check_border(s);
	} else if (s->line_waste > SESSION_LINE_WASTE) {
		session_reply(s, REPLY_LINE_LONG, NULL);
		session_end(s, true);
	}
	return used;
}

static size_t
line_max(const struct session *s, const char *data, size_t size)
{
	static const char auth[] = { 'A', 'U', 'T', 'H', ' ' };

	if (s->phase == PHASE_AUTH_LINE || (size >= sizeof(auth) &&
	    strncasecmp(data, auth, sizeof(auth)) == 0))
		return AUTH_VERB_LINE_MAX;
	return SESSION_LINE_MAX;
}

static size_t
take_command(struct session *s, const char *data, size_t size)
{
	size_t len, used;

	if (s->line_waste > 0)
		return skip_line(s, data, size);
	switch (line_scan(data, size, line_max(s, data, size), &len, &used)) {
	case LINE_MORE:
		if (!s->partial)
			s->progress++; /* the time limit of a command runs from its first byte */
		s->partial = true;
		return 0;
	case LINE_LONG:
		s->line_waste = used;
		if (s->phase & PHASE_COMMAND)
			s->ops->command(s->arg, data, used);
		return used;
	case LINE_BARE:
		if (s->phase & PHASE_COMMAND)
			s->ops->command(s->arg, data, used - 1);
		if (s->phase == PHASE_AUTH_LINE)
			auth_verb_refuse(s, REPLY_LINE_BARE);
		else
			session_reply(s, REPLY_LINE_BARE, NULL);
		break;
	case LINE_WHOLE:
		if (s->phase == PHASE_AUTH_LINE)
			auth_verb_line(s, data, len);
		else
			verb_dispatch(s, data, len, size > used);
		if (s->held) {
			s->partial = false;
			s->progress++;
			return 0;
		}
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
	return !s->blocked && !s->held && !(s->phase & (PHASE_STORING | PHASE_SECURING | PHASE_AUTH_HELPER |
	    PHASE_ASKING | PHASE_TURNED | PHASE_OVER));
}

void
session_room(struct session *s)
{
	s->blocked = false;
	s->progress++;
}

void
session_named(struct session *s)
{
	if (s->held)
		s->progress++;
	s->held = false;
}

void
session_stored(struct session *s, int error, const char *id)
{
	transaction_stored(s, error, id);
	check_border(s);
}

void
session_vouched(struct session *s, const struct msg_auth_in_answer *a)
{
	auth_verb_answer(s, a);
	if (s->phase == PHASE_AUTH_LINE && s->stopping)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
	check_border(s);
}

void
session_asked(struct session *s, const struct msg_etrn_answer *a, const char *node)
{
	if (s->phase != PHASE_ASKING)
		return;
	etrn_verbs_answer(s, a, node);
	check_border(s);
}

void
session_expire(struct session *s)
{
	static const struct msg_etrn_answer later = { .result = MSG_ETRN_LATER };
	enum reply why;

	if (s->phase == PHASE_ASKING) {
		session_asked(s, &later, "");
		return;
	}
	if (s->phase == PHASE_AUTH_HELPER) {
		auth_verb_refuse(s, REPLY_AUTH_LATER);
		check_border(s);
		return;
	}
	if (s->phase == PHASE_STORING || s->phase == PHASE_OVER)
		return;
	if (s->phase & PHASE_MUTE) {
		session_end(s, false);
		return;
	}
	/*
	 * A client that ends lines with a bare LF waits for an answer to an end that was none: say what is
	 * wrong.
	 */
	why = s->phase == PHASE_CHUNK ? bdat_refusal(s) : transaction_fault(s);
	if (why != REPLY_NONE)
		session_reply(s, why, NULL);
	session_reply(s, REPLY_IDLE, s->server->fqdn);
}

void
session_eof(struct session *s)
{
	if (s->phase != PHASE_STORING)
		session_end(s, false);
}

void
session_stop(struct session *s)
{
	s->stopping = true;
	if ((s->phase & (PHASE_ANY | PHASE_AUTH_LINE)) && !s->partial && s->line_waste == 0)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
}

void
session_cut(struct session *s)
{
	if (s->phase & PHASE_MUTE)
		session_end(s, false);
	else if (s->phase != PHASE_STORING && s->phase != PHASE_OVER)
		session_reply(s, REPLY_STOPPING, s->server->fqdn);
}

uint64_t
session_limit_ms(const struct session *s)
{
	uint64_t limit = s->server->connection_timeout, stage = limit;

	switch (s->phase) {
	case PHASE_START:
		stage = LIMIT_FIRST;
		break;
	case PHASE_DATA:
		stage = s->data.fault == DATA_FINE ? LIMIT_CONTENT : LIMIT_REFUSED_CONTENT;
		break;
	case PHASE_CHUNK:
		stage = bdat_refusal(s) == REPLY_NONE ? LIMIT_CONTENT : LIMIT_REFUSED_CONTENT;
		break;
	case PHASE_AUTH_LINE:
		stage = LIMIT_AUTH_LINE; /* the auth helper keeps a place for it */
		break;
	case PHASE_AUTH_HELPER:
		/* Answers to wrong passwords are held back: not for the client's time limit to end */
		return LIMIT_AUTH_HELPER;
	case PHASE_STORING:
	case PHASE_TURNED: /* the deliver worker has its own limits */
		return UINT64_MAX;
	case PHASE_ASKING:
		return LIMIT_ASKING;
	case PHASE_OVER:
		stage = LIMIT_LINGER;
		break;
	case PHASE_SECURING:
		stage = LIMIT_SECURE;
		break;
	default:
		break;
	}
	if (s->blocked || s->held)
		return UINT64_MAX;
	return stage < limit ? stage : limit;
}
