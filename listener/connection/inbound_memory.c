/*
 * inbound_memory - what each connection holds of the memory budget of this process
 *
 * Runs in:  listener
 * Owns:     inbound.held; the sum in listener.held
 * Promise:  counted at each round, for a message as much as it may ever hold, so that what is begun can end.
 *           A client that would go beyond memory-limit hears 421 or 452; no allocation has to fail for it
 * Fails by: never
 */
#include "listener/connection/connection.h"
#include "listener/listener.h"

/* Tokens and their base64, in both directions, while the auth helper is asked. */
enum { LOGIN_BYTES = 16 << 10 };

static size_t
count_envelope(const struct inbound *c, bool stored)
{
	const struct envelope *e = c->session.envelope;

	return e == NULL ? 0 : (stored ? 2 : 1) * e->bytes; /* the draft has a copy */
}

void
inbound_memory_count(struct inbound *c)
{
	bool message = c->content.message != NULL || c->content.storing;
	size_t held = (size_t)c->listener->ceilings.session + count_envelope(c, message);

	if (c->conn != NULL)
		held += conn_held(c->conn);
	if (message)
		held += CEILINGS_MESSAGE;
	if (c->auth_question != NULL)
		held += LOGIN_BYTES;
	c->listener->held += held - c->held;
	c->held = held;
}

void
inbound_memory_forget(struct inbound *c)
{
	c->listener->held -= c->held;
	c->held = 0;
}

/* Messages leave an eighth for sessions, so that a client hears 452 and not 421. */
bool
inbound_memory_is_short(const struct inbound *c, bool message)
{
	uint64_t limit = c->listener->ceilings.memory, held = c->listener->held;

	if (!message)
		return held > limit;
	return held + CEILINGS_MESSAGE + count_envelope(c, false) > limit - limit / 8;
}
