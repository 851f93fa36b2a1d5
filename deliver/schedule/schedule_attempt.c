/*
 * schedule_attempt - one attempt to deliver a message: recipients grouped by destination, sent in portions
 *
 * Runs in:  deliver, on the loop
 * Owns:     the groups and the portions at work; the message's refs of destinations
 * Promise:  each pending recipient ends the attempt with one outcome; no destination waits for another
 * Fails by: nothing; failures are outcomes
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/idn.h"
#include "common/process/counters.h"
#include "common/spool/dropped.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule_private.h"

#define PORTIONS_MAX 16			/* of one message at a time */
#define PORTION_MAX 1000		/* recipients of a portion, when max-recipients is not lower */
#define UNREACHABLE_LOOK 64			/* recipients looked at for one whose destination is down */

static void submit_portion(struct active_message *m, struct schedule_dest *d, size_t *index,
    size_t count, size_t *owned);

/* --- results --- */

/* True: the recipient is sent to its fallback because of this verdict. */
static bool
moves_to_fallback(struct active_message *m, struct active_recipient *r, const struct verdict *v)
{
	if (r->fallback == NULL || r->on_fallback || !route_is_fallback(m->schedule->route, v))
		return false;
	schedule_route_point(m, r, schedule_route_hosts(m, r->fallback));
	r->on_fallback = r->todo = true;
	return true;
}

static void
collect_failure(struct active_message *m, size_t i, const struct verdict *v)
{
	struct active_recipient *r = &m->recipient[i];

	m->unwritten = true;
	if (v->what == VERDICT_LATER)
		r->dest->failure = *v;
	if (moves_to_fallback(m, r, v))
		return;
	r->outcome = v->what == VERDICT_REFUSED ? OUTCOME_FAILED : active_message_later(r);
	r->no_expiry = r->dest->directory && r->outcome == OUTCOME_LATER;
	r->reason = active_message_reason(m, v->code, v->status, v->host, v->text);
}

/* Kept for the report of success, if the sender asked for one; a peer with DSN reports itself. */
static void
note_success(struct active_message *m, size_t i, const struct verdict *v)
{
	m->recipient[i].outcome = OUTCOME_DELIVERED;
	m->unwritten = true;
	if ((m->e.rcpt[i].notify & NOTIFY_SUCCESS) && !v->dsn)
		m->recipient[i].reason = active_message_reason(m, v->code, v->status, v->host, v->text);
}

static void
portion_free(struct schedule_portion *p)
{
	free(p->owned);
	free(p->found);
	free(p);
}

static void
end_portion(struct schedule_portion *p)
{
	struct active_message *m = p->m;
	struct schedule_attempt *a = m->attempt;

	LIST_REMOVE(p, link);
	a->active--;
	p->dest->active--;
	p->dest->probing = false;
	if (p->dest->started > 0 && p->dest->atrn == NULL &&
	    outbound_is_down(m->schedule->set.outbound, p->dest->d.key))
		schedule_dest_stop_backlog(m->schedule->dests, p->dest);
	if (p->dest->parked > 0 && !m->schedule->draining)
		loop_timer_set(m->schedule->timer, 0);
	schedule_dest_check(m->schedule->dests, p->dest);
	portion_free(p);
	schedule_attempt_go_on(m);
}

static bool
is_dns_trouble(const struct verdict *v)
{
	return v->what == VERDICT_LATER && v->code == 0 && strcmp(v->status, "4.4.3") == 0;
}

/* Not begun because the process ends: the verdict is none of the peer. */
static bool
is_put_back(const struct active_message *m, const struct verdict *v)
{
	return m->schedule->draining && v->code == 0 && strcmp(v->status, "4.3.2") == 0;
}

static void
tell_delivered(const struct active_message *m, const char *recipient, const struct verdict *v,
    const struct outbound_job *job)
{
	const char *domain = schedule_sign_domain(m);

	log_event(LOG_FACT, m->id, "delivered", "recipient=%s host=%s status=%s reply=%s tls=%s verified=%s"
	    "%s%s", log_safe(recipient), log_value(v->host), v->status,
	    log_safe(verdict_words(v->status, v->text)), job->tls, job->verified,
	    domain != NULL ? " signed=" : "", domain != NULL ? log_value(domain) : "");
}

/* The verdicts up to number `end` become outcomes. */
static void
take_verdicts(struct schedule_portion *p, const struct outbound_job *job, size_t end)
{
	struct active_message *m = p->m;

	for (; p->taken < end; p->taken++) {
		const struct verdict *v = &p->verdict[p->taken];
		size_t i = p->index[p->taken];

		if (v->what == VERDICT_DELIVERED) {
			note_success(m, i, v);
			measures_observe(counters_measures(m->schedule->set.counters),
			    clock_wall_us() - m->arrived_us);
			result_mark_delivered(m, i);
			m->recipient[i].delivery = DELIVERY_RELAYED;
			tell_delivered(m, m->e.rcpt[i].address, v, job);
		} else if (!is_put_back(m, v)) {
			collect_failure(m, i, v);
			m->recipient[i].rest = job->rest;
			m->recipient[i].paused = job->paused;
			m->recipient[i].progress = job->list.progress &&
			    m->recipient[i].outcome == OUTCOME_LATER;
			m->progress |= m->recipient[i].progress;
		}
	}
}

static void
on_outbound_taken(void *arg, size_t i)
{
	result_mark_delivered(((const struct schedule_portion *)arg)->m, i);
}

static void
on_outbound_heard(void *arg, struct outbound_job *job)
{
	struct schedule_portion *p = arg;

	take_verdicts(p, job, job->list.settled);
	if (p->m->unwritten && p->m->offer == NULL)
		result_early_soon(p->m->schedule->result, p->m);
}

static void
on_outbound_done(void *arg, struct outbound_job *job)
{
	struct schedule_portion *p = arg;
	struct active_message *m = p->m;

	take_verdicts(p, job, p->count);
	m->glitch |= job->glitch;
	if (!job->glitch && job->rest == 0 && !job->paused && !is_dns_trouble(&p->verdict[p->count - 1]) &&
	    !outbound_is_down(m->schedule->set.outbound, p->dest->d.key))
		schedule_recover_back(m->schedule->recover, p->dest);
	end_portion(p);
}

/* The process after this one tries again: who asked for the attempt is told that it had no outcome. */
static void
on_outbound_cut(void *arg, const struct outbound_job *job, const char *host, const char *why)
{
	const struct schedule_portion *p = arg;

	for (size_t k = job->list.settled; k < p->count; k++)
		log_event(LOG_FACT, p->m->id, "cut", "recipient=%s host=%s reason=%s",
		    log_safe(p->m->e.rcpt[p->index[k]].address), log_safe(host), log_safe(why));
}

static void
on_drop_done(void *arg, struct drop_job *job)
{
	struct schedule_portion *p = arg;
	struct active_message *m = p->m;
	bool good = job->verdict.what == VERDICT_DELIVERED;

	if (good)
		dropped_count(m->schedule->set.counters, m->id, p->count);
	for (size_t k = 0; k < p->count; k++) {
		size_t i = p->index[k];

		if (good) {
			note_success(m, i, &job->verdict);
			dropped_tell(m->id, m->e.rcpt[i].address, job->file);
		} else {
			collect_failure(m, i, &job->verdict);
			m->undropped |= job->verdict.what == VERDICT_LATER;
		}
	}
	end_portion(p);
}

static void
note_expanded(struct active_message *m, size_t i, const struct expand_recipient *found)
{
	m->recipient[i].outcome = OUTCOME_DELIVERED;
	if (found->copies > 1 && (m->e.rcpt[i].notify & NOTIFY_SUCCESS)) {
		m->recipient[i].delivery = DELIVERY_EXPANDED;
		m->recipient[i].reason = active_message_reason(m, 0, found->verdict.status, "",
		    found->verdict.text);
	}
}

/* Final addresses go to the drop folder at once, whatever else of the message is under way. */
static void
on_expand_done(void *arg, struct expand_job *job)
{
	struct schedule_portion *p = arg;
	struct active_message *m = p->m;
	size_t *mine = mem_array(NULL, p->count, sizeof(*mine)), n = 0;

	for (size_t k = 0; k < job->count; k++) {
		const struct expand_recipient *found = &job->out[k];
		size_t i = p->index[k];

		if (is_put_back(m, &found->verdict))
			continue;
		m->glitch |= found->verdict.what == VERDICT_LATER;
		if (found->verdict.what != VERDICT_DELIVERED) {
			collect_failure(m, i, &found->verdict);
		} else if (found->copies > 0) {
			note_expanded(m, i, found);
		} else if (!m->schedule->draining) {
			schedule_route_point(m, &m->recipient[i], m->schedule->local);
			mine[n++] = i;
		}
	}
	if (n > 0)
		submit_portion(m, m->schedule->local, mine, n, mine);
	else
		free(mine);
	end_portion(p);
}

/* --- sending --- */

/* Counts the message among those at work, once. */
static void
count_message(struct active_message *m, bool local)
{
	m->schedule->counted[local] += !m->counted[local];
	m->counted[local] = true;
}

static const struct destination *
destination_of(const struct schedule_dest *d)
{
	return d->atrn != NULL ? d->atrn : &d->d;
}

static void
submit_outbound(struct schedule_portion *p)
{
	schedule_sign_fill(p->m, &p->outbound);
	outbound_submit(p->m->schedule->set.outbound, p->to, &p->outbound);
}

/* The host that asked for its mail has gone meanwhile. */
static void
end_unsent(struct schedule_portion *p)
{
	for (size_t i = 0; i < p->count; i++)
		verdict_set(&p->verdict[i], VERDICT_LATER, "4.4.2", "the connection has ended");
	p->outbound.glitch = true;
	on_outbound_done(p, &p->outbound);
}

/* The message is signed: its portions go. With the last one that cannot the message may be gone. */
static void
submit_signed(struct active_message *m)
{
	struct schedule_portion *p, *next;

	LIST_FOREACH_SAFE(p, &m->attempt->portions, link, next) {
		if (!p->unsigned_yet)
			continue;
		p->unsigned_yet = false;
		if (p->to == destination_of(p->dest))
			submit_outbound(p);
		else
			end_unsent(p);
	}
}

/* When a remote message is returned; 0: never. */
static int64_t
expiry_of(const struct active_message *m)
{
	uint64_t expire = m->schedule->set.server->expire;

	return expire == CONFIG_UNLIMITED ? 0 : m->arrived_us + (int64_t)expire * 1000;
}

/* `owned`: `index`, when it is to be freed with the portion; else NULL. */
static void
submit_portion(struct active_message *m, struct schedule_dest *d, size_t *index, size_t count,
    size_t *owned)
{
	struct schedule_attempt *a = m->attempt;
	struct schedule *s = m->schedule;
	struct schedule_portion *p = mem_zalloc(sizeof(*p) + (d->local ? 0 : count * sizeof(p->verdict[0])));

	p->m = m;
	p->dest = d;
	p->index = index;
	p->count = count;
	p->owned = owned;
	LIST_INSERT_HEAD(&a->portions, p, link);
	a->active++;
	d->active++;
	count_message(m, d->local);
	if (m->attempts + m->quick > 0)
		counters_add(s->set.counters, COUNTER_RETRIES, 1);
	if (d->local) {
		p->drop = (struct drop_job){ .e = &m->e, .fd = m->fd, .index = index, .count = count,
		    .done = on_drop_done, .arg = p };
		drop_submit(s->drop, &p->drop);
	} else if (d->directory) {
		p->found = mem_zalloc(count * sizeof(*p->found));
		p->expand = (struct expand_job){ .e = &m->e, .fd = m->fd, .index = index,
			.count = count, .out = p->found, .done = on_expand_done, .arg = p };
		expand_submit(s->set.expand, &p->expand);
	} else {
		p->to = destination_of(d);
		p->outbound = (struct outbound_job){
			.e = &m->e, .fd = m->fd, .sender = schedule_sender_outgoing(m),
			.index = index,
			.content = m->whole.len > 0 ? m->whole.data + m->e.content_at : NULL,
			.count = count, .verdict = p->verdict, .careful = m->attempts + m->quick > 0,
			.until_us = expiry_of(m),
			.taken = on_outbound_taken, .heard = on_outbound_heard,
			.done = on_outbound_done, .cut = on_outbound_cut, .arg = p,
		};
		p->unsigned_yet = !schedule_sign_begin(m, submit_signed);
		if (!p->unsigned_yet)
			submit_outbound(p);
	}
}

/* The rest of the group waits, or goes to its fallback: with the last one the destination may be freed. */
static void
pass_over(struct active_message *m, const struct group *g, enum schedule_gate gate, uint64_t rest,
    const struct verdict *why)
{
	struct schedule_attempt *a = m->attempt;
	struct verdict v = gate == GATE_PARK ? g->dest->failure : *why, sender;
	bool directory = g->dest->directory || (gate != GATE_PARK && schedule_sender_waits(m, &sender));

	if (v.status[0] == '\0')
		verdict_set(&v, VERDICT_LATER, "4.4.1", "the destination is down");
	for (size_t k = a->offset; k < g->count; k++) {
		struct active_recipient *r = &m->recipient[a->order[g->first + k]];

		if (gate != GATE_PARK && moves_to_fallback(m, r, &v))
			continue;
		/* a backlog does not wait for a place of its fallback */
		r->outcome = gate == GATE_PARK && !(r->etrn && r->on_fallback) ?
		    OUTCOME_PARKED : active_message_later(r);
		r->no_expiry = directory;
		r->rest = gate == GATE_REST ? rest : 0;
		r->paused = gate == GATE_PAUSED;
		if (gate != GATE_PARK)
			r->reason = active_message_reason(m, v.code, v.status, v.host, v.text);
	}
	m->glitch |= gate == GATE_DEFER;
	a->offset = g->count;
}

/* Sends the next portion of the present group, or passes the group over. */
static void
send_one(struct active_message *m)
{
	struct schedule_attempt *a = m->attempt;
	const struct group *g = &a->group[a->group_at];
	uint64_t limit = m->schedule->set.server->max_recipients;
	size_t count = g->count - a->offset;
	struct verdict why;
	uint64_t rest = 0;
	enum schedule_gate gate = schedule_gate(m, g->dest, &rest, &why);

	if (gate == GATE_SEND && !g->dest->local && !g->dest->directory && schedule_sender_waits(m, &why))
		gate = GATE_DEFER;
	if (limit > PORTION_MAX)
		limit = PORTION_MAX;
	if (gate != GATE_SEND) {
		pass_over(m, g, gate, rest, &why);
	} else {
		if (!g->dest->local && count > limit)
			count = (size_t)limit;
		submit_portion(m, g->dest, a->order + g->first + a->offset, count, NULL);
		a->offset += count;
	}
	if (a->offset == g->count) {
		a->group_at++;
		a->offset = 0;
	}
}

/* Recipients that move to their fallback make new groups once the first portions are all back. */
void
schedule_attempt_go_on(struct active_message *m)
{
	struct schedule_attempt *a = m->attempt;

	do {
		while (a->group_at < a->ngroup && a->active < PORTIONS_MAX)
			send_one(m);
		if (a->active > 0 && m->unwritten && m->offer == NULL)
			result_early_soon(m->schedule->result, m);
		if (a->active > 0)
			return;
	} while (schedule_group_make(m));
	if (m->offer != NULL)
		m->offer->attempt_over(m);
	else
		result_begin(m->schedule->result, m);
}

/* Only for a cause that is not this message: no connection, no answer of the DNS, or a host that rests. */
struct schedule_dest *
schedule_attempt_unreachable(const struct active_message *m)
{
	struct verdict why;

	if (m->attempt != NULL && schedule_sender_waits(m, &why))
		return NULL;
	for (size_t i = 0; m->recipient != NULL && i < m->e.nrcpt && i < UNREACHABLE_LOOK; i++) {
		const struct active_recipient *r = &m->recipient[i];

		if (r->outcome == OUTCOME_LATER && r->dest != NULL && !r->local &&
		    (r->rest > 0 || outbound_is_down(m->schedule->set.outbound, r->dest->d.key) ||
		    (r->reason->code == 0 && strcmp(r->reason->status, "4.4.3") == 0)))
			return r->dest;
	}
	return NULL;
}

void
schedule_attempt_begin(struct active_message *m)
{
	active_message_enter(m, ACTIVE_SENDING);
	m->attempt = mem_new(struct schedule_attempt);
	LIST_INIT(&m->attempt->portions);
	schedule_route(m);
	if (m->offer != NULL && !schedule_unstored_is_fit(m))
		m->offer->attempt_over(m);
	else if (schedule_sender_is_wanted(m))
		schedule_sender_ask(m, schedule_attempt_go_on);
	else
		schedule_attempt_go_on(m);
}

void
schedule_attempt_free(struct active_message *m)
{
	struct schedule_attempt *a = m->attempt;
	struct schedule_dests *t = m->schedule->dests;
	struct schedule_portion *p;

	while (a != NULL && (p = LIST_FIRST(&a->portions)) != NULL) {
		LIST_REMOVE(p, link);
		p->dest->active--;
		portion_free(p);
	}
	for (size_t i = 0; m->recipient != NULL && i < m->e.nrcpt; i++) {
		struct schedule_dest *d = m->recipient[i].dest;

		if (d != NULL && --d->refs == 0)
			schedule_dest_check(t, d);
	}
	if (m->only != NULL && --m->only->refs == 0)
		schedule_dest_check(t, m->only);
	if (a == NULL)
		return;
	free(a->group);
	free(a->order);
	schedule_sender_free(a);
	free(a);
}
