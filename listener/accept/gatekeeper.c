/*
 * gatekeeper - the listening sockets: accepts connections, and refuses clients by lists and limits
 *
 * Runs in:  listener
 * Owns:     the loop's watches of the inherited sockets, and this process's descriptors of them
 * Promise:  no busy loop when descriptors run out, and no flood of log lines when a client connects without
 *           end
 * Fails by: never; when accept(2) fails, an event is logged and accepting rests for a second
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/process/burst.h"
#include "listener/accept/accept.h"
#include "listener/listener.h"
#include "listener/smtp/smtp.h"

enum { ACCEPTS_A_ROUND = 64, ACCEPTS_AT_PAUSE = 8192, RETRY_MS = 1000, EVENTS_A_SECOND = 10 };

struct gatekeeper_socket {
	struct gatekeeper *gatekeeper;
	int fd;
	struct loop_io *io;			/* NULL: not watched */
	struct burst burst;
};

struct gatekeeper {
	struct listener *listener;
	struct gatekeeper_socket socket[CONFIG_LISTEN_MAX];
	unsigned sockets;
	struct loop_timer *retry;		/* after an accept that failed */
	bool open;
	uint64_t second;			/* refusals: this second's events, and those not written */
	unsigned events, silent;
	bool told;				/* that a client met a limit which no key gives */
	void (*admit)(void *arg, struct gatekeeper_client *client);
	void *arg;
};

/* Whether this refusal gets its event: a client that connects without end must not fill the log. */
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

/* Gives back the client's places in the limits, closes, frees. */
static void
release_client(struct gatekeeper *g, struct gatekeeper_client *client)
{
	if (client->placed)
		counters_add(g->listener->boot->counters, COUNTER_INBOUND_CURRENT, -1);
	if (client->counted)
		client_limit_give(g->listener->client_limit, &client->address.sa);
	close(client->fd);
	free(client->names);
}

/* The reply is sent only where the client expects plain text: not on a socket with TLS from the start. */
static void
refuse_client(struct gatekeeper *g, struct gatekeeper_client *client, enum reply which, const char *detail)
{
	char line[REPLY_SIZE], ip[NET_TEXT_SIZE];
	size_t len = reply_format(line, which, detail);

	if (!g->listener->server->listen[client->listen].tls)
		(void)!send(client->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	counters_add(g->listener->boot->counters, COUNTER_INBOUND_REFUSED, 1);
	net_format_ip(ip, &client->address.sa);
	release_client(g, client);
	if (!may_report(g))
		return;
	line[len - 2] = '\0';
	log_event(LOG_FACT, NULL, "refused", "client=%s reply=%s unreported=%u", ip, log_safe(line),
	    g->silent);
	g->silent = 0;
}

void
gatekeeper_close_client(struct gatekeeper *g, struct gatekeeper_client *client, const char *why)
{
	char ip[NET_TEXT_SIZE];

	net_format_ip(ip, &client->address.sa);
	release_client(g, client);
	if (why == NULL)
		return;
	counters_add(g->listener->boot->counters, COUNTER_INBOUND_REFUSED, 1);
	if (!may_report(g))
		return;
	log_event(LOG_WARN, NULL, "refused", "client=%s doing=proxy reason=%s unreported=%u", ip,
	    log_safe(why), g->silent);
	g->silent = 0;
}

/* Sessions leave some of the memory for messages: idle ones must not stop the mail. */
static bool
has_memory(const struct listener *l)
{
	const struct ceilings *c = &l->ceilings;

	return l->held + c->session <= c->memory && l->held - l->held_messages + c->session <= c->sessions;
}

/*
 * A place under connection-limit, and memory for the session. Counted first and compared then: two processes
 * that accept at the same time cannot both take the last place.
 */
static bool
place_client(struct gatekeeper *g, struct gatekeeper_client *client)
{
	uint64_t limit = g->listener->ceilings.connections;
	struct counters *counters = g->listener->boot->counters;

	if (client->placed)
		return true;
	if (!has_memory(g->listener))
		return false;
	counters_add(counters, COUNTER_INBOUND_CURRENT, 1);
	client->placed = true;
	return limit == CONFIG_UNLIMITED ||
	    (uint64_t)counters_get(counters, COUNTER_INBOUND_CURRENT) <= limit;
}

/* Once a process: whoever set no limit has to learn that there is one, and which key it is. */
static void
tell_derived_limit(struct gatekeeper *g, const struct gatekeeper_client *client)
{
	const struct ceilings *c = &g->listener->ceilings;
	char ip[NET_TEXT_SIZE], why[120];

	if (g->told || !c->is_derived)
		return;
	g->told = true;
	net_format_ip(ip, &client->address.sa);
	snprintf(why, sizeof(why), "it has %" PRIu64 " connections, the most where "
	    "connection-limit-per-client is not set", c->per_client);
	log_event(LOG_WARN, NULL, "trouble", "doing=accept client=%s reason=%s", ip, log_safe(why));
}

static bool
count_client(struct gatekeeper *g, struct gatekeeper_client *client)
{
	if (!client->counted)
		client->counted = client_limit_take(g->listener->client_limit, &client->address.sa);
	if (!client->counted)
		tell_derived_limit(g, client);
	return client->counted;
}

void
gatekeeper_check_client(struct gatekeeper *g, struct gatekeeper_client *client)
{
	struct listener *l = g->listener;
	struct policy_client known = { .address = &client->address.sa, .names = client->names,
	    .state = client->state };
	enum policy_answer answer = policy_may_connect(l->server, &known);
	char ip[NET_TEXT_SIZE];

	if (answer == POLICY_NO) {
		net_format_ip(ip, &client->address.sa);
		refuse_client(g, client, REPLY_CLIENT_REFUSED, ip);
	} else if (answer == POLICY_LATER) {
		refuse_client(g, client, REPLY_NAME_LATER, l->server->fqdn);
	} else if (!place_client(g, client)) {
		refuse_client(g, client, REPLY_FULL, l->server->fqdn);
	} else if (!count_client(g, client)) {
		refuse_client(g, client, REPLY_FULL_CLIENT, l->server->fqdn);
	} else if (answer == POLICY_YES) {
		g->admit(g->arg, client);
	} else if (!pending_ask_names(l->pending, client)) {
		client->state = POLICY_TROUBLE;
		gatekeeper_check_client(g, client);
	}
}

static bool
is_trusted_proxy(const struct config_server *s, const struct sockaddr *peer)
{
	return s->proxy && config_nets_has(&s->proxy_trusted, peer);
}

/* Takes over `fd`. */
static void
take_connection(struct gatekeeper_socket *at, int fd, const struct sockaddr *peer)
{
	struct gatekeeper *g = at->gatekeeper;
	struct listener *l = g->listener;
	struct gatekeeper_client client = { .fd = fd, .listen = (unsigned)(at - g->socket),
		.state = l->rdns != NULL ? POLICY_ASKING : POLICY_UNNAMED };

	memcpy(&client.address, peer, peer->sa_family == AF_INET6 ? sizeof(client.address.in6) :
	    sizeof(client.address.in));
	if (!is_trusted_proxy(l->server, peer))
		gatekeeper_check_client(g, &client);
	else if (!place_client(g, &client) || !pending_read_header(l->pending, &client))
		refuse_client(g, &client, REPLY_FULL, l->server->fqdn);
}

static void
unwatch_sockets(struct gatekeeper *g)
{
	for (unsigned i = 0; i < g->sockets; i++) {
		loop_io_free(g->socket[i].io);
		g->socket[i].io = NULL;
	}
}

/* One connection failed, as accept(2) tells on Linux; the next may be good. */
static bool
is_passing_error(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
	    error == ENETDOWN || error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH ||
	    error == ENOPROTOOPT || error == EOPNOTSUPP;
}

/* Up to `most` connections of one socket, counted in *n; false: accepting has to pause. */
static bool
accept_some(struct gatekeeper_socket *at, unsigned most, unsigned *n)
{
	for (*n = 0; *n < most; ++*n) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int got = accept4(at->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got != -1) {
			take_connection(at, got, (struct sockaddr *)&peer);
			continue;
		}
		if (errno == EAGAIN)
			return true;
		if (is_passing_error(errno))
			continue;
		if (errno == EINVAL)
			return false; /* the master has shut the socket; its CTL_PAUSE comes next */
		log_event(LOG_FAULT, NULL, "trouble", "doing=accept reason=%s", log_safe(strerror(errno)));
		return false;
	}
	return true;
}

static void
on_connection(void *arg, unsigned what)
{
	struct gatekeeper_socket *at = arg;
	struct gatekeeper *g = at->gatekeeper;
	bool all = burst_begin(&at->burst);
	unsigned n;

	if (accept_some(at, all ? ACCEPTS_A_ROUND : 1, &n)) {
		if (all)
			burst_end(&at->burst, n);
		return;
	}
	unwatch_sockets(g);
	loop_timer_set(g->retry, RETRY_MS);
}

static void
watch_sockets(struct gatekeeper *g)
{
	for (unsigned i = 0; i < g->sockets; i++) {
		struct gatekeeper_socket *at = &g->socket[i];

		if (at->io == NULL)
			at->io = loop_io_new(g->listener->boot->loop, at->fd, LOOP_READ, on_connection, at);
	}
}

static void
on_retry(void *arg)
{
	struct gatekeeper *g = arg;

	if (g->open)
		watch_sockets(g);
}

struct gatekeeper *
gatekeeper_open(struct listener *l, void (*admit)(void *arg, struct gatekeeper_client *client), void *arg)
{
	struct gatekeeper *g = mem_new(struct gatekeeper);

	g->listener = l;
	g->admit = admit;
	g->arg = arg;
	g->retry = loop_timer_new(l->boot->loop, on_retry, g);
	g->sockets = l->boot->listeners;
	for (unsigned i = 0; i < g->sockets; i++) {
		int fd = BOOT_LISTEN + (int)i, on = 1;

		g->socket[i] = (struct gatekeeper_socket){ .gatekeeper = g, .fd = fd };
		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1)
			log_event(LOG_FAULT, NULL, "trouble", "doing=listen reason=%s",
			    log_safe(strerror(errno)));
		/* Accepted sockets inherit it: one call less a connection. */
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	g->open = true;
	watch_sockets(g);
	return g;
}

void
gatekeeper_stop(struct gatekeeper *g)
{
	if (g == NULL)
		return;
	g->open = false;
	loop_timer_stop(g->retry);
	unwatch_sockets(g);
}

/* An open descriptor of this process would keep the address in use until its last session ends. */
void
gatekeeper_close(struct gatekeeper *g)
{
	if (g == NULL)
		return;	/* stopped before the certificates came */
	gatekeeper_stop(g);
	for (unsigned i = 0; i < g->sockets; i++)
		close(g->socket[i].fd);
	g->sockets = 0;
}

void
gatekeeper_pause(struct gatekeeper *g)
{
	unsigned n;

	if (g == NULL || !g->open)
		return;
	for (unsigned i = 0; i < g->sockets; i++)
		(void)!accept_some(&g->socket[i], ACCEPTS_AT_PAUSE, &n);
	gatekeeper_stop(g);
}

void
gatekeeper_continue(struct gatekeeper *g)
{
	if (g == NULL)
		return;
	g->open = true;
	watch_sockets(g);
}

void
gatekeeper_free(struct gatekeeper *g)
{
	if (g == NULL)
		return;
	gatekeeper_stop(g);
	loop_timer_free(g->retry);
	free(g);
}
