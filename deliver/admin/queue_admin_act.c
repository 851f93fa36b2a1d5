/*
 * queue_admin_act - does what a command says to the messages of a page
 *
 * Runs in:  deliver: on the loop; files are changed on a pool thread
 * Owns:     nothing beyond the question
 * Promise:  each message that was changed is an event with the operator's uid; few messages are loaded at a
 *           time
 * Fails by: a line on the page for each reason, and counts
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_move.h"
#include "common/process/pool.h"
#include "common/spool/spool_private.h"
#include "deliver/admin/admin.h"
#include "deliver/result/result.h"

#define COMMANDS_MAX 48		/* messages loaded at a time */
#define PAGE_MS 10000U		/* evacuate: no message is begun later for one page */
static_assert(COMMANDS_MAX <= MSG_MOVE_OPEN_MAX && QUEUE_ADMIN_ITEMS <= MSG_MOVE_PAGE_MAX, "a page is taken");

static const char *
strerror_for(const struct queue_admin_job *j, int error)
{
	if (error == EBADMSG)
		return msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_BADMAIL ?
		    "it has no envelope: copy it to pickup with x-sender and x-receiver lines" :
		    "it is damaged, and goes to badmail";
	if (error == EINVAL && msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_BADMAIL)
		return "it is no message";
	if (j->ask.verb == MSG_QUEUE_EVACUATE && j->queue_admin->evacuator != NULL)
		return evacuate_sender_words(j->queue_admin->evacuator, error);
	return j->ask.verb == MSG_QUEUE_MOVE ? move_sender_words(error) : strerror(error);
}

static void
note_failure(struct queue_admin_job *j, const char *id, int error)
{
	const char *text = strerror_for(j, error);
	struct queue_admin_reason *r = j->reason, *end = r + j->reasons;

	j->page.failed++;
	while (r < end && strcmp(r->text, text) != 0)
		r++;
	if (r == j->reason + QUEUE_ADMIN_REASONS) {
		buf_printf(&j->text, "!%s: %s\n", id, text);
		return;
	}
	if (r == end) {
		snprintf(r->id, sizeof(r->id), "%s", id);
		r->text = mem_strdup(text);
		j->reasons++;
	}
	r->count++;
}

/* The page is over. */
static void
end_page(struct queue_admin_job *j)
{
	for (size_t i = 0; i < j->reasons; i++) {
		struct queue_admin_reason *r = &j->reason[i];

		if (r->count == 1)
			buf_printf(&j->text, "!%s: %s\n", r->id, r->text);
		else
			buf_printf(&j->text, "!%s and %" PRIu32 " more: %s\n", r->id, r->count - 1, r->text);
	}
	/* what is wrong with where they were to go would be said of each message of the queue */
	if (msg_queue_rows[j->ask.verb].target && j->page.failed > 0 && j->page.done == 0) {
		if (j->page.next[0] != '\0')
			buf_printf(&j->text, "!the rest is left alone, as none of these could be %s\n",
			    msg_queue_rows[j->ask.verb].done);
		j->page.next[0] = '\0';
	}
	j->answer(j);
}

/* --- held, released; badmail put back or purged: on a thread --- */

/* A user of this host is a number of the note; another name stands before the reason. */
static void
put_author(struct note_line *line, const struct msg_queue_ask *ask)
{
	bool user = strncmp(ask->author, "uid=", 4) == 0;

	line->number = user ? strtoul(ask->author + 4, NULL, 10) : NOTE_NO_UID;
	snprintf(line->text, sizeof(line->text), "%.200s%s%.300s", user ? "" : ask->author,
	    user || ask->reason[0] == '\0' ? "" : ": ", ask->reason);
}

static void
note_hold(struct queue_admin_job *j, const struct queue_admin_item *i)
{
	struct note_line line = { .kind = j->ask.verb == MSG_QUEUE_HOLD ? NOTE_HELD : NOTE_RELEASED,
	    .time = clock_wall_us() / 1000000 };
	struct buf text = BUF_INIT(1024);

	put_author(&line, &j->ask);
	buf_puts(&text, "\n");		/* the line before may be torn */
	note_format(&line, &text);
	/* A failure does no harm: the note only tells why. */
	(void)!spool_note_add(j->queue_admin->spool, i->id, buf_text(&text), false);
	buf_done(&text);
}

static void
run_hold(struct queue_admin_job *j)
{
	struct spool *s = j->queue_admin->spool;

	for (size_t k = 0; k < j->nread; k++) {
		struct queue_admin_item *i = &j->item[k];

		if (i->matched)
			i->error = spool_hold(s, i->id, j->ask.verb == MSG_QUEUE_HOLD) == 0 ? 0 : errno;
	}
	for (size_t k = 0; k < j->nread; k++) {
		struct queue_admin_item *i = &j->item[k];

		if (i->matched && i->error == 0)
			i->error = spool_hold_sync(s, i->id) == 0 ? 0 : errno;
		if (i->matched && i->error == 0)
			note_hold(j, i);
	}
}

/* Into the file, as well as into the record later: an attempt that is cut leaves it to the next worker. */
static void
run_due(struct queue_admin_job *j)
{
	int64_t now = clock_wall_us() / 1000000;

	for (size_t k = 0; k < j->nread; k++) {
		struct queue_admin_item *i = &j->item[k];

		if (i->matched)
			i->error = spool_set_due(j->queue_admin->spool, i->id, now) == 0 ? 0 : errno;
	}
}

static void
run_badmail(struct queue_admin_job *j)
{
	for (size_t k = 0; k < j->nread; k++) {
		struct queue_admin_item *i = &j->item[k];
		int rc = 0;

		if (i->matched)
			rc = j->ask.verb == MSG_QUEUE_BADMAIL_PURGE ?
			    spool_badmail_admin_purge(j->queue_admin->spool, &i->bad) :
			    spool_badmail_admin_retry(j->queue_admin->spool, &i->bad, i->new_id);
		i->error = rc == 0 ? 0 : errno;
	}
}

void
queue_admin_act_run(void *arg, void **jobs, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		struct queue_admin_job *j = jobs[k];

		if (msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_BADMAIL)
			run_badmail(j);
		else if (msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_DROP)
			queue_admin_drop_delete(j);
		else if (j->ask.verb == MSG_QUEUE_RETRY)
			run_due(j);
		else
			run_hold(j);
	}
}

/* --- back on the loop --- */

static void
finish_hold(struct queue_admin_job *j, struct queue_admin_item *i)
{
	bool hold = j->ask.verb == MSG_QUEUE_HOLD;

	if (!schedule_admin_hold(j->queue_admin->schedule, i->id, hold))
		return;		/* it was delivered before */
	if (hold)
		disk_crash_point("hold-done");
	else
		disk_crash_point("release-done");
	log_event(LOG_FACT, i->id, hold ? "held" : "released", "%s%s%s", j->ask.author,
	    *j->ask.reason == '\0' ? "" : " reason=", *j->ask.reason == '\0' ? "" : log_safe(j->ask.reason));
	j->page.done++;
}

static void
finish_retry(struct queue_admin_job *j, struct queue_admin_item *i)
{
	if (schedule_admin_retry(j->queue_admin->schedule, i->id))
		j->page.done++;
}

static void
finish_badmail_retry(struct queue_admin_job *j, struct queue_admin_item *i)
{
	log_event(LOG_FACT, i->new_id, "requeued", "%s badmail=%s", j->ask.author, log_safe(i->bad.name));
	schedule_hint(j->queue_admin->schedule, i->new_id);
	j->page.done++;
}

static void
finish_badmail_purge(struct queue_admin_job *j, struct queue_admin_item *i)
{
	log_event(LOG_FACT, NULL, "purged", "%s badmail=%s", j->ask.author, log_safe(i->bad.name));
	j->page.done++;
}

static void
finish_drop(struct queue_admin_job *j, struct queue_admin_item *i)
{
	log_event(LOG_FACT, NULL, "drop-deleted", "%s drop=%s", j->ask.author, log_safe(i->drop.name));
	j->page.done++;
}

static const char *
name_of(const struct queue_admin_job *j, const struct queue_admin_item *i)
{
	return msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_BADMAIL ? i->bad.name :
	    msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_DROP ? i->drop.name : i->id;
}

static void
finish_files(struct queue_admin_job *j)
{
	void (*finish)(struct queue_admin_job *j, struct queue_admin_item *i) =
	    j->ask.verb == MSG_QUEUE_BADMAIL_RETRY ? finish_badmail_retry :
	    j->ask.verb == MSG_QUEUE_BADMAIL_PURGE ? finish_badmail_purge :
	    j->ask.verb == MSG_QUEUE_DROP_DELETE ? finish_drop :
	    j->ask.verb == MSG_QUEUE_RETRY ? finish_retry : finish_hold;

	if (j->ask.verb == MSG_QUEUE_RETRY)
		schedule_admin_retry_begin(j->queue_admin->schedule);
	for (size_t i = 0; i < j->nread; i++) {
		struct queue_admin_item *item = &j->item[i];

		if (!item->matched || item->error == ENOENT)
			continue;
		if (item->error == 0)
			finish(j, item);
		else
			note_failure(j, name_of(j, item), item->error);
	}
	if (j->ask.verb == MSG_QUEUE_BADMAIL_RETRY)
		schedule_go(j->queue_admin->schedule);
	end_page(j);
}

/* --- deleted, bounced, moved, evacuated --- */

static void start_commands(struct queue_admin_job *j);

static void
count_command(struct queue_admin_job *j, const struct schedule_admin *o, enum schedule_admin_result result)
{
	if (result == SCHEDULE_DONE) {
		j->page.done++;
		j->page.recipients += (uint32_t)o->recipients;
	} else if (result == SCHEDULE_BUSY) {
		j->page.busy++;
		if (j->page.busy <= 5)
			buf_printf(&j->text, "!%s is at work just now\n", o->id);
	} else if (result == SCHEDULE_FAILED) {
		note_failure(j, o->id, o->error);
	}
}

static void
on_command_done(void *arg, struct schedule_admin *o)
{
	struct queue_admin_job *j = arg;

	j->open--;
	count_command(j, o, o->result);
	start_commands(j);
}

static void
on_moved(void *arg, int error)
{
	schedule_admin_moved(arg, error);
}

static void
begin_move(struct schedule_admin *o)
{
	const struct queue_admin_job *j = o->arg;

	if (o->kind == SCHEDULE_EVACUATE)
		evacuate_sender_begin(j->queue_admin->evacuator, o->id, on_moved, o);
	else
		move_sender_begin(j->queue_admin->sender, o->id, on_moved, o);
}

static void
start_command(struct queue_admin_job *j, struct queue_admin_item *i)
{
	static const enum schedule_admin_kind kinds[] = { [MSG_QUEUE_DELETE] = SCHEDULE_DELETE,
	    [MSG_QUEUE_BOUNCE] = SCHEDULE_BOUNCE, [MSG_QUEUE_MOVE] = SCHEDULE_MOVE,
	    [MSG_QUEUE_EVACUATE] = SCHEDULE_EVACUATE };
	struct schedule_admin *o = &i->command;
	enum schedule_admin_result result;

	*o = (struct schedule_admin){
		.kind = kinds[j->ask.verb],
		.author = j->ask.author, .pick = &j->ask.pick, .reason = j->ask.reason,
		.to_name = j->ask.to, .move = begin_move, .done = on_command_done, .arg = j,
	};
	memcpy(o->id, i->id, sizeof(o->id));
	j->open++;
	result = schedule_admin_begin(j->queue_admin->schedule, o);
	if (result != SCHEDULE_DONE) {
		j->open--;
		count_command(j, o, result);
	}
}

/* The time of a page is over: what was not begun is of the next one. */
static void
cut_page(struct queue_admin_job *j)
{
	const struct queue_admin_item *i = &j->item[j->started];

	j->nread = j->started;
	snprintf(j->page.next, sizeof(j->page.next), "%u", j->by_id ? i->term : i->record);
}

static void
start_commands(struct queue_admin_job *j)
{
	if (j->begin_until != 0 && j->started < j->nread && clock_mono_ms() > j->begin_until)
		cut_page(j);
	while (j->started < j->nread && j->open < COMMANDS_MAX) {
		struct queue_admin_item *i = &j->item[j->started++];

		if (i->matched)
			start_command(j, i);
	}
	if (j->started < j->nread || j->open > 0)
		return;
	end_page(j);
}

void
queue_admin_act_done(void *arg, void *job)
{
	finish_files(job);
}

/* Without a channel each message says so. */
static void
begin_moves(struct queue_admin_job *j)
{
	move_sender_channel(j->queue_admin->sender, j->channel);
	j->channel = -1;
	start_commands(j);
}

/* A page takes its time, as messages go over a network: it is not to keep the operator waiting for a word. */
static void
begin_evacuation(struct queue_admin_job *j)
{
	if (j->queue_admin->evacuator == NULL) {
		buf_puts(&j->text, "!this virtual server speaks to no host just now\n");
		j->answer(j);
		return;
	}
	j->begin_until = clock_mono_ms() + PAGE_MS;
	evacuate_sender_open(j->queue_admin->evacuator, j->ask.to);
	start_commands(j);
}

void
queue_admin_act_begin(struct queue_admin_job *j)
{
	if (j->ask.verb == MSG_QUEUE_DELETE || j->ask.verb == MSG_QUEUE_BOUNCE)
		start_commands(j);
	else if (j->ask.verb == MSG_QUEUE_MOVE)
		begin_moves(j);
	else if (j->ask.verb == MSG_QUEUE_EVACUATE)
		begin_evacuation(j);
	else
		pool_submit(j->queue_admin->act, j);
}
