/*
 * lookup - questions to the resolver helper, over a channel that may die and come again
 *
 * Runs in:  deliver
 * Owns:     the channel, the open questions
 * Promise:  each question is answered once within LOOKUP_MS; when the helper dies, what it had not answered is asked of
 *           its successor, at most REPEATS times; no more than WINDOW are with the helper at a time
 * Fails by: DNS_TROUBLE with a text
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

#define LOOKUP_MS 40000		/* more than the helper's own limit, so that its reason is the one seen */
#define REPEATS 3
#define WINDOW 900		/* below the helper's limit for one client */
#define NEED_MS 1000		/* asks the master at most so often */
#define BUCKETS 256

struct question {
	TAILQ_ENTRY(question) link;	/* in order of deadline */
	LIST_ENTRY(question) bucket;
	uint32_t request;
	bool sent;
	unsigned repeats;
	uint64_t deadline;
	struct dns_query query;
	void (*done)(void *arg, unsigned tag, const struct dns_answer *a);
	void *arg;
	unsigned tag;
};

struct lookup {
	struct loop *loop;
	void (*need)(void *arg);
	void *arg;
	struct ctl *ctl;
	TAILQ_HEAD(, question) questions;
	LIST_HEAD(, question) table[BUCKETS];
	size_t nsent, nunsent;
	uint32_t request;
	uint64_t needed_at;
	struct loop_timer *timer;	/* the earlier of: a deadline, another call of need, sending what waits */
	struct dns_answer answer;	/* too large for the stack of a callback chain */
};

static void set_timer(struct lookup *k, bool at_once);

static void
tell(struct lookup *k, struct question *q, const struct dns_answer *a)
{
	TAILQ_REMOVE(&k->questions, q, link);
	LIST_REMOVE(q, bucket);
	*(q->sent ? &k->nsent : &k->nunsent) -= 1;
	q->done(q->arg, q->tag, a);
	free(q);
}

static void
tell_trouble(struct lookup *k, struct question *q, const char *text)
{
	struct dns_answer *a = &k->answer;

	memset(a, 0, offsetof(struct dns_answer, record));
	a->result = DNS_TROUBLE;
	snprintf(a->text, sizeof(a->text), "%s", text);
	tell(k, q, a);
}

static void
send_waiting(struct lookup *k)
{
	struct question *q;

	TAILQ_FOREACH(q, &k->questions, link) {
		if (k->nunsent == 0 || k->nsent >= WINDOW)
			return;
		if (q->sent)
			continue;
		if (ctl_send(k->ctl, CTL_QUERY, q->request, &q->query, sizeof(q->query), -1) == -1)
			return;		/* its queue is full, or it is closing: the timer comes again */
		q->sent = true;
		k->nsent++;
		k->nunsent--;
	}
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct lookup *k = arg;
	struct question *q;

	if (m->type != CTL_ANSWER || !dns_answer_take(&k->answer, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s", log_safe("malformed answer"));
		return;
	}
	LIST_FOREACH(q, &k->table[m->request % BUCKETS], bucket)
		if (q->request == m->request && q->sent) {
			tell(k, q, &k->answer);
			break;
		}
	if (k->nunsent > 0)
		set_timer(k, true);
}

/* The helper is gone: what it did not answer is unsent again. */
static void
on_close(void *arg, bool bad)
{
	struct lookup *k = arg;
	struct question *q, *next;

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s", log_safe("misbehaved"));
	ctl_free(k->ctl);
	k->ctl = NULL;
	for (q = TAILQ_FIRST(&k->questions); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (!q->sent)
			continue;
		q->sent = false;
		k->nsent--;
		k->nunsent++;
		if (++q->repeats > REPEATS)
			q->deadline = 0;
	}
	set_timer(k, true);
}

static void
set_timer(struct lookup *k, bool at_once)
{
	struct question *q = TAILQ_FIRST(&k->questions);
	uint64_t now = clock_mono_ms();

	if (q == NULL)
		loop_timer_stop(k->timer);
	else if (at_once)
		loop_timer_set(k->timer, 0);
	else {
		uint64_t after = q->deadline > now ? q->deadline - now : 0;
		if (k->nunsent > 0 && after > NEED_MS)
			after = NEED_MS;
		loop_timer_set(k->timer, after);
	}
}

static void
on_timer(void *arg)
{
	struct lookup *k = arg;
	struct question *q, *next;
	uint64_t now = clock_mono_ms();

	for (q = TAILQ_FIRST(&k->questions); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (q->repeats > REPEATS)
			tell_trouble(k, q, "the resolver helper ended again and again");
		else if (q->deadline <= now)
			tell_trouble(k, q, "no answer from the resolver helper");
		else if (q->repeats == 0)
			break;		/* the rest is younger; repeated ones are the oldest */
	}
	if (k->nunsent > 0 && k->ctl != NULL)
		send_waiting(k);
	else if (k->nunsent > 0 && now - k->needed_at >= NEED_MS) {
		k->needed_at = now;
		k->need(k->arg);
	}
	set_timer(k, false);
}

void
lookup_channel(struct lookup *k, int fd)
{
	ctl_free(k->ctl);
	k->ctl = ctl_new(k->loop, fd, CTL_FROM_HELPER, on_message, on_close, k);
	set_timer(k, true);
}

void
lookup_ask(struct lookup *k, uint16_t type, const char *name, void (*done)(void *arg, unsigned tag, const struct dns_answer *a),
    void *arg, unsigned tag)
{
	struct question *q = mem_new(struct question);

	q->request = ++k->request;
	q->query.type = type;
	snprintf(q->query.name, sizeof(q->query.name), "%s", name);
	q->done = done;
	q->arg = arg;
	q->tag = tag;
	q->deadline = clock_mono_ms() + LOOKUP_MS;
	TAILQ_INSERT_TAIL(&k->questions, q, link);
	LIST_INSERT_HEAD(&k->table[q->request % BUCKETS], q, bucket);
	k->nunsent++;
	set_timer(k, true);
}

struct lookup *
lookup_new(struct loop *l, void (*need)(void *arg), void *arg)
{
	struct lookup *k = mem_new(struct lookup);

	k->loop = l;
	k->need = need;
	k->arg = arg;
	TAILQ_INIT(&k->questions);
	k->timer = loop_timer_new(l, on_timer, k);
	return k;
}

void
lookup_free(struct lookup *k)
{
	struct question *q;

	while ((q = TAILQ_FIRST(&k->questions)) != NULL) {
		TAILQ_REMOVE(&k->questions, q, link);
		free(q);
	}
	ctl_free(k->ctl);
	loop_timer_free(k->timer);
	free(k);
}
