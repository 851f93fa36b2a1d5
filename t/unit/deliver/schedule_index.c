/*
 * schedule_index - 100,000 records by id and by due time, compared
 * with plain arithmetic; memory used by a record
 */

#include <string.h>

#include "deliver/deliver.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/check_main.h"

#define COUNT 100000U

static uint64_t state = 88172645463325252U;

static uint32_t
chance(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

/* Several ids have the same microsecond, so that the second part of the id matters. */
static void
make_id(char *id, uint32_t i)
{
	message_id_make(id, 1795288657000000 + (int64_t)(i / 3) * 1000003, 12345 + i % 3);
}

/* More than a portion: some walks later the oldest that counts is found. */
START_TEST(test_oldest)
{
	struct schedule_index *x = schedule_index_new();
	struct age_walk age = { 0 };
	uint32_t number[COUNT];
	char id[MESSAGE_ID_SIZE];

	ck_assert(age_walk_step(x, &age));
	ck_assert_int_eq(age.oldest_us, 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		make_id(id, COUNT - i);
		number[i] = schedule_index_add(x, id);
	}
	ck_assert(!age_walk_step(x, &age));
	ck_assert_int_eq(age.oldest_us, 0);
	ck_assert(age_walk_step(x, &age));
	make_id(id, 1);
	ck_assert_int_eq(age.oldest_us, message_id_time_us(id));
	schedule_index_set_held(x, number[COUNT - 1], true);
	schedule_index_set_held(x, number[COUNT - 2], true);
	while (!age_walk_step(x, &age))
		;
	make_id(id, 3);
	ck_assert_int_eq(age.oldest_us, message_id_time_us(id));
	for (uint32_t i = 0; i < COUNT - 2; i++)
		schedule_index_remove(x, number[i]);
	while (!age_walk_step(x, &age))
		;
	ck_assert_int_eq(age.oldest_us, 0);
	schedule_index_free(x);
}
END_TEST

START_TEST(test_many)
{
	struct schedule_index *x = schedule_index_new();
	uint32_t *number = mem_array(NULL, COUNT, sizeof(*number));
	char id[MESSAGE_ID_SIZE], back[MESSAGE_ID_SIZE];
	uint32_t before = 0, taken = 0;

	for (uint32_t i = 0; i < COUNT; i++) {
		make_id(id, i);
		ck_assert_uint_eq(schedule_index_find(x, id), 0);
		number[i] = schedule_index_add(x, id);
		schedule_index_wait(x, number[i], chance(5000));
	}
	ck_assert_uint_eq(schedule_index_count(x), COUNT);
	ck_assert_msg(schedule_index_bytes(x) / COUNT <= 50, "%zu bytes a record",
	    schedule_index_bytes(x) / COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		make_id(id, i);
		ck_assert_uint_eq(schedule_index_find(x, id), number[i]);
		schedule_index_id(x, number[i], back);
		ck_assert_str_eq(back, id);
	}
	/* a third goes, a third gets another time */
	for (uint32_t i = 0; i < COUNT; i += 3)
		schedule_index_remove(x, number[i]);
	for (uint32_t i = 1; i < COUNT; i += 3)
		schedule_index_wait(x, number[i], chance(5000));
	make_id(id, 0);
	ck_assert_uint_eq(schedule_index_find(x, id), 0);
	for (uint32_t n; (n = schedule_index_first(x)) != 0; taken++) {
		const struct schedule_record *r = schedule_index_at(x, n);

		ck_assert_uint_ge(r->due, before);
		before = r->due;
		schedule_index_take(x, n);
		ck_assert_uint_eq(r->heap, 0);
	}
	ck_assert_uint_eq(taken, schedule_index_count(x));
	schedule_index_free(x);
	free(number);
}
END_TEST

START_TEST(test_oldest_first)
{
	struct schedule_index *x = schedule_index_new();
	char id[MESSAGE_ID_SIZE];
	uint64_t last = 0;

	for (uint32_t i = 0; i < 999; i++) {
		make_id(id, (i * 700) % 999);	/* all of them, in disorder */
		schedule_index_wait(x, schedule_index_add(x, id), 7);
	}
	for (uint32_t n; (n = schedule_index_first(x)) != 0; schedule_index_remove(x, n)) {
		ck_assert(schedule_index_at(x, n)->time >= last);
		last = schedule_index_at(x, n)->time;
	}
	ck_assert_uint_eq(schedule_index_count(x), 0);
	schedule_index_free(x);
}
END_TEST

START_TEST(test_all_due)
{
	struct schedule_index *x = schedule_index_new();
	char id[MESSAGE_ID_SIZE];
	unsigned early = 0, n = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		make_id(id, i);
		schedule_index_wait(x, schedule_index_add(x, id), i);
	}
	schedule_index_all_due(x, 500);
	for (uint32_t r, due = 0; (r = schedule_index_first(x)) != 0; n++) {
		ck_assert(schedule_index_at(x, r)->due >= due && schedule_index_at(x, r)->due <= 500);
		due = schedule_index_at(x, r)->due;
		early += due < 500;
		schedule_index_remove(x, r);
	}
	ck_assert_uint_eq(n, 1000);
	ck_assert_uint_eq(early, 500);
	schedule_index_free(x);
}
END_TEST

/* Freed numbers are used again: memory does not grow with the number of messages that passed. */
START_TEST(test_reuse)
{
	struct schedule_index *x = schedule_index_new();
	char id[MESSAGE_ID_SIZE];
	size_t bytes = 0;

	for (uint32_t i = 0; i < 50000; i++) {
		make_id(id, i);
		schedule_index_wait(x, schedule_index_add(x, id), i);
		if (i >= 100)
			schedule_index_remove(x, schedule_index_first(x));
		if (i == 5000)
			bytes = schedule_index_bytes(x);
	}
	ck_assert_uint_eq(schedule_index_bytes(x), bytes);
	ck_assert_uint_eq(schedule_index_count(x), 100);
	schedule_index_free(x);
}
END_TEST

/* Two destinations with parked records are served in turn, and only up to their share. */
START_TEST(test_parked)
{
	struct schedule_index *x = schedule_index_new();
	struct schedule_dests *t = schedule_dest_table_new(x);
	struct destination a = { .key = (char *)"dns:a", .domain = (char *)"a" },
	    b = { .key = (char *)"dns:b", .domain = (char *)"b" };
	struct schedule_dest *da = schedule_dest_add(t, &a), *db = schedule_dest_add(t, &b), *from;
	uint32_t n[6];
	char id[MESSAGE_ID_SIZE];

	for (uint32_t i = 0; i < 6; i++) {
		make_id(id, i);
		n[i] = schedule_index_add(x, id);
		schedule_dest_park(t, i < 4 ? da : db, n[i]);
	}
	ck_assert_ptr_eq(schedule_dest_find(t, "dns:b"), db);
	ck_assert_uint_eq(schedule_dest_parked(t), 6);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[0]);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[4]);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[1]);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[5]);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), 0);	/* a has its share */
	ck_assert_uint_eq(schedule_dest_parked(t), 2);
	da->loading = db->loading = 0;
	schedule_dest_check(t, db);		/* it is not in use: freed */
	ck_assert_ptr_null(schedule_dest_find(t, "dns:b"));
	schedule_dest_check(t, da);		/* still has records */
	da->probing = true;
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), 0);
	da->probing = false;
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[2]);
	schedule_dest_table_free(t);
	schedule_index_free(x);
}
END_TEST

/*
 * The connection of ATRN has ended: a record with a command at work stays in its place of the list; nothing
 * becomes due.
 */
START_TEST(test_atrn_ended)
{
	struct schedule_index *x = schedule_index_new();
	struct schedule_dests *t = schedule_dest_table_new(x);
	struct destination a = { .key = (char *)"hold:a", .domain = (char *)"a" };
	struct schedule_dest *d = schedule_dest_add(t, &a), *from;
	uint32_t n[3];
	char id[MESSAGE_ID_SIZE];

	schedule_dest_set_etrn(t, d);
	for (uint32_t i = 0; i < 3; i++) {
		make_id(id, i);
		n[i] = schedule_index_add(x, id);
		if (i < 2)
			schedule_dest_park(t, d, n[i]);
	}
	schedule_record_event(schedule_index_at(x, n[0]), EVENT_COMMAND);
	schedule_index_set_backlog(x, n[2], true);
	schedule_index_wait(x, n[2], 100);
	schedule_dest_add_backlog(t, d, n[2]);
	ck_assert_uint_eq(schedule_dest_start_backlog(t, d), 1);
	schedule_dest_end_atrn(t, d);
	ck_assert_int_eq(schedule_index_at(x, n[0])->state, RECORD_SKIPPED);
	ck_assert_uint_eq(schedule_index_first(x), n[2]);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[0]);
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), n[1]);
	d->loading = 0;
	/* The backlog is not started any more */
	ck_assert_uint_eq(schedule_dest_unpark(t, 2, &from), 0);
	ck_assert(!schedule_dest_is_busy(d) && d->backlog.count == 1);
	schedule_dest_table_free(t);
	schedule_index_free(x);
}
END_TEST

/*
 * Every tenth record has a tag, half of those the one that is made due, in slices. What is due already stays
 * so; loaded ones too.
 */
START_TEST(test_make_due)
{
	struct schedule_index *x = schedule_index_new();
	bool tags[SCHEDULE_TAGS] = { [7] = true };
	char id[MESSAGE_ID_SIZE];
	uint32_t at = 1, slices = 0, made_due = 0;

	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t n;

		make_id(id, i);
		n = schedule_index_add(x, id);
		schedule_index_wait(x, n, i == 20 ? 5 : 5000 + chance(5000));
		schedule_index_at(x, n)->tag = i % 10 == 0 ? (i % 20 == 0 ? 7 : 8) : 0;
	}
	schedule_index_take(x, schedule_index_first(x));	/* the one due at 5 */
	do {
		at = schedule_index_make_due(x, at, tags, 1000);
		slices++;
	} while (at != 0);
	ck_assert_uint_gt(slices, 2);
	for (uint32_t n; (n = schedule_index_first(x)) != 0 && schedule_index_at(x, n)->due <= 1000;
	    made_due++) {
		ck_assert_uint_eq(schedule_index_at(x, n)->tag, 0);
		schedule_index_take(x, n);
	}
	ck_assert_uint_eq(made_due, COUNT / 20 - 1);
	ck_assert_uint_eq(schedule_index_make_due(x, 1, tags, 1000), 65537);
	schedule_index_free(x);
}
END_TEST

UNIT_MAIN("schedule_index", test_oldest, test_many, test_oldest_first, test_all_due, test_reuse, test_parked,
    test_atrn_ended, test_make_due)
