/* offers - a message that is offered: what its listener and deliver hear, and what is left of its file, by what comes first */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/msg/msg_offer.h"
#include "common/msg/msg_spool.h"
#include "common/process/loop.h"
#include "pickup/spool_server/spool_server.h"
#include "t/unit/temp_spool.h"

#define LONG "600000"
#define SHORT "1"
#define VAIN 200		/* more than are offered in vain before most are not */

static struct loop *loop;
static struct pool *pool;
static struct enqueue *enqueue;
static struct offers *offers;
static struct message_channel_list *list;
static int hints[2], deliver, way;
static unsigned needs;

static void
on_need(void *arg)
{
	needs++;
	if (needs > 1)
		loop_stop(loop);
}

static void
on_over(void *arg)
{
	loop_stop(loop);
}

/* A new channel to deliver. */
static void
join(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert_int_eq(fcntl(pair[1], F_SETFL, 0), 0);
	deliver = pair[1];
	offers_channel(offers, pair[0]);
}

static void
set_up(const char *wait_ms)
{
	temp_spool_begin();
	needs = 0;
	loop = loop_new();
	pool = pool_new(loop, 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, hints), 0);
	enqueue = enqueue_new(pool, spool, hints[0], NULL);
	setenv("POSTERN_OFFER_MS", wait_ms, 1);
	offers = offers_new(loop, enqueue, NULL, on_need, NULL);
	list = message_channel_list_new(loop, enqueue, offers);
	ck_assert_uint_eq(needs, 1);
	join();
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
}

static void
tear_down(void)
{
	if (list != NULL)
		message_channel_list_free(list);
	pool_free(pool);
	enqueue_free(enqueue);
	loop_free(loop);
	close(way);
	close(deliver);
	close(hints[0]);
	close(hints[1]);
	temp_spool_end();
}

static void
put(uint32_t number)
{
	static const char file[] = "not looked at";
	char data[MESSAGE_ID_SIZE + sizeof(file)];

	snprintf(data, MESSAGE_ID_SIZE, "1k0stx2a3b4c%04u", number);
	memcpy(data + MESSAGE_ID_SIZE, file, sizeof(file));
	ck_assert_int_eq(ctl_send_now(way, CTL_SPOOL_PUT, number, data, sizeof(data)), 0);
}

/* The next message for that end, which is of this type. */
static struct ctl_message
hear(int end, unsigned from, enum ctl_type type)
{
	static char space[CTL_PAYLOAD_MAX];
	struct ctl_message m;

	ck_assert_int_eq(ctl_recv_now(end, from, &m, space, sizeof(space)), 1);
	ck_assert_int_eq(m.type, type);
	if (m.fd != -1)
		close(m.fd);
	return m;
}

/* The offer of message `number`: its request number. */
static uint32_t
hear_offer(uint32_t number)
{
	struct ctl_message m = hear(deliver, CTL_FROM_CLIENT, CTL_OFFER);
	char id[MESSAGE_ID_SIZE], wanted[32];

	ck_assert(msg_spool_id(id, m.data, m.len));
	snprintf(wanted, sizeof(wanted), "1k0stx2a3b4c%04u", number);
	ck_assert_str_eq(id, wanted);
	ck_assert_int_ne(m.fd, -1);
	return m.request;
}

static void
say(uint32_t request, enum msg_offer_what what, const char *words)
{
	struct msg_offer_verdict v = { .what = what };

	snprintf(v.words, sizeof(v.words), "%s", words);
	ck_assert_int_eq(ctl_send_now(deliver, CTL_OFFER_VERDICT, request, &v, sizeof(v)), 0);
}

static void
expect_over(uint32_t request, bool stored)
{
	struct ctl_message m = hear(deliver, CTL_FROM_CLIENT, CTL_OFFER_OVER);
	struct msg_offer_over over;

	memcpy(&over, m.data, sizeof(over));
	ck_assert_uint_eq(m.request, request);
	ck_assert_uint_eq(over.stored, stored);
}

static void
expect_answer(uint32_t number, int error)
{
	struct ctl_message m = hear(way, CTL_FROM_HELPER, CTL_SPOOL_QUEUED);
	struct msg_spool_queued answer;

	ck_assert_uint_eq(m.len, sizeof(answer));
	memcpy(&answer, m.data, sizeof(answer));
	ck_assert_uint_eq(answer.request, number);
	ck_assert_int_eq(answer.error, error);
}

static void
expect_files(unsigned queued, unsigned drafts)
{
	char line[300];

	snprintf(line, sizeof(line), "test $(find $H/queue -type f ! -name '*.lock' ! -path '*/new/*' | wc -l) = %u && "
	    "test $(find $H/queue/new -type f ! -name '*.lock' | wc -l) = %u", queued, drafts);
	shell(line);
}

START_TEST(test_taken)
{
	uint32_t request;

	set_up(LONG);
	put(1);
	request = hear_offer(1);
	expect_files(0, 1);
	say(request, MSG_OFFER_TAKEN, "");
	expect_answer(1, 0);
	expect_over(request, false);
	message_channel_list_free(list);
	list = NULL;
	expect_files(0, 0);
	tear_down();
}
END_TEST

START_TEST(test_refused)
{
	struct msg_spool_refused refused;
	struct ctl_message m;
	uint32_t request;

	set_up(LONG);
	put(1);
	request = hear_offer(1);
	say(request, MSG_OFFER_REFUSED, "550 5.1.1 no such user");
	m = hear(way, CTL_FROM_HELPER, CTL_SPOOL_REFUSED);
	ck_assert_uint_eq(m.request, 1);
	ck_assert(msg_spool_take_refused(&refused, &m));
	ck_assert_str_eq(refused.words, "550 5.1.1 no such user");
	expect_over(request, false);
	message_channel_list_free(list);
	list = NULL;
	expect_files(0, 0);
	tear_down();
}
END_TEST

START_TEST(test_put_off)
{
	uint32_t request;

	set_up(LONG);
	put(1);
	request = hear_offer(1);
	say(request, MSG_OFFER_PUT_OFF, "");
	expect_answer(1, 0);
	expect_over(request, true);
	expect_files(1, 0);
	put(1);			/* the same id again: there is one already */
	request = hear_offer(1);
	say(request, MSG_OFFER_PUT_OFF, "");
	expect_answer(1, EEXIST);
	expect_over(request, false);
	tear_down();
}
END_TEST

/* What deliver says after that comes too late, and harms nothing. */
START_TEST(test_time_is_over)
{
	uint32_t request;

	set_up(SHORT);
	put(1);
	request = hear_offer(1);
	expect_answer(1, 0);
	expect_over(request, true);
	say(request, MSG_OFFER_REFUSED, "550 5.1.1 no such user");
	say(request, MSG_OFFER_TAKEN, "");
	expect_files(1, 0);
	put(2);
	request = hear_offer(2);
	expect_answer(2, 0);
	expect_over(request, true);
	expect_files(2, 0);
	tear_down();
}
END_TEST

/* Then nothing is offered until there is another one; a verdict that it had sent before counts. */
START_TEST(test_deliver_goes)
{
	uint32_t request;

	set_up(LONG);
	put(1);
	put(2);
	hear_offer(1);
	request = hear_offer(2);
	say(request, MSG_OFFER_TAKEN, "");
	expect_answer(2, 0);
	close(deliver);
	expect_answer(1, 0);
	expect_files(1, 0);
	loop_run(loop);
	ck_assert_uint_eq(needs, 2);
	put(3);
	expect_answer(3, 0);
	join();
	put(4);
	request = hear_offer(4);
	say(request, MSG_OFFER_TAKEN, "");
	expect_answer(4, 0);
	expect_over(request, false);
	expect_files(2, 0);
	tear_down();
}
END_TEST

/* Its messages are settled all the same, and its channel is over after that. */
START_TEST(test_listener_goes)
{
	uint32_t first, second;

	set_up(LONG);
	put(1);
	put(2);
	first = hear_offer(1);
	second = hear_offer(2);
	close(way);
	ck_assert(!message_channel_list_is_empty(list));
	say(first, MSG_OFFER_TAKEN, "");
	expect_over(first, false);
	say(second, MSG_OFFER_PUT_OFF, "");
	expect_over(second, true);
	loop_run(loop);
	ck_assert(message_channel_list_is_empty(list));
	expect_files(1, 0);
	way = -1;
	tear_down();
}
END_TEST

START_TEST(test_worker_ends)
{
	set_up(LONG);
	put(1);
	hear_offer(1);
	message_channel_list_free(list);
	list = NULL;
	expect_files(1, 0);
	tear_down();
}
END_TEST

/* A deliver that takes nothing is asked less. */
START_TEST(test_in_vain)
{
	struct ctl_message m;
	unsigned offered = 0;
	char space[CTL_PAYLOAD_MAX];

	set_up(SHORT);
	for (uint32_t i = 0; i < VAIN; i++) {
		put(i);
		expect_answer(i, 0);
		while (ctl_recv_next(deliver, CTL_FROM_CLIENT, &m, space, sizeof(space)) == 1) {
			offered += m.type == CTL_OFFER;
			if (m.fd != -1)
				close(m.fd);
		}
	}
	ck_assert_uint_ge(offered, 64);
	ck_assert_uint_lt(offered, 100);
	expect_files(VAIN, 0);
	tear_down();
}
END_TEST

UNIT_MAIN("offers", test_taken, test_refused, test_put_off, test_time_is_over, test_deliver_goes, test_listener_goes,
    test_worker_ends, test_in_vain)
