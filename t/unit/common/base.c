/* base - buf, line, log and clock: rows */
#include "t/unit/check_main.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/line.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/base/utf8.h"

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

START_TEST(test_buf_reserve_and_cut)
{
	struct buf b = BUF_INIT(100);
	const char *at;

	buf_reserve(&b, 50);
	ck_assert_uint_eq(b.size, 51);
	ck_assert_str_eq(buf_text(&b), "");
	at = b.data;
	buf_add(&b, "0123456789012345678901234567890123456789", 40);
	buf_add(&b, "abcdefghij", 10);
	ck_assert(b.data == at && b.size == 51);
	buf_reserve(&b, 20);
	ck_assert_uint_eq(b.size, 51);
	buf_reserve(&b, 1000);
	ck_assert_uint_eq(b.size, 101);
	ck_assert_uint_eq(b.len, 50);
	buf_cut(&b, 47);
	ck_assert_str_eq(buf_text(&b), "012");
	buf_cut(&b, 99);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(buf_text(&b), "");
	buf_done(&b);
	buf_cut(&b, 1);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(test_buf_numbers)
{
	struct buf b = BUF_INIT(100);

	buf_number(&b, 0, 0);
	buf_number(&b, 7, 2);
	buf_number(&b, 2026, 2);
	buf_puts(&b, ",");
	buf_number(&b, UINT64_MAX, 0);
	buf_number(&b, 1, 99);
	ck_assert_str_eq(buf_text(&b), "0072026,18446744073709551615" "00000000000000000001");
	buf_done(&b);
}
END_TEST

/* In place where there is room, in more room, and not at all over the cap: whatever the lengths are. */
START_TEST(test_buf_printf_of_any_length)
{
	for (int before = 0; before < 140; before++)
		for (int len = 0; len < 140; len++) {
			struct buf b = BUF_INIT(150);
			bool fits = before + len <= 150;

			for (int i = 0; i < before; i++)
				buf_add(&b, "b", 1);
			buf_printf(&b, "%.*s", len, "0123456789012345678901234567890123456789012345678901234567890123456789"
			    "0123456789012345678901234567890123456789012345678901234567890123456789");
			ck_assert_int_eq(buf_ok(&b), fits);
			ck_assert_uint_eq(b.len, (size_t)(fits ? before + len : before));
			ck_assert_uint_eq(strlen(buf_text(&b)), b.len);
			buf_printf(&b, "%s", "");
			ck_assert_int_eq(buf_ok(&b), fits);
			buf_done(&b);
		}
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
		{ "abc\ndef\r\n", 9, 10, LINE_BARE, 3, 4 },
		{ "a\rb\r\n", 5, 10, LINE_BARE, 1, 2 },
		{ "a\rb", 3, 10, LINE_BARE, 1, 2 },
		{ "a\0b\r\n", 5, 10, LINE_BARE, 1, 2 },
		{ "a\0", 2, 10, LINE_BARE, 1, 2 },
		{ "a\0\rb\n", 5, 10, LINE_BARE, 1, 2 },
		{ "a\rb\0\n", 5, 10, LINE_BARE, 1, 2 },
		{ "\n", 1, 10, LINE_BARE, 0, 1 },
		{ "\r\r\n", 3, 10, LINE_BARE, 0, 1 },
		{ "\r\r", 2, 10, LINE_BARE, 0, 1 },
		{ "ab\r\nc\n\0", 7, 10, LINE_WHOLE, 2, 4 },
		{ "12345678\r\n", 10, 10, LINE_WHOLE, 8, 10 },
		{ "123456789\r\n", 11, 10, LINE_LONG, 9, 9 },
		{ "123456789", 9, 10, LINE_MORE, 0, 0 },
		{ "1234567890", 10, 10, LINE_LONG, 10, 10 },
		{ "12345678\n0", 10, 10, LINE_BARE, 8, 9 },
	};
	for (size_t i = 0; i < nitems_of(row); i++) {
		size_t len, used;
		enum line_kind kind = line_scan(row[i].in, row[i].size, row[i].max, &len, &used);

		ck_assert_msg(kind == row[i].kind && used == row[i].used, "row %zu: kind %d used %zu", i,
		    (int)kind, used);
		if (kind != LINE_MORE)
			ck_assert_uint_eq(len, row[i].len);
	}
}
END_TEST

/* What is left of a line that was refused ends at its CRLF alone. */
START_TEST(test_line_rest)
{
	static const struct { const char *in; size_t size, used; bool ended; } row[] = {
		{ "", 0, 0, false }, { "abc", 3, 3, false }, { "\n", 1, 1, false }, { "a\nb\r", 4, 3, false },
		{ "\r", 1, 0, false }, { "\r\n", 2, 2, true }, { "\n\r\nNOOP\r\n", 9, 3, true },
		{ "a\r\r\nb", 5, 4, true }, { "\rMAIL\n\0\r\nx", 10, 9, true },
	};
	for (size_t i = 0; i < nitems_of(row); i++) {
		bool ended;
		size_t used = line_rest(row[i].in, row[i].size, &ended);

		ck_assert_msg(used == row[i].used && ended == row[i].ended, "row %zu: used %zu", i, used);
	}
}
END_TEST

/* shows 7.2a */
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
	log_open("before", "", LOG_TO_STDERR);
	child = fork();
	if (child == 0) {
		pid_t grandchild;

		dup2(pipes[1], STDERR_FILENO);
		log_open("child", "", LOG_TO_STDERR);
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

#define WRITERS 3U
#define TURNS 400U	/* from one file to the other */

static atomic_uint lines_begun;
static atomic_bool enough;

static void *
log_much(void *arg)
{
	while (!enough) {
		lines_begun++;
		log_event(LOG_FACT, NULL, "x", "a=b");
	}
	return arg;
}

/*
 * The standard outputs become another file under threads that write: each file has lines of its own form. Of
 * WRITERS + 1 lines begun in one turn two are of one thread, so that the first of them is in this turn's file.
 */
START_TEST(test_log_take)
{
	FILE *file[2] = { tmpfile(), tmpfile() };
	char line[400];
	int status;
	pid_t child = fork();

	if (child == 0) {
		pthread_t thread[WRITERS];

		log_open("child", "", LOG_TO_STDERR);
		log_take(LOG_TO_FILE, fileno(file[0]));
		for (size_t i = 0; i < WRITERS; i++)
			if (pthread_create(&thread[i], NULL, log_much, NULL) != 0)
				_exit(1);
		for (unsigned i = 0; i < TURNS; i++) {
			unsigned begun;

			log_take(i % 2 == 0 ? LOG_TO_JSON : LOG_TO_FILE, fileno(file[i % 2 == 0]));
			begun = lines_begun;
			while (lines_begun - begun <= WRITERS)
				sched_yield();
		}
		enough = true;
		for (size_t i = 0; i < WRITERS; i++)
			pthread_join(thread[i], NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	for (size_t i = 0; i < 2; i++) {
		size_t lines = 0;

		rewind(file[i]);
		for (; fgets(line, sizeof(line), file[i]) != NULL; lines++)
			ck_assert_msg((line[0] == '{') == (i == 1), "file %zu: %s", i, line);
		ck_assert_uint_ge(lines, TURNS / 2);
		fclose(file[i]);
	}
}
END_TEST

/* Where the journal of systemd reads, a line begins with its severity, and the service is not named twice. */
START_TEST(log_to_the_journal)
{
	static const struct { const char *program; enum log_level level; bool journal; const char *head; } rows[] = {
		{ "postern", LOG_FACT, true, "<6>- event=x server=s" },
		{ "postern", LOG_WARN, true, "<4>- event=x" }, { "postern", LOG_FAULT, true, "<3>- event=x" },
		{ "postern-pickup", LOG_FAULT, true, "<3>postern-pickup[" },
		{ "postern", LOG_FAULT, false, "postern[" },
	};
	int saved = dup(STDERR_FILENO), pair[2];
	char stream[64], got[200];
	struct stat st;

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(fstat(pair[1], &st), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ssize_t n;

		snprintf(stream, sizeof(stream), "%lu:%lu", (unsigned long)st.st_dev,
		    (unsigned long)st.st_ino + !rows[i].journal);
		setenv("JOURNAL_STREAM", stream, 1);
		ck_assert_int_ne(dup2(pair[1], STDERR_FILENO), -1);
		log_open(rows[i].program, "s", LOG_TO_STDERR);
		log_event(rows[i].level, NULL, "x", "a=b");
		ck_assert_int_ne(dup2(saved, STDERR_FILENO), -1);
		n = read(pair[0], got, sizeof(got) - 1);
		ck_assert_int_gt((int)n, 0);
		got[n] = '\0';
		ck_assert_msg(strncmp(got, rows[i].head, strlen(rows[i].head)) == 0, "%s", got);
	}
	unsetenv("JOURNAL_STREAM");
	log_open("postern", "", LOG_TO_STDERR);
	close(pair[0]);
	close(pair[1]);
	close(saved);
}
END_TEST

/* Where the unit of systemd may be the cause, the words say so; others are those of the library. */
START_TEST(reasons_of_a_disk)
{
	ck_assert_ptr_nonnull(strstr(disk_reason("/srv/mail/drop", EROFS), "Read-only file system (under systemd: ReadWritePaths"));
	ck_assert_ptr_nonnull(strstr(disk_reason("/home/mail", EACCES), "ProtectHome"));
	ck_assert_str_eq(disk_reason("/homeless", EACCES), strerror(EACCES));
	ck_assert_str_eq(disk_reason("/home/mail", ENOENT), strerror(ENOENT));
}
END_TEST

/* Well-formed characters (RFC 3629 4), and which of them a terminal may get. */
START_TEST(utf8_characters)
{
	static const struct { const char *text; size_t length, printable; } rows[] = {
		{ "a", 1, 1 }, { "\n", 1, 0 }, { "\x7f", 1, 0 }, { "\xc3\xbc", 2, 2 }, { "\xc2\x85", 2, 0 },
		{ "\xe2\x82\xac", 3, 3 }, { "\xe2\x80\xa8", 3, 0 }, { "\xe2\x81\xa6", 3, 0 },
		{ "\xf0\x9f\x93\xae", 4, 4 }, { "\xf4\x8f\xbf\xbf", 4, 0 }, { "\xf4\x90\x80\x80", 0, 0 },
		{ "\xc0\xaf", 0, 0 }, { "\xe0\x80\xaf", 0, 0 }, { "\xed\xa0\x80", 0, 0 }, { "\x80", 0, 0 },
		{ "\xc3", 0, 0 }, { "\xe2\x82", 0, 0 }, { "\xe2\x82" "a", 0, 0 }, { "\xff", 0, 0 },
		{ "\xf8\x88\x80\x80\x80", 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned char *s = (const unsigned char *)rows[i].text;
		size_t left = strlen(rows[i].text);

		ck_assert_msg(utf8_take(s, left, NULL) == rows[i].length, "%zu", i);
		ck_assert_msg(utf8_take_printable(s, left) == rows[i].printable, "%zu", i);
	}
}
END_TEST

/* A child does not get the numbers of its parent, and no thread those of another one. */
static void *
draw(void *arg)
{
	*(uint32_t *)arg = chance_u32();
	return NULL;
}

START_TEST(chance_is_never_the_same)
{
	uint32_t parent, child, other, all = 0;
	pthread_t thread;
	int ends[2];

	for (size_t i = 0; i < 1000; i++)
		ck_assert_uint_lt(chance_below(7), 7);
	ck_assert_uint_eq(chance_below(0), 0);
	for (size_t i = 0; i < 200; i++)
		all |= 1U << chance_below(20);
	ck_assert_uint_gt(__builtin_popcount(all), 15);
	ck_assert_int_eq(pipe(ends), 0);
	if (fork() == 0) {
		draw(&child);
		_exit(write(ends[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
	}
	ck_assert_int_eq(read(ends[0], &child, sizeof(child)), sizeof(child));
	wait(NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, draw, &other), 0);
	pthread_join(thread, NULL);
	parent = chance_u32();
	ck_assert(parent != child && parent != other);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* Where a queue should not lie; a disk of this host is none of these. */
/* shows S5.13 */
START_TEST(unfit_file_systems)
{
	static const struct { uint32_t magic; const char *name, *why; } rows[] = {
		{ TMPFS_MAGIC, "tmpfs", "started anew" }, { OVERLAYFS_SUPER_MAGIC, "overlay", "started anew" },
		{ NFS_SUPER_MAGIC, "nfs", "of this host" }, { CIFS_SUPER_MAGIC, "cifs", "of this host" },
		{ SMB2_SUPER_MAGIC, "smb", "of this host" }, { V9FS_MAGIC, "9p", "of this host" },
		{ EXT4_SUPER_MAGIC, NULL, NULL }, { XFS_SUPER_MAGIC, NULL, NULL }, { BTRFS_SUPER_MAGIC, NULL, NULL },
	};
	const char *why = NULL;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		const char *kind = disk_unfit_kind(rows[i].magic, &why);

		ck_assert_pstr_eq(kind, rows[i].name);
		ck_assert(kind == NULL || strstr(why, rows[i].why) != NULL);
	}
	ck_assert_str_eq(disk_unfit("/dev/shm/not-there/yet", &why), "tmpfs");
}
END_TEST

/* What syslog(3) gets: facility mail (2) and the severity, as <2 * 8 + severity>. In a /dev of its own, so by root alone. */
/* shows 7.2d */
START_TEST(log_to_syslog)
{
	static const struct { enum log_level level; const char *head; } rows[] = {
		{ LOG_FACT, "<22>" }, { LOG_WARN, "<20>" }, { LOG_FAULT, "<19>" },
	};
	struct sockaddr_un daemon = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (unshare(CLONE_NEWNS) == -1 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", "/dev", "tmpfs", 0, "size=64k") == -1) {
		close(s);
		return;
	}
	ck_assert_int_eq(bind(s, (const struct sockaddr *)&daemon, sizeof(daemon)), 0);
	log_open("postern-pickup", "sales", LOG_TO_SYSLOG);
	for (size_t i = 0; i < nitems_of(rows); i++) {
		char got[300];
		ssize_t n;

		log_event(rows[i].level, "0123456789abcdef", "x", "a=b");
		n = recv(s, got, sizeof(got) - 1, 0);
		ck_assert_int_gt((int)n, 0);
		got[n] = '\0';
		ck_assert_msg(strncmp(got, rows[i].head, 4) == 0 && strstr(got, " postern-pickup[") != NULL &&
		    strstr(got, "]: 0123456789abcdef event=x server=sales a=b") != NULL, "%s", got);
	}
	log_open("postern", "", LOG_TO_STDERR);
	close(s);
}
END_TEST

/* A clock that jumps ahead for a moment, one that was wrong before, one that is set more than once, one that drifts. */
START_TEST(test_clock_steps)
{
	static const struct { uint64_t mono_s; int64_t step_s, forth_s; } rows[] = {
		{ 0, 0, 0 }, { 10, 86400, 86400 }, { 70, 0, 86400 }, { 80, -86400, 0 },		/* for a minute */
		{ 100, 500000, 500000 }, { 3699, 0, 500000 }, { 3700, 0, 0 },			/* for good */
		{ 3800, 3600, 3600 }, { 3900, 7200, 10800 }, { 4000, -3600, 7200 }, { 7600, 0, 0 },
		{ 8000, -9000, 0 }, { 8010, 59, 0 }, { 8020, 59, 0 }, { 8030, 61, 61 },
	};
	struct clock_steps c = { 0 };
	int64_t ahead_s = 1796000000;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		ahead_s += rows[i].step_s;
		ck_assert_msg(clock_steps_take(&c, (ahead_s + (int64_t)rows[i].mono_s) * 1000000, rows[i].mono_s * 1000) ==
		    rows[i].forth_s * 1000000, "row %zu", i);
	}
}
END_TEST

/* A caller that has closed some of them: what is opened next is none of them, and nothing is printed into it. */
START_TEST(standard_descriptors)
{
	for (int closed = 0; closed < 8; closed++) {
		pid_t pid = fork();
		int status = -1;

		ck_assert_int_ne(pid, -1);
		if (pid == 0) {
			int next;

			for (int fd = 0; fd <= STDERR_FILENO; fd++)
				if (closed & 1 << fd)
					close(fd);
			next = standard_open() == 0 ? dup(0) : -1;
			_exit(next > STDERR_FILENO && write(1, "", 0) == 0 && write(2, "", 0) == 0 ? 0 : 1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(status == 0, "closed %d: %d", closed, status);
	}
}
END_TEST

UNIT_MAIN("base", standard_descriptors, unfit_file_systems, log_to_syslog, chance_is_never_the_same, utf8_characters, reasons_of_a_disk, test_buf_cap_is_sticky, test_buf_numbers,
    test_buf_reserve_and_cut,
    test_buf_printf_of_any_length, test_line_rows, test_line_rest, test_log_safe_rows, test_log_pid, test_log_take,
    test_clock_formats, test_clock_steps,
    log_to_the_journal)
