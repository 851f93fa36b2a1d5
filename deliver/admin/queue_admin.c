/*
 * queue_admin - commands about queue and badmail: takes questions from the master, answers each with a page
 *
 * Runs in:  deliver, on the loop
 * Owns:     the questions that wait
 * Promise:  the loop walks over a bounded number of records for a page; files are read and changed by pool
 *           threads; each question is answered once
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/process/pool.h"
#include "common/spool/spool_private.h"
#include "deliver/admin/admin.h"

#define WAITING_MAX 32

static void
job_free(struct queue_admin_job *j)
{
	TAILQ_REMOVE(&j->queue_admin->jobs, j, link);
	j->queue_admin->waiting--;
	if (j->channel != -1)
		close(j->channel);
	buf_done(&j->text);
	free(j->count);
	for (size_t i = 0; i < j->reasons; i++)
		free(j->reason[i].text);
	queue_admin_waits_free(j);
	free(j);
}

static void
send_page(struct queue_admin *c, uint32_t request, struct msg_queue_page *p, size_t text_len)
{
	if (ctl_send(c->boot->master, CTL_QUEUE_PAGE, request, p,
	    offsetof(struct msg_queue_page, text) + text_len, -1) == -1)
		log_event(LOG_WARN, NULL, "trouble", "what=chores error=%s", log_safe(strerror(errno)));
}

static void
refuse_question(struct queue_admin *c, uint32_t request, enum msg_queue_state state)
{
	struct msg_queue_page *p = mem_new(struct msg_queue_page);

	p->state = state;
	if (state == MSG_QUEUE_LOCKED)
		snprintf(p->text, sizeof(p->text), "!%s: %s\n", c->boot->server->name, c->locked);
	send_page(c, request, p, strlen(p->text));
	free(p);
}

static void
begin_first(struct queue_admin *c)
{
	struct queue_admin_job *j = TAILQ_FIRST(&c->jobs);

	if (j == NULL) {
		if (c->idle != NULL)
			c->idle(c->idle_arg);
		return;
	}
	if (msg_queue_rows[j->ask.verb].place == MSG_QUEUE_IN_QUEUE) {
		queue_admin_select_gather(j);
		queue_admin_waits_gather(j);
	}
	pool_submit(c->select, j);
}

static void
send_answer(struct queue_admin_job *j)
{
	struct queue_admin *c = j->queue_admin;
	size_t len = j->text.len < MSG_QUEUE_TEXT_MAX ? j->text.len : MSG_QUEUE_TEXT_MAX;

	while (len > 0 && j->text.data[len - 1] != '\n')
		len--;
	if (len > 0)
		memcpy(j->page.text, j->text.data, len);
	if (msg_queue_rows[j->ask.verb].acts)
		schedule_count(c->schedule);
	send_page(c, j->request, &j->page, len);
	move_sender_channel(c->sender, -1);
	if (j->ask.verb == MSG_QUEUE_EVACUATE && c->evacuator != NULL)
		evacuate_sender_close(c->evacuator);
	job_free(j);
	begin_first(c);
}

static void
on_selected(void *arg, void *job)
{
	struct queue_admin_job *j = job;

	for (size_t i = 0; i < j->nread; i++)
		j->page.matched += j->item[i].matched;
	if (queue_admin_select_again(j)) {
		queue_admin_select_gather(j);
		pool_submit(j->queue_admin->select, j);
		return;
	}
	if (msg_queue_rows[j->ask.verb].acts && j->page.matched > 0)
		queue_admin_act_begin(j);
	else
		send_answer(j);
}

void
queue_admin_take(struct queue_admin *c, const struct ctl_message *m)
{
	struct queue_admin_job *j;

	if (c->state != MSG_QUEUE_OK || c->waiting == WAITING_MAX) {
		refuse_question(c, m->request, c->state != MSG_QUEUE_OK ? c->state : MSG_QUEUE_NOT_YET);
		return;
	}
	j = mem_new(struct queue_admin_job);
	j->queue_admin = c;
	j->answer = send_answer;
	j->request = m->request;
	j->channel = m->fd != -1 ? ctl_take_fd(m) : -1;
	buf_init(&j->text, MSG_QUEUE_TEXT_MAX);
	TAILQ_INSERT_TAIL(&c->jobs, j, link);
	c->waiting++;
	if (!msg_queue_ask_take(&j->ask, m->data, m->len)) {
		log_event(LOG_FAULT, NULL, "trouble", "what=chores reason=\"a question that is none\"");
		job_free(j);
	} else if (TAILQ_FIRST(&c->jobs) == j) {
		begin_first(c);
	}
}

void
queue_admin_ready(struct queue_admin *c)
{
	if (c->state == MSG_QUEUE_NOT_YET)
		c->state = MSG_QUEUE_OK;
}

void
queue_admin_bar(struct queue_admin *c, const char *why)
{
	c->state = why != NULL ? MSG_QUEUE_LOCKED : MSG_QUEUE_NOT_YET;
	snprintf(c->locked, sizeof(c->locked), "%s", why != NULL ? why : "");
}

/* The question at work goes on: its messages are among those that are drained. */
void
queue_admin_end(struct queue_admin *c, void (*idle)(void *arg), void *arg)
{
	struct queue_admin_job *j;

	c->state = MSG_QUEUE_ENDING;
	while ((j = TAILQ_LAST(&c->jobs, queue_admin_jobs)) != NULL && j != TAILQ_FIRST(&c->jobs)) {
		refuse_question(c, j->request, MSG_QUEUE_ENDING);
		job_free(j);
	}
	c->idle = idle;
	c->idle_arg = arg;
	if (j == NULL && idle != NULL)
		idle(arg);
}

struct queue_admin *
queue_admin_new(struct boot *b, struct pool *pool, struct spool *spool, struct schedule *schedule)
{
	struct queue_admin *c = mem_new(struct queue_admin);

	c->boot = b;
	c->spool = spool;
	c->schedule = schedule;
	c->state = MSG_QUEUE_NOT_YET;
	TAILQ_INIT(&c->jobs);
	c->select = pool_lane_new(pool, 1, 1, queue_admin_select_run, on_selected, c);
	c->act = pool_lane_new(pool, 1, 1, queue_admin_act_run, queue_admin_act_done, c);
	c->sender = move_sender_new(b->loop, pool, spool);
	return c;
}

void
queue_admin_free(struct queue_admin *c)
{
	struct queue_admin_job *j;

	if (c == NULL)
		return;
	while ((j = TAILQ_FIRST(&c->jobs)) != NULL)
		job_free(j);
	move_sender_free(c->sender);
	free(c);
}
