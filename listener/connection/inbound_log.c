/*
 * inbound_log - what one session says and hears, as facts for the protocol log
 *
 * Runs in:  listener
 * Owns:     the command that waits for its reply
 * Promise:  one line a command, after its last reply, and one line for the end of the session; no allocation
 *           for a command that is answered at once; no secret: of AUTH only the mechanism is written, and of
 *           an unknown command after a failed AUTH, which may be a password, nothing
 * Fails by: never
 */
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/msg/msg_auth_in.h"
#include "common/w3clog/w3clog.h"
#include "listener/connection/connection.h"

#define LINE_COPIED 1100	/* bytes of a command that has to wait: more than the log shows */

const char *
inbound_log_sender(const struct session *s)
{
	return s->envelope == NULL ? "-" : s->envelope->m.sender[0] == '\0' ? "<>" : s->envelope->m.sender;
}

void
inbound_log_begin(struct inbound_log *r, const struct message_id_scan *header)
{
	r->header = r->log != NULL ? header : NULL;
}

/* --- lines --- */

/* Where the verb ends; a tab is a blank, as in verb.c. */
static size_t
verb_end(const struct inbound_log *r)
{
	size_t at = 0;

	while (at < r->len && r->line[at] != ' ' && r->line[at] != '\t')
		at++;
	return at;
}

static bool
is_verb(const struct inbound_log *r, const char *verb)
{
	size_t n = strlen(verb);

	return r->len >= n && strncasecmp(r->line, verb, n) == 0 && verb_end(r) == n;
}

static void
forget_command(struct inbound_log *r)
{
	free(r->copy);
	r->copy = NULL;
	r->header = NULL;
	r->line = r->id = NULL;
	r->code = 0;
	r->sent = 0;
}

static void
write_fact(struct inbound_log *r, struct w3clog_fact *f)
{
	char local[NET_TEXT_SIZE] = "";

	if (r->local.sa.sa_family != AF_UNSPEC) {
		net_format_ip(local, &r->local.sa);
		f->local = local;
		f->port = net_port(&r->local.sa);
	}
	f->time_us = clock_wall_us();
	f->peer = r->session->ip;
	f->user = r->session->helo;
	f->sent = r->sent;
	w3clog_add(r->log, f);
	forget_command(r);
}

/* IIS writes 240 for the end of a session, and its duration where other lines have an error code. */
static void
write_end(struct inbound_log *r, const char *method, unsigned status, size_t received)
{
	const char *helo = r->session->helo;
	struct w3clog_fact f = {
		.method = { method, strlen(method) }, .query = { helo, helo != NULL ? strlen(helo) : 0 },
		.reply = r->code,
		.status = status, .session_ms = clock_mono_ms() - r->opened_ms, .received = received,
	};

	r->ended = true;
	write_fact(r, &f);
}

/* Where AUTH ends; 0: another command. What follows may be a secret, with or without a blank between. */
static size_t
auth_at(const struct inbound_log *r)
{
	size_t at = 0;

	while (at < r->len && (r->line[at] == ' ' || r->line[at] == '\t'))
		at++;
	return r->len - at >= 4 && strncasecmp(r->line + at, "AUTH", 4) == 0 ? at + 4 : 0;
}

/*
 * Mechanisms that clients ask for, offered or not. Any other word is no mechanism: a client that forgot the
 * mechanism sends its secret there.
 */
static bool
is_mechanism(const char *word, size_t len)
{
	static const char *const others[] = { "CRAM-MD5", "DIGEST-MD5", "NTLM", "XOAUTH2", "OAUTHBEARER",
	    "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-1",
		"SCRAM-SHA-1-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", "GS2-KRB5", "GS2-KRB5-PLUS",
		"GSS-SPNEGO", "KERBEROS_V4", "SKEY", "OTP" };

	for (size_t i = 0; i < AUTH_IN_SMTP_MECHANISMS + nitems_of(others); i++) {
		const char *name = i < AUTH_IN_SMTP_MECHANISMS ? msg_auth_in_mechanism_names[i] :
		    others[i - AUTH_IN_SMTP_MECHANISMS];

		if (strlen(name) == len && strncasecmp(name, word, len) == 0)
			return true;
	}
	return false;
}

/* The end of "AUTH PLAIN" in "AUTH PLAIN dGVzdA==". The line is cut there at once, so no secret is copied. */
static uint16_t
mechanism_end(const struct inbound_log *r, size_t at)
{
	size_t word = at, end;

	while (word < r->len && (r->line[word] == ' ' || r->line[word] == '\t'))
		word++;
	for (end = word; end < r->len &&
	    (isalnum((unsigned char)r->line[end]) || r->line[end] == '-' || r->line[end] == '_'); end++)
		;
	return (uint16_t)(is_mechanism(r->line + word, end - word) ? end : at);
}

/* An AUTH line was cut when it came. */
static void
hide_secrets(struct inbound_log *r, struct w3clog_fact *f)
{
	if (is_verb(r, "AUTH"))
		r->doubtful = r->code != 235;
	else if (r->doubtful && verb_find(r->line, r->len) == NULL)
		f->method = f->query = (struct w3clog_text){ NULL, 0 };
}

static uint64_t
received_by(const struct inbound_log *r)
{
	if (r->header != NULL && is_verb(r, "DATA"))
		return r->session->data.size;
	if (r->code == 250 && is_verb(r, "BDAT"))
		return strtoull(r->line + 4, NULL, 10);
	return r->length;
}

static void
write_command(struct inbound_log *r)
{
	size_t verb = verb_end(r);
	struct w3clog_fact f = {
		.method = { r->line, verb }, .query = { r->line + verb, r->len - verb }, .reply = r->code,
		.received = received_by(r), .ms = clock_mono_ms() - r->since_ms, .id = r->id,
		.message_id = r->header != NULL && r->header->id[0] != '\0' ? r->header->id : NULL,
	};

	hide_secrets(r, &f);
	write_fact(r, &f);
}

/* --- what inbound and its ops tell --- */

void
inbound_log_open(struct inbound_log *r, struct w3clog *log, const struct session *s, int fd,
    const struct sockaddr *local)
{
	socklen_t len = sizeof(r->local);

	*r = (struct inbound_log){ .log = log, .session = s };
	if (log == NULL)
		return;
	r->opened_ms = clock_mono_ms();
	if (local != NULL)
		memcpy(&r->local, local, local->sa_family == AF_INET6 ? sizeof(r->local.in6) :
		    sizeof(r->local.in));
	else if (getsockname(fd, &r->local.sa, &len) == -1)
		r->local.sa.sa_family = AF_UNSPEC;
}

void
inbound_log_command(struct inbound_log *r, const char *line, size_t len)
{
	size_t auth;
	uint64_t since_ms;

	if (r->log == NULL)
		return;
	/* A command without a reply had to wait and runs again: its time counts from the first run. */
	since_ms = r->line != NULL ? r->since_ms : clock_mono_ms();
	forget_command(r);
	r->line = line;
	r->len = (uint16_t)(len < LINE_COPIED ? len : LINE_COPIED);
	r->length = len;
	auth = auth_at(r);
	if (auth > 0)
		r->len = mechanism_end(r, auth);
	r->since_ms = since_ms;
}

void
inbound_log_reply(struct inbound_log *r, const char *text, size_t len)
{
	if (r->log == NULL || len < 3)
		return;
	r->sent += (uint32_t)len;
	r->code = (unsigned short)((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
	if (r->line == NULL || r->code / 100 == 3)
		return; /* a greeting, a 421 of ours; or (3xx) more is to come */
	if (r->code == 221 && is_verb(r, "QUIT"))
		write_end(r, "QUIT", 240, r->length);
	else
		write_command(r);
}

void
inbound_log_keep(struct inbound_log *r)
{
	if (r->line == NULL || r->copy != NULL)
		return;
	r->copy = mem_strndup(r->line, r->len);
	r->line = r->copy;
}

void
inbound_log_close(struct inbound_log *r)
{
	if (r->log == NULL || r->ended)
		return;
	if (r->line != NULL)
		write_command(r);
	if (r->idle)
		write_end(r, "TIMEOUT", 121, 0);
	else
		write_end(r, "QUIT", 240, 0);
}

void
inbound_log_done(struct inbound_log *r)
{
	forget_command(r);
}
