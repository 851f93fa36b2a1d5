/*
 * dns_stub - questions to a validating resolver on this host, whose AD bit is believed (RFC 6840 5.7)
 *
 * Runs in:  resolver
 * Owns:     a socket for each server, the open questions, a connection for each answer that was truncated
 * Promise:  only loopback addresses are asked: nobody on a network can set the bit. Each question is answered
 *           once, within the sum of tries_ms, and never from inside dns_stub_ask
 * Fails by: an answer without a packet
 */
#include <bsd/stdlib.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "deliver/resolver/resolver.h"

enum { SERVERS_MAX = 8, QUESTIONS_MAX = 8192, STREAMS_MAX = 64, BUCKETS = 1024 };
enum { HEADER_SIZE = 12, PACKET_MAX = 65535, QUERY_MAX = 300, ANSWER_SIZE = 1232 };
enum { FLAG_TRUNCATED = 0x02, FLAG_RESPONSE = 0x80, FLAG_AUTHENTIC = 0x20 };	/* in bytes 2, 2 and 3 */

/* When it is sent again, to the next server; then it has failed. Slow domains take a resolver long. */
static const unsigned tries_ms[] = { 3000, 5000, 7000, 10000 };

struct server {
	struct dns_stub *stub;
	struct net_address address;
	int fd;
	struct loop_io *io;
};

/* An answer that comes by TCP (RFC 7766): two bytes of length before each message. */
struct stream {
	int fd;				/* -1: none */
	struct loop_io *io;
	struct buf in;
	size_t sent;
};

struct dns_stub_question {
	LIST_ENTRY(dns_stub_question) bucket;
	struct dns_stub *stub;
	uint8_t query[2 + QUERY_MAX];	/* with the length for TCP before it */
	size_t len;			/* without that */
	size_t asked;			/* bytes of name, type and class behind the header */
	unsigned tries;
	struct loop_timer *timer;
	struct stream stream;
	dns_context_answered *done;
	void *arg;
};

struct dns_stub {
	struct loop *loop;
	struct server server[SERVERS_MAX];
	size_t servers, questions, streams;
	LIST_HEAD(, dns_stub_question) table[BUCKETS];
};

/* --- the end of a question --- */

static uint16_t
id_of(const uint8_t *packet)
{
	return (uint16_t)(packet[0] << 8 | packet[1]);
}

static struct dns_stub_question *
find_id(struct dns_stub *s, uint16_t id)
{
	struct dns_stub_question *q;

	LIST_FOREACH(q, &s->table[id % BUCKETS], bucket)
		if (id_of(q->query + 2) == id)
			break;
	return q;
}

static void
close_stream(struct dns_stub_question *q)
{
	if (q->stream.fd == -1)
		return;
	loop_io_free(q->stream.io);
	close(q->stream.fd);
	buf_done(&q->stream.in);
	q->stream.fd = -1;
	q->stub->streams--;
}

static void
free_question(struct dns_stub_question *q)
{
	LIST_REMOVE(q, bucket);
	q->stub->questions--;
	close_stream(q);
	loop_timer_free(q->timer);
	free(q);
}

/* `packet` NULL: there is no answer. */
static void
end_question(struct dns_stub_question *q, uint8_t *packet, size_t len)
{
	/* In the words of libunbound: 2 is SERVFAIL, and secure */
	int rcode = packet != NULL ? packet[3] & 15 : 2;
	int secure = packet != NULL && (packet[3] & FLAG_AUTHENTIC) ? 2 : 0;
	dns_context_answered *done = q->done;
	void *arg = q->arg;

	LIST_REMOVE(q, bucket);
	q->stub->questions--;
	done(arg, rcode, packet, (int)len, secure, NULL, 0);
	close_stream(q);
	loop_timer_free(q->timer);
	free(q);
}

static void
fail_question(struct dns_stub_question *q)
{
	end_question(q, NULL, 0);
}

/* --- answers --- */

/* The answer is to this very question: a late one for an id that is used again is not. */
static bool
is_answer(const struct dns_stub_question *q, const uint8_t *packet, size_t len)
{
	const uint8_t *query = q->query + 2;

	return len >= HEADER_SIZE + q->asked && id_of(packet) == id_of(query) &&
	    (packet[2] & FLAG_RESPONSE) && packet[4] == 0 && packet[5] == 1 &&
	    strncasecmp((const char *)packet + HEADER_SIZE, (const char *)query + HEADER_SIZE,
	    q->asked) == 0 &&
	    memcmp(packet + HEADER_SIZE + q->asked - 4, query + HEADER_SIZE + q->asked - 4, 4) == 0;
}

/* --- TCP, for what does not fit a datagram --- */

static void
read_stream(struct dns_stub_question *q)
{
	struct buf *in = &q->stream.in;
	size_t whole = in->len < 2 ? 2 : 2 + (size_t)id_of((const uint8_t *)in->data);
	char *room = buf_room(in, whole - in->len);
	ssize_t n = room != NULL ? recv(q->stream.fd, room, whole - in->len, 0) : 0;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail_question(q);
		return;
	}
	in->len += (size_t)n;
	if (in->len < 2 || in->len < 2 + (size_t)id_of((const uint8_t *)in->data))
		return;
	if (is_answer(q, (const uint8_t *)in->data + 2, in->len - 2))
		end_question(q, (uint8_t *)in->data + 2, in->len - 2);
	else
		fail_question(q);
}

static void
on_stream(void *arg, unsigned what)
{
	struct dns_stub_question *q = arg;
	size_t size = q->len + 2;
	ssize_t n;

	if (q->stream.sent == size) {
		read_stream(q);
		return;
	}
	n = send(q->stream.fd, q->query + q->stream.sent, size - q->stream.sent, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		fail_question(q);
		return;
	}
	q->stream.sent += n > 0 ? (size_t)n : 0;
	if (q->stream.sent == size)
		loop_io_want(q->stream.io, LOOP_READ);
}

/* With too many streams, and when none can be had, the question is sent again later. */
static void
open_stream(struct dns_stub_question *q, const struct server *to)
{
	struct dns_stub *s = q->stub;
	int fd = -1;

	if (q->stream.fd != -1 || s->streams == STREAMS_MAX)
		return;
	fd = socket(to->address.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	if (connect(fd, (const struct sockaddr *)&to->address.sa, to->address.len) == -1 &&
	    errno != EINPROGRESS) {
		close(fd);
		return;
	}
	s->streams++;
	q->stream = (struct stream){ .fd = fd, .in = BUF_INIT(2 + PACKET_MAX) };
	q->stream.io = loop_io_new(s->loop, fd, LOOP_WRITE, on_stream, q);
}

/* --- UDP --- */

static void
on_datagram(void *arg, unsigned what)
{
	struct server *v = arg;
	uint8_t packet[4096];
	struct dns_stub_question *q;
	ssize_t n = recv(v->fd, packet, sizeof(packet), 0);

	if (n < HEADER_SIZE)
		return;		/* nothing, or the server is down: the question is sent again */
	q = find_id(v->stub, id_of(packet));
	if (q == NULL || !is_answer(q, packet, (size_t)n))
		return;
	if (packet[2] & FLAG_TRUNCATED)
		open_stream(q, v);
	else
		end_question(q, packet, (size_t)n);
}

static void
send_question(void *arg)
{
	struct dns_stub_question *q = arg;
	struct dns_stub *s = q->stub;
	const struct server *v;

	if (q->tries == nitems_of(tries_ms) || s->servers == 0) {
		fail_question(q);
		return;
	}
	v = &s->server[q->tries % s->servers];
	(void)!send(v->fd, q->query + 2, q->len, MSG_NOSIGNAL);
	loop_timer_set(q->timer, tries_ms[q->tries++]);
}

/* --- questions --- */

static void
put16(uint8_t **at, uint16_t value)
{
	*(*at)++ = (uint8_t)(value >> 8);
	*(*at)++ = (uint8_t)value;
}

/* Labels (RFC 1035 3.1). False: no name. */
static bool
put_name(uint8_t **at, const char *name)
{
	size_t total = 0;

	while (*name != '\0' && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");

		total += n + 1;
		if (n == 0 || n > 63 || total > 254)
			return false;
		*(*at)++ = (uint8_t)n;
		memcpy(*at, name, n);
		*at += n;
		name += n + (name[n] == '.');
	}
	*(*at)++ = 0;
	return true;
}

/* Recursion, and the AD bit in the answer, are desired; EDNS for larger answers. */
static bool
write_query(struct dns_stub_question *q, const char *name, uint16_t type)
{
	uint8_t *at = q->query + 2;

	put16(&at, (uint16_t)arc4random());
	put16(&at, 0x0120);
	put16(&at, 1);
	put16(&at, 0);
	put16(&at, 0);
	put16(&at, 1);
	if (!put_name(&at, name))
		return false;
	put16(&at, type);
	put16(&at, 1);
	q->asked = (size_t)(at - q->query) - 2 - HEADER_SIZE;
	*at++ = 0;
	put16(&at, 41);
	put16(&at, ANSWER_SIZE);
	put16(&at, 0);
	put16(&at, 0);
	put16(&at, 0);
	q->len = (size_t)(at - q->query) - 2;
	at = q->query;
	put16(&at, (uint16_t)q->len);
	return true;
}

bool
dns_stub_ask(struct dns_stub *s, const char *name, uint16_t type,
    dns_context_answered *done, void *arg)
{
	struct dns_stub_question *q = mem_new(struct dns_stub_question);

	q->stub = s;
	q->done = done;
	q->arg = arg;
	q->stream.fd = -1;
	if (s->questions == QUESTIONS_MAX || !write_query(q, name, type)) {
		free(q);
		return false;
	}
	for (uint8_t *at = q->query + 2; find_id(s, id_of(q->query + 2)) != NULL; at = q->query + 2)
		put16(&at, (uint16_t)arc4random());
	LIST_INSERT_HEAD(&s->table[id_of(q->query + 2) % BUCKETS], q, bucket);
	s->questions++;
	q->timer = loop_timer_new(s->loop, send_question, q);
	loop_timer_set(q->timer, 0);
	return true;
}

/* --- beginning and end --- */

static void
add_server(struct dns_stub *s, const char *text)
{
	struct server *v = &s->server[s->servers];

	if (s->servers == SERVERS_MAX || config_dns_server(&v->address, text) == -1 ||
	    !net_is_loopback((const struct sockaddr *)&v->address.sa))
		return;
	v->fd = socket(v->address.sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->fd == -1)
		return;
	if (connect(v->fd, (const struct sockaddr *)&v->address.sa, v->address.len) == -1) {
		close(v->fd);
		return;
	}
	v->stub = s;
	v->io = loop_io_new(s->loop, v->fd, LOOP_READ, on_datagram, v);
	s->servers++;
}

struct dns_stub *
dns_stub_new(struct loop *l, const struct config_strings *servers)
{
	struct dns_stub *s = mem_new(struct dns_stub);

	s->loop = l;
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&s->table[i]);
	for (size_t i = 0; i < servers->count; i++)
		add_server(s, servers->text[i]);
	return s;
}

void
dns_stub_free(struct dns_stub *s)
{
	struct dns_stub_question *q;

	for (size_t i = 0; i < BUCKETS; i++)
		while ((q = LIST_FIRST(&s->table[i])) != NULL)
			free_question(q);
	for (size_t i = 0; i < s->servers; i++) {
		loop_io_free(s->server[i].io);
		close(s->server[i].fd);
	}
	free(s);
}
