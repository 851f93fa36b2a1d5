/*
 * control_question - questions to children for commands: which child answers which number, and until when
 *
 * Runs in:  master
 * Owns:     the parts of each question and its timer; no child
 * Promise:  a message reaches the question that waits for its child, its number and its type, and no other.
 *           Every question ends: by answers, by the death of its children, or when its time is over
 * Fails by: not at all
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

static void
on_late(void *arg)
{
	struct control_question *q = arg;
	struct master *m = q->m;

	q->ops->late(q);
	control_question_end(q);
	m->ops->changed(m);	/* frees q */
}

void
control_question_init(struct control_question *q, struct master *m, const struct control_question_ops *ops)
{
	*q = (struct control_question){ .m = m, .ops = ops };
	q->timer = loop_timer_new(m->loop, on_late, q);
	TAILQ_INSERT_TAIL(&m->questions, q, link);
}

void
control_question_free(struct control_question *q)
{
	if (q == NULL)
		return;
	control_question_clear(q);
	TAILQ_REMOVE(&q->m->questions, q, link);
	loop_timer_free(q->timer);
	free(q->part);
	q->ops->free(q);
}

void
control_question_wait(struct control_question *q, uint64_t ms)
{
	uint64_t now = clock_mono_ms(), left = q->until > now ? q->until - now : 0;

	loop_timer_set(q->timer, q->until != 0 && left < ms ? left : ms);
}

void
control_question_limit(struct control_question *q, uint64_t ms)
{
	q->until = clock_mono_ms() + ms;
}

size_t
control_question_add(struct control_question *q, struct child *c)
{
	q->part = mem_grow(q->part, q->parts, sizeof(*q->part));
	q->part[q->parts] = (struct control_question_part){ 0 };
	control_question_turn(q, q->parts, c);
	return q->parts++;
}

void
control_question_turn(struct control_question *q, size_t part, struct child *c)
{
	struct control_question_part *p = &q->part[part];

	if (p->child != NULL)
		p->child->questions--;
	p->child = c;
	if (c != NULL)
		c->questions++;
}

void
control_question_hand(struct control_question *q, size_t part, const void *data, size_t len, int fd)
{
	struct control_question_part *p = &q->part[part];

	p->request = ++q->m->requests;
	child_send(p->child, q->ops->ask, p->request, data, len, fd);
}

void
control_question_ask(struct control_question *q, size_t part, const void *data, size_t len)
{
	control_question_hand(q, part, data, len, -1);
}

bool
control_question_is_answered(const struct control_question *q)
{
	for (size_t i = 0; i < q->parts; i++)
		if (q->part[i].child != NULL)
			return false;
	return true;
}

void
control_question_end(struct control_question *q)
{
	for (size_t i = 0; i < q->parts; i++)
		control_question_turn(q, i, NULL);
	q->over = true;
	loop_timer_stop(q->timer);
}

void
control_question_clear(struct control_question *q)
{
	control_question_end(q);
	q->parts = 0;
	q->over = false;
}

void
control_question_take(struct child *c, const struct ctl_message *m)
{
	struct control_question *q;

	TAILQ_FOREACH(q, &c->m->questions, link)
		for (size_t i = 0; i < q->parts; i++)
			if (q->part[i].child == c && q->part[i].request == m->request &&
			    (m->type == q->ops->answer || m->type == q->ops->text)) {
				q->ops->page(q, i, m);
				return;
			}
	/* Nothing waits for it any more. */
}

void
control_question_gone(struct child *c)
{
	struct control_question *q;

	TAILQ_FOREACH(q, &c->m->questions, link)
		for (size_t i = 0; i < q->parts; i++)
			if (q->part[i].child == c) {
				control_question_turn(q, i, NULL);
				q->ops->gone(q, i);
			}
}
