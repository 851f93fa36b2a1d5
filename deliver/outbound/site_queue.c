/*
 * site_queue - the jobs that wait at a site, and how they end
 *
 * Runs in:  deliver
 * Owns:     waiting jobs, until a connection has them or they are done
 * Promise:  recipients that no host has answered about get the last failure; "refused" only when every
 *           address refused, or lacks something: an address that was not reached, or rests, may take it later
 * Fails by: verdicts
 */
#include <string.h>

#include "common/base/clock.h"
#include "deliver/outbound/outbound.h"

#define REST_LEAST_MS 1000
#define ROUNDS_MAX 3		/* address lists that a job uses up */

void
site_queue_push(struct site *s, struct outbound_job *job, bool front)
{
	if (front) {
		job->next = s->first;
		s->first = job;
		if (s->waiting == 0)
			s->last = &job->next;
	} else {
		job->next = NULL;
		*s->last = job;
		s->last = &job->next;
	}
	s->waiting++;
}

struct outbound_job *
site_queue_pull(struct site *s, struct outbound_job **link)
{
	struct outbound_job *job = *link;

	*link = job->next;
	if (s->last == &job->next)
		s->last = link;
	job->next = NULL;
	if (--s->waiting == 0)
		s->extra = 0;
	return job;
}

void
site_queue_step(const struct site *s, enum outbound_step step, const char *text)
{
	if (s->first != NULL && s->first->step != NULL)
		s->first->step(s->first->arg, step, text);
}

static bool
is_unreached(const struct verdict *v)
{
	return v->what == VERDICT_LATER && strcmp(v->status, "4.4.1") == 0;
}

/* Only what all addresses say is final: "later" outweighs "refused". */
void
site_queue_note(struct outbound_job *job, const struct verdict *v, bool glitch)
{
	if (job->failed && v->what == VERDICT_REFUSED && job->failure.what == VERDICT_LATER)
		return;
	if (job->failed && job->failure.what == VERDICT_LATER && is_unreached(v) &&
	    !is_unreached(&job->failure))
		return;		/* an answer tells more than "cannot connect" to another host */
	job->failure = *v;
	if (!job->answered)
		job->glitch = glitch;
	job->failed = true;
}

/* Ms until the first host that rests may be tried. */
static uint64_t
rest_of(const struct site *s)
{
	uint64_t now = clock_mono_ms(), least = 0;
	struct verdict why;

	for (size_t i = 0; i < s->list.count; i++) {
		uint64_t ms = site_gate_rest(&s->host[i], now, &why);

		if (ms > 0 && (least == 0 || ms < least))
			least = ms;
	}
	return least < REST_LEAST_MS ? REST_LEAST_MS : least;
}

static uint32_t
all_tried(const struct site *s)
{
	return s->list.count >= 32 ? UINT32_MAX : (1U << s->list.count) - 1;
}

static bool
has_tried_all(const struct site *s, const struct outbound_job *job)
{
	return (job->tried & all_tried(s)) == all_tried(s);
}

static void
note_rest(struct site *s, struct outbound_job *job)
{
	job->paused = site_gate_all_paused(s);
	job->rest = job->paused ? 0 : rest_of(s);
	job->glitch = false;
}

void
site_queue_end(struct site *s, struct outbound_job *job)
{
	bool later = job->failed && job->failure.what == VERDICT_LATER;

	rcpt_list_end(&job->list, has_tried_all(s, job), job->failed ? &job->failure : NULL, job->answered);
	if (job->rested && later && !job->answered)
		note_rest(s, job);
	s->o->active--;
	if (job->e != NULL && s->kind == SITE_CONNECTS)
		smart_watch_end(s->o->smart, &s->d, job, !s->o->draining);
	job->done(job->arg, job);
}

void
site_queue_finish_all(struct site *s, const struct verdict *v)
{
	for (size_t n = s->waiting; n > 0 && s->first != NULL; n--) {
		struct outbound_job *job = site_queue_pull(s, &s->first);

		site_queue_note(job, v, false);
		site_queue_end(s, job);
	}
}

/* It has tried all there is. A look-up that goes on may find more. */
static bool
is_exhausted(const struct site *s, const struct outbound_job *job)
{
	if (s->partial)
		return false;
	return has_tried_all(s, job) || job->rounds >= ROUNDS_MAX;
}

/* The job found no host: whether the site is down now. Later mail fares as this job does. */
static void
note_reach(struct site *s, const struct outbound_job *job)
{
	if (s->reach == SITE_UP || job->rested)
		return;
	if (job->failed && !job->answered && job->failure.what == VERDICT_LATER)
		site_reach_down(s, &job->failure);
	else
		s->reach = SITE_UNKNOWN;
}

void
site_queue_finish_tried(struct site *s)
{
	struct outbound_job **link = &s->first, *over = NULL, **tail = &over;

	if (!s->check_tried)
		return;
	s->check_tried = false;
	while (*link != NULL) {
		if (!is_exhausted(s, *link)) {
			link = &(*link)->next;
			continue;
		}
		*tail = site_queue_pull(s, link);
		tail = &(*tail)->next;
	}
	while (over != NULL) {
		struct outbound_job *job = over;

		over = job->next;
		note_reach(s, job);
		site_queue_end(s, job);
	}
}
