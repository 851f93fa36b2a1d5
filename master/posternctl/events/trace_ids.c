/*
 * trace_ids - the messages whose lines of the event log together say all parts of a wish
 *
 * Runs in:  posternctl
 * Owns:     the ids that were seen
 * Promise:  which line says which part is all the same, and so is their order. Bounded memory
 * Fails by: trace_ids_is_full: what comes later is left out
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/posternctl/events/events.h"

#define SEEN_MAX 1000000U	/* messages that say a part of it */

struct seen {
	char id[MESSAGE_ID_SIZE];
	unsigned char parts;
};

struct trace_ids {
	unsigned wanted;	/* parts */
	size_t most;
	struct seen *seen;
	size_t count, room;	/* room: where they are merged next */
	bool full;
};

struct trace_ids *
trace_ids_new(unsigned wanted, size_t most)
{
	struct trace_ids *t = mem_new(struct trace_ids);

	*t = (struct trace_ids){ .wanted = wanted, .most = most, .room = 2 * most };
	return t;
}

static int
by_id(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* Each message once, in rising order. How many say all of it. */
static size_t
merge(struct trace_ids *t)
{
	size_t kept = 0, whole = 0;

	if (t->count > 0)
		qsort(t->seen, t->count, sizeof(*t->seen), by_id);
	for (size_t i = 0; i < t->count; i++)
		if (kept > 0 && strcmp(t->seen[kept - 1].id, t->seen[i].id) == 0)
			t->seen[kept - 1].parts |= t->seen[i].parts;
		else
			t->seen[kept++] = t->seen[i];
	t->count = kept;
	for (size_t i = 0; i < kept; i++)
		whole += t->seen[i].parts == t->wanted;
	return whole;
}

void
trace_ids_add(struct trace_ids *t, const char *id, unsigned parts)
{
	struct seen *last = t->count > 0 ? &t->seen[t->count - 1] : NULL;

	if (last != NULL && strcmp(last->id, id) == 0) {
		last->parts |= (unsigned char)parts;
		return;
	}
	t->seen = mem_grow(t->seen, t->count, sizeof(*t->seen));
	last = &t->seen[t->count++];
	*last = (struct seen){ .parts = (unsigned char)parts };
	memcpy(last->id, id, MESSAGE_ID_SIZE);
	if (t->count < t->room)
		return;
	t->full = merge(t) > t->most || t->count > SEEN_MAX;
	t->room = 2 * t->count > 2 * t->most ? 2 * t->count : 2 * t->most;
}

bool
trace_ids_is_full(const struct trace_ids *t)
{
	return t->full;
}

char
(*trace_ids_take(struct trace_ids *t, size_t *count))[MESSAGE_ID_SIZE]
{
	char (*ids)[MESSAGE_ID_SIZE] = NULL;
	size_t whole = merge(t);

	t->full = t->full || whole > t->most;
	*count = 0;
	for (size_t i = 0; i < t->count && *count < t->most; i++) {
		if (t->seen[i].parts != t->wanted)
			continue;
		ids = mem_grow(ids, *count, sizeof(*ids));
		memcpy(ids[(*count)++], t->seen[i].id, MESSAGE_ID_SIZE);
	}
	return ids;
}

void
trace_ids_free(struct trace_ids *t)
{
	free(t->seen);
	free(t);
}
