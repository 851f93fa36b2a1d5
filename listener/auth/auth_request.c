/*
 * auth_request - one authentication from start to answer: file, turn, thread, delay
 *
 * Runs in:  auth; auth_request_work on pool threads
 * Owns:     the proof, the bytes under way
 * Promise:  one step of an exchange at a time; a client address has at most `slots` steps with the pool, and
 *           the answers that are held back after a failure count as such; one event for each outcome
 * Fails by: "later"
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
run_waiting(struct auth *a, struct auth_throttle *v)
{
	struct auth_request *x;

	while (v->running < a->slots && (x = TAILQ_FIRST(&v->waiting)) != NULL) {
		TAILQ_REMOVE(&v->waiting, x, waiting);
		x->queued = false;
		v->running++;
		x->slot = true;
		x->out = mem_new(struct msg_auth_in_answer);
		pool_submit(a->lane, x);
	}
}

static void
give_slot(struct auth_request *x)
{
	if (!x->slot)
		return;
	x->slot = false;
	x->visitor->running--;
	run_waiting(x->auth, x->visitor);
}

static void
end(struct auth_request *x)
{
	if (x->caller != NULL)
		auth_channel_ended(x->caller, x);
	x->caller = NULL;
	TAILQ_REMOVE(&x->auth->exchanges, x, all);
	if (x->queued)
		TAILQ_REMOVE(&x->visitor->waiting, x, waiting);
	give_slot(x);
	auth_throttle_leave(x->auth->visitors, x->visitor);
	sasl_server_free(x->proof);
	secret_files_release(x->file);
	loop_timer_free(x->delay);
	msg_auth_in_token_forget(&x->in);
	free(x->out);
	free(x);
}

/* Sends the answer; the exchange may be gone afterwards. */
static void
answer(struct auth_request *x)
{
	bool last = x->out->result != AUTH_IN_CHALLENGE;

	x->busy = false;
	if (x->caller != NULL)
		auth_channel_answer(x->caller, x->request, x->out);
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
answer_later(struct auth_request *x)
{
	if (x->out == NULL)
		x->out = mem_new(struct msg_auth_in_answer);
	x->out->result = AUTH_IN_LATER;
	answer(x);
}

static void
tell(const struct auth_request *x, const char *result)
{
	const struct sasl_server *p = x->proof;

	log_event(LOG_FACT, NULL, "auth", "server=%s result=%s user=%s client=%s mechanism=%s%s%s",
	    x->caller != NULL ? auth_channel_server(x->caller) : "-", result,
	    log_safe(p->user[0] != '\0' ? p->user : NULL), p->start.client,
	    msg_auth_in_mechanism_names[p->start.mechanism], p->reason[0] != '\0' ? " reason=" : "",
	    p->reason[0] != '\0' ? log_safe(p->reason) : "");
}

void
auth_request_work(void *arg, void **jobs, size_t n)
{
	struct auth_request *x = jobs[0];

	(void)arg, (void)n;
	sasl_server_step(x->proof, x->in, x->out);
}

void
auth_request_worked(void *arg, void *job)
{
	struct auth_request *x = job;

	(void)arg;

	msg_auth_in_token_forget(&x->in);
	switch (x->out->result) {
	case AUTH_IN_FAILED:
		tell(x, "failed");
		/* Also when nobody waits for the answer any more: hanging up must not be cheaper. */
		loop_timer_set(x->delay, auth_throttle_fail(x->visitor, clock_mono_ms()));
		return;
	case AUTH_IN_OK:
		auth_throttle_succeed(x->visitor);
		tell(x, "ok");
		break;
	case AUTH_IN_LATER:
		tell(x, "later");
		break;
	default:
		break;
	}
	answer(x);
}

static void
take_turn(struct auth_request *x)
{
	TAILQ_INSERT_TAIL(&x->visitor->waiting, x, waiting);
	x->queued = true;
	run_waiting(x->auth, x->visitor);
}

static void
on_file(void *arg, struct secret_file *f, const char *why)
{
	struct auth_request *x = arg;

	(void)why;	/* the vault has told it */
	x->file = f;
	x->proof->file = f;
	if (f == NULL || x->caller == NULL)
		answer_later(x);
	else
		take_turn(x);
}

bool
auth_request_begin(struct auth *a, struct auth_channel *c, uint32_t request,
    const struct msg_auth_in_start *s)
{
	struct auth_throttle *v = auth_throttle_enter(a->visitors, s->client);
	struct auth_request *x;

	if (v == NULL)
		return false;
	x = mem_new(struct auth_request);
	x->auth = a;
	x->caller = c;
	x->visitor = v;
	x->request = request;
	x->busy = true;
	TAILQ_INSERT_TAIL(&a->exchanges, x, all);
	x->proof = sasl_server_new(s, NULL);
	x->in = msg_auth_in_token_copy(&s->token);
	x->delay = loop_timer_new(a->boot->loop, on_delay, x);
	auth_channel_take(c, x);
	secret_files_get(a->secret_files, auth_channel_server(c), "",
	    sasl_server_file_kind((enum msg_auth_in_mechanism)s->mechanism), on_file, x);
	return true;
}

void
auth_request_step(struct auth_request *x, const struct msg_auth_in_token *t)
{
	if (x->busy)
		return; /* the listener waits for an answer before it sends more: this one is not ours */
	x->busy = true;
	x->in = msg_auth_in_token_copy(t);
	take_turn(x);
}

void
auth_request_cancel(struct auth_request *x)
{
	auth_channel_ended(x->caller, x);
	x->caller = NULL;
	if (!x->busy || x->queued)
		end(x);
}

void
auth_request_end_all(struct auth *a)
{
	struct auth_request *x;

	a->slots = 0;
	while ((x = TAILQ_FIRST(&a->exchanges)) != NULL)
		end(x);
}
