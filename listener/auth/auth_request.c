/*
 * auth_request - one authentication from its start to its last answer: file, turn, thread, delay, answer
 *
 * Runs in:  auth; auth_request_work on pool threads
 * Owns:     the requests, the bytes under way
 * Promise:  one step of a request at a time; a client address has at most `slots` steps with the pool; an
 *           answer that is delayed keeps no slot, and its place only until another needs it; what was under
 *           way is wiped
 * Fails by: kind.refuse
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
free_out(struct auth_request *x)
{
	if (x->out != NULL)
		explicit_bzero(x->out, x->out_size);
	free(x->out);
	x->out = NULL;
}

static void
make_out(struct auth_request *x)
{
	x->out_size = x->kind->answer_size;
	x->out = mem_zalloc(x->out_size);
}

/* Refusals wait in their thousands: without the room for a token. */
static void
shrink_out(struct auth_request *x)
{
	size_t size = x->kind->sent_size(x->out);
	void *small = memcpy(mem_zalloc(size), x->out, size);

	free_out(x);
	x->out = small;
	x->out_size = size;
}

/* --- states, and turns of a client address --- */

static struct auth_request_queue *
queue_of(const struct auth_request *x)
{
	if (x->turn == NULL)
		return NULL;
	if (x->state == AUTH_REQUEST_QUEUED)
		return &x->turn->waiting;
	return x->state == AUTH_REQUEST_FILE || x->state == AUTH_REQUEST_WORK ? NULL : &x->turn->resting;
}

static void
enter_state(struct auth_request *x, enum auth_request_state to)
{
	struct auth_request_queue *q = queue_of(x);

	if (q != NULL)
		TAILQ_REMOVE(q, x, in_turn);
	if (x->turn != NULL && x->state == AUTH_REQUEST_WORK)
		x->turn->running--;
	x->state = to;
	x->since_ms = clock_mono_ms();
	if (x->turn != NULL && to == AUTH_REQUEST_WORK)
		x->turn->running++;
	if ((q = queue_of(x)) != NULL)
		TAILQ_INSERT_TAIL(q, x, in_turn);
}

static void refuse_request(struct auth_request *x, const char *why);

static void
run_step(struct auth_request *x)
{
	enter_state(x, AUTH_REQUEST_WORK);
	make_out(x);
	pool_submit(x->auth->lane[x->kind->lane], x);
}

static void
run_waiting(struct auth *a, struct auth_turn *v)
{
	struct auth_request *x;

	while (v != NULL && v->running < a->slots && (x = TAILQ_FIRST(&v->waiting)) != NULL)
		run_step(x);
}

static void
take_turn(struct auth_request *x)
{
	uint64_t wait_ms = x->kind->wait(x);

	if (wait_ms == AUTH_THROTTLE_NEVER) {
		refuse_request(x, NULL);
		return;
	}
	if (wait_ms > 0) {
		enter_state(x, AUTH_REQUEST_HELD);
		loop_timer_set(x->timer, wait_ms);
		return;
	}
	if (x->turn == NULL) {
		run_step(x);
		return;
	}
	enter_state(x, AUTH_REQUEST_QUEUED);
	run_waiting(x->auth, x->turn);
}

/* --- answers --- */

static void
end_request(struct auth_request *x)
{
	struct auth_turn *v = x->turn;

	ctl_server_close(&x->open);
	TAILQ_REMOVE(&x->auth->requests, x, all);
	x->auth->large_bytes -= x->large_bytes;
	enter_state(x, AUTH_REQUEST_FILE);
	run_waiting(x->auth, v);
	x->kind->end(x);
	secret_files_release(x->file);
	loop_timer_free(x->timer);
	msg_auth_in_token_forget(&x->in);
	free_out(x);
	free(x);
	if (v != NULL)
		auth_turn_leave(v);
}

/* Sends the answer; the request may be gone afterwards. */
static void
send_answer(struct auth_request *x)
{
	bool goes_on = x->kind->goes_on(x->out);

	if (x->open.server != NULL)
		ctl_server_answer(x->open.server, x->kind->answer, x->open.request, x->out,
		    x->kind->sent_size(x->out), -1);
	free_out(x);
	if (!goes_on || x->open.server == NULL) {
		end_request(x);
		return;
	}
	enter_state(x, AUTH_REQUEST_IDLE);
	run_waiting(x->auth, x->turn);
}

/* It may be gone afterwards. */
static void
refuse_request(struct auth_request *x, const char *why)
{
	make_out(x);
	x->kind->refuse(x->out, why);
	send_answer(x);
}

static void
on_request_timer(void *arg)
{
	struct auth_request *x = arg;

	if (x->state == AUTH_REQUEST_HELD)
		take_turn(x);
	else if (x->state == AUTH_REQUEST_DELAYED)
		send_answer(x);
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
	if (delay_ms > 0 && x->open.server == NULL)
		x->kind->left(x, delay_ms); /* to disconnect must not cost a client less */
	if (delay_ms == 0 || x->open.server == NULL) {
		send_answer(x);
		return;
	}
	shrink_out(x);
	enter_state(x, AUTH_REQUEST_DELAYED);
	x->due_ms = clock_mono_ms() + delay_ms;
	loop_timer_set(x->timer, delay_ms);
	run_waiting(x->auth, x->turn);
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
	refuse_request(x, why);
}

void
auth_request_begin(struct auth_request *x, struct ctl_server *s, uint32_t request,
    enum ctl_file_kind file, const char *domain)
{
	x->timer = loop_timer_new(x->auth->boot->loop, on_request_timer, x);
	TAILQ_INSERT_TAIL(&x->auth->requests, x, all);
	ctl_server_open(s, &x->open, request);
	secret_files_get(x->auth->secret_files, ctl_server_server(s), domain, file, x);
}

void
auth_request_take(struct auth_request *x, const struct msg_auth_in_token *t)
{
	x->in = msg_auth_in_token_copy(t);
	if (t->len <= AUTH_IN_TOKEN_USUAL || x->kind->admit == NULL)
		return;
	x->large_bytes += t->len;
	x->auth->large_bytes += t->len;
}

void
auth_request_step(struct auth_request *x, const struct msg_auth_in_token *t)
{
	if (x->state != AUTH_REQUEST_IDLE)
		return; /* a worker waits for an answer before it sends more: this one is not ours */
	if (x->kind->admit != NULL && !x->kind->admit(x, t->len)) {
		refuse_request(x, NULL);
		return;
	}
	auth_request_take(x, t);
	take_turn(x);
}

static void
leave_delayed(struct auth_request *x)
{
	uint64_t now = clock_mono_ms();

	if (x->state == AUTH_REQUEST_DELAYED && x->due_ms > now)
		x->kind->left(x, x->due_ms - now);
}

void
auth_request_extend(struct auth_request *x, uint64_t due_ms)
{
	uint64_t now = clock_mono_ms();

	if (x->state != AUTH_REQUEST_DELAYED || due_ms <= x->due_ms || due_ms <= now)
		return;
	x->due_ms = due_ms;
	loop_timer_set(x->timer, due_ms - now);
}

void
auth_request_cancel(struct auth_request *x)
{
	ctl_server_close(&x->open);
	leave_delayed(x);
	if (x->state != AUTH_REQUEST_FILE && x->state != AUTH_REQUEST_WORK)
		end_request(x);
}

void
auth_request_give_place(struct auth_request *x)
{
	leave_delayed(x);
	if (x->state == AUTH_REQUEST_HELD || x->state == AUTH_REQUEST_QUEUED)
		refuse_request(x, NULL);
	else if (x->state == AUTH_REQUEST_DELAYED)
		send_answer(x);
	else
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
