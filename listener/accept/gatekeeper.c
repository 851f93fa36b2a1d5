/*
 * gatekeeper - the listening sockets: accepts, and turns away whom lists and limits do not let in
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
#include "listener/accept/accept.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"
#include "listener/smtp/smtp.h"

enum { ACCEPTS_A_ROUND = 64, ACCEPTS_AT_SHUT = 8192, REST_MS = 1000, EVENTS_A_SECOND = 10 };

struct gatekeeper_socket {
	struct gatekeeper *gate;
	int fd;
	struct loop_io *io;			/* NULL: not watched */
};

struct gatekeeper {
	struct listener *listener;
	struct gatekeeper_socket socket[CONFIG_LISTEN_MAX];
	unsigned sockets;
	struct loop_timer *rest;
	bool open;
	uint64_t second;			/* refusals: this second's events, and those not written */
	unsigned events, silent;
};

/* Whether this one gets its event: a client that knocks without end does not write the log. */
static bool
may_report(struct gatekeeper *g)
{
	uint64_t second = clock_mono_ms() / 1000;

	if (second != g->second) {
		g->second = second;
		g->events = 0;
	}
	if (++g->events <= EVENTS_A_SECOND)
		return true;
	g->silent++;
	return false;
}

/* Gives back what the guest holds, and closes. */
static void
dismiss(struct gatekeeper *g, struct gatekeeper_client *guest)
{
	if (guest->placed)
		counters_add(g->listener->boot->counters, COUNTER_INBOUND_CURRENT, -1);
	if (guest->counted)
		client_limit_give(g->listener->limit, &guest->client.sa);
	close(guest->fd);
	free(guest->names);
}

/* Words go only where the peer expects plain ones. */
static void
refuse(struct gatekeeper *g, struct gatekeeper_client *guest, enum reply which, const char *detail)
{
	char line[REPLY_SIZE], ip[NET_TEXT_SIZE];
	size_t len = reply_format(line, which, detail);

	if (!g->listener->server->listen[guest->listen].tls)
		(void)!send(guest->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	counters_add(g->listener->boot->counters, COUNTER_INBOUND_REFUSED, 1);
	net_format_ip(ip, &guest->client.sa);
	dismiss(g, guest);
	if (!may_report(g))
		return;
	line[len - 2] = '\0';
	log_event(LOG_FACT, NULL, "refused", "client=%s reply=%s unreported=%u", ip, log_safe(line),
	    g->silent);
	g->silent = 0;
}

void
gatekeeper_dismiss(struct gatekeeper *g, struct gatekeeper_client *guest, const char *why)
{
	char ip[NET_TEXT_SIZE];

	net_format_ip(ip, &guest->client.sa);
	dismiss(g, guest);
	if (why == NULL)
		return;
	counters_add(g->listener->boot->counters, COUNTER_INBOUND_REFUSED, 1);
	if (!may_report(g))
		return;
	log_event(LOG_WARN, NULL, "refused", "client=%s doing=proxy reason=%s unreported=%u", ip,
	    log_safe(why), g->silent);
	g->silent = 0;
}

/*
 * A place under connection-limit. Counted before it is judged: processes that accept at once cannot both take
 * the last.
 */
static bool
place(struct gatekeeper *g, struct gatekeeper_client *guest)
{
	uint64_t limit = g->listener->server->connection_limit;
	struct counters *counters = g->listener->boot->counters;

	if (guest->placed)
		return true;
	counters_add(counters, COUNTER_INBOUND_CURRENT, 1);
	guest->placed = true;
	return limit == CONFIG_UNLIMITED || (uint64_t)counters_get(counters,
	    COUNTER_INBOUND_CURRENT) <= limit;
}

static bool
count_client(struct gatekeeper *g, struct gatekeeper_client *guest)
{
	if (!guest->counted)
		guest->counted = client_limit_take(g->listener->limit, &guest->client.sa);
	return guest->counted;
}

void
gatekeeper_judge(struct gatekeeper *g, struct gatekeeper_client *guest)
{
	struct listener *l = g->listener;
	struct policy_client client = { .address = &guest->client.sa, .names = guest->names,
	    .state = guest->state };
	enum policy_answer answer = policy_may_connect(l->server, &client);
	char ip[NET_TEXT_SIZE];

	if (answer == POLICY_NO) {
		net_format_ip(ip, &guest->client.sa);
		refuse(g, guest, REPLY_NOT_YOU, ip);
	} else if (answer == POLICY_LATER) {
		refuse(g, guest, REPLY_UNNAMED, l->server->fqdn);
	} else if (!place(g, guest)) {
		refuse(g, guest, REPLY_FULL_HOUSE, l->server->fqdn);
	} else if (!count_client(g, guest)) {
		refuse(g, guest, REPLY_FULL_CLIENT, l->server->fqdn);
	} else if (answer == POLICY_YES) {
		inbound_open(l, guest);
	} else if (!pending_await_names(l->pending, guest)) {
		guest->state = POLICY_TROUBLE;
		gatekeeper_judge(g, guest);
	}
}

static bool
is_trusted_proxy(const struct config_server *s, const struct sockaddr *peer)
{
	for (size_t i = 0; s->proxy && i < s->proxy_trusted.count; i++)
		if (net_entry_has(&s->proxy_trusted.entry[i], peer))
			return true;
	return false;
}

/* Takes over `fd`. */
static void
admit(struct gatekeeper_socket *at, int fd, const struct sockaddr *peer)
{
	struct gatekeeper *g = at->gate;
	struct listener *l = g->listener;
	struct gatekeeper_client guest = { .fd = fd, .listen = (unsigned)(at - g->socket),
		.state = l->wants_names ? POLICY_ASKING : POLICY_UNNAMED };

	memcpy(&guest.client, peer, peer->sa_family == AF_INET6 ? sizeof(guest.client.in6) :
	    sizeof(guest.client.in));
	if (!is_trusted_proxy(l->server, peer))
		gatekeeper_judge(g, &guest);
	else if (!place(g, &guest) || !pending_await_header(l->pending, &guest))
		refuse(g, &guest, REPLY_FULL_HOUSE, l->server->fqdn);
}

static void
unwatch(struct gatekeeper *g)
{
	for (unsigned i = 0; i < g->sockets; i++) {
		loop_io_free(g->socket[i].io);
		g->socket[i].io = NULL;
	}
}

static bool
is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
	    error == ENETDOWN ||
	    error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH || error == ENOPROTOOPT ||
	    error == EOPNOTSUPP;
}

/* Up to `most` connections of one socket; false: accepting has to rest. */
static bool
accept_some(struct gatekeeper_socket *at, unsigned most)
{
	while (most-- > 0) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int got = accept4(at->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got != -1) {
			admit(at, got, (struct sockaddr *)&peer);
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
	struct gatekeeper_socket *at = arg;
	struct gatekeeper *g = at->gate;

	(void)what;
	if (accept_some(at, ACCEPTS_A_ROUND))
		return;
	unwatch(g);
	loop_timer_set(g->rest, REST_MS);
}

static void
watch(struct gatekeeper *g)
{
	for (unsigned i = 0; i < g->sockets; i++) {
		struct gatekeeper_socket *at = &g->socket[i];

		if (at->io == NULL)
			at->io = loop_io_new(g->listener->boot->loop, at->fd, LOOP_READ, on_knock, at);
	}
}

static void
on_rest(void *arg)
{
	struct gatekeeper *g = arg;

	if (g->open)
		watch(g);
}

struct gatekeeper *
gatekeeper_open(struct listener *l)
{
	struct gatekeeper *g = mem_new(struct gatekeeper);

	g->listener = l;
	g->rest = loop_timer_new(l->boot->loop, on_rest, g);
	g->sockets = l->boot->listeners;
	for (unsigned i = 0; i < g->sockets; i++) {
		int fd = BOOT_LISTEN + (int)i, on = 1;

		g->socket[i] = (struct gatekeeper_socket){ .gate = g, .fd = fd };
		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1)
			log_event(LOG_FAULT, NULL, "trouble", "doing=listen reason=%s",
			    log_safe(strerror(errno)));
		/* Accepted sockets inherit it: one call less a connection. */
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	g->open = true;
	watch(g);
	return g;
}

void
gatekeeper_leave(struct gatekeeper *g)
{
	if (g == NULL)
		return;
	g->open = false;
	loop_timer_stop(g->rest);
	unwatch(g);
}

/* The sockets are others' too: without them an address would stay in use until our last session ends. */
void
gatekeeper_close(struct gatekeeper *g)
{
	if (g == NULL) /* stopped before the certificates came */
		return;
	gatekeeper_leave(g);
	for (unsigned i = 0; i < g->sockets; i++)
		close(g->socket[i].fd);
	g->sockets = 0;
}

void
gatekeeper_shut(struct gatekeeper *g)
{
	if (g == NULL || !g->open)
		return;
	for (unsigned i = 0; i < g->sockets; i++)
		(void)!accept_some(&g->socket[i], ACCEPTS_AT_SHUT);
	gatekeeper_leave(g);
}

void
gatekeeper_reopen(struct gatekeeper *g)
{
	if (g == NULL)
		return;
	g->open = true;
	watch(g);
}

void
gatekeeper_free(struct gatekeeper *g)
{
	if (g == NULL)
		return;
	gatekeeper_leave(g);
	loop_timer_free(g->rest);
	free(g);
}
