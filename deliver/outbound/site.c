/*
 * site - one destination: its connections, and which of them gets which job
 *
 * Runs in:  deliver
 * Owns:     the connections; with site_queue the waiting jobs, with site_hosts the addresses
 * Promise:  a job tries each address at most once (`tried`), healthy and preferred ones first; when none is
 *           left it is done with the last failure
 * Fails by: verdicts
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/mail/message.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

#define PRESSURE_MS 1000	/* jobs still wait after that: more connections than in proportion */
#define EXTRA_MAX 63		/* connections beyond the proportion */

/* --- jobs and connections --- */

static void
give_to_idle(struct site *s)
{
	struct outconn *p, *next;

	/* a connection that gets a job may end at once, and others with it: begin again after each */
	for (p = TAILQ_FIRST(&s->conns); p != NULL && s->waiting > 0 && s->nidle > 0; p = next) {
		struct outbound_job *job;

		next = TAILQ_NEXT(p, link);
		job = p->state == OUTCONN_IDLE ? site_take(s, p) : NULL;
		if (job == NULL)
			continue;
		outconn_start(p, job);
		next = TAILQ_FIRST(&s->conns);
	}
}

static void
cut_job(const struct site *s, const struct outbound_job *job, const char *host)
{
	if (job->cut != NULL)
		job->cut(job->arg, job, host, s->o->ending != NULL ? s->o->ending : "the process ends");
}

void
site_cut(const struct site *s)
{
	const struct outconn *p;

	TAILQ_FOREACH(p, &s->conns, link)
		if (p->job != NULL)
			cut_job(s, p->job, p->where);
}

/* Of the jobs that wait: those that a host has failed, and one for each connection that is not open yet. */
static void
cut_waiting(const struct site *s)
{
	const struct outconn *p = TAILQ_FIRST(&s->conns);

	for (const struct outbound_job *job = s->first; job != NULL; job = job->next) {
		while (p != NULL && p->state >= OUTCONN_OPEN)
			p = TAILQ_NEXT(p, link);
		if (job->failed) {
			cut_job(s, job, job->failure.host[0] != '\0' ? job->failure.host : s->d.domain);
		} else if (p != NULL) {
			cut_job(s, job, p->where);
			p = TAILQ_NEXT(p, link);
		}
	}
}

static void
refuse_all(struct site *s)
{
	struct verdict v;
	struct outconn *p, *next;

	cut_waiting(s);
	verdict_set(&v, VERDICT_LATER, "4.3.2", "this server is stopping");
	/* the hosts that it has not tried might have taken it */
	for (struct outbound_job *job = s->first; job != NULL; job = job->next) {
		job->failed = job->answered = false;
		rcpt_list_forget(&job->list);
	}
	site_queue_finish_all(s, &v);
	for (p = TAILQ_FIRST(&s->conns); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->state == OUTCONN_IDLE || p->state < OUTCONN_OPEN)
			outconn_quit(p);
	}
}

static void
on_pressure(void *arg)
{
	struct site *s = arg;

	if (s->waiting == 0)
		return;
	if (s->extra < EXTRA_MAX)
		s->extra = s->extra * 2 + 1;
	for (size_t i = 0; i < s->list.count; i++)
		if (s->host[i].pace->open > 0)
			pace_host_press(s->host[i].pace);
	loop_timer_set(s->pressure, PRESSURE_MS);
	site_waitlist_due(s);
}

static void
on_again(void *arg)
{
	site_waitlist_due(arg);
}

/* There is one connection: when it has ended, the jobs end. */
static void
work_atrn(struct site *s)
{
	void (*over)(void *) = s->over;
	struct verdict v;

	give_to_idle(s);
	if (s->nconn > 0)
		return;
	verdict_set(&v, VERDICT_LATER, "4.4.2", "the connection of the host that asked for it has ended");
	site_queue_finish_all(s, &v);
	if (s->waiting > 0 || over == NULL)
		return;
	s->over = NULL;
	over(s->over_arg);
}

bool
site_work(struct site *s)
{
	bool no_room;

	uint64_t again;

	s->used_at = clock_mono_ms();
	site_hosts_give_way(s);
	if (s->o->draining)
		refuse_all(s);
	if (s->kind != SITE_CONNECTS)
		work_atrn(s);
	if (s->waiting == 0 || s->kind != SITE_CONNECTS || s->o->draining)
		return false;
	give_to_idle(s);
	if (s->waiting == 0)
		return false;
	if (s->generation == 0 || s->used_at >= s->expires) {
		site_hosts_renew(s);	/* makes the site due again */
		return false;
	}
	site_lockout_skip(s);
	site_pace_skip(s);
	site_queue_finish_tried(s);
	no_room = site_open_more(s);
	if ((again = s->waiting > 0 ? site_pace_again(s, s->used_at) : 0) != 0)
		loop_timer_set(s->again, again - s->used_at);
	if (s->waiting > 0 && !loop_timer_is_set(s->pressure))
		loop_timer_set(s->pressure, PRESSURE_MS);
	return no_room;
}

/* --- from outconn --- */

static void
end_idle(struct site *s, struct outconn *p)
{
	if (p->state != OUTCONN_IDLE)
		return;
	p->state = OUTCONN_OPEN;
	s->nidle--;
	TAILQ_REMOVE(&s->o->idle, p, idle_link);
}

void
site_opened(struct site *s, struct outconn *p)
{
	uint64_t now = clock_mono_ms();

	s->nopening--;
	if (p->pace == NULL || !pace_host_drops(p->pace))
		site_reach_up(s);
	if (p->pace != NULL) {
		pace_host_opened(p->pace, now - p->begun_at, now);
		p->spent = pace_host_rest(p->pace, now) > 0;
		site_pace_is_good(s, p, now);
	}
	site_lockout_end(s, site_hosts_index(s, p));
	if (s->waiting > 0)
		site_waitlist_due(s);
}

struct outbound_job *
site_take(struct site *s, struct outconn *p)
{
	size_t index = site_hosts_index(s, p);
	uint32_t bit = index < s->list.count ? 1U << index : 0;

	for (struct outbound_job **link = &s->first; *link != NULL; link = &(*link)->next)
		if (((*link)->tried & bit) == 0 && site_pace_gives(s, p, *link)) {
			end_idle(s, p);
			if (p->pace != NULL)
				pace_host_given(p->pace);
			site_gate_given(p, *link);
			return site_queue_pull(s, link);
		}
	return NULL;
}

void
site_idle(struct site *s, struct outconn *p)
{
	p->state = OUTCONN_IDLE;
	s->nidle++;
	s->used_at = clock_mono_ms();
	TAILQ_INSERT_TAIL(&s->o->idle, p, idle_link);
	if (p->gate != NULL && p->gate->heir != NULL && p->gate->heir != s)
		site_waitlist_due(p->gate->heir);	/* it may want the place */
	site_waitlist_wake(s->o);
}

void
site_quitting(struct site *s, struct outconn *p)
{
	end_idle(s, p);
	p->state = OUTCONN_QUITTING;
	s->nquitting++;
	if (s->waiting > 0)
		site_waitlist_due(s);
}

/* Notes how the host failed that did not let us in. */
static void
note_failure(struct site *s, struct outconn *p)
{
	const struct client *c = &p->client;
	size_t index = site_hosts_index(s, p);

	site_gate_ended(p);
	if (p->over_limit || site_pace_is_cut(s, p))
		return;
	if (outconn_memory_failed(p) && index < s->list.count)
		return;		/* no job has tried the address: the next connection goes there */
	if (c->phase == CLIENT_OVER && !site_pace_is_rest(s, p))
		site_hosts_failed(s, index, p->where, &c->failure, c->glitch);
	if (c->opening == CLIENT_DENIED)
		site_lockout_begin(s, index, &c->failure);
}

/* The connection leaves the memory of its host. Who waits for its place is asked first. */
static void
leave_host(struct outconn *p)
{
	struct pace_host *h = p->pace;

	site_gate_leave(p, true);
	if (h == NULL)
		return;
	pace_host_closed(h, p->state >= OUTCONN_OPEN, clock_mono_ms());
	if (h->heir != NULL)
		site_waitlist_due(h->heir);
	pace_table_put(h);
	p->pace = NULL;
}

void
site_closed(struct site *s, struct outconn *p)
{
	end_idle(s, p);
	if (p->state < OUTCONN_OPEN) {
		s->nopening--;
		note_failure(s, p);
	}
	leave_host(p);
	if (p->state == OUTCONN_QUITTING)
		s->nquitting--;
	TAILQ_REMOVE(&s->conns, p, link);
	s->nconn--;
	s->o->nconn--;
	counters_add(s->o->counters, COUNTER_OUTBOUND_CURRENT, -1);
	if (s->o->draining)
		boot_left(s->o->b);
	outconn_free(p);
	site_waitlist_due(s);
}

/* --- beginning and end --- */

void
site_add(struct site *s, struct outbound_job *job)
{
	if (job->e != NULL && s->kind == SITE_CONNECTS)
		smart_watch_begin(s->o->smart, &s->d);
	site_queue_push(s, job, false);
	site_waitlist_due(s);
}

struct site *
site_new(struct outbound *o, const struct destination *d)
{
	struct site *s = mem_new(struct site);

	s->o = o;
	route_destination_copy(&s->d, d);
	s->last = &s->first;
	TAILQ_INIT(&s->conns);
	s->pressure = loop_timer_new(o->loop, on_pressure, s);
	s->again = loop_timer_new(o->loop, on_again, s);
	site_hosts_init(s);
	s->used_at = clock_mono_ms();
	return s;
}

void
site_atrn(struct site *s, int fd, uint16_t port, void (*over)(void *arg), void *arg)
{
	s->kind = SITE_ATRN;
	s->over = over;
	s->over_arg = arg;
	site_open_add(s, outconn_atrn(s, fd, port));
}

void
site_atrn_end(struct site *s)
{
	struct outconn *p = TAILQ_FIRST(&s->conns);

	s->kind = SITE_ATRN_ENDS;
	if (p != NULL && p->state == OUTCONN_IDLE)
		outconn_quit(p);
}

bool
site_is_unused(const struct site *s, uint64_t now, uint64_t ms)
{
	return s->waiting == 0 && s->nconn == 0 && s->lookup == NULL && !s->due && !s->blocked &&
	    now - s->used_at >= ms;
}

void
site_free(struct site *s)
{
	struct outconn *p;

	while ((p = TAILQ_FIRST(&s->conns)) != NULL) {
		TAILQ_REMOVE(&s->conns, p, link);
		if (p->pace != NULL)
			pace_table_put(p->pace);
		site_gate_leave(p, false);
		outconn_free(p);
	}
	site_hosts_done(s);
	loop_timer_free(s->pressure);
	loop_timer_free(s->again);
	route_destination_done(&s->d);
	free(s);
}
