/*
 * site_job - what becomes of a job after each of its transactions: done, on with the others, or another host
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  the recipients that a host has answered for good are not asked about again (rcpt_list); the
 *           others go on at once as long as some are settled each time, or were not asked about yet. What
 *           one host lacks does not end a job that another one may take later
 * Fails by: verdicts of the job
 */
#include "common/mail/message.h"
#include "common/mail/report_form.h"
#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

#define HOSTS_MAX 5		/* that did not take it, or not now */

/* Of one transaction, before which so many recipients were settled. */
static void
count_sent(struct site *s, const struct outbound_job *job, size_t before)
{
	if (rcpt_list_delivered(&job->list, before) == 0)
		return;
	counters_add(s->o->counters, COUNTER_MESSAGES_SENT, 1);
	counters_add(s->o->counters, COUNTER_MESSAGE_BYTES_SENT, job->e->content_size);
}

/* This connection takes it next, or another one. */
static void
wait_again(struct site *s, struct outbound_job *job)
{
	s->check_tried = true;
	site_queue_push(s, job, true);
	site_waitlist_due(s);
}

/*
 * The transaction has settled some recipients, or a smaller part of them is to be tried: the job is what it
 * was at its beginning, for the others.
 */
static void
go_on(struct site *s, struct outbound_job *job)
{
	job->tried = 0;
	job->rounds = job->hosts = job->lost = 0;
	job->rested = job->glitch = job->failed = job->answered = false;
	wait_again(s, job);
}

/*
 * The host refuses what our own report contains, or how large it is: a smaller form of it follows. Its
 * recipient is told either way. False: there is none, or it is no report.
 */
static bool
makes_smaller(const struct outconn *p, struct outbound_job *job)
{
	if (job->e == NULL || (job->e->flags & MESSAGE_REPORT) == 0 || !p->client.content_refused ||
	    job->form + 1 >= REPORT_FORMS)
		return false;
	job->form++;
	return true;
}

/* What became of the recipients of one transaction. */
static enum rcpt_list_next
take_verdicts(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	size_t before = job->list.settled;
	enum rcpt_list_next next;

	if (job->e == NULL) {
		job->list.settled = job->list.count;
		return RCPT_LIST_OVER;
	}
	next = rcpt_list_take(&job->list, &p->client, fate);
	count_sent(s, job, before);
	job->tls = p->facts;
	job->verified = p->proofs;
	if (next != RCPT_LIST_OVER && job->list.settled > before && job->heard != NULL)
		job->heard(job->arg, job);
	return next;
}

/* The connection has failed, or what it was told is not final: quick tries may apply. */
static bool
has_glitch(const struct client *c)
{
	return (c->phase == CLIENT_OVER && c->glitch) || c->clear != CLIENT_CLEAR_TAKEN;
}

/* Nothing was said about it. When the next connection finds no host, the failure of this one is told. */
static void
keep_turn(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	job->list.asked = 0;
	if (fate == CLIENT_AGAIN)
		site_queue_note(job, &p->client.failure, has_glitch(&p->client));
	else if (site_hosts_index(s, p) == s->list.count)
		job->rounds++;
	wait_again(s, job);
}

/* It goes to another host, or ends: the content, which may be large, is sent to HOSTS_MAX at most. */
static void
leave_host(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	size_t index = site_hosts_index(s, p);

	if (fate == CLIENT_LOST)
		site_queue_note(job, &p->client.failure, !p->client.ours);
	else {
		job->glitch |= has_glitch(&p->client);
		job->answered |= !p->client.lacks;
		job->hosts += !p->client.lacks;
	}
	if (index < s->list.count)
		job->tried |= 1U << index;
	else
		job->rounds++;
	if (fate == CLIENT_ELSEWHERE && (s->kind != SITE_CONNECTS || job->hosts == HOSTS_MAX))
		site_queue_end(s, job);
	else
		wait_again(s, job);
}

void
site_job_over(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	/* before the verdicts are settled: it looks at those of this transaction */
	enum site_turn turn = fate == CLIENT_AGAIN ? SITE_AGAIN : site_pace_turn(s, p, job, &fate);
	enum rcpt_list_next next;

	if (turn != SITE_AGAIN && makes_smaller(p, job)) {
		go_on(s, job);
		return;
	}
	next = take_verdicts(s, p, job, fate);
	if (next == RCPT_LIST_OVER) {
		job->glitch = has_glitch(&p->client);
		site_queue_end(s, job);
	} else if (turn == SITE_AGAIN)
		keep_turn(s, p, job, fate);
	else if (next == RCPT_LIST_AGAIN)
		go_on(s, job);
	else if (next == RCPT_LIST_OTHERS)
		wait_again(s, job);
	else
		leave_host(s, p, job, fate);
}
