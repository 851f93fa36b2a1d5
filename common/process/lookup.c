/*
 * lookup - questions to the resolver helper
 *
 * Runs in:  deliver, listener
 * Owns:     a record for each question
 * Promise:  each is answered once within LOOKUP_MS; what a helper that dies had not answered is asked of its successor
 * Fails by: DNS_TROUBLE with a text
 */
#include "common/process/lookup.h"

#include <stdio.h>
#include <string.h>

#define LOOKUP_MS 40000		/* more than the helper's own limit, so that its reason is the one seen */

struct lookup_question {
	struct consult_question base;
	struct dns_query query;
	void (*done)(void *arg, unsigned tag, const struct dns_answer *a);
	void *arg;
	unsigned tag;
};

static struct dns_answer answer;	/* too large for the stack of a callback chain; ours while one is told */

static void
tell(struct lookup_question *q)
{
	void (*done)(void *, unsigned, const struct dns_answer *) = q->done;
	void *arg = q->arg;
	unsigned tag = q->tag;

	consult_forget(&q->base);
	done(arg, tag, &answer);
}

static int
send_query(struct consult_question *base, struct ctl *c)
{
	const struct lookup_question *q = (struct lookup_question *)base;

	return ctl_send(c, CTL_QUERY, base->request, &q->query, sizeof(q->query), -1);
}

static bool
on_answer(struct consult_question *base, const struct ctl_message *m)
{
	if (!dns_answer_take(&answer, m->data, m->len))
		return false;
	tell((struct lookup_question *)base);
	return true;
}

static void
on_failure(struct consult_question *base, const char *why)
{
	memset(&answer, 0, offsetof(struct dns_answer, record));
	answer.result = DNS_TROUBLE;
	snprintf(answer.text, sizeof(answer.text), "%s", why);
	tell((struct lookup_question *)base);
}

static const struct consult_kind kind = {
	.part = "resolver", .answer = CTL_ANSWER, .window = 900 /* below the helper's limit for one client */, .repeats = 3,
	.silent = "no answer from the resolver helper", .ended = "the resolver helper ended again and again",
	.send = send_query, .answered = on_answer, .failed = on_failure,
};

void
lookup_ask(struct consult *k, uint16_t type, const char *name, void (*done)(void *arg, unsigned tag, const struct dns_answer *a),
    void *arg, unsigned tag)
{
	struct lookup_question *q = consult_add(k, sizeof(*q));

	q->query.type = type;
	snprintf(q->query.name, sizeof(q->query.name), "%s", name);
	q->done = done;
	q->arg = arg;
	q->tag = tag;
	consult_ask(&q->base);
}

struct consult *
lookup_new(struct loop *l, void (*need)(void *arg), void *arg)
{
	return consult_new(l, &kind, LOOKUP_MS, need, arg);
}
