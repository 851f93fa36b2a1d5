/*
 * limits_engine - the connection to the engine: opening, questions in flight, its loss
 *
 * Runs in:  limits
 * Owns:     the socket, the reader of its replies, the questions until they are answered
 * Promise:  a question is answered within LIMITS_ENGINE_MS, whatever the engine does. So much of one reply is
 *           kept at most. Questions of a lost connection are not sent again: what became of them is not known
 * Fails by: LIMITS_LOST for all, and trouble for operators; it connects again by itself
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "common/account/secret.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/filter_place.h"
#include "deliver/limits/limits.h"

#define READ_SIZE 16384
#define HEADER_MAX 7U		/* "$99999" and its end */
#define LIST_MAX 4U		/* "*99" and its end: no answer of ours is a longer list */
#define REPLY_MAX 65536U	/* bytes that have come, and are no whole reply */
#define OUT_MAX (8U * 1024 * 1024)
#define SENT_MAX 1000U		/* questions in flight */
#define AGAIN_FIRST_MS 250U
#define AGAIN_LONGEST_MS 4000U

static void pump(struct limits_engine *e);

/* --- its loss --- */

static void
refuse_list(struct limits_query_list *list, enum limits_result result)
{
	struct msg_limits_answer a = { .result = result };
	struct limits_query *q;

	while ((q = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		limits_query_end(q, &a);
	}
}

static void
forget_password(struct limits_engine *e)
{
	if (e->password != NULL)
		explicit_bzero(e->password, strlen(e->password));
	free(e->password);
	e->password = NULL;
}

static void
close_engine(struct limits_engine *e)
{
	loop_timer_stop(e->timer);
	loop_io_free(e->io);
	e->io = NULL;
	if (e->fd != -1)
		close(e->fd);
	e->fd = -1;
	if (e->reader != NULL)
		redisReaderFree(e->reader);
	e->reader = NULL;
	buf_wipe(&e->out);
	forget_password(e);
	e->state = LIMITS_AWAY;
}

static void
fail_engine(struct limits_engine *e, const char *why)
{
	char text[200];

	snprintf(text, sizeof(text), "%s", why);	/* it may be of a reply that is freed now */
	close_engine(e);
	limits_trouble_tell(e, text);
	e->again_ms = MIN(MAX(e->again_ms * 2, AGAIN_FIRST_MS), AGAIN_LONGEST_MS);
	loop_timer_set(e->timer, e->again_ms);
	e->nsent = 0;
	refuse_list(&e->sent, LIMITS_LOST);
	refuse_list(&e->waiting, LIMITS_LOST);
}

/* --- opening --- */

static void
greet(struct limits_engine *e)
{
	e->state = LIMITS_GREETS;
	limits_greeting_put(e, e->password);
	forget_password(e);
	pump(e);
}

/* --- questions --- */

static void
send_query(struct limits_engine *e, struct limits_query *q)
{
	const struct config_limits *c = e->limits->config;
	const struct limits_place place = { .prefix = c->prefix, .run = e->run, .length = c->lease,
	    .node = c->node != NULL ? c->node : e->limits->boot->config->service.hostname };

	limits_script_ask(&e->out, &place, q->whole ? NULL : e->sha[q->ask.kind], q->server, &q->ask);
	q->sent_at = clock_mono_ms();
	STAILQ_INSERT_TAIL(&e->sent, q, link);
	e->nsent++;
	if (!loop_timer_is_set(e->timer))
		loop_timer_set(e->timer, LIMITS_ENGINE_MS);
}

static void
end_query(struct limits_engine *e, struct limits_query *q, const redisReply *r)
{
	struct msg_limits_answer a = { .result = LIMITS_FAULT };

	if (r->type == REDIS_REPLY_ERROR) {
		if (!limits_script_is_local(r->str)) {
			a.result = LIMITS_LOST;
			limits_trouble_tell(e, r->str);
		}
	} else {
		(void)limits_script_take(&a, q->ask.kind, r);
		if (a.result == LIMITS_GRANTED) {
			limits_trouble_end(e);
			e->again_ms = 0;
		}
	}
	limits_query_end(q, &a);
}

/* NULL, or why the connection is of no use. */
static const char *
take_reply(struct limits_engine *e, const redisReply *r)
{
	struct limits_query *q;

	const char *why;

	if (e->state == LIMITS_GREETS) {
		why = limits_greeting_take(e, r);
		if (why == NULL && e->greeting == LIMITS_GREETING_OVER) {
			e->state = LIMITS_READY;
			limits_trouble_end(e);
		}
		return why;
	}
	q = STAILQ_FIRST(&e->sent);
	if (q == NULL)
		return "it answers what was not asked";
	STAILQ_REMOVE_HEAD(&e->sent, link);
	e->nsent--;
	if (r->type == REDIS_REPLY_ERROR && limits_script_is_forgotten(r->str) && !q->whole) {
		q->whole = true;
		send_query(e, q);
	} else
		end_query(e, q, r);
	q = STAILQ_FIRST(&e->sent);
	if (q == NULL)
		loop_timer_stop(e->timer);
	return NULL;
}

/* --- the socket --- */

/* A length that no reply of ours has: the reader makes room for it, at each level of lists in lists. */
bool
limits_engine_is_huge(struct limits_engine *e, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (e->column == 0)
			e->header = data[i] == '$' || data[i] == '=' ? HEADER_MAX :
			    memchr("*%~>|", data[i], 5) != NULL ? LIST_MAX : 0;
		e->column = data[i] == '\n' ? 0 : e->column + 1;
		if (e->header > 0 && e->column > e->header)
			return true;
	}
	return false;
}

/* NULL, or why the connection is of no use. */
static const char *
receive(struct limits_engine *e)
{
	char data[READ_SIZE];
	ssize_t n = recv(e->fd, data, sizeof(data), MSG_DONTWAIT);
	const char *why = NULL;

	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
	if (n == 0)
		return "it ended the connection";
	e->fed += (size_t)n;
	if (limits_engine_is_huge(e, data, (size_t)n))
		return "its reply is too long";
	if (redisReaderFeed(e->reader, data, (size_t)n) != REDIS_OK)
		return "its reply is malformed";
	while (why == NULL) {
		void *reply = NULL;

		if (redisReaderGetReply(e->reader, &reply) != REDIS_OK)
			return "its reply is malformed";
		if (reply == NULL)
			break;
		e->fed = 0;
		why = take_reply(e, reply);
		if (why != NULL)
			fail_engine(e, why);
		freeReplyObject(reply);
		if (why != NULL)
			return "";
	}
	return e->fed > REPLY_MAX ? "its reply is too long" : why;
}

/* NULL, or why the connection is of no use. */
static const char *
flush(struct limits_engine *e)
{
	while (e->out.len > 0) {
		ssize_t n = send(e->fd, e->out.data, e->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			return strerror(errno);
		buf_drop(&e->out, (size_t)n);
	}
	loop_io_want(e->io, LOOP_READ | (e->out.len > 0 ? (unsigned)LOOP_WRITE : 0));
	return NULL;
}

/* Sends what waits, as far as there is room. */
static void
pump(struct limits_engine *e)
{
	struct limits_query *q;
	const char *why;

	while (e->state == LIMITS_READY && e->nsent < SENT_MAX && (q = STAILQ_FIRST(&e->waiting)) != NULL) {
		struct msg_limits_answer none = { .result = LIMITS_FAULT };

		STAILQ_REMOVE_HEAD(&e->waiting, link);
		if (q->open.server == NULL)
			limits_query_end(q, &none);	/* its worker is gone */
		else
			send_query(e, q);
	}
	why = buf_ok(&e->out) ? flush(e) : "it takes no questions";
	if (why != NULL)
		fail_engine(e, why);
}

static void
on_engine_io(void *arg, unsigned what)
{
	struct limits_engine *e = arg;
	const char *why = NULL;
	int error = 0;
	socklen_t len = sizeof(error);

	if (e->state == LIMITS_CONNECTS) {
		if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
			error = errno;
		if (error != 0)
			fail_engine(e, strerror(error));
		else
			greet(e);
		return;
	}
	if (what & (LOOP_READ | LOOP_CLOSED))
		why = receive(e);
	if (why != NULL && *why == '\0')
		return;		/* it has failed already */
	if (why != NULL)
		fail_engine(e, why);
	else
		pump(e);
}

static void
connect_engine(struct limits_engine *e)
{
	int one = 1;

	e->state = LIMITS_CONNECTS;
	e->fd = socket(e->place.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd != -1 && e->place.sa.ss_family != AF_UNIX)
		(void)setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (e->fd == -1 || (connect(e->fd, (const struct sockaddr *)&e->place.sa, e->place.len) == -1 &&
	    errno != EINPROGRESS)) {
		fail_engine(e, strerror(errno));
		return;
	}
	e->reader = redisReaderCreate();
	if (e->reader == NULL) {
		fail_engine(e, "out of memory");
		return;
	}
	e->fed = e->column = 0;
	buf_init(&e->out, OUT_MAX);
	e->io = loop_io_new(e->limits->boot->loop, e->fd, LOOP_WRITE, on_engine_io, e);
	loop_timer_set(e->timer, LIMITS_ENGINE_MS);
}

/* --- times --- */

static void
open_engine(struct limits_engine *e)
{
	if (e->limits->config->password_file == NULL) {
		connect_engine(e);
		return;
	}
	e->state = LIMITS_FILE_WANTED;
	loop_timer_set(e->timer, LIMITS_ENGINE_MS);
	boot_open(e->limits->boot, ++e->request, CTL_FILE_LIMITS_PASSWORD, 0, "");
}

static void
on_engine_timer(void *arg)
{
	struct limits_engine *e = arg;
	const struct limits_query *q = STAILQ_FIRST(&e->sent);
	uint64_t now = clock_mono_ms();

	switch (e->state) {
	case LIMITS_AWAY:
		open_engine(e);
		break;
	case LIMITS_FILE_WANTED:
		fail_engine(e, "the password file was not opened");
		break;
	case LIMITS_CONNECTS:
	case LIMITS_GREETS:
		fail_engine(e, "it does not answer");
		break;
	case LIMITS_READY:
		if (q != NULL && now < q->sent_at + LIMITS_ENGINE_MS)
			loop_timer_set(e->timer, q->sent_at + LIMITS_ENGINE_MS - now);
		else if (q != NULL)
			fail_engine(e, "it does not answer");
		break;
	}
}

void
limits_engine_opened(struct limits_engine *e, const struct ctl_message *m)
{
	struct ctl_opened opened;
	const char *line = NULL, *why;
	char *text = NULL, said[200];
	size_t size = 0, len = 0;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (e->state != LIMITS_FILE_WANTED || m->request != e->request)
		return;
	why = opened.error != 0 || m->fd == -1 ? opened.why : NULL;
	if (why == NULL && (text = disk_read_whole(m->fd, SECRET_LINE_MAX, &size)) == NULL)
		why = strerror(errno);
	if (why == NULL)
		why = secret_line_find(text, size, &line, &len);
	if (why == NULL)
		e->password = mem_strndup(line, len);
	if (text != NULL)
		explicit_bzero(text, size);
	free(text);
	if (why == NULL) {
		connect_engine(e);
		return;
	}
	snprintf(said, sizeof(said), "password-file: %s", why);
	fail_engine(e, said);
}

/* --- beginning and end --- */

void
limits_engine_ask(struct limits_engine *e, struct limits_query *q)
{
	struct msg_limits_answer lost = { .result = LIMITS_LOST };

	if (e->state == LIMITS_AWAY) {
		limits_query_end(q, &lost);
		return;
	}
	STAILQ_INSERT_TAIL(&e->waiting, q, link);
	if (e->state == LIMITS_READY)
		pump(e);
}

struct limits_engine *
limits_engine_new(struct limits *x)
{
	struct limits_engine *e = mem_new(struct limits_engine);
	const char *why;

	e->limits = x;
	e->fd = -1;
	STAILQ_INIT(&e->waiting);
	STAILQ_INIT(&e->sent);
	e->timer = loop_timer_new(x->boot->loop, on_engine_timer, e);
	if (x->config->engine == NULL || filter_place_parse(&e->place, x->config->engine, &why) == -1)
		limits_trouble_tell(e, "[limits] names no engine");
	else
		open_engine(e);
	return e;
}

void
limits_engine_free(struct limits_engine *e)
{
	close_engine(e);
	refuse_list(&e->sent, LIMITS_LOST);
	refuse_list(&e->waiting, LIMITS_LOST);
	loop_timer_free(e->timer);
	free(e);
}
