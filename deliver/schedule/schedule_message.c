/*
 * schedule_message - makes a loaded message from its record, and frees it
 *
 * Runs in:  deliver, on the loop
 * Owns:     all that belongs to a loaded message
 * Promise:  a message that is freed is counted nowhere any more
 * Fails by: nothing
 */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/process/pool.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule_private.h"

struct active_message *
schedule_message_new(struct schedule *s, uint32_t record, struct schedule_dest *only)
{
	struct active_message *m = mem_new(struct active_message);
	struct schedule_record *r = schedule_index_at(s->index, record);

	m->schedule = s;
	m->record = record;
	m->only = only;
	m->fd = -1;
	m->known = (r->flags & RECORD_KNOWN) != 0;
	m->delayed = (r->flags & RECORD_DELAYED) != 0;
	m->pause_noted = r->paused;
	m->note = (r->flags & RECORD_NOTED) != 0 ? ACTIVE_NOTE_WHOLE : ACTIVE_NOTE_NONE;
	m->attempts = r->attempts;
	m->quick = r->quick;
	m->trouble = r->trouble;
	schedule_index_id(s->index, record, m->id);
	m->arrived_us = message_id_time_us(m->id);
	buf_init(&m->note_text, MESSAGE_ENVELOPE_MAX);
	TAILQ_INSERT_TAIL(&s->messages, m, link);
	s->loaded++;
	return m;
}

void
schedule_message_load(struct active_message *m)
{
	m->schedule->loading++;
	pool_submit(m->schedule->load, m);
}

void
schedule_message_free(struct active_message *m)
{
	struct schedule *s = m->schedule;

	if (m->recipient != NULL)
		s->recipients -= m->e.nrcpt;
	for (size_t local = 0; local < 2; local++)
		s->counted[local] -= m->counted[local];
	TAILQ_REMOVE(&s->messages, m, link);
	s->loaded--;
	if (m->fd != -1)
		close(m->fd);
	schedule_unstored_free(m);
	schedule_attempt_free(m);
	schedule_sign_free(m);
	result_state_free(m->result);
	result_early_free(m);
	free(m->badmail);
	active_message_free_reasons(m);
	active_message_unkeep(m);
	message_envelope_done(&m->e);
	buf_done(&m->note_text);
	free(m->recipient);
	free(m);
}
