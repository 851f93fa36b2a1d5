/*
 * queue_scan - a queue of more messages than the chunks in flight can
 * hold: each is reported once; a stop does not hang
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/process/loop.h"
#include "common/process/pool.h"
#include "deliver/deliver.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/temp_spool.h"
#include "t/unit/check_main.h"

#define COUNT 50000		/* twelve chunks of 4,096; eight may wait */

static struct loop *loop;
static size_t found_count, calls;
static uint64_t sum;
static ssize_t told;
static struct queue_scan *scanner;
static size_t stop_after;

static void
found(void *arg, const struct spool_entry *entry, size_t n)
{
	(void)arg;
	calls++;
	found_count += n;
	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)message_id_time_us(entry[i].id);
	if (stop_after != 0 && calls == stop_after)
		queue_scan_stop(scanner);
}

static void
over(void *arg, ssize_t total, uint64_t ms)
{
	(void)arg;
	(void)ms;
	told = total;
	loop_stop(loop);
}

/* In so many buckets (8 s of arrival each), empty: a scan does not look inside. */
static uint64_t
make_files(unsigned buckets)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		int64_t us = ((214011537LL + i % buckets) << 23) + i * 100;
		char id[MESSAGE_ID_SIZE], path[160];
		int fd;

		message_id_make(id, us, i);
		snprintf(path, sizeof(path), "%s/queue/%03x", home, (unsigned)(us >> 23) & 1023);
		if (i < buckets)
			ck_assert_int_eq(mkdir(path, 0700), 0);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", id);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		ck_assert_int_ne(fd, -1);
		close(fd);
		all += (uint64_t)us;
	}
	return all;
}

static void
scan_all(size_t stop)
{
	struct pool *pool;

	loop = loop_new();
	pool = pool_new(loop, 2);
	found_count = calls = 0;
	sum = 0;
	stop_after = stop;
	scanner = queue_scan_new(loop, pool, spool, found, over, NULL);
	queue_scan_start(scanner, true);
	loop_run(loop);
	pool_free(pool);
	queue_scan_free(scanner);
	loop_free(loop);
}

static void
find_all(unsigned buckets)
{
	uint64_t want;

	temp_spool_begin();
	want = make_files(buckets);
	scan_all(0);
	ck_assert_int_eq(told, COUNT);
	ck_assert_uint_eq(found_count, COUNT);
	ck_assert(sum == want);
	scan_all(1);		/* ends, although the loop does not take what is left */
	ck_assert_uint_le(found_count, COUNT);
	temp_spool_end();
}

START_TEST(test_all)
{
	find_all(1);
}
END_TEST

/* The parts of a scan are buckets: each is read by one of them. */
START_TEST(test_parts)
{
	find_all(7);
}
END_TEST

UNIT_MAIN("queue_scan", test_all, test_parts)
