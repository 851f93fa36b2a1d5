/*
 * control_question - an answer reaches its question and no other; a question ends by answer, by death, or by
 * time
 */
#include <string.h>

#include "common/process/loop.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "t/unit/check_main.h"

static struct {
	unsigned pages, gone, late, freed, changed;
	size_t part;
	const struct control_question *of;
} heard;

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	heard.pages++;
	heard.part = part;
	heard.of = q;
	if (m->type == q->ops->answer)
		control_question_turn(q, part, NULL);
}

static void
on_gone(struct control_question *q, size_t part)
{
	heard.gone++;
	heard.part = part;
	heard.of = q;
}

static void
on_late(struct control_question *q)
{
	heard.late++;
	heard.of = q;
}

static void
on_free(struct control_question *q)
{
	heard.freed++;
}

static void
on_changed(struct master *m)
{
	heard.changed++;
	loop_stop(m->loop);
}

static const struct control_question_ops queue_ops = {
	.ask = CTL_QUEUE, .answer = CTL_QUEUE_PAGE, .text = CTL_QUEUE_PAGE,
	.page = on_page, .gone = on_gone, .late = on_late, .free = on_free,
};
static const struct control_question_ops oauth_ops = {
	.ask = CTL_OAUTH_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT,
	.page = on_page, .gone = on_gone, .late = on_late, .free = on_free,
};
static const struct master_ops ops = { .changed = on_changed };

/* Two children without a channel: what is sent to them goes nowhere. */
static struct master m;
static struct child one, two;

static void
begin(void)
{
	memset(&heard, 0, sizeof(heard));
	m = (struct master){ .ops = &ops, .loop = loop_new() };
	TAILQ_INIT(&m.questions);
	one = (struct child){ .m = &m };
	two = (struct child){ .m = &m };
}

static void
take(struct child *c, enum ctl_type type, uint32_t request)
{
	const struct ctl_message message = { .type = type, .request = request, .fd = -1 };

	control_question_take(c, &message);
}

START_TEST(answers)
{
	struct control_question q, other;

	begin();
	control_question_init(&q, &m, &queue_ops);
	control_question_init(&other, &m, &oauth_ops);
	ck_assert_uint_eq(control_question_add(&q, &one), 0);
	ck_assert_uint_eq(control_question_add(&q, &two), 1);
	ck_assert_uint_eq(control_question_add(&other, &one), 0);
	ck_assert_uint_eq(one.questions, 2);
	control_question_ask(&q, 0, NULL, 0);
	control_question_ask(&q, 1, NULL, 0);
	control_question_ask(&other, 0, NULL, 0);

	take(&one, CTL_QUEUE_PAGE, q.part[1].request);		/* the number of another child */
	take(&one, CTL_QUEUE_PAGE, 0);
	take(&one, CTL_QUEUE_PAGE, 99);
	/* A type that answers another kind of question */
	take(&one, CTL_TEST_END, q.part[0].request);
	take(&one, CTL_QUEUE_PAGE, other.part[0].request);
	ck_assert_uint_eq(heard.pages, 0);

	take(&two, CTL_QUEUE_PAGE, q.part[1].request);
	ck_assert_uint_eq(heard.pages, 1);
	ck_assert(heard.of == &q && heard.part == 1);
	take(&two, CTL_QUEUE_PAGE, q.part[1].request);		/* it has answered already */
	ck_assert_uint_eq(heard.pages, 1);
	ck_assert_uint_eq(two.questions, 0);
	ck_assert(!control_question_is_answered(&q));

	take(&one, CTL_TEST_TEXT, other.part[0].request);	/* text is no answer */
	ck_assert(heard.of == &other && !control_question_is_answered(&other));
	take(&one, CTL_TEST_END, other.part[0].request);
	ck_assert(control_question_is_answered(&other));

	control_question_ask(&q, 0, NULL, 0);			/* a new number for each message */
	ck_assert_uint_eq(q.part[0].request, 4);
	control_question_end(&q);
	ck_assert(q.over && control_question_is_answered(&q));
	take(&one, CTL_QUEUE_PAGE, 4);				/* too late */
	ck_assert_uint_eq(heard.pages, 3);
	control_question_free(&q);
	control_question_free(&other);
	control_question_free(NULL);
	ck_assert_uint_eq(heard.freed, 2);
	ck_assert_uint_eq(one.questions, 0);
	ck_assert(TAILQ_EMPTY(&m.questions));
	loop_free(m.loop);
}
END_TEST

START_TEST(deaths)
{
	struct control_question q;

	begin();
	control_question_init(&q, &m, &queue_ops);
	(void)control_question_add(&q, NULL);			/* nothing is asked yet */
	(void)control_question_add(&q, &two);
	control_question_gone(&one);
	ck_assert_uint_eq(heard.gone, 0);
	control_question_gone(&two);
	ck_assert_uint_eq(heard.gone, 1);
	ck_assert_uint_eq(heard.part, 1);
	ck_assert(control_question_is_answered(&q));
	control_question_clear(&q);
	ck_assert(!q.over && q.parts == 0);
	control_question_turn(&q, control_question_add(&q, &two), &one);	/* asked on elsewhere */
	ck_assert_uint_eq(two.questions, 0);
	control_question_gone(&two);
	ck_assert_uint_eq(heard.gone, 1);
	control_question_free(&q);
	ck_assert_uint_eq(one.questions, 0);
	loop_free(m.loop);
}
END_TEST

START_TEST(times)
{
	struct control_question q;

	begin();
	control_question_init(&q, &m, &queue_ops);
	(void)control_question_add(&q, &one);
	control_question_ask(&q, 0, NULL, 0);
	control_question_wait(&q, 1);
	loop_run(m.loop);
	ck_assert_uint_eq(heard.late, 1);
	ck_assert_uint_eq(heard.changed, 1);
	ck_assert(q.over);
	take(&one, CTL_QUEUE_PAGE, 1);
	ck_assert_uint_eq(heard.pages, 0);
	control_question_free(&q);
	loop_free(m.loop);
}
END_TEST

UNIT_MAIN("control_question", answers, deaths, times)
