/*
 * schedule_offer - a message that is tried once while its client waits, before it is in the queue
 *
 * Runs in:  deliver, on the loop
 * Owns:     the offers; each belongs to its message
 * Promise:  what a host took is marked in the file at once, whatever becomes of it. Nothing is noted,
 *           reported or removed while the file has no name in the queue: then its round goes on as that of
 *           any message, with all that was heard, or it is forgotten
 * Fails by: MSG_OFFER_PUT_OFF, which stores it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/mail/verdict.h"
#include "common/spool/spool_offer.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule_private.h"

/* --- what is told --- */

static bool
are_all(const struct active_message *m, enum active_outcome outcome)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome != outcome)
			return false;
	return true;
}

/*
 * The one reply of a host that refuses all of it. One that may be about other mail as well, or about the host
 * (busy, at rest), is none: neither are words of ours.
 */
static const struct active_reason *
shared_refusal(const struct active_message *m)
{
	const struct active_recipient *first = &m->recipient[0];
	const struct active_reason *why = first->reason;

	if (why == NULL || why->code < 400 || why->code == 421 || m->glitch ||
	    (!are_all(m, OUTCOME_FAILED) && !are_all(m, OUTCOME_LATER)))
		return NULL;
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (r->reason != why || r->rest > 0 || r->paused || r->progress)
			return NULL;
	}
	return why;
}

static void
tell_result(struct schedule_offer *o)
{
	const struct active_reason *why = shared_refusal(o->m);
	schedule_offer_tell *tell = o->tell;
	char words[MSG_SPOOL_WORDS];

	o->tell = NULL;
	if (are_all(o->m, OUTCOME_DELIVERED)) {
		tell(o->arg, MSG_OFFER_TAKEN, "");
	} else if (why != NULL) {
		snprintf(words, sizeof(words), "%d %s %s", why->code, why->status,
		    verdict_words(why->status, why->text));
		tell(o->arg, MSG_OFFER_REFUSED, words);
	} else {
		tell(o->arg, MSG_OFFER_PUT_OFF, "");
	}
}

/* --- the end --- */

/* Nothing is left to do for it. Should its id be in the queue all the same, that is another message. */
static void
forget(struct schedule_offer *o)
{
	struct active_message *m = o->m;
	struct schedule *s = m->schedule;
	bool found = o->found || (o->end == OFFER_LEFT && spool_offer_find(s->set.spool, m->id, m->fd) != 0);
	char id[MESSAGE_ID_SIZE];

	memcpy(id, m->id, sizeof(id));
	schedule_unstored_free(m);
	m->gone = true;
	result_skip(s->result, m);
	if (!found || s->draining)
		return;
	schedule_hint(s, id);
	loop_timer_set(s->timer, 0);
}

/* Its attempt is over, and so is the file's way. */
static void
end_offer(struct schedule_offer *o)
{
	struct active_message *m = o->m;

	if (o->end == OFFER_LEFT && spool_offer_find(m->schedule->set.spool, m->id, m->fd) == 1)
		schedule_offer_stored(o);
	else
		forget(o);
}

static void
attempt_over(struct active_message *m)
{
	struct schedule_offer *o = m->offer;

	o->over = true;
	if (o->end != OFFER_WAITS)
		end_offer(o);
	else if (o->tell != NULL)
		tell_result(o);
}

/* From here on it is a message of the queue, in the middle of its round. */
void
schedule_offer_stored(struct schedule_offer *o)
{
	struct active_message *m = o->m;

	schedule_unstored_free(m);
	schedule_attempt_go_on(m);
}

static void
take_end(struct schedule_offer *o, enum schedule_offer_end end)
{
	o->end = end;
	o->tell = NULL;
	if (o->over)
		end_offer(o);
}

void
schedule_offer_gone(struct schedule_offer *o)
{
	take_end(o, OFFER_GONE);
}

void
schedule_offer_left(struct schedule_offer *o)
{
	take_end(o, OFFER_LEFT);
}

/* --- the beginning --- */

/* What fails by itself, or is over, is for the queue. */
static bool
may_be_tried(const struct active_message *m)
{
	if (route_is_too_far(m->schedule->set.server, m->hops))
		return false;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->e.rcpt[i].mark != MARK_PENDING)
			return false;
	return true;
}

static struct active_message *
make_message(struct schedule *s, const char *id, int fd)
{
	uint32_t n = schedule_index_add(s->index, id);
	struct active_message *m;

	schedule_index_at(s->index, n)->flags = RECORD_KNOWN;
	m = schedule_message_new(s, n, NULL);
	m->fd = fd;
	m->is_new = true;
	m->offer = mem_new(struct schedule_offer);
	m->offer->m = m;
	m->offer->attempt_over = attempt_over;
	LIST_INSERT_HEAD(&s->offers, m->offer, link);
	active_message_keep(m, &s->kept, SCHEDULE_KEPT_MAX);
	return m;
}

struct schedule_offer *
schedule_offer(struct schedule *s, const char *id, int fd, schedule_offer_tell *tell, void *arg)
{
	struct active_message *m;
	struct schedule_offer *o;

	if (!schedule_has_room(s) || schedule_index_find(s->index, id) != 0) {
		close(fd);
		return NULL;
	}
	m = make_message(s, id, fd);
	o = m->offer;
	schedule_load_read(m);
	if (m->error != 0 || !may_be_tried(m)) {
		schedule_index_remove(s->index, m->record);
		schedule_message_free(m);
		return NULL;
	}
	s->recipients += m->e.nrcpt;
	m->recipient = mem_zalloc(m->e.nrcpt * sizeof(*m->recipient) + 1);
	o->tell = tell;
	o->arg = arg;
	schedule_attempt_begin(m);
	return o;
}
