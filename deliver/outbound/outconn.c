/*
 * outconn - one outbound connection: socket, time limits, content; drives the pure client dialogue
 *
 * Runs in:  deliver
 * Owns:     the socket; bytes on their way out (at most one piece of content)
 * Promise:  about seven system calls a message on a kept connection: commands in one write, a small content
 *           in one more; no wait without a limit, and a peer that sends byte by byte cannot stretch it
 * Fails by: the client's verdicts; the site is told once that the connection is over
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

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "common/mail/message.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

enum { CONNECT_MS = 30000, IDLE_MS = 5000 };
#define KEEP_OUT 4096		/* an idle connection keeps no more than this for its next commands */

static uint64_t
bounded(const struct outconn *p, uint64_t ms)
{
	return MIN(ms, p->site->r->server->outbound_timeout);
}

/* --- bytes --- */

static void
count_bytes(const struct outconn *p, enum counter which, ssize_t n)
{
	counters_add(p->site->r->counters, which, n);
}

/* Reads what has come. False: nothing more for now. */
static bool
receive(struct outconn *p)
{
	char data[TLS_RECORD_SIZE];
	ssize_t n = outconn_io_recv(p, data, sizeof(data));

	if (n > 0) {
		p->reached = true;
		count_bytes(p, COUNTER_BYTES_RECEIVED, n);
		client_input(&p->client, data, (size_t)n);
		return (size_t)n == sizeof(data);
	}
	if (n == 0)
		client_lost(&p->client, "closed by the peer");
	else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return false;
	else if (p->client.phase == CLIENT_GREETING && !p->reached)
		client_unreached(&p->client, p->where, strerror(errno));
	else
		client_lost(&p->client, outconn_io_reason(errno));
	return false;
}

/*
 * Sends what is to be sent. False: the socket takes no more now. A dead connection may still hold the peer's
 * last words.
 */
static bool
flush(struct outconn *p)
{
	struct buf *out = &p->client.out;

	outconn_log_commands(p);
	while (out->len > 0 && p->client.phase != CLIENT_OVER) {
		ssize_t n = outconn_io_send(p, out->data, out->len);

		if (n > 0) {
			count_bytes(p, COUNTER_BYTES_SENT, n);
			buf_drop(out, (size_t)n);
			p->told -= p->told < (size_t)n ? p->told : (size_t)n;
			p->timed = CLIENT_PHASE_COUNT;	/* progress: the limit starts anew */
		} else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return false;
		else if (errno != EINTR) {
			int error = errno;

			while (receive(p))
				;
			client_lost(&p->client, outconn_io_reason(error));
		}
	}
	return true;
}

/* The next piece of content into the client; the last one with the final dot. */
static void
feed(struct outconn *p)
{
	const struct message_envelope *e = p->job->e;
	off_t left = e->content_size - p->at;
	size_t want = left > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)left;
	ssize_t n = want > 0 ? disk_pread(p->job->fd, p->site->r->piece, want, e->content_at + p->at) : 0;

	if (n != (ssize_t)want) {
		struct verdict v;

		verdict_from_errno(&v, n == -1 ? errno : EIO, "reading the queue file");
		client_abandon(&p->client, &v);
		return;
	}
	client_content(&p->client, p->site->r->piece, want);
	p->at += n;
	if (p->at == e->content_size)
		client_content_end(&p->client);
	p->told = p->client.out.len;
}

/* --- waiting --- */

/*
 * The limit of the present phase, counted from the last step or the last byte that left; not from bytes that
 * came.
 */
static void
wait_for_peer(struct outconn *p, bool blocked)
{
	uint64_t limit = client_time_limit(&p->client);
	size_t step = p->client.answered;

	loop_io_want(p->io, blocked ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	if (!p->reached)
		return;		/* the connect limit runs */
	if (p->timed == p->client.phase && p->timed_step == step)
		return;
	p->timed = p->client.phase;
	p->timed_step = step;
	loop_timer_set(p->timer, bounded(p, limit));
}

static void
rest(struct outconn *p)
{
	p->timed = CLIENT_PHASE_COUNT;
	if (p->client.out.size > KEEP_OUT)
		buf_done(&p->client.out);
	loop_io_want(p->io, LOOP_READ);
	loop_timer_set(p->timer, IDLE_MS);
	site_rests(p->site, p);
}

/*
 * Declared SMTPUTF8, as some clients do for all mail, and as our reports are that have UTF-8 in their parts
 * (RFC 6532 3.7: 8-bit MIME is enough for those): does the header need it? One that is larger than a piece
 * does.
 */
static bool
has_ascii_header(const struct outconn *p, const struct outbound_job *job)
{
	off_t size = job->e->content_size;
	size_t want = size > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)size;
	const char *piece = p->site->r->piece;
	ssize_t n = disk_pread(job->fd, p->site->r->piece, want, job->e->content_at);
	size_t end;

	if (n < 0)
		return false;
	end = header_size(piece, (size_t)n);
	for (size_t i = 0; i < end; i++)
		if ((piece[i] & 0x80) != 0)
			return false;
	return end < (size_t)n || n == size;
}

static void
begin(struct outconn *p, struct outbound_job *job)
{
	struct client_mail mail = {
		.e = job->e, .sender = job->sender, .index = job->index, .count = job->count,
		.verdict = job->verdict,
	};

	if (job->e == NULL) {
		login_test_answer(p, job);
		site_over(p->site, p, job, CLIENT_FINAL);
		return;
	}
	if ((job->e->flags & MESSAGE_UTF8) != 0 && !(p->client.offered & CLIENT_SMTPUTF8))
		mail.ascii_header = has_ascii_header(p, job);

	p->job = job;
	p->at = 0;
	p->messages++;
	p->timed = CLIENT_PHASE_COUNT;
	client_transaction_begin(&p->client, &mail);
}

static void
leave(struct outconn *p)
{
	p->timed = CLIENT_PHASE_COUNT;
	site_leaves(p->site, p);
	client_quit(&p->client);
}

/* The connection may do another message: takes one; else rests or says goodbye. False: it rests. */
static bool
take_job(struct outconn *p)
{
	struct outbound_job *job;

	if (!p->opened) {
		p->opened = true;
		outconn_auth_end(p);
		site_opened(p->site, p);
	}
	if (p->site->r->draining || (!p->site->turned &&
	    p->messages >= p->site->r->server->max_messages_per_connection)) {
		leave(p);
		return true;
	}
	job = site_take(p->site, p);
	if (job == NULL && p->site->finished) {
		leave(p);
		return true;
	}
	if (job == NULL) {
		rest(p);
		return false;
	}
	begin(p, job);
	return true;
}

static void
finish_job(struct outconn *p)
{
	struct outbound_job *job = p->job;
	enum client_fate fate = client_finish(&p->client);

	p->job = NULL;
	site_over(p->site, p, job, fate);
}

/* False: it waits for the peer. */
static bool
shake(struct outconn *p)
{
	bool blocked;

	if (outconn_io_shake(p, &blocked))
		return true;
	wait_for_peer(p, blocked);
	return false;
}

/* Does what the dialogue asks for, until it waits for the peer. May free `p`. */
static void
pump(struct outconn *p)
{
	for (;;) {
		switch (client_action(&p->client)) {
		case CLIENT_DONE:
			finish_job(p);
			break;
		case CLIENT_PROVE:
			outconn_auth_prove(p);
			wait_for_peer(p, false);
			return;
		case CLIENT_READY:
			if (!take_job(p))
				return;
			break;
		case CLIENT_HANDSHAKE:
			if (!shake(p))
				return;
			break;
		case CLIENT_CONTENT:
			if (!flush(p)) {
				wait_for_peer(p, true);
				return;
			}
			if (client_action(&p->client) == CLIENT_CONTENT)
				feed(p);
			break;
		case CLIENT_WAIT: {
			bool blocked = !flush(p);

			if (client_action(&p->client) != CLIENT_WAIT)
				break;
			wait_for_peer(p, blocked);
			return;
		}
		case CLIENT_CLOSE:
			site_closed(p->site, p);
			return;
		}
	}
}

static void
on_io(void *arg, unsigned what)
{
	struct outconn *p = arg;

	if ((what & LOOP_READ) && client_action(&p->client) != CLIENT_HANDSHAKE)
		receive(p);
	pump(p);
}

static void
on_timer(void *arg)
{
	struct outconn *p = arg;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (p->idle) {
		outconn_quit(p);
		return;
	}
	if (!p->reached && p->timed == CLIENT_PHASE_COUNT) {
		/*
		 * Only now it matters whether the connection stands and the peer is silent, or there is none.
		 */
		if (getpeername(p->fd, (struct sockaddr *)&sa, &len) == 0) {
			p->timed = p->client.phase;
			loop_timer_set(p->timer, bounded(p, client_time_limit(&p->client)));
			return;
		}
		client_unreached(&p->client, p->where, strerror(ETIMEDOUT));
	} else
		client_timeout(&p->client);
	pump(p);
}

/* --- beginning and end --- */

static int
bind_source(const struct outconn *p, const struct config_server *server, int family)
{
	for (size_t i = 0; i < server->nsource_address; i++) {
		struct net_address source = server->source_address[i];

		if (source.sa.ss_family != family)
			continue;
		if (family == AF_INET6)
			((struct sockaddr_in6 *)&source.sa)->sin6_port = 0;
		else
			((struct sockaddr_in *)&source.sa)->sin_port = 0;
		/* the port is chosen at connect(2), per destination: 28,000 ports to each, not to all */
		setsockopt(p->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
		return bind(p->fd, (const struct sockaddr *)&source.sa, source.len);
	}
	return 0;
}

static int
begin_connect(struct outconn *p, const struct net_address *to)
{
	p->fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd == -1)
		return -1;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (bind_source(p, p->site->r->server, to->sa.ss_family) == -1)
		return -1;
	if (connect(p->fd, (const struct sockaddr *)&to->sa, to->len) == -1 && errno != EINPROGRESS)
		return -1;
	return 0;
}

static void
name_peer(struct outconn *p, const struct mx_address *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->to.sa;
	char ip[NET_TEXT_SIZE];

	p->to = a->to;
	p->host = mem_strdup(a->host);
	p->tlsa = tlsa_set_copy(a->tlsa);
	p->shows = (struct tls_policy_host){ .name = a->literal ? p->ip : p->host, .literal = a->literal,
	    .sure = a->sure, .tlsa = p->tlsa };
	net_format_ip(ip, sa);
	memcpy(p->ip, ip, sizeof(ip));
	p->port = net_port(sa);
	if (a->host[0] == '[')
		snprintf(p->where, sizeof(p->where), "[%s]:%u", ip, net_port(sa));
	else
		snprintf(p->where, sizeof(p->where), "%.240s [%s]:%u", a->host, ip, net_port(sa));
}

static void
begin_dialogue(struct outconn *p, enum client_tls tls)
{
	struct site *s = p->site;
	struct client_settings set = { .fqdn = s->r->server->fqdn, .host = p->host, .helo = s->d.helo,
	    .tls = tls, .heard = s->r->log != NULL ? outconn_log_reply : NULL, .arg = p };

	outconn_auth_settings(p, &set);
	client_init(&p->client, &set);
	p->said = clock_mono_ms();
	p->verified = "none";
	snprintf(p->facts, sizeof(p->facts), "-");
}

/* 0, or -1: the client knows why. */
static int
begin_with(struct outconn *p, const struct mx_address *a)
{
	enum client_tls tls = p->site->r->tls == NULL ? CLIENT_TLS_OFF : tls_policy_tls(&p->site->d, a);

	if (tls == CLIENT_TLS_MAY && a->plain_until > clock_mono_ms())
		tls = CLIENT_TLS_OFF;
	begin_dialogue(p, tls);
	if (a->refused != NULL) {
		client_insecure(&p->client, a->refused);
		return -1;
	}
	if (begin_connect(p, &a->to) == 0)
		return 0;
	client_unreached(&p->client, p->where, strerror(errno));
	return -1;
}

/*
 * A refused connection is seen by recv(2), an accepted one by its greeting: no need to wait for "writable"
 * first. TLS at once has something to say first.
 */
static void
watch(struct outconn *p)
{
	bool first = client_action(&p->client) == CLIENT_HANDSHAKE;

	p->io = loop_io_new(p->site->r->loop, p->fd, first ? LOOP_WRITE : LOOP_READ, on_io, p);
	p->timer = loop_timer_new(p->site->r->loop, on_timer, p);
	loop_timer_set(p->timer, bounded(p, CONNECT_MS));
}

struct outconn *
outconn_open(struct site *s, unsigned index, struct verdict *why)
{
	struct outconn *p = mem_new(struct outconn);
	const struct mx_address *a = &s->list.address[index];

	p->site = s;
	p->fd = -1;
	p->generation = s->generation;
	p->index = index;
	p->timed = CLIENT_PHASE_COUNT;
	name_peer(p, a);
	if (begin_with(p, a) == -1) {
		*why = p->client.failure;
		outconn_free(p);
		return NULL;
	}
	watch(p);
	return p;
}

/* The client has come to us and has shown who it is: no TLS of ours is begun on its connection. */
struct outconn *
outconn_turned(struct site *s, int fd, uint16_t port)
{
	struct outconn *p = mem_new(struct outconn);

	p->site = s;
	p->fd = fd;
	p->timed = CLIENT_PHASE_COUNT;
	p->host = mem_printf("[%s]", s->d.domain);
	snprintf(p->ip, sizeof(p->ip), "%s", s->d.domain);
	snprintf(p->where, sizeof(p->where), "[%s]:%u", p->ip, port);
	p->port = port;
	begin_dialogue(p, CLIENT_TLS_OFF);
	watch(p);
	return p;
}

void
outconn_start(struct outconn *p, struct outbound_job *job)
{
	begin(p, job);
	pump(p);
}

void
outconn_quit(struct outconn *p)
{
	if (client_action(&p->client) == CLIENT_READY) {
		leave(p);
		pump(p);
	} else
		site_closed(p->site, p);
}

void
outconn_go_on(struct outconn *p)
{
	pump(p);
}

void
outconn_free(struct outconn *p)
{
	outconn_auth_end(p);
	outconn_io_close(p);
	client_done(&p->client);
	loop_timer_free(p->timer);
	loop_io_free(p->io);
	if (p->fd != -1)
		close(p->fd);
	free(p->tlsa);
	free(p->host);
	free(p);
}
