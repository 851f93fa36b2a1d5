/*
 * counters_ring - samples that wrap, are torn, come from another version, after a restart, and before and after
 * a clock was set; what it costs to open them
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/process/counters_ring.h"
#include "t/unit/check_main.h"

#define SECOND 1000000LL
#define NOON (1795000000LL * SECOND)
#define HEAD 512		/* bytes; the last of them that counts is the sum of the head */

static char folder[] = "/tmp/postern-ring-XXXXXX", path[64];
static struct counters_sample list[COUNTERS_RING_MOST];

static void
begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.counters", folder);
}

static void
end(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct counters_ring *
open_ring(const char *why)
{
	const char *anew;
	struct counters_ring *r = counters_ring_open(folder, "a", &anew);

	ck_assert_ptr_nonnull(r);
	ck_assert_msg((anew != NULL) == (why != NULL) && (why == NULL || strstr(anew, why) != NULL), "%s",
	    anew != NULL ? anew : "nothing was wrong");
	return r;
}

static void
add(struct counters_ring *r, uint64_t run, int64_t at, uint64_t age, int64_t received)
{
	struct counters_sample s = { .run = run, .at = at, .age = age };

	s.value[COUNTER_MESSAGES_RECEIVED] = received;
	s.value[COUNTER_STATE] = 2;
	ck_assert_int_eq(counters_ring_add(r, &s), 0);
}

/* Changes bytes of the file. */
static void
spoil(off_t at, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	ck_assert(pwrite(fd, bytes, len, at) == (ssize_t)len);
	close(fd);
}

static off_t
size_of_file(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

START_TEST(spans)
{
	struct counters_ring *r;
	off_t size;
	size_t n;

	begin();
	r = open_ring(NULL);
	size = size_of_file();
	ck_assert(counters_ring_read(r, COUNTERS_RING_HOUR, NOON, list) == 0);
	for (int i = 0; i < 10000; i++)		/* more than a day; each ring has begun again many times */
		add(r, 1, NOON + i * 10 * SECOND, (uint64_t)i * 10000, i * 3);
	ck_assert(size_of_file() == size);
	for (int again = 0; again < 2; again++) {
		int64_t now = NOON + 9999 * 10 * SECOND;

		n = counters_ring_read(r, COUNTERS_RING_HOUR, now, list);
		ck_assert_uint_eq(n, 360);
		ck_assert(list[0].at == now - 359 * 10 * SECOND && list[359].at == now);
		for (size_t i = 1; i < n; i++)
			ck_assert(list[i].value[COUNTER_MESSAGES_RECEIVED] ==
			    list[i - 1].value[COUNTER_MESSAGES_RECEIVED] + 3);
		n = counters_ring_read(r, COUNTERS_RING_DAY, now, list);
		ck_assert_msg(n == 288 || n == 289, "%zu", n);
		ck_assert(list[n - 1].at == now && list[0].at > now - 86400 * SECOND);
		for (size_t i = 1; i + 1 < n; i++)
			ck_assert(list[i].at == list[i - 1].at + 300 * SECOND);
		counters_ring_close(r);
		r = open_ring(NULL);		/* nothing of this is kept in memory alone */
	}
	add(r, 1, NOON + 10000 * 10 * SECOND, 10000 * 10000, 30000);
	ck_assert_uint_eq(counters_ring_read(r, COUNTERS_RING_HOUR, NOON + 10000 * 10 * SECOND, list), 360);
	ck_assert_uint_eq(list[359].number, 10001);
	counters_ring_close(r);
	end();
}
END_TEST

START_TEST(torn)
{
	struct counters_ring *r;
	off_t record, middle;
	size_t n;

	begin();
	r = open_ring(NULL);
	record = (size_of_file() - HEAD) / (360 + 288);
	for (int i = 1; i <= 20; i++)
		add(r, 1, NOON + i * 10 * SECOND, (uint64_t)i * 10000, i);
	middle = HEAD + 7 * record + record / 2;
	spoil(middle, "torn", 4);
	spoil(HEAD + 20 * record, "\0\0\0\0\0\0\0\0", 8);	/* the newest: its number */
	counters_ring_close(r);
	r = open_ring(NULL);
	n = counters_ring_read(r, COUNTERS_RING_HOUR, NOON + 200 * SECOND, list);
	ck_assert_uint_eq(n, 18);
	for (size_t i = 0; i < n; i++)
		ck_assert(list[i].number != 7 && list[i].number != 20);
	/* over the gap the growth is that of two samples, and its time, too */
	ck_assert_uint_eq(list[6].number, 8);
	ck_assert_uint_eq(counters_ring_length(&list[5], &list[6]), 20000);
	add(r, 1, NOON + 200 * SECOND, 200000, 20);
	ck_assert_uint_eq(counters_ring_read(r, COUNTERS_RING_HOUR, NOON + 200 * SECOND, list), 19);
	ck_assert_uint_eq(list[18].number, 20);
	/* whatever one byte of a record becomes, there is no sample that was not added */
	for (off_t at = 0; at < record; at++) {
		spoil(HEAD + 3 * record + at, "\x5a", 1);
		n = counters_ring_read(r, COUNTERS_RING_HOUR, NOON + 200 * SECOND, list);
		ck_assert(n >= 18);
		for (size_t i = 0; i < n; i++)
			ck_assert(list[i].value[COUNTER_MESSAGES_RECEIVED] == (int64_t)list[i].number &&
			    list[i].value[COUNTER_STATE] == 2);
	}
	counters_ring_close(r);
	end();
}
END_TEST

static void
spoil_and_open(off_t at, const char *bytes, size_t len, const char *why)
{
	struct counters_ring *r = open_ring(NULL);

	add(r, 1, NOON, 1, 1);
	counters_ring_close(r);
	spoil(at, bytes, len);
	r = open_ring(why);
	ck_assert_uint_eq(counters_ring_read(r, COUNTERS_RING_HOUR, NOON, list), 0);
	counters_ring_close(r);
}

START_TEST(foreign)
{
	struct counters_ring *r;
	const char *anew;

	begin();
	spoil_and_open(0, "x", 1, "damaged");
	spoil_and_open(8, "\x02", 1, "damaged");	/* a version without its sum */
	ck_assert_int_eq(truncate(path, 40), 0);
	counters_ring_close(open_ring("damaged"));
	ck_assert_int_eq(truncate(path, 5000), 0);
	counters_ring_close(open_ring("another size"));
	ck_assert_int_eq(truncate(path, 0), 0);		/* the service ended before it was filled */
	counters_ring_close(open_ring(NULL));
	spoil(0, "\0\0\0\0\0\0\0\0", 8);
	counters_ring_close(open_ring("damaged"));
	r = open_ring(NULL);
	ck_assert(!counters_ring_is_removed(r));
	ck_assert_int_eq(truncate(path, 5000), 0);
	ck_assert(counters_ring_is_removed(r));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(counters_ring_is_removed(r));
	counters_ring_close(r);
	ck_assert_int_eq(symlink("/nowhere/at/all", path), 0);
	ck_assert(counters_ring_open(folder, "a", &anew) == NULL && errno == ELOOP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_null(counters_ring_open(folder, "a", &anew));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(counters_ring_open(folder, "a", &anew) == NULL && errno == EISDIR);
	ck_assert_int_eq(rmdir(path), 0);
	end();
}
END_TEST

/* The times that are left, in seconds after noon. */
static void
expect_times(const struct counters_ring *r, int64_t now, const int *wanted, size_t count)
{
	size_t n = counters_ring_read(r, COUNTERS_RING_HOUR, NOON + now * SECOND, list);

	ck_assert_uint_eq(n, count);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(list[i].at == NOON + wanted[i] * SECOND, "sample %zu is at %lld", i,
		    (long long)(list[i].at - NOON) / SECOND);
}

START_TEST(clocks)
{
	static const int back[] = { 0, 10, 15, 25 }, forward[] = { 7200, 7210 };
	struct counters_ring *r;

	begin();
	r = open_ring(NULL);
	for (int i = 0; i < 5; i++)
		add(r, 1, NOON + i * 10 * SECOND, (uint64_t)i * 10000, i);
	add(r, 1, NOON + 15 * SECOND, 50000, 5);	/* the clock was set back by 35 s */
	expect_times(r, 15, (const int[]){ 0, 10, 15 }, 3);
	add(r, 1, NOON + 25 * SECOND, 60000, 6);
	expect_times(r, 25, back, 4);
	/* the length of a sample is not that of the clock */
	ck_assert_uint_eq(counters_ring_length(&list[2], &list[3]), 10000);
	ck_assert_uint_eq(counters_ring_length(&list[1], &list[2]), 40000);
	/* a clock that is far behind: what is in its future is not shown */
	expect_times(r, -1000, NULL, 0);
	add(r, 1, NOON + 7200 * SECOND, 70000, 7);	/* set forward by two hours */
	add(r, 1, NOON + 7210 * SECOND, 80000, 8);
	expect_times(r, 7210, forward, 2);
	counters_ring_close(r);
	end();
}
END_TEST

START_TEST(growth)
{
	struct counters_sample a = { .run = 1, .age = 20000 }, b = { .run = 1, .age = 30000 };
	enum counter c = COUNTER_MESSAGES_RECEIVED;
	int64_t n;

	a.value[c] = 100;
	b.value[c] = 130;
	ck_assert(counters_ring_growth(&a, &b, c, &n) && n == 30);
	ck_assert(!counters_ring_growth(NULL, &b, c, &n));
	ck_assert(!counters_ring_growth(&b, &b, c, &n));	/* no time has passed */
	b.run = 2;						/* a restart: it grew from 0, in its age */
	b.value[c] = 7;
	ck_assert(counters_ring_growth(&a, &b, c, &n) && n == 7);
	ck_assert_uint_eq(counters_ring_length(&a, &b), 30000);
	b.run = 1;		/* a process that was taken over writes into the counters what it likes */
	ck_assert(!counters_ring_growth(&a, &b, c, &n));
	a.value[c] = INT64_MIN;
	b.value[c] = INT64_MAX;
	ck_assert(!counters_ring_growth(&a, &b, c, &n));
}
END_TEST

/* In pages that the kernel has to give: a start opens as many rings as there are virtual servers. */
START_TEST(open_is_cheap)
{
	struct rusage before, after;

	begin();
	for (unsigned i = 0; i < 3; i++) {
		getrusage(RUSAGE_SELF, &before);
		counters_ring_close(open_ring(NULL));
		getrusage(RUSAGE_SELF, &after);
	}
	ck_assert_int_lt(after.ru_minflt - before.ru_minflt, 40);
	end();
}
END_TEST

START_TEST(moves)
{
	struct counters_ring *r;

	begin();
	r = open_ring(NULL);
	add(r, 1, NOON, 1, 1);
	counters_ring_close(r);
	counters_ring_move(folder, "a", "b");
	counters_ring_move(folder, "a", "b");		/* there is none */
	ck_assert_int_eq(access(path, F_OK), -1);
	counters_ring_move(folder, "b", "a");
	r = open_ring(NULL);
	ck_assert_uint_eq(counters_ring_read(r, COUNTERS_RING_HOUR, NOON, list), 1);
	counters_ring_close(r);
	counters_ring_move(folder, "a", NULL);
	ck_assert_int_eq(access(path, F_OK), -1);
	end();
}
END_TEST

UNIT_MAIN("counters_ring", spans, torn, foreign, clocks, growth, open_is_cheap, moves)
