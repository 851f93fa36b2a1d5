/* base - buf, line, log and clock: rows */
#include "t/unit/check_main.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/line.h"
#include "common/base/log.h"

START_TEST(test_buf_cap_is_sticky)
{
	struct buf b = BUF_INIT(10);

	buf_puts(&b, "12345");
	buf_printf(&b, "%d", 67890);
	ck_assert(buf_ok(&b));
	ck_assert_str_eq(buf_text(&b), "1234567890");
	buf_puts(&b, "x");
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
	ck_assert(buf_ok(&b));
	buf_puts(&b, "abcdef");
	buf_drop(&b, 2);
	ck_assert_str_eq(buf_text(&b), "cdef");
	buf_drop(&b, 99);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
}
END_TEST

START_TEST(test_line_rows)
{
	static const struct { const char *in; size_t size, max; enum line_kind kind; size_t len, used;
	    } row[] = {
		{ "", 0, 10, LINE_MORE, 0, 0 },
		{ "abc", 3, 10, LINE_MORE, 0, 0 },
		{ "abc\r", 4, 10, LINE_MORE, 0, 0 },
		{ "abc\r\n", 5, 10, LINE_WHOLE, 3, 5 },
		{ "\r\nx", 3, 10, LINE_WHOLE, 0, 2 },
		{ "abc\n", 4, 10, LINE_BARE, 3, 4 },
		{ "a\rb\r\n", 5, 10, LINE_BARE, 3, 5 },
		{ "a\0b\r\n", 5, 10, LINE_BARE, 3, 5 },
		{ "\n", 1, 10, LINE_BARE, 0, 1 },
		{ "\r\r\n", 3, 10, LINE_BARE, 1, 3 },
		{ "12345678\r\n", 10, 10, LINE_WHOLE, 8, 10 },
		{ "123456789\r\n", 11, 10, LINE_LONG, 0, 10 },
		{ "123456789", 9, 10, LINE_MORE, 0, 0 },
		{ "1234567890", 10, 10, LINE_LONG, 0, 10 },
	};
	for (size_t i = 0; i < nitems_of(row); i++) {
		size_t len, used;
		enum line_kind kind = line_scan(row[i].in, row[i].size, row[i].max, &len, &used);

		ck_assert_msg(kind == row[i].kind && used == row[i].used, "row %zu: kind %d used %zu", i,
		    (int)kind, used);
		if (kind == LINE_WHOLE)
			ck_assert_uint_eq(len, row[i].len);
	}
}
END_TEST

START_TEST(test_log_safe_rows)
{
	char huge[5000];

	ck_assert_str_eq(log_safe(NULL), "-");
	ck_assert_str_eq(log_safe(""), "\"\"");
	ck_assert_str_eq(log_safe("plain@x"), "plain@x");
	ck_assert_str_eq(log_safe("a b"), "\"a b\"");
	ck_assert_str_eq(log_safe("a\r\nevent=x"), "\"a\\x0d\\x0aevent=x\"");
	ck_assert_str_eq(log_safe("q\"\\"), "\"q\\\"\\\\\"");
	memset(huge, '\1', sizeof(huge));
	ck_assert_uint_lt(strlen(log_safe_n(huge, sizeof(huge))), 600);
}
END_TEST

START_TEST(test_clock_formats)
{
	char text[CLOCK_DATE_SIZE];

	setenv("TZ", "UTC", 1);
	clock_format_utc(text, INT64_C(1795287897123456));
	ck_assert_str_eq(text, "2026-11-21T19:04:57.123456Z");
	clock_format_mail(text, INT64_C(1795287897123456));
	ck_assert_str_eq(text, "Sat, 21 Nov 2026 19:04:57 +0000");
}
END_TEST

/* A line names the process that wrote it, also in a child and a grandchild. */
START_TEST(test_log_pid)
{
	int pipes[2];
	char text[1000], want[100];
	size_t len = 0;
	pid_t child;

	ck_assert_int_eq(pipe(pipes), 0);
	log_open("before", "", false);
	child = fork();
	if (child == 0) {
		pid_t grandchild;

		dup2(pipes[1], STDERR_FILENO);
		log_open("child", "", false);
		log_event(LOG_FACT, NULL, "one", "pid=%d", (int)getpid());
		grandchild = fork();
		if (grandchild == 0) {
			log_event(LOG_FACT, NULL, "two", "pid=%d", (int)getpid());
			_exit(0);
		}
		waitpid(grandchild, NULL, 0);
		log_event(LOG_FACT, NULL, "three", "pid=%d", (int)getpid());
		_exit(0);
	}
	close(pipes[1]);
	for (ssize_t n; (n = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)n;
	text[len] = '\0';
	close(pipes[0]);
	waitpid(child, NULL, 0);
	for (size_t i = 0; i < 3; i++) {
		char *at = strstr(text, (const char *[]){ "event=one pid=", "event=two pid=",
		    "event=three pid=" }[i]);

		ck_assert_ptr_nonnull(at);
		snprintf(want, sizeof(want), "child[%d]: - event=", atoi(strstr(at, "pid=") + 4));
		ck_assert_msg(strncmp(at - strlen(want) + strlen("event="), want, strlen(want)) == 0, "%s",
		    text);
	}
	snprintf(want, sizeof(want), "child[%d]: - event=three", (int)child);
	ck_assert_ptr_nonnull(strstr(text, want));
}
END_TEST

UNIT_MAIN("base", test_buf_cap_is_sticky, test_line_rows, test_log_safe_rows, test_log_pid,
    test_clock_formats)
