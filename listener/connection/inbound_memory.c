/*
 * inbound_memory - what each connection holds of the memory budget of this process
 *
 * Runs in:  listener
 * Owns:     inbound.held, inbound.held_message; their sums in the listener; the lists of heavy sessions
 * Promise:  counted at each round, for a message as much as it may ever hold, so that what is begun can end.
 *           A client that would go beyond memory-limit hears 421 or 452; no allocation has to fail for it.
 *           Where sessions grow beyond it, by commands that wait and replies that are not read, the heaviest
 *           without a message ends, at the next turn of the loop. What a rush of clients took is given back
 * Fails by: never
 */
#include <string.h>

#include "common/helpers/filter_client.h"
#include "common/process/ebb.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

/* Tokens and their base64, in both directions, while the auth helper is asked. */
enum { LOGIN_BYTES = 16 << 10 };

/* Beyond what each session has. With so many it is in the first list, with twice as many in the next. */
enum { HEAVY_BYTES = 2 << 10 };

static size_t
count_envelope(const struct inbound *c, bool stored)
{
	const struct envelope *e = c->session.envelope;

	return e == NULL ? 0 : (stored ? 2 : 1) * e->bytes; /* the draft has a copy */
}

static size_t
count_names(const char *names)
{
	size_t bytes = 0;

	for (; names != NULL && *names != '\0'; names += strlen(names) + 1)
		bytes += strlen(names) + 1;
	return bytes;
}

/* What the client makes it hold without a word of ours. */
static size_t
count_unasked(const struct inbound *c)
{
	size_t bytes = session_held(&c->session) + filter_client_held(c->filter) + count_names(c->names);

	if (c->conn != NULL)
		bytes += conn_held(c->conn);
	if (c->auth_question != NULL)
		bytes += LOGIN_BYTES;
	return bytes;
}

/* --- heavy sessions --- */

static unsigned
weight_of(size_t bytes)
{
	unsigned weight = 0;

	while (weight < LISTENER_WEIGHTS && bytes >= (size_t)HEAVY_BYTES << weight)
		weight++;
	return weight;
}

static void
set_weight(struct inbound *c, unsigned weight)
{
	struct inbound_list *heavy = c->listener->heavy;

	if (weight == c->weight)
		return;
	if (c->weight > 0)
		TAILQ_REMOVE(&heavy[c->weight - 1], c, heavy_entry);
	if (weight > 0)
		TAILQ_INSERT_TAIL(&heavy[weight - 1], c, heavy_entry);
	c->weight = weight;
}

/* Of those that are about alike, the one that has been so for longest; NULL: there is none. */
static struct inbound *
heaviest(const struct listener *l)
{
	for (unsigned i = LISTENER_WEIGHTS; i > 0; i--)
		if (!TAILQ_EMPTY(&l->heavy[i - 1]))
			return TAILQ_FIRST(&l->heavy[i - 1]);
	return NULL;
}

/* Or they hold what is left for messages: then the mail would stop. */
static bool
is_over(const struct listener *l)
{
	const struct ceilings *c = &l->ceilings;

	return l->held > c->memory || l->held - l->held_messages > c->sessions;
}

/* Not from inside a session's round: it may be its own turn to end. */
static void
on_relief(void *arg)
{
	struct listener *l = arg;
	struct inbound *c;

	while (is_over(l) && (c = heaviest(l)) != NULL)
		l->shed(c);
}

void
inbound_memory_open(struct listener *l, void (*shed)(struct inbound *c))
{
	for (unsigned i = 0; i < LISTENER_WEIGHTS; i++)
		TAILQ_INIT(&l->heavy[i]);
	l->shed = shed;
	l->relief = loop_timer_new(l->boot->loop, on_relief, l);
	l->ebb = ebb_new(l->boot->loop, EBB_WAIT_MS, ebb_give_back, NULL);
}

void
inbound_memory_close(struct listener *l)
{
	loop_timer_free(l->relief);
	ebb_free(l->ebb);
}

/* --- what each holds --- */

void
inbound_memory_count(struct inbound *c)
{
	struct listener *l = c->listener;
	bool message = c->content.message != NULL || c->content.scratch != NULL ||
	    c->content.storing;
	size_t for_message = count_envelope(c, message) + (message ? CEILINGS_MESSAGE : 0);
	size_t unasked = count_unasked(c), held = (size_t)l->ceilings.session + for_message + unasked;

	l->held += held - c->held;
	l->held_messages += for_message - c->held_message;
	ebb_held(l->ebb, l->held);
	c->held = held;
	c->held_message = for_message;
	set_weight(c, message ? 0 : weight_of(unasked));
	if (is_over(l) && heaviest(l) != NULL)
		loop_timer_set(l->relief, 0);
}

void
inbound_memory_forget(struct inbound *c)
{
	c->listener->held -= c->held;
	c->listener->held_messages -= c->held_message;
	ebb_held(c->listener->ebb, c->listener->held);
	c->held = c->held_message = 0;
	set_weight(c, 0);
}

/* Messages leave some of it for sessions, so that a client hears 452 and not 421. */
bool
inbound_memory_is_short(const struct inbound *c, bool message)
{
	const struct listener *l = c->listener;
	uint64_t more = message ? CEILINGS_MESSAGE + count_envelope(c, false) : 0;

	return l->held + more > l->ceilings.memory || l->held_messages + more > l->ceilings.messages;
}
