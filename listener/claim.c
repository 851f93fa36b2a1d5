/*
 * claim - questions to the deliver worker of this virtual server, for the mail that it holds
 *
 * Runs in:  listener
 * Owns:     a record for each question under way
 * Promise:  inbound_claimed() is called once for each question that was not forgotten, never from inside claim_start(); a
 *           worker that ends or does not come costs those who wait a "later", not their session
 * Fails by: PLEA_LATER
 */
#include <string.h>

#include "listener/listener.h"

enum { PATIENCE_MS = 10000 };

struct claim_question {
	struct consult_question base;
	struct inbound *inbound;
	char node[PLEA_NAME_SIZE];	/* the first domain, for the reply */
	struct plea plea;
};

/* Tells the owner, who forgets the question with it. */
static void
tell(struct claim_question *q, const struct plea_answer *a, int fd)
{
	struct inbound *c = q->inbound;
	char node[PLEA_NAME_SIZE];

	memcpy(node, q->node, sizeof(node));
	consult_forget(&q->base);
	inbound_claimed(c, a, node, fd);
}

static int
send_plea(struct consult_question *base, struct ctl *c)
{
	const struct claim_question *q = (struct claim_question *)base;

	return ctl_send(c, CTL_PLEA, base->request, &q->plea, plea_size(&q->plea), -1);
}

static bool
on_answer(struct consult_question *base, const struct ctl_message *m)
{
	struct plea_answer a;

	memcpy(&a, m->data, sizeof(a));
	tell((struct claim_question *)base, &a, m->fd);
	return true;
}

static void
on_failure(struct consult_question *base, const char *why)
{
	static const struct plea_answer later = { .result = PLEA_LATER };

	(void)why;
	tell((struct claim_question *)base, &later, -1);
}

static void
need(void *arg)
{
	boot_need(((struct listener *)arg)->boot, CTL_HELPER_DELIVER);
}

static const struct consult_kind kind = {
	.part = "deliver", .answer = CTL_PLEA_ANSWER, .send = send_plea, .answered = on_answer, .failed = on_failure,
};

struct consult *
claim_new(struct listener *l)
{
	return consult_new(l->boot->loop, &kind, PATIENCE_MS, need, l);
}

struct consult_question *
claim_start(struct consult *k, struct inbound *c, const struct plea *d)
{
	struct claim_question *q = consult_add(k, sizeof(*q));
	size_t at = 0;
	const char *first = plea_next(d, &at);

	q->inbound = c;
	memcpy(&q->plea, d, plea_size(d));
	if (first != NULL)
		memcpy(q->node, first, strnlen(first, sizeof(q->node) - 1));
	consult_ask(&q->base);
	return &q->base;
}
