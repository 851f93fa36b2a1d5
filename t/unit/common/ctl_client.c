/* ctl_client - questions to helpers that answer, stay silent, die and start again; with a real loop */
#include "t/unit/check_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_client.h"
#include "common/msg/msg_dns.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_spool.h"

#define SOON 60000		/* a patience that no test outlives */

struct asked {
	struct ctl_client_question base;
	char name;		/* its name in `told` */
};

static struct loop *loop;
static struct ctl_client *ctl_client;
static int helper = -1;		/* the helper's end of the channel */
static int needs;		/* how often a channel was needed, and not yet expected */
static size_t wanted;		/* the loop stops when so much is told */
static struct buf told;		/* "a+ " answered, "b:why " failed */

static void
tell(const char *text)
{
	buf_puts(&told, text);
	if (told.len >= wanted)
		loop_stop(loop);
}

static int
send_it(struct ctl_client_question *base, struct ctl *c)
{
	struct msg_dns_query q = { .type = DNS_MX };

	q.name[0] = ((struct asked *)base)->name;
	return ctl_send(c, CTL_DNS_ASK, base->request, &q, sizeof(q), -1);
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct msg_dns_answer a;
	char text[] = { ((struct asked *)base)->name, '+', ' ', '\0' };

	if (!msg_dns_answer_take(&a, m->data, m->len))
		return false;
	tell(text);
	return true;
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	char text[40];

	snprintf(text, sizeof(text), "%c:%s ", ((struct asked *)base)->name, why);
	ctl_client_forget(base);
	tell(text);
}

static void
need(void *arg)
{
	needs++;
	loop_stop(loop);
}

static const struct ctl_client_kind
    plain = { .part = "test", .answer = CTL_DNS_ANSWER, .cancel = CTL_AUTH_IN_CANCEL, .silent = "silent", .ended = "ended", .send = send_it,
    .answered = on_answer, .failed = on_failure },
    narrow = { .part = "test", .answer = CTL_DNS_ANSWER, .cancel = CTL_AUTH_IN_CANCEL, .window = 2, .repeats = 1, .silent = "silent",
    .ended = "ended", .send = send_it,
	.answered = on_answer, .failed = on_failure },
    unhurried = { .part = "test", .answer = CTL_DNS_ANSWER, .unhurried = true, .silent = "silent",
    .ended = "ended", .send = send_it,
	.answered = on_answer, .failed = on_failure };

static void
set_up(const struct ctl_client_kind *kind, uint64_t patience_ms)
{
	told = BUF_INIT(1000);
	loop = loop_new();
	ctl_client = ctl_client_new(loop, kind, patience_ms, need, NULL);
}

/* A new helper behind a new channel; its predecessor's end, if any, was closed. */
static void
helper_comes(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	helper = pair[1];
	ctl_client_channel(ctl_client, pair[0]);
}

static void
helper_dies(void)
{
	close(helper);
	helper = -1;
}

static void
tear_down(void)
{
	ctl_client_free(ctl_client);
	loop_free(loop);
	if (helper != -1)
		helper_dies();
	buf_done(&told);
}

static struct asked *
ask(char name)
{
	struct asked *q = ctl_client_add(ctl_client, sizeof(*q));

	q->name = name;
	ctl_client_ask(&q->base);
	return q;
}

/* Runs until all of `text` was told, and nothing else. */
static void
expect(const char *text)
{
	wanted = strlen(text);
	while (told.len < wanted)
		loop_run(loop);
	ck_assert_str_eq(buf_text(&told), text);
	buf_clear(&told);
}

static void
expect_need(void)
{
	while (needs == 0)
		loop_run(loop);
	ck_assert_int_eq(needs, 1);
	needs = 0;
}

/* The next question that the helper has got: its name; 0 there is none. `*request` may be NULL. */
static char
helper_hears(uint32_t *request)
{
	char space[CTL_PAYLOAD_MAX];
	struct ctl_message m;
	struct msg_dns_query q;

	if (recv(helper, space, 1, MSG_PEEK | MSG_DONTWAIT) == -1)
		return 0;
	ck_assert_int_eq(ctl_recv_now(helper, CTL_FROM_CLIENT, &m, space, sizeof(space)), 1);
	if (request != NULL)
		*request = m.request;
	if (m.type == CTL_AUTH_IN_CANCEL)
		return '-';
	if (m.type == CTL_AUTH_IN_STEP)
		return '>';
	memcpy(&q, m.data, sizeof(q));
	return q.name[0];
}

static void
helper_says(uint32_t request, bool good)
{
	struct msg_dns_answer a = { .result = DNS_FOUND, .count = 1 };

	ck_assert_int_eq(ctl_send_now(helper, CTL_DNS_ANSWER, request, &a,
	    msg_dns_answer_size(&a) - (good ? 0 : 1)), 0);
}

START_TEST(test_answers_find_their_question)
{
	uint32_t a, b;
	struct asked *first, *second;

	set_up(&plain, SOON);
	first = ask('a');
	second = ask('b');
	expect_need();		/* for both */
	helper_comes();
	ck_assert_int_eq(helper_hears(&a), 'a');
	ck_assert_int_eq(helper_hears(&b), 'b');
	helper_says(b, true);
	helper_says(b, true);		/* once more, and to no question */
	helper_says(b + 7, true);
	helper_says(a, true);
	expect("b+ a+ ");
	ck_assert_int_eq(first->base.state, CTL_CLIENT_QUIET);
	ctl_client_forget(&second->base);
	ctl_client_forget(NULL);
	tear_down();
}
END_TEST

/* Whoever sent it would send more of it, and each costs time and a line of the log: the channel ends. */
static bool
on_batched(struct ctl_client_question *base, const struct ctl_message *m)
{
	char text[] = { ((struct asked *)base)->name, '+', ' ', '\0' };
	struct msg_spool_queued one;

	ck_assert_uint_eq(m->len, sizeof(one));
	memcpy(&one, m->data, sizeof(one));
	ck_assert_int_eq(one.error, ((struct asked *)base)->name);
	memset(loop_scratch(loop), 'x', 4096);		/* as who reads another descriptor meanwhile */
	tell(text);
	return true;
}

static void
helper_says_batch(const struct msg_spool_queued *all, size_t len)
{
	ck_assert_int_eq(ctl_send_now(helper, CTL_SPOOL_QUEUED, 0, all, len), 0);
}

START_TEST(test_a_batch_of_answers)
{
	static const struct ctl_client_kind batched = { .part = "test", .answer = CTL_SPOOL_QUEUED,
	    .answer_size = sizeof(struct msg_spool_queued), .silent = "silent", .ended = "ended",
	    .send = send_it, .answered = on_batched, .failed = on_failure };
	uint32_t a, b, c;

	set_up(&batched, SOON);
	helper_comes();
	ask('a'), ask('b'), ask('c');
	ck_assert_int_eq(helper_hears(&a), 'a');
	ck_assert_int_eq(helper_hears(&b), 'b');
	ck_assert_int_eq(helper_hears(&c), 'c');
	helper_says_batch((struct msg_spool_queued[]){ { c, 'c' }, { c + 7, 0 }, { a, 'a' } },
	    3 * sizeof(struct msg_spool_queued));
	expect("c+ a+ ");
	/* one and a half */
	helper_says_batch((struct msg_spool_queued[]){ { b, 'b' }, { b, 'b' } }, sizeof(struct msg_spool_queued) + 4);
	expect("b:ended ");
	tear_down();
}
END_TEST

START_TEST(test_a_question_that_moves)
{
	struct ctl_client *other;
	struct asked *q;
	int pair[2];

	set_up(&plain, SOON);
	helper_comes();
	other = ctl_client;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ctl_client = ctl_client_new(loop, &narrow, SOON, need, NULL);
	ctl_client_channel(ctl_client, pair[0]);
	q = ctl_client_add(other, sizeof(*q));
	q->name = 'm';
	ctl_client_move(&q->base, ctl_client);
	ck_assert_ptr_eq(q->base.kind, &narrow);
	ctl_client_free(other);		/* it is no longer of these */
	ctl_client_ask(&q->base);
	helper_dies();
	helper = pair[1];
	ck_assert_int_eq(helper_hears(NULL), 'm');
	tear_down();
}
END_TEST

START_TEST(test_a_malformed_answer_ends_the_channel)
{
	for (unsigned other = 0; other < 2; other++) {
		struct msg_auth_in_answer not_asked = { .result = AUTH_IN_FAILED };
		uint32_t a;
		char byte;

		set_up(&narrow, SOON);
		helper_comes();
		ask('a'), ask('b');
		ck_assert_int_eq(helper_hears(&a), 'a');
		ck_assert_int_eq(helper_hears(NULL), 'b');
		if (other)
			ck_assert_int_eq(ctl_send_now(helper, CTL_AUTH_IN_ANSWER, a, &not_asked,
			    msg_auth_in_answer_size(&not_asked)), 0);
		else
			helper_says(a, false);
		expect_need();		/* for b, and for a where it had no answer */
		ck_assert_int_eq(recv(helper, &byte, 1, 0), 0);
		helper_dies();
		if (!other)
			expect("a:silent ");
		helper_comes();
		ck_assert_int_eq(helper_hears(NULL), other ? 'a' : 'b');
		ck_assert_int_eq(helper_hears(NULL), other ? 'b' : 0);
		tear_down();
	}
}
END_TEST

START_TEST(test_no_more_than_the_window)
{
	uint32_t a;

	set_up(&narrow, SOON);
	helper_comes();
	ask('a'), ask('b'), ask('c');
	ck_assert_int_eq(helper_hears(&a), 'a');
	ck_assert_int_eq(helper_hears(NULL), 'b');
	ck_assert_int_eq(helper_hears(NULL), 0);
	helper_says(a, true);
	expect("a+ ");
	ck_assert_int_eq(helper_hears(NULL), 'c');
	tear_down();
}
END_TEST

START_TEST(test_a_successor_is_asked_in_order)
{
	set_up(&narrow, SOON);
	helper_comes();
	ask('a'), ask('b'), ask('c');
	helper_dies();
	expect_need();
	helper_comes();
	ck_assert_int_eq(helper_hears(NULL), 'a');
	ck_assert_int_eq(helper_hears(NULL), 'b');
	helper_dies();
	expect("a:ended b:ended ");	/* c was never asked */
	helper_comes();
	ck_assert_int_eq(helper_hears(NULL), 'c');
	tear_down();
}
END_TEST

START_TEST(test_nobody_else_is_asked_without_repeats)
{
	set_up(&plain, SOON);
	helper_comes();
	ask('a');
	helper_dies();
	expect("a:ended ");
	ck_assert_int_eq(needs, 0);
	tear_down();
}
END_TEST

START_TEST(test_patience_ends)
{
	set_up(&plain, 50);
	ask('a');
	expect("a:silent ");
	helper_comes();
	ask('b');
	ck_assert_int_eq(helper_hears(NULL), 'b');
	expect("b:silent ");
	tear_down();
}
END_TEST

static void
on_late(void *arg)
{
	tell("late ");
}

START_TEST(test_the_unhurried_wait)
{
	uint32_t a;
	struct loop_timer *late;

	set_up(&unhurried, 50);
	late = loop_timer_new(loop, on_late, NULL);
	helper_comes();
	ask('a');
	loop_timer_set(late, 200);
	expect("late ");
	ck_assert_int_eq(helper_hears(&a), 'a');
	helper_says(a, true);
	expect("a+ ");
	helper_dies();
	loop_timer_set(late, 1);
	expect("late ");
	ask('b');
	expect("b:silent ");	/* it was not with a helper */
	loop_timer_free(late);
	tear_down();
}
END_TEST

START_TEST(test_the_master_is_asked_again)
{
	set_up(&plain, SOON);
	ask('a');
	expect_need();
	expect_need();
	tear_down();
}
END_TEST

START_TEST(test_what_was_given_up_is_dropped)
{
	uint32_t a, b;
	struct asked *first, *second, *early;

	set_up(&plain, SOON);
	early = ask('a');
	ctl_client_cancel(&early->base);		/* no helper knows it */
	expect_need();
	helper_comes();
	first = ask('a');
	second = ask('b');
	ck_assert_int_eq(helper_hears(&a), 'a');
	ck_assert_int_eq(helper_hears(&b), 'b');
	ctl_client_forget(&first->base);
	ctl_client_cancel(&second->base);
	ck_assert_int_eq(helper_hears(&b), '-');
	ask('c');
	helper_says(a, true);
	helper_says(b, true);
	ck_assert_int_eq(helper_hears(&a), 'c');
	helper_says(a, true);
	expect("c+ ");
	tear_down();
}
END_TEST

START_TEST(test_steps_are_for_the_helper_that_knows)
{
	static const struct msg_auth_in_token empty = { 0 };
	uint32_t a, again;
	struct asked *other, *q;

	set_up(&narrow, SOON);
	helper_comes();
	q = ask('a');
	ck_assert_int_eq(helper_hears(&a), 'a');
	helper_says(a, true);
	expect("a+ ");
	ctl_client_step(&q->base, CTL_AUTH_IN_STEP, &empty, msg_auth_in_token_size(&empty));
	ck_assert_int_eq(helper_hears(&again), '>');
	ck_assert_uint_eq(a, again);
	helper_says(a, true);
	expect("a+ ");
	other = ask('c');
	ck_assert_int_eq(helper_hears(&again), 'c');
	helper_says(again, true);
	expect("c+ ");
	helper_dies();
	ask('b');
	expect_need();
	helper_comes();
	/* a helper is not told of a question that it does not know */
	ctl_client_cancel(&other->base);
	ctl_client_step(&q->base, CTL_AUTH_IN_STEP, &empty, msg_auth_in_token_size(&empty));
	expect("a:ended ");
	ck_assert_int_eq(helper_hears(NULL), 'b');
	ck_assert_int_eq(helper_hears(NULL), 0);
	tear_down();
}
END_TEST

/* Whatever it fails by here, the helper keeps nothing of it; and it hears that once. */
START_TEST(test_a_helper_hears_of_what_failed)
{
	uint32_t a, b;
	struct asked *q;

	set_up(&plain, SOON);
	helper_comes();
	q = ask('a');
	ck_assert_int_eq(helper_hears(&a), 'a');
	helper_says(a, true);
	expect("a+ ");
	ctl_client_fail(&q->base, "no use");
	expect("a:no use ");
	ck_assert_int_eq(helper_hears(&b), '-');
	ck_assert_uint_eq(a, b);
	ck_assert_int_eq(helper_hears(NULL), 0);
	tear_down();
}
END_TEST

/* Fills the queue of the channel; so many questions. */
static unsigned
fill_channel(void)
{
	struct asked *q = NULL;
	unsigned n = 0;

	do {
		q = ask('f');
		n++;
	} while (q->base.state == CTL_CLIENT_ASKED);
	return n;
}

/* More of them than what is left of the queue has room for; and one that fails by that. */
START_TEST(test_dropped_while_the_channel_is_full)
{
	enum { DROPPED = 20 };
	struct msg_auth_in_token *large = mem_zalloc(sizeof(*large));
	uint32_t asked[DROPPED], dropped[DROPPED];
	unsigned filled, heard = 0, drops = 0;
	struct asked *q[DROPPED];
	struct loop_timer *late;
	char what;

	large->len = 1000;
	set_up(&plain, SOON);
	late = loop_timer_new(loop, on_late, NULL);
	helper_comes();
	for (unsigned i = 0; i < DROPPED; i++) {
		q[i] = ask('a');
		ck_assert_int_eq(helper_hears(&asked[i]), 'a');
		helper_says(asked[i], true);
		expect("a+ ");
	}
	filled = fill_channel();
	for (unsigned i = 0; i < DROPPED - 1; i++)
		ctl_client_cancel(&q[i]->base);
	ctl_client_step(&q[DROPPED - 1]->base, CTL_AUTH_IN_STEP, large, msg_auth_in_token_size(large));
	expect("a:ended ");
	while (heard < filled || drops < DROPPED) {
		uint32_t request = 0;

		while ((what = helper_hears(&request)) != 0) {
			heard += what == 'f';
			if (what == '-')
				dropped[drops++] = request;
		}
		loop_timer_set(late, 1);
		expect("late ");
	}
	for (unsigned i = 0; i < DROPPED; i++)
		ck_assert_uint_eq(dropped[i], asked[i]);
	loop_timer_free(late);
	free(large);
	tear_down();
}
END_TEST

START_TEST(test_asked_anew_is_another_question)
{
	uint32_t a, b;
	struct asked *q;

	set_up(&plain, SOON);
	helper_comes();
	q = ask('a');
	ck_assert_int_eq(helper_hears(&a), 'a');
	ctl_client_ask(&q->base);
	ck_assert_int_eq(helper_hears(&b), 'a');
	ck_assert_uint_ne(a, b);
	helper_says(a, true);
	helper_says(b, true);
	expect("a+ ");
	ctl_client_fail(&q->base, "no use");
	expect("a:no use ");
	tear_down();
}
END_TEST

START_TEST(test_one_channel_is_enough)
{
	int pair[2];
	char byte;

	set_up(&plain, SOON);
	helper_comes();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ctl_client_channel(ctl_client, pair[0]);
	ck_assert_int_eq(recv(pair[1], &byte, 1, 0), 0);
	close(pair[1]);
	ask('a');
	ck_assert_int_eq(helper_hears(NULL), 'a');
	tear_down();
}
END_TEST

UNIT_MAIN("ctl_client", test_answers_find_their_question, test_a_batch_of_answers, test_a_question_that_moves,
    test_a_malformed_answer_ends_the_channel,
    test_no_more_than_the_window,
    test_a_successor_is_asked_in_order, test_nobody_else_is_asked_without_repeats, test_patience_ends,
    test_the_unhurried_wait,
    test_the_master_is_asked_again, test_what_was_given_up_is_dropped,
    test_steps_are_for_the_helper_that_knows, test_a_helper_hears_of_what_failed,
    test_dropped_while_the_channel_is_full, test_asked_anew_is_another_question, test_one_channel_is_enough)
