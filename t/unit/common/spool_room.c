/* spool_room - when a file system is at its reserve: by bytes, by inodes, on small and large ones, and not flapping */
#include "common/spool/spool.h"
#include "t/unit/check_main.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

START_TEST(reserves)
{
	static const struct { uint64_t bytes; unsigned percent; uint64_t message, reserve; } rows[] = {
		{ 100 * MIB, 0, 25 * MIB, 0 },			/* off */
		{ 4 * GIB, 5, 25 * MIB, 400 * MIB },		/* 16 messages */
		{ 1000 * MIB, 5, 25 * MIB, 100 * MIB },		/* of which a tenth is all they get */
		{ 1000 * MIB, 20, 25 * MIB, 200 * MIB },
		{ 1000 * MIB, 5, 1 * MIB, 50 * MIB },
		{ 1000 * MIB, 5, UINT64_MAX, 100 * MIB },	/* unlimited */
		{ UINT64_C(16) << 40, 5, UINT64_MAX, GIB },
		{ UINT64_MAX, 50, 25 * MIB, GIB },
		{ 0, 5, 25 * MIB, 0 },				/* the file system does not say */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool_room r = { .bytes = rows[i].bytes };

		ck_assert_msg(spool_room_reserve(&r, rows[i].percent, rows[i].message) == rows[i].reserve,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(short_of)
{
	static const struct {
		uint64_t bytes_free, files, files_free;
		bool was_short, is_short;
	} rows[] = {	/* of 1000 MiB, 5 percent */
		{ 50 * MIB, 0, 0, false, false },
		{ 50 * MIB - 1, 0, 0, false, true },
		{ 50 * MIB, 0, 0, true, true },
		{ 62 * MIB, 0, 0, true, true },
		{ 63 * MIB, 0, 0, true, false },
		{ 500 * MIB, 1000, 50, false, false },
		{ 500 * MIB, 1000, 49, false, true },
		{ 500 * MIB, 1000, 61, true, true },
		{ 500 * MIB, 1000, 62, true, false },
		{ 500 * MIB, 1 << 24, 10000, false, false },
		{ 500 * MIB, 1 << 24, 9999, false, true },
		{ 500 * MIB, 0, 0, true, false },	/* no fixed number of inodes */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool_room r = { .bytes = 1000 * MIB, .bytes_free = rows[i].bytes_free,
		    .files = rows[i].files, .files_free = rows[i].files_free };

		ck_assert_msg(spool_room_is_short(&r, 5, MIB, rows[i].was_short) == rows[i].is_short,
		    "row %zu", i);
		ck_assert(!spool_room_is_short(&r, 0, MIB, rows[i].was_short));
	}
}
END_TEST

UNIT_MAIN("spool_room", reserves, short_of)
