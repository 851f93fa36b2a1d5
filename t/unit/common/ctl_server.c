/* ctl_server - a worker that asks its helper, and the ways in which its channel closes; with a real loop */
#include "t/unit/check_main.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_dns.h"
#include "common/msg/msg_token.h"

static struct loop *loop;
static struct ctl_server_list list;
static struct ctl_server *ctl_server;
static struct ctl_server_question question;
static int worker;		/* its end of the channel */
static int asked, gone;
static bool good;		/* what the helper thinks of questions */

static bool
on_question(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	ck_assert_ptr_eq(arg, &asked);
	ck_assert_ptr_eq(s, ctl_server);
	ck_assert_int_eq(m->type, CTL_DNS_ASK);
	asked++;
	ctl_server_open(s, &question, m->request);
	if (good)
		loop_stop(loop);
	return good;
}

/* The one question that waits for its answer is told that the worker is gone. */
static void
on_left(struct ctl_server_question *q)
{
	ck_assert_ptr_eq(q, &question);
	ck_assert_ptr_null(q->server);
	gone++;
	ctl_server = NULL;
	loop_stop(loop);
}

static const struct ctl_server_kind kind = { .part = "test", .questions_max = 3, .asked = on_question,
    .left = on_left };

static void
set_up(bool questions_are_good)
{
	int pair[2];

	good = questions_are_good;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	loop = loop_new();
	worker = pair[1];
	ctl_server_list_init(&list, loop, &asked);
	ctl_server = ctl_server_new(&list, &kind, pair[0],
	    &(struct ctl_channel){ .helper = CTL_HELPER_RESOLVER, .server = "default", .role = "listener" });
}

static void
tear_down(void)
{
	ctl_server_list_done(&list);
	ck_assert_uint_eq(list.count, 0);
	loop_free(loop);
	if (worker != -1)
		close(worker);
}

static void
ask(void)
{
	struct msg_dns_query q = { .type = DNS_MX, .name = "example.com" };

	ck_assert_int_eq(ctl_send_now(worker, CTL_DNS_ASK, 7, &q, sizeof(q)), 0);
}

static int
answer(size_t records)
{
	static struct msg_dns_answer a;

	a.count = (uint8_t)records;
	ctl_server_answer(ctl_server, CTL_DNS_ANSWER, 7, &a, msg_dns_answer_size(&a), -1);
	return gone;
}

START_TEST(test_a_question_and_its_answer)
{
	char space[CTL_PAYLOAD_MAX];
	struct ctl_message m;

	set_up(true);
	ask();
	loop_run(loop);
	ck_assert_int_eq(asked, 1);
	ck_assert_str_eq(ctl_server_server(ctl_server), "default");
	answer(0);
	ck_assert_int_eq(ctl_recv_now(worker, CTL_FROM_HELPER, &m, space, sizeof(space)), 1);
	ck_assert_uint_eq(m.request, 7);
	close(worker);
	worker = -1;
	loop_run(loop);
	ck_assert_int_eq(gone, 1);
	ck_assert_uint_eq(list.count, 0);
	tear_down();
}
END_TEST

START_TEST(test_open_questions_are_bounded_and_found)
{
	struct ctl_server_question more[3];

	set_up(true);
	for (uint32_t i = 0; i < nitems_of(more); i++) {
		ck_assert(!ctl_server_is_full(ctl_server));
		ctl_server_open(ctl_server, &more[i], 256 * i);	/* all in one bucket */
	}
	ck_assert(ctl_server_is_full(ctl_server));
	ck_assert_ptr_eq(ctl_server_find(ctl_server, 256), &more[1]);
	ck_assert_ptr_null(ctl_server_find(ctl_server, 1));
	for (size_t i = 0; i < nitems_of(more); i++) {
		ctl_server_close(&more[i]);
		ck_assert_ptr_null(more[i].server);
		ctl_server_close(&more[i]);	/* does nothing */
	}
	ck_assert(!ctl_server_is_full(ctl_server));
	ck_assert_ptr_null(ctl_server_find(ctl_server, 256));
	tear_down();
	ck_assert_int_eq(gone, 0);
}
END_TEST

START_TEST(test_after_a_malformed_one_nothing_is_heard)
{
	set_up(false);
	ask();
	ask();
	loop_run(loop);
	ck_assert_int_eq(asked, 1);
	ck_assert_int_eq(gone, 1);
	tear_down();
}
END_TEST

/* Good in itself, but for another helper, or from another role. */
START_TEST(test_only_what_the_role_may_ask)
{
	struct msg_token_ask token = { .profile = "m365" };

	set_up(true);
	ctl_server_open(ctl_server, &question, 7);
	ck_assert_int_eq(ctl_send_now(worker, CTL_TOKEN_ASK, 8, &token, sizeof(token)), 0);
	ask();
	loop_run(loop);
	ck_assert_int_eq(asked, 0);
	ck_assert_int_eq(gone, 1);
	tear_down();
}
END_TEST

START_TEST(test_answers_are_to_be_read)
{
	set_up(true);
	ctl_server_open(ctl_server, &question, 7);
	/* 4 MiB wait in ctl, and what the socket holds */
	for (int i = 0; i < 4000; i++)
		ck_assert_int_eq(answer(DNS_RECORDS_MAX), 0);	/* no channel is freed while its question is answered */
	loop_run(loop);
	ck_assert_int_eq(gone, 1);
	tear_down();
}
END_TEST

/* The one of a worker with that number; its other end. NULL: it was not taken. */
static struct ctl_server *
join(uint32_t number, int *end)
{
	const struct ctl_channel of = { .helper = CTL_HELPER_RESOLVER, .server = "default", .role = "listener" };
	struct ctl_server *s;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct ctl_message m = { .type = CTL_CHANNEL, .request = number, .fd = pair[0] };
	s = ctl_server_join(&list, &kind, &m, &of);
	if (m.fd != -1)		/* as ctl does */
		close(m.fd);
	*end = pair[1];
	return s;
}

/* One that asks for channel after channel has one; when that is over, also unread, it gets the next. */
START_TEST(test_a_worker_has_one_channel)
{
	struct msg_dns_query q = { .type = DNS_MX, .name = "example.com" };
	int end[6];

	set_up(true);
	ck_assert_ptr_nonnull(join(5, &end[0]));
	ck_assert_ptr_null(join(5, &end[1]));
	ck_assert_ptr_nonnull(join(6, &end[2]));
	ck_assert_ptr_nonnull(join(0, &end[3]));
	ck_assert_ptr_nonnull(join(0, &end[4]));
	ck_assert_uint_eq(list.count, 5);	/* with that of set_up, which has no number */
	ck_assert_int_eq(recv(end[1], &q, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(ctl_send_now(end[0], CTL_DNS_ASK, 7, &q, sizeof(q)), 0);
	close(end[0]);
	ck_assert_ptr_nonnull(join(5, &end[0]));
	ck_assert_ptr_null(join(5, &end[5]));
	ck_assert_uint_eq(list.count, 5);
	ck_assert_int_eq(asked, 0);
	tear_down();
	for (size_t i = 0; i < nitems_of(end); i++)
		close(end[i]);
}
END_TEST

UNIT_MAIN("ctl_server", test_a_worker_has_one_channel, test_a_question_and_its_answer, test_open_questions_are_bounded_and_found,
    test_after_a_malformed_one_nothing_is_heard, test_only_what_the_role_may_ask, test_answers_are_to_be_read)
