/*
 * session_phase - the phases of a dialogue as a table: what each waits for, where it leads, what events
 * do; pure
 *
 * Runs in:  listener
 * Owns:     the table; phase and wait of each session
 * Promise:  a phase is followed only by the phases of its row; content that was begun is finished or
 *           discarded before its phase is left for READY or OVER
 * Fails by: bug(), in the test build alone, for a step that the table does not have
 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "listener/smtp/smtp_private.h"

/* Limits in ms. Between commands connection-timeout alone counts (RFC 5321 4.5.3.2.7 wants 5 minutes). */
enum { FIRST_MS = 300000, CONTENT_MS = 180000, REFUSED_MS = 10000, AUTH_LINE_MS = 60000,
	TLS_MS = 60000, AUTH_HELPER_MS = 60000, ETRN_MS = 15000, CLOSE_MS = 5000 };
#define NO_LIMIT UINT64_MAX

struct phase_row {
	enum session_phase phase;
	const char *name;		/* for operators */
	enum session_wait wait;		/* with which it begins */
	enum session_action action[EVENT_COUNT];
	uint64_t limit_ms;
	bool exact;			/* connection-timeout does not shorten the limit */
	unsigned next;			/* enum session_phase bits: phases that may follow, besides itself */
};

/* What follows on { time limit, end of the client's input, stop of the service, end of its grace time }. */
#define AT_ONCE { ACTION_REPLY, ACTION_END, ACTION_REPLY, ACTION_REPLY }
#define MESSAGE_FIRST { ACTION_REPLY, ACTION_END, ACTION_NONE, ACTION_REPLY }
#define ANSWER_FIRST { ACTION_GIVE_UP, ACTION_END, ACTION_NONE, ACTION_REPLY }
#define WITHOUT_REPLY { ACTION_END, ACTION_END, ACTION_NONE, ACTION_END }
#define NOTHING { ACTION_NONE, ACTION_NONE, ACTION_NONE, ACTION_NONE }

/*
 * The verbs of each phase are in verb.c. They lead: HELO, EHLO and RSET to READY; MAIL to MAIL; RCPT to RCPT;
 * DATA to DATA; BDAT to CHUNK, from there to CHUNKS or STORING (LAST), or back where it did not belong;
 * STARTTLS to SECURING; AUTH to AUTH_HELPER; ETRN, ATRN, TURN, XEVACUATE to ETRN; QUIT, and replies that
 * close, to OVER. The others do not change the phase. A message that is refused leads to READY.
 */
static const struct phase_row phase_rows[] = {
	{ PHASE_START, "connected", WAIT_CLIENT, AT_ONCE, FIRST_MS, false,
	    PHASE_READY | PHASE_CHUNK | PHASE_SECURING | PHASE_OVER },
	{ PHASE_READY, "ready", WAIT_CLIENT, AT_ONCE, NO_LIMIT, false,
	    PHASE_MAIL | PHASE_CHUNK | PHASE_SECURING | PHASE_AUTH_HELPER | PHASE_ETRN | PHASE_OVER },
	{ PHASE_MAIL, "sender", WAIT_CLIENT, AT_ONCE, NO_LIMIT, false,
	    PHASE_RCPT | PHASE_CHUNK | PHASE_READY | PHASE_OVER },
	{ PHASE_RCPT, "recipients", WAIT_CLIENT, AT_ONCE, NO_LIMIT, false,
	    PHASE_DATA | PHASE_CHUNK | PHASE_READY | PHASE_OVER },
	{ PHASE_DATA, "content", WAIT_CLIENT, MESSAGE_FIRST, CONTENT_MS, false,
	    PHASE_STORING | PHASE_READY | PHASE_OVER },
	{ PHASE_STORING, "storing", WAIT_DISK, NOTHING, NO_LIMIT, true, PHASE_READY },
	{ PHASE_OVER, "closing", WAIT_END, NOTHING, CLOSE_MS, false, 0 },
	{ PHASE_CHUNK, "content", WAIT_CLIENT, MESSAGE_FIRST, CONTENT_MS, false,
	    PHASE_COMMAND | PHASE_STORING | PHASE_OVER },
	{ PHASE_CHUNKS, "content", WAIT_CLIENT, MESSAGE_FIRST, NO_LIMIT, false,
	    PHASE_CHUNK | PHASE_READY | PHASE_OVER },
	{ PHASE_SECURING, "handshake", WAIT_TLS, WITHOUT_REPLY, TLS_MS, false, PHASE_START | PHASE_OVER },
	/* The auth helper keeps a place for it. */
	{ PHASE_AUTH_LINE, "login", WAIT_CLIENT, AT_ONCE, AUTH_LINE_MS, false,
	    PHASE_AUTH_HELPER | PHASE_READY | PHASE_OVER },
	/* Answers to wrong passwords are delayed: the client's own time limit must not end that. */
	{ PHASE_AUTH_HELPER, "login", WAIT_AUTH, ANSWER_FIRST, AUTH_HELPER_MS, true,
	    PHASE_AUTH_LINE | PHASE_READY | PHASE_OVER },
	{ PHASE_ETRN, "asking", WAIT_ETRN, ANSWER_FIRST, ETRN_MS, true,
	    PHASE_READY | PHASE_TURNED | PHASE_OVER },
	/* The deliver worker has its own limits. */
	{ PHASE_TURNED, "turned", WAIT_END, WITHOUT_REPLY, NO_LIMIT, true, PHASE_OVER },
};

static const struct phase_row *
row_of(enum session_phase phase)
{
	const struct phase_row *row = &phase_rows[__builtin_ctz((unsigned)phase)];

	if (row->phase != phase)
		bug("phase %d has no row", (int)phase);
	return row;
}

enum session_action
session_phase_action(const struct session *s, enum session_event event)
{
	return row_of(s->phase)->action[event];
}

const char *
session_phase_name(const struct session *s)
{
	return s->wait == WAIT_FILTER ? "filtering" : row_of(s->phase)->name;
}

/* While the client has nothing to send, as a command or the disk is waited for, its time stands still. */
uint64_t
session_phase_limit_ms(const struct session *s, bool refused)
{
	const struct phase_row *row = row_of(s->phase);
	uint64_t timeout = s->server->connection_timeout, limit;

	if (row->exact)
		return row->limit_ms;
	if (s->wait == WAIT_PAUSE)
		return SESSION_PAUSE_MS;
	if (s->wait != row->wait)
		return NO_LIMIT;
	limit = refused ? REFUSED_MS : row->limit_ms;
	return limit < timeout ? limit : timeout;
}

void
session_phase_enter(struct session *s, enum session_phase to)
{
#ifdef POSTERN_TEST
	if (to != s->phase && !(row_of(s->phase)->next & to))
		bug("phase %s does not lead to %s", row_of(s->phase)->name, row_of(to)->name);
#endif
	s->phase = to;
	s->wait = row_of(to)->wait;
}

void
session_phase_wait(struct session *s, enum session_wait what)
{
	s->wait = what;
}

bool
session_phase_waits(const struct session *s)
{
	return s->wait == WAIT_NAMES || s->wait == WAIT_RECIPIENT || s->wait == WAIT_FILTER;
}

void
session_phase_discard(struct session *s)
{
	if (!s->begun)
		return;
	s->begun = false;
	if (s->wait == WAIT_ROOM)
		s->wait = WAIT_CLIENT;
	s->ops->discard(s->arg);
}

void
session_phase_reset(struct session *s)
{
	session_phase_discard(s);
	if (s->filter_mail)
		s->ops->filter(s->arg, FILTER_RESET, "", "");
	s->filter_mail = s->discarding = false;
	envelope_free(s->envelope);
	s->envelope = NULL;
	free(s->bdat);
	s->bdat = NULL;
	s->rcpt_refused = false;
	if (s->phase != PHASE_START && s->phase != PHASE_OVER)
		session_phase_enter(s, PHASE_READY);
}

void
session_phase_end(struct session *s, bool linger)
{
	bool login = s->phase == PHASE_AUTH_LINE || s->phase == PHASE_AUTH_HELPER;

	if (s->phase == PHASE_OVER)
		return;
	session_phase_discard(s);
	if (s->long_line)
		s->ops->long_line(s->arg, s->long_line = false);
	if (login)
		s->ops->auth_cancel(s->arg);
	session_phase_enter(s, PHASE_OVER);
	s->progress++;
	s->ops->close(s->arg, linger);
}

void
session_phase_secure(struct session *s)
{
	session_phase_reset(s);
	session_phase_enter(s, PHASE_SECURING);
	s->progress++;
	s->ops->secure(s->arg);
}

bool
session_phase_needs_tls(const struct session *s)
{
	return s->server->tls == CONFIG_TLS_REQUIRED && s->link == LINK_CLEAR;
}
