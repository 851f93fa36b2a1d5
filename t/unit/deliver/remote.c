/* remote - jobs to sinks on loopback, with a real loop: reuse, limits, fail-over, names, stopping */
#include "t/unit/unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "deliver/deliver.h"

/* --- a sink: a small SMTP server on the same loop --- */

enum behaviour { SINK_TAKES, SINK_BUSY, SINK_REFUSES, SINK_MAIL_LATER, SINK_CLOSES_AT_SECOND_MAIL, SINK_CLOSES_AFTER_DOT, SINK_SILENT, SINK_PLAIN };

struct sink {
	LIST_HEAD(, session) sessions;
	enum behaviour behaviour;
	int fd;
	uint16_t port;
	struct loop_io *io;
	unsigned connections, now, most, messages, mails;
	struct buf last;		/* the last content, as it came */
};

struct session {
	LIST_ENTRY(session) link;
	struct sink *sink;
	int fd;
	struct loop_io *io;
	struct buf in;
	bool in_data;
	unsigned mails;
};

static struct loop *loop;

static void
session_end(struct session *s)
{
	s->sink->now--;
	LIST_REMOVE(s, link);
	loop_io_free(s->io);
	close(s->fd);
	buf_done(&s->in);
	free(s);
}

static void
say(struct session *s, const char *text)
{
	ck_assert_int_eq(send(s->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* False: the session is over. */
static bool
command(struct session *s, const char *line)
{
	enum behaviour b = s->sink->behaviour;

	if (strncmp(line, "EHLO", 4) == 0)
		say(s, b == SINK_PLAIN ? "250 sink\r\n" : "250-sink\r\n250-PIPELINING\r\n250 SIZE 10000000\r\n");
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
		say(s, b == SINK_MAIL_LATER && line[0] == 'R' && line[1] == 'C' ? "503 no\r\n" : "250 ok\r\n");
	return true;
}

static bool
take_line(struct session *s, const char *line, size_t len)
{
	if (!s->in_data)
		return command(s, line);
	if (len == 3 && line[0] == '.') {
		s->in_data = false;
		s->sink->messages++;
		if (s->sink->behaviour == SINK_CLOSES_AFTER_DOT)
			return false;
		say(s, "250 2.0.0 taken\r\n");
		return true;
	}
	buf_add(&s->sink->last, line, len);
	return true;
}

static void
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

static void
on_accept(void *arg, unsigned what)
{
	struct sink *k = arg;
	struct session *s = mem_new(struct session);

	s->sink = k;
	s->fd = accept4(k->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ne(s->fd, -1);
	buf_init(&s->in, 1U << 22);
	s->io = loop_io_new(loop, s->fd, LOOP_READ, on_session, s);
	LIST_INSERT_HEAD(&k->sessions, s, link);
	k->connections++;
	if (++k->now > k->most)
		k->most = k->now;
	if (k->behaviour == SINK_BUSY || k->behaviour == SINK_REFUSES) {
		say(s, k->behaviour == SINK_BUSY ? "450 busy\r\n" : "554 not you\r\n");
		session_end(s);
	} else if (k->behaviour != SINK_SILENT)
		say(s, "220 sink\r\n");
}

static void
sink_open(struct sink *k, enum behaviour b)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	*k = (struct sink){ .behaviour = b, .last = BUF_INIT(1U << 22) };
	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(k->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(k->fd, 1000), 0);
	ck_assert_int_eq(getsockname(k->fd, (struct sockaddr *)&sin, &len), 0);
	k->port = ntohs(sin.sin_port);
	k->io = loop_io_new(loop, k->fd, LOOP_READ, on_accept, k);
}

static void
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

/* --- what remote needs around it --- */

static struct config_server server;
static struct boot boot;
static struct ctl *master_end, *helper_end;
static struct remote *remote;
static unsigned jobs_open;
static unsigned names_asked;
static struct { const char *name; uint16_t type; const char *data; } names[8];

static bool dns_down;

static void
answer_name(uint32_t request, const struct dns_query *q)
{
	struct dns_answer *a = mem_new(struct dns_answer);

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
		struct dns_record *record = &a->record[a->count++];
		if (q->type == DNS_A) {
			record->len = 4;
			inet_pton(AF_INET, names[i].data, record->data);
		} else {
			record->preference = a->count;
			record->len = (uint16_t)strlen(names[i].data);
			memcpy(record->data, names[i].data, record->len);
		}
	}
	ck_assert_int_eq(ctl_send(helper_end, CTL_ANSWER, request, a, dns_answer_size(a), -1), 0);
	free(a);
}

static unsigned helper_dies;	/* so often, each time with its first question unanswered */

static void
helper_message(void *arg, const struct ctl_message *m)
{
	struct dns_query q;

	ck_assert_int_eq(m->type, CTL_QUERY);
	ck_assert(dns_query_take(&q, m->data, m->len));
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

static void
nothing_on_close(void *arg, bool bad)
{
}

static void
master_message(void *arg, const struct ctl_message *m)
{
	int pair[2];

	ck_assert_int_eq(m->type, CTL_NEED);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	helper_end = ctl_new(loop, pair[0], CTL_FROM_CLIENT, helper_message, nothing_on_close, NULL);
	struct ctl_channel resolver = { .helper = CTL_HELPER_RESOLVER };
	remote_on_channel(remote, &(struct ctl_message){ .type = CTL_CHANNEL, .data = &resolver, .len = sizeof(resolver), .fd = pair[1] });
}

static void
set_up(void)
{
	int pair[2];

	loop = loop_new();
	server = (struct config_server){
		.name = (char *)"default", .fqdn = (char *)"us.example", .max_messages_per_connection = 20, .connections = 1000,
		.connections_per_domain = 100, .outbound_timeout = 60000, .port = 25,
	};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	boot = (struct boot){ .server = &server, .loop = loop };
	boot.master = ctl_new(loop, pair[0], CTL_FROM_MASTER, NULL, nothing_on_close, NULL);
	master_end = ctl_new(loop, pair[1], CTL_FROM_WORKER, master_message, nothing_on_close, NULL);
	remote = remote_new(&boot);
	jobs_open = names_asked = 0;
	memset(names, 0, sizeof(names));
}

static void
tear_down(void)
{
	remote_free(remote);
	ctl_free(boot.master);
	ctl_free(master_end);
	ctl_free(helper_end);
	helper_end = NULL;
	loop_free(loop);
}

/* --- jobs --- */

struct test_job {
	struct message_envelope e;
	struct remote_job job;
	struct verdict verdict[2];
	size_t index[2];
	bool done;
};

static void
on_done(void *arg, struct remote_job *job)
{
	struct test_job *t = arg;

	ck_assert(!t->done);
	t->done = true;
	if (--jobs_open == 0)
		loop_stop(loop);
}

static int
content_file(const char *text, size_t len)
{
	char name[] = "/tmp/postern-remote-XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ne(fd, -1);
	unlink(name);
	ck_assert_int_eq(disk_write(fd, text, len), 0);
	return fd;
}

static struct test_job *
submit(const struct destination *d, int fd, size_t len, const char *first, const char *second)
{
	struct test_job *t = mem_new(struct test_job);

	t->e.sender = mem_strdup("a@us.example");
	message_envelope_add(&t->e, first);
	if (second != NULL)
		message_envelope_add(&t->e, second);
	t->e.content_size = (off_t)len;
	t->index[1] = 1;
	t->job = (struct remote_job){ .e = &t->e, .fd = fd, .sender = t->e.sender, .index = t->index, .count = t->e.nrcpt, .verdict = t->verdict,
	    .done = on_done, .arg = t };
	jobs_open++;
	remote_submit(remote, d, &t->job);
	ck_assert(!t->done);
	return t;
}

static void
job_free(struct test_job *t)
{
	message_envelope_done(&t->e);
	free(t);
}

static void
expect(struct test_job *t, size_t i, enum verdict_what what, const char *status)
{
	ck_assert(t->done);
	ck_assert_msg(t->verdict[i].what == what && strcmp(t->verdict[i].status, status) == 0, "got %s %s \"%s\"",
	    verdict_name(t->verdict[i].what), t->verdict[i].status, t->verdict[i].text);
}

static struct destination
to_sinks(struct sink *const *sinks, size_t n)
{
	static struct destination_host host[4];
	static char key[100];
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		host[i] = (struct destination_host){ .name = (char *)"[127.0.0.1]", .literal = true, .port = sinks[i]->port };
		at += (size_t)snprintf(key + at, sizeof(key) - at, ":%u", sinks[i]->port);
	}
	return (struct destination){ .key = key, .domain = (char *)"x.example", .host = host, .nhost = n };
}

static const char small[] = "Subject: x\r\n\r\n.dot\r\n";
#define SMALL (sizeof(small) - 1)

/* One job to these sinks; the caller frees. */
static struct test_job *
one_job(struct sink *const *sinks, size_t n)
{
	struct destination d = to_sinks(sinks, n);
	int fd = content_file(small, SMALL);
	struct test_job *t = submit(&d, fd, SMALL, "ok@x.example", NULL);

	loop_run(loop);
	close(fd);
	return t;
}

START_TEST(test_many_jobs_few_connections)
{
	struct sink k;
	struct test_job *t[100];

	set_up();
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(small, SMALL);
	for (size_t i = 0; i < nitems_of(t); i++)
		t[i] = submit(&d, fd, SMALL, "ok@x.example", "bad@x.example");
	ck_assert_uint_eq(remote_active(remote), nitems_of(t));
	loop_run(loop);
	for (size_t i = 0; i < nitems_of(t); i++) {
		expect(t[i], 0, VERDICT_DELIVERED, "2.0.0");
		expect(t[i], 1, VERDICT_REFUSED, "5.1.1");
		ck_assert_str_eq(t[i]->verdict[0].host, "[127.0.0.1]");
		job_free(t[i]);
	}
	ck_assert_uint_eq(k.messages, nitems_of(t));
	ck_assert_uint_ge(k.connections, 5);	/* 20 messages each */
	ck_assert_uint_le(k.connections, 25);
	ck_assert_uint_eq(remote_active(remote), 0);
	/* the connection is kept */
	unsigned before = k.connections;
	job_free(one_job((struct sink *[]){ &k }, 1));
	ck_assert_uint_eq(k.connections, before);
	ck_assert_str_eq(buf_text(&k.last), "Subject: x\r\n\r\n..dot\r\n");
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_large_content)
{
	enum { SIZE = 3000000 };
	struct sink k;
	char *text = mem_zalloc(SIZE);

	set_up();
	sink_open(&k, SINK_PLAIN);
	for (size_t i = 0; i < SIZE; i++)
		text[i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' : i % 70 == 0 && i % 3 == 0 ? '.' : 'x';
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(text, SIZE);
	struct test_job *t = submit(&d, fd, SIZE, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_DELIVERED, "2.0.0");
	/* un-stuff what came and compare; the end without CRLF got one */
	size_t at = 0;
	for (size_t i = 0; i < k.last.len; i++) {
		if (k.last.data[i] == '.' && (i == 0 || k.last.data[i - 1] == '\n'))
			i++;
		if (at < SIZE && k.last.data[i] != text[at])	/* three million assertions would take their time */
			ck_abort_msg("byte %zu is %d, not %d", at, k.last.data[i], text[at]);
		at++;
	}
	ck_assert_uint_ge(at, SIZE);
	ck_assert_uint_le(at, SIZE + 2);
	job_free(t);
	close(fd);
	free(text);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_fail_over)
{
	static const enum behaviour first[] = { SINK_BUSY, SINK_REFUSES, SINK_MAIL_LATER };
	struct sink a, b;

	for (size_t i = 0; i <= nitems_of(first); i++) {
		set_up();
		sink_open(&a, i < nitems_of(first) ? first[i] : SINK_TAKES);
		sink_open(&b, SINK_TAKES);
		if (i == nitems_of(first))
			sink_close(&a);		/* connection refused */
		struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_uint_eq(b.messages, 1);
		job_free(t);
		/* health: the second is kept, the first is not asked again */
		unsigned before = a.connections;
		job_free(one_job((struct sink *[]){ &a, &b }, 2));
		ck_assert_uint_eq(a.connections, before);
		if (a.fd != -1)
			sink_close(&a);
		sink_close(&b);
		tear_down();
	}
}
END_TEST

static const struct { enum behaviour a, b; bool closed; enum verdict_what what; const char *status; bool glitch, down; } ends[] = {
	{ SINK_BUSY, SINK_BUSY, false, VERDICT_LATER, "4.0.0", true, true },
	{ SINK_REFUSES, SINK_REFUSES, false, VERDICT_REFUSED, "5.0.0", false, false },
	{ SINK_BUSY, SINK_REFUSES, false, VERDICT_LATER, "4.0.0", true, true },
	{ SINK_REFUSES, SINK_BUSY, false, VERDICT_LATER, "4.0.0", true, true },
	{ SINK_TAKES, SINK_TAKES, true, VERDICT_LATER, "4.4.1", true, true },
	{ SINK_MAIL_LATER, SINK_MAIL_LATER, false, VERDICT_LATER, "4.3.1", false, false },
};

START_TEST(test_no_host_left)
{
	struct sink a, b;

	for (size_t i = 0; i < nitems_of(ends); i++) {
		set_up();
		sink_open(&a, ends[i].a);
		sink_open(&b, ends[i].b);
		if (ends[i].closed) {
			sink_close(&a);
			sink_close(&b);
		}
		struct destination d = to_sinks((struct sink *[]){ &a, &b }, 2);
		ck_assert(!remote_is_down(remote, d.key));
		for (int again = 0; again < 2; again++) {	/* a bad host is tried last, not never */
			struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
			expect(t, 0, ends[i].what, ends[i].status);
			ck_assert_int_eq(t->job.glitch, ends[i].glitch);
			ck_assert_int_eq(remote_is_down(remote, d.key), ends[i].down);
			job_free(t);
		}
		if (!ends[i].closed) {
			ck_assert_uint_ge(a.connections + a.mails, 2);
			ck_assert_uint_ge(b.connections + b.mails, 2);
			sink_close(&a);
			sink_close(&b);
		}
		tear_down();
	}
}
END_TEST

START_TEST(test_closed_kept_connection_is_no_failure)
{
	struct sink k;
	struct test_job *t;

	set_up();
	sink_open(&k, SINK_CLOSES_AT_SECOND_MAIL);
	for (int i = 0; i < 3; i++) {
		t = one_job((struct sink *[]){ &k }, 1);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		job_free(t);
	}
	ck_assert_uint_eq(k.messages, 3);
	ck_assert_uint_eq(k.connections, 3);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_lost_after_the_dot_is_not_repeated_at_once)
{
	struct sink a, b;

	set_up();
	sink_open(&a, SINK_CLOSES_AFTER_DOT);
	sink_open(&b, SINK_TAKES);
	struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
	expect(t, 0, VERDICT_LATER, "4.4.2");
	ck_assert(t->job.glitch);
	ck_assert_uint_eq(a.messages, 1);
	ck_assert_uint_eq(b.connections, 0);
	job_free(t);
	sink_close(&a);
	sink_close(&b);
	tear_down();
}
END_TEST

START_TEST(test_silent_peer)
{
	struct sink a, b;

	set_up();
	server.outbound_timeout = 50;
	sink_open(&a, SINK_SILENT);
	sink_open(&b, SINK_SILENT);
	struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
	expect(t, 0, VERDICT_LATER, "4.4.2");
	ck_assert_uint_eq(a.connections, 1);
	ck_assert_uint_eq(b.connections, 1);
	job_free(t);
	sink_close(&a);
	sink_close(&b);
	tear_down();
}
END_TEST

START_TEST(test_limits)
{
	struct sink k[3];
	struct test_job *t[60];
	int fd = content_file(small, SMALL);

	for (int total = 0; total < 2; total++) {
		set_up();
		server.max_messages_per_connection = 3;
		if (total)
			server.connections = 2;
		else
			server.connections_per_domain = 2;
		for (size_t i = 0; i < 3; i++)
			sink_open(&k[i], SINK_TAKES);
		for (size_t i = 0; i < nitems_of(t); i++) {
			struct destination d = to_sinks((struct sink *[]){ &k[i % 3] }, 1);
			t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
		}
		while (jobs_open > 0) {
			loop_run(loop);
			ck_assert_uint_le(remote->npeer, total ? 2 : 6);
		}
		for (size_t i = 0; i < nitems_of(t); i++) {
			expect(t[i], 0, VERDICT_DELIVERED, "2.0.0");
			job_free(t[i]);
		}
		for (size_t i = 0; i < 3; i++) {
			ck_assert_uint_eq(k[i].messages, 20);
			ck_assert_uint_ge(k[i].connections, 7);
			ck_assert_uint_le(k[i].most, 3);	/* one may be saying goodbye still */
			sink_close(&k[i]);
		}
		tear_down();
	}
	close(fd);
}
END_TEST

/* Two that always want more cannot keep a third from its turn, however often something makes them due. */
START_TEST(test_places_go_round)
{
	struct sink k[3];
	struct test_job *t[200], *third;
	int fd = content_file(small, SMALL);

	set_up();
	server.max_messages_per_connection = 3;
	server.connections = 2;
	for (size_t i = 0; i < 3; i++)
		sink_open(&k[i], SINK_TAKES);
	for (size_t i = 0; i < nitems_of(t); i++) {
		struct destination d = to_sinks((struct sink *[]){ &k[i % 2] }, 1);
		t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
	}
	jobs_open = 9;
	loop_run(loop);
	struct destination d = to_sinks((struct sink *[]){ &k[2] }, 1);
	unsigned left = (unsigned)nitems_of(t) - 9;
	for (third = submit(&d, fd, SMALL, "ok@x.example", NULL); !third->done; left -= !third->done) {
		jobs_open = 1;
		loop_run(loop);
	}
	ck_assert_uint_le(k[0].messages + k[1].messages, 9 + 5 * 3);	/* each of the two had its turn before, and some began one */
	jobs_open = left;
	loop_run(loop);
	ck_assert_uint_eq(k[0].messages + k[1].messages, nitems_of(t));
	job_free(third);
	for (size_t i = 0; i < nitems_of(t); i++)
		job_free(t[i]);
	for (size_t i = 0; i < 3; i++)
		sink_close(&k[i]);
	tear_down();
	close(fd);
}
END_TEST

START_TEST(test_names)
{
	struct sink k;

	for (int dies = 0; dies < 2; dies++) {
		set_up();
		helper_dies = dies;
		sink_open(&k, SINK_TAKES);
		names[0].name = "x.example", names[0].type = DNS_MX, names[0].data = "gone.example";
		names[1].name = "x.example", names[1].type = DNS_MX, names[1].data = "mx.example";
		names[2].name = "mx.example", names[2].type = DNS_A, names[2].data = "127.0.0.1";
		struct destination d = { .key = (char *)"dns:x.example", .domain = (char *)"x.example", .by_mx = true, .port = k.port };
		struct destination none = { .key = (char *)"dns:y.example", .domain = (char *)"y.example", .by_mx = true, .port = k.port };
		int fd = content_file(small, SMALL);
		struct test_job *a = submit(&d, fd, SMALL, "ok@x.example", NULL), *b = submit(&none, fd, SMALL, "ok@y.example", NULL);
		loop_run(loop);
		expect(a, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_str_eq(a->verdict[0].host, "mx.example");
		expect(b, 0, VERDICT_REFUSED, "5.1.2");
		ck_assert(!b->job.glitch);
		job_free(a);
		job_free(b);
		/* asked once while it lives */
		unsigned asked = names_asked;
		a = submit(&d, fd, SMALL, "ok@x.example", NULL);
		loop_run(loop);
		ck_assert_uint_eq(names_asked, asked);
		job_free(a);
		close(fd);
		sink_close(&k);
		tear_down();
	}
}
END_TEST

/* Two domains with the same host: one connection, kept from the one for the other. */
START_TEST(test_two_domains_one_host)
{
	struct sink k;

	set_up();
	sink_open(&k, SINK_TAKES);
	names[0].name = "x.example", names[0].type = DNS_MX, names[0].data = "mx.example";
	names[1].name = "y.example", names[1].type = DNS_MX, names[1].data = "MX.example";
	names[2].name = "mx.example", names[2].type = DNS_A, names[2].data = "127.0.0.1";
	names[3].name = "MX.example", names[3].type = DNS_A, names[3].data = "127.0.0.1";
	names[4].name = "z.example", names[4].type = DNS_A, names[4].data = "127.0.0.1";
	static struct destination to[] = {
		{ .key = (char *)"dns:x.example", .domain = (char *)"x.example", .by_mx = true },
		{ .key = (char *)"dns:y.example", .domain = (char *)"y.example", .by_mx = true },
		{ .key = (char *)"dns:z.example", .domain = (char *)"z.example", .by_mx = true },	/* another name: a connection of its own */
	};
	int fd = content_file(small, SMALL);
	for (int i = 0; i < 6; i++) {
		struct destination *d = &to[i % 3];
		d->port = k.port;
		struct test_job *t = submit(d, fd, SMALL, "ok@x.example", NULL);
		loop_run(loop);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		job_free(t);
	}
	ck_assert_uint_eq(k.connections, 2);
	ck_assert_uint_eq(k.messages, 6);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

/* The DNS fails when the addresses are due to be renewed: the old ones do. */
START_TEST(test_stale_addresses_are_better_than_none)
{
	struct sink k;

	set_up();
	server.max_messages_per_connection = 1;
	sink_open(&k, SINK_TAKES);
	names[0].name = "x.example", names[0].type = DNS_A, names[0].data = "127.0.0.1";
	struct destination d = { .key = (char *)"dns:x.example", .domain = (char *)"x.example", .by_mx = true, .port = k.port };
	int fd = content_file(small, SMALL);
	for (unsigned i = 0; i < 2; i++) {
		unsigned asked = names_asked;
		struct test_job *t = submit(&d, fd, SMALL, "ok@x.example", NULL);
		struct site *s = TAILQ_FIRST(&remote->due);
		ck_assert_ptr_nonnull(s);
		s->expires = 0;
		loop_run(loop);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_uint_gt(names_asked, asked);
		job_free(t);
		dns_down = true;
	}
	dns_down = false;
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_helper_that_always_dies)
{
	set_up();
	helper_dies = UINT32_MAX;
	struct destination d = { .key = (char *)"dns:x.example", .domain = (char *)"x.example", .by_mx = true, .port = 25 };
	int fd = content_file(small, SMALL);
	struct test_job *t = submit(&d, fd, SMALL, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_LATER, "4.4.3");
	ck_assert_uint_eq(UINT32_MAX - helper_dies, 4);
	helper_dies = 0;
	job_free(t);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(test_drain)
{
	struct sink k;
	struct test_job *t[40];
	int fd = content_file(small, SMALL);
	unsigned later = 0;

	set_up();
	server.connections_per_domain = 1;
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	for (size_t i = 0; i < nitems_of(t); i++)
		t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
	/* Before anybody said a word it is not delivered. */
	for (size_t i = 0; i < nitems_of(t); i++)
		ck_assert_int_eq(t[i]->verdict[0].what, VERDICT_LATER);
	remote_drain(remote);
	ck_assert_uint_eq(jobs_open, nitems_of(t));
	loop_run(loop);
	for (size_t i = 0; i < nitems_of(t); i++) {
		ck_assert(t[i]->done);
		if (t[i]->verdict[0].what == VERDICT_LATER) {
			expect(t[i], 0, VERDICT_LATER, "4.3.2");
			ck_assert(!t[i]->job.glitch);
			later++;
		}
		job_free(t[i]);
	}
	ck_assert_uint_eq(later + k.messages, nitems_of(t));
	ck_assert_uint_eq(remote_active(remote), 0);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

/* Freed with everything in the air: nobody is called, nothing leaks. */
START_TEST(test_free_in_the_middle)
{
	struct sink k;
	struct test_job *t[30];
	int fd = content_file(small, SMALL);

	set_up();
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	struct destination named = { .key = (char *)"dns:x.example", .domain = (char *)"x.example", .by_mx = true, .port = k.port };
	for (size_t i = 0; i < nitems_of(t); i++)
		t[i] = submit(i % 2 ? &d : &named, fd, SMALL, "ok@x.example", NULL);
	jobs_open = 5;		/* stop when five are done */
	loop_run(loop);
	sink_close(&k);
	tear_down();
	for (size_t i = 0; i < nitems_of(t); i++)
		job_free(t[i]);
	close(fd);
}
END_TEST

START_TEST(test_content_that_cannot_be_read)
{
	struct sink k;

	set_up();
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(small, SMALL);
	struct test_job *t = submit(&d, fd, SMALL + 1, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_LATER, "4.3.0");
	ck_assert_uint_eq(k.messages, 0);
	job_free(t);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

UNIT_MAIN("remote", test_many_jobs_few_connections, test_places_go_round, test_large_content, test_fail_over, test_no_host_left,
    test_closed_kept_connection_is_no_failure, test_lost_after_the_dot_is_not_repeated_at_once, test_silent_peer, test_limits, test_names, test_two_domains_one_host, test_stale_addresses_are_better_than_none, test_helper_that_always_dies,
    test_drain, test_free_in_the_middle, test_content_that_cannot_be_read)
