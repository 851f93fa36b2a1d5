/*
 * pending - connections that are not let in yet: their PROXY header is to come, or the name the connection
 * list asks for
 *
 * Runs in:  listener
 * Owns:     the descriptors of those who wait, until the gate has them again
 * Promise:  never reads a byte behind the header, so that SMTP or TLS finds its first; nobody waits for ever
 * Fails by: turning the peer away
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "listener/accept/accept.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

#define HEADER_WAIT_MS 10000
#define GUESTS_MAX 8192

struct pending_client {
	TAILQ_ENTRY(pending_client) link;
	struct pending *pending;
	struct gatekeeper_client guest;
	uint32_t serial;
	uint64_t since;			/* monotonic ms */
	char ip[NET_TEXT_SIZE];		/* of the peer, until its header says more */
	struct proxy *proxy;		/* NULL: waits for names */
	struct loop_io *io;
	struct loop_timer *timer;
	struct rdns_query *query;
};

struct pending {
	struct listener *listener;
	TAILQ_HEAD(, pending_client) places;
	size_t count;
};

/* The guest goes on with whoever called; the place is gone. */
static struct gatekeeper_client
leave(struct pending_client *at)
{
	struct gatekeeper_client guest = at->guest;

	TAILQ_REMOVE(&at->pending->places, at, link);
	at->pending->count--;
	rdns_forget(at->query);
	loop_io_free(at->io);
	loop_timer_free(at->timer);
	free(at->proxy);
	free(at);
	return guest;
}

static void
turn_away(struct pending_client *at, const char *why)
{
	struct listener *l = at->pending->listener;
	struct gatekeeper_client guest = leave(at);

	gatekeeper_dismiss(l->gate, &guest, why);
	listener_check_idle(l);
}

static void
go_on(struct pending_client *at)
{
	struct listener *l = at->pending->listener;
	struct gatekeeper_client guest = leave(at);

	gatekeeper_judge(l->gate, &guest);
	listener_check_idle(l);
}

static void
on_header(struct pending_client *at)
{
	const struct proxy *p = at->proxy;

	if (p->state == PROXY_CLIENT) {
		at->guest.client = p->from;
		at->guest.reached = p->to;
	}
	go_on(at);
}

/* Peeks, and takes away what belongs to the header. */
static void
on_io(void *arg, unsigned what)
{
	struct pending_client *at = arg;
	char data[2048];
	size_t used;
	ssize_t n;

	(void)what;

	n = recv(at->guest.fd, data, sizeof(data), MSG_PEEK);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		turn_away(at, NULL); /* a probe, or a peer that changed its mind */
		return;
	}
	used = proxy_take(at->proxy, data, (size_t)n);
	if (at->proxy->state == PROXY_BAD)
		turn_away(at, at->proxy->why);
	else if (used > 0 && recv(at->guest.fd, data, used, 0) != (ssize_t)used)
		turn_away(at, NULL);
	else if (at->proxy->state != PROXY_MORE)
		on_header(at);
}

static void
on_timer(void *arg)
{
	turn_away(arg, "no PROXY header in time");
}

static void
on_names(void *arg, enum policy_state state, char *names)
{
	struct pending_client *at = arg;

	at->query = NULL;
	at->guest.state = state;
	at->guest.names = names;
	go_on(at);
}

static struct pending_client *
enter(struct pending *p, const struct gatekeeper_client *guest)
{
	struct pending_client *at;

	if (p->count == GUESTS_MAX)
		return NULL;
	at = mem_new(struct pending_client);
	at->pending = p;
	at->guest = *guest;
	at->serial = ++p->listener->serial;
	at->since = clock_mono_ms();
	net_format_ip(at->ip, &guest->client.sa);
	TAILQ_INSERT_TAIL(&p->places, at, link);
	p->count++;
	return at;
}

bool
pending_await_header(struct pending *p, const struct gatekeeper_client *guest)
{
	struct pending_client *at = enter(p, guest);
	struct loop *loop;

	if (at == NULL)
		return false;
	loop = p->listener->boot->loop;
	at->proxy = mem_new(struct proxy);
	proxy_init(at->proxy);
	at->timer = loop_timer_new(loop, on_timer, at);
	loop_timer_set(at->timer, HEADER_WAIT_MS);
	at->io = loop_io_new(loop, guest->fd, LOOP_READ, on_io, at);
	return true;
}

bool
pending_await_names(struct pending *p, const struct gatekeeper_client *guest)
{
	struct pending_client *at = enter(p, guest);

	if (at == NULL)
		return false;
	at->query = rdns_ask(p->listener->rdns, &guest->client.sa, on_names, at);
	if (at->query != NULL)
		return true;
	(void)leave(at);
	return false;
}

struct pending_client *
pending_next(const struct pending *p, struct pending_client *at)
{
	return at == NULL ? TAILQ_FIRST(&p->places) : TAILQ_NEXT(at, link);
}

void
pending_look(const struct pending_client *at, struct inbound_view *v)
{
	uint64_t age = clock_mono_ms() - at->since;

	*v = (struct inbound_view){
		.serial = at->serial, .address = &at->guest.client.sa, .ip = at->ip,
		.state = at->proxy != NULL ? "proxy" : "lookup", .tls = "-", .age_ms = age, .idle_ms = age,
	};
}

void
pending_terminate(struct pending_client *at)
{
	turn_away(at, NULL);
}

bool
pending_is_empty(const struct pending *p)
{
	return TAILQ_EMPTY(&p->places);
}

void
pending_stop(struct pending *p)
{
	struct pending_client *at;

	while ((at = TAILQ_FIRST(&p->places)) != NULL) {
		struct gatekeeper_client guest = leave(at);

		gatekeeper_dismiss(p->listener->gate, &guest, NULL);
	}
}

struct pending *
pending_new(struct listener *l)
{
	struct pending *p = mem_new(struct pending);

	p->listener = l;
	TAILQ_INIT(&p->places);
	return p;
}

void
pending_free(struct pending *p)
{
	if (p == NULL)
		return;
	pending_stop(p);
	free(p);
}
