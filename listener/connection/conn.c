/*
 * conn - one socket: reads, writes, time limits; knows nothing of SMTP
 *
 * Runs in:  listener
 * Owns:     the descriptor, its TLS, its events, unread input and unwritten output
 * Promise:  an idle connection has no buffer; output is written at once, and watched only when the peer does
 *           not read; with more than CONN_OUTPUT_MARK bytes unsent nothing is read; gone() is the last call;
 *           of many handshakes one has a step in a turn of the loop, and all others go on between them
 * Fails by: gone()
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "common/process/turns.h"
#include "listener/connection/connection.h"

/* A peer that reads nothing for so long is gone (RFC 5321 4.5.3.2 has no number for servers). */
#define WRITE_LIMIT_MS 180000U
#define OUTPUT_CAP (1U << 20)	/* never reached: one step adds a few replies, and steps stop at the mark */

enum link_state {
	LINK_NONE,
	LINK_WAITING,	/* until the output in the clear is written */
	LINK_SHAKING,
	LINK_READY,
};

/* Bytes of a record with an alert, in any version of TLS that is offered. */
enum { TLS_ALERT_MAX = 53 };

enum conn_end { CONN_OPEN, CONN_CLOSE, CONN_LINGER };

struct conn {
	struct conn_env *env;
	struct ssl_st *link;		/* NULL: no TLS */
	struct loop_io *io;
	struct loop_timer *timer;
	const struct conn_ops *ops;
	void *arg;
	struct buf in, out;
	struct turns_place shake;
	uint64_t limit_at, write_at, armed_at;	/* monotonic ms; UINT64_MAX: none */
	int fd;
	enum conn_end end;
	enum link_state state;
	unsigned char shake_on;	/* enum loop_what the handshake goes on with */
	bool dead, lingering;
	bool spilled;
	bool mute;	/* input came that was not wanted: reading is not watched until it is */
};

static bool
may_read(const struct conn *c)
{
	if (c->state == LINK_WAITING || c->state == LINK_SHAKING)
		return false;
	return c->end == CONN_OPEN && c->out.len < CONN_OUTPUT_MARK && c->ops->wants(c->arg);
}

/*
 * Hands on what can be used now; bytes used. What is left when the connection ends or TLS begins is thrown
 * away, and counts as used.
 */
static size_t
use_input(struct conn *c, const char *data, size_t len)
{
	size_t at = 0, used = 1;

	while (at < len && used > 0 && may_read(c)) {
		used = c->ops->input(c->arg, data + at, len - at);
		at += used;
	}
	if (c->end == CONN_OPEN && (c->state == LINK_NONE || c->state == LINK_READY))
		return at;
	c->spilled |= c->state == LINK_WAITING && at < len;
	return len;
}

/* Keeps the bytes that could not be used; `rest` may lie inside `in`. */
static void
keep_input(struct conn *c, const char *rest, size_t len)
{
	if (len == 0) {
		buf_done(&c->in);
		return;
	}
	buf_clear(&c->in);
	buf_add(&c->in, rest, len);
}

/* As recv(2) and send(2), through TLS when there is some. */
static ssize_t
receive_bytes(struct conn *c, char *space, size_t size)
{
	enum tls_want want;
	size_t n;

	if (c->state != LINK_READY)
		return recv(c->fd, space, size, 0);
	n = tls_link_read(c->link, space, size, &want);
	if (n > 0 || want == TLS_ENDED)
		return (ssize_t)n;
	errno = want == TLS_BROKEN ? EPROTO : EAGAIN;
	return -1;
}

static ssize_t
send_bytes(struct conn *c, const char *data, size_t len)
{
	enum tls_want want;
	size_t n;

	if (c->state != LINK_READY)
		return send(c->fd, data, len, MSG_NOSIGNAL);
	n = tls_link_write(c->link, data, len, &want);
	if (n > 0)
		return (ssize_t)n;
	errno = want == TLS_BROKEN || want == TLS_ENDED ? EPIPE : EAGAIN;
	return -1;
}

/*
 * A full TLS record is probably followed by more. Bytes left inside TLS would never wake the loop, so a
 * record is read whole or not at all.
 */
static ssize_t
receive_records(struct conn *c, char *space, size_t size)
{
	ssize_t n = receive_bytes(c, space, size);
	size_t all = n > 0 ? (size_t)n : 0;

	while (c->state == LINK_READY && n == (ssize_t)TLS_RECORD_SIZE && size - all >= TLS_RECORD_SIZE) {
		n = receive_bytes(c, space + all, size - all);
		all += n > 0 ? (size_t)n : 0;
	}
	return all > 0 ? (ssize_t)all : n;
}

static void
read_some(struct conn *c)
{
	char *scratch = c->env->scratch;
	size_t before = c->in.len;
	size_t used;
	ssize_t n;

	if (c->in.len > 0)
		memcpy(scratch, c->in.data, before);
	if (CONN_SCRATCH_SIZE - before < (c->state == LINK_READY ? TLS_RECORD_SIZE : 1))
		return;
	n = receive_records(c, scratch + before, CONN_SCRATCH_SIZE - before);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		c->dead = true;
		return;
	}
	if (n == 0) {
		c->ops->eof(c->arg);
		c->end = CONN_CLOSE;
		return;
	}
	counters_add(c->env->counters, COUNTER_BYTES_RECEIVED, n);
	used = use_input(c, scratch, before + (size_t)n);
	keep_input(c, scratch + used, before + (size_t)n - used);
}

/* After our last reply the peer still sends. Reading it avoids a reset, which could destroy the reply. */
static void
read_nothing(struct conn *c)
{
	ssize_t n = recv(c->fd, c->env->scratch, CONN_SCRATCH_SIZE, 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		c->dead = true;
}

/* A peer that has closed is gone: what it sent before is no command, at most the alert that ends TLS. */
static bool
may_leave(const struct conn *c)
{
	int unread = 0;

	return c->end == CONN_OPEN && c->ops->leaves(c->arg) && c->in.len == 0 &&
	    ioctl(c->fd, FIONREAD, &unread) == 0 &&
	    unread <= (c->state == LINK_READY ? TLS_ALERT_MAX : 0);
}

static void
flush_output(struct conn *c)
{
	while (c->out.len > 0 && !c->dead) {
		ssize_t n = send_bytes(c, c->out.data, c->out.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN) {
			c->dead = true;
			return;
		}
		if (n > 0) {
			counters_add(c->env->counters, COUNTER_BYTES_SENT, n);
			buf_drop(&c->out, (size_t)n);
		}
		if (c->out.len == 0) {
			buf_done(&c->out);
			c->write_at = UINT64_MAX;
			return;
		}
		if (n > 0 || c->write_at == UINT64_MAX)
			c->write_at = clock_mono_ms() + WRITE_LIMIT_MS;
		if (n == -1)
			return;
	}
}

static void
arm_timer(struct conn *c)
{
	uint64_t at = c->limit_at < c->write_at ? c->limit_at : c->write_at;
	uint64_t now;

	/* A timer that fires too early is set again: cheaper than moving it with every byte. */
	if (at >= c->armed_at)
		return;
	now = clock_mono_ms();
	loop_timer_set(c->timer, at > now ? at - now : 0);
	c->armed_at = at;
}

static void
go_on_shaking(struct conn *c)
{
	enum tls_want want = tls_link_shake(c->link);

	switch (want) {
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		c->shake_on = want == TLS_WANT_READ ? LOOP_READ : LOOP_WRITE;
		return;
	case TLS_DONE:
		c->state = LINK_READY;
		c->ops->secured(c->arg, NULL);
		return;
	case TLS_ENDED:
	case TLS_BROKEN:
		c->ops->secured(c->arg, tls_link_reason());
		c->dead = true;
	}
}

static void
end_politely(struct conn *c)
{
	if (c->state == LINK_READY && !c->lingering)
		tls_link_close(c->link);
	if (c->end == CONN_LINGER && !c->lingering && shutdown(c->fd, SHUT_WR) == 0)
		c->lingering = true;
	else if (!c->lingering)
		c->dead = true;
	buf_done(&c->in);
}

/*
 * The end of every round: goes on with input that waited, writes, and decides what to watch next. The
 * connection may be gone afterwards.
 */
static void
end_round(struct conn *c)
{
	size_t before;
	bool full;

	do {
		before = c->in.len;
		full = c->out.len >= CONN_OUTPUT_MARK;	/* that alone may have kept the input waiting */
		if (before > 0) {
			size_t used = use_input(c, c->in.data, before);

			if (used == before)
				buf_done(&c->in);
			else
				buf_drop(&c->in, used);
		}
		flush_output(c);
	} while (!c->dead && c->in.len > 0 && (c->in.len < before || full) && c->out.len == 0);
	if (c->state == LINK_WAITING && c->out.len == 0) {
		c->state = LINK_SHAKING;
		c->shake_on = LOOP_READ;
	}
	if (!c->dead && c->end != CONN_OPEN && c->out.len == 0)
		end_politely(c);
	if (c->dead) {
		c->ops->gone(c->arg);
		return;
	}
	c->ops->round_done(c->arg);
	if (c->lingering || may_read(c))
		c->mute = false;
	if (c->state == LINK_SHAKING && !c->lingering)
		loop_io_want(c->io, c->shake.waits ? 0U : c->shake_on);
	else
		loop_io_want(c->io, (!c->mute ? LOOP_READ : may_leave(c) ? LOOP_CLOSED : 0U) |
		    (c->out.len > 0 ? LOOP_WRITE : 0U));
	arm_timer(c);
}

/* Its turn among the handshakes has come. */
static void
on_turn(void *arg)
{
	struct conn *c = arg;

	if (c->end == CONN_OPEN)
		go_on_shaking(c);
	end_round(c);
}

static void
on_io(void *arg, unsigned what)
{
	struct conn *c = arg;

	if (c->state == LINK_SHAKING && c->end == CONN_OPEN) {
		if (turns_enter(c->env->handshakes, &c->shake))
			go_on_shaking(c);
	} else if (what & LOOP_READ) {
		if (c->lingering)
			read_nothing(c);
		else if (may_read(c))
			read_some(c);
		else
			c->mute = true;
	}
	if ((what & LOOP_CLOSED) && may_leave(c)) {
		c->ops->eof(c->arg);
		c->end = CONN_CLOSE;
	}
	end_round(c);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;
	uint64_t now = clock_mono_ms();

	c->armed_at = UINT64_MAX;
	if (c->write_at <= now) {
		c->dead = true;
	} else if (c->limit_at <= now) {
		c->limit_at = UINT64_MAX;
		if (c->end != CONN_OPEN)
			c->dead = true;
		else
			c->ops->expired(c->arg);
	}
	end_round(c);
}

struct conn *
conn_new(struct conn_env *env, int fd, const struct conn_ops *ops, void *arg)
{
	struct conn *c = mem_new(struct conn);

	c->env = env;
	c->fd = fd;
	c->ops = ops;
	c->arg = arg;
	c->shake.go_on = on_turn;
	c->shake.arg = c;
	c->limit_at = c->write_at = c->armed_at = UINT64_MAX;
	buf_init(&c->in, CONN_SCRATCH_SIZE);
	buf_init(&c->out, OUTPUT_CAP);
	c->io = loop_io_new(env->loop, fd, LOOP_READ, on_io, c);
	c->timer = loop_timer_new(env->loop, on_timer, c);
	return c;
}

void
conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	turns_leave(c->env->handshakes, &c->shake);
	loop_io_free(c->io);
	loop_timer_free(c->timer);
	if (c->state == LINK_READY && !c->dead)
		tls_link_close(c->link);
	tls_link_free(c->link);
	close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}

void
conn_secure(struct conn *c, struct tls *tls)
{
	c->link = tls_link_new(tls, c->fd);
	c->state = LINK_WAITING;
	if (c->link == NULL)
		c->dead = true;
}

struct ssl_st *
conn_link(const struct conn *c)
{
	return c->state == LINK_READY ? c->link : NULL;
}

bool
conn_spilled(const struct conn *c)
{
	return c->spilled;
}

void
conn_send(struct conn *c, const char *data, size_t len)
{
	buf_add(&c->out, data, len);
}

void
conn_close(struct conn *c, bool linger)
{
	if (c->end == CONN_OPEN)
		c->end = linger ? CONN_LINGER : CONN_CLOSE;
}

size_t
conn_held(const struct conn *c)
{
	return c->in.size + c->out.size;
}

size_t
conn_unsent(const struct conn *c)
{
	return c->out.len;
}

void
conn_flush(struct conn *c)
{
	flush_output(c);
}

void
conn_limit(struct conn *c, uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	c->limit_at = ms > UINT64_MAX - 1 - now ? UINT64_MAX : now + ms;
}

void
conn_resume(struct conn *c)
{
	end_round(c);
}
