/*
 * web_connections - how many connections there are, of whom, and how long a request may take to come
 *
 * Runs in:  web
 * Owns:     a record of each connection; the connections belong to libevent, which tells nobody of their end.
 *           So a record has the descriptor and the number of its socket, and is looked up again
 * Promise:  beyond WEB_CONNECTIONS_MAX nothing is accepted. A client that sends its request slowly, or none,
 *           is cut off; at once when others wait, or it has too many: the connection that waits longest
 * Fails by: shutting a connection down
 */
#include "master/web/web.h"

#include <bsd/sys/queue.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/net.h"

#define SWEEP_MS 500U
#define FULL_MS 50U		/* the same, while nothing is accepted */
#define CUT_AT_ONCE 32U		/* connections that make room then */

struct web_connection {
	TAILQ_ENTRY(web_connection) link;
	struct bufferevent *fresh;	/* its descriptor is not known yet */
	int fd;
	ino_t number;
	struct sockaddr_storage peer;	/* AF_UNSPEC: not counted by client */
	bool by_client;
	bool cut;			/* it was shut down */
	uint64_t until;			/* monotonic ms; 0: it is being served */
};

struct web_connections {
	void (*full)(void *arg, bool is);
	void *arg;
	struct loop_timer *timer, *look;
	TAILQ_HEAD(, web_connection) all;
	size_t count;
	bool stopped;
};

static void
forget(struct web_connections *c, struct web_connection *k)
{
	TAILQ_REMOVE(&c->all, k, link);
	c->count--;
	if (k->fresh != NULL)
		bufferevent_decref(k->fresh);
	free(k);
}

/* Whether the descriptor is still the socket that it was. */
static bool
is_there(const struct web_connection *k)
{
	struct stat st;

	return k->fresh != NULL || (fstat(k->fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == k->number);
}

static bool
is_same_client(const struct web_connection *x, const struct web_connection *y)
{
	uint8_t a[16], b[16];
	int fa, fb;
	size_t len = net_bytes((const struct sockaddr *)&x->peer, &fa, a);

	return x->by_client && y->by_client && net_bytes((const struct sockaddr *)&y->peer, &fb, b) == len &&
	    fa == fb && memcmp(a, b, len) == 0;
}

/* Those that have ended and were not forgotten yet do not count. */
static size_t
of_client(const struct web_connections *c, const struct web_connection *like)
{
	const struct web_connection *k;
	size_t n = 0;

	TAILQ_FOREACH(k, &c->all, link)
		n += !k->cut && is_same_client(k, like) && is_there(k);
	return n;
}

static void
cut(struct web_connection *k)
{
	k->cut = true;
	shutdown(k->fd, SHUT_RDWR);
}

/* The one that waits longest for its request; `like`: of that client, and not this one. False: none waits. */
static bool
cut_oldest(struct web_connections *c, const struct web_connection *like)
{
	struct web_connection *k;

	TAILQ_FOREACH(k, &c->all, link)
		if (k->fresh == NULL && !k->cut && k->until != 0 && k != like && is_there(k) &&
		    (like == NULL || is_same_client(k, like))) {
			cut(k);
			return true;
		}
	return false;
}

/* libevent knows the descriptor a moment after it has made the bufferevent. */
static void
on_look(void *arg)
{
	struct web_connections *c = arg;
	struct web_connection *k, *next;

	TAILQ_FOREACH_SAFE(k, &c->all, link, next) {
		struct stat st;
		socklen_t len = sizeof(k->peer);

		if (k->fresh == NULL)
			continue;
		k->fd = bufferevent_getfd(k->fresh);
		if (bufferevent_decref(k->fresh) == 1)
			k->fd = -1;	/* it had gone already */
		k->fresh = NULL;
		if (k->fd == -1 || fstat(k->fd, &st) == -1) {
			forget(c, k);
			continue;
		}
		k->number = st.st_ino;
		if (k->by_client && getpeername(k->fd, (struct sockaddr *)&k->peer, &len) == -1)
			k->by_client = false;
		if (k->by_client && of_client(c, k) > WEB_CONNECTIONS_PER_CLIENT && !cut_oldest(c, k))
			cut(k);
	}
}

/* Forgets those that have ended, and cuts off those whose time is over. */
static void
sweep(struct web_connections *c)
{
	struct web_connection *k, *next;
	uint64_t now = clock_mono_ms();

	TAILQ_FOREACH_SAFE(k, &c->all, link, next) {
		if (!is_there(k)) {
			forget(c, k);
			continue;
		}
		if (k->fresh == NULL && k->until != 0 && k->until <= now)
			cut(k);
	}
}

static void
on_timer(void *arg)
{
	struct web_connections *c = arg;

	sweep(c);
	if (c->stopped && c->count < WEB_CONNECTIONS_MAX) {
		c->stopped = false;
		c->full(c->arg, false);
	}
	for (unsigned i = 0; c->stopped && i < CUT_AT_ONCE && cut_oldest(c, NULL); i++)
		;
	if (c->count > 0)
		loop_timer_set(c->timer, c->stopped ? FULL_MS : SWEEP_MS);
}

void
web_connections_add(struct web_connections *c, struct bufferevent *b, bool by_client)
{
	struct web_connection *k = mem_new(struct web_connection);

	*k = (struct web_connection){ .fresh = b, .fd = -1, .by_client = by_client,
	    .until = clock_mono_ms() + WEB_REQUEST_MS };
	bufferevent_incref(b);
	TAILQ_INSERT_TAIL(&c->all, k, link);
	loop_timer_set(c->look, 0);
	if (c->count++ == 0)
		loop_timer_set(c->timer, SWEEP_MS);
	if (c->count < WEB_CONNECTIONS_MAX)
		return;
	sweep(c);
	if (c->count >= WEB_CONNECTIONS_MAX) {
		c->stopped = true;
		c->full(c->arg, true);
		loop_timer_set(c->timer, FULL_MS);
	}
}

void
web_connections_serving(struct web_connections *c, int fd, bool serving)
{
	struct web_connection *k;

	on_look(c);
	TAILQ_FOREACH(k, &c->all, link)
		if (k->fd == fd && is_there(k))
			k->until = serving ? 0 : clock_mono_ms() + WEB_IDLE_MS;
}

struct web_connections *
web_connections_new(struct loop *loop, void (*full)(void *arg, bool is), void *arg)
{
	struct web_connections *c = mem_new(struct web_connections);

	c->full = full;
	c->arg = arg;
	TAILQ_INIT(&c->all);
	c->timer = loop_timer_new(loop, on_timer, c);
	c->look = loop_timer_new(loop, on_look, c);
	return c;
}

void
web_connections_free(struct web_connections *c)
{
	struct web_connection *k;

	while ((k = TAILQ_FIRST(&c->all)) != NULL)
		forget(c, k);
	loop_timer_free(c->timer);
	loop_timer_free(c->look);
	free(c);
}
