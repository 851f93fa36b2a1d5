/*
 * ctl_client - the asking side of a channel to a helper that may die and return: questions, their time
 * limits, and what is asked again
 *
 * Runs in:  master, listener, auth, deliver, pickup
 * Owns:     the channel, the records of the questions
 * Promise:  each question is answered or fails, once, within its patience, never while it is being asked.
 *           A helper hears of each that failed or was given up (kind.cancel). When it dies, its questions go
 *           to its successor, at most `repeats` times, but for those that had gone a step. One that sends a
 *           malformed answer loses the channel for a second. Answers are wiped from the receive buffer
 * Fails by: kind.failed
 */
#include "common/ipc/ctl_client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define NEED_MS 1000		/* least time between two calls of `need` */
#define BUCKETS 256
#define BATCH_BYTES 1024

TAILQ_HEAD(ctl_client_list, ctl_client_question);

/* What the channel had no room for: the helper keeps something until it hears this. */
struct dropped {
	STAILQ_ENTRY(dropped) link;
	enum ctl_type type;
	uint32_t request;
};

struct ctl_client {
	const struct ctl_client_kind *kind;
	struct loop *loop;
	uint64_t patience_ms;
	void (*need)(void *arg);
	void *arg;
	struct ctl *ctl;		/* NULL: none */
	uint32_t channel;		/* counts channels */
	struct ctl_client_list in[CTL_CLIENT_STATES];
	LIST_HEAD(, ctl_client_question) table[BUCKETS];
	STAILQ_HEAD(, dropped) dropped;	/* of the present channel */
	size_t asked;
	uint32_t request;
	uint64_t needed_ms;
	/*
	 * the earliest of: a deadline, the next call of `need`, sending what waits, reporting failures
	 */
	struct loop_timer *timer;
};

static void
leave_state(struct ctl_client_question *q)
{
	struct ctl_client *k = q->ctl_client;

	TAILQ_REMOVE(&k->in[q->state], q, link);
	if (q->state != CTL_CLIENT_ASKED)
		return;
	LIST_REMOVE(q, bucket);
	k->asked--;
}

static void
enter_state(struct ctl_client_question *q, enum ctl_client_state state)
{
	struct ctl_client *k = q->ctl_client;

	q->state = state;
	TAILQ_INSERT_TAIL(&k->in[state], q, link);
	if (state != CTL_CLIENT_ASKED)
		return;
	if (q->kind->unhurried)
		q->deadline = UINT64_MAX;
	LIST_INSERT_HEAD(&k->table[q->request % BUCKETS], q, bucket);
	k->asked++;
}

static void
move_to_state(struct ctl_client_question *q, enum ctl_client_state state)
{
	leave_state(q);
	enter_state(q, state);
}

static void
set_question_timer(struct ctl_client *k)
{
	const struct ctl_client_question *waits = TAILQ_FIRST(&k->in[CTL_CLIENT_WAITS]),
	    *asked = TAILQ_FIRST(&k->in[CTL_CLIENT_ASKED]);
	uint64_t now = clock_mono_ms(), next = asked != NULL ? asked->deadline : UINT64_MAX;

	if (waits != NULL && waits->deadline < next)
		next = waits->deadline;
	if ((waits != NULL || !STAILQ_EMPTY(&k->dropped)) && now + NEED_MS < next)
		next = now + NEED_MS;
	if (!TAILQ_EMPTY(&k->in[CTL_CLIENT_FAILED]))
		next = now;
	if (next == UINT64_MAX)
		loop_timer_stop(k->timer);
	else
		loop_timer_set(k->timer, next > now ? next - now : 0);
}

static void
forget_first_dropped(struct ctl_client *k)
{
	struct dropped *d = STAILQ_FIRST(&k->dropped);

	STAILQ_REMOVE_HEAD(&k->dropped, link);
	free(d);
}

/* False: the queue of the channel is still full. */
static bool
send_dropped(struct ctl_client *k)
{
	const struct dropped *d;

	while ((d = STAILQ_FIRST(&k->dropped)) != NULL) {
		if (ctl_send(k->ctl, d->type, d->request, NULL, 0, -1) == -1)
			return false;
		forget_first_dropped(k);
	}
	return true;
}

static void
send_waiting(struct ctl_client *k)
{
	struct ctl_client_question *q;

	if (!send_dropped(k))
		return;
	while ((q = TAILQ_FIRST(&k->in[CTL_CLIENT_WAITS])) != NULL &&
	    (k->kind->window == 0 || k->asked < k->kind->window)) {
		if (q->kind->send(q, k->ctl) == -1)
			return;		/* its queue is full, or it is closing: the timer tries again */
		q->channel = k->channel;
		move_to_state(q, CTL_CLIENT_ASKED);
	}
}

static void
serve_waiting(struct ctl_client *k)
{
	uint64_t now = clock_mono_ms();

	if (k->ctl != NULL)
		send_waiting(k);
	else if (!TAILQ_EMPTY(&k->in[CTL_CLIENT_WAITS]) &&
	    (k->needed_ms == 0 || now - k->needed_ms >= NEED_MS)) {
		k->needed_ms = now;
		k->need(k->arg);
	}
	set_question_timer(k);
}

static void
on_question_timer(void *arg)
{
	struct ctl_client *k = arg;
	struct ctl_client_question *q;
	uint64_t now = clock_mono_ms();

	for (enum ctl_client_state state = CTL_CLIENT_WAITS; state <= CTL_CLIENT_ASKED; state++)
		while ((q = TAILQ_FIRST(&k->in[state])) != NULL && q->deadline <= now)
			ctl_client_fail(q, q->kind->silent);
	/* From the front each time, since `failed` may ask or forget other questions. */
	while ((q = TAILQ_FIRST(&k->in[CTL_CLIENT_FAILED])) != NULL) {
		move_to_state(q, CTL_CLIENT_QUIET);
		ctl_client_drop(q);
		q->kind->failed(q, q->why);
	}
	serve_waiting(k);
}

static struct ctl_client_question *
find_question(struct ctl_client *k, uint32_t request)
{
	struct ctl_client_question *q;

	LIST_FOREACH(q, &k->table[request % BUCKETS], bucket)
		if (q->request == request)
			return q;
	return NULL;
}

static bool
is_own_answer(const struct ctl_client_kind *kind, enum ctl_type type)
{
	return kind->answer == type || (kind->single != 0 && kind->single == type);
}

static bool
is_an_answer(const struct ctl_client_kind *kind, enum ctl_type type)
{
	for (; kind != NULL; kind = kind->also)
		if (is_own_answer(kind, type))
			return true;
	return false;
}

/* False: malformed, or the answer to another question. An answer to no question is dropped. */
static bool
match_answer(struct ctl_client *k, const struct ctl_message *m)
{
	struct ctl_client_question *q;

	if (!is_an_answer(k->kind, m->type))
		return false;
	q = find_question(k, m->request);
	if (q == NULL)
		return true;
	move_to_state(q, CTL_CLIENT_QUIET);
	if (is_own_answer(q->kind, m->type) && q->kind->answered(q, m))
		return true;
	ctl_client_fail(q, q->kind->silent);
	return false;
}

static void
on_helper_close(void *arg, bool bad)
{
	struct ctl_client *k = arg;
	struct ctl_client_question *q;
	struct ctl_client_list younger = TAILQ_HEAD_INITIALIZER(younger);

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=%s reason=%s", k->kind->part,
		    log_safe("misbehaved"));
	ctl_free(k->ctl);
	k->ctl = NULL;
	while (!STAILQ_EMPTY(&k->dropped))
		forget_first_dropped(k);
	TAILQ_CONCAT(&younger, &k->in[CTL_CLIENT_WAITS], link);
	while ((q = TAILQ_FIRST(&k->in[CTL_CLIENT_ASKED])) != NULL) {
		if (q->stepped || q->repeats++ >= q->kind->repeats) {
			ctl_client_fail(q, q->kind->ended);
			continue;
		}
		if (q->kind->unhurried)
			q->deadline = clock_mono_ms() + k->patience_ms;
		move_to_state(q, CTL_CLIENT_WAITS);
	}
	TAILQ_CONCAT(&k->in[CTL_CLIENT_WAITS], &younger, link);
	if (k->kind->joined && TAILQ_EMPTY(&k->in[CTL_CLIENT_WAITS]))
		k->need(k->arg);
	serve_waiting(k);
}

/* The answers are copied: `answered` may read something else into the scratch of the loop. */
static bool
match_answers(struct ctl_client *k, const struct ctl_message *m)
{
	char space[BATCH_BYTES];
	size_t size = k->kind->answer_size;
	bool good = m->type == k->kind->answer && m->len % size == 0 && m->len <= sizeof(space);

	if (good)
		memcpy(space, m->data, m->len);
	for (size_t at = 0; good && at < m->len; at += size) {
		struct ctl_message one = { .type = m->type, .data = space + at, .len = size, .fd = -1 };

		memcpy(&one.request, one.data, sizeof(one.request));
		good = match_answer(k, &one);
	}
	return good;
}

static void
on_helper_message(void *arg, const struct ctl_message *m)
{
	struct ctl_client *k = arg;
	bool batch = k->kind->answer_size > 0 && m->type != k->kind->single;
	bool good = batch ? match_answers(k, m) : match_answer(k, m);

	ctl_wipe(m);
	if (good)
		serve_waiting(k);
	else
		on_helper_close(k, true);
}

void
ctl_client_channel(struct ctl_client *k, int fd)
{
	if (k->ctl != NULL) {
		close(fd);		/* one is enough */
		return;
	}
	k->channel++;
	k->ctl = ctl_new(k->loop, fd, CTL_FROM_HELPER, on_helper_message, on_helper_close, k);
	serve_waiting(k);
}

void *
ctl_client_add(struct ctl_client *k, size_t size)
{
	return ctl_client_add_of(k, k->kind, size);
}

void *
ctl_client_add_of(struct ctl_client *k, const struct ctl_client_kind *kind, size_t size)
{
	struct ctl_client_question *q = mem_zalloc(size);

	q->ctl_client = k;
	q->kind = kind;
	enter_state(q, CTL_CLIENT_QUIET);
	return q;
}

void
ctl_client_move(struct ctl_client_question *q, struct ctl_client *to)
{
	leave_state(q);
	q->ctl_client = to;
	q->kind = to->kind;
	enter_state(q, CTL_CLIENT_QUIET);
}

void
ctl_client_ask(struct ctl_client_question *q)
{
	struct ctl_client *k = q->ctl_client;

	leave_state(q);
	q->request = ++k->request;
	q->channel = 0;
	q->repeats = 0;
	q->stepped = false;
	q->deadline = clock_mono_ms() + k->patience_ms;
	enter_state(q, CTL_CLIENT_WAITS);
	serve_waiting(k);
}

void
ctl_client_step(struct ctl_client_question *q, enum ctl_type type, const void *data, size_t len)
{
	ctl_client_step_with(q, type, data, len, -1);
}

void
ctl_client_step_with(struct ctl_client_question *q, enum ctl_type type, const void *data, size_t len, int fd)
{
	struct ctl_client *k = q->ctl_client;

	if (q->state != CTL_CLIENT_QUIET || k->ctl == NULL || q->channel != k->channel ||
	    ctl_send(k->ctl, type, q->request, data, len, fd) == -1) {
		ctl_client_fail(q, q->kind->ended);
		return;
	}
	q->stepped = true;
	q->deadline = clock_mono_ms() + k->patience_ms;
	move_to_state(q, CTL_CLIENT_ASKED);
	set_question_timer(k);
}

void
ctl_client_fail(struct ctl_client_question *q, const char *why)
{
	q->why = why;
	move_to_state(q, CTL_CLIENT_FAILED);
	set_question_timer(q->ctl_client);
}

void
ctl_client_forget(struct ctl_client_question *q)
{
	if (q == NULL)
		return;
	leave_state(q);
	free(q);
}

void
ctl_client_drop(struct ctl_client_question *q)
{
	struct ctl_client *k = q->ctl_client;
	enum ctl_type type = q->kind->cancel;
	struct dropped *d;

	if (type == 0 || k->ctl == NULL || q->channel != k->channel)
		return;
	q->channel = 0;
	if (STAILQ_EMPTY(&k->dropped) && ctl_send(k->ctl, type, q->request, NULL, 0, -1) == 0)
		return;
	d = mem_new(struct dropped);
	d->type = type;
	d->request = q->request;
	STAILQ_INSERT_TAIL(&k->dropped, d, link);
	set_question_timer(k);
}

void
ctl_client_cancel(struct ctl_client_question *q)
{
	if (q == NULL)
		return;
	ctl_client_drop(q);
	ctl_client_forget(q);
}

struct ctl_client *
ctl_client_new(struct loop *l, const struct ctl_client_kind *kind, uint64_t patience_ms,
    void (*need)(void *arg), void *arg)
{
	struct ctl_client *k = mem_new(struct ctl_client);

	k->kind = kind;
	k->loop = l;
	k->patience_ms = patience_ms;
	k->need = need;
	k->arg = arg;
	for (size_t i = 0; i < CTL_CLIENT_STATES; i++)
		TAILQ_INIT(&k->in[i]);
	STAILQ_INIT(&k->dropped);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&k->table[i]);
	k->timer = loop_timer_new(l, on_question_timer, k);
	return k;
}

void
ctl_client_free(struct ctl_client *k)
{
	struct ctl_client_question *q;

	if (k == NULL)
		return;
	for (size_t i = 0; i < CTL_CLIENT_STATES; i++)
		while ((q = TAILQ_FIRST(&k->in[i])) != NULL)
			ctl_client_forget(q);
	while (!STAILQ_EMPTY(&k->dropped))
		forget_first_dropped(k);
	ctl_free(k->ctl);
	loop_timer_free(k->timer);
	free(k);
}
