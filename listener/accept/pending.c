/*
 * pending - clients that are not let in yet: their PROXY header is still to come, or the names that the
 * connection list asks for
 *
 * Runs in:  listener
 * Owns:     the descriptors and names of these clients until pending_ops gets them
 * Promise:  no byte behind the header is read, as it belongs to SMTP or TLS; every wait has a time limit
 * Fails by: pending_ops.failed
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "listener/accept/accept.h"
#include "listener/listener.h"

#define HEADER_WAIT_MS 10000
#define CLIENTS_MAX 8192

struct pending_client {
	TAILQ_ENTRY(pending_client) link;
	struct pending *pending;
	struct gatekeeper_client client;
	uint32_t serial;
	uint64_t since;			/* monotonic ms */
	char ip[NET_TEXT_SIZE];		/* of the peer, until its header says more */
	struct proxy *proxy;		/* NULL: waits for its names */
	struct loop_io *io;
	struct loop_timer *timer;
	struct rdns_query *query;
};

struct pending {
	struct listener *listener;
	const struct pending_ops *ops;
	void *arg;
	TAILQ_HEAD(, pending_client) clients;
	size_t count;
};

/* Gives the client to the caller, and frees the rest. */
static struct gatekeeper_client
remove_client(struct pending_client *at)
{
	struct gatekeeper_client client = at->client;

	TAILQ_REMOVE(&at->pending->clients, at, link);
	at->pending->count--;
	rdns_forget(at->query);
	loop_io_free(at->io);
	loop_timer_free(at->timer);
	free(at->proxy);
	free(at);
	return client;
}

static void
end_failed(struct pending_client *at, const char *why)
{
	struct pending *p = at->pending;
	struct gatekeeper_client client = remove_client(at);

	p->ops->failed(p->arg, &client, why);
}

static void
end_known(struct pending_client *at)
{
	struct pending *p = at->pending;
	struct gatekeeper_client client = remove_client(at);

	p->ops->known(p->arg, &client);
}

static void
on_header(struct pending_client *at)
{
	const struct proxy *p = at->proxy;

	if (p->state == PROXY_CLIENT) {
		at->client.address = p->from;
		at->client.reached = p->to;
	}
	end_known(at);
}

/* Peeks at what has come, and takes out of the socket what belongs to the header. */
static void
on_header_bytes(void *arg, unsigned what)
{
	struct pending_client *at = arg;
	char data[2048];
	size_t used;
	ssize_t n;

	n = recv(at->client.fd, data, sizeof(data), MSG_PEEK);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_failed(at, NULL); /* a health check, or a peer that gave up */
		return;
	}
	used = proxy_take(at->proxy, data, (size_t)n);
	if (at->proxy->state == PROXY_BAD)
		end_failed(at, at->proxy->why);
	else if (used > 0 && recv(at->client.fd, data, used, 0) != (ssize_t)used)
		end_failed(at, NULL);
	else if (at->proxy->state != PROXY_MORE)
		on_header(at);
}

static void
on_header_late(void *arg)
{
	end_failed(arg, "no PROXY header in time");
}

static void
on_names(void *arg, enum policy_state state, char *names)
{
	struct pending_client *at = arg;

	at->query = NULL;
	at->client.state = state;
	at->client.names = names;
	end_known(at);
}

static struct pending_client *
add_client(struct pending *p, const struct gatekeeper_client *client)
{
	struct pending_client *at;

	if (p->count == CLIENTS_MAX)
		return NULL;
	at = mem_new(struct pending_client);
	at->pending = p;
	at->client = *client;
	at->serial = ++p->listener->serial;
	at->since = clock_mono_ms();
	net_format_ip(at->ip, &client->address.sa);
	TAILQ_INSERT_TAIL(&p->clients, at, link);
	p->count++;
	return at;
}

bool
pending_read_header(struct pending *p, const struct gatekeeper_client *client)
{
	struct pending_client *at = add_client(p, client);
	struct loop *loop;

	if (at == NULL)
		return false;
	loop = p->listener->boot->loop;
	at->proxy = mem_new(struct proxy);
	proxy_init(at->proxy);
	at->timer = loop_timer_new(loop, on_header_late, at);
	loop_timer_set(at->timer, HEADER_WAIT_MS);
	at->io = loop_io_new(loop, client->fd, LOOP_READ, on_header_bytes, at);
	return true;
}

bool
pending_ask_names(struct pending *p, const struct gatekeeper_client *client)
{
	struct pending_client *at = add_client(p, client);

	if (at == NULL)
		return false;
	at->query = rdns_ask(p->listener->rdns, &client->address.sa, on_names, at);
	if (at->query != NULL)
		return true;
	(void)remove_client(at);
	return false;
}

struct pending_client *
pending_next(const struct pending *p, struct pending_client *at)
{
	return at == NULL ? TAILQ_FIRST(&p->clients) : TAILQ_NEXT(at, link);
}

void
pending_view(const struct pending_client *at, struct pending_view *v)
{
	*v = (struct pending_view){
		.serial = at->serial, .address = &at->client.address.sa, .ip = at->ip,
		.state = at->proxy != NULL ? "proxy" : "lookup", .age_ms = clock_mono_ms() - at->since,
	};
}

void
pending_terminate(struct pending_client *at)
{
	end_failed(at, NULL);
}

bool
pending_is_empty(const struct pending *p)
{
	return TAILQ_EMPTY(&p->clients);
}

void
pending_stop(struct pending *p)
{
	struct pending_client *at;

	while ((at = TAILQ_FIRST(&p->clients)) != NULL)
		end_failed(at, NULL);
}

struct pending *
pending_new(struct listener *l, const struct pending_ops *ops, void *arg)
{
	struct pending *p = mem_new(struct pending);

	p->listener = l;
	p->ops = ops;
	p->arg = arg;
	TAILQ_INIT(&p->clients);
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
