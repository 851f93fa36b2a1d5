/*
 * web - the helper that serves the manager to web browsers: from a request to its answer
 *
 * Runs in:  web
 * Owns:     struct web
 * Promise:  it has no right of its own and no folder: commands go to the master with the handle of a session
 *           that the master made, and the master knows whose it is. A request that web_judge refuses does
 *           nothing
 * Fails by: an answer with a status of HTTP
 */
#include "master/web/web.h"

#include <bsd/sys/queue.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define FIELDS_MAX 128
/* What an address may ask the master: at once, and then one each so many milliseconds */
enum { STRANGERS_MOST = 20, STRANGERS_MS = 200, LOGINS_MOST = 60, LOGINS_MS = 50 };
#define LIBEVENT_LEAST 0x02010c00	/* 2.1.12; Debian mended that of its version 12 in deb12u1 */

static int
descriptor_of(struct evhttp_request *q)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(q);

	return connection != NULL ? bufferevent_getfd(evhttp_connection_get_bufferevent(connection)) : -1;
}

static void
on_answered(struct evhttp_request *q, void *arg)
{
	struct web *w = arg;

	web_connections_serving(w->connections, descriptor_of(q), false);
}

/* False: it has more fields than any browser sends. */
static bool
take_fields(struct web_field field[FIELDS_MAX], size_t *n, struct evhttp_request *q)
{
	const struct evkeyval *f;

	*n = 0;
	TAILQ_FOREACH(f, evhttp_request_get_input_headers(q), next) {
		if (*n == FIELDS_MAX)
			return false;
		field[(*n)++] = (struct web_field){ f->key, f->value };
	}
	return true;
}

/* The last field of that name: some web servers add theirs behind what the browser has sent. NULL: none. */
static const char *
last_field(struct evhttp_request *q, const char *name)
{
	const struct evkeyval *f;
	const char *value = NULL;

	TAILQ_FOREACH(f, evhttp_request_get_input_headers(q), next)
		if (strcasecmp(f->key, name) == 0)
			value = f->value;
	return value;
}

/* Of a web server in front, which only those of our group can be: whom it says that it serves. */
static void
put_client(char client[64], struct evhttp_request *q, enum web_door_kind kind)
{
	const char *list = last_field(q, "X-Forwarded-For"), *last;
	char *address = NULL;
	ev_uint16_t port;

	if (kind == WEB_PATH) {
		last = list != NULL ? strrchr(list, ',') : NULL;
		last = last != NULL ? last + 1 + strspn(last + 1, " \t") : list;
		snprintf(client, 64, "%s", last != NULL ? log_safe(last) : "-");
		return;
	}
	evhttp_connection_get_peer(evhttp_request_get_connection(q), &address, &port);
	snprintf(client, 64, "%s", address != NULL ? address : "-");
}

static void
serve_verdict(struct web *w, struct evhttp_request *q, const struct web_verdict *v, enum web_door_kind kind)
{
	char client[64];

	put_client(client, q, kind);
	if (v->status == HTTP_BADREQUEST)	/* where it ends is not sure */
		web_reply_last(q);
	if (v->status != 0)
		web_reply_error(q, v->status, v->why);
	else if (v->route == WEB_ROUTE_PAGE)
		web_reply_page(w, q, v->page);
	else
		web_api_serve(w, q, v, kind, client);
}

static void
serve(struct web *w, struct evhttp_request *q, enum web_door_kind kind)
{
	struct web_field field[FIELDS_MAX];
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	struct web_request r = { .field = field, .secure = kind != WEB_PLAIN, .hosts = &w->config->hosts,
	    .target = evhttp_request_get_uri(q), .key = w->key };
	enum evhttp_cmd_type method = evhttp_request_get_command(q);
	struct web_verdict v = { .status = HTTP_BADREQUEST, .why = "the header has too many fields" };
	int fd = descriptor_of(q);

	web_connections_serving(w->connections, fd, true);
	evhttp_request_set_on_complete_cb(q, on_answered, w);
	r.method = method == EVHTTP_REQ_POST ? WEB_POST : method == EVHTTP_REQ_HEAD ? WEB_HEAD : WEB_GET;
	if (kind != WEB_PATH && getsockname(fd, (struct sockaddr *)&local, &len) == 0)
		r.local = (const struct sockaddr *)&local;
	if (take_fields(field, &r.fields, q))
		web_judge(&v, &r);
	serve_verdict(w, q, &v, kind);
	explicit_bzero(&v, sizeof(v));
}

/* The master sends it before all else. */
static void
take_key(struct web *w, const struct ctl_message *m)
{
	memcpy(w->key, m->data, sizeof(w->key));
	web_door_open(w, WEB_PATH);
	if (w->config->certificate == NULL)
		web_door_open(w, WEB_PLAIN);
	web_tls_ask(w);
}

static void
take_control(struct boot *b, const struct ctl_message *m)
{
	struct web *w = b->state;

	if (m->type == CTL_FILE)
		web_tls_take(w, m);
	else if (m->type == CTL_WEB_KEY)
		take_key(w, m);
	else if (m->type == CTL_RENEWED || m->type == CTL_LOGS)	/* a change, or a reload */
		web_tls_ask(w);
	else if (m->type == CTL_TEXT || m->type == CTL_END || m->type == CTL_WEB_SESSION ||
	    m->type == CTL_WEB_EVENTS)
		web_ask_take(w, m);
	else
		boot_helper_control(b, m);
}

static void
on_tls_ready(struct web *w)
{
	web_door_open(w, WEB_TLS);
}

static void
prepare_helper(struct boot *b)
{
	struct web *w = mem_new(struct web);

	b->state = w;
	w->boot = b;
	w->config = &b->config->service.manager;
	w->serve = serve;
	w->tls_ready = on_tls_ready;
	w->page = web_page_load();
}

static void
start_helper(struct boot *b)
{
	struct web *w = b->state;

	if (event_get_version_number() < LIBEVENT_LEAST)
		boot_refuse(b, EX_UNAVAILABLE, "libevent is older than 2.1.12: its HTTP has known faults");
	w->asks = web_ask_new();
	w->strangers = web_throttle_new(STRANGERS_MOST, STRANGERS_MS);
	w->logins = web_throttle_new(LOGINS_MOST, LOGINS_MS);
	w->events = web_events_new(w);
	w->imports = web_import_new(w->boot->loop);
	w->connections = web_connections_new(b->loop, web_door_stop, w);
	boot_ready(b);
}

static void
finish_helper(struct boot *b)
{
	struct web *w = b->state;

	web_ask_free(w->asks);
	web_door_close_all(w);
	web_events_free(w->events);
	web_import_free(w->imports);
	web_throttle_free(w->strangers);
	web_throttle_free(w->logins);
	web_connections_free(w->connections);
	web_tls_done(w);
	web_page_forget(w->page);
	explicit_bzero(w->key, sizeof(w->key));
	free(w);
	b->state = NULL;
}

const struct boot_role web_role = {
	.name = "web",
	.title = "serves the manager to web browsers",
	.user = offsetof(struct config_service, web_user),
	.prepare = prepare_helper,
	.run = start_helper,
	.on_control = take_control,
	.finish = finish_helper,
};
