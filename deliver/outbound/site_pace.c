/*
 * site_pace - what a connection or a transaction tells about its host, and what that means for the mail
 *
 * Runs in:  deliver
 * Owns:     nothing; what is learnt is in pace_host
 * Promise:  while a host works, what it says to one more connection is no verdict and no attempt; what we
 *           lack is no word of a host. A host that asks us to slow down gets no mail while it rests, and no
 *           message pays for that with an attempt. One that ends connections in words at a further recipient
 *           gets fewer at a time. A message that ends connections which had worked is no longer carried from
 *           one to the next
 * Fails by: cannot
 */
#include <string.h>
#include <sys/param.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/config/config.h"
#include "common/mail/message.h"
#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

#define GRACE_MS 10000		/* what has worked works for so long */
#define LOST_MAX 3		/* connections that may end under one job */
#define REFUSED_MAX 20		/* the same when all say 5yz in words about the connection */
#define TURN_MS 100U		/* until it is looked again whether another site has had its turn */
#define REST_FIRST_MS 60000U
#define REST_LONGEST_MS 1800000U

/* --- what is learnt --- */

/* Not longer than the table of retries: a short table means that mail is to be tried soon. */
struct pace_rests
site_pace_rests(const struct config_server *server)
{
	const struct config_times *table = &server->retry;
	struct pace_rests r = { REST_FIRST_MS, REST_LONGEST_MS };

	if (table->count == 0)
		return r;
	r.first = MIN(r.first, table->ms[0]);
	for (size_t i = 0; i < table->count; i++)
		r.longest = i == 0 || table->ms[i] > r.longest ? table->ms[i] : r.longest;
	r.longest = MIN(r.longest, REST_LONGEST_MS);
	return r;
}

static void
begin_rest(const struct site *s, const struct outconn *p, const struct verdict *why, uint64_t now)
{
	bool rested = pace_host_rest(p->pace, now) > 0;
	uint64_t rest;

	pace_host_pushed(p->pace, why, site_pace_rests(s->o->server), now);
	rest = pace_host_rest(p->pace, now);
	if (!rested)
		log_event(LOG_WARN, NULL, "trouble",
		    "what=host-rests host=%s seconds=%llu status=%s reason=%s", log_safe(p->where),
		    (unsigned long long)(rest + 999) / 1000, why->status,
		    log_safe(verdict_words(why->status, why->text)));
	if (pace_word_of(why) != PACE_SLOWER)
		return;
	counters_add(s->o->counters, COUNTER_OUTBOUND_SLOWED, 1);
	if (pace_gate_slow(p->gate, why, rest, now))
		log_event(LOG_FACT, NULL, "service", "what=host-rate host=%s rate=%llu status=%s",
		    log_safe(p->gate->host), (unsigned long long)pace_rate_limit(&p->gate->rate),
		    why->status);
}

/* Its limits may have risen. */
static void
note_taken(const struct outconn *p, uint64_t now)
{
	bool learnt = p->gate->rate.learnt != CONFIG_UNLIMITED;

	if (pace_gate_taken(p->gate, now) && learnt && p->gate->rate.learnt == CONFIG_UNLIMITED)
		log_event(LOG_FACT, NULL, "service", "what=host-rate host=%s rate=unlimited status=2.0.0",
		    log_safe(p->gate->host));
}

/* One connection was refused while others work. `self`: it is still counted. */
static void
cut_one(const struct site *s, const struct outconn *p, const struct verdict *why, uint64_t now)
{
	counters_add(s->o->counters,
	    why->code != 0 ? COUNTER_OUTBOUND_REFUSED : COUNTER_CONNECTION_ERRORS, 1);
	if (pace_host_cut(p->pace, true, now))
		log_event(LOG_FACT, NULL, "service",
		    "what=host-limit host=%s connections=%zu status=%s reason=%s", log_safe(p->where),
		    p->pace->cap, why->status, log_safe(verdict_words(why->status, why->text)));
}

/* --- a connection that was not let in --- */

void
site_pace_is_good(struct site *s, const struct outconn *p, uint64_t now)
{
	size_t index = site_hosts_index(s, p);

	if (index == s->list.count)
		return;
	s->host[index].good_at = now;
	s->host[index].unfit_until = 0;
	if (p->tls != NULL)
		s->host[index].secure_at = now;
}

/* Another connection of this site to the host is open, or one was a moment ago; `tls`: under TLS. */
static bool
is_good(const struct site *s, const struct outconn *than, bool tls, uint64_t now)
{
	size_t index = site_hosts_index(s, than);
	uint64_t then = index == s->list.count ? 0 : tls ? s->host[index].secure_at : s->host[index].good_at;
	const struct outconn *p;

	if (then != 0 && now < then + GRACE_MS)
		return true;
	TAILQ_FOREACH(p, &s->conns, link)
		if (p != than && p->pace == than->pace && p->state >= OUTCONN_OPEN &&
		    (!tls || p->tls != NULL))
			return true;
	return false;
}

bool
site_pace_works(const struct outconn *p, bool self_open, uint64_t now)
{
	return p->ignored || pace_host_works(p->pace, self_open, now);
}

bool
site_pace_is_cut(struct site *s, struct outconn *p)
{
	const struct client *c = &p->client;
	uint64_t now = clock_mono_ms();

	if (p->pace == NULL || c->phase != CLIENT_OVER || c->ours || !site_pace_works(p, false, now) ||
	    pace_word_names_rate(&c->failure))
		return false;
	/* what works without TLS, or for another account, tells nothing about this failure */
	if (c->security != CLIENT_IN_CLEAR && c->security != CLIENT_SECURED && !is_good(s, p, true, now))
		return false;
	if (client_is_unfit(c) && !is_good(s, p, c->opening != CLIENT_DENIED, now))
		return false;
	cut_one(s, p, &c->failure, now);
	if (site_hosts_index(s, p) < s->list.count)
		p->pace->heir = s;	/* it keeps its turn */
	return true;
}

bool
site_pace_is_rest(struct site *s, const struct outconn *p)
{
	const struct client *c = &p->client;
	uint64_t now = clock_mono_ms();

	if (p->pace == NULL || c->phase != CLIENT_OVER || c->ours)
		return false;
	if (pace_word_of(&c->failure) != PACE_SLOWER || c->failure.what != VERDICT_LATER) {
		if (client_is_unfit(c))
			site_health_unfit(s, site_hosts_index(s, p), now);
		else {
			site_gate_failed(p);
			pace_host_failed(p->pace, now);
		}
		return false;
	}
	counters_add(s->o->counters, COUNTER_OUTBOUND_REFUSED, 1);
	begin_rest(s, p, &c->failure, now);
	return true;
}

/* --- a transaction --- */

/* What refused all of its part; NULL: some recipient was taken, or nothing was said. */
static const struct verdict *
refusal_of(const struct outconn *p, const struct outbound_job *job, enum client_fate fate)
{
	const struct verdict *part = &job->verdict[job->list.settled], *first = part;

	if (fate == CLIENT_LOST)
		return &p->client.failure;
	for (size_t i = 0; i < job->list.part; i++) {
		const struct verdict *v = &part[i];

		if (v->what == VERDICT_DELIVERED)
			return NULL;
		if (first->what == VERDICT_REFUSED && v->what == VERDICT_LATER)
			first = v;
	}
	return first;
}

static enum pace_word
word_of(struct outconn *p, const struct outbound_job *job, const struct verdict *v)
{
	bool at_mail = p->client.mail_refused;
	enum pace_word word = pace_word_of(v);

	/* a recipient's refusal for good is no matter of the connection */
	if (v->what == VERDICT_REFUSED && !at_mail)
		return PACE_MAIL;
	if (word == PACE_MAIL && at_mail && pace_word_may_be_about_us(v) &&
	    pace_host_refused(p->pace, job->sender))
		return PACE_SLOWER;
	return word;
}

/*
 * A connection has ended under the message, without a word, and none works. One message after the other: the
 * host lets us in for nothing, the mail that waits does not try it, and what comes later finds out one by
 * one. What we have ended for want of the content is no matter of the host.
 */
static void
note_drop(struct site *s, const struct outconn *p, const struct outbound_job *job, uint64_t now)
{
	const struct client *c = &p->client;

	if (c->ours) {
		pace_host_unsaid(p->pace);
		return;
	}
	site_gate_failed(p);
	if (p->pace->state == PACE_PROBES)
		pace_host_failed(p->pace, now);
	if (c->phase != CLIENT_OVER || c->failure.code != 0)
		return;
	if (site_pace_works(p, true, now) || !pace_host_dropped(p->pace, job->e->id))
		return;
	pace_host_failed(p->pace, now);
	site_hosts_failed(s, site_hosts_index(s, p), p->where, &c->failure, true);
	if (site_health_all_bad(s, now))
		site_reach_down(s, &c->failure);
}

/* What the host has said of the message in a transaction; END: the connection ended instead. */
enum heard { HEARD_NOTHING, HEARD_VERDICT, HEARD_END };

static enum heard
heard_of(const struct client *c, const struct outbound_job *job)
{
	const struct verdict *part = &job->verdict[job->list.settled];
	bool ended = c->phase == CLIENT_OVER && c->failure.code == 0;
	enum heard heard = HEARD_NOTHING;

	for (size_t i = 0; i < job->list.part; i++) {
		if (ended && part[i].code == 0 && strcmp(part[i].text, c->failure.text) == 0)
			return HEARD_END;
		if (part[i].code != 0)
			heard = HEARD_VERDICT;
	}
	return heard;
}

/*
 * The host has judged the message, whatever it said. A connection that was lost after the final dot is no
 * judgement, one that was lost after the answer to it is no matter of the message. What we did not offer to
 * the host it has not judged.
 */
static enum site_turn
take_judged(struct site *s, struct outconn *p, struct outbound_job *job, uint64_t now)
{
	enum heard heard = heard_of(&p->client, job);

	if (heard == HEARD_VERDICT) {
		if (!p->pace->learnt && p->pace->conns >= p->pace->cap && s->waiting > 0)
			site_waitlist_due(s);	/* it may have more connections now */
		pace_host_taken(p->pace, p->judged_at == 0, now - p->job_at, now);
		note_taken(p, now);
		p->judged_at = now;
		site_pace_is_good(s, p, now);
		site_reach_up(s);
	} else if (heard == HEARD_NOTHING)
		pace_host_unsaid(p->pace);
	else
		note_drop(s, p, job, now);
	return SITE_JUDGED;
}

/* The connection has ended, or this one is one too many. */
static enum site_turn
take_cut(struct site *s, struct outconn *p, struct outbound_job *job, enum pace_word word,
    const struct verdict *why, uint64_t now)
{
	bool ended = p->client.phase == CLIENT_OVER, later = why->what == VERDICT_LATER;
	bool works = site_pace_works(p, true, now), judged = pace_host_is_busy(p->pace, now);

	if (p->client.ours) {
		pace_host_unsaid(p->pace);	/* too slow: the same host is not tried again at once */
		return SITE_JUDGED;
	}
	if (job->lost < LOST_MAX && ended && p->messages > 1) {
		job->lost++;		/* the host ends a connection that it has used */
		return SITE_AGAIN;
	}
	if (works && (job->lost < LOST_MAX ||
	    (judged && word != PACE_MAIL && (later || job->lost < REFUSED_MAX)))) {
		if (job->lost < REFUSED_MAX)
			job->lost++;
		p->spent = true;
		cut_one(s, p, why, now);
		return SITE_AGAIN;
	}
	if (later && word != PACE_MAIL) {
		begin_rest(s, p, why, now);
		return SITE_AGAIN;
	}
	note_drop(s, p, job, now);
	return SITE_JUDGED;
}

/* What refused MAIL was said to the connection, or to us: it goes to no recipient. */
static void
take_back(struct outbound_job *job)
{
	struct verdict *v = &job->list.verdict[job->list.settled];

	for (size_t i = 0; i < job->list.part; i++) {
		v[i].what = VERDICT_LATER;
		v[i].status[0] = '4';
	}
}

/*
 * A 421 at a further recipient, or to DATA or the content for several: there may be too many of them. True:
 * the transaction goes again at once, with fewer. A host that wants a rest gets that first, fewer after it.
 * `why`: what refused the recipients; words about the message or the connections do not mean their number.
 */
static bool
goes_with_fewer(const struct outconn *p, const struct outbound_job *job, enum pace_word word,
    const struct verdict *why, uint64_t now)
{
	const struct client *c = &p->client;
	size_t size = job->list.part, before = pace_host_most(p->pace, now);
	size_t heard = c->answered > 2 ? MIN(c->answered - 2, size) : 0;

	if (c->phase != CLIENT_OVER || why->code != 421 || word == PACE_MAIL || pace_word_counts_us(why) ||
	    (word == PACE_SLOWER && heard == size) ||
	    !pace_host_shorten(p->pace, size, heard, p->job_at, now))
		return false;
	if (p->pace->most < before)
		log_event(LOG_FACT, NULL, "service",
		    "what=recipient-limit host=%s recipients=%zu status=%s reason=%s", log_safe(p->where),
		    p->pace->most, why->status, log_safe(verdict_words(why->status, why->text)));
	return word != PACE_SLOWER;
}

static enum site_turn
turn_of(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	uint64_t now = clock_mono_ms();
	const struct verdict *why = refusal_of(p, job, fate);
	enum pace_word word;

	if (p->pace == NULL || job->e == NULL)
		return SITE_JUDGED;
	if (p->over_limit && fate == CLIENT_LOST) {
		pace_host_unsaid(p->pace);
		return SITE_AGAIN;
	}
	if (p->client.lacks) {
		pace_host_unsaid(p->pace);	/* nothing was offered to it */
		return SITE_JUDGED;
	}
	site_gate_answered(p, why);
	if (why == NULL)
		return take_judged(s, p, job, now);
	word = word_of(p, job, why);
	if (goes_with_fewer(p, job, word, why, now))
		return SITE_AGAIN;
	if (word == PACE_MAIL && (fate != CLIENT_LOST || why->code != 0))
		return take_judged(s, p, job, now);
	if (word == PACE_SLOWER && (why->code != 421 || pace_word_names_rate(why))) {
		begin_rest(s, p, why, now);
		return SITE_AGAIN;
	}
	return take_cut(s, p, job, word, why, now);
}

enum site_turn
site_pace_turn(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate *fate)
{
	enum site_turn turn = turn_of(s, p, job, *fate);

	if (turn == SITE_AGAIN && p->client.mail_refused) {
		take_back(job);
		*fate = CLIENT_ELSEWHERE;
	}
	return turn;
}

/* --- what may be done now --- */

/* A job whose connection has ended goes to one that has done some work, if there is one. */
static bool
has_proved(const struct site *s, const struct outconn *than)
{
	const struct outconn *p;

	TAILQ_FOREACH(p, &s->conns, link)
		if (p != than && p->messages > 0 && !p->spent &&
		    (p->state == OUTCONN_OPEN || p->state == OUTCONN_IDLE))
			return true;
	return false;
}

bool
site_pace_gives(const struct site *s, const struct outconn *p, const struct outbound_job *job)
{
	if (p->spent)
		return false;
	if (p->pace != NULL && !pace_host_takes_job(p->pace, clock_mono_ms()))
		return false;
	if (!site_gate_gives(p, job, clock_mono_ms()))
		return false;
	return job->lost == 0 || p->messages > 0 || !has_proved(s, p);
}

void
site_pace_skip(struct site *s)
{
	for (size_t i = 0; i < s->list.count; i++) {
		struct verdict why;

		if (site_gate_rest(&s->host[i], s->used_at, &why) == 0)
			continue;
		for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
			if (job->tried & (1U << i))
				continue;
			site_queue_note(job, &why, false);
			job->tried |= 1U << i;
			job->rested = s->check_tried = true;
		}
	}
}

enum outbound_rest
site_pace_state(const struct site *s, uint64_t *ms, struct verdict *why)
{
	enum outbound_rest found = OUTBOUND_FREE;
	uint64_t now = clock_mono_ms();

	if (s->kind != SITE_CONNECTS)
		return OUTBOUND_FREE;
	if (site_gate_all_paused(s))
		return OUTBOUND_PAUSED;
	for (size_t i = 0; i < s->list.count; i++) {
		struct pace_host *h = s->host[i].pace;
		struct verdict v;
		uint64_t rest = site_gate_rest(&s->host[i], now, &v);

		if (rest == 0 && (pace_host_state(h, now) == PACE_PROBES || s->host[i].gate->probes))
			found = OUTBOUND_PROBES;
		else if (rest > 0 && found != OUTBOUND_PROBES) {
			if (found == OUTBOUND_FREE || rest < *ms) {
				*ms = rest;
				*why = v;
			}
			found = OUTBOUND_RESTS;
		} else if (rest == 0 && !site_health_is_bad(&s->host[i], now))
			return OUTBOUND_FREE;
	}
	return found;
}

uint64_t
site_pace_again(const struct site *s, uint64_t now)
{
	uint64_t first = 0;

	for (size_t i = 0; i < s->list.count; i++) {
		const struct pace_host *h = s->host[i].pace;
		uint64_t at = now + pace_gate_wait(s->host[i].gate, now);

		if (at == now && s->host[i].gate->heir != NULL && s->host[i].gate->heir != s)
			at += TURN_MS;
		at = MAX(h->next_at, at);
		if (at > now && (first == 0 || at < first))
			first = at;
	}
	return first;
}

size_t
site_pace_places(const struct site *s)
{
	size_t places = 0;

	for (size_t i = 0; i < s->list.count && places != SIZE_MAX; i++)
		places = MAX(places, pace_gate_places(s->host[i].gate));
	return s->kind != SITE_CONNECTS || s->list.count == 0 ? SIZE_MAX : places;
}
