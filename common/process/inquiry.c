/*
 * inquiry - questions about local recipients to the directory helper, over a channel that may die and come again
 *
 * Runs in:  deliver, listener
 * Owns:     the channel, the open questions
 * Promise:  each question is answered once within the patience it was given; when the helper dies, what it had not answered is
 *           asked of its successor, at most REPEATS times; no more than WINDOW are with the helper at a time
 * Fails by: ADDRESSEE_TROUBLE with a text
 */
#include "common/process/inquiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define REPEATS 3
#define WINDOW 500		/* below the helper's limit for one worker */
#define NEED_MS 1000		/* asks the master at most so often */
#define BUCKETS 256

struct inquiry_question {
	TAILQ_ENTRY(inquiry_question) link;	/* in order of deadline */
	LIST_ENTRY(inquiry_question) bucket;
	struct inquiry *inquiry;
	uint32_t request;
	bool sent;
	unsigned repeats;
	uint64_t deadline;
	struct addressee_query query;
	void (*done)(void *arg, unsigned tag, struct addressee *a);
	void *arg;
	unsigned tag;
};

struct inquiry {
	struct loop *loop;
	uint64_t patience;
	void (*need)(void *arg);
	void *arg;
	struct ctl *ctl;
	TAILQ_HEAD(, inquiry_question) questions;
	LIST_HEAD(, inquiry_question) table[BUCKETS];
	size_t nsent, nunsent;
	uint32_t request;
	uint64_t needed_at;
	struct loop_timer *timer;	/* the earlier of: a deadline, another call of need, sending what waits */
};

static void
set_timer(struct inquiry *k, bool at_once)
{
	struct inquiry_question *q = TAILQ_FIRST(&k->questions);
	uint64_t now = clock_mono_ms(), after;

	if (q == NULL) {
		loop_timer_stop(k->timer);
		return;
	}
	after = at_once || q->deadline <= now ? 0 : q->deadline - now;
	if (k->nunsent > 0 && after > NEED_MS)
		after = NEED_MS;
	loop_timer_set(k->timer, after);
}

void
inquiry_forget(struct inquiry_question *q)
{
	if (q == NULL)
		return;
	TAILQ_REMOVE(&q->inquiry->questions, q, link);
	LIST_REMOVE(q, bucket);
	*(q->sent ? &q->inquiry->nsent : &q->inquiry->nunsent) -= 1;
	free(q);
}

static void
tell(struct inquiry_question *q, struct addressee *a)
{
	void (*done)(void *, unsigned, struct addressee *) = q->done;
	void *arg = q->arg;
	unsigned tag = q->tag;

	inquiry_forget(q);
	done(arg, tag, a);
}

static void
tell_trouble(struct inquiry_question *q, const char *text)
{
	struct addressee a = { 0 };

	addressee_set(&a, ADDRESSEE_TROUBLE, "4.4.3", "%s", text);
	tell(q, &a);
}

static void
send_waiting(struct inquiry *k)
{
	struct inquiry_question *q;

	TAILQ_FOREACH(q, &k->questions, link) {
		if (k->nunsent == 0 || k->nsent >= WINDOW)
			return;
		if (q->sent)
			continue;
		if (ctl_send(k->ctl, CTL_SEEK, q->request, &q->query, sizeof(q->query), -1) == -1)
			return;		/* its queue is full, or it is closing: the timer comes again */
		q->sent = true;
		k->nsent++;
		k->nunsent--;
	}
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct inquiry *k = arg;
	struct inquiry_question *q;
	struct addressee a;

	if (!addressee_take(&a, m)) {
		log_event(LOG_WARN, NULL, "trouble", "part=directory reason=%s", log_safe("malformed answer"));
		return;
	}
	LIST_FOREACH(q, &k->table[m->request % BUCKETS], bucket)
		if (q->request == m->request && q->sent) {
			tell(q, &a);
			break;
		}
	addressee_done(&a);
	if (k->nunsent > 0)
		set_timer(k, true);
}

/* The helper is gone: what it did not answer is unsent again. */
static void
on_close(void *arg, bool bad)
{
	struct inquiry *k = arg;
	struct inquiry_question *q;

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=directory reason=%s", log_safe("misbehaved"));
	ctl_free(k->ctl);
	k->ctl = NULL;
	TAILQ_FOREACH(q, &k->questions, link) {
		if (!q->sent)
			continue;
		q->sent = false;
		k->nsent--;
		k->nunsent++;
		q->repeats++;
	}
	set_timer(k, true);
}

/* Each round from the front, for telling one may ask or forget others. */
static struct inquiry_question *
next_over(struct inquiry *k, uint64_t now)
{
	struct inquiry_question *q;

	TAILQ_FOREACH(q, &k->questions, link)
		if (q->repeats > REPEATS || q->deadline <= now)
			return q;
		else if (q->repeats == 0)
			return NULL;	/* the rest is younger; repeated ones are the oldest */
	return NULL;
}

static void
on_timer(void *arg)
{
	struct inquiry *k = arg;
	struct inquiry_question *q;
	uint64_t now = clock_mono_ms();

	while ((q = next_over(k, now)) != NULL)
		tell_trouble(q, q->repeats > REPEATS ? "the directory helper ended again and again" : "the directory does not answer in time");
	if (k->nunsent > 0 && k->ctl != NULL)
		send_waiting(k);
	else if (k->nunsent > 0 && (k->needed_at == 0 || now - k->needed_at >= NEED_MS)) {
		k->needed_at = now;
		k->need(k->arg);
	}
	set_timer(k, false);
}

void
inquiry_channel(struct inquiry *k, int fd)
{
	ctl_free(k->ctl);
	k->ctl = ctl_new(k->loop, fd, CTL_FROM_HELPER, on_message, on_close, k);
	set_timer(k, true);
}

struct inquiry_question *
inquiry_ask(struct inquiry *k, const char *address, bool whole, void (*done)(void *arg, unsigned tag, struct addressee *a),
    void *arg, unsigned tag)
{
	struct inquiry_question *q = mem_new(struct inquiry_question);

	q->inquiry = k;
	q->request = ++k->request;
	q->query.whole = whole;
	snprintf(q->query.address, sizeof(q->query.address), "%s", address);
	q->done = done;
	q->arg = arg;
	q->tag = tag;
	q->deadline = clock_mono_ms() + k->patience;
	TAILQ_INSERT_TAIL(&k->questions, q, link);
	LIST_INSERT_HEAD(&k->table[q->request % BUCKETS], q, bucket);
	k->nunsent++;
	set_timer(k, true);
	return q;
}

struct inquiry *
inquiry_new(struct loop *l, uint64_t patience_ms, void (*need)(void *arg), void *arg)
{
	struct inquiry *k = mem_new(struct inquiry);

	k->loop = l;
	k->patience = patience_ms;
	k->need = need;
	k->arg = arg;
	TAILQ_INIT(&k->questions);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&k->table[i]);
	k->timer = loop_timer_new(l, on_timer, k);
	return k;
}

void
inquiry_free(struct inquiry *k)
{
	struct inquiry_question *q;

	if (k == NULL)
		return;
	while ((q = TAILQ_FIRST(&k->questions)) != NULL)
		inquiry_forget(q);
	ctl_free(k->ctl);
	loop_timer_free(k->timer);
	free(k);
}
