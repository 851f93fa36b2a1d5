/*
 * schedule_unstored - a loaded message that is not in the queue yet: what the rest of the schedule has of it
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the offer belongs to its message
 * Promise:  only what has to go to other hosts, and nothing else, may be sent unstored
 * Fails by: nothing
 */
#include <stdlib.h>

#include "deliver/active/active.h"
#include "deliver/schedule/schedule_private.h"

bool
schedule_unstored_is_fit(const struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (!r->todo || r->dest == NULL || r->dest->local || r->dest->directory || r->etrn ||
		    (m->e.rcpt[i].notify & NOTIFY_SUCCESS) != 0)
			return false;
	}
	return m->e.nrcpt > 0 && !schedule_sender_is_wanted(m);
}

void
schedule_unstored_found(struct schedule *s, uint32_t record)
{
	struct schedule_offer *o;

	LIST_FOREACH(o, &s->offers, link)
		if (o->m->record == record)
			o->found = true;
}

void
schedule_unstored_free(struct active_message *m)
{
	if (m->offer == NULL)
		return;
	LIST_REMOVE(m->offer, link);
	free(m->offer);
	m->offer = NULL;
}
