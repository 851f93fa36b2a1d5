/*
 * listen - the listening sockets of the virtual servers
 *
 * Runs in:  master
 * Owns:     the descriptors in a listen_set
 * Promise:  the reason of a failure is one line that names the virtual server that has the address, or says
 *           that another program has it. An address beside a wildcard of its port gets its own clients, in
 *           whatever order the two are opened, and while its virtual server is paused or stopped no other
 *           one gets them: their mail would be returned by its rules. A pause keeps the port
 * Fails by: -1 and a reason; then nothing has changed
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/process/loop.h"
#include "master/servers/servers.h"

#define LISTEN_PRIVILEGED 1024
#define REFUSALS_A_TURN 64
#define REST_MS 1000

static const struct sockaddr *
address_of(const struct listen_socket *l)
{
	return (const struct sockaddr *)&l->address.sa;
}

/* IPv6 sockets are V6ONLY: addresses of different families never overlap. */
bool
listen_covers(const struct sockaddr *wide, const struct sockaddr *narrow)
{
	return wide->sa_family == narrow->sa_family && net_port(wide) == net_port(narrow) &&
	    net_is_any(wide) && !net_is_any(narrow);
}

/*
 * Another virtual server that has the address, or NULL. One that is paused has it, too, although the system
 * would allow another socket to listen.
 */
static const struct server *
find_owner(const struct server *self, const struct sockaddr *sa)
{
	const struct server *s;

	TAILQ_FOREACH(s, &self->m->servers, link) {
		if (s == self)
			continue;
		for (size_t i = 0; i < s->sockets.count; i++)
			if (net_equal(address_of(&s->sockets.socket[i]), sa))
				return s;
	}
	return NULL;
}

/* --- an address and a wildcard of its port --- */

static void
set_sharing(int fd, bool on)
{
	int value = on;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

static bool
share_in_set(const struct listen_set *set, const struct sockaddr *sa, bool on)
{
	bool found = false;

	for (size_t i = 0; i < set->count; i++) {
		const struct listen_socket *o = &set->socket[i];

		if (o->fd == -1 || o->placeholder ||
		    (!listen_covers(address_of(o), sa) && !listen_covers(sa, address_of(o))))
			continue;
		set_sharing(o->fd, on);
		found = true;
	}
	return found;
}

/*
 * Lets a socket listen on `sa` beside those of the service that cover it or that it covers; the kernel gives
 * a connection to the most exact one. Only for as long as one is opened: a socket that always shared would
 * let other programs of the same user in. True: there are such sockets.
 */
static bool
share_address(const struct master *m, const struct sockaddr *sa, bool on)
{
	const struct server *s;
	bool found = false;

	TAILQ_FOREACH(s, &m->servers, link) {
		found |= share_in_set(&s->sockets, sa, on);
		found |= share_in_set(&s->leaving, sa, on);
		found |= share_in_set(&s->guard, sa, on);
	}
	return found;
}

/* A wildcard that listens, or (`paused`) may listen again, would get the clients of a paused address. */
static bool
is_covered(const struct master *m, const struct listen_socket *l, bool paused)
{
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		for (size_t i = 0; i < s->sockets.count; i++)
			if (s->sockets.socket[i].fd != -1 && (paused || !s->sockets.socket[i].paused) &&
			    listen_covers(address_of(&s->sockets.socket[i]), address_of(l)))
				return true;
	return false;
}

static int
start_listening(const struct master *m, const struct listen_socket *l)
{
	bool shared = share_address(m, address_of(l), true);
	int result, saved;

	set_sharing(l->fd, shared);
	result = listen(l->fd, SOMAXCONN);
	saved = errno;
	set_sharing(l->fd, false);
	(void)share_address(m, address_of(l), false);
	errno = saved;
	return result;
}

struct listen_refusal {
	int fd;				/* of the listen_socket */
	struct loop_io *io;
	struct loop_timer *rest;	/* no descriptor is left, and a client waits */
};

static void
on_rested(void *arg)
{
	loop_io_want(((struct listen_refusal *)arg)->io, LOOP_READ);
}

/* Ends each connection with a reset: the client tries elsewhere, as where nothing listens. */
static void
turn_away(void *arg, unsigned what)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct listen_refusal *r = arg;

	for (int i = 0; i < REFUSALS_A_TURN; i++) {
		int fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
				loop_io_want(r->io, 0);
				loop_timer_set(r->rest, REST_MS);
			}
			return;
		}
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
}

static void
end_refusal(struct listen_socket *l)
{
	if (l->refusal == NULL)
		return;
	loop_io_free(l->refusal->io);
	loop_timer_free(l->refusal->rest);
	free(l->refusal);
	l->refusal = NULL;
}

static void
begin_refusal(const struct master *m, struct listen_socket *l)
{
	if (l->refusal != NULL || start_listening(m, l) == -1)
		return;
	l->refusal = mem_new(struct listen_refusal);
	l->refusal->fd = l->fd;
	l->refusal->io = loop_io_new(m->loop, l->fd, LOOP_READ, turn_away, l->refusal);
	l->refusal->rest = loop_timer_new(m->loop, on_rested, l->refusal);
}

/* A wildcard was opened: paused addresses that it covers turn their clients away from now on. */
static void
refuse_covered(const struct master *m, const struct listen_socket *wide)
{
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		for (size_t i = 0; i < s->sockets.count; i++)
			if (s->sockets.socket[i].paused &&
			    listen_covers(address_of(wide), address_of(&s->sockets.socket[i])))
				begin_refusal(m, &s->sockets.socket[i]);
}

/* --- opening --- */

static int
bind_socket(int fd, const struct net_address *a)
{
	static const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -1;
	if (a->sa.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1)
		return -1;
	return bind(fd, (const struct sockaddr *)&a->sa, a->len);
}

/* Bound, and listening if it is to. 0, or -1 and errno. */
static int
open_socket(const struct master *m, struct listen_socket *l, bool listening)
{
	const struct net_address *a = &l->address;
	bool shared;
	int result, saved;

	l->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd == -1 && errno == EAFNOSUPPORT && net_is_any(address_of(l))) {
		/*
		 * "[::]:25" on a host without IPv6 is no error. A socket that is never used keeps its place
		 * in the order of the configuration.
		 */
		l->placeholder = true;
		l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		return l->fd == -1 ? -1 : 0;
	}
	if (l->fd == -1)
		return -1;
	shared = share_address(m, address_of(l), true);
	set_sharing(l->fd, shared);
	result = bind_socket(l->fd, a);
	saved = errno;
	if (shared)
		(void)share_address(m, address_of(l), false);
	errno = saved;
	if (result == 0 && listening)
		result = start_listening(m, l);
	l->paused = !listening;
	if (result == 0)
		return 0;
	saved = errno;
	close(l->fd);
	l->fd = -1;
	errno = saved;
	return -1;
}

static void
explain_failure(struct buf *why, const struct listen_socket *l, int error)
{
	switch (error) {
	case EADDRINUSE:
		buf_printf(why, "address %s is in use by another program", l->text);
		break;
	case EADDRNOTAVAIL:
		buf_printf(why, "address %s is not an address of this host", l->text);
		break;
	case EACCES:
		buf_printf(why, "address %s cannot be opened: %s%s", l->text, strerror(error),
		    net_port((const struct sockaddr *)&l->address.sa) < LISTEN_PRIVILEGED ?
		    "; ports below 1024 need root or CAP_NET_BIND_SERVICE" : "");
		break;
	default:
		buf_printf(why, "address %s cannot be opened: %s", l->text, strerror(error));
	}
}

static void
move_socket(struct listen_socket *to, struct listen_socket *from)
{
	to->fd = from->fd;
	to->placeholder = from->placeholder;
	to->paused = from->paused;
	to->refusal = from->refusal;
	from->fd = -1;
	from->refusal = NULL;
}

/* Moves the socket of `old` with exactly that address to `l`. 0; -1: there is none. */
static int
take_over(struct listen_set *old, struct listen_socket *l)
{
	for (size_t i = 0; old != NULL && i < old->count; i++) {
		struct listen_socket *o = &old->socket[i];

		if (o->fd == -1 || !net_equal(address_of(o), address_of(l)))
			continue;
		move_socket(l, o);
		return 0;
	}
	return -1;
}

/* After a failure: old sockets go back to `old`, new ones are closed. */
static void
give_back(struct listen_set *set, struct listen_set *old)
{
	for (size_t i = 0; i < set->count; i++) {
		struct listen_socket *l = &set->socket[i];

		for (size_t k = 0; old != NULL && k < old->count && l->fd != -1; k++) {
			struct listen_socket *o = &old->socket[k];

			if (o->fd == -1 && net_equal(address_of(o), address_of(l)))
				move_socket(o, l);
		}
	}
	listen_close(set);
}

/* The address of a stopped virtual server goes to one that starts there. */
static void
take_from_guards(const struct master *m, const struct sockaddr *sa)
{
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		for (size_t i = 0; i < s->guard.count; i++) {
			struct listen_socket *l = &s->guard.socket[i];

			if (l->fd == -1 || !net_equal(address_of(l), sa))
				continue;
			end_refusal(l);
			close(l->fd);
			l->fd = -1;
		}
}

/* It listens for itself from now on. */
static int
end_guard(const struct master *m, struct listen_socket *l, struct buf *why)
{
	end_refusal(l);
	if (start_listening(m, l) == -1) {
		explain_failure(why, l, errno);
		return -1;
	}
	l->paused = false;
	return 0;
}

static int
open_address(struct listen_socket *l, const struct server *s, struct listen_set *old, bool listening,
    struct buf *why)
{
	const struct server *owner;

	if (take_over(old, l) == 0)
		return listening && l->paused ? end_guard(s->m, l, why) : 0;
	owner = find_owner(s, address_of(l));
	if (owner != NULL) {
		buf_printf(why, "address %s is in use by virtual server %s", l->text, owner->name);
		return -1;
	}
	take_from_guards(s->m, address_of(l));
	if (open_socket(s->m, l, listening) == -1) {
		explain_failure(why, l, errno);
		return -1;
	}
	if (listening && net_is_any(address_of(l)))
		refuse_covered(s->m, l);
	if (!listening && is_covered(s->m, l, false))
		begin_refusal(s->m, l);
	return 0;
}

static struct listen_socket
name_address(const struct net_address *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->sa;
	char text[NET_TEXT_SIZE];

	net_format(text, sa);
	return (struct listen_socket){ .fd = -1, .address = *a,
	    .text = sa->sa_family == AF_INET && net_is_any(sa) ? mem_printf("*:%u", net_port(sa)) :
	    mem_strdup(text) };
}

int
listen_open(struct listen_set *set, const struct server *s, const struct config_server *conf,
    struct listen_set *old, bool listening, struct buf *why)
{
	*set = (struct listen_set){ .socket = mem_array(NULL, conf->nlisten + 1, sizeof(*set->socket)) };
	for (size_t i = 0; i < conf->nlisten; i++) {
		struct listen_socket *l = &set->socket[set->count++];

		*l = name_address(&conf->listen[i].address);
		if (open_address(l, s, old, listening, why) == -1) {
			give_back(set, old);
			return -1;
		}
	}
	return 0;
}

void
listen_guard(struct server *s, const struct config_server *conf)
{
	struct listen_set set = { 0 };

	if (conf != NULL)
		set.socket = mem_array(NULL, conf->nlisten + 1, sizeof(*set.socket));
	for (size_t i = 0; conf != NULL && i < conf->nlisten; i++) {
		struct listen_socket l = name_address(&conf->listen[i].address);

		if (!is_covered(s->m, &l, true) || find_owner(s, address_of(&l)) != NULL ||
		    (take_over(&s->guard, &l) == -1 && open_socket(s->m, &l, false) == -1)) {
			free(l.text);
			continue;
		}
		l.paused = true;
		begin_refusal(s->m, &l);
		set.socket[set.count++] = l;
	}
	listen_close(&s->guard);
	s->guard = set;
}

void
listen_merge(struct listen_set *into, struct listen_set *from)
{
	into->socket = mem_array(into->socket, into->count + from->count + 1, sizeof(*into->socket));
	for (size_t i = 0; i < from->count; i++) {
		if (from->socket[i].fd != -1)
			into->socket[into->count++] = from->socket[i];
		else
			free(from->socket[i].text);
	}
	free(from->socket);
	*from = (struct listen_set){ 0 };
}

static void
pause_socket(const struct master *m, struct listen_socket *l)
{
	if (l->fd == -1 || l->placeholder)
		return;
	/* A shutdown while it does not listen would stay, and shut connections that come later. */
	if (!l->paused)
		(void)shutdown(l->fd, SHUT_RD);
	l->paused = true;
	if (is_covered(m, l, false))
		begin_refusal(m, l);
}

void
listen_pause(const struct master *m, struct listen_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		pause_socket(m, &set->socket[i]);
}

int
listen_continue(const struct master *m, struct listen_set *set, struct buf *why)
{
	for (size_t i = 0; i < set->count; i++) {
		struct listen_socket *l = &set->socket[i];

		end_refusal(l);
		if (!l->placeholder && start_listening(m, l) == -1) {
			explain_failure(why, l, errno);
			listen_pause(m, set);
			return -1;
		}
		l->paused = false;
		if (net_is_any(address_of(l)))
			refuse_covered(m, l);
	}
	return 0;
}

void
listen_close(struct listen_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct listen_socket *l = &set->socket[i];

		end_refusal(l);
		if (l->fd != -1) {
			if (!l->placeholder)
				(void)shutdown(l->fd, SHUT_RD);
			close(l->fd);
		}
		free(l->text);
	}
	free(set->socket);
	*set = (struct listen_set){ 0 };
}
