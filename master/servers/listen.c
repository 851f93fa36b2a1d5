/*
 * listen - the listening sockets of the virtual servers
 *
 * Runs in:  master
 * Owns:     the descriptors in a listen_set
 * Promise:  the reason of a failure is one line that names the virtual server that has the address, or says
 *           that another program has it. A pause keeps the port
 * Fails by: -1 and a reason; then nothing has changed
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/servers/servers.h"

#define LISTEN_PRIVILEGED 1024

static bool
is_any_address(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

/* IPv6 sockets are V6ONLY: addresses of different families never overlap. */
bool
listen_overlap(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family || net_port(a) != net_port(b))
		return false;
	return is_any_address(a) || is_any_address(b) || net_equal(a, b);
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
			if (listen_overlap((const struct sockaddr *)&s->sockets.socket[i].address.sa, sa))
				return s;
	}
	return NULL;
}

static int
bind_socket(int fd, const struct net_address *a, bool listening)
{
	static const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -1;
	if (a->sa.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&a->sa, a->len) == -1)
		return -1;
	return listening ? listen(fd, SOMAXCONN) : 0;
}

/* A descriptor, or -1 and errno. */
static int
open_socket(const struct net_address *a, bool listening, bool *placeholder)
{
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*placeholder = false;
	if (fd == -1 && errno == EAFNOSUPPORT && is_any_address((const struct sockaddr *)&a->sa)) {
		/*
		 * "[::]:25" on a host without IPv6 is no error. A socket that is never used keeps its place
		 * in the order of the configuration.
		 */
		*placeholder = true;
		return socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd != -1 && bind_socket(fd, a, listening) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
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

/* Moves the socket of `old` with exactly that address to `l`. 0; -1: there is none. */
static int
take_over(struct listen_set *old, struct listen_socket *l)
{
	for (size_t i = 0; old != NULL && i < old->count; i++) {
		struct listen_socket *o = &old->socket[i];

		if (o->fd == -1 ||
		    !net_equal((const struct sockaddr *)&o->address.sa,
		    (const struct sockaddr *)&l->address.sa))
			continue;
		l->fd = o->fd;
		l->placeholder = o->placeholder;
		o->fd = -1;
		return 0;
	}
	return -1;
}

/* After a failure: old sockets go back to `old` and listen again, new ones are closed. */
static void
give_back(struct listen_set *set, struct listen_set *old, bool listening)
{
	for (size_t i = 0; i < set->count; i++) {
		struct listen_socket *l = &set->socket[i];

		for (size_t k = 0; old != NULL && k < old->count && l->fd != -1; k++) {
			struct listen_socket *o = &old->socket[k];

			if (o->fd == -1 &&
			    net_equal((const struct sockaddr *)&o->address.sa,
			    (const struct sockaddr *)&l->address.sa)) {
				o->fd = l->fd;
				l->fd = -1;
			}
		}
	}
	listen_close(set);
	for (size_t i = 0; old != NULL && listening && i < old->count; i++)
		if (!old->socket[i].placeholder)
			(void)listen(old->socket[i].fd, SOMAXCONN);
}

/*
 * When "127.0.0.1:25" becomes "*:25" within one virtual server, the old socket keeps the new one from
 * listening. Stops the old one until the new one is open; connections in between are refused, which cannot be
 * avoided. True: one was stopped.
 */
static bool
pause_overlapping(const struct listen_set *old, const struct listen_socket *l)
{
	bool paused = false;

	for (size_t i = 0; old != NULL && i < old->count; i++) {
		const struct listen_socket *o = &old->socket[i];

		if (o->fd != -1 && !o->placeholder &&
		    listen_overlap((const struct sockaddr *)&o->address.sa,
		    (const struct sockaddr *)&l->address.sa))
			paused = shutdown(o->fd, SHUT_RD) == 0;
	}
	return paused;
}

static int
open_address(struct listen_socket *l, const struct server *s, struct listen_set *old, bool listening,
    struct buf *why)
{
	const struct server *owner;

	if (take_over(old, l) == 0)
		return 0;
	owner = find_owner(s, (const struct sockaddr *)&l->address.sa);
	if (owner != NULL) {
		buf_printf(why, "address %s is in use by virtual server %s", l->text, owner->name);
		return -1;
	}
	l->fd = open_socket(&l->address, listening, &l->placeholder);
	if (l->fd == -1 && errno == EADDRINUSE && pause_overlapping(old, l))
		l->fd = open_socket(&l->address, listening, &l->placeholder);
	if (l->fd == -1) {
		explain_failure(why, l, errno);
		return -1;
	}
	return 0;
}

int
listen_open(struct listen_set *set, const struct server *s, const struct config_server *conf,
    struct listen_set *old, bool listening, struct buf *why)
{
	*set = (struct listen_set){ .socket = mem_array(NULL, conf->nlisten + 1, sizeof(*set->socket)) };
	for (size_t i = 0; i < conf->nlisten; i++) {
		struct listen_socket *l = &set->socket[set->count++];
		char text[NET_TEXT_SIZE];

		net_format(text, (const struct sockaddr *)&conf->listen[i].address.sa);
		*l = (struct listen_socket){ .fd = -1, .address = conf->listen[i].address,
		    .text = mem_strdup(text) };
		if (open_address(l, s, old, listening, why) == -1) {
			give_back(set, old, listening);
			return -1;
		}
	}
	return 0;
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

void
listen_pause(const struct listen_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->socket[i].fd != -1 && !set->socket[i].placeholder)
			(void)shutdown(set->socket[i].fd, SHUT_RD); /* ENOTCONN: it did not listen */
}

int
listen_continue(const struct listen_set *set, struct buf *why)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct listen_socket *l = &set->socket[i];

		if (l->placeholder || listen(l->fd, SOMAXCONN) == 0)
			continue;
		explain_failure(why, l, errno);
		listen_pause(set);
		return -1;
	}
	return 0;
}

void
listen_close(struct listen_set *set)
{
	listen_pause(set);
	for (size_t i = 0; i < set->count; i++) {
		if (set->socket[i].fd != -1)
			close(set->socket[i].fd);
		free(set->socket[i].text);
	}
	free(set->socket);
	*set = (struct listen_set){ 0 };
}
