/*
 * ctl - control messages: a bad one closes the channel, the backlog for a slow peer is
 * bounded, each type has a name; msg_dns: payloads are checked
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_wire.h"
#include "common/msg/msg_dns.h"
#include "common/process/loop.h"
#include "t/unit/check_main.h"

static struct loop *loop;
static int messages, closed_bad;

static void
on_message(void *arg, const struct ctl_message *m)
{
	messages++;
	ck_assert(m->type == CTL_READY || m->type == CTL_NEED);
}

static void
on_close(void *arg, bool bad)
{
	closed_bad = bad;
	loop_stop(loop);
}

/* Has a look, and takes nothing. */
static void
on_channel(void *arg, const struct ctl_message *m)
{
	messages++;
	ck_assert_int_ne(m->fd, -1);
}

/* Sends raw bytes as a worker would; returns whether the master side called them bad. */
static int
try_bytes(const void *data, size_t len)
{
	int pair[2];
	struct ctl *c;

	messages = 0;
	closed_bad = -1;
	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_WORKER, on_message, on_close, NULL);
	if (len > 0)
		ck_assert_int_eq(send(pair[1], data, len, 0), (ssize_t)len);
	else
		ck_assert_int_eq(ctl_send_now(pair[1], CTL_READY, 0, NULL, 0), 0);
	close(pair[1]);
	loop_run(loop);
	ctl_free(c);
	loop_free(loop);
	return closed_bad;
}

START_TEST(test_refuses_rubbish)
{
	struct { uint16_t magic, version; uint32_t type, request, len; char data[8]; } m = { 0x5043,
	    CTL_VERSION, CTL_READY, 0, 0, "" };
	ck_assert_int_eq(try_bytes("", 0), 0);
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(try_bytes(&m, 16), 0);
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(try_bytes("x", 1), 1);
	ck_assert_int_eq(try_bytes(&m, 17), 1);		/* length off */
	m.len = 1;
	ck_assert_int_eq(try_bytes(&m, 17), 1);		/* no row of that size */
	m.len = 0;
	m.type = CTL_STOP;
	ck_assert_int_eq(try_bytes(&m, 16), 1);		/* a worker may not say that */
	m.type = 9999;
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	m.type = CTL_NEED;
	m.version = 77;
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	ck_assert_int_eq(messages, 0);
	m.type = CTL_READY;				/* every version has it */
	ck_assert_int_eq(try_bytes(&m, 16), 0);
	ck_assert_int_eq(messages, 1);
	m.len = 1;
	ck_assert_int_eq(try_bytes(&m, 17), 1);		/* but not of that size */
	m.len = 0;
	m.version = CTL_VERSION_FIRST;
	ck_assert_int_eq(try_bytes(&m, 16), 0);
	m.version = CTL_VERSION_FIRST - 1;		/* it has nothing in common with ours */
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	m.version = 0;
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	messages = 0;
	m.version = CTL_VERSION;
	m.magic = 0;
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	ck_assert_int_eq(try_bytes(&m, 3), 1);		/* not even a version */
	ck_assert_int_eq(messages, 0);
}
END_TEST

static unsigned unknown;

static void
on_any_message(void *arg, const struct ctl_message *m)
{
	messages += m->type == CTL_READY;
	unknown += m->type == CTL_COUNT && m->len == 0 && m->fd == -1;
}

/* Where versions may differ: what only one of them has is told, and what comes then is heard. */
START_TEST(test_of_another_version)
{
	struct { uint16_t magic, version; uint32_t type, request, len; char data[8]; } m = { 0x5043,
	    CTL_VERSION + 1, CTL_READY, 0, 0, "" };
	static const uint32_t types[] = { CTL_COMMON, CTL_COUNT, 9999 };
	int pair[2];
	struct ctl *c;

	messages = 0;
	unknown = 0;
	closed_bad = -1;
	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_WORKER, on_any_message, on_close, NULL);
	ctl_any_version(c);
	ck_assert_int_eq(send(pair[1], &m, 16, 0), 16);
	for (size_t i = 0; i < nitems_of(types); i++) {
		m.type = types[i];
		ck_assert_int_eq(send(pair[1], &m, 24, 0), 24);
	}
	m.type = CTL_READY;
	ck_assert_int_eq(send(pair[1], &m, 16, 0), 16);
	close(pair[1]);
	loop_run(loop);
	ck_assert_int_eq(closed_bad, 0);
	ck_assert_int_eq(messages, 2);
	ck_assert_uint_eq(unknown, nitems_of(types));
	ctl_free(c);
	loop_free(loop);
}
END_TEST

/* The lowest descriptor that is free. */
static int
next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* With `len` bytes and as many descriptors as the receiver has room for, and more. */
static void
send_with_fds(int to, const void *data, size_t len, size_t fds)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * 8)]; } space = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.bytes,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * fds) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * fds);
	memset(CMSG_DATA(c), 0, sizeof(int) * fds);	/* standard input */
	ck_assert_int_eq(sendmsg(to, &msg, 0), (ssize_t)len);
}

/* Whatever else is wrong, and when the callback does not want it: no descriptor of a message stays open. */
START_TEST(test_descriptors_do_not_stay)
{
	struct { uint16_t magic, version; uint32_t type, request, len; char data[sizeof(struct ctl_channel)]; }
	    m = { 0x5043, CTL_VERSION, CTL_CHANNEL, 0, sizeof(struct ctl_channel), "" };
	const struct { size_t len, fds; int messages, bad; } row[] = {
		{ 0, 1, 0, 1 }, { 0, 4, 0, 1 }, { 0, 8, 0, 1 },		/* reads as the end */
		{ 1, 1, 0, 1 }, { 16, 4, 0, 1 }, { sizeof(m) - 1, 1, 0, 1 },
		{ sizeof(m), 8, 0, 1 },					/* more than there is room for */
		{ sizeof(m), 1, 1, 0 }, { sizeof(m), 4, 1, 0 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int pair[2], before = next_fd();
		struct ctl *c;

		messages = 0;
		closed_bad = -1;
		loop = loop_new();
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		c = ctl_new(loop, pair[0], CTL_FROM_MASTER, on_channel, on_close, NULL);
		send_with_fds(pair[1], &m, row[i].len, row[i].fds);
		close(pair[1]);
		loop_run(loop);
		ck_assert_int_eq(messages, row[i].messages);
		ck_assert_int_eq(closed_bad, row[i].bad);
		ctl_free(c);
		loop_free(loop);
		ck_assert_int_eq(next_fd(), before);
	}
}
END_TEST

static void
on_lost(void *arg, const struct ctl_message *m)
{
	messages++;
	ck_assert_int_eq(m->fd, -1);
	ck_assert(m->lost);
}

/* A process that may open no more loses what comes with a message, and neither the message nor the channel. */
START_TEST(test_no_room_for_a_descriptor)
{
	struct { uint16_t magic, version; uint32_t type, request, len; char data[sizeof(struct ctl_channel)]; }
	    m = { 0x5043, CTL_VERSION, CTL_CHANNEL, 0, sizeof(struct ctl_channel), "" };
	struct rlimit before, none;
	int pair[2];
	struct ctl *c;

	messages = 0;
	closed_bad = -1;
	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_MASTER, on_lost, on_close, NULL);
	send_with_fds(pair[1], &m, sizeof(m), 1);
	shutdown(pair[1], SHUT_WR);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)next_fd(), .rlim_max = before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	loop_run(loop);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(closed_bad, 0);
	ctl_free(c);
	loop_free(loop);
	close(pair[1]);
}
END_TEST

/* What is too short or too long for its row costs the message alone: sizes come from hosts and files. */
START_TEST(test_sends_only_what_fits_its_row)
{
	static char large[CTL_PAYLOAD_MAX + 1];
	const struct { enum ctl_type type; size_t len; } row[] = {
		{ CTL_REASON, 0 }, { CTL_REASON, CTL_REASON_MAX + 1 }, { CTL_TEXT, CTL_PAYLOAD_MAX + 1 },
		{ CTL_COMMAND, 0 }, { CTL_DNS_ANSWER, 0 }, { CTL_READY, 1 }, { CTL_COUNT, 0 },
	};
	char byte;
	int pair[2];
	struct ctl *c;

	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_WORKER, on_message, on_close, NULL);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		errno = 0;
		ck_assert_int_eq(ctl_send(c, row[i].type, 1, large, row[i].len, -1), -1);
		ck_assert_int_eq(errno, EMSGSIZE);
		errno = 0;
		ck_assert_int_eq(ctl_send_now(pair[0], row[i].type, 1, large, row[i].len), -1);
		ck_assert_int_eq(errno, EMSGSIZE);
	}
	ck_assert_int_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(ctl_send(c, CTL_REASON, 1, large, CTL_REASON_MAX, -1), 0);
	close(pair[1]);
	ctl_free(c);
	loop_free(loop);
}
END_TEST

/* The largest message passes, also where the host gives sockets little room. */
START_TEST(test_largest_message)
{
	static char text[CTL_PAYLOAD_MAX], space[CTL_PAYLOAD_MAX];
	struct ctl_message m;
	int pair[2], small = 1;
	struct ctl *c;

	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_OPERATOR, on_message, on_close, NULL);
	ck_assert_int_eq(ctl_send(c, CTL_TEXT, 1, text, sizeof(text), -1), 0);
	ck_assert_int_eq(ctl_recv_now(pair[1], CTL_FROM_MASTER, &m, space, sizeof(space)), 1);
	ck_assert_uint_eq(m.len, sizeof(text));
	ctl_free(c);
	close(pair[1]);
	loop_free(loop);
}
END_TEST

/* Those that are there come in one call; after a refused one all others are closed with what they bring. */
START_TEST(test_many_at_once)
{
	static char space[CTL_WIRE_MANY * 100];
	struct ctl_message m[CTL_WIRE_MANY + 1];
	int pair[2], hole[2], rc;
	char text[20];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert(ctl_wire_recv_many(pair[1], CTL_FROM_MASTER, m, 1, space, 100, false, &rc) == 0 && rc == -1 && errno == EAGAIN);
	for (unsigned i = 0; i < CTL_WIRE_MANY + 1; i++)
		ck_assert_int_eq(ctl_send_now(pair[0], CTL_TEXT, i, text, snprintf(text, sizeof(text), "number %u", i)), 0);
	ck_assert_uint_eq(ctl_wire_recv_many(pair[1], CTL_FROM_MASTER, m, CTL_WIRE_MANY + 1, space, 100, true, &rc), CTL_WIRE_MANY);
	ck_assert_int_eq(rc, 1);
	for (unsigned i = 0; i < CTL_WIRE_MANY; i++)
		ck_assert(m[i].request == i && m[i].len == 8 && m[i].fd == -1 && memcmp(m[i].data, "number ", 7) == 0 &&
		    ((const char *)m[i].data)[7] == (char)('0' + i));
	ck_assert_uint_eq(ctl_wire_recv_many(pair[1], CTL_FROM_MASTER, m, 3, space, 100, true, &rc), 1);
	ck_assert(rc == 1 && m[0].request == CTL_WIRE_MANY);

	ck_assert_int_eq(pipe2(hole, O_CLOEXEC), 0);
	ck_assert_int_eq(ctl_send_now(pair[0], CTL_TEXT, 7, "good", 4), 0);
	ck_assert_int_eq(send(pair[0], "rubbish", 7, MSG_NOSIGNAL), 7);
	ck_assert_int_eq(ctl_send_on(pair[0], CTL_TEXT, 8, "late", 4, hole[1], 0), 0);
	close(hole[1]);
	ck_assert_uint_eq(ctl_wire_recv_many(pair[1], CTL_FROM_MASTER, m, 4, space, 100, true, &rc), 1);
	ck_assert(rc == -1 && errno == EBADMSG && m[0].request == 7);
	ck_assert_int_eq(read(hole[0], text, 1), 0);		/* nobody has the other end */
	close(pair[0]);
	ck_assert(ctl_wire_recv_many(pair[1], CTL_FROM_MASTER, m, 4, space, 100, true, &rc) == 0 && rc == 0);
	close(pair[1]);
	close(hole[0]);
}
END_TEST

START_TEST(test_queues_when_the_peer_is_slow)
{
	int pair[2], sent = 0;
	char space[CTL_PAYLOAD_MAX], text[30000];
	struct ctl_message m;
	struct ctl *c;

	memset(text, 'x', sizeof(text));
	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_OPERATOR, on_message, on_close, NULL);
	while (ctl_send(c, CTL_TEXT, 1, text, sizeof(text), -1) == 0)
		sent++;
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_int_gt(sent, 100);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ctl_recv_now(pair[1], CTL_FROM_MASTER, &m, space, sizeof(space)), 1);
	ck_assert_uint_eq(m.len, sizeof(text));
	ctl_free(c);
	close(pair[1]);
	loop_free(loop);
}
END_TEST

/* What has no bytes takes room as well: descriptors that wait are open. */
START_TEST(test_queues_few_descriptors)
{
	int pair[2], queued = 0;
	struct ctl *c;

	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c = ctl_new(loop, pair[0], CTL_FROM_OPERATOR, on_message, on_close, NULL);
	for (int i = 0; i < 10000; i++) {
		if (ctl_send(c, CTL_WATCH, 1, NULL, 0, pair[1]) == -1)
			break;
		queued += ctl_waiting(c) > 0;
	}
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_int_gt(queued, 10);
	ck_assert_int_le(queued, 32);
	ctl_free(c);
	close(pair[1]);
	loop_free(loop);
}
END_TEST

START_TEST(test_names_are_all_there)
{
	for (int i = 0; i < CTL_COUNT; i++)
		ck_assert_msg(ctl_name((enum ctl_type)i) != NULL && ctl_name((enum ctl_type)i)[0] >= 'a',
		    "row %d", i);
}
END_TEST

START_TEST(test_dns_answers_are_checked)
{
	struct msg_dns_answer a = { .result = DNS_FOUND, .count = 2 }, back;
	struct msg_dns_query q, q_back;

	a.record[0].len = 4;
	ck_assert(msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a)));
	ck_assert(!msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a) - 1));
	a.record[1].len = DNS_DATA_SIZE;
	ck_assert(!msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a)));
	a.record[1].len = 0;
	memset(a.canonical, 'x', sizeof(a.canonical));
	ck_assert(!msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a)));
	q = (struct msg_dns_query){ .type = DNS_MX, .name = "example.com" };
	ck_assert(msg_dns_query_take(&q_back, &q, sizeof(q)));
	memset(q.name, 'x', sizeof(q.name));
	ck_assert(!msg_dns_query_take(&q_back, &q, sizeof(q)));
}
END_TEST

UNIT_MAIN("ctl", test_many_at_once, test_of_another_version, test_refuses_rubbish, test_descriptors_do_not_stay, test_no_room_for_a_descriptor, test_sends_only_what_fits_its_row,
    test_queues_when_the_peer_is_slow, test_queues_few_descriptors, test_largest_message, test_names_are_all_there,
    test_dns_answers_are_checked)
