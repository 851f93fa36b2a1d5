/*
 * dns_channel - one worker's channel to the resolver and its bounded set of open questions
 *
 * Runs in:  resolver
 * Owns:     a record per open question
 * Promise:  every question is answered with its request number; one worker cannot make another wait: at most
 *           DNS_CHANNEL_QUESTIONS_MAX are open, more get DNS_TROUBLE at once
 * Fails by: a malformed question ends this channel only; `gone` is called
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "deliver/resolver/resolver.h"

struct open {
	LIST_ENTRY(open) link;
	struct dns_channel *asker;
	uint32_t request;
	struct dns_query_question *question;
};

struct dns_channel {
	struct dns_query *answers;
	struct ctl_server *ctl_server;
	LIST_HEAD(, open) open;
	size_t count;
	void (*gone)(void *arg, struct dns_channel *k);
	void *arg;
};

static void
send_answer(struct dns_channel *k, uint32_t request, const struct msg_dns_answer *answer)
{
	ctl_server_answer(k->ctl_server, CTL_DNS_ANSWER, request, answer, msg_dns_answer_size(answer), -1);
}

static void
on_answer(void *arg, const struct msg_dns_answer *answer)
{
	struct open *o = arg;
	struct dns_channel *k = o->asker;

	send_answer(k, o->request, answer);
	LIST_REMOVE(o, link);
	k->count--;
	free(o);
}

static void
refuse(struct dns_channel *k, uint32_t request)
{
	struct msg_dns_answer answer;

	memset(&answer, 0, offsetof(struct msg_dns_answer, record));
	answer.result = DNS_TROUBLE;
	snprintf(answer.text, sizeof(answer.text), "more than %u open DNS questions",
	    DNS_CHANNEL_QUESTIONS_MAX);
	send_answer(k, request, &answer);
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct dns_channel *k = arg;
	struct msg_dns_query query;
	struct dns_query_question *question;
	struct open *o;

	if (m->type != CTL_DNS_ASK || !msg_dns_query_take(&query, m->data, m->len))
		return false;
	if (k->count == DNS_CHANNEL_QUESTIONS_MAX) {
		refuse(k, m->request);
		return true;
	}
	o = mem_new(struct open);
	o->asker = k;
	o->request = m->request;
	LIST_INSERT_HEAD(&k->open, o, link);
	k->count++;
	question = dns_query_ask(k->answers, &query, on_answer, o);
	if (question != NULL)		/* else it was answered, and `o` is gone */
		o->question = question;
	return true;
}

static void
on_gone(void *arg)
{
	struct dns_channel *k = arg;
	void (*gone)(void *, struct dns_channel *) = k->gone;

	gone(k->arg, k);
	dns_channel_free(k);
}

static const struct ctl_server_kind kind = { .part = "resolver", .asked = on_question, .gone = on_gone };

struct dns_channel *
dns_channel_new(struct loop *l, struct dns_query *a, int fd, const char *server,
    void (*gone)(void *arg, struct dns_channel *k), void *arg)
{
	struct dns_channel *k = mem_new(struct dns_channel);

	k->answers = a;
	k->gone = gone;
	k->arg = arg;
	LIST_INIT(&k->open);
	k->ctl_server = ctl_server_new(l, &kind, fd, server, k);
	return k;
}

void
dns_channel_free(struct dns_channel *k)
{
	struct open *o;

	while ((o = LIST_FIRST(&k->open)) != NULL) {
		LIST_REMOVE(o, link);
		dns_query_forget(o->question);
		free(o);
	}
	ctl_server_free(k->ctl_server);
	free(k);
}
