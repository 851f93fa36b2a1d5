/*
 * queue_admin_select - which messages a command means: first by their records, then by their envelopes
 *
 * Runs in:  deliver: selects records on the loop, reads files on a pool thread
 * Owns:     nothing beyond the question
 * Promise:  a page costs at most WALK records on the loop and LOOK_MS of reading; a tally so much a piece. A
 *           message that is there all the time is met once
 * Fails by: a line on the page for a message that cannot be read
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/admin/admin.h"

#define WALK 20000
#define LOOK_MS 300
#define TALLY_MS 2000U		/* for pieces of a tally; the other questions wait so long */
#define ROOM QUEUE_ADMIN_LINE_MAX	/* bytes that one more line may need */

/* --- on the loop --- */

static enum queue_filter_state
state_of(const struct schedule_record *r, int64_t now)
{
	if ((r->flags & RECORD_HELD) != 0)
		return QUEUE_FILTER_HELD;
	if (r->state == RECORD_LOADED)
		return QUEUE_FILTER_ACTIVE;
	if (r->state == RECORD_WAITING && (r->flags & (RECORD_BACKLOG | RECORD_RETRY)) == RECORD_BACKLOG)
		return QUEUE_FILTER_BACKLOG;
	return r->state == RECORD_WAITING && r->due > now ? QUEUE_FILTER_WAITING : QUEUE_FILTER_READY;
}

/* All that a record tells without its id. */
static bool
is_meant(const struct queue_admin_job *j, const struct schedule_record *r, int64_t now_us)
{
	return r->state != RECORD_FREE && r->state != RECORD_GONE &&
	    (j->ask.newest_us == 0 || (int64_t)r->time <= j->ask.newest_us) &&
	    queue_filter_is_state(&j->ask.pick, state_of(r, now_us / 1000000)) &&
	    queue_filter_is_age(&j->ask.pick, (now_us - (int64_t)r->time) / 1000000);
}

static void
add_record(struct queue_admin_job *j, uint32_t n, int64_t now_us)
{
	const struct schedule_index *x = j->queue_admin->schedule->index;
	const struct schedule_record *r = schedule_index_at(x, n);
	struct queue_admin_item *i = &j->item[j->items];

	if (!is_meant(j, r, now_us))
		return;
	memset(i, 0, sizeof(*i));
	i->record = n;
	i->state = state_of(r, now_us / 1000000);
	i->due[0] = '-';
	if (r->due != 0 && i->state != QUEUE_FILTER_ACTIVE)
		snprintf(i->due, sizeof(i->due), "%lu", (unsigned long)r->due);
	schedule_index_id(x, n, i->id);
	if (queue_filter_is_id(&j->ask.pick, i->id))
		j->items++;
}

static bool
is_gathered(const struct queue_admin_job *j, uint32_t n)
{
	for (size_t i = 0; i < j->items; i++)
		if (j->item[i].record == n)
			return true;
	return false;
}

/* Looks up each id, when all are given in full. False: some are patterns. */
static bool
gather_ids(struct queue_admin_job *j, int64_t now_us)
{
	const struct queue_filter *p = &j->ask.pick;

	for (uint32_t i = 0; i < p->count; i++)
		if (p->term[i].kind == QUEUE_FILTER_ID && strpbrk(p->term[i].text, "*?") != NULL)
			return false;
	for (uint32_t i = (uint32_t)strtoul(j->ask.at, NULL, 10); i < p->count; i++) {
		uint32_t n;

		if (p->term[i].kind != QUEUE_FILTER_ID || !message_id_is_valid(p->term[i].text))
			continue;
		n = schedule_index_find(j->queue_admin->schedule->index, p->term[i].text);
		if (n != 0 && !is_gathered(j, n))
			add_record(j, n, now_us);
		if (j->items > 0 && j->item[j->items - 1].record == n)
			j->item[j->items - 1].term = i;
	}
	j->by_id = true;
	return true;
}

/* The records tell all: no file is read, and no item is needed. */
static bool
is_known_by_records(const struct queue_admin_job *j)
{
	return msg_queue_rows[j->ask.verb].tallies && !queue_filter_needs_envelope(&j->ask.pick) &&
	    !queue_filter_has(&j->ask.pick, QUEUE_FILTER_ID);
}

void
queue_admin_select_gather(struct queue_admin_job *j)
{
	const struct schedule_index *x = j->queue_admin->schedule->index;
	uint32_t last = schedule_index_last(x), n = (uint32_t)strtoul(j->ask.at, NULL, 10);
	int64_t now_us = clock_wall_us();
	bool tallies = is_known_by_records(j);

	if (queue_filter_has(&j->ask.pick, QUEUE_FILTER_ID) && gather_ids(j, now_us))
		return;
	n += n == 0;
	for (size_t walked = 0; n <= last && walked < WALK && j->items < QUEUE_ADMIN_ITEMS; n++, walked++)
		if (tallies)
			j->page.matched += is_meant(j, schedule_index_at(x, n), now_us);
		else
			add_record(j, n, now_us);
	j->next = n <= last ? n : 0;
}

bool
queue_admin_select_again(struct queue_admin_job *j)
{
	uint64_t now = clock_mono_ms();

	if (!msg_queue_rows[j->ask.verb].tallies || j->page.next[0] == '\0')
		return false;
	if (j->tally_end == 0)
		j->tally_end = now + TALLY_MS;
	if (now >= j->tally_end)
		return false;
	memcpy(j->ask.at, j->page.next, sizeof(j->ask.at));
	j->page.next[0] = '\0';
	j->items = j->nread = j->next = 0;
	memset(j->item, 0, sizeof(j->item));
	return true;
}

/* --- on a thread --- */

static void
say_fault(struct queue_admin_job *j, const char *id, const char *what, int error)
{
	buf_printf(&j->text, "!%s %s: %s\n", id, what, strerror(error));
}

static bool
is_recipient(const struct queue_admin_job *j, const struct message_envelope *e)
{
	if (!queue_filter_has(&j->ask.pick, QUEUE_FILTER_RECIPIENT) &&
	    !queue_filter_has(&j->ask.pick, QUEUE_FILTER_DOMAIN))
		return true;
	for (size_t i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].mark == MARK_PENDING &&
		    queue_filter_is_recipient(&j->ask.pick, e->rcpt[i].address))
			return true;
	return false;
}

static bool
read_message(struct queue_admin_job *j, struct queue_admin_item *i)
{
	struct message_envelope e;
	const char *why;
	bool room = true;
	int fd;

	if (spool_load(j->queue_admin->spool, i->id, &e, &fd, &why) == -1) {
		if (errno != ENOENT)
			say_fault(j, i->id, "cannot be read", errno);
		return true;
	}
	if (queue_filter_is_sender(&j->ask.pick, e.sender) && is_recipient(j, &e)) {
		i->matched = true;
		if (j->ask.verb == MSG_QUEUE_LIST)
			queue_admin_rows_list(j, i, &e);
		else if (j->ask.verb == MSG_QUEUE_SHOW)
			queue_admin_rows_show(j, i, &e, fd);
		else if (j->ask.verb == MSG_QUEUE_COUNT)
			room = i->matched = queue_admin_rows_count(j, i, &e);
	}
	close(fd);
	message_envelope_done(&e);
	return room;
}

static void
read_queue(struct queue_admin_job *j)
{
	bool shows = !msg_queue_rows[j->ask.verb].acts && !msg_queue_rows[j->ask.verb].tallies;
	bool reads = shows || queue_filter_needs_envelope(&j->ask.pick);
	uint64_t end = clock_mono_ms() + LOOK_MS;

	for (j->nread = 0; j->nread < j->items; j->nread++) {
		struct queue_admin_item *i = &j->item[j->nread];

		if (!reads)
			i->matched = true;
		else if (j->nread > 0 && (j->text.len + ROOM > MSG_QUEUE_TEXT_MAX || clock_mono_ms() > end))
			break;
		else if (!read_message(j, i))
			break;
	}
	if (j->nread < j->items)
		j->next = j->by_id ? j->item[j->nread].term : j->item[j->nread].record;
	if (j->next != 0)
		snprintf(j->page.next, sizeof(j->page.next), "%zu", j->next);
	if (j->ask.verb == MSG_QUEUE_COUNT)
		queue_admin_rows_counts(j);
}

/* --- badmail --- */

static bool
is_badmail_envelope(const struct queue_admin_job *j, const struct message_envelope *e)
{
	bool fits = false;

	if (!queue_filter_needs_envelope(&j->ask.pick))
		return true;
	if (e == NULL || !queue_filter_is_sender(&j->ask.pick, e->sender))
		return false;
	for (size_t i = 0; i < e->nrcpt && !fits; i++)
		fits = queue_filter_is_recipient(&j->ask.pick, e->rcpt[i].address);
	return fits;
}

/* In the second of the command the name decides: a message put back by an earlier page has a new name. */
static bool
came_later(const struct queue_admin_job *j, const struct spool_badmail *b)
{
	int64_t newest = j->ask.newest_us;

	if (newest == 0 || b->since + 1 < newest / 1000000)
		return false;
	return b->since > newest / 1000000 || message_id_time_us(b->name) > newest;
}

/* All that is known of it without its envelope. */
static bool
is_badmail_meant(const struct queue_admin_job *j, const struct spool_badmail *b, int64_t now)
{
	return queue_filter_is_age(&j->ask.pick, now - b->since) &&
	    queue_filter_is_id(&j->ask.pick, b->name) && !came_later(j, b);
}

static void
read_badmail(struct queue_admin_job *j, struct queue_admin_item *i, int64_t now)
{
	struct message_envelope e;
	int rc;

	if (!is_badmail_meant(j, &i->bad, now))
		return;
	rc = i->bad.foreign ? 0 : spool_badmail_admin_envelope(j->queue_admin->spool, &i->bad, &e);
	if (is_badmail_envelope(j, rc == 1 ? &e : NULL)) {
		i->matched = true;
		if (j->ask.verb == MSG_QUEUE_BADMAIL_LIST)
			queue_admin_rows_badmail(j, i, rc == 1 ? &e : NULL);
		else if (j->ask.verb == MSG_QUEUE_BADMAIL_SHOW)
			queue_admin_rows_badmail_show(j, i, rc == 1 ? &e : NULL);
	}
	if (rc == 1)
		message_envelope_done(&e);
}

static void
count_badmail(void *arg, const struct spool_badmail *b)
{
	struct queue_admin_job *j = arg;

	j->page.matched += is_badmail_meant(j, b, clock_wall_us() / 1000000);
}

/* A tally that needs no envelope: one walk over the folder. */
static void
tally_badmail(struct queue_admin_job *j)
{
	if (spool_badmail_admin_walk(j->queue_admin->spool, count_badmail, j) == -1)
		buf_printf(&j->text, "!badmail cannot be read: %s\n", strerror(errno));
}

static void
read_badmail_folder(struct queue_admin_job *j)
{
	struct spool_badmail *list = calloc(QUEUE_ADMIN_ITEMS, sizeof(*list));
	uint64_t end = clock_mono_ms() + LOOK_MS;
	int64_t now = clock_wall_us() / 1000000;
	ssize_t n = list == NULL ? -1 : spool_badmail_admin_list(j->queue_admin->spool, j->ask.at, list,
	    QUEUE_ADMIN_ITEMS);

	if (n == -1)
		buf_printf(&j->text, "!badmail cannot be read: %s\n", strerror(errno));
	for (j->items = n > 0 ? (size_t)n : 0; j->nread < j->items; j->nread++) {
		struct queue_admin_item *i = &j->item[j->nread];

		if (j->nread > 0 && (j->text.len + ROOM > MSG_QUEUE_TEXT_MAX || clock_mono_ms() > end))
			break;
		i->bad = list[j->nread];
		read_badmail(j, i, now);
	}
	if (n == QUEUE_ADMIN_ITEMS || j->nread < j->items)
		snprintf(j->page.next, sizeof(j->page.next), "%s", list[j->nread - 1].name);
	free(list);
}

void
queue_admin_select_run(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct queue_admin_job *j = jobs[i];

		if (j->ask.verb == MSG_QUEUE_BADMAIL_TALLY && !queue_filter_needs_envelope(&j->ask.pick))
			tally_badmail(j);
		else if (msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_BADMAIL)
			read_badmail_folder(j);
		else if (msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_DROP)
			queue_admin_drop_select(j);
		else
			read_queue(j);
	}
}
