/*
 * outbound_fixture - an outbound with the hosts and processes around it, on one loop: SMTP sinks on loopback,
 * a resolver helper and a master; and jobs for it
 * set_up() makes outbound and its channels, tear_down() frees them. Sinks belong to the test: sink_open(),
 * sink_close().
 */
#ifndef OUTBOUND_FIXTURE_H
#define OUTBOUND_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/mail/message.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"
#include "t/unit/check_main.h"

/* --- a sink: a small SMTP server on the same loop --- */

enum behaviour { SINK_TAKES, SINK_BUSY, SINK_REFUSES, SINK_MAIL_LATER, SINK_CLOSES_AT_SECOND_MAIL,
    SINK_CLOSES_AFTER_DOT, SINK_SILENT, SINK_PLAIN };

struct session;

struct sink {
	LIST_HEAD(, session) sessions;
	/* Answers a command, or "." for the content; "" and 421 end the session. NULL: as `behaviour` says */
	const char *(*answer)(struct session *s, const char *line);
	bool (*greets)(struct session *s);	/* NULL: every one */
	enum behaviour behaviour;
	int fd;
	uint16_t port;
	struct loop_io *io;
	unsigned connections, now, most, messages, mails;
	struct buf last;		/* the last content as received, dots still doubled */
};

struct session {
	LIST_ENTRY(session) link;
	struct sink *sink;
	int fd;
	struct loop_io *io;
	struct buf in;
	bool in_data;
	unsigned mails;
	unsigned message; uint64_t accepted;	/* for `answer` */
};

static struct loop *loop;
static const char silence[] = "";	/* an answer that is none: the session goes on */

static inline void
session_end(struct session *s)
{
	s->sink->now--;
	LIST_REMOVE(s, link);
	loop_io_free(s->io);
	close(s->fd);
	buf_done(&s->in);
	free(s);
}

static inline void
say(struct session *s, const char *text)
{
	ck_assert_int_eq(send(s->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Answers one command; false: the session ends. */
static inline bool
command(struct session *s, const char *line)
{
	enum behaviour b = s->sink->behaviour;
	const char *text = s->sink->answer != NULL ? s->sink->answer(s, line) : NULL;

	if (text == silence)
		return true;
	if (text != NULL) {
		say(s, text);
		s->in_data = strncmp(text, "354", 3) == 0;
		return *text != '\0' && strncmp(text, "421", 3) != 0;
	}
	if (strncmp(line, "EHLO", 4) == 0)
		say(s, b == SINK_PLAIN ? "250 sink\r\n" :
		    "250-sink\r\n250-PIPELINING\r\n250 SIZE 10000000\r\n");
	else if (strncmp(line, "MAIL", 4) == 0) {
		s->sink->mails++;
		if (b == SINK_CLOSES_AT_SECOND_MAIL && ++s->mails == 2)
			return false;
		say(s, b == SINK_MAIL_LATER ? "452 4.3.1 full\r\n" : "250 ok\r\n");
	} else if (strncmp(line, "RCPT TO:<bad", 12) == 0)
		say(s, "550 5.1.1 no such user\r\n");
	else if (strncmp(line, "DATA", 4) == 0) {
		s->in_data = b != SINK_MAIL_LATER;
		say(s, s->in_data ? "354 go\r\n" : "503 no\r\n");
		buf_clear(&s->sink->last);
	} else if (strncmp(line, "QUIT", 4) == 0) {
		say(s, "221 bye\r\n");
		return false;
	} else
		say(s, b == SINK_MAIL_LATER && line[0] == 'R' && line[1] == 'C' ? "503 no\r\n" :
		    "250 ok\r\n");
	return true;
}

static inline bool
take_line(struct session *s, const char *line, size_t len)
{
	if (!s->in_data)
		return command(s, line);
	if (len == 3 && line[0] == '.') {
		s->in_data = false;
		s->sink->messages++;
		if (s->sink->answer != NULL)
			return command(s, line);
		if (s->sink->behaviour == SINK_CLOSES_AFTER_DOT)
			return false;
		say(s, "250 2.0.0 taken\r\n");
		return true;
	}
	buf_add(&s->sink->last, line, len);
	return true;
}

static inline void
on_session(void *arg, unsigned what)
{
	struct session *s = arg;
	char *room = buf_room(&s->in, 65536);
	ssize_t n = recv(s->fd, room, 65536, 0);

	if (n <= 0) {
		session_end(s);
		return;
	}
	s->in.len += (size_t)n;
	s->in.data[s->in.len] = '\0';
	for (;;) {
		char *lf = memchr(s->in.data, '\n', s->in.len);
		if (lf == NULL)
			return;
		size_t len = (size_t)(lf - s->in.data) + 1;
		if (!take_line(s, s->in.data, len)) {
			session_end(s);
			return;
		}
		buf_drop(&s->in, len);
		if (s->in.len == 0)
			return;
	}
}

static inline void
on_accept(void *arg, unsigned what)
{
	struct sink *k = arg;
	struct session *s = mem_new(struct session);
	int on = 1;

	s->sink = k;
	s->fd = accept4(k->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ne(s->fd, -1);
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	buf_init(&s->in, 1U << 22);
	s->io = loop_io_new(loop, s->fd, LOOP_READ, on_session, s);
	LIST_INSERT_HEAD(&k->sessions, s, link);
	k->connections++;
	if (++k->now > k->most)
		k->most = k->now;
	if (k->behaviour == SINK_BUSY || k->behaviour == SINK_REFUSES) {
		say(s, k->behaviour == SINK_BUSY ? "450 busy\r\n" : "554 not you\r\n");
		session_end(s);
	} else if (k->behaviour != SINK_SILENT && (k->greets == NULL || k->greets(s)))
		say(s, "220 sink\r\n");
}

static inline void
sink_open_at(struct sink *k, enum behaviour b, in_addr_t address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	socklen_t len = sizeof(sin);

	*k = (struct sink){ .behaviour = b, .last = BUF_INIT(1U << 22) };
	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(k->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(k->fd, 1000), 0);
	ck_assert_int_eq(getsockname(k->fd, (struct sockaddr *)&sin, &len), 0);
	k->port = ntohs(sin.sin_port);
	k->io = loop_io_new(loop, k->fd, LOOP_READ, on_accept, k);
}

static inline void
sink_open(struct sink *k, enum behaviour b)
{
	sink_open_at(k, b, INADDR_LOOPBACK);
}

static inline void
sink_close(struct sink *k)
{
	loop_io_free(k->io);
	k->io = NULL;
	if (k->fd != -1)
		close(k->fd);
	k->fd = -1;
	while (!LIST_EMPTY(&k->sessions))
		session_end(LIST_FIRST(&k->sessions));
	buf_done(&k->last);
}

/* --- outbound, the master and the resolver helper --- */

static struct config_server server;
static struct boot boot;
static struct ctl *master_end, *helper_end;
static struct outbound *outbound;
static unsigned jobs_open;
static unsigned names_asked;
static struct { const char *name; uint16_t type; const char *data; } names[8];

static bool dns_down;

static inline void
answer_name(uint32_t request, const struct msg_dns_query *q)
{
	struct msg_dns_answer *a = mem_new(struct msg_dns_answer);

	names_asked++;
	a->result = dns_down ? DNS_TROUBLE : DNS_NO_NAME;
	a->ttl = 300;
	snprintf(a->canonical, sizeof(a->canonical), "%s", q->name);
	for (size_t i = 0; i < nitems_of(names) && names[i].name != NULL && !dns_down; i++) {
		if (strcmp(names[i].name, q->name) != 0)
			continue;
		if (a->result == DNS_NO_NAME)
			a->result = DNS_NO_DATA;
		if (names[i].type != q->type)
			continue;
		a->result = DNS_FOUND;
		struct msg_dns_record *record = &a->record[a->count++];
		if (q->type == DNS_A) {
			record->len = 4;
			inet_pton(AF_INET, names[i].data, record->data);
		} else {
			record->preference = a->count;
			record->len = (uint16_t)strlen(names[i].data);
			memcpy(record->data, names[i].data, record->len);
		}
	}
	ck_assert_int_eq(ctl_send(helper_end, CTL_DNS_ANSWER, request, a, msg_dns_answer_size(a), -1), 0);
	free(a);
}

/* How often the helper still dies, each time before it answers its first question */
static unsigned helper_dies;

static inline void
helper_message(void *arg, const struct ctl_message *m)
{
	struct msg_dns_query q;

	ck_assert_int_eq(m->type, CTL_DNS_ASK);
	ck_assert(msg_dns_query_take(&q, m->data, m->len));
	if (helper_end == NULL)
		return;
	if (helper_dies > 0) {
		helper_dies--;
		ctl_free(helper_end);
		helper_end = NULL;
		return;
	}
	answer_name(m->request, &q);
}

static inline void
nothing_on_close(void *arg, bool bad)
{
}

static inline void
master_message(void *arg, const struct ctl_message *m)
{
	int pair[2];

	ck_assert_int_eq(m->type, CTL_NEED);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	helper_end = ctl_new(loop, pair[0], CTL_FROM_CLIENT, helper_message, nothing_on_close, NULL);
	struct ctl_channel resolver = { .helper = CTL_HELPER_RESOLVER };
	outbound_on_channel(outbound, &(struct ctl_message){ .type = CTL_CHANNEL, .data = &resolver,
	    .len = sizeof(resolver), .fd = pair[1] });
}

static inline void
set_up(void)
{
	static struct config config = { .service.hostname = (char *)"vm.example" };
	int pair[2];

	loop = loop_new();
	server = (struct config_server){
		.name = (char *)"default", .fqdn = (char *)"us.example", .max_messages_per_connection = 20,
		.connections = 1000, .connections_per_domain = 100, .outbound_timeout = 60000, .port = 25,
		.minimum_rate = 512,
	};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	boot = (struct boot){ .config = &config, .server = &server, .loop = loop };
	boot.master = ctl_new(loop, pair[0], CTL_FROM_MASTER, NULL, nothing_on_close, NULL);
	master_end = ctl_new(loop, pair[1], CTL_FROM_WORKER, master_message, nothing_on_close, NULL);
	outbound = outbound_new(&boot);
	jobs_open = names_asked = 0;
	memset(names, 0, sizeof(names));
}

static inline void
tear_down(void)
{
	outbound_free(outbound);
	ctl_free(boot.master);
	ctl_free(master_end);
	ctl_free(helper_end);
	helper_end = NULL;
	loop_free(loop);
}

/* --- jobs --- */

struct test_job {
	struct message_envelope e;
	struct outbound_job job;
	struct verdict verdict[2];
	size_t index[2];
	bool done;
};

static inline void
on_done(void *arg, struct outbound_job *job)
{
	struct test_job *t = arg;

	ck_assert(!t->done);
	t->done = true;
	if (--jobs_open == 0)
		loop_stop(loop);
}

static inline int
content_file(const char *text, size_t len)
{
	char name[] = "/tmp/postern-unit-XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ne(fd, -1);
	unlink(name);
	ck_assert_int_eq(disk_write(fd, text, len), 0);
	return fd;
}

static inline struct test_job *
submit(const struct destination *d, int fd, size_t len, const char *first, const char *second)
{
	struct test_job *t = mem_new(struct test_job);

	t->e.sender = mem_strdup("a@us.example");
	message_envelope_add(&t->e, first);
	if (second != NULL)
		message_envelope_add(&t->e, second);
	t->e.content_size = (off_t)len;
	t->index[1] = 1;
	t->job = (struct outbound_job){ .e = &t->e, .fd = fd, .sender = t->e.sender, .index = t->index,
	    .count = t->e.nrcpt, .verdict = t->verdict, .done = on_done, .arg = t };
	jobs_open++;
	outbound_submit(outbound, d, &t->job);
	ck_assert(!t->done);
	return t;
}

static inline void
job_free(struct test_job *t)
{
	message_envelope_done(&t->e);
	free(t);
}

static inline void
expect(struct test_job *t, size_t i, enum verdict_what what, const char *status)
{
	ck_assert(t->done);
	ck_assert_msg(t->verdict[i].what == what && strcmp(t->verdict[i].status, status) == 0,
	    "got %s %s \"%s\"", verdict_name(t->verdict[i].what), t->verdict[i].status, t->verdict[i].text);
}

static inline struct destination
to_sinks(struct sink *const *sinks, size_t n)
{
	static struct destination_host host[8];
	static char key[100];
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		host[i] = (struct destination_host){ .name = (char *)"[127.0.0.1]", .literal = true,
		    .port = sinks[i]->port };
		at += (size_t)snprintf(key + at, sizeof(key) - at, ":%u", sinks[i]->port);
	}
	return (struct destination){ .key = key, .domain = (char *)"x.example", .host = host, .nhost = n };
}

static const char small[] = "Subject: x\r\n\r\n.dot\r\n";
#define SMALL (sizeof(small) - 1)

/* Runs one small job with `n` sinks as its hosts, in this order; the caller frees it. */
static inline struct test_job *
one_job(struct sink *const *sinks, size_t n)
{
	struct destination d = to_sinks(sinks, n);
	int fd = content_file(small, SMALL);
	struct test_job *t = submit(&d, fd, SMALL, "ok@x.example", NULL);

	loop_run(loop);
	close(fd);
	return t;
}

#endif
