/*
 * dns_stub - questions to a server on loopback: the AD bit, answers to other questions, TCP for what was cut,
 * servers that are silent or elsewhere
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"
#include "t/unit/check_main.h"

enum { AD = 0x20, TRUNCATED = 0x02, HEADER = 12 };

static struct loop *loop;
static struct loop_timer *limit;
static int datagrams, listener, stream = -1;
static struct loop_io *datagram_io, *listener_io, *stream_io;
static char address[32], silent_address[32];
static unsigned asked, streams, answers;

/* What the server does. */
static bool secure, cut, silent, babbles;
/* What came of the question. */
static int rcode, security;
static size_t length;

/* An answer without records. Returns its length. */
static size_t
make_answer(uint8_t *p, size_t len)
{
	p[2] |= 0x80;
	p[3] = (uint8_t)(0x80 | (secure ? AD : 0));
	return len;
}

static void
on_question(void *arg, unsigned what)
{
	uint8_t p[600];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(datagrams, p, sizeof(p), 0, (struct sockaddr *)&from, &size);

	if (n < HEADER)
		return;
	asked++;
	ck_assert_uint_eq(p[2], 1);		/* recursion */
	ck_assert_uint_eq(p[3], AD);
	if (silent)
		return;
	n = (ssize_t)make_answer(p, (size_t)n);
	if (babbles) {		/* another id, no answer, another name: all with the bit */
		uint8_t other[600];

		for (int i = 0; i < 3; i++) {
			memcpy(other, p, (size_t)n);
			other[3] |= AD;
			other[i == 0 ? 1 : i == 1 ? 2 : HEADER + 1] ^= i == 1 ? 0x80 : 1;
			ck_assert_int_eq(sendto(datagrams, other, (size_t)n, 0, (struct sockaddr *)&from, size), n);
		}
	}
	p[2] |= cut ? TRUNCATED : 0;
	ck_assert_int_eq(sendto(datagrams, p, (size_t)n, 0, (struct sockaddr *)&from, size), n);
}

/* The whole question at once; the answer in two pieces. */
static void
on_stream(void *arg, unsigned what)
{
	uint8_t p[600];
	ssize_t n = recv(stream, p, sizeof(p), 0);

	if (n > 2) {
		streams++;
		make_answer(p + 2, (size_t)n - 2);
		ck_assert_int_eq(send(stream, p, 1, MSG_NOSIGNAL), 1);
		ck_assert_int_eq(send(stream, p + 1, (size_t)n - 1, MSG_NOSIGNAL), n - 1);
	}
	loop_io_free(stream_io);
	close(stream);
	stream = -1;
}

static void
on_connection(void *arg, unsigned what)
{
	stream = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (stream != -1)
		stream_io = loop_io_new(loop, stream, LOOP_READ, on_stream, NULL);
}

static void
on_limit(void *arg)
{
	ck_abort_msg("no end");
}

static void
begin(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);
	int nobody = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	loop = loop_new();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&in, &size), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(in.sin_port));
	datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(datagrams, (struct sockaddr *)&in, sizeof(in)), 0);
	in.sin_port = 0;
	ck_assert_int_eq(bind(nobody, (struct sockaddr *)&in, sizeof(in)), 0);	/* it stays open, and says nothing */
	ck_assert_int_eq(getsockname(nobody, (struct sockaddr *)&in, &size), 0);
	snprintf(silent_address, sizeof(silent_address), "127.0.0.1:%u", ntohs(in.sin_port));
	datagram_io = loop_io_new(loop, datagrams, LOOP_READ, on_question, NULL);
	listener_io = loop_io_new(loop, listener, LOOP_READ, on_connection, NULL);
	limit = loop_timer_new(loop, on_limit, NULL);
	loop_timer_set(limit, 60000);
}

static void
end(void)
{
	loop_io_free(datagram_io);
	loop_io_free(listener_io);
	loop_timer_free(limit);
	close(datagrams);
	close(listener);
	loop_free(loop);
}

static void
on_answer(void *arg, int code, void *packet, int len, int sec, char *why, int limited)
{
	ck_assert_int_eq(packet != NULL, len > 0);
	answers++;
	rcode = code;
	security = sec;
	length = (size_t)len;
	loop_stop(loop);
}

static void
ask(struct dns_stub *s, const char *name)
{
	unsigned before = answers;

	ck_assert(dns_stub_ask(s, name, DNS_MX, on_answer, NULL));
	ck_assert_uint_eq(answers, before);	/* later */
	loop_run(loop);
	ck_assert_uint_eq(answers, before + 1);
}

START_TEST(test_bit)
{
	char *servers[] = { address };
	const struct config_strings list = { servers, 1 };
	struct dns_stub *s;

	begin();
	s = dns_stub_new(loop, &list);
	for (int i = 0; i < 4; i++) {
		secure = i % 2 != 0;
		babbles = i >= 2;
		ask(s, i == 0 ? "." : "Some.Name.example");
		ck_assert_int_eq(rcode, 0);
		ck_assert_int_eq(security, secure ? 2 : 0);
	}
	cut = true;
	ask(s, "long.example");
	ck_assert_uint_eq(streams, 1);
	ck_assert_int_eq(security, 2);
	ck_assert_uint_gt(length, HEADER);
	ck_assert(!dns_stub_ask(s, "a..example", DNS_MX, on_answer, NULL));
	ck_assert(!dns_stub_ask(s, ".example", DNS_MX, on_answer, NULL));
	ck_assert(dns_stub_ask(s, "left.example", DNS_MX, on_answer, NULL));	/* forgotten at the end */
	dns_stub_free(s);
	end();
}
END_TEST

/* shows 2.2f */
START_TEST(test_servers)
{
	char far[] = "192.0.2.1", *servers[] = { silent_address, far, address };
	const struct config_strings list = { servers, 3 }, elsewhere = { servers + 1, 1 };
	struct dns_stub *s;

	begin();
	cut = babbles = false;
	secure = true;
	s = dns_stub_new(loop, &list);
	asked = 0;
	ask(s, "a.example");		/* the first says nothing: the other one is asked */
	ck_assert_uint_eq(asked, 1);
	ck_assert_int_eq(security, 2);
	dns_stub_free(s);
	s = dns_stub_new(loop, &elsewhere);	/* no server is left */
	ask(s, "a.example");
	ck_assert_int_eq(rcode, 2);
	ck_assert_int_eq(security, 0);
	dns_stub_free(s);
	end();
}
END_TEST

UNIT_MAIN("dns_stub", test_bit, test_servers)
