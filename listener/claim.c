/*
 * claim - questions to the deliver worker of this virtual server, for the mail that it holds
 *
 * Runs in:  listener
 * Owns:     the channel to the worker, a record for each question under way
 * Promise:  inbound_claimed() is called once for each question that was not cancelled, never from inside claim_start(); a
 *           worker that ends or does not come costs those who wait a "later", not their session
 * Fails by: PLEA_LATER
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/listener.h"

enum { NEED_MS = 1000, PATIENCE_MS = 10000 };

struct claim_question {
	TAILQ_ENTRY(claim_question) link;
	struct claim *claim;
	struct inbound *inbound;
	uint32_t request;
	uint64_t deadline;
	bool sent, failed;
	char node[PLEA_NAME_SIZE];	/* the first domain, for the reply */
	struct plea plea;
};

struct claim {
	struct listener *listener;
	struct ctl *ctl;		/* NULL: none */
	TAILQ_HEAD(, claim_question) questions;
	uint32_t request;
	uint64_t needed_ms;
	struct loop_timer *timer;
};

void
claim_cancel(struct claim_question *q)
{
	if (q == NULL)
		return;
	TAILQ_REMOVE(&q->claim->questions, q, link);
	free(q);
}

/* Tells the owner, who forgets the question with it. */
static void
tell(struct claim_question *q, const struct plea_answer *a, int fd)
{
	struct inbound *c = q->inbound;
	char node[PLEA_NAME_SIZE];

	memcpy(node, q->node, sizeof(node));
	claim_cancel(q);
	inbound_claimed(c, a, node, fd);
}

static void
send_question(struct claim *w, struct claim_question *q)
{
	q->sent = true;
	q->failed = ctl_send(w->ctl, CTL_PLEA, q->request, &q->plea, plea_size(&q->plea), -1) == -1;
	if (q->failed)
		loop_timer_set(w->timer, 0);
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct claim *w = arg;
	struct claim_question *q;
	struct plea_answer a;

	if (m->type == CTL_PLEA_ANSWER) {
		memcpy(&a, m->data, sizeof(a));
		TAILQ_FOREACH(q, &w->questions, link)
			if (q->request == m->request && q->sent && !q->failed) {
				tell(q, &a, m->fd);
				return;
			}
	}
	if (m->fd != -1)
		close(m->fd); /* the client went: the worker finds out the same way */
}

static void
on_close(void *arg, bool bad)
{
	struct claim *w = arg;
	struct claim_question *q;

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=deliver reason=%s", log_safe("misbehaved"));
	ctl_free(w->ctl);
	w->ctl = NULL;
	TAILQ_FOREACH(q, &w->questions, link)
		q->failed |= q->sent;
	loop_timer_set(w->timer, 0);
}

static void
need(struct claim *w, uint64_t now)
{
	if (w->needed_ms == 0 || now - w->needed_ms >= NEED_MS) {
		w->needed_ms = now;
		boot_need(w->listener->boot, CTL_HELPER_DELIVER);
	}
	loop_timer_set(w->timer, NEED_MS);
}

/* Each round from the front, for telling one may end others. */
static struct claim_question *
next_failed(struct claim *w, uint64_t now)
{
	struct claim_question *q;

	TAILQ_FOREACH(q, &w->questions, link)
		if (q->failed || q->deadline <= now)
			return q;
	return NULL;
}

static void
on_timer(void *arg)
{
	struct claim *w = arg;
	struct claim_question *q;
	uint64_t now = clock_mono_ms();
	static const struct plea_answer later = { .result = PLEA_LATER };

	while ((q = next_failed(w, now)) != NULL)
		tell(q, &later, -1);
	TAILQ_FOREACH(q, &w->questions, link) {
		if (!q->sent && w->ctl != NULL)
			send_question(w, q);
		else if (!q->sent)
			need(w, now);
	}
	if (!TAILQ_EMPTY(&w->questions) && !loop_timer_is_set(w->timer))
		loop_timer_set(w->timer, NEED_MS);
}

struct claim *
claim_new(struct listener *l)
{
	struct claim *w = mem_new(struct claim);

	w->listener = l;
	TAILQ_INIT(&w->questions);
	w->timer = loop_timer_new(l->boot->loop, on_timer, w);
	return w;
}

void
claim_free(struct claim *w)
{
	if (w == NULL)
		return;
	ctl_free(w->ctl);
	loop_timer_free(w->timer);
	free(w);
}

void
claim_channel(struct claim *w, int fd)
{
	if (w->ctl != NULL) {
		close(fd); /* one is enough */
		return;
	}
	w->ctl = ctl_new(w->listener->boot->loop, fd, CTL_FROM_HELPER, on_message, on_close, w);
	loop_timer_set(w->timer, 0);
}

struct claim_question *
claim_start(struct claim *w, struct inbound *c, const struct plea *d)
{
	struct claim_question *q = mem_new(struct claim_question);
	size_t at = 0;
	const char *first = plea_next(d, &at);

	q->claim = w;
	q->inbound = c;
	q->request = ++w->request;
	q->deadline = clock_mono_ms() + PATIENCE_MS;
	memcpy(&q->plea, d, plea_size(d));
	if (first != NULL)
		memcpy(q->node, first, strnlen(first, sizeof(q->node) - 1));
	TAILQ_INSERT_TAIL(&w->questions, q, link);
	if (w->ctl != NULL)
		send_question(w, q);
	else
		need(w, clock_mono_ms());
	if (!loop_timer_is_set(w->timer))
		loop_timer_set(w->timer, NEED_MS);
	return q;
}
