/*
 * etrn_client - questions to the deliver worker of this virtual server, for the mail that it holds
 *
 * Runs in:  listener
 * Owns:     a record for each question under way
 * Promise:  inbound_claimed() is called once for each question that was not forgotten, never from inside
 *           etrn_client_start(); a worker that ends or does not come costs those who wait a "later", not
 *           their session
 * Fails by: MSG_ETRN_LATER
 */
#include <string.h>

#include "common/ipc/ctl_client.h"
#include "common/ipc/msg_etrn.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

enum { PATIENCE_MS = 10000 };

struct etrn_question {
	struct ctl_client_question base;
	struct inbound *inbound;
	char node[MSG_ETRN_NAME_SIZE];	/* the first domain, for the reply */
	struct msg_etrn etrn_ask;
};

/* Tells the owner, who forgets the question with it. */
static void
tell(struct etrn_question *q, const struct msg_etrn_answer *a, int fd)
{
	struct inbound *c = q->inbound;
	char node[MSG_ETRN_NAME_SIZE];

	memcpy(node, q->node, sizeof(node));
	ctl_client_forget(&q->base);
	inbound_claimed(c, a, node, fd);
}

static int
send_plea(struct ctl_client_question *base, struct ctl *c)
{
	const struct etrn_question *q = (struct etrn_question *)base;

	return ctl_send(c, CTL_ETRN, base->request, &q->etrn_ask, msg_etrn_size(&q->etrn_ask), -1);
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_etrn_answer a;

	memcpy(&a, m->data, sizeof(a));
	tell((struct etrn_question *)base, &a, m->fd);
	return true;
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	static const struct msg_etrn_answer later = { .result = MSG_ETRN_LATER };

	(void)why;
	tell((struct etrn_question *)base, &later, -1);
}

static void
need(void *arg)
{
	boot_need(((struct listener *)arg)->boot, CTL_HELPER_DELIVER);
}

static const struct ctl_client_kind kind = {
	.part = "deliver", .answer = CTL_ETRN_ANSWER, .send = send_plea, .answered = on_answer,
	.failed = on_failure,
};

struct ctl_client *
etrn_client_new(struct listener *l)
{
	return ctl_client_new(l->boot->loop, &kind, PATIENCE_MS, need, l);
}

struct ctl_client_question *
etrn_client_start(struct ctl_client *k, struct inbound *c, const struct msg_etrn *d)
{
	struct etrn_question *q = ctl_client_add(k, sizeof(*q));
	size_t at = 0;
	const char *first = msg_etrn_next(d, &at);

	q->inbound = c;
	memcpy(&q->etrn_ask, d, msg_etrn_size(d));
	if (first != NULL)
		memcpy(q->node, first, strnlen(first, sizeof(q->node) - 1));
	ctl_client_ask(&q->base);
	return &q->base;
}
