/* spool_server - what a listener asks of its pickup: more at a time than have room */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/msg/msg_spool.h"
#include "common/process/loop.h"
#include "pickup/spool_server/spool_server.h"
#include "t/unit/temp_spool.h"

#define ROOM_FOR 16384U		/* questions of one listener */

static struct loop *loop;
static struct loop_timer *turn_timer;
static struct pool *pool;
static struct enqueue *enqueue;
static struct spool_server *spool_server;
static int way, hints[2], gate[2];

static void
on_turn(void *arg)
{
	loop_stop(loop);
}

static void
on_changed(void *arg)
{
}

/* A thread that waits until the gate is closed: nothing else comes to its turn. */
static void
run_gate(void *arg, void **jobs, size_t n)
{
	char byte;

	ck_assert_int_eq(read(gate[0], &byte, 1), 0);
}

static void
after_gate(void *arg, void *job)
{
}

static void
turn(void)
{
	loop_timer_set(turn_timer, 0);
	loop_run(loop);
}

static void
introduce(void)
{
	struct ctl_channel of = { .helper = CTL_HELPER_PICKUP, .server = "default", .role = "listener" };
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	spool_server_channel(spool_server, &(struct ctl_message){ .type = CTL_CHANNEL, .data = &of,
	    .len = sizeof(of), .fd = pair[0] });
	way = pair[1];
}

static void
set_up(void)
{
	static struct config_domain domain = { .drop_quota = CONFIG_UNLIMITED };
	static struct config_server server = { .default_domain = &domain };
	static struct boot boot = { .server = &server };

	temp_spool_begin();
	loop = boot.loop = loop_new();
	turn_timer = loop_timer_new(loop, on_turn, NULL);
	pool = pool_new(loop, 1);
	ck_assert_int_eq(pipe(gate), 0);
	pool_submit(pool_lane_new(pool, 1, 1, run_gate, after_gate, NULL), gate);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, hints), 0);
	enqueue = enqueue_new(pool, spool, hints[0], NULL);
	spool_server = spool_server_new(&boot, pool, enqueue, spool, NULL, on_changed, NULL);
	introduce();
}

static void
tear_down(void)
{
	close(way);
	spool_server_close(spool_server);
	pool_free(pool);
	enqueue_free(enqueue);
	spool_server_free(spool_server);
	loop_timer_free(turn_timer);
	loop_free(loop);
	close(gate[0]);
	close(hints[0]);
	close(hints[1]);
	temp_spool_end();
}

static void
say(enum ctl_type type, uint32_t request, const void *data, size_t len)
{
	while (ctl_send_now(way, type, request, data, len) == -1) {
		ck_assert_int_eq(errno, EAGAIN);
		turn();
	}
}

static struct msg_spool_answer
hear(uint32_t *request)
{
	char space[CTL_PAYLOAD_MAX];
	struct msg_spool_answer a;
	struct ctl_message m;
	int rc;

	while ((rc = ctl_recv_next(way, CTL_FROM_HELPER, &m, space, sizeof(space))) == -1 && errno == EAGAIN)
		turn();
	ck_assert_int_eq(rc, 1);
	ck_assert(msg_spool_take_answer(&a, &m));
	*request = m.request;
	return a;
}

/* What is one too many is asked again later; all that the listener has open stays. */
START_TEST(test_too_many_questions)
{
	static const struct msg_spool_log empty = { .format = CONFIG_LOG_W3C };
	struct msg_spool_open draft = { .id = "1k0stx2a3b4c0001" };
	struct msg_spool_answer a;
	uint32_t request;

	set_up();
	for (uint32_t n = 1; n <= ROOM_FOR; n++)
		say(CTL_SPOOL_LOG, n, &empty, offsetof(struct msg_spool_log, text));
	say(CTL_SPOOL_LOG, ROOM_FOR + 1, &empty, offsetof(struct msg_spool_log, text));
	say(CTL_SPOOL_ROOM, ROOM_FOR + 2, NULL, 0);
	say(CTL_SPOOL_OPEN, ROOM_FOR + 3, &draft, sizeof(draft));
	for (uint32_t n = 1; n <= 3; n++) {
		a = hear(&request);
		ck_assert_uint_eq(request, ROOM_FOR + n);
		ck_assert_int_eq(a.error, EAGAIN);
		ck_assert_int_eq(a.drop_bytes, -1);
	}
	close(gate[1]);
	for (uint32_t n = 1; n <= ROOM_FOR; n++) {
		a = hear(&request);
		ck_assert_uint_eq(request, n);
		ck_assert_int_eq(a.error, 0);
	}
	say(CTL_SPOOL_LOG, 1, &empty, offsetof(struct msg_spool_log, text));
	ck_assert_int_eq(hear(&request).error, 0);
	tear_down();
}
END_TEST

UNIT_MAIN("spool_server", test_too_many_questions)
