/*
 * gate - the listening sockets: accepts, and turns away whom lists and limits do not let in
 *
 * Runs in:  listener
 * Owns:     the events on the inherited sockets, and of the sockets this process's descriptors
 * Promise:  no spin and no flood of events when descriptors run out or a client knocks without end
 * Fails by: never; an accept that fails is an event and a second's pause
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "listener/listener.h"

enum { ACCEPTS_A_ROUND = 64, ACCEPTS_AT_SHUT = 8192, REST_MS = 1000, EVENTS_A_SECOND = 10 };

struct gate_socket {
	struct gate *gate;
	int fd;
	struct loop_io *io;			/* NULL: not watched */
};

struct gate {
	struct listener *listener;
	struct gate_socket socket[CONFIG_LISTEN_MAX];
	unsigned sockets;
	struct loop_timer *rest;
	bool open;
	uint64_t second;			/* refusals: this second's events, and those not written */
	unsigned events, silent;
};

static void
refuse(struct gate *g, int fd, const struct sockaddr *peer, enum reply which, const char *detail)
{
	char line[REPLY_SIZE], ip[NET_TEXT_SIZE];
	size_t len = reply_format(line, which, detail);
	uint64_t second = clock_mono_ms() / 1000;

	(void)!send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
	counters_add(g->listener->boot->counters, COUNTER_INBOUND_REFUSED, 1);
	if (second != g->second) {
		g->second = second;
		g->events = 0;
	}
	if (++g->events > EVENTS_A_SECOND) {
		g->silent++;
		return;
	}
	line[len - 2] = '\0';
	net_format_ip(ip, peer);
	log_event(LOG_FACT, NULL, "refused", "client=%s reply=%s unreported=%u", ip, log_safe(line), g->silent);
	g->silent = 0;
}

/* Takes over `fd`. */
static void
admit(struct gate *g, int fd, const struct sockaddr *peer)
{
	struct listener *l = g->listener;
	const struct config_server *server = l->server;
	struct counters *counters = l->boot->counters;
	char ip[NET_TEXT_SIZE];

	if (!policy_may_connect(server, peer)) {
		net_format_ip(ip, peer);
		refuse(g, fd, peer, REPLY_NOT_YOU, ip);
		return;
	}
	/* Counted before it is judged: processes that accept at the same time cannot both take the last place. */
	counters_add(counters, COUNTER_INBOUND_CURRENT, 1);
	bool full = server->connection_limit != CONFIG_UNLIMITED &&
	    (uint64_t)counters_get(counters, COUNTER_INBOUND_CURRENT) > server->connection_limit;
	if (full || !limit_take(l->limit, peer)) {
		counters_add(counters, COUNTER_INBOUND_CURRENT, -1);
		refuse(g, fd, peer, full ? REPLY_FULL_HOUSE : REPLY_FULL_CLIENT, server->fqdn);
		return;
	}
	inbound_open(l, fd, peer);
}

static void
unwatch(struct gate *g)
{
	for (unsigned i = 0; i < g->sockets; i++) {
		loop_io_free(g->socket[i].io);
		g->socket[i].io = NULL;
	}
}

static bool
is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
	    error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

/* Up to `most` connections of one socket; false: accepting has to rest. */
static bool
accept_some(struct gate *g, int fd, unsigned most)
{
	while (most-- > 0) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int got = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got != -1) {
			admit(g, got, (struct sockaddr *)&peer);
			continue;
		}
		if (errno == EAGAIN)
			return true;
		if (is_passing(errno))
			continue;
		if (errno == EINVAL)
			return false; /* the master has shut the socket; its word about it comes next */
		log_event(LOG_FAULT, NULL, "trouble", "doing=accept reason=%s", log_safe(strerror(errno)));
		return false;
	}
	return true;
}

static void
on_knock(void *arg, unsigned what)
{
	struct gate_socket *at = arg;
	struct gate *g = at->gate;
	(void)what;
	if (accept_some(g, at->fd, ACCEPTS_A_ROUND))
		return;
	unwatch(g);
	loop_timer_set(g->rest, REST_MS);
}

static void
watch(struct gate *g)
{
	for (unsigned i = 0; i < g->sockets; i++) {
		struct gate_socket *at = &g->socket[i];
		if (at->io == NULL)
			at->io = loop_io_new(g->listener->boot->loop, at->fd, LOOP_READ, on_knock, at);
	}
}

static void
on_rest(void *arg)
{
	struct gate *g = arg;
	if (g->open)
		watch(g);
}

struct gate *
gate_open(struct listener *l)
{
	struct gate *g = mem_new(struct gate);
	g->listener = l;
	g->rest = loop_timer_new(l->boot->loop, on_rest, g);
	g->sockets = l->boot->listeners;
	for (unsigned i = 0; i < g->sockets; i++) {
		int fd = BOOT_LISTEN + (int)i, on = 1;
		g->socket[i] = (struct gate_socket){ .gate = g, .fd = fd };
		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1)
			log_event(LOG_FAULT, NULL, "trouble", "doing=listen reason=%s", log_safe(strerror(errno)));
		/* Accepted sockets inherit it: one call less a connection. */
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	g->open = true;
	watch(g);
	return g;
}

void
gate_leave(struct gate *g)
{
	g->open = false;
	loop_timer_stop(g->rest);
	unwatch(g);
}

/* The sockets are others' too: without them an address would stay in use until our last session ends. */
void
gate_close(struct gate *g)
{
	gate_leave(g);
	for (unsigned i = 0; i < g->sockets; i++)
		close(g->socket[i].fd);
	g->sockets = 0;
}

void
gate_shut(struct gate *g)
{
	if (!g->open)
		return;
	for (unsigned i = 0; i < g->sockets; i++)
		(void)!accept_some(g, g->socket[i].fd, ACCEPTS_AT_SHUT);
	gate_leave(g);
}

void
gate_reopen(struct gate *g)
{
	g->open = true;
	watch(g);
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	gate_leave(g);
	loop_timer_free(g->rest);
	free(g);
}
