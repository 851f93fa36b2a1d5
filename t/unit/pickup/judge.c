/* judge, pickup_names - when a file is taken: rows, and sequences of events */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "pickup/pickup.h"
#include "t/unit/check_main.h"

/* shows 3.3 */
START_TEST(test_names)
{
	static const struct { const char *name; bool ignored; } rows[] = {
		{ "a", false }, { "a.eml", false }, { "tmp", false }, { "a.tmp.eml", false },
		{ "part", false }, { "a.", false },
		{ "a.tmp", true }, { "A.TMP", true }, { "a.part", true }, { "a.Part", true }, { ".a", true },
		{ ".", true }, { "..", true },
		{ ".tmp", true }, { ".taken-0123456789abcdef-a", true },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(judge_ignores(rows[i].name) == rows[i].ignored, "%s", rows[i].name);
}
END_TEST

/* One look, `ms` after the first, at a file with one difference from a good one. */
enum { TAKE = -1, IGNORE = -2 };	/* else > 0: a reason; 0: wait */

static int
look(enum judge_evidence evidence, const struct judge_facts *f, struct judge_memory *m, uint64_t max,
    bool remote)
{
	struct judge_rules r = { .max_size = max, .remote = remote };
	struct judge_verdict v = judge_file(&r, evidence, f, m);

	switch (v.answer) {
	case JUDGE_TAKE:
		return TAKE;
	case JUDGE_IGNORE:
		return IGNORE;
	case JUDGE_REFUSE:
		return (int)v.reason;
	default:
		ck_assert_uint_gt(v.wait_ms, 0);
		return 0;
	}
}

static const struct judge_facts good = { .mode = S_IFREG | 0644, .nlink = 1, .size = 100, .mtime_us = 1,
    .ctime_us = 1, .now_us = 2, .now_ms = 1000 };

START_TEST(test_kinds)
{
	static const struct { uint32_t mode, nlink; uint64_t size; bool sealed; int want; } rows[] = {
		{ S_IFREG | 0600, 1, 1, false, TAKE },
		{ S_IFREG | 0, 1, 1000, false, TAKE },
		{ S_IFREG | 0600, 1, 1001, false, JUDGE_LARGE },
		{ S_IFREG | 0600, 1, 100, true, 0 },
		{ S_IFREG | 0600, 1, 0, false, 0 },
		{ S_IFREG | 0600, 2, 100, false, 0 },
		{ S_IFREG | 0600, 0, 100, false, IGNORE },
		{ S_IFDIR | 0700, 2, 4096, false, IGNORE },
		{ S_IFIFO | 0600, 1, 0, false, JUDGE_DEVICE },
		{ S_IFCHR | 0600, 1, 0, false, JUDGE_DEVICE },
		{ S_IFBLK | 0600, 1, 0, false, JUDGE_DEVICE },
		{ S_IFSOCK | 0600, 1, 0, false, JUDGE_DEVICE },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct judge_facts f = good;
		struct judge_memory m = { 0 };

		f.mode = rows[i].mode;
		f.nlink = rows[i].nlink;
		f.size = rows[i].size;
		f.sealed = rows[i].sealed;
		ck_assert_msg(look(JUDGE_RENAMED, &f, &m, 1000, false) == rows[i].want, "row %zu", i);
	}
}
END_TEST

/* Looks at the same, unchanged file at growing times: when is it taken or refused? */
START_TEST(test_patience)
{
	static const struct { enum judge_evidence evidence; uint64_t size; uint32_t nlink; bool remote;
	    int64_t age_ms; uint64_t after_ms; int want; } rows[] = {
		{ JUDGE_RENAMED, 100, 1, false, 0, 0, TAKE },
		{ JUDGE_CLOSED, 100, 1, false, 0, 0, TAKE },
		{ JUDGE_CREATED, 100, 1, false, 0, 0, TAKE },
		{ JUDGE_LEFT, 100, 1, false, 0, 0, TAKE },
		{ JUDGE_REOPENED, 100, 1, false, 0, 2000, TAKE },
		{ JUDGE_UNSURE, 100, 1, false, 0, 10000, TAKE },
		{ JUDGE_OPEN, 100, 1, false, 0, 600000, TAKE },
		/* An old file opened by a writer may still change */
		{ JUDGE_OPEN, 100, 1, false, 3600000, 600000, TAKE },
		{ JUDGE_SCANNED, 100, 1, false, 0, 2000, TAKE },
		{ JUDGE_SCANNED, 100, 1, false, 5000, 0, TAKE },
		{ JUDGE_SCANNED, 100, 1, false, 4999, 2000, TAKE },
		/* its time is in the future */
		{ JUDGE_SCANNED, 100, 1, false, -3600000, 2000, TAKE },
		{ JUDGE_SCANNED, 100, 1, true, 3600000, 5000, TAKE },
		{ JUDGE_CLOSED, 0, 1, false, 0, 10000, JUDGE_EMPTY },
		{ JUDGE_RENAMED, 0, 1, false, 0, 10000, JUDGE_EMPTY },
		{ JUDGE_SCANNED, 0, 1, false, 5000, 10000, JUDGE_EMPTY },
		{ JUDGE_CREATED, 100, 2, false, 0, 10000, JUDGE_SECOND_NAME },
		{ JUDGE_SCANNED, 100, 2, false, 5000, 10000, JUDGE_SECOND_NAME },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct judge_facts f = good;
		struct judge_memory m = { 0 };

		f.size = rows[i].size;
		f.nlink = rows[i].nlink;
		f.ctime_us = f.mtime_us = 1000000;
		f.now_us = f.ctime_us + rows[i].age_ms * 1000;
		if (rows[i].after_ms > 0) {
			ck_assert_msg(look(rows[i].evidence, &f, &m, 1000, rows[i].remote) == 0,
			    "row %zu at once", i);
			f.now_ms += rows[i].after_ms - 1;
			ck_assert_msg(look(rows[i].evidence, &f, &m, 1000, rows[i].remote) == 0,
			    "row %zu too early", i);
			f.now_ms++;
		}
		ck_assert_msg(look(rows[i].evidence, &f, &m, 1000, rows[i].remote) == rows[i].want, "row %zu",
		    i);
	}
}
END_TEST

/* The clock was set while a file was written: its time says nothing, only looks do. */
START_TEST(test_clock_set)
{
	struct judge_facts f = good;
	struct judge_memory m = { 0 };

	f.now_us = f.ctime_us + 3600000000;
	f.stepped = true;
	ck_assert_int_eq(look(JUDGE_SCANNED, &f, &m, 1000, false), 0);
	f.now_ms += 1999;
	ck_assert_int_eq(look(JUDGE_SCANNED, &f, &m, 1000, false), 0);
	f.now_ms += 1;
	ck_assert_int_eq(look(JUDGE_SCANNED, &f, &m, 1000, false), TAKE);
}
END_TEST

/* shows 3.4 */
START_TEST(test_growing)
{
	struct judge_facts f = good;
	struct judge_memory m = { 0 };

	for (int turn = 0; turn < 100; turn++, f.now_ms += 1999, f.size++)
		ck_assert_int_eq(look(JUDGE_SCANNED, &f, &m, 1000, false), 0);
	f.size--;
	for (int turn = 0; turn < 10; turn++, f.now_ms += 1999, f.mtime_us++)
		ck_assert_int_eq(look(JUDGE_SCANNED, &f, &m, 1000, false), 0);
	f.mtime_us--;
	f.now_ms += 1;
	ck_assert_int_eq(look(JUDGE_SCANNED, &f, &m, 1000, false), TAKE);
	/* the second name goes: linked in, then unlinked where it was written */
	m = (struct judge_memory){ 0 };
	f.nlink = 2;
	ck_assert_int_eq(look(JUDGE_CREATED, &f, &m, 1000, false), 0);
	f.nlink = 1;
	ck_assert_int_eq(look(JUDGE_CREATED, &f, &m, 1000, false), TAKE);
}
END_TEST

START_TEST(test_errors)
{
	static const struct { int error; enum judge_answer answer; enum judge_reason reason; } rows[] = {
		{ ENOENT, JUDGE_IGNORE, 0 }, { ENOTDIR, JUDGE_IGNORE, 0 }, { ELOOP, JUDGE_REFUSE, JUDGE_LINK },
		{ ENXIO, JUDGE_REFUSE, JUDGE_DEVICE }, { ENODEV, JUDGE_REFUSE, JUDGE_DEVICE },
		{ EMFILE, JUDGE_BACK_OFF, 0 }, { ENFILE, JUDGE_BACK_OFF, 0 }, { ENOMEM, JUDGE_BACK_OFF, 0 },
		{ EWOULDBLOCK, JUDGE_WAIT, 0 }, { EINTR, JUDGE_WAIT, 0 },
	};
	static const int passing[] = { EACCES, EIO, ESTALE, EPERM, EINVAL, ETIMEDOUT, EBADMSG };
	unsigned tries = 0;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct judge_verdict v = judge_error(rows[i].error, &tries);

		ck_assert_int_eq(v.answer, rows[i].answer);
		ck_assert_int_eq(v.reason, rows[i].reason);
	}
	ck_assert_uint_eq(tries, 0);
	/* within seconds, and a few times */
	for (size_t i = 0; i < nitems_of(passing); i++) {
		unsigned waited = 0;

		tries = 0;
		for (int turn = 1; turn < 5; turn++) {
			struct judge_verdict v = judge_error(passing[i], &tries);

			ck_assert_int_eq(v.answer, JUDGE_WAIT);
			waited += v.wait_ms;
		}
		ck_assert_uint_le(waited, 15000);
		ck_assert_int_eq(judge_error(passing[i], &tries).answer, JUDGE_REFUSE);
		ck_assert_int_eq(judge_error(passing[i], &tries).reason,
		    passing[i] == EBADMSG ? JUDGE_FILTER : JUDGE_UNREADABLE);
	}
}
END_TEST

/* --- known --- */

/* The name that is due at `now`, or "". */
static const char *
due(struct pickup_names *k, uint64_t now, struct pickup_name **file)
{
	*file = pickup_names_take_due(k, now);
	return *file != NULL ? (*file)->name : "";
}

#define NEWS(name, evidence, now) ck_assert(pickup_names_news(k, name, evidence, 1, now))

START_TEST(test_writers)
{
	struct pickup_names *k = pickup_names_new(100, 250);
	struct pickup_name *f;

	/* created, opened, closed: looked at soon after the close, not before */
	NEWS("a", JUDGE_CREATED, 0);
	NEWS("a", JUDGE_OPEN, 0);
	/* while it is open one look finds whether its writer holds a lock */
	ck_assert_str_eq(due(k, 99, &f), "");
	ck_assert_str_eq(due(k, 100, &f), "a");
	pickup_names_look_again(k, f, 100, 30000);
	ck_assert_str_eq(due(k, 29000, &f), "");
	NEWS("a", JUDGE_CLOSED, 29000);
	ck_assert_str_eq(due(k, 29249, &f), "");
	ck_assert_uint_eq(pickup_names_next_due(k), 29250);
	ck_assert_str_eq(due(k, 29250, &f), "a");
	ck_assert_int_eq(f->evidence, JUDGE_CLOSED);
	ck_assert_ptr_null(pickup_names_take_due(k, 1000000)); /* it is being looked at */
	pickup_names_forget(k, f, 1000000);
	ck_assert_ptr_null(pickup_names_take_due(k, 1000000));
	pickup_names_free(k);
}
END_TEST

/* A writer that closes the file after each piece: the longer its pauses, the longer it is waited for. */
START_TEST(test_pieces)
{
	static const struct { uint64_t pause, wait; } rows[] = {
		{ 1, 250 }, { 30, 250 }, { 50, 400 }, { 200, 1600 }, { 240, 1920 },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct pickup_names *k = pickup_names_new(100, 250);
		struct pickup_name *f;
		uint64_t now = 1000;

		NEWS("a", JUDGE_CREATED, now);
		NEWS("a", JUDGE_OPEN, now);
		NEWS("a", JUDGE_CLOSED, now);
		for (int piece = 0; piece < 5; piece++) {
			now += rows[i].pause;
			ck_assert_str_eq(due(k, now, &f), "");
			NEWS("a", JUDGE_OPEN, now);
			NEWS("a", JUDGE_CLOSED, now);
		}
		ck_assert_uint_eq(pickup_names_next_due(k), now + rows[i].wait);
		/* the next file under that name is another one */
		ck_assert_str_eq(due(k, now + 10000, &f), "a");
		NEWS("a", JUDGE_CLOSED, now + 10000);
		pickup_names_forget(k, f, now + 10001);
		ck_assert_uint_eq(pickup_names_next_due(k), now + 10001 + 250);
		pickup_names_free(k);
	}
}
END_TEST

/* A key of zero; a long one; a writer whose lock was seen, which closes the file once. */
START_TEST(test_settle)
{
	static const struct { enum judge_evidence evidence; bool locked; uint64_t pause, settle, want; } rows[] = {
		{ JUDGE_CLOSED, false, 0, 250, 250 }, { JUDGE_CLOSED, false, 0, 0, 0 },
		{ JUDGE_CLOSED, false, 0, 60000, 60000 }, { JUDGE_CLOSED, true, 0, 60000, 0 },
		{ JUDGE_CLOSED, true, 100, 250, 800 }, { JUDGE_CLOSED, false, 100, 60000, 60000 },
		{ JUDGE_CLOSED, false, 1250, 250, 10000 }, { JUDGE_CLOSED, false, UINT64_MAX, 250, 10000 },
		{ JUDGE_RENAMED, false, 0, 60000, 0 }, { JUDGE_CREATED, false, 0, 60000, 250 },
		{ JUDGE_LEFT, false, 0, 60000, 0 }, { JUDGE_SCANNED, false, 0, 60000, 0 },
		{ JUDGE_REOPENED, false, 0, 250, 2000 }, { JUDGE_REOPENED, false, 0, 60000, 60000 },
		{ JUDGE_OPEN, false, 0, 60000, 100 },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct judge_writer w = { .locked = rows[i].locked, .pause_ms = rows[i].pause };

		ck_assert_msg(judge_first_look(rows[i].evidence, rows[i].settle, &w) == rows[i].want,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(test_progress)
{
	static const struct { enum judge_evidence evidence; enum judge_part part; uint64_t quiet;
	    enum judge_answer want; } rows[] = {
		{ JUDGE_CLOSED, JUDGE_WHOLE, 0, JUDGE_TAKE },
		{ JUDGE_CLOSED, JUDGE_NO_TEXT, 1999, JUDGE_WAIT },
		{ JUDGE_CLOSED, JUDGE_NO_TEXT, 2000, JUDGE_TAKE },
		{ JUDGE_CLOSED, JUDGE_IN_HEADER, 9999, JUDGE_WAIT },
		{ JUDGE_CLOSED, JUDGE_IN_HEADER, 10000, JUDGE_TAKE },
		{ JUDGE_SCANNED, JUDGE_IN_HEADER, 2000, JUDGE_WAIT },
		{ JUDGE_REOPENED, JUDGE_IN_HEADER, 2000, JUDGE_WAIT },
		{ JUDGE_RENAMED, JUDGE_IN_HEADER, 0, JUDGE_TAKE },
		{ JUDGE_CREATED, JUDGE_NO_TEXT, 0, JUDGE_TAKE },
		{ JUDGE_LEFT, JUDGE_IN_HEADER, 0, JUDGE_TAKE },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct judge_memory m = { .quiet_ms = rows[i].quiet };

		ck_assert_msg(judge_progress(rows[i].evidence, rows[i].part, &m).answer == rows[i].want,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(test_reopened)
{
	struct pickup_names *k = pickup_names_new(100, 250);
	struct pickup_name *f;

	/* closed, opened again before the look: it waits for the second close or for quiet */
	NEWS("a", JUDGE_CREATED, 0);
	NEWS("a", JUDGE_OPEN, 0);
	NEWS("a", JUDGE_CLOSED, 10);
	NEWS("a", JUDGE_OPEN, 20);
	ck_assert_str_eq(due(k, 2019, &f), "");
	ck_assert_str_eq(due(k, 2020, &f), "a");
	ck_assert_int_eq(f->evidence, JUDGE_REOPENED);
	/* news during the look are not lost; an opening then is our own */
	NEWS("a", JUDGE_OPEN, 2021);
	NEWS("a", JUDGE_CLOSED, 2022);
	pickup_names_look_again(k, f, 2100, 5000);
	/* 2012 ms after the first close: such a writer is waited for */
	ck_assert_str_eq(due(k, 12099, &f), "");
	ck_assert_str_eq(due(k, 12100, &f), "a");
	ck_assert_int_eq(f->evidence, JUDGE_CLOSED);
	NEWS("a", JUDGE_RENAMED, 12200);
	pickup_names_forget(k, f, 12300);
	ck_assert_str_eq(due(k, 12300, &f), "a");
	ck_assert_int_eq(f->evidence, JUDGE_RENAMED);
	pickup_names_forget(k, f, 12301);
	ck_assert_uint_eq(pickup_names_count(k), 0);
	/* the opening of an unknown file is no news */
	NEWS("b", JUDGE_OPEN, 0);
	ck_assert_uint_eq(pickup_names_count(k), 0);
	/* a link: created, never opened */
	NEWS("c", JUDGE_CREATED, 0);
	ck_assert_str_eq(due(k, 250, &f), "c");
	pickup_names_look_again(k, f, 250, 250);
	NEWS("c", JUDGE_OPEN, 251);
	ck_assert_str_eq(due(k, 500, &f), "c");
	ck_assert_int_eq(f->evidence, JUDGE_CREATED);
	pickup_names_forget(k, f, 500);
	pickup_names_free(k);
}
END_TEST

START_TEST(test_put_back)
{
	struct pickup_names *k = pickup_names_new(100, 250);
	struct pickup_name *f;

	/* the kernel tells of our own renaming before the look has ended ... */
	NEWS("a", JUDGE_SCANNED, 0);
	ck_assert_str_eq(due(k, 0, &f), "a");
	NEWS("a", JUDGE_RENAMED, 1);
	ck_assert(pickup_names_put_back(k, "a", 0, 2));
	pickup_names_look_again(k, f, 2, 500);
	ck_assert_str_eq(due(k, 501, &f), "");
	/* ... or after: it is no evidence either way, but the next one is */
	ck_assert(pickup_names_put_back(k, "a", 0, 2));
	NEWS("a", JUDGE_RENAMED, 3);
	ck_assert_str_eq(due(k, 501, &f), "");
	NEWS("a", JUDGE_RENAMED, 4);
	ck_assert_str_eq(due(k, 4, &f), "a");
	pickup_names_forget(k, f, 5);
	ck_assert(pickup_names_put_back(k, "b", 0, 10));
	NEWS("b", JUDGE_RENAMED, 11);
	ck_assert_str_eq(due(k, 2009, &f), "");
	ck_assert_str_eq(due(k, 2010, &f), "b");
	pickup_names_forget(k, f, 2010);
	/* lost news: writers we wait for may be done */
	NEWS("c", JUDGE_CREATED, 0);
	NEWS("c", JUDGE_OPEN, 0);
	pickup_names_doubt(k, 0);
	ck_assert_str_eq(due(k, 2000, &f), "c");
	ck_assert_int_eq(f->evidence, JUDGE_UNSURE);
	pickup_names_forget(k, f, 0);
	pickup_names_free(k);
}
END_TEST

/* Who puts many files there makes nobody wait, also when the table is full of them. */
START_TEST(test_fair_share)
{
	enum { MAX = 1000, FLOOD = 7, OTHER = 8 };
	struct pickup_names *k = pickup_names_new(MAX, 250);
	struct pickup_name *f;
	char name[32];

	for (unsigned i = 0; i < MAX; i++) {
		snprintf(name, sizeof(name), "flood%u", i);
		ck_assert(pickup_names_news(k, name, JUDGE_RENAMED, FLOOD, 0));
	}
	ck_assert(!pickup_names_news(k, "flood", JUDGE_RENAMED, FLOOD, 0));
	for (unsigned i = 0; i < 3; i++) {	/* they are in, but the folder has to be read again */
		snprintf(name, sizeof(name), "other%u", i);
		ck_assert(!pickup_names_news(k, name, JUDGE_RENAMED, OTHER, 0));
	}
	ck_assert_uint_eq(pickup_names_count(k), MAX);
	for (unsigned i = 0; i < 6; i++) {
		const char *want = i % 2 == 0 ? "flood" : "other";

		ck_assert(strncmp(due(k, 0, &f), want, 5) == 0);
		pickup_names_forget(k, f, 0);
	}
	for (unsigned i = 6; i < MAX; i++) {
		ck_assert(strncmp(due(k, 0, &f), "flood", 5) == 0);
		pickup_names_forget(k, f, 0);
	}
	ck_assert_uint_eq(pickup_names_count(k), 0);
	/* two halves: neither displaces the other */
	for (unsigned i = 0; i < MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert(pickup_names_news(k, name, JUDGE_RENAMED, i % 2, 0));
	}
	ck_assert(!pickup_names_news(k, "one", JUDGE_RENAMED, 1, 0));
	ck_assert(!pickup_names_news(k, "two", JUDGE_RENAMED, 0, 0));
	ck_assert_uint_eq(pickup_names_count(k), MAX);
	pickup_names_free(k);
}
END_TEST

/* Full is told and survived; names come in the order of their times. */
START_TEST(test_full)
{
	enum { MAX = 1000 };
	struct pickup_names *k = pickup_names_new(MAX, 250);
	struct pickup_name *f;
	char name[32];

	for (unsigned i = 0; i < MAX; i++) {
		snprintf(name, sizeof(name), "%u", i * 7919 % MAX);
		NEWS(name, JUDGE_RENAMED, i * 7919 % MAX);
	}
	ck_assert(!pickup_names_news(k, "one more", JUDGE_RENAMED, 1, 0));
	NEWS("5", JUDGE_SCANNED, 0);
	for (unsigned i = 0; i < MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (i > 0)
			ck_assert_str_eq(due(k, i - 1, &f), "");
		ck_assert_str_eq(due(k, i, &f), name);
		pickup_names_forget(k, f, i);
	}
	ck_assert_uint_eq(pickup_names_count(k), 0);
	ck_assert_uint_eq(pickup_names_next_due(k), UINT64_MAX);
	pickup_names_free(k);
}
END_TEST

UNIT_MAIN("judge", test_names, test_kinds, test_patience, test_clock_set, test_growing, test_errors,
    test_writers, test_pieces, test_settle, test_progress, test_reopened, test_put_back,
    test_fair_share, test_full)
