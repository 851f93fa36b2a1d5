/*
 * result_report - reports of success, failure and delay, or badmail when there is no sender to tell
 *
 * Runs in:  deliver, on the loop
 * Owns:     the lists in the result_state that a report or badmail is made from
 * Promise:  a null sender and our own reports never cause a report; all that failed together is one report
 * Fails by: the failures stay marked as owed: their report is made when the message is loaded again
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/mail/refused_words.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"

#define DETAILS_MAX (1U << 20)

/* A recipient in the backlog is delayed too. */
static bool
is_of(const struct active_recipient *r, enum active_outcome outcome)
{
	return r->outcome == outcome || (outcome == OUTCOME_LATER && r->outcome == OUTCOME_BACKLOG);
}

/* Fills the list with the recipients of one outcome whose NOTIFY asks for this report. */
static void
list_recipients(struct result_state *st, enum active_outcome outcome, unsigned notify)
{
	struct active_message *m = st->m;
	struct report_job *job = &st->report;

	free(st->recipient);
	st->recipient = mem_array(NULL, m->e.nrcpt, sizeof(*st->recipient));
	*job = (struct report_job){ .e = &m->e, .fd = m->fd, .recipient = st->recipient, .first = SIZE_MAX,
	    .arrived_us = m->arrived_us };
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (!is_of(r, outcome))
			continue;
		if (job->first == SIZE_MAX)
			job->first = i;
		if (job->expire == 0 || r->expired)
			job->expire = r->local ? st->result->set.server->local_expire :
			    st->result->set.server->expire;
		if (!result_judge_wants(&m->e.rcpt[i], notify) ||
		    (outcome == OUTCOME_LATER && !st->plan[r->local].delayed))
			continue;
		st->recipient[job->count++] = (struct dsn_recipient){
			.address = m->e.rcpt[i].address, .orcpt = m->e.rcpt[i].orcpt,
			.status = result_judge_status(r),
			.code = r->reason->code, .host = r->reason->host, .text = r->reason->text,
		};
	}
}

/* --- success: reported before it is marked; a crash between the two repeats delivery and report --- */

static enum dsn_kind
kind_of(const struct active_recipient *r)
{
	return r->delivery == DELIVERY_EXPANDED ? DSN_EXPANDED :
	    r->delivery == DELIVERY_RELAYED ? DSN_RELAYED : DSN_DELIVERED;
}

/* True: there are recipients whose success of this kind is to be reported. */
static bool
list_success(struct result_state *st, enum dsn_kind kind)
{
	struct active_message *m = st->m;
	struct report_job *job = &st->report;

	*job = (struct report_job){ .e = &m->e, .fd = m->fd, .arrived_us = m->arrived_us };
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (r->outcome != OUTCOME_DELIVERED || r->reason == NULL || kind_of(r) != kind)
			continue;
		if (job->count == 0) {
			free(st->recipient);
			st->recipient = mem_array(NULL, m->e.nrcpt, sizeof(*st->recipient));
			job->first = i;
		}
		st->recipient[job->count++] = (struct dsn_recipient){
			.address = m->e.rcpt[i].address, .orcpt = m->e.rcpt[i].orcpt,
			.status = r->reason->status,
			.code = r->reason->code, .host = r->reason->host, .text = r->reason->text,
		};
	}
	job->recipient = st->recipient;
	return job->count > 0;
}

static void report_success(struct result_state *st, enum dsn_kind kind);

/*
 * On a full disk the report is tried again until it is queued. EINVAL: no envelope can hold the sender; no
 * report.
 */
static void
success_done(void *arg, struct report_job *job)
{
	struct result_state *st = arg;

	disk_crash_point("settle-told");
	if (job->error != 0 && job->error != EINVAL)
		result_stick(st, job->error);
	else
		report_success(st, job->kind + 1);
}

static void
report_success(struct result_state *st, enum dsn_kind kind)
{
	while (kind <= DSN_EXPANDED && !list_success(st, kind))
		kind++;
	if (kind > DSN_EXPANDED) {
		result_write(st);
		return;
	}
	st->report.kind = kind;
	st->report.time_us = st->report.id_us = clock_wall_us();
	st->report.done = success_done;
	st->report.arg = st;
	report_submit(st->result->set.report, &st->report);
}

void
result_report_success(struct result_state *st)
{
	st->stage = RESULT_SUCCESS;
	report_success(st, DSN_DELIVERED);
}

/* The marks say that the report is owed: the next loading finds it. */
static void
defer_report(struct result_state *st)
{
	st->failed = 0;
	st->delay = false;
	st->pending = 1;
	for (size_t i = 0; i < st->m->e.nrcpt; i++)
		if (st->m->recipient[i].outcome == OUTCOME_FAILED)
			st->m->recipient[i].outcome = OUTCOME_NONE;
	st->m->deferred = true;
	st->m->deferred_ms = active_message_trouble(st->m);
	result_close(st);
}

static void
badmail_done(void *arg, struct badmail_job *job)
{
	struct result_state *st = arg;

	disk_crash_point("settle-reported");
	if (job->error == 0)
		result_next(st);
	else
		defer_report(st);
}

static enum badmail_reason
badmail_reason_of(const struct result_state *st)
{
	const struct active_message *m = st->m;

	if ((m->e.flags & MESSAGE_REPORT) != 0)
		return BADMAIL_NDR;
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_FAILED &&
		    strcmp(m->recipient[i].reason->status, "5.4.6") == 0)
			return BADMAIL_HOPS;
	return BADMAIL_NULL_SENDER;
}

static bool
is_member(const struct message_recipient *r)
{
	char status[REFUSED_WORDS_STATUS];
	const char *words;

	return r->member != NULL ||
	    (r->refused != NULL && !refused_words_by_filter(r->refused, status, &words));
}

/* Some failed recipient is a member of a group, which may stand for others that have the message. */
static bool
members_failed(const struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_FAILED && is_member(&m->e.rcpt[i]))
			return true;
	return false;
}

/*
 * The envelope with the failed recipients, all pending, and in `details` why each failed. Beside members of
 * groups the others stay, marked as delivered: an operator who puts the message back means none of them.
 */
static void
make_part(struct result_state *st)
{
	struct active_message *m = st->m;
	bool all = members_failed(m);
	size_t n = 0;

	message_envelope_copy(&st->part, &m->e);
	memcpy(st->part.id, m->id, sizeof(st->part.id));
	st->part.content_at = m->e.content_at;
	st->part.content_size = m->e.content_size;
	buf_init(&st->details, DETAILS_MAX);
	for (size_t i = 0; i < st->part.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (r->outcome != OUTCOME_FAILED && all) {
			st->part.rcpt[n] = st->part.rcpt[i];
			st->part.rcpt[n++].mark = MARK_DELIVERED;
			continue;
		}
		if (r->outcome != OUTCOME_FAILED) {
			free(st->part.rcpt[i].address);
			free(st->part.rcpt[i].orcpt);
			free(st->part.rcpt[i].member);
			free(st->part.rcpt[i].refused);
			continue;
		}
		buf_printf(&st->details, "%s<%s>: %s %s%s%s", st->details.len == 0 ? "" : "\r\n\t",
		    m->e.rcpt[i].address, result_judge_status(r), r->reason->host,
		    *r->reason->host == '\0' ? "" : ": ", r->reason->text);
		st->part.rcpt[n] = st->part.rcpt[i];
		st->part.rcpt[n++].mark = MARK_PENDING;
	}
	st->part.nrcpt = n;
}

static void
begin_badmail(struct result_state *st)
{
	struct active_message *m = st->m;

	make_part(st);
	st->badmail = (struct badmail_job){
		.e = &st->part, .fd = m->fd, .reason = badmail_reason_of(st),
		.details = buf_text(&st->details), .done = badmail_done, .arg = st,
	};
	memcpy(st->badmail.id, m->id, sizeof(st->badmail.id));
	badmail_submit(st->result->set.badmail, &st->badmail);
}

static void
report_done(void *arg, struct report_job *job)
{
	struct result_state *st = arg;

	disk_crash_point("settle-reported");
	if (job->error == 0)
		result_next(st);
	else if (job->error == EINVAL)
		begin_badmail(st);	/* no envelope can hold the sender */
	else
		defer_report(st);
}

void
result_report_failures(struct result_state *st)
{
	struct active_message *m = st->m;

	st->stage = RESULT_REPORT;
	if (!result_judge_may_report(m)) {
		begin_badmail(st);
		return;
	}
	list_recipients(st, OUTCOME_FAILED, NOTIFY_FAILURE);
	if (st->report.count == 0) {
		result_next(st);
		return;
	}
	st->report.kind = DSN_FAILURE;
	st->report.time_us = st->report.id_us = m->failed_us;
	st->report.done = report_done;
	st->report.arg = st;
	report_submit(st->result->set.report, &st->report);
}

/* --- delay --- */

static void
delay_done(void *arg, struct report_job *job)
{
	struct result_state *st = arg;

	if (job->error == 0) {
		st->m->delayed = true;
		result_add_line(st->m, &st->note, NOTE_DELAYED, 1, clock_wall_us() / 1000000, "", NULL);
	}
	result_next(st);
}

void
result_report_delay(struct result_state *st)
{
	const struct config_server *s = st->result->set.server;
	struct active_message *m = st->m;
	uint64_t notify = s->delay_notify;

	st->stage = RESULT_DELAY;
	list_recipients(st, OUTCOME_LATER, NOTIFY_DELAY);
	if (st->plan[1].delayed && (!st->plan[0].delayed || s->local_delay_notify < notify))
		notify = s->local_delay_notify;
	st->report.kind = DSN_DELAY;
	st->report.time_us = clock_wall_us();
	st->report.id_us = m->arrived_us + (int64_t)notify * 1000;
	st->report.until_us = m->arrived_us + (int64_t)(st->report.expire == CONFIG_UNLIMITED ? 0 :
	    st->report.expire) * 1000;
	st->report.done = delay_done;
	st->report.arg = st;
	report_submit(st->result->set.report, &st->report);
}

