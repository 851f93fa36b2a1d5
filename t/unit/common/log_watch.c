/* log_watch - copies of events: whom they are for, a watcher that is gone, one that does not read, too many */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/log_watch.h"
#include "t/unit/check_main.h"

START_TEST(test_about)
{
	static const struct { const char *line; bool about; } rows[] = {
		{ "- event=state server=default state=started", true },
		{ "1k event=x server=default", true },
		{ "- event=state server=default2 state=started", false },
		{ "- event=state server=other reason=\"of server=default only\"", false },
		{ "- event=x reason=\" server=default \"", false },
		{ "- event=x reason=\"a\\\" server=default \" server=other", false },
		{ "- event=x reason=\"a\\\\\" server=default", true },
		{ "- event=x client=\\ server=default", false },
		{ "- event=service state=started", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(log_watch_is_about(rows[i].line, "default") == rows[i].about, "%s", rows[i].line);
}
END_TEST

/* The next message without its time and process; "" none. */
static const char *
next(int fd)
{
	static char line[LOG_WATCH_LINE_MAX + 1];
	ssize_t n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	const char *at;

	line[n > 0 ? n : 0] = '\0';
	at = strstr(line, " event=");
	return at != NULL ? at + 1 : line;
}

static int
watch(const char *server, int *in)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*in = pair[0];
	ck_assert_int_eq(log_watch_add(pair[0], server), 0);
	return pair[1];
}

/* One message: its lines alone, beside those who watch all; so many, and no more, whoever else watches. */
START_TEST(test_followed)
{
	int all, in, pair[2], many = 0;

	log_open("postern-test", "", LOG_TO_STDERR);
	all = watch("", &in);
	ck_assert(!log_watch_follows("1k1d803g5zfpbxm8"));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(log_watch_follow(pair[0], "1k1d803g5zfpbxm8"), 0);
	ck_assert(log_watch_follows("1k1d803g5zfpbxm8"));
	ck_assert(!log_watch_follows("1k1d803g5zfpbxm9"));
	ck_assert(!log_watch_follows(""));
	log_detail("1k1d803g5zfpbxm9", "reply", "line=x");
	log_detail(NULL, "reply", "line=1k1d803g5zfpbxm8");
	log_detail("1k1d803g5zfpbxm8", "reply", "line=y");
	ck_assert_str_eq(next(pair[1]), "event=reply line=y");
	ck_assert_str_eq(next(pair[1]), "");
	ck_assert_str_eq(next(all), "event=reply line=x");
	while (log_watch_follow(dup(pair[0]), "1k1d803g5zfpbxm9") == 0 && ++many < 2 * LOG_WATCH_FOLLOWED);
	ck_assert_int_eq(many, LOG_WATCH_FOLLOWED - 1);
	close(pair[1]);
	close(all);
	log_watch_sweep();
	ck_assert(!log_watch_follows("1k1d803g5zfpbxm8"));
	ck_assert(!log_watch_any());
}
END_TEST

START_TEST(test_watchers)
{
	char big[1800];
	int all, one, in, pair[2], many = 0;
	unsigned long lines = 0, lost = 0;

	log_open("postern-test", "", LOG_TO_STDERR);
	ck_assert(!log_watch_any());
	log_detail(NULL, "session", "nobody=%s", "watches");
	all = watch("", &in);
	one = watch("a", &in);
	log_detail(NULL, "session", "server=a x=1");
	log_detail(NULL, "session", "server=b x=2");
	ck_assert_str_eq(next(all), "event=session server=a x=1");
	ck_assert_str_eq(next(all), "event=session server=b x=2");
	ck_assert_str_eq(next(one), "event=session server=a x=1");
	ck_assert_str_eq(next(one), "");
	/* it does not read: the loop ends all the same, and each line is there or counted */
	memset(big, 'x', sizeof(big));
	for (unsigned i = 0; i < 2000; i++)
		log_detail(NULL, "fill", "text=%.*s", (int)sizeof(big), big);
	while (strncmp(next(all), "event=fill", 10) == 0)
		lines++;
	log_detail(NULL, "after", "%s", "");
	ck_assert_int_eq(sscanf(next(all), "event=lost lines=%lu", &lost), 1);
	ck_assert_uint_eq(lines + lost, 2000);
	ck_assert_uint_gt(lines, 10);
	ck_assert(strncmp(next(all), "event=after", 11) == 0);
	/* who is gone is forgotten with the next line */
	close(one);
	close(all);
	log_detail(NULL, "session", "server=%s", "a");
	ck_assert(!log_watch_any());
	/* more than there may be; those that are gone make room */
	do
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	while (log_watch_add(pair[0], "") == 0 && ++many <= LOG_WATCH_MAX);
	ck_assert_int_eq(many, LOG_WATCH_MAX);
	close(pair[1]);
}
END_TEST

UNIT_MAIN("log_watch", test_about, test_followed, test_watchers)
