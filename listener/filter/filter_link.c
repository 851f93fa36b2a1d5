/*
 * filter_link - the connection of one session to one filter: socket, times, what its failure means
 *
 * Runs in:  filter
 * Owns:     the socket, its timer, the dialogue
 * Promise:  a stage ends: with a verdict, or by one of the times of the filter. One that has failed is opened
 *           anew for the next message, and hears CONNECT and HELO again: no session is put off for ever
 * Fails by: on-failure of the filter
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "listener/filter/filter.h"

/*
 *   state      goes on with                   at its end or fault
 *   CLOSED     a MAIL or CONNECT opens it     -
 *   CONNECTS   connected -> OPENS             failed
 *   OPENS      negotiated -> ASKED            failed
 *   READY      a stage -> ASKED               CLOSED, which is no fault
 *   ASKED      the verdict -> READY           failed; at MAIL it is opened anew once
 */
enum { READ_SIZE = 16384, RETRY_MS = 100, HOUR_MS = 3600000 };

static void proceed(struct filter_link *l);
static bool run(struct filter_link *l);
static void on_link_timer(void *arg);

void
filter_link_init(struct filter_link *l, struct filter_session *s, struct filter_known *k,
    void (*stage_done)(struct filter_session *s))
{
	*l = (struct filter_link){ .session = s, .known = k, .stage_done = stage_done,
	    .fd = -1 };
	milter_init(&l->m, &s->macros);
	l->timer = loop_timer_new(s->filter->boot->loop, on_link_timer, l);
}

static void
close_link(struct filter_link *l)
{
	loop_timer_stop(l->timer);
	loop_io_free(l->io);
	l->io = NULL;
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
	milter_done(&l->m);
	l->state = LINK_CLOSED;
}

/* 1 all is sent, 0 the socket is full, -1 and errno. */
static int
flush(struct filter_link *l)
{
	struct buf *out = &l->m.out;

	while (out->len > 0) {
		ssize_t n = send(l->fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n == -1)
			return -1;
		buf_drop(out, (size_t)n);
	}
	return 1;
}

void
filter_link_done(struct filter_link *l)
{
	if (l->state == LINK_READY || l->state == LINK_ASKED) {
		milter_abort(&l->m);
		milter_quit(&l->m);
		(void)flush(l);		/* what the socket does not take, the end of the connection says */
	}
	close_link(l);
	loop_timer_free(l->timer);
	l->timer = NULL;
}

static void
watch(struct filter_link *l)
{
	loop_io_want(l->io, LOOP_READ | (l->m.out.len > 0 ? (unsigned)LOOP_WRITE : 0));
}

/* No stage is under way, and it may have been told what it does not answer: that goes now. */
static void
flush_idle(struct filter_link *l)
{
	if (l->m.out.len > 0 && flush(l) == -1)
		close_link(l);
	else
		watch(l);
}

/* --- the end of a stage --- */

static void
end_stage(struct filter_link *l, enum msg_filter_verdict verdict)
{
	l->verdict = verdict;
	loop_timer_stop(l->timer);
	if (l->state != LINK_CLOSED)
		l->state = LINK_READY;
}

/* What the failure means for the stage. Before MAIL another try is left, unless the client is to go. */
static void
fail_stage(struct filter_link *l)
{
	enum config_filter_failure how = l->known->config->on_failure;

	l->failed = how != CONFIG_FILTER_ACCEPT;
	l->skips = !l->failed;
	if (how == CONFIG_FILTER_DISCONNECT)
		end_stage(l, FILTER_DISCONNECT);
	else if (how == CONFIG_FILTER_ACCEPT || l->wanted < FILTER_MAIL)
		end_stage(l, FILTER_GO_ON);
	else
		end_stage(l, FILTER_LATER);
}

static void
fail_link(struct filter_link *l, const char *why)
{
	filter_known_failed(l->session->filter, l->known, why);
	snprintf(l->text, sizeof(l->text), "%s", why);
	if (l->session->message != NULL)
		filter_message_forget(l->session->message);
	close_link(l);
	fail_stage(l);
}

/* --- a stage --- */

static bool open_link(struct filter_link *l);

/* It ended the connection, perhaps since the message before: that is no fault when a new one helps. */
static bool
lose_link(struct filter_link *l, const char *why)
{
	if (l->state != LINK_ASKED || l->fresh || l->wanted != FILTER_MAIL) {
		fail_link(l, why);
		return true;
	}
	close_link(l);
	return open_link(l);
}

/* From the end of the content on the filter may take longer, and say so, for an hour. */
static void
arm(struct filter_link *l)
{
	const struct config_filter *c = l->known->config;
	uint64_t now = clock_mono_ms(), ms = l->m.state == MILTER_ENDS ? c->content_time : c->command_time;

	if (l->m.state == MILTER_ENDS && !l->ending) {
		l->ending = true;
		l->until_ms = now + HOUR_MS;
	}
	if (l->ending && now + ms > l->until_ms)
		ms = l->until_ms > now ? l->until_ms - now : 1;
	loop_timer_set(l->timer, ms);
}

static void
say_stage(struct filter_link *l)
{
	const struct filter_session *s = l->session;
	struct milter_words w = { s->words[l->now].first, s->words[l->now].second, s->family, s->port };

	l->state = LINK_ASKED;
	l->ending = false;
	if (l->now == FILTER_CONTENT)
		milter_content(&l->m, &s->message->header);
	else
		milter_ask(&l->m, l->now, &w);
	arm(l);
}

/* The stages that come before the wanted one in a new connection. */
static void
say_next(struct filter_link *l)
{
	do
		l->now++;
	while (l->now < l->wanted && !l->session->said[l->now]);
	say_stage(l);
}

static void
say_first(struct filter_link *l)
{
	l->now = FILTER_CONNECT;
	if (l->session->said[FILTER_CONNECT])
		say_stage(l);
	else
		say_next(l);
}

/* True: the stage is done. */
static bool
take_verdict(struct filter_link *l)
{
	if (l->m.accepts) {
		l->over = l->now < FILTER_MAIL;
		l->skips = true;
		milter_abort(&l->m);
	} else if (l->m.verdict == FILTER_GO_ON && l->now < l->wanted) {
		say_next(l);
		return false;
	}
	if (l->now == FILTER_CONTENT && l->m.verdict == FILTER_GO_ON)
		filter_message_keep(l->session->message, l->known->config->name);
	else if (l->session->message != NULL)
		filter_message_forget(l->session->message);
	if (l->now == FILTER_CONTENT || l->m.accepts || l->m.verdict != FILTER_GO_ON)
		filter_known_works(l->session->filter, l->known);
	snprintf(l->text, sizeof(l->text), "%s", l->m.text);
	end_stage(l, l->m.verdict);
	return true;
}

/* One piece of the body. -1: our file fails, which is no fault of the filter. */
static int
send_piece(struct filter_link *l)
{
	static char piece[MILTER_PIECE_MAX];
	ssize_t n = filter_message_read(l->session->message, l->body_at, piece, sizeof(piece));

	if (n == -1)
		return -1;
	l->body_at += (uint64_t)n;
	milter_body(&l->m, piece, (size_t)n);
	return 0;
}

/* True: the stage is done. */
static bool
take_event(struct filter_link *l, enum milter_event event)
{
	const char *why;

	switch (event) {
	case MILTER_OPENED:
		say_first(l);
		return false;
	case MILTER_DONE:
		return take_verdict(l);
	case MILTER_WANTS_BODY:
		if (send_piece(l) == 0)
			return false;
		fail_link(l, "the message cannot be read");
		return true;
	case MILTER_CHANGES:
		why = filter_message_change(l->session->message, &l->m.reply,
		    l->m.steps & MILTER_LEADING_SPACE);
		arm(l);
		if (why != NULL)
			fail_link(l, why);
		return why != NULL;
	case MILTER_PROGRESS:
		arm(l);
		return false;
	default:
		fail_link(l, l->m.why);
		return true;
	}
}

/* Goes on as far as it can without waiting. True: the stage is done, or all of it that there was. */
static bool
run(struct filter_link *l)
{
	enum milter_event event;
	int rc = 1;

	/* A piece of the body a turn: others have theirs. */
	for (bool piece = false; (event = milter_step(&l->m)) != MILTER_MORE;
	    piece |= event == MILTER_WANTS_BODY) {
		if (event == MILTER_WANTS_BODY && piece)
			break;
		/* A stage that has no answer: a connection that is over shows itself here. */
		if (event == MILTER_DONE && l->m.verdict == FILTER_GO_ON && !l->m.accepts &&
		    l->m.out.len > 0 && flush(l) == -1)
			return lose_link(l, strerror(errno));
		if (take_event(l, event)) {
			if (l->state == LINK_READY)
				flush_idle(l);
			return true;
		}
		if (l->state == LINK_CONNECTS)
			return false;
	}
	if (l->m.out.len > 0) {
		rc = flush(l);
		if (rc == -1)
			return lose_link(l, strerror(errno));
		arm(l);
	}
	watch(l);
	if (rc == 1 && (event == MILTER_WANTS_BODY || milter_has_more(&l->m)))
		loop_io_want(l->io, LOOP_READ | LOOP_WRITE);
	return false;
}

/* --- the socket --- */

/* True: something came. *why: the connection is over. */
static bool
receive(struct filter_link *l, const char **why)
{
	char *room = buf_room(&l->m.in, READ_SIZE);
	ssize_t n;

	*why = NULL;
	if (room == NULL)
		return true;	/* packets are waiting in it */
	n = recv(l->fd, room, READ_SIZE, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0) {
		l->m.in.len += (size_t)n;
		l->m.in.data[l->m.in.len] = '\0';
		return true;
	}
	*why = n == 0 ? "it ended the connection" : strerror(errno);
	return false;
}

static void
on_link_io(void *arg, unsigned what)
{
	struct filter_link *l = arg;
	const char *why = NULL;

	if (l->state == LINK_CONNECTS) {
		proceed(l);
		return;
	}
	if ((what & (LOOP_READ | LOOP_CLOSED)) && receive(l, &why) && l->state == LINK_READY)
		why = "it says what was not asked";
	if (l->state == LINK_READY) {
		if (why != NULL)
			close_link(l);
		else
			flush_idle(l);
		return;
	}
	if (why != NULL ? lose_link(l, why) : run(l))
		l->stage_done(l->session);
}

static int
make_socket(struct filter_link *l)
{
	const struct filter_place *a = &l->known->address;
	int one = 1;

	l->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd == -1)
		return -1;
	if (a->sa.ss_family != AF_UNIX)
		(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

/* Begins to connect. True: it failed, and the stage is done. */
static bool
try_connect(struct filter_link *l)
{
	const struct filter_place *a = &l->known->address;

	if (l->fd == -1 && make_socket(l) == -1) {
		fail_link(l, strerror(errno));
		return true;
	}
	if (connect(l->fd, (const struct sockaddr *)&a->sa, a->len) == -1 && errno != EINPROGRESS &&
	    errno != EAGAIN) {
		fail_link(l, strerror(errno));
		return true;
	}
	/* A Unix socket whose filter has enough to do: there is nothing to wait for but time. */
	if (errno == EAGAIN && a->sa.ss_family == AF_UNIX)
		loop_timer_set(l->timer, RETRY_MS);
	else if (l->io == NULL)
		l->io = loop_io_new(l->session->filter->boot->loop, l->fd, LOOP_WRITE, on_link_io, l);
	return false;
}

/* True: it failed, and the stage is done. */
static bool
open_link(struct filter_link *l)
{
	l->fresh = true;
	l->state = LINK_CONNECTS;
	l->until_ms = clock_mono_ms() + l->known->config->connect_time;
	loop_timer_set(l->timer, l->known->config->connect_time);
	errno = 0;
	return try_connect(l);
}

/* The socket can be written: it is connected, or is not. */
static void
proceed(struct filter_link *l)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		fail_link(l, strerror(error));
		l->stage_done(l->session);
		return;
	}
	l->state = LINK_OPENS;
	milter_open(&l->m);
	(void)flush(l);
	watch(l);
}

static void
on_link_timer(void *arg)
{
	struct filter_link *l = arg;
	bool connects = l->state == LINK_CONNECTS || l->state == LINK_OPENS;

	if (l->state == LINK_CONNECTS && l->io == NULL && clock_mono_ms() < l->until_ms) {
		errno = 0;
		if (try_connect(l))
			l->stage_done(l->session);
		else if (l->io != NULL && l->until_ms > clock_mono_ms())
			loop_timer_set(l->timer, l->until_ms - clock_mono_ms());
		return;
	}
	fail_link(l, connects ? "no connection within connect-time" : l->ending ?
	    "no verdict within content-time" : "no answer within command-time");
	l->stage_done(l->session);
}

/* --- what the session wants --- */

bool
filter_link_ask(struct filter_link *l, enum msg_filter_stage stage)
{
	l->wanted = l->now = stage;
	l->fresh = false;
	l->body_at = 0;
	if (stage <= FILTER_MAIL)
		filter_link_reset(l);
	if (l->over || l->skips) {
		l->verdict = FILTER_GO_ON;
		return true;
	}
	if (l->failed || (l->state == LINK_CLOSED && stage > FILTER_MAIL)) {
		if (!l->failed)
			fail_link(l, "it ended the connection");
		else
			fail_stage(l);
		return true;
	}
	if (l->state == LINK_CLOSED && stage == FILTER_HELO) {
		l->verdict = FILTER_GO_ON;	/* MAIL opens it anew */
		return true;
	}
	if (l->state == LINK_CLOSED)
		return open_link(l);
	if (l->m.in.len > l->m.taken) {		/* it would be taken for the answer */
		fail_link(l, "it says what was not asked");
		return true;
	}
	say_stage(l);
	return run(l);
}

void
filter_link_reset(struct filter_link *l)
{
	l->skips = l->failed = false;
	if (l->state == LINK_READY) {
		milter_abort(&l->m);
		flush_idle(l);
	}
}
