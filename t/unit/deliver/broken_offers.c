/*
 * broken_offers - a host that offers everything and breaks one extension, each in each way: every message is
 * delivered once, and the next one knows
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

/* --- the host --- */

/* Where the extension shows: a word in a command, or several commands in one segment. */
enum where { AT_SIZE, AT_BODY, AT_UTF8, AT_RET, AT_NOTIFY, AT_GROUP_MAIL, AT_GROUP_RCPT, AT_GROUP_DATA, AT_BDAT,
    AT_SECOND_RCPT, WHERE_COUNT };
static const char *const words[WHERE_COUNT] = { " SIZE=", " BODY=", " SMTPUTF8", " RET=", " NOTIFY=", "MAIL", "RCPT",
    "DATA", "BDAT", "RCPT" };

enum how {
	SAYS,		/* the reply, and goes on: content behind it is read as commands */
	SAYS_AND_CLOSES,
	CLOSES, RESETS,
	SILENT,		/* for ever */
	FORGETS,	/* what else is in the segment */
	SKIPS,		/* says nothing to this command, and goes on */
	CLOSES_LATE,	/* after the content */
	SILENT_LATE,
};

struct breakage { const char *name; enum where where; enum how how; const char *says; };

struct host {
	int fd;
	uint16_t port;
	struct loop_io *io;
	LIST_HEAD(, visit) visits;
	struct breakage breaks;
	unsigned connections, broken;
	unsigned got[3];	/* by recipient: messages */
};

struct visit {
	LIST_ENTRY(visit) link;
	struct host *host;
	int fd;
	struct loop_io *io;
	struct buf in;
	bool silent, data, to[3];
	size_t chunk;		/* bytes of the chunk that are to come; its end is the message's */
	bool chunks;
};

#define OFFERS "250-all\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
static bool offers_chunks;

static void
visit_end(struct visit *v, bool reset)
{
	struct linger linger = { .l_onoff = 1 };

	if (reset)
		setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	LIST_REMOVE(v, link);
	loop_io_free(v->io);
	close(v->fd);
	buf_done(&v->in);
	free(v);
}

static void
visit_say(struct visit *v, const char *text)
{
	if (!v->silent)
		(void)!send(v->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
take_message(struct visit *v)
{
	for (size_t i = 0; i < 3; i++) {
		v->host->got[i] += v->to[i];
		v->to[i] = false;
	}
	visit_say(v, "250 2.0.0 taken\r\n");
}

static bool
is_broken(const struct visit *v, const char *line, bool grouped)
{
	enum where at = v->host->breaks.where;

	if (at == AT_SECOND_RCPT && !v->to[0] && !v->to[1])
		return false;
	if (at >= AT_GROUP_MAIL && at <= AT_GROUP_DATA && !grouped)
		return false;
	return at >= AT_GROUP_MAIL ? strncmp(line, words[at], 4) == 0 : strstr(line, words[at]) != NULL;
}

/* False: the visit has ended. */
static bool
break_command(struct visit *v, const char *line)
{
	const struct breakage *b = &v->host->breaks;

	v->host->broken++;
	switch (b->how) {
	case SAYS:
	case SAYS_AND_CLOSES:
		visit_say(v, b->says);
		break;
	case SILENT:
		v->silent = true;
		break;
	default:
		break;
	}
	if (b->how != CLOSES && b->how != RESETS && b->how != SAYS_AND_CLOSES)
		return true;
	visit_end(v, b->how == RESETS);
	return false;
}

static bool
obey(struct visit *v, const char *line, bool grouped)
{
	bool late = v->host->breaks.how >= CLOSES_LATE;

	if (is_broken(v, line, grouped) && !late && v->host->breaks.how != FORGETS)
		return break_command(v, line);
	if (is_broken(v, line, grouped) && !late)
		v->in.len = strcspn(v->in.data, "\n") + 1;
	if (strncmp(line, "EHLO", 4) == 0)
		visit_say(v, offers_chunks ? OFFERS "250-CHUNKING\r\n250-BINARYMIME\r\n250 DSN\r\n" :
		    OFFERS "250 DSN\r\n");
	else if (strncmp(line, "RCPT TO:<r", 10) == 0) {
		v->to[line[10] - '0'] = true;
		visit_say(v, "250 ok\r\n");
	} else if (strncmp(line, "RCPT TO:<s", 10) == 0)
		visit_say(v, "501 syntax\r\n");		/* in whatever words it is said */
	else if (strncmp(line, "RCPT", 4) == 0)
		visit_say(v, "550 5.1.1 no such user\r\n");
	else if (strncmp(line, "DATA", 4) == 0) {
		v->data = v->to[0] || v->to[1] || v->to[2];
		visit_say(v, v->data ? "354 go\r\n" : "554 5.5.1 no valid recipients\r\n");
	} else if (strncmp(line, "BDAT", 4) == 0) {
		v->chunks = true;
		v->chunk = strtoul(line + 5, NULL, 10);
	} else if (strncmp(line, "QUIT", 4) == 0) {
		visit_say(v, "221 bye\r\n");
		visit_end(v, false);
		return false;
	} else
		visit_say(v, strncmp(line, "MAIL", 4) == 0 || strncmp(line, "RSET", 4) == 0 ? "250 ok\r\n" :
		    "500 what\r\n");
	return true;
}

/* Takes one line, or the rest of a chunk. 1: goes on, 0: wants more, -1: the visit has ended. */
static int
step_visit(struct visit *v)
{
	char *lf = memchr(v->in.data, '\n', v->in.len);
	size_t len = lf != NULL ? (size_t)(lf - v->in.data) + 1 : 0;
	char line[2000];

	if (v->chunks) {
		if (v->in.len < v->chunk)
			return 0;
		buf_drop(&v->in, v->chunk);
		v->chunks = false;
		if (v->host->breaks.how == CLOSES_LATE && v->host->breaks.where == AT_BDAT) {
			v->host->broken++;
			v->silent = true;
			take_message(v);
			visit_end(v, true);
			return -1;
		}
		v->silent |= v->host->breaks.how == SILENT_LATE;
		take_message(v);
		return v->in.len > 0;
	}
	if (lf == NULL)
		return 0;
	snprintf(line, sizeof(line), "%.*s", (int)len - 2, v->in.data);
	if (v->data) {
		buf_drop(&v->in, len);
		v->data = strcmp(line, ".") != 0;
		if (!v->data)
			take_message(v);
	} else {
		bool grouped = v->in.len > len;

		if (!obey(v, line, grouped))
			return -1;
		buf_drop(&v->in, len);
	}
	return v->in.len > 0;
}

static void
on_bytes(void *arg, unsigned what)
{
	struct visit *v = arg;
	char *room = buf_room(&v->in, 65536);
	ssize_t n = recv(v->fd, room, 65536, 0);
	int step = 1;

	if (n <= 0) {
		visit_end(v, false);
		return;
	}
	v->in.len += (size_t)n;
	v->in.data[v->in.len] = '\0';
	while (step == 1)
		step = step_visit(v);
}

static void
on_visit(void *arg, unsigned what)
{
	struct host *h = arg;
	struct visit *v = mem_new(struct visit);

	v->host = h;
	v->fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ne(v->fd, -1);
	setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	buf_init(&v->in, 1U << 20);
	v->io = loop_io_new(loop, v->fd, LOOP_READ, on_bytes, v);
	LIST_INSERT_HEAD(&h->visits, v, link);
	h->connections++;
	visit_say(v, "220 all\r\n");
}

static void
host_open(struct host *h, const struct breakage *b)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	*h = (struct host){ .breaks = *b };
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(h->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(h->fd, 100), 0);
	ck_assert_int_eq(getsockname(h->fd, (struct sockaddr *)&sin, &len), 0);
	h->port = ntohs(sin.sin_port);
	h->io = loop_io_new(loop, h->fd, LOOP_READ, on_visit, h);
}

static void
host_close(struct host *h)
{
	loop_io_free(h->io);
	close(h->fd);
	while (!LIST_EMPTY(&h->visits))
		visit_end(LIST_FIRST(&h->visits), false);
}

/* --- messages --- */

struct mailing {
	struct message_envelope e;
	struct outbound_job job;
	struct verdict verdict[3];
	size_t index[3];
};

static void
on_mailed(void *arg, struct outbound_job *job)
{
	loop_stop(loop);
}

/* One message with everything that makes us use an extension, to these recipients. */
static struct mailing *
mail_to(const struct host *h, unsigned flags, const char *const *to, size_t count)
{
	static const char text[] = "Subject: x\r\n\r\nMAIL FROM:<x@y>\r\n.\r\nDATA\r\nQUIT\r\n";
	struct destination_host host = { .name = (char *)"[127.0.0.1]", .literal = true, .port = h->port };
	struct destination d = { .key = (char *)"all", .domain = (char *)"x.example", .host = &host, .nhost = 1 };
	struct mailing *m = mem_new(struct mailing);
	int fd = content_file(text, sizeof(text) - 1);

	m->e.sender = mem_strdup("a@us.example");
	m->e.flags = flags;
	m->e.ret = RET_HDRS;
	for (size_t i = 0; i < count; i++) {
		message_envelope_add(&m->e, to[i])->notify = NOTIFY_FAILURE;
		m->index[i] = i;
	}
	m->e.content_size = (off_t)sizeof(text) - 1;
	m->job = (struct outbound_job){ .e = &m->e, .fd = fd, .sender = m->e.sender, .index = m->index,
	    .count = count, .verdict = m->verdict, .done = on_mailed, .arg = m };
	outbound_submit(outbound, &d, &m->job);
	loop_run(loop);
	close(fd);
	return m;
}

static void
mailing_free(struct mailing *m)
{
	message_envelope_done(&m->e);
	free(m);
}

/* As in outconn_memory. */
static const char *
memory_key(const struct host *h)
{
	static char key[60];

	snprintf(key, sizeof(key), "[127.0.0.1]:%u may", h->port);
	return key;
}

static const char *const good[] = { "r0@x.example", "r1@x.example", "r2@x.example" };
static const unsigned kinds[] = { 0, MESSAGE_8BIT, MESSAGE_8BIT | MESSAGE_UTF8 };

/* Messages one after the other. When enough was shown, at most five times, none fails any more. */
static void
walk(const struct breakage *b, unsigned flags, size_t count, bool chunks)
{
	struct host h;
	/* The content has left, and no answer came: it may have been taken, and is not sent again at once. */
	bool unclear = b->where == AT_BDAT && b->how >= CLOSES,
	    sure = ((b->how == SAYS || b->how == SAYS_AND_CLOSES) && *b->says == '5') || unclear;
	bool silent = b->how >= SILENT && b->how != CLOSES_LATE;
	unsigned missed = 0;

	set_up();
	server.outbound_timeout = silent ? 500 : 10000;	/* not less: the machine may be busy */
	offers_chunks = chunks;
	host_open(&h, b);
	for (unsigned n = 1; n <= (!silent ? 6 : unclear ? 2 : 1); n++) {
		unsigned before = h.connections;
		struct mailing *m = mail_to(&h, flags, good, count);
		bool put_off = unclear && n == 1 && h.broken > 0;

		missed += put_off && b->how < CLOSES_LATE;

		for (size_t i = 0; i < count; i++) {
			ck_assert_msg(m->verdict[i].what == (put_off ? VERDICT_LATER : VERDICT_DELIVERED),
			    "%s, message %u: %s %s", b->name, n, m->verdict[i].status, m->verdict[i].text);
			ck_assert_msg(h.got[i] == n - missed, "%s, message %u: came %u times", b->name, n, h.got[i]);
		}
		/* at most: a kept connection that fails, a fresh one that fails, and one for plain SMTP */
		ck_assert_msg(silent || h.connections - before <= (n == 6 || (n == 2 && sure) ? 1 :
		    b->where == AT_SECOND_RCPT && n == 1 ? 3 : 2),
		    "%s, message %u: %u connections", b->name, n, h.connections - before);
		mailing_free(m);
	}
	host_close(&h);
	tear_down();
}

/* Replies that say that a command or parameter is not known, and those that come of commands out of step. */
static const char *const malformed[] = { "500 what\r\n", "501 5.5.4 syntax\r\n", "502 no\r\n", "503 5.5.1 no\r\n",
    "504 no\r\n", "555 5.5.4 unsupported\r\n", "554 5.5.1 protocol error\r\n" };

START_TEST(test_every_extension_in_every_way)
{
	for (unsigned at = 0; at < WHERE_COUNT; at++)
		for (unsigned how = SAYS; how <= SILENT_LATE; how++)
			for (size_t i = 0; i < (how <= SAYS_AND_CLOSES ? nitems_of(malformed) : 1); i++)
				for (size_t k = 0; k < nitems_of(kinds) * 4; k++) {
					char name[60];
					struct breakage b = { .name = name, .where = at, .how = how,
					    .says = malformed[i] };

					if (how >= CLOSES_LATE && at != AT_BDAT)
						continue;
					/* those that are silent take their time: a few of them */
					if (how >= SILENT && how != CLOSES_LATE && at != AT_NOTIFY &&
					    at != AT_GROUP_RCPT && at != AT_BDAT)
						continue;
					if (at == AT_SECOND_RCPT && how != CLOSES && how != RESETS)
						continue;
					if (how >= SILENT && how != CLOSES_LATE ? k != 3 : i > 0 && k % 5 != 1)
						continue;
					snprintf(name, sizeof(name), "%s, way %u, \"%.12s\", %zu", words[at], how,
					    b.says, k);
					walk(&b, kinds[k / 4], k % 2 == 0 ? 1 : 3, k % 4 < 2);
				}
}
END_TEST

/* Codes that are about an address elsewhere, in words about a parameter. */
START_TEST(test_refused_in_words)
{
	static const char *const says[] = { "553 malformed address\r\n", "550 Syntax error\r\n",
	    "553 bad parameter\r\n", "550 NOTIFY is not for you\r\n" };

	for (unsigned at = AT_SIZE; at <= AT_NOTIFY; at++)
		for (unsigned how = SAYS; how <= SAYS_AND_CLOSES; how++)
			for (size_t i = 0; i < nitems_of(says) * 2; i++) {
				char name[60];
				struct breakage b = { .name = name, .where = at, .how = how, .says = says[i / 2] };

				snprintf(name, sizeof(name), "%s, way %u, \"%.12s\"", words[at], how, b.says);
				walk(&b, kinds[nitems_of(kinds) - 1], i % 2 == 0 ? 1 : 3, true);
			}
}
END_TEST

/* A 421 that is about the protocol, or names an extension, is no word about us: as when the host just hangs up. */
START_TEST(test_goodbye)
{
	static const char *const says[] = { "421 4.5.0 one by one please\r\n", "421 no PIPELINING here\r\n" };

	for (unsigned at = AT_SIZE; at <= AT_GROUP_DATA; at++)
		for (size_t i = 0; i < nitems_of(says) * 2; i++) {
			char name[60];
			struct breakage b = { .name = name, .where = at, .how = SAYS_AND_CLOSES, .says = says[i / 2] };

			snprintf(name, sizeof(name), "%s, \"%.12s\"", words[at], b.says);
			walk(&b, kinds[nitems_of(kinds) - 1], i % 2 == 0 ? 1 : 3, false);
		}
}
END_TEST

/* What plain SMTP refuses is refused; what is refused for a reason of its own, at once. */
START_TEST(test_refusals)
{
	static const struct { const char *to[3]; size_t count; const char *status[3]; unsigned connections; } rows[] = {
		{ { "unknown@x.example" }, 1, { "5.1.1" }, 1 },
		{ { "r0@x.example", "unknown@x.example", "r2@x.example" }, 3, { "2.0.0", "5.1.1", "2.0.0" }, 1 },
		{ { "s@x.example" }, 1, { "5.0.0" }, 2 },
		{ { "r0@x.example", "s@x.example", "r2@x.example" }, 3, { "2.0.0", "5.0.0", "2.0.0" }, 2 },
	};

	for (size_t r = 0; r < nitems_of(rows); r++) {
		struct host h;
		struct mailing *m;

		set_up();
		offers_chunks = r % 2 == 0;
		host_open(&h, &(struct breakage){ .where = AT_SIZE, .how = CLOSES_LATE });	/* never */
		m = mail_to(&h, 0, rows[r].to, rows[r].count);
		for (size_t i = 0; i < rows[r].count; i++)
			ck_assert_str_eq(m->verdict[i].status, rows[r].status[i]);
		ck_assert_uint_eq(h.connections, rows[r].connections);
		ck_assert_uint_eq(host_memory_without(outbound->memory, memory_key(&h), 0), 0);
		mailing_free(m);
		host_close(&h);
		tear_down();
	}
}
END_TEST

UNIT_MAIN("broken_offers", test_every_extension_in_every_way, test_refused_in_words, test_goodbye,
    test_refusals)
