/*
 * dns_client - questions to the resolver helper
 *
 * Runs in:  listener, deliver
 * Owns:     a record for each question
 * Promise:  each question is answered once, within DNS_CLIENT_MS; when the helper dies, its open questions
 *           go to its successor
 * Fails by: DNS_TROUBLE with a text
 */
#include "common/helpers/dns_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

/* longer than the helper's own limit, so that its reason is seen */
#define DNS_CLIENT_MS 40000

struct dns_client_question {
	struct ctl_client_question base;
	struct msg_dns_query query;
	void (*done)(void *arg, unsigned tag, const struct msg_dns_answer *a);
	void *arg;
	unsigned tag;
};

static void
tell_dns_asker(struct dns_client_question *q, const struct msg_dns_answer *a)
{
	void (*done)(void *, unsigned, const struct msg_dns_answer *) = q->done;
	void *arg = q->arg;
	unsigned tag = q->tag;

	ctl_client_forget(&q->base);
	done(arg, tag, a);
}

static int
send_dns_query(struct ctl_client_question *base, struct ctl *c)
{
	const struct dns_client_question *q = (struct dns_client_question *)base;

	return ctl_send(c, CTL_DNS_ASK, base->request, &q->query, sizeof(q->query), -1);
}

/* An answer is too large for the stack of a callback chain. */
static bool
on_dns_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_dns_answer *a = mem_new(struct msg_dns_answer);
	bool good = msg_dns_answer_take(a, m->data, m->len);

	if (good)
		tell_dns_asker((struct dns_client_question *)base, a);
	free(a);
	return good;
}

static void
on_dns_failure(struct ctl_client_question *base, const char *why)
{
	struct msg_dns_answer *a = mem_new(struct msg_dns_answer);

	a->result = DNS_TROUBLE;
	snprintf(a->text, sizeof(a->text), "%s", why);
	tell_dns_asker((struct dns_client_question *)base, a);
	free(a);
}

static const struct ctl_client_kind kind = {
	.part = "resolver", .answer = CTL_DNS_ANSWER,
	.window = 900 /* below the helper's limit for one client */, .repeats = 3,
	.silent = "no answer from the resolver helper", .ended = "the resolver helper ended again and again",
	.send = send_dns_query, .answered = on_dns_answer, .failed = on_dns_failure,
};

void
dns_client_ask(struct ctl_client *k, uint16_t type, const char *name,
    void (*done)(void *arg, unsigned tag, const struct msg_dns_answer *a), void *arg, unsigned tag)
{
	struct dns_client_question *q = ctl_client_add(k, sizeof(*q));

	q->query.type = type;
	snprintf(q->query.name, sizeof(q->query.name), "%s", name);
	q->done = done;
	q->arg = arg;
	q->tag = tag;
	ctl_client_ask(&q->base);
}

struct ctl_client *
dns_client_new(struct loop *l, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(l, &kind, DNS_CLIENT_MS, need, arg);
}
