/*
 * inquiry - questions about local recipients to the directory helper
 *
 * Runs in:  deliver, listener
 * Owns:     a record for each question
 * Promise:  each is answered once within the patience it was given; what a helper that dies had not answered is asked of its successor
 * Fails by: ADDRESSEE_TROUBLE with a text
 */
#include "common/process/inquiry.h"

#include <stdio.h>

struct inquiry_question {
	struct consult_question base;
	struct addressee_query query;
	void (*done)(void *arg, unsigned tag, struct addressee *a);
	void *arg;
	unsigned tag;
};

static void
tell(struct inquiry_question *q, struct addressee *a)
{
	void (*done)(void *, unsigned, struct addressee *) = q->done;
	void *arg = q->arg;
	unsigned tag = q->tag;

	consult_forget(&q->base);
	done(arg, tag, a);
}

static int
send_query(struct consult_question *base, struct ctl *c)
{
	const struct inquiry_question *q = (struct inquiry_question *)base;

	return ctl_send(c, CTL_SEEK, base->request, &q->query, sizeof(q->query), -1);
}

static bool
on_answer(struct consult_question *base, const struct ctl_message *m)
{
	struct addressee a;

	if (!addressee_take(&a, m))
		return false;
	tell((struct inquiry_question *)base, &a);
	addressee_done(&a);
	return true;
}

static void
on_failure(struct consult_question *base, const char *why)
{
	struct addressee a = { 0 };

	addressee_set(&a, ADDRESSEE_TROUBLE, "4.4.3", "%s", why);
	tell((struct inquiry_question *)base, &a);
}

static const struct consult_kind kind = {
	.part = "directory", .answer = CTL_SOUGHT, .window = 500 /* below the helper's limit for one worker */, .repeats = 3,
	.silent = "the directory does not answer in time", .ended = "the directory helper ended again and again",
	.send = send_query, .answered = on_answer, .failed = on_failure,
};

struct consult_question *
inquiry_ask(struct consult *k, const char *address, bool whole, void (*done)(void *arg, unsigned tag, struct addressee *a),
    void *arg, unsigned tag)
{
	struct inquiry_question *q = consult_add(k, sizeof(*q));

	q->query.whole = whole;
	snprintf(q->query.address, sizeof(q->query.address), "%s", address);
	q->done = done;
	q->arg = arg;
	q->tag = tag;
	consult_ask(&q->base);
	return &q->base;
}

struct consult *
inquiry_new(struct loop *l, uint64_t patience_ms, void (*need)(void *arg), void *arg)
{
	return consult_new(l, &kind, patience_ms, need, arg);
}
