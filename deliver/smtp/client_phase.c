/*
 * client_phase - what each phase of the dialogue waits for: its words in verdicts, its time; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a verdict says what was waited for; no wait is longer than RFC 5321 4.5.3.2 wants
 * Fails by: cannot
 */
#include <assert.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp_private.h"

#define MINUTES(n) ((n) * 60000U)

static const struct {
	const char *name;	/* "while waiting for ..." */
	unsigned limit;		/* ms; 0 none */
} rows[] = {
	[CLIENT_GREETING] = { "its greeting", MINUTES(5) },
	[CLIENT_EHLO] = { "the answer to EHLO", MINUTES(5) },
	[CLIENT_HELO] = { "the answer to HELO", MINUTES(5) },
	[CLIENT_STARTTLS] = { "the answer to STARTTLS", MINUTES(2) },
	[CLIENT_SHAKE] = { "the end of the TLS handshake", MINUTES(1) },
	[CLIENT_WORD] = { "our own proof", MINUTES(2) },
	[CLIENT_AUTH] = { "the answer to AUTH", MINUTES(5) },
	[CLIENT_BETWEEN] = { "nothing", 0 },
	[CLIENT_RSET] = { "the answer to RSET", MINUTES(5) },
	[CLIENT_MAIL] = { "the answer to MAIL", MINUTES(5) },
	[CLIENT_RCPT] = { "the answer to RCPT", MINUTES(5) },
	[CLIENT_DATA] = { "the answer to DATA", MINUTES(2) },
	[CLIENT_SENDING] = { "room for the content", MINUTES(3) },
	[CLIENT_DOT] = { "the answer to the content", MINUTES(10) },
	[CLIENT_QUIT] = { "the answer to QUIT", 5000 },
	[CLIENT_OVER] = { "nothing", 0 },
};
static_assert(nitems_of(rows) == CLIENT_PHASE_COUNT, "a row a phase");

const char *
client_phase_name(enum client_phase phase)
{
	return rows[phase].name;
}

unsigned
client_phase_limit(enum client_phase phase)
{
	return rows[phase].limit;
}

/* STARTTLS was sent, and its first answer under TLS has not come. */
bool
client_phase_is_securing(const struct client *c)
{
	return c->phase == CLIENT_STARTTLS || c->phase == CLIENT_SHAKE || (c->security == CLIENT_SECURED &&
	    (c->phase == CLIENT_EHLO || c->phase == CLIENT_GREETING));
}
