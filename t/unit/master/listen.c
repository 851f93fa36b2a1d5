/* listen - a paused address beside a wildcard turns its clients away, also after a time without descriptors */
#include "t/unit/check_main.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/process/loop.h"
#include "master/servers/servers.h"

static struct master m;

static void
on_time(void *arg)
{
	loop_stop(m.loop);
}

static void
run_for(uint64_t ms)
{
	struct loop_timer *t = loop_timer_new(m.loop, on_time, NULL);

	loop_timer_set(t, ms);
	loop_run(m.loop);
	loop_timer_free(t);
}

/* False: another program of the machine has it meanwhile. */
static bool
open_one(struct server *s, uint32_t ip, in_port_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(ip) };
	struct config_listen listen = { 0 };
	struct config_server conf = { .listen = &listen, .nlisten = 1 };
	struct buf why = BUF_INIT(1000);
	bool opened;

	memcpy(&listen.address.sa, &sin, sizeof(sin));
	listen.address.len = sizeof(sin);
	s->m = &m;
	TAILQ_INSERT_TAIL(&m.servers, s, link);
	opened = listen_open(&s->sockets, s, &conf, NULL, true, &why) == 0;
	ck_assert_msg(opened || strstr(buf_text(&why), "in use") != NULL, "%s", buf_text(&why));
	buf_done(&why);
	return opened;
}

/* At a port of its own, and not one that the kernel chose, which would be another one after a pause. */
static in_port_t
open_at_port(struct server *exact, struct server *wide)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	for (;;) {
		TAILQ_INIT(&m.servers);
		ck_assert(open_one(exact, INADDR_LOOPBACK, 0));
		ck_assert_int_eq(getsockname(exact->sockets.socket[0].fd, (struct sockaddr *)&sin, &len), 0);
		listen_close(&exact->sockets);
		TAILQ_INIT(&m.servers);
		if (!open_one(exact, INADDR_LOOPBACK, sin.sin_port))
			continue;
		if (wide == NULL || open_one(wide, INADDR_ANY, sin.sin_port))
			return sin.sin_port;
		listen_close(&exact->sockets);
	}
}

static int
connect_to(in_port_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = port,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

START_TEST(test_no_descriptor_left)
{
	struct server wide = { 0 }, exact = { 0 };
	in_port_t port;
	struct rlimit before, none;
	clock_t begun;
	char byte;

	m.loop = loop_new();
	port = open_at_port(&exact, &wide);
	listen_pause(&m, &exact.sockets);
	ck_assert_ptr_nonnull(exact.sockets.socket[0].refusal);

	int fd = connect_to(port);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	begun = clock();
	run_for(500);
	ck_assert_int_lt(clock() - begun, CLOCKS_PER_SEC / 5);
	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < 100 && errno != ECONNRESET; i++) {
		run_for(100);
		ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	}
	ck_assert_int_eq(errno, ECONNRESET);
	close(fd);
	listen_close(&exact.sockets);
	listen_close(&wide.sockets);
	loop_free(m.loop);
}
END_TEST

/* The second pause of a socket (a listener that is missing, then a command) is none. */
START_TEST(test_paused_twice)
{
	struct server s = { 0 };
	struct buf why = BUF_INIT(1000);
	in_port_t port;
	char byte;
	int fd, peer;

	m.loop = loop_new();
	port = open_at_port(&s, NULL);
	listen_pause(&m, &s.sockets);
	listen_pause(&m, &s.sockets);
	ck_assert_int_eq(listen_continue(&m, &s.sockets, &why), 0);
	fd = connect_to(port);
	peer = accept4(s.sockets.socket[0].fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ne(peer, -1);
	ck_assert_int_eq(recv(peer, &byte, 1, MSG_DONTWAIT), -1);	/* not its end */
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(recv(peer, &byte, 1, 0), 1);
	close(fd);
	close(peer);
	listen_close(&s.sockets);
	loop_free(m.loop);
}
END_TEST

UNIT_MAIN("listen", test_no_descriptor_left, test_paused_twice)
