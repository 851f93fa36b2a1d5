/*
 * directory_client - questions about local recipients and senders to the directory helper
 *
 * Runs in:  listener, deliver
 * Owns:     a record for each question
 * Promise:  each question is answered once, within its patience; when the helper dies, its open questions
 *           go to its successor
 * Fails by: DIRECTORY_TROUBLE with a text
 */
#include "common/helpers/directory_client.h"

#include <stdio.h>

struct directory_client_question {
	struct ctl_client_question base;
	struct msg_directory_query query;
	void (*done)(void *arg, unsigned tag, struct msg_directory *a);
	void *arg;
	unsigned tag;
};

static void
tell_directory_asker(struct directory_client_question *q, struct msg_directory *a)
{
	void (*done)(void *, unsigned, struct msg_directory *) = q->done;
	void *arg = q->arg;
	unsigned tag = q->tag;

	ctl_client_forget(&q->base);
	done(arg, tag, a);
}

static int
send_directory_query(struct ctl_client_question *base, struct ctl *c)
{
	const struct directory_client_question *q = (struct directory_client_question *)base;

	return ctl_send(c, CTL_DIRECTORY_ASK, base->request, &q->query, sizeof(q->query), -1);
}

static bool
on_directory_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_directory a;

	if (!msg_directory_take(&a, m))
		return false;
	tell_directory_asker((struct directory_client_question *)base, &a);
	msg_directory_done(&a);
	return true;
}

static void
on_directory_failure(struct ctl_client_question *base, const char *why)
{
	struct msg_directory a = { 0 };

	msg_directory_set(&a, DIRECTORY_TROUBLE, "4.4.3", "%s", why);
	tell_directory_asker((struct directory_client_question *)base, &a);
}

static const struct ctl_client_kind kind = {
	.part = "directory", .answer = CTL_DIRECTORY_ANSWER,
	.window = 500 /* below the helper's limit for one worker */, .repeats = 3,
	.silent = "the directory does not answer in time",
	.ended = "the directory helper ended again and again",
	.send = send_directory_query, .answered = on_directory_answer, .failed = on_directory_failure,
};

struct ctl_client_question *
directory_client_ask(struct ctl_client *k, const char *address, const char *member,
    enum msg_directory_want want, void (*done)(void *arg, unsigned tag, struct msg_directory *a), void *arg,
    unsigned tag)
{
	struct directory_client_question *q = ctl_client_add(k, sizeof(*q));

	q->query.want = (uint8_t)want;
	snprintf(q->query.address, sizeof(q->query.address), "%s", address);
	snprintf(q->query.member, sizeof(q->query.member), "%s", member != NULL ? member : "");
	q->done = done;
	q->arg = arg;
	q->tag = tag;
	ctl_client_ask(&q->base);
	return &q->base;
}

struct ctl_client *
directory_client_new(struct loop *l, uint64_t patience_ms, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(l, &kind, patience_ms, need, arg);
}
