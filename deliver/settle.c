/*
 * settle - what became of a message is written down: note, then mark, then report, then forget
 *
 * Runs in:  deliver; decisions on the loop, all disk work on pool threads
 * Owns:     the lanes; those messages whose step the disk refused
 * Promise:  a failure is noted and synced before its mark, marked and synced before its report is queued, and its mark says
 *           so only afterwards; a message goes when nothing is pending. A crash between two steps repeats one
 * Fails by: never; a step the disk refuses is tried again, and so long the message is not sent again
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/stdlib.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

#define QUICK_LANES 2			/* steps without a sync */
#define QUICK_BATCH 64
#define CAREFUL_LANES 4			/* steps with one */
#define CAREFUL_BATCH 4
#define STUCK_MS 10000
#define STUCK_MAX 16			/* with that many the disk is the trouble: deliver nothing more */
#define AGAIN_MS 300000			/* a failure that could not be noted or reported is taken up again then */
#define DETAILS_MAX (1U << 20)

struct settle {
	struct pool_lane *quick, *careful;
	struct spool *spool;
	struct report *report;
	struct badmail *badmail;
	const struct config_server *server;
	struct loop_timer *timer;
	TAILQ_HEAD(, settle_state) stuck;
	size_t nstuck;
};

enum stage { STAGE_WRITE, STAGE_REPORT, STAGE_DELAY, STAGE_CLOSE };

/* The settling of one message; `note` to `due` are the step a thread does next. */
struct settle_state {
	TAILQ_ENTRY(settle_state) link;
	bool is_stuck;
	struct settle *settle;
	struct schedule_message *m;
	enum stage stage;
	size_t delivered, failed, pending;
	bool delay;			/* a delay report is due */
	struct retry_plan plan[2];	/* for later ones: [0] remote, [1] local */
	/* the step */
	struct buf note;
	bool note_sync, marks, remove;
	int64_t due;			/* 0: stays */
	int error;			/* out */
	bool note_failed, vanished;	/* out */
	/* the report or badmail */
	struct report_job report;
	struct dsn_recipient *recipient;
	struct badmail_job badmail;
	struct message_envelope part;	/* the failed recipients only */
	struct buf details;
};

static void next_stage(struct settle_state *st);

/* --- steps, on pool threads --- */

static int
write_marks(struct settle *t, struct schedule_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].mark != 0 && spool_mark(t->spool, m->fd, &m->e, i, m->result[i].mark) == -1)
			return -1;
	if (spool_sync(m->fd) == -1)
		return -1;
	disk_crash_point("settle-marked");
	return 0;
}

static int
remove_message(struct settle *t, struct schedule_message *m)
{
	if (spool_remove(t->spool, m->id) == -1)
		return -1;
	if (m->noted)
		(void)!spool_remove_note(t->spool, m->id);	/* a scan sweeps what stays */
	disk_crash_point("settle-removed");
	return 0;
}

static int
do_step(struct settle_state *st)
{
	struct settle *t = st->settle;
	struct schedule_message *m = st->m;

	st->note_failed = false;
	if (st->note.len > 0) {
		m->noted = true;
		st->note_failed = spool_note_add(t->spool, m->id, buf_text(&st->note), st->note_sync) == -1;
		if (st->note_failed && st->note_sync)
			return -1;
		buf_clear(&st->note);
	}
	if (st->marks && write_marks(t, m) == -1)
		return -1;
	if (st->remove)
		return remove_message(t, m);
	if (st->due != 0 && spool_set_due(t->spool, m->id, st->due) == -1)
		st->vanished = errno == ENOENT;		/* else: an earlier attempt after a restart */
	return 0;
}

static void
run(void *arg, void **jobs, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		struct settle_state *st = jobs[i];

		st->error = do_step(st) == 0 ? 0 : errno;
	}
}

static void
submit(struct settle_state *st)
{
	struct settle *t = st->settle;

	pool_submit(st->marks || (st->note_sync && st->note.len > 0) ? t->careful : t->quick, st);
}

/* --- what became of each --- */

static unsigned
spread(void)
{
	return arc4random_uniform(1001);
}

/* Times for what is to come later, once for remote and once for local recipients. */
static void
make_plans(struct settle_state *st, int64_t now_us)
{
	struct schedule_message *m = st->m;
	struct retry_case c = {
		.age = now_us > m->arrived_us ? (uint64_t)(now_us - m->arrived_us) / 1000 : 0,
		.attempts = m->attempts, .quick = m->quick, .glitch = m->glitch, .jitter = spread(),
	};

	st->plan[0] = retry_decide(st->settle->server, &c);
	c.local = true;
	st->plan[1] = retry_decide(st->settle->server, &c);
}

static bool
wants(const struct message_recipient *r, unsigned notify)
{
	return r->notify == 0 || (r->notify & notify) != 0;
}

static bool
may_report(const struct schedule_message *m)
{
	return *m->e.sender != '\0' && (m->e.flags & MESSAGE_REPORT) == 0;
}

static void
judge_later(struct settle_state *st, size_t i)
{
	struct schedule_message *m = st->m;
	struct schedule_result *r = &m->result[i];
	const struct retry_plan *plan = &st->plan[r->local];

	if (plan->expired) {
		r->outcome = OUTCOME_FAILED;
		r->expired = true;
		return;
	}
	if (!m->later || plan->after < m->after)
		m->after = plan->after;
	m->later = true;
	if (plan->delayed && !m->delayed && may_report(m) && wants(&m->e.rcpt[i], NOTIFY_DELAY))
		st->delay = true;
}

static void
judge(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	for (size_t i = 0; i < m->e.nrcpt; i++) {
		struct schedule_result *r = &m->result[i];

		if (r->outcome == OUTCOME_LATER)
			judge_later(st, i);
		if (r->outcome == OUTCOME_DELIVERED)
			st->delivered++;
		else if (r->outcome == OUTCOME_FAILED)
			st->failed++;
		else if (m->e.rcpt[i].mark == MARK_PENDING)
			st->pending++;
	}
}

static const char *
status_of(const struct schedule_result *r)
{
	return r->expired ? "4.4.7" : r->reason->status;
}

static void
log_later(const struct settle_state *st)
{
	const struct schedule_message *m = st->m;

	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].outcome == OUTCOME_LATER)
			log_event(LOG_FACT, m->id, "deferred", "recipient=%s status=%s reason=%s host=%s next=%llu",
			    log_safe(m->e.rcpt[i].address), m->result[i].reason->status, log_safe(m->result[i].reason->text),
			    log_safe(m->result[i].reason->host), (unsigned long long)(m->after / 1000));
}

static void
log_failed(const struct schedule_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].outcome == OUTCOME_FAILED)
			log_event(LOG_WARN, m->id, m->result[i].expired ? "expired" : "failed", "recipient=%s status=%s reason=%s host=%s",
			    log_safe(m->e.rcpt[i].address), status_of(&m->result[i]), log_safe(m->result[i].reason->text),
			    log_safe(m->result[i].reason->host));
}

/* --- stage: write --- */

static void
add_line(struct settle_state *st, enum note_kind kind, size_t number, int64_t time, const char *status,
    const struct schedule_reason *why)
{
	struct note_line line = { .kind = kind, .number = number, .time = time };

	if (st->m->torn)
		buf_puts(&st->note, "\n");
	st->m->torn = false;
	if (why != NULL) {
		line.code = why->code;
		memcpy(line.status, status, strnlen(status, sizeof(line.status) - 1));
		memcpy(line.host, why->host, strnlen(why->host, sizeof(line.host) - 1));
		memcpy(line.text, why->text, strnlen(why->text, sizeof(line.text) - 1));
	}
	note_format(&line, &st->note);
}

static void
note_failures(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].outcome == OUTCOME_FAILED)
			add_line(st, NOTE_FAILED, i, m->failed_us, status_of(&m->result[i]), m->result[i].reason);
	st->note_sync = true;
}

/* Counts the attempt, in the note too. */
static void
note_later(struct settle_state *st, int64_t now_us)
{
	struct schedule_message *m = st->m;
	const struct schedule_result *first = m->result;
	unsigned *number;

	while (first->outcome != OUTCOME_LATER)
		first++;
	number = st->plan[first->local].quick ? &m->quick : &m->attempts;
	(*number)++;
	add_line(st, st->plan[first->local].quick ? NOTE_QUICK : NOTE_DEFERRED, *number, now_us / 1000000, first->reason->status,
	    first->reason);
}

static void
set_marks(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	st->marks = false;
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		struct schedule_result *r = &m->result[i];

		r->mark = r->outcome == OUTCOME_DELIVERED ? MARK_DELIVERED : r->outcome == OUTCOME_FAILED ? MARK_FAILED : 0;
		st->marks |= r->mark != 0;
	}
}

static int64_t
due_of(const struct schedule_message *m)
{
	return m->later ? (clock_wall_us() + (int64_t)m->after * 1000 + 999999) / 1000000 : 0;
}

static void
begin_write(struct settle_state *st, int64_t now_us)
{
	struct schedule_message *m = st->m;

	st->stage = STAGE_WRITE;
	if (st->failed > 0) {
		m->failed_us = now_us;
		note_failures(st);
	}
	if (m->later)
		note_later(st, now_us);
	set_marks(st);
	if (st->failed == 0 && !st->delay)
		st->due = due_of(m);
	submit(st);
}

/* Without its note a failure must not be marked: it stays pending, and will be found again. */
static void
take_failures_back(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	log_event(LOG_FAULT, m->id, "trouble", "what=note error=%s", log_safe(strerror(st->error)));
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].outcome == OUTCOME_FAILED)
			m->result[i].outcome = OUTCOME_NONE;
	st->pending += st->failed;
	st->failed = 0;
	st->delay = false;
	st->note_sync = false;
	buf_clear(&st->note);
	m->torn = true;			/* a part of it may be there */
	if (!m->later || m->after > AGAIN_MS)
		m->after = AGAIN_MS;
	m->later = true;
	st->due = due_of(m);
	set_marks(st);
	submit(st);
}

/* --- stage: report, or badmail --- */

/* Fills the list with the recipients of one outcome that want to be told of. */
static void
list_recipients(struct settle_state *st, enum schedule_outcome outcome, unsigned notify)
{
	struct schedule_message *m = st->m;
	struct report_job *job = &st->report;

	free(st->recipient);
	st->recipient = mem_array(NULL, m->e.nrcpt, sizeof(*st->recipient));
	*job = (struct report_job){ .e = &m->e, .fd = m->fd, .recipient = st->recipient, .first = SIZE_MAX, .arrived_us = m->arrived_us };
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct schedule_result *r = &m->result[i];

		if (r->outcome != outcome)
			continue;
		if (job->first == SIZE_MAX)
			job->first = i;
		if (job->expire == 0 || r->expired)
			job->expire = r->local ? st->settle->server->local_expire : st->settle->server->expire;
		if (!wants(&m->e.rcpt[i], notify) || (outcome == OUTCOME_LATER && !st->plan[r->local].delayed))
			continue;
		st->recipient[job->count++] = (struct dsn_recipient){
			.address = m->e.rcpt[i].address, .orcpt = m->e.rcpt[i].orcpt, .status = status_of(r),
			.code = r->reason->code, .host = r->reason->host, .text = r->reason->text,
		};
	}
}

static void
begin_close(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	st->stage = STAGE_CLOSE;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		m->result[i].mark = m->result[i].outcome == OUTCOME_FAILED ? MARK_REPORTED : 0;
	st->note_sync = false;
	st->remove = st->pending == 0;
	st->marks = !st->remove && st->failed > 0;
	st->due = due_of(m);
	submit(st);
}

/* Its marks say that it is owed: the next loading finds it. */
static void
put_off(struct settle_state *st)
{
	st->failed = 0;
	st->delay = false;
	st->pending = 1;
	for (size_t i = 0; i < st->m->e.nrcpt; i++)
		if (st->m->result[i].outcome == OUTCOME_FAILED)
			st->m->result[i].outcome = OUTCOME_NONE;
	st->m->later = true;
	st->m->after = AGAIN_MS;
	begin_close(st);
}

static void
badmail_done(void *arg, struct badmail_job *job)
{
	struct settle_state *st = arg;

	disk_crash_point("settle-reported");
	if (job->error == 0)
		next_stage(st);
	else
		put_off(st);
}

static enum badmail_reason
badmail_reason_of(const struct settle_state *st)
{
	const struct schedule_message *m = st->m;

	if ((m->e.flags & MESSAGE_REPORT) != 0)
		return BADMAIL_NDR;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].outcome == OUTCOME_FAILED && strcmp(m->result[i].reason->status, "5.4.6") == 0)
			return BADMAIL_HOPS;
	return BADMAIL_NULL_SENDER;
}

/* The envelope with the failed recipients only, all pending, and what was said about each. */
static void
make_part(struct settle_state *st)
{
	struct schedule_message *m = st->m;
	size_t kept = 0;

	message_envelope_copy(&st->part, &m->e);
	memcpy(st->part.id, m->id, sizeof(st->part.id));
	st->part.content_at = m->e.content_at;
	st->part.content_size = m->e.content_size;
	buf_init(&st->details, DETAILS_MAX);
	for (size_t i = 0; i < st->part.nrcpt; i++) {
		const struct schedule_result *r = &m->result[i];

		if (r->outcome != OUTCOME_FAILED) {
			free(st->part.rcpt[i].address);
			free(st->part.rcpt[i].orcpt);
			continue;
		}
		buf_printf(&st->details, "%s<%s>: %s %s%s%s", kept == 0 ? "" : "\r\n\t", m->e.rcpt[i].address, status_of(r),
		    r->reason->host, *r->reason->host == '\0' ? "" : ": ", r->reason->text);
		st->part.rcpt[kept] = st->part.rcpt[i];
		st->part.rcpt[kept++].mark = MARK_PENDING;
	}
	st->part.nrcpt = kept;
}

static void
begin_badmail(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	make_part(st);
	st->badmail = (struct badmail_job){
		.e = &st->part, .fd = m->fd, .reason = badmail_reason_of(st), .details = buf_text(&st->details),
		.done = badmail_done, .arg = st,
	};
	memcpy(st->badmail.id, m->id, sizeof(st->badmail.id));
	badmail_submit(st->settle->badmail, &st->badmail);
}

static void
report_done(void *arg, struct report_job *job)
{
	struct settle_state *st = arg;

	disk_crash_point("settle-reported");
	if (job->error == 0)
		next_stage(st);
	else if (job->error == EINVAL)
		begin_badmail(st);	/* a sender that no envelope can hold */
	else
		put_off(st);
}

static void
begin_report(struct settle_state *st)
{
	struct schedule_message *m = st->m;

	st->stage = STAGE_REPORT;
	if (!may_report(m)) {
		begin_badmail(st);
		return;
	}
	list_recipients(st, OUTCOME_FAILED, NOTIFY_FAILURE);
	if (st->report.count == 0) {
		next_stage(st);
		return;
	}
	st->report.kind = DSN_FAILURE;
	st->report.time_us = st->report.id_us = m->failed_us;
	st->report.done = report_done;
	st->report.arg = st;
	report_submit(st->settle->report, &st->report);
}

/* --- stage: delay report --- */

static void
delay_done(void *arg, struct report_job *job)
{
	struct settle_state *st = arg;

	if (job->error == 0) {
		st->m->delayed = true;
		add_line(st, NOTE_DELAYED, 1, clock_wall_us() / 1000000, "", NULL);
	}
	next_stage(st);
}

static void
begin_delay(struct settle_state *st)
{
	const struct config_server *s = st->settle->server;
	struct schedule_message *m = st->m;
	uint64_t notify = s->delay_notify;

	st->stage = STAGE_DELAY;
	list_recipients(st, OUTCOME_LATER, NOTIFY_DELAY);
	if (st->plan[1].delayed && (!st->plan[0].delayed || s->local_delay_notify < notify))
		notify = s->local_delay_notify;
	st->report.kind = DSN_DELAY;
	st->report.time_us = clock_wall_us();
	st->report.id_us = m->arrived_us + (int64_t)notify * 1000;
	st->report.until_us = m->arrived_us + (int64_t)(st->report.expire == CONFIG_UNLIMITED ? 0 : st->report.expire) * 1000;
	st->report.done = delay_done;
	st->report.arg = st;
	report_submit(st->settle->report, &st->report);
}

/* --- from stage to stage --- */

static void
next_stage(struct settle_state *st)
{
	enum stage stage = st->stage;

	if (stage == STAGE_WRITE && st->failed > 0)
		begin_report(st);
	else if (stage <= STAGE_REPORT && st->delay)
		begin_delay(st);
	else if (stage == STAGE_WRITE || stage == STAGE_CLOSE)
		schedule_settled(st->m);
	else
		begin_close(st);
}

static void
adopt_marks(struct schedule_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->result[i].mark != 0)
			m->e.rcpt[i].mark = m->result[i].mark;
}

static void
stick(struct settle_state *st)
{
	struct settle *t = st->settle;

	log_event(LOG_FAULT, st->m->id, "trouble", "what=settle error=%s", log_safe(strerror(st->error)));
	st->is_stuck = true;
	TAILQ_INSERT_TAIL(&t->stuck, st, link);
	t->nstuck++;
	if (!loop_timer_is_set(t->timer))
		loop_timer_set(t->timer, STUCK_MS);
}

static void
step_done(void *arg, void *job)
{
	struct settle_state *st = job;
	struct schedule_message *m = st->m;

	(void)arg;
	if (st->error != 0 && st->note_failed && st->stage == STAGE_WRITE) {
		take_failures_back(st);
		return;
	}
	if (st->error != 0) {
		stick(st);
		return;
	}
	adopt_marks(m);
	m->gone = st->remove || st->vanished;
	if (st->stage == STAGE_WRITE)
		log_failed(m);
	if (m->gone)
		schedule_settled(m);
	else
		next_stage(st);
}

static void
try_again(void *arg)
{
	struct settle *t = arg;
	struct settle_state *st;

	while ((st = TAILQ_FIRST(&t->stuck)) != NULL) {
		TAILQ_REMOVE(&t->stuck, st, link);
		t->nstuck--;
		st->is_stuck = false;
		submit(st);
	}
}

void
settle_begin(struct settle *t, struct schedule_message *m)
{
	struct settle_state *st = mem_new(struct settle_state);
	int64_t now_us = clock_wall_us();

	m->settle = st;
	st->settle = t;
	st->m = m;
	buf_init(&st->note, MESSAGE_ENVELOPE_MAX);
	make_plans(st, now_us);
	judge(st);
	log_later(st);
	if (m->owed) {
		st->stage = STAGE_WRITE;
		next_stage(st);
	} else if (st->failed == 0 && st->pending == 0) {
		st->stage = STAGE_CLOSE;
		st->remove = true;
		submit(st);
	} else if (st->failed == 0 && st->delivered == 0 && !m->later) {
		schedule_settled(m);	/* nothing was tried */
	} else {
		begin_write(st, now_us);
	}
}

bool
settle_is_stuck(const struct settle *t)
{
	return t->nstuck >= STUCK_MAX;
}

/* --- life --- */

void
settle_state_free(struct settle_state *st)
{
	if (st == NULL)
		return;
	if (st->is_stuck) {
		TAILQ_REMOVE(&st->settle->stuck, st, link);
		st->settle->nstuck--;
	}
	buf_done(&st->note);
	buf_done(&st->details);
	free(st->recipient);
	message_envelope_done(&st->part);
	free(st);
}

struct settle *
settle_new(const struct schedule_setup *setup, struct report *report)
{
	struct settle *t = mem_new(struct settle);

	t->spool = setup->spool;
	t->report = report;
	t->badmail = setup->badmail;
	t->server = setup->server;
	t->timer = loop_timer_new(setup->loop, try_again, t);
	TAILQ_INIT(&t->stuck);
	t->quick = pool_lane_new(setup->pool, QUICK_LANES, QUICK_BATCH, run, step_done, t);
	t->careful = pool_lane_new(setup->pool, CAREFUL_LANES, CAREFUL_BATCH, run, step_done, t);
	return t;
}

void
settle_free(struct settle *t)
{
	if (t == NULL)
		return;
	loop_timer_free(t->timer);
	free(t);
}
