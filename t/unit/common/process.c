/* process - the shelf common/process: loop, pool and counters, with a real loop */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/burst.h"
#include "common/process/counters.h"
#include "common/process/ebb.h"
#include "common/process/look_timer.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "t/unit/check_main.h"

static struct loop *loop;
static int calls;
static int last_value;

static void
count_and_stop(void *arg)
{
	if (++calls == *(int *)arg)
		loop_stop(loop);
}

static void
stop_loop(void *arg)
{
	loop_stop(loop);
}

START_TEST(test_timer_and_waker)
{
	int want = 2;
	struct loop_timer *t;
	struct loop_waker *w;

	loop = loop_new();
	t = loop_timer_new(loop, count_and_stop, &want);
	w = loop_waker_new(loop, count_and_stop, &want);
	ck_assert(!loop_timer_is_set(t));
	loop_timer_set(t, 1);
	loop_waker_wake(w);
	loop_waker_wake(w);
	loop_run(loop);
	ck_assert_int_eq(calls, 2);
	loop_timer_free(t);
	loop_waker_free(w);
	loop_free(loop);
}
END_TEST

/* Any number of wakes is one call, not before its time; and again. */
START_TEST(test_waker_after)
{
	struct loop_waker *w;
	uint64_t begin;
	int want;

	loop = loop_new();
	w = loop_waker_new_after(loop, 30, count_and_stop, &want);
	for (int round = 0; round < 2; round++) {
		calls = 0;
		want = 1;
		begin = clock_mono_ms();
		loop_waker_wake(w);
		loop_waker_wake(w);
		loop_run(loop);
		ck_assert_int_eq(calls, 1);
		ck_assert_uint_ge(clock_mono_ms() - begin, 29);
	}
	loop_waker_free(w);
	loop_free(loop);
}
END_TEST

static void
got_signal(void *arg, int signo, bool queued, int value)
{
	ck_assert_int_eq(signo, SIGUSR1);
	if (calls++ == 0) {
		union sigval v;

		ck_assert(!queued);
		v = (union sigval){ .sival_int = 7 };
		sigqueue(getpid(), SIGUSR1, v);
		return;
	}
	ck_assert(queued);
	last_value = value;
	loop_stop(loop);
}

static char order[16];
static struct loop_timer *rest;		/* of what 'c' has begun */

static void
put_order(char what)
{
	strncat(order, &what, 1);
	if (strlen(order) == 5)
		loop_stop(loop);
}

static void
note_rest(void *arg)
{
	put_order('r');
}

static void
note_reader(void *arg, unsigned what)
{
	char c;

	ck_assert_int_eq(read(*(int *)arg, &c, 1), 1);
	put_order("abcd"[((int *)arg)[1]]);
	if (((int *)arg)[1] == 2)
		loop_timer_first(rest);
}

/* Of many that are ready, the first one has its turn before them, and the rest of its work; on a plain loop nothing is first. */
START_TEST(test_first)
{
	int fd[4][2] = { 0 }, writer[4], end[2];
	struct loop_io *io[4];

	for (int plain = 0; plain < 2; plain++) {
		loop = plain ? loop_new() : loop_new_first(1);
		order[0] = '\0';
		rest = loop_timer_new(loop, note_rest, NULL);
		for (int i = 0; i < 4; i++) {
			ck_assert(pipe(end) == 0 && write(end[1], "x", 1) == 1);
			writer[i] = end[1];
			fd[i][0] = end[0];
			fd[i][1] = i;
			io[i] = loop_io_new(loop, fd[i][0], LOOP_READ, note_reader, fd[i]);
		}
		loop_io_first(io[2], true);
		loop_io_want(io[2], LOOP_READ | LOOP_CLOSED);
		loop_io_first(io[1], true);
		loop_io_first(io[1], false);
		loop_run(loop);
		ck_assert_uint_eq(strlen(order), 5);
		ck_assert_msg(plain ? strchr(order, 'r') != NULL : strncmp(order, "cr", 2) == 0, "%s", order);
		loop_timer_free(rest);
		for (int i = 0; i < 4; i++) {
			loop_io_free(io[i]);
			close(fd[i][0]);
			close(writer[i]);
		}
		loop_free(loop);
	}
}
END_TEST

/* shows 1.6b */
START_TEST(test_signal_values)
{
	static const int signals[] = { SIGUSR1, 0 };

	loop = loop_new();
	loop_signals(loop, signals, got_signal, NULL);
	kill(getpid(), SIGUSR1);
	loop_run(loop);
	ck_assert_int_eq(last_value, 7);
	loop_free(loop);
}
END_TEST

#define JOBS 1000
static int job_seen[JOBS], done_order;

static void
pool_run(void *arg, void **jobs, size_t n)
{
	ck_assert_uint_le(n, 16);
	for (size_t i = 0; i < n; i++)
		++*(int *)jobs[i];
}

static void
pool_done(void *arg, void *job)
{
	ck_assert_ptr_eq(job, &job_seen[done_order]);
	if (++done_order == JOBS)
		loop_stop(loop);
}

START_TEST(test_pool_runs_all_in_order)
{
	struct pool *p;
	struct pool_lane *lane;

	loop = loop_new();
	p = pool_new(loop, 4);
	lane = pool_lane_new(p, 1, 16, pool_run, pool_done, NULL);
	for (size_t i = 0; i < JOBS; i++)
		pool_submit(lane, &job_seen[i]);
	loop_run(loop);
	for (size_t i = 0; i < JOBS; i++)
		ck_assert_int_eq(job_seen[i], 1);
	ck_assert_uint_eq(done_order, JOBS);
	pool_free(p);
	loop_free(loop);
}
END_TEST

static size_t batches, batch_jobs;

static void
count_batch(void *arg, void **jobs, size_t n)
{
	batches++;
	batch_jobs += n;
}

static void
one_is_done(void *arg, void *job)
{
	if (++calls == *(int *)job)
		loop_stop(loop);
}

START_TEST(test_jobs_that_can_wait_are_one_batch)
{
	struct pool *p;
	struct pool_lane *lane;
	int want = 5;

	loop = loop_new();
	p = pool_new(loop, 2);
	lane = pool_lane_new(p, 2, 16, count_batch, one_is_done, NULL);
	for (int i = 0; i < want; i++)
		pool_submit_soon(lane, &want);
	loop_run(loop);
	ck_assert_uint_eq(batches, 1);
	ck_assert_uint_eq(batch_jobs, 5);

	/* One that cannot wait takes along those before it, which keep their order. */
	want = 8;
	pool_submit_soon(lane, &want);
	pool_submit_soon(lane, &want);
	pool_submit(lane, &want);
	loop_run(loop);
	ck_assert_uint_eq(batches, 2);

	/* A full batch waits for nothing, and the end of the pool for all. */
	want = 8 + 16;
	for (int i = 0; i < 16; i++)
		pool_submit_soon(lane, &want);
	loop_run(loop);
	ck_assert_uint_eq(batches, 3);
	pool_submit_soon(lane, &want);
	pool_free(p);
	ck_assert_uint_eq(batch_jobs, 5 + 3 + 16 + 1);
	loop_free(loop);
}
END_TEST

START_TEST(test_counter_names_are_all_there)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		ck_assert_msg(counters_rows[i].name != NULL && counters_rows[i].title != NULL, "counter %d",
		    i);
}
END_TEST

/* Rows have a bound, labels are shown as text whoever wrote them. */
START_TEST(test_measures)
{
	static struct measures m;
	char label[MEASURES_LABEL_SIZE], text[16];
	struct measures_row *r;

	measures_observe(&m, -5);
	measures_observe(&m, 1000000);
	measures_observe(&m, 1001000);
	measures_observe(&m, INT64_MAX);
	ck_assert_uint_eq(m.bucket[0], 2);
	ck_assert_uint_eq(m.bucket[1], 1);
	ck_assert_uint_eq(m.bucket[MEASURES_BUCKETS], 1);
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "host%d", i);
		r = measures_row(&m, MEASURES_NEXT_HOPS, text);
		r->value[MEASURES_TIME] = 1000 + i;
		ck_assert_ptr_eq(measures_row(&m, MEASURES_NEXT_HOPS, text), r);
	}
	ck_assert_int_eq(measures_row(&m, MEASURES_NEXT_HOPS, "host39")->value[MEASURES_TIME], 1039);
	ck_assert_int_eq(measures_row(&m, MEASURES_NEXT_HOPS, "host1")->value[MEASURES_TIME], 0);
	r = measures_row(&m, MEASURES_TOKENS, "x");
	memset(r->label, 'a', sizeof(r->label));
	memcpy(r->label, "\x1b\xff\n\"", 4);
	ck_assert(measures_label(r, label));
	ck_assert_int_eq(strncmp(label, "???\"aaa", 7), 0);
	ck_assert_uint_eq(strlen(label), MEASURES_LABEL_SIZE - 1);
	measures_clear_rows(&m, MEASURES_TOKENS, 0);
	ck_assert(!measures_label(r, label));
	measures_set(NULL, MEASURE_FILES, 1);
	ck_assert_int_eq(measures_get(NULL, MEASURE_FILES), 0);
	ck_assert_ptr_null(measures_row(NULL, MEASURES_TOKENS, "x"));
}
END_TEST

START_TEST(test_counters_forget_the_dead)
{
	int fd;
	struct counters *master = counters_new(&fd);
	struct counters *a, *b;

	ck_assert_ptr_nonnull(master);
	a = counters_map(fd);
	b = counters_map(fd);
	counters_use_slot(a, 1);
	counters_use_slot(b, 2);
	counters_add(a, COUNTER_INBOUND_CURRENT, 5);
	counters_add(b, COUNTER_INBOUND_CURRENT, 2);
	counters_add(b, COUNTER_INBOUND_TOTAL, 9);
	ck_assert_int_eq(counters_get(master, COUNTER_INBOUND_CURRENT), 7);
	counters_clear_slot(master, 1);
	ck_assert_int_eq(counters_get(b, COUNTER_INBOUND_CURRENT), 2);
	ck_assert_int_eq(counters_get(master, COUNTER_INBOUND_TOTAL), 9);
	counters_free(a);
	counters_free(b);
	counters_free(master);
	close(fd);
}
END_TEST

static int turns[4];

static void
note(void *arg)
{
	turns[calls++] = *(int *)arg;
	if (calls == 2)
		loop_stop(loop);
}

struct both { struct loop_timer *at_once, *soon; };

static void
set_both(void *arg)
{
	struct both *b = arg;

	loop_timer_set(b->soon, 0);
	loop_timer_set(b->at_once, 1000000);
	loop_timer_now(b->at_once);
	ck_assert(loop_timer_is_set(b->at_once));
}

/* "Now" is before the wait that a time of 0 ms goes through, and in place of an earlier time; it can be stopped. */
START_TEST(test_timer_now)
{
	int one = 1, two = 2, three = 3;
	struct both b;
	struct loop_timer *begin, *stopped;

	loop = loop_new();
	calls = 0;
	b.at_once = loop_timer_new(loop, note, &one);
	b.soon = loop_timer_new(loop, note, &two);
	stopped = loop_timer_new(loop, note, &three);
	begin = loop_timer_new(loop, set_both, &b);
	loop_timer_set(begin, 0);
	loop_timer_now(stopped);
	loop_timer_stop(stopped);
	loop_run(loop);
	ck_assert_int_eq(turns[0], 1);
	ck_assert_int_eq(turns[1], 2);
	ck_assert(!loop_timer_is_set(b.at_once));
	loop_timer_free(begin);
	loop_timer_free(stopped);
	loop_timer_free(b.soon);
	loop_timer_free(b.at_once);
	loop_free(loop);
}
END_TEST

/* It looks often for a while, then seldom, and at once often again when something happens, or while it is busy. */
START_TEST(test_look_timer)
{
	struct look_timer t;
	int want = INT_MAX;

	loop = loop_new();
	look_timer_init(&t, loop, 1000, count_and_stop, &want);
	ck_assert(!look_timer_is_set(&t));
	for (unsigned i = 0; i < LOOK_TIMER_AWAKE; i++) {
		look_timer_again(&t, false);
		ck_assert_uint_eq(t.wait_ms, 1000);
	}
	ck_assert(look_timer_is_set(&t));
	for (unsigned i = 0, wait = 2000; i < 10; i++, wait *= 2) {
		look_timer_again(&t, false);
		ck_assert_uint_eq(t.wait_ms, i < 4 ? wait : 1000 * LOOK_TIMER_MOST);
	}
	look_timer_stir(&t);
	ck_assert_uint_eq(t.wait_ms, 1000);
	for (unsigned i = 0; i < LOOK_TIMER_AWAKE + 1; i++) {
		look_timer_again(&t, false);
		ck_assert_uint_eq(t.wait_ms, 1000);
	}
	look_timer_again(&t, false);
	ck_assert_uint_eq(t.wait_ms, 2000);
	look_timer_again(&t, true);
	ck_assert_uint_eq(t.wait_ms, 1000);
	look_timer_done(&t);
	loop_free(loop);
}
END_TEST

START_TEST(test_burst)
{
	struct burst c = { 0 };
	unsigned all = 0;

	for (unsigned i = 0; i < 2 * BURST_LOOK; i++)
		if (burst_begin(&c)) {
			all++;
			burst_end(&c, 1);
		}
	ck_assert_uint_eq(all, 2);	/* one at a time: only each eighth turn looks */
	while (!burst_begin(&c))
		;
	burst_end(&c, 2);
	ck_assert(burst_begin(&c));
	burst_end(&c, 1);
	ck_assert(!burst_begin(&c));
}
END_TEST

/* Counts what an ebb has given back after some height and what was left of it, when it is done with. */
static int
given_back(size_t height, size_t left, size_t later)
{
	int want = INT_MAX;
	struct ebb *ebb;
	struct loop_timer *end;

	loop = loop_new();
	calls = 0;
	ebb = ebb_new(loop, 1, count_and_stop, &want);
	end = loop_timer_new(loop, stop_loop, NULL);
	ebb_held(ebb, height);
	ebb_held(ebb, left);
	ebb_held(ebb, later);
	loop_timer_set(end, 20);
	loop_run(loop);
	ebb_held(ebb, later);		/* it was given back once: no fall since */
	loop_timer_set(end, 20);
	loop_run(loop);
	loop_timer_free(end);
	ebb_free(ebb);
	loop_free(loop);
	return calls;
}

START_TEST(test_ebb)
{
	ck_assert_int_eq(given_back(EBB_LEAST, 0, 0), 1);
	ck_assert_int_eq(given_back(EBB_LEAST, EBB_LEAST / 4, EBB_LEAST / 4), 1);
	ck_assert_int_eq(given_back(EBB_LEAST, EBB_LEAST / 2, EBB_LEAST / 2), 0);
	ck_assert_int_eq(given_back(EBB_LEAST - 1, 0, 0), 0);	/* not worth it */
	ck_assert_int_eq(given_back(EBB_LEAST, 0, EBB_LEAST), 0);	/* a wave: it came again */
}
END_TEST

UNIT_MAIN("process", test_ebb, test_timer_now, test_look_timer, test_burst, test_timer_and_waker,
    test_waker_after, test_first, test_signal_values, test_pool_runs_all_in_order, test_jobs_that_can_wait_are_one_batch, test_counter_names_are_all_there, test_measures,
    test_counters_forget_the_dead)
