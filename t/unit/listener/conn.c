/*
 * conn - many handshakes at once: a session in the clear has its turn between two of them, all of them end well, and
 * what ends while it waits for its turn is gone
 */
#include "t/unit/check_main.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/loop.h"
#include "common/process/turns.h"
#include "listener/connection/connection.h"
#include "t/unit/temp_pair.h"

enum { MANY = 8 };

static struct conn_env env;
static struct client {
	struct conn *conn;		/* the server's side; NULL: gone */
	struct ssl_st *link;
	struct loop_io *io;
	int fd;
} client[MANY];
static struct conn *plain;
static size_t secured, gone, ended, answered, wanted;
static void (*between)(void);		/* what happens when the session in the clear has its turn */

static bool
wants_always(const void *arg)
{
	return true;
}

static bool
leaves_never(const void *arg)
{
	return false;
}

static void
ignore(void *arg)
{
}

/* How many clients have an answer to their first word: so many steps were done. */
static size_t
count_answers(void)
{
	size_t n = 0;

	for (size_t i = 0; i < MANY; i++) {
		int unread = 0;

		ck_assert_int_eq(ioctl(client[i].fd, FIONREAD, &unread), 0);
		n += unread > 0;
	}
	return n;
}

static size_t
take_word(void *arg, const char *data, size_t len)
{
	ck_assert(arg == &plain && len == 6 && memcmp(data, "NOOP\r\n", 6) == 0);
	answered = count_answers();
	if (between != NULL)
		between();
	return len;
}

static void
take_secured(void *arg, const char *why)
{
	ck_assert_ptr_null(why);
	secured++;
}

static void
take_gone(void *arg)
{
	struct conn **c = arg;

	conn_free(*c);
	*c = NULL;
	gone++;
}

static const struct conn_ops ops = { .input = take_word, .wants = wants_always, .leaves = leaves_never,
	.eof = ignore, .expired = ignore, .secured = take_secured, .round_done = ignore, .gone = take_gone };

static void
client_reads(void *arg, unsigned what)
{
	struct client *c = arg;
	enum tls_want want = tls_link_shake(c->link);

	if (want == TLS_WANT_READ)
		return;
	loop_io_want(c->io, 0);
	if (want != TLS_DONE) {
		ended++;
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void
stop_when_done(void *arg)
{
	if (secured == wanted && secured + ended == MANY - (between != NULL))
		loop_stop(env.loop);
	else
		loop_timer_set(*(struct loop_timer **)arg, 1);
}

static void
open_client(struct client *c, struct tls *tls, struct tls_out *out)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	c->fd = fd[1];
	c->conn = conn_new(&env, fd[0], &ops, &c->conn);
	conn_secure(c->conn, tls);
	conn_resume(c->conn);
	c->link = tls_out_link(out, fd[1], &(struct tls_wish){ 0 });
	ck_assert_int_eq(tls_link_shake(c->link), TLS_WANT_READ);	/* its first word is there */
	c->io = loop_io_new(env.loop, c->fd, LOOP_READ, client_reads, c);
}

static void
run_many(void)
{
	struct loop_timer *timer;
	struct text pair;
	struct tls *tls = tls_new(CONFIG_TLS_1_2, "default", false);
	struct tls_out *out = tls_out_new();
	int fd[2];

	make(&pair, "DNS:mx.example.com", -1, 30, false);
	struct tls_source s = source(&pair, &pair);
	load(tls, &s, 1);
	env.loop = loop_new();
	env.handshakes = turns_new(env.loop);
	for (size_t i = 0; i < MANY; i++)
		open_client(&client[i], tls, out);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	plain = conn_new(&env, fd[0], &ops, &plain);
	ck_assert_int_eq(write(fd[1], "NOOP\r\n", 6), 6);
	answered = MANY + 1;
	timer = loop_timer_new(env.loop, stop_when_done, &timer);
	loop_timer_set(timer, 1);
	loop_run(env.loop);
	ck_assert_msg(answered <= 1, "%zu handshakes went before", answered);

	for (size_t i = 0; i < MANY; i++) {
		loop_io_free(client[i].io);
		conn_free(client[i].conn);
		tls_link_free(client[i].link);
		close(client[i].fd);
	}
	conn_free(plain);
	close(fd[1]);
	loop_timer_free(timer);
	turns_free(env.handshakes);
	loop_free(env.loop);
	tls_free(tls);
	tls_out_free(out);
	forget(&pair);
}

START_TEST(test_many_handshakes)
{
	wanted = MANY;
	run_many();
	ck_assert_uint_eq(gone, 0);
}
END_TEST

/* One is freed, one is closed, one is closed and read for a moment: their clients hear the end. */
static void
end_some(void)
{
	loop_io_want(client[3].io, 0);
	conn_free(client[3].conn);
	client[3].conn = NULL;
	conn_close(client[4].conn, false);
	conn_resume(client[4].conn);
	conn_close(client[5].conn, true);
	conn_resume(client[5].conn);
}

START_TEST(test_ends_while_it_waits)
{
	between = end_some;
	wanted = MANY - 3;
	run_many();
	ck_assert_uint_eq(ended, 2);
	ck_assert_uint_ge(gone, 1);	/* the other one is still read, or gone */
}
END_TEST

UNIT_MAIN("conn", test_many_handshakes, test_ends_while_it_waits)
