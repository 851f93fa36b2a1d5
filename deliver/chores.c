/*
 * chores - operators' questions and orders about queue and badmail, one page of a question after the other
 *
 * Runs in:  deliver, on the loop
 * Owns:     the questions that wait; the spool where messages are moved to
 * Promise:  the loop only walks over records, a bounded number a page; files are read and changed by pool threads; each question is
 *           answered once
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/chores.h"

#define WAITING_MAX 32

static void
job_free(struct chores_job *j)
{
	TAILQ_REMOVE(&j->chores->jobs, j, link);
	j->chores->waiting--;
	buf_done(&j->text);
	free(j->count);
	free(j);
}

static void
send_page(struct chores *c, uint32_t request, struct chore_page *p, size_t text_len)
{
	if (ctl_send(c->boot->master, CTL_CHORE_PAGE, request, p, offsetof(struct chore_page, text) + text_len, -1) == -1)
		log_event(LOG_WARN, NULL, "trouble", "what=chores error=%s", log_safe(strerror(errno)));
}

static void
refuse(struct chores *c, uint32_t request, enum chore_state state)
{
	struct chore_page *p = mem_new(struct chore_page);

	p->state = state;
	send_page(c, request, p, 0);
	free(p);
}

static void
begin(struct chores *c)
{
	struct chores_job *j = TAILQ_FIRST(&c->jobs);

	if (j == NULL) {
		if (c->idle != NULL)
			c->idle(c->idle_arg);
		return;
	}
	if (!chore_rows[j->ask.verb].badmail)
		chores_look_gather(j);
	pool_submit(c->look, j);
}

void
chores_answer(struct chores_job *j)
{
	struct chores *c = j->chores;
	size_t len = j->text.len < CHORE_TEXT_MAX ? j->text.len : CHORE_TEXT_MAX;

	while (len > 0 && j->text.data[len - 1] != '\n')
		len--;
	if (len > 0)
		memcpy(j->page.text, j->text.data, len);
	if (chore_rows[j->ask.verb].acts)
		schedule_count(c->schedule);
	send_page(c, j->request, &j->page, len);
	job_free(j);
	begin(c);
}

static void
looked(void *arg, void *job)
{
	struct chores_job *j = job;

	(void)arg;
	for (size_t i = 0; i < j->looked; i++)
		j->page.matched += j->item[i].matched;
	if (chore_rows[j->ask.verb].acts && j->page.matched > 0)
		chores_act_begin(j);
	else
		chores_answer(j);
}

void
chores_take(struct chores *c, const struct ctl_message *m)
{
	struct chores_job *j;

	if (c->state != CHORE_OK || c->waiting == WAITING_MAX) {
		refuse(c, m->request, c->state != CHORE_OK ? c->state : CHORE_NOT_YET);
		return;
	}
	j = mem_new(struct chores_job);
	j->chores = c;
	j->request = m->request;
	buf_init(&j->text, CHORE_TEXT_MAX);
	TAILQ_INSERT_TAIL(&c->jobs, j, link);
	c->waiting++;
	if (!chore_ask_take(&j->ask, m->data, m->len)) {
		log_event(LOG_FAULT, NULL, "trouble", "what=chores reason=\"a question that is none\"");
		job_free(j);
	} else if (TAILQ_FIRST(&c->jobs) == j) {
		begin(c);
	}
}

void
chores_ready(struct chores *c)
{
	if (c->state == CHORE_NOT_YET)
		c->state = CHORE_OK;
}

void
chores_bar(struct chores *c, bool locked)
{
	c->state = locked ? CHORE_LOCKED : CHORE_NOT_YET;
}

/* The one at work goes on: its messages are part of what is drained. */
void
chores_end(struct chores *c, void (*idle)(void *arg), void *arg)
{
	struct chores_job *j;

	c->state = CHORE_ENDING;
	while ((j = TAILQ_LAST(&c->jobs, chores_jobs)) != NULL && j != TAILQ_FIRST(&c->jobs)) {
		refuse(c, j->request, CHORE_ENDING);
		job_free(j);
	}
	c->idle = idle;
	c->idle_arg = arg;
	if (j == NULL && idle != NULL)
		idle(arg);
}

struct chores *
chores_new(struct boot *b, struct pool *pool, struct spool *spool, struct schedule *schedule)
{
	struct chores *c = mem_new(struct chores);

	c->boot = b;
	c->spool = spool;
	c->schedule = schedule;
	c->state = CHORE_NOT_YET;
	TAILQ_INIT(&c->jobs);
	c->look = pool_lane_new(pool, 1, 1, chores_look_run, looked, c);
	c->act = pool_lane_new(pool, 1, 1, chores_act_run, chores_act_done, c);
	return c;
}

void
chores_free(struct chores *c)
{
	struct chores_job *j;

	if (c == NULL)
		return;
	while ((j = TAILQ_FIRST(&c->jobs)) != NULL)
		job_free(j);
	spool_close(c->other);
	free(c);
}
