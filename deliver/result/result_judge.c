/*
 * result_judge - what became of each recipient: over, deferred until when, in the backlog, or out of time
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing beyond the result_state of the message
 * Promise:  a message is due when the first of its deferred recipients is; the time that a peer asked for
 *           counts for its own recipients alone
 * Fails by: nothing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/config/config.h"
#include "common/mail/verdict.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"

static unsigned
random_jitter(void)
{
	return chance_below(1001);
}

/*
 * The times of a retry, for remote and for local recipients. A clock that jumps ahead for a moment does not
 * make all mail too old: as long as that is not sure, less counts.
 */
static void
make_plans(struct result_state *st, int64_t now_us)
{
	struct active_message *m = st->m;
	int64_t sure_us = now_us - clock_steps_take(&st->result->clock, now_us, clock_mono_ms());

	st->at = (struct retry_case){
		.age = sure_us > m->arrived_us ? (uint64_t)(sure_us - m->arrived_us) / 1000 : 0,
		.attempts = m->progress ? 0 : m->attempts, .quick = m->progress ? 0 : m->quick,
		.glitch = m->glitch, .jitter = random_jitter(),
	};
	for (size_t local = 0; local < 2; local++) {
		st->at.local = local == 1;
		st->plan[local] = retry_decide(st->result->set.server, &st->at);
	}
}

bool
result_judge_wants(const struct message_recipient *r, unsigned notify)
{
	return r->notify == 0 || (r->notify & notify) != 0;
}

bool
result_judge_may_report(const struct active_message *m)
{
	return *m->e.sender != '\0' && (m->e.flags & MESSAGE_REPORT) == 0;
}

/* No delay report about the recipient is to come. */
static bool
is_reported(const struct active_message *m, size_t i)
{
	return m->delayed || !result_judge_may_report(m) || !result_judge_wants(&m->e.rcpt[i], NOTIFY_DELAY);
}

/* When the recipient is to be tried again; its peer may have named a time. */
static struct retry_plan
plan_of(const struct result_state *st, size_t i)
{
	const struct active_recipient *r = &st->m->recipient[i];
	struct retry_case c = st->at;
	struct retry_plan plan = st->plan[r->local];

	if (r->paused) {
		plan.after = retry_backlog(st->result->set.server, c.age, r->local, is_reported(st->m, i));
		return plan;
	}
	c.local = r->local;
	if (r->rest > 0) {
		plan.after = retry_rest(st->result->set.server, &c, r->rest);
		return plan;
	}
	c.no_expiry = r->no_expiry || r->progress;
	c.hint = r->reason->code / 100 == 4 ? retry_hint(r->reason->text) : 0;
	return c.hint == 0 && !c.no_expiry ? plan : retry_decide(st->result->set.server, &c);
}

static void
judge_later(struct result_state *st, size_t i)
{
	struct active_message *m = st->m;
	struct active_recipient *r = &m->recipient[i];
	struct retry_plan plan = plan_of(st, i);

	if (plan.expired) {
		r->outcome = OUTCOME_FAILED;
		r->expired = true;
		return;
	}
	if (!m->deferred || plan.after < m->deferred_ms)
		m->deferred_ms = plan.after;
	m->deferred = true;
	st->delay |= plan.delayed && !is_reported(m, i);
}

/* A recipient in the backlog is not tried until its host asks, but expires like any other. */
static void
judge_backlog(struct result_state *st, size_t i)
{
	struct active_message *m = st->m;
	struct active_recipient *r = &m->recipient[i];
	bool reported = is_reported(m, i);
	uint64_t after;

	if (r->reason == NULL && (st->plan[0].expired || st->plan[0].delayed))
		r->reason = active_message_reason(m, 0, "4.4.7", "",
		    "held until its host asks for it, which it has not done");
	if (st->plan[0].expired) {
		r->outcome = OUTCOME_FAILED;
		r->expired = true;
		return;
	}
	st->delay |= st->plan[0].delayed && !reported;
	after = retry_backlog(st->result->set.server, st->at.age, false, reported);
	if (!m->backlog || after < m->backlog_ms)
		m->backlog_ms = after;
	m->backlog = true;
}

static void
count_outcomes(struct result_state *st)
{
	struct active_message *m = st->m;
	size_t paused = 0;

	for (size_t i = 0; i < m->e.nrcpt; i++) {
		struct active_recipient *r = &m->recipient[i];

		if (r->outcome == OUTCOME_LATER)
			judge_later(st, i);
		else if (r->outcome == OUTCOME_BACKLOG)
			judge_backlog(st, i);
		if (r->outcome == OUTCOME_DELIVERED || r->outcome == OUTCOME_DELETED)
			st->delivered++;
		else if (r->outcome == OUTCOME_FAILED)
			st->failed++;
		else if (m->e.rcpt[i].mark == MARK_PENDING) {
			st->pending++;
			paused += r->paused;
		}
	}
	m->paused |= paused > 0;
	m->all_paused = paused > 0 && paused == st->pending;
}

const char *
result_judge_status(const struct active_recipient *r)
{
	return r->expired ? "4.4.7" : r->reason->status;
}

/* What the event says of a reason besides its status. */
static const char *
words_of(const struct active_recipient *r)
{
	return log_safe(verdict_words(result_judge_status(r), r->reason->text));
}

static void
log_later(const struct result_state *st)
{
	const struct active_message *m = st->m;

	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (r->outcome == OUTCOME_LATER)
			log_event(LOG_FACT, m->id, "deferred",
			    "recipient=%s status=%s reason=%s host=%s next=%llu",
			    log_safe(m->e.rcpt[i].address), r->reason->status, words_of(r),
			    log_value(r->reason->host), (unsigned long long)((m->deferred_ms + 500) / 1000));
		else if (r->outcome == OUTCOME_BACKLOG && r->reason != NULL)
			log_event(LOG_FACT, m->id, "kept", "recipient=%s status=%s reason=%s host=%s",
			    log_safe(m->e.rcpt[i].address),
			    r->reason->status, words_of(r), log_value(r->reason->host));
	}
}

void
result_judge_log_failed(const struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->recipient[i].outcome == OUTCOME_FAILED)
			log_event(LOG_WARN, m->id, m->recipient[i].expired ? "expired" : "failed",
			    "recipient=%s status=%s reason=%s host=%s",
			    log_safe(m->e.rcpt[i].address), result_judge_status(&m->recipient[i]),
			    words_of(&m->recipient[i]), log_value(m->recipient[i].reason->host));
}

void
result_judge(struct result_state *st, int64_t now_us)
{
	make_plans(st, now_us);
	count_outcomes(st);
	log_later(st);
}
