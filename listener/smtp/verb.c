/*
 * verb - the commands, one row each, and the dispatcher that asks the row before it runs a command; pure
 *
 * Runs in:  listener
 * Owns:     the table
 * Promise:  a handler runs only in the phases of its row, and with an argument as the row wants it
 * Fails by: replies
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "listener/smtp/smtp_private.h"

static void
run_noop(struct session *s, const char *arg, size_t len)
{
	session_reply(s, REPLY_NOOP, NULL);
}

static void
run_vrfy(struct session *s, const char *arg, size_t len)
{
	session_reply(s, REPLY_VRFY, NULL);
}

static void
run_quit(struct session *s, const char *arg, size_t len)
{
	session_reply(s, REPLY_BYE, s->server->fqdn);
}

static void
run_help(struct session *s, const char *arg, size_t len)
{
	struct buf names = BUF_INIT(REPLY_SIZE);

	for (size_t i = 0; i < verb_count; i++)
		if (verb_rows[i].help && ehlo_offers(s, verb_rows[i].name))
			buf_printf(&names, " %s", verb_rows[i].name);
	session_reply(s, REPLY_HELP, buf_text(&names));
	buf_done(&names);
}

static void
run_starttls(struct session *s, const char *arg, size_t len)
{
	if (s->server->tls == CONFIG_TLS_OFF)
		session_reply(s, REPLY_UNAVAILABLE, NULL);
	else if (s->link != LINK_CLEAR)
		session_reply(s, REPLY_TLS_TWICE, NULL);
	else {
		session_reply(s, REPLY_START_TLS, NULL);
		session_phase_secure(s);
	}
}

#define HOSTILE(word) { .name = word, .phases = PHASE_COMMAND, .argument = VERB_MAY_ARGUMENT, \
    .hostile = true }
/* Known, but not offered: 502. */
#define UNAVAILABLE(word) { .name = word, .phases = PHASE_COMMAND, .argument = VERB_MAY_ARGUMENT }

const struct verb verb_rows[] = {
	{ "HELO", ehlo_helo, PHASE_COMMAND, VERB_MAY_ARGUMENT, VERB_FREE, VERB_ANY, .help = true,
	    .plain = true, .idle = true },
	{ "EHLO", ehlo_ehlo, PHASE_COMMAND, VERB_MAY_ARGUMENT, VERB_FREE, VERB_ANY, .help = true,
	    .plain = true, .idle = true },
	{ "AUTH", auth_verb_command, PHASE_READY | PHASE_MAIL | PHASE_RCPT, VERB_MUST_ARGUMENT, VERB_FREE,
	    VERB_ASCII, .help = true },
	{ "MAIL", transaction_mail, PHASE_READY, VERB_MUST_ARGUMENT, VERB_FREE, VERB_UTF8,
	    .help = true, .idle = true },
	{ "RCPT", transaction_rcpt, PHASE_MAIL | PHASE_RCPT, VERB_MUST_ARGUMENT, VERB_FREE, VERB_UTF8,
	    .help = true, .recipient = true },
	{ "DATA", transaction_data, PHASE_RCPT, VERB_NO_ARGUMENT, VERB_LAST, VERB_ASCII, .help = true },
	/* Its octets have to be skipped in every case: it checks phase and TLS itself. */
	{ "BDAT", bdat_command, PHASE_COMMAND, VERB_MAY_ARGUMENT, VERB_FREE, VERB_ASCII, .help = true,
	    .plain = true, .chunk = true },
	{ "RSET", transaction_rset, PHASE_COMMAND, VERB_NO_ARGUMENT, VERB_FREE, VERB_ASCII,
	    .help = true, .idle = true },
	{ "NOOP", run_noop, PHASE_COMMAND, VERB_MAY_ARGUMENT, VERB_FREE, VERB_ASCII, .help = true,
	    .plain = true, .idle = true },
	{ "VRFY", run_vrfy, PHASE_COMMAND, VERB_MUST_ARGUMENT, VERB_FREE, VERB_UTF8,
	    .help = true, .idle = true },
	{ "HELP", run_help, PHASE_COMMAND, VERB_MAY_ARGUMENT, VERB_FREE, VERB_ASCII, .help = true,
	    .plain = true, .idle = true },
	{ "QUIT", run_quit, PHASE_COMMAND, VERB_NO_ARGUMENT, VERB_FREE, VERB_ASCII, .help = true,
	    .plain = true },
	/*
	 * What follows it in the same packet is thrown away with all that was read in the clear (RFC 3207 5):
	 * no reason to refuse.
	 */
	{ "STARTTLS", run_starttls, PHASE_COMMAND, VERB_NO_ARGUMENT, VERB_FREE, VERB_ASCII, .help = true,
	    .plain = true },
	{ "ETRN", etrn_command, PHASE_READY, VERB_MUST_ARGUMENT, VERB_FREE, VERB_ASCII,
	    .help = true, .idle = true },
	/* What follows would be the client's first reply as a server, and that has to wait for ours. */
	{ "ATRN", etrn_atrn_command, PHASE_READY, VERB_MAY_ARGUMENT, VERB_LAST, VERB_ASCII, .help = true },
	{ "TURN", etrn_atrn_command, PHASE_READY, VERB_NO_ARGUMENT, VERB_LAST, VERB_ASCII, .help = true },
	/* The same: what it brings has to wait for the reply. */
	{ "XEVACUATE", etrn_evacuate_command, PHASE_READY, VERB_NO_ARGUMENT, VERB_LAST, VERB_ASCII,
	    .help = true },
	UNAVAILABLE("EXPN"),
	HOSTILE("GET"), HOSTILE("POST"), HOSTILE("PUT"), HOSTILE("HEAD"), HOSTILE("OPTIONS"),
	    HOSTILE("CONNECT"),
	HOSTILE("DELETE"), HOSTILE("PATCH"), HOSTILE("TRACE"), HOSTILE("PRI"),
};
const size_t verb_count = nitems_of(verb_rows);

static size_t
word_length(const char *line, size_t len)
{
	const char *end = memchr(line, ' ', len);

	return end != NULL ? (size_t)(end - line) : len;
}

const struct verb *
verb_find(const char *line, size_t len)
{
	size_t n = word_length(line, len);

	for (size_t i = 0; i < verb_count; i++)
		if (strlen(verb_rows[i].name) == n && strncasecmp(verb_rows[i].name, line, n) == 0)
			return &verb_rows[i];
	return NULL;
}

/*
 * Control bytes are only in names that clients give themselves; bytes over 127 there, and in commands with an
 * address (RFC 6531 3.3).
 */
static bool
bytes_are_good(const char *text, size_t len, enum verb_bytes allowed)
{
	for (size_t i = 0; i < len && allowed != VERB_ANY; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < ' ' || byte == 127 || (byte > 127 && allowed != VERB_UTF8))
			return false;
	}
	return true;
}

/*
 * Devices begin with MAIL at once, and the original took that; others with AUTH, or go on with it behind
 * STARTTLS without a second EHLO.
 */
static bool
may_come_without_hello(const struct session *s, const struct verb *v)
{
	return s->phase == PHASE_START && !s->server->helo_required &&
	    (v->run == transaction_mail || (v->run == auth_verb_command && auth_verb_is_offered(s)));
}

/* Why the row does not allow this command now; REPLY_NONE: it does. */
static enum reply
judge_command(const struct session *s, const struct verb *v, size_t arg_len)
{
	if (session_phase_needs_tls(s) && !v->plain)
		return REPLY_NEED_TLS;
	if (!(v->phases & s->phase) && !may_come_without_hello(s, v)) {
		if (s->phase == PHASE_START)
			return s->server->helo_required || (v->phases & PHASE_READY) ? REPLY_NEED_HELLO :
			    REPLY_NEED_MAIL;
		if (s->phase == PHASE_CHUNKS)
			return REPLY_CHUNKS_OPEN;
		if (v->phases < (unsigned)s->phase)
			return REPLY_MAIL_TWICE;
		if (s->phase == PHASE_READY)
			return REPLY_NEED_MAIL;
		return s->rcpt_refused ? REPLY_NO_VALID_RCPT : REPLY_NEED_RCPT;
	}
	if (v->run == NULL)
		return REPLY_UNAVAILABLE;
	if (v->argument == VERB_MUST_ARGUMENT && arg_len == 0)
		return REPLY_ARGUMENT_MISSING;
	if (v->argument == VERB_NO_ARGUMENT && arg_len > 0)
		return REPLY_ARGUMENT_NOT_WANTED;
	return REPLY_NONE;
}

/* "BDAT", also with something else than a blank behind it: its octets would be read as commands. */
static bool
begins_chunk(const char *line, size_t len)
{
	for (size_t i = 0; i < verb_count; i++) {
		size_t n = strlen(verb_rows[i].name);

		if (verb_rows[i].chunk && len >= n && strncasecmp(verb_rows[i].name, line, n) == 0 &&
		    (len == n || !isalpha((unsigned char)line[n])))
			return true;
	}
	return false;
}

static void
refuse_line(struct session *s, const char *line, size_t len, enum reply why)
{
	session_reply(s, why, NULL);
	if (begins_chunk(line, len))
		session_reply(s, REPLY_CHUNK_LOST, s->server->fqdn);
}

void
verb_refuse(struct session *s, const char *line, size_t len, enum reply why)
{
	const struct verb *v = verb_find(line, len);

	s->recipient = v != NULL && v->recipient;
	s->ops->command(s->arg, line, len);
	if (v != NULL && v->hostile)
		session_phase_end(s, true);
	else
		refuse_line(s, line, len, why);
}

/* `line` is `told` with blanks for tabs. */
static void
dispatch(struct session *s, const char *told, const char *line, size_t len, bool more)
{
	const struct verb *v = verb_find(line, len);
	size_t word = word_length(line, len);
	enum reply bad;

	s->recipient = v != NULL && v->recipient;
	s->ops->command(s->arg, told, len);
	if (v != NULL && v->hostile) {
		session_phase_end(s, true);
		return;
	}
	if (!bytes_are_good(line, len, v != NULL ? v->bytes : VERB_ASCII)) {
		refuse_line(s, line, len, REPLY_LINE_BYTES);
		return;
	}
	if (v == NULL) {
		refuse_line(s, line, len, REPLY_UNKNOWN);
		return;
	}
	while (word < len && line[word] == ' ')
		word++;
	while (len > word && line[len - 1] == ' ')
		len--;
	bad = judge_command(s, v, len - word);
	if (bad == REPLY_NONE && v->idle && ++s->idle > s->server->idle_command_limit)
		session_reply(s, REPLY_IDLE_COMMANDS, s->server->fqdn);
	else if (bad != REPLY_NONE)
		session_reply(s, bad, NULL);
	else {
		if (may_come_without_hello(s, v))
			session_phase_enter(s, PHASE_READY); /* there will be no HELO */
		v->run(s, (v->bytes == VERB_ANY ? told : line) + word, len - word);
		if (session_phase_waits(s) && v->idle)
			s->idle--;	/* it runs again */
	}
	if (more && !session_phase_waits(s) && v->batch == VERB_LAST && (s->phase & PHASE_COMMAND))
		session_reply(s, REPLY_PIPELINING, s->server->fqdn);
}

/* Tabs are blanks, though not in a name that a client gives itself. */
static void
dispatch_tabs(struct session *s, const char *told, size_t len, bool more)
{
	char line[SESSION_LINE_MAX];

	for (size_t i = 0; i < len; i++)
		line[i] = told[i] == '\t' ? ' ' : told[i];
	dispatch(s, told, line, len, more);
	explicit_bzero(line, len); /* AUTH has its secret there */
}

void
verb_dispatch(struct session *s, const char *told, size_t len, bool more)
{
	/* AUTH alone has lines that are longer. */
	if (len <= SESSION_LINE_MAX && memchr(told, '\t', len) != NULL)
		dispatch_tabs(s, told, len, more);
	else
		dispatch(s, told, told, len, more);
}
