/*
 * queue_admin_select - a command does not touch badmail that arrived
 * after the command began, even within the same second; a hundred thousand
 * messages are counted by their records, in a few pieces and one answer
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/admin/admin.h"
#include "t/unit/temp_spool.h"
#include "t/unit/check_main.h"

/* In place of the library's: while it is set no time passes, so that a piece ends by what it holds alone. */
static bool clock_stands;

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	static const struct timespec still = { .tv_sec = 1000000 };

	if (!clock_stands || clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	*ts = still;
	return 0;
}

/* Makes a badmail with that time in its name. Returns the second in which it came. */
static int64_t
lose(int64_t time_us, uint32_t chance)
{
	char id[MESSAGE_ID_SIZE], path[200];
	struct stat st;
	int fd;

	message_id_make(id, time_us, chance);
	snprintf(path, sizeof(path), "%s/badmail/%s.bad", home, id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	return st.st_ctim.tv_sec;
}

/* How many are meant by a command of that moment; 0: of any */
static size_t
meant(int64_t newest_us)
{
	static struct queue_admin_job job;
	static struct queue_admin queue_admin;
	void *jobs[] = { &job };
	size_t n = 0;

	queue_admin.spool = spool;
	job = (struct queue_admin_job){ .queue_admin = &queue_admin,
	    .ask = { .verb = MSG_QUEUE_BADMAIL_RETRY, .newest_us = newest_us } };
	buf_init(&job.text, MSG_QUEUE_TEXT_MAX);
	queue_admin_select_run(NULL, jobs, 1);
	for (size_t i = 0; i < job.nread; i++)
		n += job.item[i].matched;
	buf_done(&job.text);
	return n;
}

START_TEST(test_badmail_of_that_second)
{
	int64_t second, came;
	uint32_t turn = 0;

	temp_spool_begin();
	do {		/* until both came in the same second */
		setenv("H", home, 1);
		ck_assert_int_eq(system("rm -f $H/badmail/*"), 0);
		second = clock_wall_us() / 1000000;
		came = lose(second * 1000000 + 400000, ++turn);
	} while (lose(second * 1000000 + 600000, turn) != second || came != second);
	ck_assert_uint_eq(meant(second * 1000000 + 500000), 1);
	ck_assert_uint_eq(meant((second - 1) * 1000000 + 999999), 0);
	ck_assert_uint_eq(meant((second + 1) * 1000000 + 500000), 2);
	ck_assert_uint_eq(meant((second + 2) * 1000000), 2);
	ck_assert_uint_eq(meant(0), 2);
	/* in other seconds its name does not count: a clock may have been ahead */
	lose((second + 1000) * 1000000, 7);
	ck_assert_uint_eq(meant((second + 60) * 1000000), 3);
	temp_spool_end();
}
END_TEST

#define MANY 100000
#define PIECES 6		/* of 20000 records */

/* How many match, and in how many pieces; all of them make one answer. */
static size_t
tally_of(enum msg_queue_verb verb, struct queue_admin *a, uint32_t states, const char *word, unsigned *pieces)
{
	static struct queue_admin_job job;
	void *jobs[] = { &job };

	job = (struct queue_admin_job){ .queue_admin = a, .ask = { .verb = verb } };
	job.ask.pick.states = states;
	if (word != NULL)
		ck_assert_int_eq(queue_filter_take_word(&job.ask.pick, word), 1);
	*pieces = 0;
	do {
		if (verb == MSG_QUEUE_TALLY)
			queue_admin_select_gather(&job);
		queue_admin_select_run(NULL, jobs, 1);
		for (size_t i = 0; i < job.nread; i++)
			job.page.matched += job.item[i].matched;
		++*pieces;
	} while (queue_admin_select_again(&job));
	ck_assert_uint_eq(job.text.len, 0);
	ck_assert_msg(job.page.next[0] == '\0', "not all in one answer");
	return job.page.matched;
}

static size_t
tally(struct queue_admin *a, uint32_t states, const char *word, unsigned *pieces)
{
	return tally_of(MSG_QUEUE_TALLY, a, states, word, pieces);
}

START_TEST(test_tally)
{
	struct schedule schedule = { .index = schedule_index_new() };
	struct queue_admin a = { .schedule = &schedule };
	int64_t now = clock_wall_us();
	char id[MESSAGE_ID_SIZE], word[64];
	unsigned pieces;
	uint32_t n;

	for (uint32_t i = 1; i <= MANY; i++) {
		message_id_make(id, now - i * 1000000LL, i);
		n = schedule_index_add(schedule.index, id);
		schedule_index_wait(schedule.index, n, (uint32_t)(now / 1000000 + 3600));
		if (i % 10 == 0)
			schedule_index_set_held(schedule.index, n, true);
	}
	ck_assert_uint_eq(tally(&a, 0, NULL, &pieces), MANY);
	ck_assert_uint_le(pieces, PIECES);
	ck_assert_uint_eq(tally(&a, QUEUE_FILTER_HELD, NULL, &pieces), MANY / 10);
	ck_assert_uint_le(pieces, PIECES);
	ck_assert_uint_eq(tally(&a, QUEUE_FILTER_WAITING, NULL, &pieces), MANY / 10 * 9);
	n = (uint32_t)tally(&a, 0, "older=50000", &pieces);
	ck_assert_msg(n >= MANY / 2 && n < MANY / 2 + 1000, "%u", n);
	ck_assert_uint_le(pieces, PIECES);
	snprintf(word, sizeof(word), "id=%s", id);
	ck_assert_uint_eq(tally(&a, 0, word, &pieces), 1);
	ck_assert_uint_eq(pieces, 1);
	schedule_index_free(schedule.index);
}
END_TEST

#define FILES 1200		/* of badmail or drop: more than two pieces have */

/* Without their files being opened they are counted by one walk, else in pieces; each way by one question. */
START_TEST(test_tally_of_folders)
{
	static const enum msg_queue_verb verbs[] = { MSG_QUEUE_BADMAIL_TALLY, MSG_QUEUE_DROP_TALLY };
	struct queue_admin a = { 0 };
	int64_t now = clock_wall_us();
	unsigned pieces;

	temp_spool_begin();
	a.spool = spool;
	for (uint32_t i = 1; i <= FILES; i++) {
		char id[MESSAGE_ID_SIZE], path[200];
		int fd;

		lose(now - i * 1000000LL, i);
		message_id_make(id, now, i);
		snprintf(path, sizeof(path), "%s/drop/%s-0.eml", home, id);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		ck_assert_int_eq(dprintf(fd, "x-sender: a@b.example\r\nx-receiver: %u@c.example\r\n\r\n", i % 2), 50);
		close(fd);
	}
	clock_stands = true;
	for (size_t v = 0; v < nitems_of(verbs); v++) {
		ck_assert_uint_eq(tally_of(verbs[v], &a, 0, NULL, &pieces), FILES);
		ck_assert_uint_eq(pieces, 1);
		ck_assert_uint_eq(tally_of(verbs[v], &a, 0, "older=50000", &pieces), 0);
	}
	ck_assert_uint_eq(tally_of(MSG_QUEUE_DROP_TALLY, &a, 0, "recipient=1@*", &pieces), FILES / 2);
	ck_assert_uint_eq(pieces, 3);
	ck_assert_uint_eq(tally_of(MSG_QUEUE_BADMAIL_TALLY, &a, 0, "recipient=1@*", &pieces), 0);
	ck_assert_uint_eq(pieces, 3);
	clock_stands = false;
	temp_spool_end();
}
END_TEST

UNIT_MAIN("queue_admin_select", test_badmail_of_that_second, test_tally, test_tally_of_folders)
