/*
 * warrant - questions to the auth helper: who is this client?
 *
 * Runs in:  listener
 * Owns:     the channel to the helper, a record for each authentication under way
 * Promise:  inbound_vouched() is called once for each start and step that was not cancelled, never from inside them; a helper that
 *           dies or does not come costs those who wait a "later", not their session
 * Fails by: VOUCH_LATER
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/listener.h"

enum { BUCKETS = 64, NEED_MS = 1000, PATIENCE_MS = 10000 };

enum warrant_state {
	WARRANT_UNSENT,		/* waits for a channel */
	WARRANT_ASKED,		/* with the helper */
	WARRANT_CLIENT,		/* the client's turn */
	WARRANT_LOST,		/* the client's turn, but the helper that knew him is gone */
	WARRANT_FAILED,		/* "later" is to be said */
};

struct warrant_question {
	TAILQ_ENTRY(warrant_question) link;
	LIST_ENTRY(warrant_question) bucket;
	struct warrant *warrant;
	struct inbound *inbound;
	uint32_t request;
	enum warrant_state state;
	uint64_t deadline;		/* WARRANT_UNSENT */
	struct vouch_start *start;	/* WARRANT_UNSENT */
};

struct warrant {
	struct listener *listener;
	struct ctl *ctl;		/* NULL: none */
	TAILQ_HEAD(, warrant_question) questions;
	LIST_HEAD(, warrant_question) table[BUCKETS];
	uint32_t request;
	uint64_t needed_ms;
	struct loop_timer *timer;
	struct vouch_answer answer;	/* too large for the stack of a callback chain */
};

static void
forget_start(struct warrant_question *q)
{
	if (q->start != NULL)
		explicit_bzero(q->start, sizeof(*q->start));
	free(q->start);
	q->start = NULL;
}

void
warrant_cancel(struct warrant_question *q)
{
	if (q == NULL)
		return;
	struct warrant *w = q->warrant;
	if (w->ctl != NULL && (q->state == WARRANT_ASKED || q->state == WARRANT_CLIENT))
		(void)!ctl_send(w->ctl, CTL_VOUCH_CANCEL, q->request, NULL, 0, -1);
	TAILQ_REMOVE(&w->questions, q, link);
	LIST_REMOVE(q, bucket);
	forget_start(q);
	free(q);
}

/* Tells the owner, who may cancel. */
static void
tell(struct warrant_question *q, const struct vouch_answer *a)
{
	struct inbound *c = q->inbound;
	if (a->result == VOUCH_CHALLENGE) {
		q->state = WARRANT_CLIENT;
	} else {
		q->state = WARRANT_FAILED; /* nothing is to be told to the helper */
		inbound_forget_question(c);
		warrant_cancel(q);
	}
	inbound_vouched(c, a);
}

static void
fail_soon(struct warrant_question *q)
{
	q->state = WARRANT_FAILED;
	loop_timer_set(q->warrant->timer, 0);
}

static void
send_start(struct warrant *w, struct warrant_question *q)
{
	if (ctl_send(w->ctl, CTL_VOUCH_START, q->request, q->start, vouch_start_size(q->start), -1) == 0)
		q->state = WARRANT_ASKED;
	else
		fail_soon(q);
	forget_start(q);
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct warrant *w = arg;
	struct warrant_question *q;

	if (m->type != CTL_VOUCH_ANSWER || !vouch_answer_take(&w->answer, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "trouble", "part=auth reason=%s", log_safe("malformed answer"));
		return;
	}
	LIST_FOREACH(q, &w->table[m->request % BUCKETS], bucket)
		if (q->request == m->request && q->state == WARRANT_ASKED) {
			tell(q, &w->answer);
			return;
		}
}

static void
on_close(void *arg, bool bad)
{
	struct warrant *w = arg;
	struct warrant_question *q;

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=auth reason=%s", log_safe("misbehaved"));
	ctl_free(w->ctl);
	w->ctl = NULL;
	TAILQ_FOREACH(q, &w->questions, link) {
		if (q->state == WARRANT_ASKED)
			fail_soon(q);
		else if (q->state == WARRANT_CLIENT)
			q->state = WARRANT_LOST;
	}
}

/* Each round from the front, for telling one may end others. */
static struct warrant_question *
next_failed(struct warrant *w, uint64_t now)
{
	struct warrant_question *q;
	TAILQ_FOREACH(q, &w->questions, link)
		if (q->state == WARRANT_FAILED || (q->state == WARRANT_UNSENT && q->deadline <= now))
			return q;
	return NULL;
}

static void
need(struct warrant *w, uint64_t now)
{
	if (w->needed_ms == 0 || now - w->needed_ms >= NEED_MS) {
		w->needed_ms = now;
		boot_need(w->listener->boot, CTL_HELPER_AUTH);
	}
	loop_timer_set(w->timer, NEED_MS);
}

static void
on_timer(void *arg)
{
	struct warrant *w = arg;
	struct warrant_question *q;
	uint64_t now = clock_mono_ms();
	static const struct vouch_answer later = { .result = VOUCH_LATER };

	while ((q = next_failed(w, now)) != NULL)
		tell(q, &later);
	TAILQ_FOREACH(q, &w->questions, link)
		if (q->state == WARRANT_UNSENT) {
			if (w->ctl != NULL)
				send_start(w, q);
			else
				need(w, now);
		}
}

struct warrant *
warrant_new(struct listener *l)
{
	struct warrant *w = mem_new(struct warrant);
	w->listener = l;
	TAILQ_INIT(&w->questions);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&w->table[i]);
	w->timer = loop_timer_new(l->boot->loop, on_timer, w);
	return w;
}

void
warrant_free(struct warrant *w)
{
	if (w == NULL)
		return;
	ctl_free(w->ctl);
	loop_timer_free(w->timer);
	free(w);
}

void
warrant_channel(struct warrant *w, int fd)
{
	if (w->ctl != NULL) {
		close(fd); /* one is enough */
		return;
	}
	w->ctl = ctl_new(w->listener->boot->loop, fd, CTL_FROM_HELPER, on_message, on_close, w);
	loop_timer_set(w->timer, 0);
}

struct warrant_question *
warrant_start(struct warrant *w, struct inbound *c, const struct vouch_start *start)
{
	struct warrant_question *q = mem_new(struct warrant_question);
	q->warrant = w;
	q->inbound = c;
	q->request = ++w->request;
	q->deadline = clock_mono_ms() + PATIENCE_MS;
	q->start = mem_new(struct vouch_start);
	memcpy(q->start, start, vouch_start_size(start));
	TAILQ_INSERT_TAIL(&w->questions, q, link);
	LIST_INSERT_HEAD(&w->table[q->request % BUCKETS], q, bucket);
	if (w->ctl != NULL)
		send_start(w, q);
	else
		need(w, clock_mono_ms());
	return q;
}

void
warrant_step(struct warrant_question *q, const struct vouch_token *t)
{
	struct warrant *w = q->warrant;
	if (q->state == WARRANT_CLIENT && w->ctl != NULL &&
	    ctl_send(w->ctl, CTL_VOUCH_STEP, q->request, t, vouch_token_size(t), -1) == 0)
		q->state = WARRANT_ASKED;
	else
		fail_soon(q);
}
