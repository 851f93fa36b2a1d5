/*
 * schedule_sender - the envelope sender of outgoing mail: its own address in the directory, under the
 * masquerade
 *
 * Runs in:  deliver, on the loop
 * Owns:     the question about the sender of an attempt
 * Promise:  asked once an attempt, only about a local sender, and only when something goes to other hosts.
 *           The queue keeps the sender as it was given: reports go there. What cannot be asked waits, and
 *           never runs out of time
 * Fails by: verdicts
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/rules/sender_address.h"
#include "deliver/active/active.h"
#include "deliver/schedule/schedule_private.h"

static bool
goes_out(const struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (r->todo && r->dest != NULL && !r->dest->local && !r->dest->directory)
			return true;
	}
	return false;
}

bool
schedule_sender_is_wanted(const struct active_message *m)
{
	const struct schedule *s = m->schedule;

	return s->set.expand != NULL && sender_address_is_resolved(s->set.server, m->e.sender) && goes_out(m);
}

static void
on_sender_known(void *arg)
{
	struct active_message *m = arg;
	const struct expand_sender *s = m->attempt->asked;

	if (s->own[0] != '\0')
		log_event(LOG_FACT, m->id, "resolved", "sender=%s own=%s", log_safe(m->e.sender),
		    log_safe(s->own));
	m->attempt->go(m);
}

void
schedule_sender_ask(struct active_message *m, void (*go)(struct active_message *m))
{
	struct expand_sender *s = m->attempt->asked = mem_new(struct expand_sender);

	m->attempt->go = go;
	s->address = m->e.sender;
	s->done = on_sender_known;
	s->arg = m;
	expand_sender_submit(m->schedule->set.expand, s);
}

bool
schedule_sender_waits(const struct active_message *m, struct verdict *why)
{
	const struct expand_sender *s = m->attempt->asked;

	if (s == NULL || s->verdict.what != VERDICT_LATER)
		return false;
	*why = s->verdict;
	return true;
}

const char *
schedule_sender_outgoing(struct active_message *m)
{
	struct schedule_attempt *a = m->attempt;
	const char *sender = a->asked != NULL && a->asked->own[0] != '\0' ? a->asked->own : m->e.sender;
	char masked[ADDRESS_MAX + 1];

	if (a->masked == NULL && sender_address_mask(m->schedule->set.server, sender, masked))
		a->masked = mem_strdup(masked);
	return a->masked != NULL ? a->masked : sender;
}

void
schedule_sender_free(struct schedule_attempt *a)
{
	free(a->masked);
	free(a->asked);
}
