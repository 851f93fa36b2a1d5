/*
 * exchange - one authentication from start to answer: file, turn, thread, delay
 *
 * Runs in:  auth; exchange_work on pool threads
 * Owns:     the proof, the bytes under way
 * Promise:  one step of an exchange at a time; a client address has at most `slots` steps with the pool, and the answers that
 *           are held back after a failure count as such; one event for each outcome
 * Fails by: "later"
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
run_waiting(struct auth *a, struct visitor *v)
{
	struct exchange *x;
	while (v->running < a->slots && (x = TAILQ_FIRST(&v->waiting)) != NULL) {
		TAILQ_REMOVE(&v->waiting, x, waiting);
		x->queued = false;
		v->running++;
		x->slot = true;
		x->out = mem_new(struct vouch_answer);
		pool_submit(a->lane, x);
	}
}

static void
give_slot(struct exchange *x)
{
	if (!x->slot)
		return;
	x->slot = false;
	x->visitor->running--;
	run_waiting(x->auth, x->visitor);
}

static void
end(struct exchange *x)
{
	if (x->caller != NULL)
		caller_ended(x->caller, x);
	x->caller = NULL;
	TAILQ_REMOVE(&x->auth->exchanges, x, all);
	if (x->queued)
		TAILQ_REMOVE(&x->visitor->waiting, x, waiting);
	give_slot(x);
	visitor_leave(x->auth->visitors, x->visitor);
	proof_free(x->proof);
	vault_release(x->file);
	loop_timer_free(x->delay);
	vouch_token_forget(&x->in);
	free(x->out);
	free(x);
}

/* Sends the answer; the exchange may be gone afterwards. */
static void
answer(struct exchange *x)
{
	bool last = x->out->result != VOUCH_CHALLENGE;

	x->busy = false;
	if (x->caller != NULL)
		caller_answer(x->caller, x->request, x->out);
	free(x->out);
	x->out = NULL;
	if (last || x->caller == NULL)
		end(x);
	else
		give_slot(x);
}

static void
on_delay(void *arg)
{
	answer(arg);
}

static void
answer_later(struct exchange *x)
{
	if (x->out == NULL)
		x->out = mem_new(struct vouch_answer);
	x->out->result = VOUCH_LATER;
	answer(x);
}

static void
tell(const struct exchange *x, const char *result)
{
	const struct proof *p = x->proof;
	log_event(LOG_FACT, NULL, "auth", "server=%s result=%s user=%s client=%s mechanism=%s%s%s",
	    x->caller != NULL ? caller_server(x->caller) : "-", result, log_safe(p->user[0] != '\0' ? p->user : NULL), p->start.client,
	    vouch_mechanism_names[p->start.mechanism], p->reason[0] != '\0' ? " reason=" : "",
	    p->reason[0] != '\0' ? log_safe(p->reason) : "");
}

void
exchange_work(void *arg, void **jobs, size_t n)
{
	struct exchange *x = jobs[0];
	(void)arg, (void)n;
	proof_step(x->proof, x->in, x->out);
}

void
exchange_worked(void *arg, void *job)
{
	struct exchange *x = job;
	(void)arg;

	vouch_token_forget(&x->in);
	switch (x->out->result) {
	case VOUCH_FAILED:
		tell(x, "failed");
		/* Also when nobody waits for the answer any more: hanging up must not be cheaper. */
		loop_timer_set(x->delay, visitor_fail(x->visitor, clock_mono_ms()));
		return;
	case VOUCH_OK:
		visitor_succeed(x->visitor);
		tell(x, "ok");
		break;
	case VOUCH_LATER:
		tell(x, "later");
		break;
	default:
		break;
	}
	answer(x);
}

static void
take_turn(struct exchange *x)
{
	TAILQ_INSERT_TAIL(&x->visitor->waiting, x, waiting);
	x->queued = true;
	run_waiting(x->auth, x->visitor);
}

static void
on_file(void *arg, struct vault_file *f, const char *why)
{
	struct exchange *x = arg;

	(void)why;	/* the vault has told it */
	x->file = f;
	x->proof->file = f;
	if (f == NULL || x->caller == NULL)
		answer_later(x);
	else
		take_turn(x);
}

bool
exchange_begin(struct auth *a, struct caller *c, uint32_t request, const struct vouch_start *s)
{
	struct visitor *v = visitor_enter(a->visitors, s->client);
	if (v == NULL)
		return false;
	struct exchange *x = mem_new(struct exchange);
	x->auth = a;
	x->caller = c;
	x->visitor = v;
	x->request = request;
	x->busy = true;
	TAILQ_INSERT_TAIL(&a->exchanges, x, all);
	x->proof = proof_new(s, NULL);
	x->in = vouch_token_copy(&s->token);
	x->delay = loop_timer_new(a->boot->loop, on_delay, x);
	caller_take(c, x);
	vault_get(a->vault, caller_server(c), "", proof_file_kind((enum vouch_mechanism)s->mechanism), on_file, x);
	return true;
}

void
exchange_step(struct exchange *x, const struct vouch_token *t)
{
	if (x->busy)
		return; /* the listener waits for an answer before it sends more: this one is not ours */
	x->busy = true;
	x->in = vouch_token_copy(t);
	take_turn(x);
}

void
exchange_cancel(struct exchange *x)
{
	caller_ended(x->caller, x);
	x->caller = NULL;
	if (!x->busy || x->queued)
		end(x);
}

void
exchange_end_all(struct auth *a)
{
	struct exchange *x;
	a->slots = 0;
	while ((x = TAILQ_FIRST(&a->exchanges)) != NULL)
		end(x);
}
