/*
 * chores_act - does what an operator ordered to the messages of a page
 *
 * Runs in:  deliver: on the loop; files are changed on a pool thread
 * Owns:     nothing beyond the question
 * Promise:  each message it was done to is an event that says by whom; few messages are loaded at a time
 * Fails by: a line on the page, and counts
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "deliver/chores.h"

#define ORDERS_MAX 48		/* loaded at a time */

static const char *
strerror_for(const struct chores_job *j, int error)
{
	if (error == EBADMSG)
		return chore_rows[j->ask.verb].badmail ? "it has no envelope: copy it to pickup with x-sender and x-receiver lines" :
		    "it is damaged, and goes to badmail";
	if (error == EINVAL && chore_rows[j->ask.verb].badmail)
		return "it is no message";
	if (error == EINVAL && j->ask.verb == CHORE_MOVE)
		return "that virtual server has the very same queue folder";
	return strerror(error);
}

static void
fail(struct chores_job *j, const char *id, int error)
{
	j->page.failed++;
	buf_printf(&j->text, "!%s: %s\n", id, strerror_for(j, error));
}

/* --- held, released; badmail put back or purged: on a thread --- */

static void
note_hold(struct chores_job *j, const struct chores_item *i)
{
	struct note_line line = { .kind = j->ask.verb == CHORE_HOLD ? NOTE_HELD : NOTE_RELEASED, .number = j->ask.uid,
		.time = clock_wall_us() / 1000000 };
	struct buf text = BUF_INIT(1024);

	snprintf(line.text, sizeof(line.text), "%s", j->ask.reason);
	buf_puts(&text, "\n");		/* the line before may be torn */
	note_format(&line, &text);
	(void)!spool_note_add(j->chores->spool, i->id, buf_text(&text), false);	/* only words */
	buf_done(&text);
}

static void
run_hold(struct chores_job *j)
{
	struct spool *s = j->chores->spool;

	for (size_t k = 0; k < j->looked; k++) {
		struct chores_item *i = &j->item[k];

		if (i->matched)
			i->error = spool_hold(s, i->id, j->ask.verb == CHORE_HOLD) == 0 ? 0 : errno;
	}
	for (size_t k = 0; k < j->looked; k++) {
		struct chores_item *i = &j->item[k];

		if (i->matched && i->error == 0)
			i->error = spool_hold_sync(s, i->id) == 0 ? 0 : errno;
		if (i->matched && i->error == 0)
			note_hold(j, i);
	}
}

/* Nothing is tried now: the file says when. */
static void
run_due(struct chores_job *j)
{
	int64_t now = clock_wall_us() / 1000000;

	for (size_t k = 0; k < j->looked; k++) {
		struct chores_item *i = &j->item[k];

		if (i->matched)
			i->error = spool_set_due(j->chores->spool, i->id, now) == 0 ? 0 : errno;
	}
}

static void
run_badmail(struct chores_job *j)
{
	for (size_t k = 0; k < j->looked; k++) {
		struct chores_item *i = &j->item[k];
		int rc = 0;

		if (i->matched)
			rc = j->ask.verb == CHORE_BADMAIL_PURGE ? spool_bin_purge(j->chores->spool, &i->bad) :
			    spool_bin_retry(j->chores->spool, &i->bad, i->fresh);
		i->error = rc == 0 ? 0 : errno;
	}
}

static int
open_other(struct chores_job *j)
{
	struct chores *c = j->chores;
	struct spool_paths paths = { .queue = j->ask.to_queue };
	const char *where;

	if (c->other != NULL && strcmp(c->other_path, j->ask.to_queue) == 0)
		return 0;
	spool_close(c->other);
	c->other = spool_open(&paths, &where);
	if (c->other == NULL)
		return -1;
	memcpy(c->other_path, j->ask.to_queue, sizeof(c->other_path));
	return 0;
}

void
chores_act_run(void *arg, void **jobs, size_t n)
{
	(void)arg;
	for (size_t k = 0; k < n; k++) {
		struct chores_job *j = jobs[k];

		if (j->ask.verb == CHORE_MOVE)
			j->renounced = open_other(j) == -1;
		else if (chore_rows[j->ask.verb].badmail)
			run_badmail(j);
		else if (j->ask.verb == CHORE_RETRY)
			run_due(j);
		else
			run_hold(j);
		if (j->renounced)
			buf_printf(&j->text, "!the queue of %s cannot be opened: %s\n", j->ask.to, strerror(errno));
	}
}

/* --- back on the loop --- */

static void
held(struct chores_job *j, struct chores_item *i)
{
	bool hold = j->ask.verb == CHORE_HOLD;

	if (!schedule_order_hold(j->chores->schedule, i->id, hold))
		return;		/* delivered meanwhile */
	if (hold)
		disk_crash_point("hold-done");
	else
		disk_crash_point("release-done");
	log_event(LOG_FACT, i->id, hold ? "on-hold" : "released", "uid=%u%s%s", j->ask.uid, *j->ask.reason == '\0' ? "" : " reason=",
	    *j->ask.reason == '\0' ? "" : log_safe(j->ask.reason));
	j->page.done++;
}

static void
due(struct chores_job *j, struct chores_item *i)
{
	if (schedule_order_retry(j->chores->schedule, i->id))
		j->page.done++;
}

static void
restored(struct chores_job *j, struct chores_item *i)
{
	log_event(LOG_FACT, i->fresh, "requeued", "uid=%u badmail=%s", j->ask.uid, i->bad.name);
	schedule_hint(j->chores->schedule, i->fresh);
	j->page.done++;
}

static void
purged(struct chores_job *j, struct chores_item *i)
{
	log_event(LOG_FACT, NULL, "purged", "uid=%u badmail=%s", j->ask.uid, i->bad.name);
	j->page.done++;
}

static void
finish_files(struct chores_job *j)
{
	void (*finish)(struct chores_job *j, struct chores_item *i) = j->ask.verb == CHORE_BADMAIL_RETRY ? restored :
	    j->ask.verb == CHORE_BADMAIL_PURGE ? purged : j->ask.verb == CHORE_RETRY ? due : held;

	for (size_t i = 0; i < j->looked; i++) {
		struct chores_item *item = &j->item[i];

		if (!item->matched || item->error == ENOENT)
			continue;
		if (item->error == 0)
			finish(j, item);
		else
			fail(j, chore_rows[j->ask.verb].badmail ? item->bad.name : item->id, item->error);
	}
	if (j->ask.verb == CHORE_BADMAIL_RETRY)
		schedule_go(j->chores->schedule);
	chores_answer(j);
}

/* --- orders --- */

static void start_orders(struct chores_job *j);

static void
count_order(struct chores_job *j, const struct schedule_order *o, enum schedule_order_result result)
{
	if (result == SCHEDULE_DONE) {
		j->page.done++;
		j->page.recipients += (uint32_t)o->recipients;
	} else if (result == SCHEDULE_BUSY) {
		j->page.busy++;
		if (j->page.busy <= 5)
			buf_printf(&j->text, "!%s is at work just now\n", o->id);
	} else if (result == SCHEDULE_FAILED) {
		fail(j, o->id, o->error);
	}
}

static void
order_done(void *arg, struct schedule_order *o)
{
	struct chores_job *j = arg;

	j->open--;
	count_order(j, o, o->result);
	start_orders(j);
}

static void
start_order(struct chores_job *j, struct chores_item *i)
{
	struct schedule_order *o = &i->order;
	enum schedule_order_result result;

	*o = (struct schedule_order){
		.kind = j->ask.verb == CHORE_DELETE ? SCHEDULE_DELETE : j->ask.verb == CHORE_BOUNCE ? SCHEDULE_BOUNCE : SCHEDULE_MOVE,
		.uid = j->ask.uid, .pick = &j->ask.pick, .reason = j->ask.reason, .to = j->chores->other, .to_name = j->ask.to,
		.done = order_done, .arg = j,
	};
	memcpy(o->id, i->id, sizeof(o->id));
	j->open++;
	result = schedule_order_begin(j->chores->schedule, o);
	if (result != SCHEDULE_DONE) {
		j->open--;
		count_order(j, o, result);
	}
}

static void
start_orders(struct chores_job *j)
{
	while (j->started < j->looked && j->open < ORDERS_MAX) {
		struct chores_item *i = &j->item[j->started++];

		if (i->matched)
			start_order(j, i);
	}
	if (j->started == j->looked && j->open == 0)
		chores_answer(j);
}

void
chores_act_done(void *arg, void *job)
{
	struct chores_job *j = job;

	(void)arg;
	if (j->renounced)
		j->page.next[0] = '\0';
	if (j->renounced)
		chores_answer(j);
	else if (j->ask.verb == CHORE_MOVE)
		start_orders(j);
	else
		finish_files(j);
}

static void
retry_all(struct chores_job *j)
{
	for (size_t i = 0; i < j->looked; i++)
		if (j->item[i].matched)
			due(j, &j->item[i]);
	chores_answer(j);
}

void
chores_act_begin(struct chores_job *j)
{
	if (j->ask.verb == CHORE_RETRY && !j->chores->schedule->set.at_rest)
		retry_all(j);
	else if (j->ask.verb == CHORE_DELETE || j->ask.verb == CHORE_BOUNCE)
		start_orders(j);
	else
		pool_submit(j->chores->act, j);
}
