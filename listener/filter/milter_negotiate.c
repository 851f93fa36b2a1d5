/*
 * milter_negotiate - version, actions, steps and lists of macros: what is offered, and what a filter makes of
 * it; pure
 *
 * Runs in:  filter
 * Owns:     nothing
 * Promise:  a filter gets no more than was offered, and an old one no more than its version has
 * Fails by: what is wrong, in words
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/filter/filter.h"

enum { NUMBERS_SIZE = 12, LIST_MAX = 4096 };

void
milter_negotiate_offer(struct buf *out)
{
	size_t begin = milter_packet_begin(out, MILTER_NEGOTIATE);

	milter_packet_put_number(out, MILTER_VERSION);
	milter_packet_put_number(out, MILTER_ACTIONS);
	milter_packet_put_number(out, MILTER_STEPS);
	milter_packet_end(out, begin);
}

/* Behind the numbers: for each list its number and its macros. One that is not ours is passed over. */
static const char *
take_lists(struct milter *m, const char *data, size_t len)
{
	while (len > 0) {
		const char *nul = len > 4 ? memchr(data + 4, '\0', len - 4) : NULL;
		uint32_t which;

		if (nul == NULL || nul - data > LIST_MAX)
			return "its list of macros is malformed";
		which = milter_packet_number(data);
		if (which < MILTER_LISTS) {
			free(m->list[which]);
			m->list[which] = mem_strdup(data + 4);
		}
		len -= (size_t)(nul + 1 - data);
		data = nul + 1;
	}
	return NULL;
}

const char *
milter_negotiate_take(struct milter *m, const struct milter_packet *p)
{
	bool old;

	if (p->code != MILTER_NEGOTIATE || p->len < NUMBERS_SIZE)
		return "it does not speak the milter protocol";
	m->version = milter_packet_number(p->data);
	m->actions = milter_packet_number(p->data + 4);
	m->steps = milter_packet_number(p->data + 8);
	if (m->version < MILTER_VERSION_FIRST || m->version > MILTER_VERSION)
		return "it speaks a version of the protocol that was not offered";
	old = m->version == MILTER_VERSION_FIRST;
	if (m->actions & ~(uint32_t)(old ? MILTER_ACTIONS_FIRST : MILTER_ACTIONS))
		return "it wants actions that were not offered";
	if (m->steps & ~(uint32_t)(old ? MILTER_STEPS_FIRST : MILTER_STEPS))
		return "it wants steps that were not offered";
	return take_lists(m, p->data + NUMBERS_SIZE, p->len - NUMBERS_SIZE);
}
