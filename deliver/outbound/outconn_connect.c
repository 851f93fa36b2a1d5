/*
 * outconn_connect - the socket of an outbound connection, and the names of its other end
 *
 * Runs in:  deliver
 * Owns:     nothing; socket and names belong to the connection
 * Promise:  never waits; the source address is the first configured one of the same family
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "deliver/outbound/outbound.h"

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
		/* the port is chosen at connect(2): each destination has 28,000 ports, not all together */
		setsockopt(p->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
		return bind(p->fd, (const struct sockaddr *)&source.sa, source.len);
	}
	return 0;
}

int
outconn_connect_begin(struct outconn *p)
{
	int family = p->to.sa.ss_family;

	p->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd == -1)
		return -1;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (bind_source(p, p->site->o->server, family) == -1)
		return -1;
	if (connect(p->fd, (const struct sockaddr *)&p->to.sa, p->to.len) == -1 && errno != EINPROGRESS)
		return -1;
	return 0;
}

void
outconn_connect_names(struct outconn *p, const struct mx_address *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->to.sa;

	p->to = a->to;
	p->host = mem_strdup(a->host);
	p->tlsa = tlsa_set_copy(a->tlsa);
	p->policy = (struct tls_policy_host){ .name = a->literal ? p->ip : p->host, .literal = a->literal,
	    .sure = a->sure, .sts = a->sts, .tlsa = p->tlsa,
	    .watched = a->applied != NULL && a->applied->testing && !a->literal };
	net_format_ip(p->ip, sa);
	p->port = net_port(sa);
	if (a->host[0] == '[')
		snprintf(p->where, sizeof(p->where), "[%s]:%u", p->ip, p->port);
	else
		snprintf(p->where, sizeof(p->where), "%.240s [%s]:%u", a->host, p->ip, p->port);
}
