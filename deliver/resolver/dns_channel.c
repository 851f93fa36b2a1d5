/*
 * dns_channel - what one worker asks the resolver, and what it is answered
 *
 * Runs in:  resolver
 * Owns:     a record for each open question
 * Promise:  every question is answered with its request number; at most DNS_CHANNEL_QUESTIONS_MAX of one
 *           worker are open, a further one gets DNS_TROUBLE at once: no worker makes another one wait
 * Fails by: a malformed question ends this worker's channel only
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define DNS_CHANNEL_QUESTIONS_MAX 1000

struct channel_question {
	struct ctl_server_question open;
	struct dns_query_question *asked;
};

static void
send_dns_answer(struct ctl_server *s, uint32_t request, const struct msg_dns_answer *answer)
{
	ctl_server_answer(s, CTL_DNS_ANSWER, request, answer, msg_dns_answer_size(answer), -1);
}

static void
on_dns_answer(void *arg, const struct msg_dns_answer *answer)
{
	struct channel_question *q = arg;

	send_dns_answer(q->open.server, q->open.request, answer);
	ctl_server_close(&q->open);
	free(q);
}

static void
refuse_dns(struct ctl_server *s, uint32_t request)
{
	struct msg_dns_answer answer;

	memset(&answer, 0, offsetof(struct msg_dns_answer, record));
	answer.result = DNS_TROUBLE;
	snprintf(answer.text, sizeof(answer.text), "more than %u open DNS questions",
	    DNS_CHANNEL_QUESTIONS_MAX);
	send_dns_answer(s, request, &answer);
}

static bool
on_dns_ask(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	struct resolver *r = arg;
	struct msg_dns_query query;
	struct dns_query_question *asked;
	struct channel_question *q;

	if (m->type != CTL_DNS_ASK || !msg_dns_query_take(&query, m->data, m->len))
		return false;
	if (ctl_server_is_full(s)) {
		refuse_dns(s, m->request);
		return true;
	}
	q = mem_new(struct channel_question);
	ctl_server_open(s, &q->open, m->request);
	asked = dns_query_ask(r->queries, &query, on_dns_answer, q);
	if (asked != NULL)	/* else it is answered already, and `q` is freed */
		q->asked = asked;
	return true;
}

static void
on_dns_left(struct ctl_server_question *open)
{
	struct channel_question *q = (struct channel_question *)open;

	dns_query_forget(q->asked);
	free(q);
}

const struct ctl_server_kind dns_channel = {
	.part = "resolver",
	.questions_max = DNS_CHANNEL_QUESTIONS_MAX,
	.asked = on_dns_ask,
	.left = on_dns_left,
};
