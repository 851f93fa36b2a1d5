/* enqueue - small, large and discarded messages into the queue, and the hint about each; with a real loop */
#include <stdio.h>
#include <sys/socket.h>

#include "common/mail/message.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/spool.h"
#include "t/unit/check_main.h"

static struct loop *loop;
static int calls;

static void
on_enqueued(void *arg, int error, const char *id)
{
	ck_assert_int_eq(error, 0);
	ck_assert(message_id_is_valid(id));
	if (++calls == 3)
		loop_stop(loop);
}

static void
add_again(void *arg)
{
	struct enqueue_message *m = arg;

	enqueue_add(m, "end\r\n", 5);
	enqueue_finish(m, on_enqueued, NULL);
}

START_TEST(test_small_large_discarded)
{
	char home[] = "/tmp/postern-unit-XXXXXX", path[4][64], ids[1024];
	const char *where;
	int hint[2];
	char line[100], *block;
	size_t total;
	struct pool *p;
	struct spool_paths paths;
	ssize_t n;
	struct enqueue_message *large, *gone;
	struct enqueue *in;
	struct spool *s;
	struct message_envelope e;

	ck_assert_ptr_nonnull(mkdtemp(home));
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%c", home, 'a' + i);
	paths = (struct spool_paths){ path[0], path[1], path[2], path[3] };
	s = spool_open(&paths, &where);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, hint), 0);
	loop = loop_new();
	p = pool_new(loop, 2);
	in = enqueue_new(p, s, hint[0], NULL);
	e = (struct message_envelope){ .sender = mem_strdup("") };
	message_envelope_add(&e, "a@b");
	for (int i = 0; i < 2; i++) {
		struct enqueue_message *m = enqueue_begin(in, &e);

		enqueue_add(m, "small\r\n", 7);
		enqueue_finish(m, on_enqueued, NULL);
	}
	block = mem_zalloc(ENQUEUE_CHUNK);
	large = enqueue_begin(in, &e);
	gone = enqueue_begin(in, &e);
	for (int i = 0; i < 2; i++) {
		ck_assert(!enqueue_is_full(large));
		enqueue_add(large, block, ENQUEUE_CHUNK);
		enqueue_add(gone, block, ENQUEUE_CHUNK);
	}
	ck_assert(enqueue_is_full(large));
	enqueue_on_room(large, add_again, large);
	enqueue_discard(gone);
	loop_run(loop);
	pool_free(p);
	total = 0;
	while ((n = recv(hint[1], ids, sizeof(ids), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	ck_assert_uint_eq(total, 3 * MESSAGE_ID_LEN);
	enqueue_free(in);
	spool_close(s);
	loop_free(loop);
	message_envelope_done(&e);
	free(block);
	snprintf(line, sizeof(line), "test $(ls -A %s/b/new | wc -l) = 0 && rm -r %s", home, home);
	ck_assert_int_eq(system(line), 0);
}
END_TEST

UNIT_MAIN("enqueue", test_small_large_discarded)
