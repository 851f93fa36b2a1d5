/*
 * asker - one worker's channel to the resolver and its bounded set of open questions
 *
 * Runs in:  resolver
 * Owns:     a record per open question
 * Promise:  every question is answered with its request number; one worker cannot make another wait: at most
 *           ASKER_QUESTIONS_MAX are open, more get DNS_TROUBLE at once
 * Fails by: a malformed question ends this channel only; `gone` is called
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/mem.h"
#include "common/process/counsel.h"
#include "deliver/resolver/resolver.h"

struct open {
	LIST_ENTRY(open) link;
	struct asker *asker;
	uint32_t request;
	struct answers_question *question;
};

struct asker {
	struct answers *answers;
	struct counsel *counsel;
	LIST_HEAD(, open) open;
	size_t count;
	void (*gone)(void *arg, struct asker *k);
	void *arg;
};

static void
send_answer(struct asker *k, uint32_t request, const struct dns_answer *answer)
{
	counsel_answer(k->counsel, CTL_ANSWER, request, answer, dns_answer_size(answer), -1);
}

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	struct open *o = arg;
	struct asker *k = o->asker;

	send_answer(k, o->request, answer);
	LIST_REMOVE(o, link);
	k->count--;
	free(o);
}

static void
refuse(struct asker *k, uint32_t request)
{
	struct dns_answer answer;

	memset(&answer, 0, offsetof(struct dns_answer, record));
	answer.result = DNS_TROUBLE;
	snprintf(answer.text, sizeof(answer.text), "more than %u open DNS questions", ASKER_QUESTIONS_MAX);
	send_answer(k, request, &answer);
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct asker *k = arg;
	struct dns_query query;

	if (m->type != CTL_QUERY || !dns_query_take(&query, m->data, m->len))
		return false;
	if (k->count == ASKER_QUESTIONS_MAX) {
		refuse(k, m->request);
		return true;
	}
	struct open *o = mem_new(struct open);
	o->asker = k;
	o->request = m->request;
	LIST_INSERT_HEAD(&k->open, o, link);
	k->count++;
	struct answers_question *question = answers_ask(k->answers, &query, on_answer, o);
	if (question != NULL)		/* else it was answered, and `o` is gone */
		o->question = question;
	return true;
}

static void
on_gone(void *arg)
{
	struct asker *k = arg;
	void (*gone)(void *, struct asker *) = k->gone;

	gone(k->arg, k);
	asker_free(k);
}

static const struct counsel_kind kind = { .part = "resolver", .asked = on_question, .gone = on_gone };

struct asker *
asker_new(struct loop *l, struct answers *a, int fd, const char *server, void (*gone)(void *arg, struct asker *k), void *arg)
{
	struct asker *k = mem_new(struct asker);

	k->answers = a;
	k->gone = gone;
	k->arg = arg;
	LIST_INIT(&k->open);
	k->counsel = counsel_new(l, &kind, fd, server, k);
	return k;
}

void
asker_free(struct asker *k)
{
	struct open *o;

	while ((o = LIST_FIRST(&k->open)) != NULL) {
		LIST_REMOVE(o, link);
		answers_forget(o->question);
		free(o);
	}
	counsel_free(k->counsel);
	free(k);
}
