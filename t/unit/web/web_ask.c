/* web_ask - questions to the master: whoever asks for what, those who operate the service have a part of them */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/boot/boot.h"
#include "common/process/loop.h"
#include "master/web/web.h"
#include "t/unit/check_main.h"

static struct boot boot;
static struct web w = { .boot = &boot };
static const unsigned char plain[WEB_SECRET_SIZE] = { 1 }, serving[WEB_SECRET_SIZE] = { 2 };
static int peer;
static unsigned answered;

static void
on_done(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	answered++;
}

static void
begin(void)
{
	static const struct msg_web_session one = { .serves = 0 }, all = { .serves = 1 };
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	peer = pair[1];
	boot.loop = loop_new();
	boot.master = ctl_new(boot.loop, pair[0], CTL_FROM_MASTER, NULL, NULL, NULL);
	w.asks = web_ask_new();
	w.logins = web_throttle_new(60, 50);
	web_ask_know(&w, plain, &one);
	web_ask_know(&w, serving, &all);
	answered = 0;
}

static void
end(void)
{
	web_ask_free(w.asks);
	web_throttle_free(w.logins);
	ctl_free(boot.master);
	close(peer);
	loop_free(boot.loop);
}

/* Asks up to `most` times; `answers`: each is answered. How often it could be asked. */
static unsigned
ask(const unsigned char *handle, const char *client, unsigned most, bool answers)
{
	static char space[CTL_PAYLOAD_MAX];
	static const int32_t status;
	enum ctl_type type = handle != NULL ? CTL_WEB_ASK : CTL_WEB_LOGIN;
	size_t len = handle != NULL ? WEB_SECRET_SIZE : sizeof(struct msg_web_login);
	struct ctl_message got;
	unsigned n = 0;

	while (n < most && web_ask_send(&w, type, space, len, handle, client, on_done, NULL)) {
		n++;
		ck_assert_int_eq(ctl_recv_now(peer, CTL_FROM_HELPER, &got, space, sizeof(space)), 1);
		if (answers)
			web_ask_take(&w, &(struct ctl_message){ .type = CTL_END, .request = got.request,
			    .data = (const char *)&status, .len = sizeof(status), .fd = -1 });
	}
	return n;
}

/* Sessions that ask as fast as they can leave some of the questions of each second. */
START_TEST(test_flood)
{
	unsigned n;

	begin();
	n = ask(plain, "192.0.2.1", 5000, true);
	ck_assert_uint_ge(n, 600);
	ck_assert_uint_lt(n, 5000);
	ck_assert_uint_eq(answered, n);
	ck_assert_uint_eq(ask(serving, "192.0.2.1", 150, true), 150);
	end();
}
END_TEST

/* Questions that stay open leave some for logins, and for who operates the service. */
START_TEST(test_open)
{
	begin();
	ck_assert_uint_eq(ask(plain, "192.0.2.1", 500, false), 128);
	ck_assert_uint_eq(ask(NULL, "192.0.2.2", 500, false), 48);
	ck_assert_uint_eq(ask(serving, "192.0.2.4", 500, false), 16);
	end();
}
END_TEST

UNIT_MAIN("web_ask", test_flood, test_open)
