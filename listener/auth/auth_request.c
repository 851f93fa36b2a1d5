/*
 * auth_request - one authentication from its start to its last answer: file, turn, thread, delay, answer
 *
 * Runs in:  auth; auth_request_work on pool threads
 * Owns:     the requests, the bytes under way
 * Promise:  one step of a request at a time; a client address has at most `slots` steps with the pool, and an
 *           answer that is delayed keeps its slot; what was under way is wiped
 * Fails by: kind.refuse
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
run_step(struct auth_request *x)
{
	x->out = mem_zalloc(x->kind->answer_size);
	pool_submit(x->auth->lane[x->kind->lane], x);
}

static void
free_out(struct auth_request *x)
{
	if (x->out != NULL)
		explicit_bzero(x->out, x->kind->answer_size);
	free(x->out);
	x->out = NULL;
}

/* --- turns of a client address --- */

static void
run_waiting(struct auth *a, struct auth_throttle *v)
{
	struct auth_request *x;

	while (v->running < a->slots && (x = TAILQ_FIRST(&v->waiting)) != NULL) {
		TAILQ_REMOVE(&v->waiting, x, waiting);
		x->queued = false;
		v->running++;
		x->slot = true;
		run_step(x);
	}
}

static void
take_turn(struct auth_request *x)
{
	if (x->throttle == NULL) {
		run_step(x);
		return;
	}
	TAILQ_INSERT_TAIL(&x->throttle->waiting, x, waiting);
	x->queued = true;
	run_waiting(x->auth, x->throttle);
}

static void
give_slot(struct auth_request *x)
{
	if (!x->slot)
		return;
	x->slot = false;
	x->throttle->running--;
	run_waiting(x->auth, x->throttle);
}

static void
leave_throttle(struct auth_request *x)
{
	if (x->throttle == NULL)
		return;
	if (x->queued)
		TAILQ_REMOVE(&x->throttle->waiting, x, waiting);
	give_slot(x);
	auth_throttle_leave(x->auth->throttles, x->throttle);
}

/* --- answers --- */

static void
end_request(struct auth_request *x)
{
	ctl_server_close(&x->open);
	TAILQ_REMOVE(&x->auth->requests, x, all);
	leave_throttle(x);
	x->kind->end(x);
	secret_files_release(x->file);
	loop_timer_free(x->delay);
	msg_auth_in_token_forget(&x->in);
	free_out(x);
	free(x);
}

/* Sends the answer; the request may be gone afterwards. */
static void
send_answer(struct auth_request *x)
{
	bool goes_on = x->kind->goes_on(x->out);

	x->busy = false;
	if (x->open.server != NULL)
		ctl_server_answer(x->open.server, x->kind->answer, x->open.request, x->out,
		    x->kind->sent_size(x->out), -1);
	free_out(x);
	if (!goes_on || x->open.server == NULL)
		end_request(x);
	else
		give_slot(x);
}

static void
on_delay(void *arg)
{
	send_answer(arg);
}

/* --- work --- */

void
auth_request_work(void *arg, void **jobs, size_t n)
{
	struct auth_request *x = jobs[0];

	x->kind->work(x);
}

void
auth_request_worked(void *arg, void *job)
{
	struct auth_request *x = job;
	uint64_t delay_ms;

	msg_auth_in_token_forget(&x->in);
	delay_ms = x->kind->worked(x);
	/* Also when the worker no longer waits for the answer: to disconnect must not cost a client less. */
	if (delay_ms > 0)
		loop_timer_set(x->delay, delay_ms);
	else
		send_answer(x);
}

/* --- from start to end --- */

void
auth_request_file_ready(void *arg, struct secret_file *f, const char *why)
{
	struct auth_request *x = arg;

	x->file = f;
	if (f != NULL && x->open.server != NULL) {
		take_turn(x);
		return;
	}
	x->out = mem_zalloc(x->kind->answer_size);
	x->kind->refuse(x->out, why);
	send_answer(x);
}

void
auth_request_begin(struct auth_request *x, struct ctl_server *s, uint32_t request,
    enum ctl_file_kind file, const char *domain)
{
	x->busy = true;
	x->delay = loop_timer_new(x->auth->boot->loop, on_delay, x);
	TAILQ_INSERT_TAIL(&x->auth->requests, x, all);
	ctl_server_open(s, &x->open, request);
	secret_files_get(x->auth->secret_files, ctl_server_server(s), domain, file, x);
}

void
auth_request_step(struct auth_request *x, const struct msg_auth_in_token *t)
{
	if (x->busy)
		return; /* a worker waits for an answer before it sends more: this one is not ours */
	x->busy = true;
	x->in = msg_auth_in_token_copy(t);
	take_turn(x);
}

void
auth_request_cancel(struct auth_request *x)
{
	ctl_server_close(&x->open);
	if (!x->busy || x->queued)
		end_request(x);
}

void
auth_request_end_all(struct auth *a)
{
	struct auth_request *x;

	a->slots = 0;
	while ((x = TAILQ_FIRST(&a->requests)) != NULL)
		end_request(x);
}
