/*
 * inbound_memory - what each connection holds of the memory budget of this process
 *
 * Runs in:  listener
 * Owns:     inbound.held, inbound.held_message; their sums in the listener
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
	bool message = c->content.message != NULL || c->content.scratch != NULL ||
	    c->content.storing;
	size_t for_message = count_envelope(c, message) + (message ? CEILINGS_MESSAGE : 0);
	size_t held = (size_t)c->listener->ceilings.session + for_message;

	if (c->conn != NULL)
		held += conn_held(c->conn);
	if (c->auth_question != NULL)
		held += LOGIN_BYTES;
	c->listener->held += held - c->held;
	c->listener->held_messages += for_message - c->held_message;
	c->held = held;
	c->held_message = for_message;
}

void
inbound_memory_forget(struct inbound *c)
{
	c->listener->held -= c->held;
	c->listener->held_messages -= c->held_message;
	c->held = c->held_message = 0;
}

/* Messages leave some of it for sessions, so that a client hears 452 and not 421. */
bool
inbound_memory_is_short(const struct inbound *c, bool message)
{
	const struct listener *l = c->listener;
	uint64_t more = message ? CEILINGS_MESSAGE + count_envelope(c, false) : 0;

	return l->held + more > l->ceilings.memory || l->held_messages + more > l->ceilings.messages;
}
