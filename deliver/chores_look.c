/*
 * chores_look - which messages an operator means: first by their records, then by their envelopes
 *
 * Runs in:  deliver: gathering on the loop, reading on a pool thread
 * Owns:     nothing beyond the question
 * Promise:  a page costs at most WALK records on the loop and LOOK_MS of reading; a message that was there all the time is met once
 * Fails by: a message that cannot be read is passed over, with a line that says so
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/chores.h"

#define WALK 20000
#define LOOK_MS 300
#define ROOM 4000			/* for one more line */

/* --- on the loop --- */

static enum pick_state
state_of(const struct schedule_record *r, int64_t now)
{
	if ((r->flags & RECORD_FROZEN) != 0)
		return PICK_HELD;
	if (r->state == RECORD_LOADED)
		return PICK_ACTIVE;
	if (r->state == RECORD_WAITING && (r->flags & (RECORD_HELD | RECORD_RETRY)) == RECORD_HELD)
		return PICK_KEPT;
	return r->state == RECORD_WAITING && r->due > now ? PICK_WAITING : PICK_READY;
}

static void
look_at(struct chores_job *j, uint32_t n, int64_t now_us)
{
	const struct schedule_index *x = j->chores->schedule->index;
	const struct schedule_record *r = schedule_index_at(x, n);
	struct chores_item *i = &j->item[j->items];

	if (r->state == RECORD_FREE || r->state == RECORD_GONE || (j->ask.newest_us != 0 && (int64_t)r->time > j->ask.newest_us))
		return;
	memset(i, 0, sizeof(*i));
	i->record = n;
	i->due = r->due;
	i->state = state_of(r, now_us / 1000000);
	schedule_index_id(x, n, i->id);
	if (pick_is_state(&j->ask.pick, i->state) && pick_is_age(&j->ask.pick, (now_us - (int64_t)r->time) / 1000000) &&
	    pick_is_id(&j->ask.pick, i->id))
		j->items++;
}

static bool
is_gathered(const struct chores_job *j, uint32_t n)
{
	for (size_t i = 0; i < j->items; i++)
		if (j->item[i].record == n)
			return true;
	return false;
}

/* All ids are given in full: each is looked up. */
static bool
gather_ids(struct chores_job *j, int64_t now_us)
{
	const struct pick *p = &j->ask.pick;

	for (uint32_t i = 0; i < p->count; i++)
		if (p->term[i].kind == PICK_ID && strpbrk(p->term[i].text, "*?") != NULL)
			return false;
	for (uint32_t i = (uint32_t)strtoul(j->ask.at, NULL, 10); i < p->count; i++) {
		uint32_t n;

		if (p->term[i].kind != PICK_ID || !message_id_is_valid(p->term[i].text))
			continue;
		n = schedule_index_find(j->chores->schedule->index, p->term[i].text);
		if (n != 0 && !is_gathered(j, n))
			look_at(j, n, now_us);
		if (j->items > 0 && j->item[j->items - 1].record == n)
			j->item[j->items - 1].term = i;
	}
	j->by_id = true;
	return true;
}

void
chores_look_gather(struct chores_job *j)
{
	const struct schedule_index *x = j->chores->schedule->index;
	uint32_t last = schedule_index_last(x), n = (uint32_t)strtoul(j->ask.at, NULL, 10);
	int64_t now_us = clock_wall_us();

	if (pick_has(&j->ask.pick, PICK_ID) && gather_ids(j, now_us))
		return;
	n += n == 0;
	for (size_t walked = 0; n <= last && walked < WALK && j->items < CHORES_ITEMS; n++, walked++)
		look_at(j, n, now_us);
	j->next = n <= last ? n : 0;
}

/* --- on a thread --- */

static void
say_fault(struct chores_job *j, const char *id, const char *what, int error)
{
	buf_printf(&j->text, "!%s %s: %s\n", id, what, strerror(error));
}

static bool
is_recipient(const struct chores_job *j, const struct message_envelope *e)
{
	if (!pick_has(&j->ask.pick, PICK_RECIPIENT) && !pick_has(&j->ask.pick, PICK_DOMAIN))
		return true;
	for (size_t i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].mark == MARK_PENDING && pick_is_recipient(&j->ask.pick, e->rcpt[i].address))
			return true;
	return false;
}

static bool
read_message(struct chores_job *j, struct chores_item *i)
{
	struct message_envelope e;
	const char *why;
	bool room = true;
	int fd;

	if (spool_load(j->chores->spool, i->id, &e, &fd, &why) == -1) {
		if (errno != ENOENT)
			say_fault(j, i->id, "cannot be read", errno);
		return true;
	}
	if (pick_is_sender(&j->ask.pick, e.sender) && is_recipient(j, &e)) {
		i->matched = true;
		if (j->ask.verb == CHORE_LIST)
			chores_row_list(j, i, &e);
		else if (j->ask.verb == CHORE_SHOW)
			chores_row_show(j, i, &e, fd);
		else if (j->ask.verb == CHORE_COUNT)
			room = i->matched = chores_row_count(j, i, &e);
	}
	close(fd);
	message_envelope_done(&e);
	return room;
}

static void
look_queue(struct chores_job *j)
{
	bool reads = !chore_rows[j->ask.verb].acts || pick_needs_envelope(&j->ask.pick);
	uint64_t end = clock_mono_ms() + LOOK_MS;

	for (j->looked = 0; j->looked < j->items; j->looked++) {
		struct chores_item *i = &j->item[j->looked];

		if (!reads)
			i->matched = true;
		else if (j->looked > 0 && (j->text.len + ROOM > CHORE_TEXT_MAX || clock_mono_ms() > end))
			break;
		else if (!read_message(j, i))
			break;
	}
	if (j->looked < j->items)
		j->next = j->by_id ? j->item[j->looked].term : j->item[j->looked].record;
	if (j->next != 0)
		snprintf(j->page.next, sizeof(j->page.next), "%zu", j->next);
	if (j->ask.verb == CHORE_COUNT)
		chores_row_counts(j);
}

/* --- badmail --- */

static bool
is_badmail_envelope(const struct chores_job *j, const struct message_envelope *e)
{
	bool fits = false;

	if (!pick_needs_envelope(&j->ask.pick))
		return true;
	if (e == NULL || !pick_is_sender(&j->ask.pick, e->sender))
		return false;
	for (size_t i = 0; i < e->nrcpt && !fits; i++)
		fits = pick_is_recipient(&j->ask.pick, e->rcpt[i].address);
	return fits;
}

/* Within a second of the order the name tells: what was put back by an earlier page has a new one. */
static bool
came_later(const struct chores_job *j, const struct spool_badmail *b)
{
	int64_t newest = j->ask.newest_us;

	if (newest == 0 || b->since + 1 < newest / 1000000)
		return false;
	return b->since > newest / 1000000 || message_id_time_us(b->name) > newest;
}

static void
read_badmail(struct chores_job *j, struct chores_item *i, int64_t now)
{
	struct message_envelope e;
	int rc;

	if (!pick_is_age(&j->ask.pick, now - i->bad.since) || !pick_is_id(&j->ask.pick, i->bad.name) || came_later(j, &i->bad))
		return;
	rc = i->bad.foreign ? 0 : spool_bin_envelope(j->chores->spool, &i->bad, &e);
	if (is_badmail_envelope(j, rc == 1 ? &e : NULL)) {
		i->matched = true;
		if (j->ask.verb == CHORE_BADMAIL_LIST)
			chores_row_badmail(j, i, rc == 1 ? &e : NULL);
		else if (j->ask.verb == CHORE_BADMAIL_SHOW)
			chores_row_badmail_show(j, i, rc == 1 ? &e : NULL);
	}
	if (rc == 1)
		message_envelope_done(&e);
}

static void
look_badmail(struct chores_job *j)
{
	struct spool_badmail *list = calloc(CHORES_ITEMS, sizeof(*list));
	uint64_t end = clock_mono_ms() + LOOK_MS;
	int64_t now = clock_wall_us() / 1000000;
	ssize_t n = list == NULL ? -1 : spool_bin_list(j->chores->spool, j->ask.at, list, CHORES_ITEMS);

	if (n == -1)
		buf_printf(&j->text, "!badmail cannot be read: %s\n", strerror(errno));
	for (j->items = n > 0 ? (size_t)n : 0; j->looked < j->items; j->looked++) {
		struct chores_item *i = &j->item[j->looked];

		if (j->looked > 0 && (j->text.len + ROOM > CHORE_TEXT_MAX || clock_mono_ms() > end))
			break;
		i->bad = list[j->looked];
		read_badmail(j, i, now);
	}
	if (n == CHORES_ITEMS || j->looked < j->items)
		snprintf(j->page.next, sizeof(j->page.next), "%s", list[j->looked - 1].name);
	free(list);
}

void
chores_look_run(void *arg, void **jobs, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		struct chores_job *j = jobs[i];

		if (chore_rows[j->ask.verb].badmail)
			look_badmail(j);
		else
			look_queue(j);
	}
}
