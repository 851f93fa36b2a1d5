/*
 * expand - local recipients and senders looked up in the directory; lists and other addresses become messages
 * of their own
 *
 * Runs in:  deliver, on the loop
 * Owns:     the questions to the directory helper, the jobs under way
 * Promise:  a recipient is delivered only once all that it expands to is in the queue: a crash before its
 *           mark expands it again, which may bring duplicates and loses nothing. A directory that cannot be
 *           asked defers, it never refuses. Members that get no mail, or cannot be looked up now, become
 *           recipients of a message of their own: the others do not wait for them
 * Fails by: verdicts
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/helpers/directory_client.h"
#include "common/ipc/ctl_client.h"
#include "common/process/loop.h"
#include "deliver/local/local.h"

#define PATIENCE_MS 360000	/* longer than the limit of the helper, whose reason is reported */
#define COPIES_MAX 16		/* messages written at a time */

struct expand {
	struct boot *boot;
	struct enqueue *enqueue;
	struct ctl_client *directory_client;
	void (*queued)(void *arg, const char *id);
	void *queued_arg;
	TAILQ_HEAD(, expand_job) asking, waiting, copying;	/* waiting: to be copied */
	size_t ncopying;
	TAILQ_HEAD(, expand_sender) senders;	/* asked about */
	struct loop_timer *soon;	/* for jobs in `asking` that have all answers from the start */
	bool down;
};

static void start_copies(struct expand *x);

/* --- the end of a job --- */

static void
finish_job(struct expand_job *job)
{
	for (size_t k = 0; k < job->count; k++)
		msg_directory_done(&job->out[k].answer);
	free(job->question);
	expand_copy_free(job->copy);
	job->copy = NULL;
	job->question = NULL;
	job->done(job->arg, job);
}

static void
set_later(struct expand_job *job, const struct verdict *v)
{
	for (size_t k = 0; k < job->count; k++)
		if (job->out[k].answer.result == DIRECTORY_LIST)
			job->out[k].verdict = *v;
}

static void
tell_expanded(const struct expand_job *job)
{
	for (size_t k = 0; k < job->count; k++) {
		const struct expand_recipient *r = &job->out[k];

		if (r->answer.result == DIRECTORY_LIST)
			log_event(LOG_FACT, job->e->id, "expanded",
			    "recipient=%s addresses=%u message=%s%s%s",
			    log_safe(job->e->rcpt[job->index[k]].address), r->copies,
			    job->copy->id[0] != '\0' ? job->copy->id : "-",
			    r->answer.text[0] != '\0' ? " note=" : "",
			    r->answer.text[0] != '\0' ? log_safe(r->answer.text) : "");
	}
}

static void
on_copied(void *arg)
{
	struct expand_job *job = arg;
	struct expand *x = job->expand;
	struct verdict v;

	TAILQ_REMOVE(&x->copying, job, link);
	x->ncopying--;
	disk_crash_point("expand-queued");
	if (job->copy->error == 0) {
		tell_expanded(job);
	} else {
		verdict_from_errno(&v, job->copy->error, "expanding");
		set_later(job, &v);
	}
	finish_job(job);
	start_copies(x);
}

static void
start_copies(struct expand *x)
{
	struct expand_job *job;

	while (x->ncopying < COPIES_MAX && (job = TAILQ_FIRST(&x->waiting)) != NULL) {
		TAILQ_REMOVE(&x->waiting, job, link);
		TAILQ_INSERT_TAIL(&x->copying, job, link);
		x->ncopying++;
		job->copy = expand_copy_new(job, x->enqueue, x->boot->server->ldap.report_members);
		job->copy->queued = x->queued;
		job->copy->queued_arg = x->queued_arg;
		job->copy->done = on_copied;
		job->copy->arg = job;
		expand_copy_begin(job->copy);
	}
}

/* --- answers --- */

/* Of the list: those to which the mail goes now. */
static uint32_t
count_addresses(const struct msg_directory *a)
{
	enum msg_directory_kind kind;
	const char *at = NULL;
	uint32_t n = 0;

	while (msg_directory_next(a, &at, &kind) != NULL)
		n += kind == DIRECTORY_FINAL || kind == DIRECTORY_ABSENT;
	return n;
}

/* The verdict of a recipient. True: the message is to be copied for it. */
static bool
judge_recipient(struct expand_recipient *r)
{
	struct verdict *v = &r->verdict;

	switch (r->answer.result) {
	case DIRECTORY_MAILBOX:
		verdict_set(v, VERDICT_ACCEPTED, "2.0.0", "%s", "");
		verdict_deliver(v);
		return false;
	case DIRECTORY_LIST:
		r->copies = count_addresses(&r->answer);
		verdict_set(v, VERDICT_ACCEPTED, "2.0.0",
		    r->copies == 1 ? "sent on to the address it stands for" : "sent on to %u addresses",
		    r->copies);
		verdict_deliver(v);
		return true;
	case DIRECTORY_UNKNOWN:
		verdict_set(v, VERDICT_REFUSED, "5.1.1", "%s", r->answer.text);
		return false;
	case DIRECTORY_REFUSED:
		verdict_set(v, VERDICT_REFUSED, r->answer.status, "%s", r->answer.text);
		return false;
	case DIRECTORY_LATER:
		verdict_set(v, VERDICT_LATER, "4.4.3", "%s", r->answer.text);
		return false;
	case DIRECTORY_TROUBLE:
		verdict_set(v, VERDICT_LATER, "4.4.3", "the directory cannot be asked: %s", r->answer.text);
		return false;
	}
	bug("answer %d of the directory", (int)r->answer.result);
}

static void
on_all_answered(struct expand_job *job)
{
	struct expand *x = job->expand;
	bool any = false;

	TAILQ_REMOVE(&x->asking, job, link);
	for (size_t k = 0; k < job->count; k++)
		any |= judge_recipient(&job->out[k]);
	if (!any) {
		finish_job(job);
		return;
	}
	TAILQ_INSERT_TAIL(&x->waiting, job, link);
	start_copies(x);
}

static void
on_answer(void *arg, unsigned tag, struct msg_directory *a)
{
	struct expand_job *job = arg;

	job->question[tag] = NULL;
	job->out[tag].answer = *a;
	a->list = NULL;
	job->expand->down = a->result == DIRECTORY_TROUBLE;
	if (--job->waiting == 0)
		on_all_answered(job);
}

static void
on_soon(void *arg)
{
	struct expand *x = arg;
	struct expand_job *job, *next;

	TAILQ_FOREACH_SAFE(job, &x->asking, link, next)
		if (job->waiting == 0)
			on_all_answered(job);
}

/* What became of a member that gets no mail is known since its group was expanded: "5.1.1 name: words". */
static void
ask_about(struct expand *x, struct expand_job *job, size_t k)
{
	const struct message_recipient *r = &job->e->rcpt[job->index[k]];

	if (r->refused == NULL) {
		job->question[k] = directory_client_ask(x->directory_client, r->address, r->member,
		    DIRECTORY_WANT_WHOLE, on_answer, job, (unsigned)k);
		return;
	}
	msg_directory_set(&job->out[k].answer, DIRECTORY_REFUSED, "", "%s",
	    r->refused + strcspn(r->refused, " "));
	snprintf(job->out[k].answer.status, sizeof(job->out[k].answer.status), "%.*s",
	    (int)strcspn(r->refused, " "), r->refused);
	job->waiting--;
}

void
expand_submit(struct expand *x, struct expand_job *job)
{
	job->expand = x;
	job->copy = NULL;
	job->waiting = job->count;
	job->question = mem_zalloc(job->count * sizeof(job->question[0]));
	TAILQ_INSERT_TAIL(&x->asking, job, link);
	for (size_t k = 0; k < job->count; k++)
		ask_about(x, job, k);
	if (job->waiting == 0)
		loop_timer_set(x->soon, 0);
}

/* --- senders --- */

static void
finish_sender(struct expand_sender *s)
{
	TAILQ_REMOVE(&s->expand->senders, s, link);
	s->done(s->arg);
}

/* Mail waits only where nothing can be found out; an unknown sender, or one of two entries, stays. */
static void
on_sender_answer(void *arg, unsigned tag, struct msg_directory *a)
{
	struct expand_sender *s = arg;
	enum msg_directory_kind kind;
	const char *at = NULL, *own = msg_directory_next(a, &at, &kind);

	(void)tag;
	s->question = NULL;
	s->expand->down = a->result == DIRECTORY_TROUBLE;
	if (a->result == DIRECTORY_TROUBLE || a->result == DIRECTORY_LATER)
		verdict_set(&s->verdict, VERDICT_LATER, "4.4.3",
		    "the directory cannot be asked about the sender: %s", a->text);
	else
		verdict_set(&s->verdict, VERDICT_ACCEPTED, "2.0.0", "%s", "");
	if (a->result == DIRECTORY_LIST && own != NULL && kind == DIRECTORY_FINAL)
		snprintf(s->own, sizeof(s->own), "%s", own);
	finish_sender(s);
}

void
expand_sender_submit(struct expand *x, struct expand_sender *s)
{
	s->expand = x;
	TAILQ_INSERT_TAIL(&x->senders, s, link);
	s->question = directory_client_ask(x->directory_client, s->address, NULL, DIRECTORY_WANT_OWN,
	    on_sender_answer, s, 0);
}

/* --- the end of all --- */

bool
expand_is_down(const struct expand *x)
{
	return x->down;
}

static void
forget_questions(struct expand_job *job)
{
	for (size_t k = 0; k < job->count; k++)
		ctl_client_forget(job->question[k]);
}

static void
put_back(struct expand_job *job)
{
	struct verdict v;

	verdict_set(&v, VERDICT_LATER, "4.3.2", "%s", "the service ends");
	for (size_t k = 0; k < job->count; k++)
		job->out[k].verdict = v;
	finish_job(job);
}

void
expand_drain(struct expand *x)
{
	struct expand_sender *s;
	struct expand_job *job;

	if (x == NULL)
		return;
	while ((s = TAILQ_FIRST(&x->senders)) != NULL) {
		ctl_client_forget(s->question);
		verdict_set(&s->verdict, VERDICT_LATER, "4.3.2", "%s", "the service ends");
		finish_sender(s);
	}
	while ((job = TAILQ_FIRST(&x->asking)) != NULL) {
		TAILQ_REMOVE(&x->asking, job, link);
		forget_questions(job);
		put_back(job);
	}
	while ((job = TAILQ_FIRST(&x->waiting)) != NULL) {
		TAILQ_REMOVE(&x->waiting, job, link);
		put_back(job);
	}
}

/* --- beginning and end --- */

static void
need_directory(void *arg)
{
	boot_need(((struct expand *)arg)->boot, CTL_HELPER_DIRECTORY);
}

void
expand_channel(struct expand *x, int fd)
{
	ctl_client_channel(x->directory_client, fd);
}

void
expand_on_queued(struct expand *x, void (*queued)(void *arg, const char *id), void *arg)
{
	x->queued = queued;
	x->queued_arg = arg;
}

struct expand *
expand_new(struct boot *b, struct enqueue *enqueue)
{
	struct expand *x;

	if (!b->server->ldap.enable)
		return NULL;
	x = mem_new(struct expand);
	x->boot = b;
	x->enqueue = enqueue;
	TAILQ_INIT(&x->asking);
	TAILQ_INIT(&x->waiting);
	TAILQ_INIT(&x->copying);
	TAILQ_INIT(&x->senders);
	x->directory_client = directory_client_new(b->loop, PATIENCE_MS, need_directory, x);
	x->soon = loop_timer_new(b->loop, on_soon, x);
	return x;
}

/* The job itself belongs to its message. */
static void
drop_job(struct expand_job *job)
{
	for (size_t k = 0; k < job->count; k++)
		msg_directory_done(&job->out[k].answer);
	free(job->question);
	expand_copy_free(job->copy);
}

void
expand_free(struct expand *x)
{
	struct expand_job *job;

	if (x == NULL)
		return;
	ctl_client_free(x->directory_client);
	loop_timer_free(x->soon);
	TAILQ_FOREACH(job, &x->asking, link)
		drop_job(job);
	TAILQ_FOREACH(job, &x->waiting, link)
		drop_job(job);
	TAILQ_FOREACH(job, &x->copying, link)
		drop_job(job);
	free(x);
}
