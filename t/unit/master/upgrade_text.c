/*
 * upgrade_text - what one version writes, the next one reads as the same; whatever else is refused
 */
#include <string.h>

#include "common/base/mem.h"
#include "master/upgrade/upgrade.h"
#include "t/unit/check_main.h"

static int
read_one(const char *text, struct upgrade_line *line)
{
	const char *at = text, *why = NULL;
	int rc = upgrade_text_next(&at, line, &why);

	if (rc == 1)
		ck_assert_str_eq(at, "");
	if (rc == -1)
		ck_assert_ptr_nonnull(why);
	return rc;
}

START_TEST(test_reads_what_it_writes)
{
	const struct upgrade_line lines[] = {
		{ .kind = UPGRADE_FROM, .number = { 7 }, .word = { "1.2.3" } },
		{ .kind = UPGRADE_COUNTERS, .number = { UINT64_MAX } },
		{ .kind = UPGRADE_RUN, .word = { "/run/a folder" } },
		{ .kind = UPGRADE_CALLER, .number = { 9, 1 } },
		{ .kind = UPGRADE_SERVER, .number = { 1, 2, 3, 4, 5, 0 }, .word = { "started", "one" } },
		{ .kind = UPGRADE_SOCKET, .number = { 4, 1, 0 }, .word = { "open", "*:25" } },
		{ .kind = UPGRADE_CHILD, .number = { 1, 0, UPGRADE_NONE, 1, 99 },
		    .word = { "listener", "draining", "-" } },
		{ .kind = UPGRADE_VERSION, .number = { 65535 } },
		{ .kind = UPGRADE_WISH, .number = { 3 }, .word = { "auth" } },
	};
	struct buf b = BUF_INIT(UPGRADE_TEXT_MAX);
	const char *at, *why;
	struct upgrade_line line;

	for (size_t i = 0; i < nitems_of(lines); i++)
		upgrade_text_put(&b, &lines[i]);
	ck_assert(buf_ok(&b));
	at = buf_text(&b);
	for (size_t i = 0; i < nitems_of(lines); i++) {
		ck_assert_int_eq(upgrade_text_next(&at, &line, &why), 1);
		ck_assert_mem_eq(line.number, lines[i].number, sizeof(line.number));
		ck_assert_int_eq(line.kind, lines[i].kind);
		for (size_t k = 0; k < UPGRADE_WORDS; k++)
			ck_assert_str_eq(line.word[k], lines[i].word[k]);
	}
	ck_assert_int_eq(upgrade_text_next(&at, &line, &why), 0);
	buf_done(&b);
}
END_TEST

START_TEST(test_refuses_what_fits_no_row)
{
	static const char *const bad[] = { "lock", "lock\n", "lock \n", "lock x\n", "lock -1\n", "lock 01\n",
		"lock 18446744073709551616\n", "lock 1 2\n", "lock 1", "lock  1\n", "run\n", "run \n",
		"postern-upgrade-2 1 0.1\n", "helper 3 web\n", "helper 3  /x\n", "\n", "child 1 2 3 4 5 a b\n" };
	struct upgrade_line line;
	char large[2 * UPGRADE_LINE_MAX];

	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(read_one(bad[i], &line) == -1, "%s", bad[i]);
	ck_assert_int_eq(read_one("lock 18446744073709551615\n", &line), 1);
	ck_assert_int_eq(read_one("", &line), 0);
	memset(large, 'x', sizeof(large));
	memcpy(large, "run ", 4);
	large[UPGRADE_LINE_MAX - 1] = '\n';
	large[UPGRADE_LINE_MAX] = '\0';
	ck_assert_int_eq(read_one(large, &line), 1);
	large[UPGRADE_LINE_MAX - 1] = 'x';
	large[UPGRADE_LINE_MAX] = '\n';
	large[UPGRADE_LINE_MAX + 1] = '\0';
	ck_assert_int_eq(read_one(large, &line), -1);
}
END_TEST

START_TEST(test_writes_only_what_can_be_read)
{
	static const char *const bad[] = { "", "a\nb", " a" };

	for (size_t i = 0; i < nitems_of(bad); i++) {
		struct upgrade_line line = { .kind = UPGRADE_RUN };
		struct buf b = BUF_INIT(UPGRADE_TEXT_MAX);

		strcpy(line.word[0], bad[i]);
		upgrade_text_put(&b, &line);
		ck_assert(!buf_ok(&b));
		buf_done(&b);
	}
}
END_TEST

UNIT_MAIN("upgrade_text", test_reads_what_it_writes, test_refuses_what_fits_no_row,
    test_writes_only_what_can_be_read)
