/*
 * queue_admin_waits - why a message that is due is not tried: its domains are paused, or other nodes have
 * used up what they share of the limits of its hosts
 *
 * Runs in:  deliver: on the loop what waits is gathered, on a pool thread it is found for a message
 * Owns:     what was gathered, until the question is answered
 * Promise:  what is said is as old as the page at the most
 * Fails by: no reason
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "deliver/admin/admin.h"

#define WAITS_MAX 200U			/* destinations; a page of operators does not depend on more */
#define RECIPIENTS_MAX 20U		/* of a message, that are looked at */

static void
note_one(void *arg, const char *key, const char *why)
{
	struct queue_admin_job *j = arg;

	if (j->waits == WAITS_MAX)
		return;
	if (j->wait == NULL)
		j->wait = mem_array(NULL, WAITS_MAX, sizeof(*j->wait));
	j->wait[j->waits++] = (struct queue_admin_wait){ mem_strdup(key), mem_strdup(why) };
}

void
queue_admin_waits_gather(struct queue_admin_job *j)
{
	queue_admin_waits_free(j);
	if (j->ask.verb == MSG_QUEUE_LIST || j->ask.verb == MSG_QUEUE_SHOW || j->ask.verb == MSG_QUEUE_COUNT)
		schedule_gate_each_shared(j->queue_admin->schedule, note_one, j);
}

void
queue_admin_waits_free(struct queue_admin_job *j)
{
	for (size_t i = 0; i < j->waits; i++) {
		free(j->wait[i].key);
		free(j->wait[i].why);
	}
	free(j->wait);
	j->wait = NULL;
	j->waits = 0;
}

/* All that is still to do is for domains that an operator has paused; the note may be of an earlier try. */
static bool
is_paused(const struct queue_admin_job *j, const struct message_envelope *e)
{
	const struct config_server *s = j->queue_admin->schedule->set.server;
	bool any = false;

	for (size_t i = 0; s->paused.count > 0 && i < e->nrcpt; i++) {
		const char *at = strrchr(e->rcpt[i].address, '@');

		if (e->rcpt[i].mark != MARK_PENDING)
			continue;
		if (!config_domain_is_paused(s, at == NULL ? "" : at + 1))
			return false;
		any = true;
	}
	return any;
}

/* Of the first of its destinations that waits so. */
static const char *
find_shared(const struct queue_admin_job *j, const struct message_envelope *e)
{
	const char *why = NULL;
	size_t looked = 0;

	for (size_t i = 0; j->waits > 0 && why == NULL && looked < RECIPIENTS_MAX && i < e->nrcpt; i++) {
		char *key = NULL;

		if (e->rcpt[i].mark == MARK_PENDING) {
			key = schedule_route_key(j->queue_admin->schedule, e, i);
			looked++;
		}
		for (size_t n = 0; key != NULL && why == NULL && n < j->waits; n++)
			if (strcmp(j->wait[n].key, key) == 0)
				why = j->wait[n].why;
		free(key);
	}
	return why;
}

bool
queue_admin_waits_word(const struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e, struct buf *word)
{
	const char *why = NULL;

	if (i->state != QUEUE_FILTER_HELD && i->state != QUEUE_FILTER_ACTIVE && is_paused(j, e))
		why = SCHEDULE_PAUSED;
	else if (i->state == QUEUE_FILTER_READY || i->state == QUEUE_FILTER_ACTIVE)
		why = find_shared(j, e);
	if (why != NULL)
		buf_puts(word, why);
	return why != NULL;
}
