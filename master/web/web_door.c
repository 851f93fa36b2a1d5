/*
 * web_door - the ways in: TCP without TLS, TCP with it, and sockets with a path; one HTTP server each
 *
 * Runs in:  web
 * Owns:     the HTTP servers
 * Promise:  a connection is counted before its first byte is read. With a certificate no TCP address is
 *           served without TLS, not even before the certificate is there
 * Fails by: die() while starting
 */
#include "master/web/web.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/tls/tls.h"

#define BODY_MAX 65536
#define TIMEOUT_S 60		/* of a peer that neither reads nor writes */

/* NULL makes libevent take the connection without TLS: it must not come to that. */
static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	struct web_door *d = arg;
	struct ssl_st *link = d->kind == WEB_TLS ? web_tls_link(d->web) : NULL;
	struct bufferevent *b = NULL;

	if (d->kind != WEB_TLS)
		b = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	else if (link != NULL)
		b = bufferevent_openssl_socket_new(base, -1, link, BUFFEREVENT_SSL_ACCEPTING,
		    BEV_OPT_CLOSE_ON_FREE);
	if (b == NULL)
		die(EX_OSERR, "no memory for a connection");
	if (d->kind == WEB_TLS)
		bufferevent_openssl_set_allow_dirty_shutdown(b, 1);
	web_connections_add(d->web->connections, b, d->kind != WEB_PATH);
	return b;
}

static void
on_request(struct evhttp_request *q, void *arg)
{
	struct web_door *d = arg;

	d->web->serve(d->web, q, d->kind);
}

static bool
has_path(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 && sa.ss_family == AF_UNIX;
}

void
web_door_open(struct web *w, enum web_door_kind kind)
{
	struct web_door *d = &w->door[kind];
	struct evhttp *http = evhttp_new(loop_base(w->boot->loop));

	if (http == NULL)
		die(EX_OSERR, "cannot make an HTTP server");
	*d = (struct web_door){ .web = w, .kind = kind, .http = http };
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
	evhttp_set_max_headers_size(http, WEB_HEADERS_MAX + (w->config->keytab != NULL ? WEB_TICKET_MAX : 0));
	evhttp_set_max_body_size(http, BODY_MAX);
	evhttp_set_timeout(http, TIMEOUT_S);
	evhttp_set_default_content_type(http, NULL);
	evhttp_set_bevcb(http, on_connection, d);
	evhttp_set_gencb(http, on_request, d);
	for (unsigned i = 0; i < w->boot->listeners; i++) {
		int fd = BOOT_LISTEN + (int)i;
		struct evhttp_bound_socket *bound;

		if (has_path(fd) != (kind == WEB_PATH) ||
		    (kind != WEB_PATH && (w->config->certificate != NULL) != (kind == WEB_TLS)))
			continue;
		bound = evhttp_accept_socket_with_handle(http, fd);
		if (bound == NULL)
			die(EX_OSERR, "cannot serve on socket %u: %s", i, strerror(errno));
		d->socket[d->sockets++] = evhttp_bound_socket_get_listener(bound);
	}
}

void
web_door_stop(void *web, bool stop)
{
	struct web *w = web;

	for (size_t i = 0; i < WEB_DOORS; i++)
		for (size_t n = 0; n < w->door[i].sockets; n++)
			(void)(stop ? evconnlistener_disable(w->door[i].socket[n]) :
			    evconnlistener_enable(w->door[i].socket[n]));
}

void
web_door_close_all(struct web *w)
{
	for (size_t i = 0; i < WEB_DOORS; i++)
		if (w->door[i].http != NULL)
			evhttp_free(w->door[i].http);
}
