/* message_channel - messages on the channels of listeners: into the queue, answered, hinted; and the end of a channel */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/msg/msg_spool.h"
#include "common/process/loop.h"
#include "common/spool/commit_way.h"
#include "pickup/spool_server/spool_server.h"
#include "t/unit/temp_spool.h"

#define MESSAGES 200

static struct loop *loop;
static struct pool *pool;
static struct enqueue *enqueue;
static struct message_channel_list *list;
static int hints[2];
static unsigned overs;
static bool batches;		/* as on a file system whose journal carries them */

static void
set_up(void)
{
	struct commit_way way = { .batch = batches };
	struct stat st;

	temp_spool_begin();
	ck_assert_int_eq(stat(home, &st), 0);
	way.device = st.st_dev;
	spool_commit_as(spool, &way);
	overs = 0;
	loop = loop_new();
	pool = pool_new(loop, 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, hints), 0);
	enqueue = enqueue_new(pool, spool, hints[0], NULL);
	list = message_channel_list_new(loop, enqueue, NULL);
}

static void
tear_down(void)
{
	message_channel_list_free(list);
	pool_free(pool);
	enqueue_free(enqueue);
	loop_free(loop);
	close(hints[0]);
	close(hints[1]);
	temp_spool_end();
}

static void
on_over(void *arg)
{
	overs++;
	loop_stop(loop);
}

static size_t
queued(void)
{
	char line[200];
	size_t n;
	FILE *out;

	snprintf(line, sizeof(line), "find %s/queue -type f ! -name '*.lock' ! -path '*/new/*' | wc -l", home);
	out = popen(line, "r");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(fscanf(out, "%zu", &n), 1);
	pclose(out);
	return n;
}

static void
put_bytes(int way, unsigned number, const char *begin, size_t len)
{
	static char data[sizeof(struct msg_spool_put)];
	int n = snprintf(data, MESSAGE_ID_SIZE, "%s%04u", begin, number);

	ck_assert_int_eq(n, MESSAGE_ID_LEN);
	memset(data + MESSAGE_ID_SIZE, 'x', len);
	ck_assert_int_eq(ctl_send_now(way, CTL_SPOOL_PUT, number, data, MESSAGE_ID_SIZE + len), 0);
}

static void
put(int way, unsigned number, const char *begin)
{
	put_bytes(way, number, begin, 10000);
}

/* Reads one batch of answers into `error`, by request number. How many. */
static size_t
hear(int way, int *error)
{
	struct msg_spool_queued all[MSG_SPOOL_BATCH];
	char space[CTL_PAYLOAD_MAX];
	struct ctl_message m;

	ck_assert_int_eq(ctl_recv_now(way, CTL_FROM_HELPER, &m, space, sizeof(space)), 1);
	ck_assert_int_eq(m.type, CTL_SPOOL_QUEUED);
	ck_assert_uint_eq(m.len % sizeof(all[0]), 0);
	memcpy(all, m.data, m.len);
	for (size_t i = 0; i < m.len / sizeof(all[0]); i++) {
		ck_assert_uint_lt(all[i].request, MESSAGES);
		error[all[i].request] = all[i].error;
	}
	return m.len / sizeof(all[0]);
}

START_TEST(test_each_is_answered_once)
{
	int way, error[MESSAGES];
	char ids[MESSAGES * MESSAGE_ID_LEN];
	size_t heard = 0, hinted = 0;
	ssize_t n;

	set_up();
	memset(error, -1, sizeof(error));
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
	/* They are more than fit the socket: their writer waits for the threads as they for the disk. */
	for (unsigned i = 0; i < MESSAGES; i++)
		put(way, i, "1k0stx2a3b4c");
	while (heard < MESSAGES)
		heard += hear(way, error);
	ck_assert_uint_eq(heard, MESSAGES);
	for (unsigned i = 0; i < MESSAGES; i++)
		ck_assert_int_eq(error[i], 0);
	ck_assert_uint_eq(queued(), MESSAGES);
	while ((n = recv(hints[1], ids, sizeof(ids), MSG_DONTWAIT)) > 0)
		hinted += (size_t)n / MESSAGE_ID_LEN;
	ck_assert_uint_eq(hinted, MESSAGES);
	put(way, 7, "1k0stx2a3b4c");	/* as after the death of a worker */
	hear(way, error);
	ck_assert_int_eq(error[7], EEXIST);
	close(way);
	loop_run(loop);
	ck_assert_uint_eq(overs, 1);
	ck_assert(message_channel_list_is_empty(list));
	tear_down();
}
END_TEST

/* Each size up to the largest, among small ones: none is cut, and none takes the place of another. */
START_TEST(test_all_sizes)
{
	static const size_t sizes[] = { 0, 1, CTL_PAYLOAD_MAX, MSG_SPOOL_FILE_MAX - 1, MSG_SPOOL_FILE_MAX };
	int way, error[MESSAGES];
	size_t heard = 0;

	set_up();
	memset(error, -1, sizeof(error));
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
	for (unsigned i = 0; i < 60; i++)
		put_bytes(way, i, "1k0stx2a3b4c", sizes[i % nitems_of(sizes)]);
	while (heard < 60)
		heard += hear(way, error);
	for (unsigned i = 0; i < 60; i++) {
		char line[300];

		ck_assert_int_eq(error[i], 0);
		snprintf(line, sizeof(line), "test $(cat $H/queue/*/1k0stx2a3b4c%04u | tr -dc x | wc -c) = %zu", i,
		    sizes[i % nitems_of(sizes)]);
		shell(line);
	}
	close(way);
	tear_down();
}
END_TEST

/* Until a thread has read all of it. */
static void
wait_taken(int way)
{
	int left = 1;

	while (left > 0) {
		ck_assert_int_eq(ioctl(way, SIOCOUTQ, &left), 0);
		sched_yield();
	}
}

/* Batches: one is committed at a time, and whoever had to wait takes all that has come meanwhile. */
START_TEST(test_one_commit_at_a_time)
{
	int way, error[MESSAGES];

	batches = true;
	set_up();
	memset(error, -1, sizeof(error));
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
	enqueue_turn_begin(enqueue);
	put_bytes(way, 0, "1k0stx2a3b4c", 100);
	wait_taken(way);			/* the thread waits for its turn now */
	for (unsigned i = 1; i < 20; i++)	/* more than one call of the kernel reads */
		put_bytes(way, i, "1k0stx2a3b4c", 100);
	enqueue_turn_end(enqueue);
	ck_assert_uint_eq(hear(way, error), 20);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(error[i], 0);
	ck_assert_uint_eq(queued(), 20);
	close(way);
	tear_down();
	batches = false;
}
END_TEST

/* Of a listener that has gone: what it sent is not lost, and its clients come again or not. */
START_TEST(test_what_was_sent_before_the_end_is_written)
{
	int way;

	set_up();
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
	for (unsigned i = 0; i < 10; i++)
		put(way, i, "1k0stx2a3b4c");
	close(way);
	loop_run(loop);
	ck_assert_uint_eq(overs, 1);
	ck_assert_uint_eq(queued(), 10);
	tear_down();
}
END_TEST

START_TEST(test_what_is_wrong_ends_that_channel_alone)
{
	int way[2], error[MESSAGES];
	char byte;

	set_up();
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_nonnull(message_channel_open(list, &way[i], on_over, NULL));
	put(way[0], 1, "../2a3b4c000");
	loop_run(loop);
	ck_assert_int_eq(recv(way[0], &byte, 1, 0), 0);
	put(way[1], 2, "1k0stx2a3b4c");
	ck_assert_uint_eq(hear(way[1], error), 1);
	ck_assert_int_eq(error[2], 0);
	close(way[0]);
	close(way[1]);
	loop_run(loop);
	ck_assert_uint_eq(overs, 2);
	tear_down();
}
END_TEST

static size_t
open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Messages that belong to other channels, each with a descriptor: none stays open. */
START_TEST(test_descriptors_of_others)
{
	int way;
	size_t before;
	char byte;

	set_up();
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
	before = open_descriptors();
	for (int i = 0; i < 8 && ctl_send_on(way, CTL_MOVE_NOTE, 0, NULL, 0, way, 0) == 0; i++)
		;	/* the first one may have ended it already */
	loop_run(loop);
	ck_assert_int_eq(recv(way, &byte, 1, 0), 0);
	ck_assert_uint_eq(overs, 1);
	ck_assert_uint_eq(open_descriptors(), before - 1);	/* the other end of the channel */
	close(way);
	tear_down();
}
END_TEST

START_TEST(test_the_end_of_the_worker)
{
	int way, error[MESSAGES];

	set_up();
	ck_assert_ptr_nonnull(message_channel_open(list, &way, on_over, NULL));
	put(way, 1, "1k0stx2a3b4c");
	ck_assert_uint_eq(hear(way, error), 1);
	tear_down();
	ck_assert_uint_eq(overs, 1);
	close(way);
}
END_TEST

UNIT_MAIN("message_channel", test_each_is_answered_once, test_one_commit_at_a_time, test_all_sizes, test_what_was_sent_before_the_end_is_written,
    test_what_is_wrong_ends_that_channel_alone, test_descriptors_of_others, test_the_end_of_the_worker)
