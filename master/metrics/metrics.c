/*
 * metrics - GET /metrics on sockets that the master has opened: the counters of all virtual servers
 *
 * Runs in:  metrics
 * Owns:     mappings of the counters, for reading only
 * Promise:  can change no counter and reach no spool; asks no other process. The parser of evhttp has had
 *           faults, so it runs only here, and only on a path or a loopback address (key_check)
 * Fails by: an HTTP error
 */
#include "master/metrics/metrics.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters_text.h"

#define TEXT_MAX (16U << 20)
#define HEADERS_MAX 8192
#define TIMEOUT_S 10

struct metrics_server {
	TAILQ_ENTRY(metrics_server) link;	/* by name */
	char name[CONFIG_NAME_MAX + 1];
	struct counters *counters;
};

struct metrics {
	struct boot *boot;
	struct evhttp *http;
	TAILQ_HEAD(, metrics_server) all;
	size_t count;
};

static void
on_scrape(struct evhttp_request *q, void *arg)
{
	struct metrics *m = arg;
	struct counters_text_server *list = mem_array(NULL, m->count + 1, sizeof(*list));
	struct buf text = BUF_INIT(TEXT_MAX);
	struct evbuffer *out = evbuffer_new();
	const struct metrics_server *k;
	size_t n = 0;

	TAILQ_FOREACH(k, &m->all, link)
		list[n++] = (struct counters_text_server){ k->name, k->counters };
	counters_text_prometheus(&text, list, n);
	if (out != NULL && buf_ok(&text) && evbuffer_add(out, text.data, text.len) == 0) {
		evhttp_add_header(evhttp_request_get_output_headers(q), "Content-Type",
		    "text/plain; version=0.0.4; charset=utf-8");
		evhttp_send_reply(q, HTTP_OK, "OK", out);
	} else {
		evhttp_send_error(q, HTTP_INTERNAL, NULL);
	}
	if (out != NULL)
		evbuffer_free(out);
	buf_done(&text);
	free(list);
}

static void
on_other(struct evhttp_request *q, void *arg)
{
	evhttp_send_error(q, HTTP_NOTFOUND, "Not Found");
}

static void
forget_server(struct metrics *m, struct metrics_server *k)
{
	TAILQ_REMOVE(&m->all, k, link);
	m->count--;
	counters_free(k->counters);
	free(k);
}

static void
add_server(struct metrics *m, const char *name, struct counters *counters)
{
	struct metrics_server *k = mem_new(struct metrics_server), *after;

	memcpy(k->name, name, sizeof(k->name));
	k->counters = counters;
	m->count++;
	TAILQ_FOREACH(after, &m->all, link)
		if (strcmp(after->name, name) > 0)
			break;
	if (after != NULL)
		TAILQ_INSERT_BEFORE(after, k, link);
	else
		TAILQ_INSERT_TAIL(&m->all, k, link);
}

/* CTL_COUNTERS: with a descriptor, the counters of a virtual server; without, it is gone. */
static void
take_counters(struct metrics *m, const struct ctl_message *message)
{
	char name[CONFIG_NAME_MAX + 1] = "";
	struct metrics_server *k, *next;
	struct counters *counters = NULL;

	memcpy(name, message->data, message->len < sizeof(name) ? message->len : sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	TAILQ_FOREACH_SAFE(k, &m->all, link, next)
		if (strcmp(k->name, name) == 0)
			forget_server(m, k);
	if (message->fd == -1)
		return;
	counters = counters_map_readonly(message->fd);
	if (counters == NULL)
		log_event(LOG_WARN, NULL, "trouble", "doing=metrics server=%s reason=%s", log_safe(name),
		    log_safe(strerror(errno)));
	else
		add_server(m, name, counters);
}

static void
take_control(struct boot *b, const struct ctl_message *message)
{
	if (message->type == CTL_COUNTERS)
		take_counters(b->state, message);
	else
		boot_helper_control(b, message);
}

static void
start_helper(struct boot *b)
{
	struct metrics *m = mem_new(struct metrics);

	b->state = m;
	m->boot = b;
	TAILQ_INIT(&m->all);
	m->http = evhttp_new(loop_base(b->loop));
	if (m->http == NULL)
		die(EX_OSERR, "cannot make an HTTP server");
	evhttp_set_allowed_methods(m->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(m->http, HEADERS_MAX);
	evhttp_set_max_body_size(m->http, 0);
	evhttp_set_timeout(m->http, TIMEOUT_S);
	evhttp_set_gencb(m->http, on_other, m);
	if (evhttp_set_cb(m->http, "/metrics", on_scrape, m) == -1)
		die(EX_OSERR, "cannot serve /metrics");
	for (unsigned i = 0; i < b->listeners; i++)
		if (evhttp_accept_socket(m->http, BOOT_LISTEN + (int)i) == -1)
			die(EX_OSERR, "cannot serve on socket %u: %s", i, strerror(errno));
	boot_ready(b);
}

static void
finish_helper(struct boot *b)
{
	struct metrics *m = b->state;
	struct metrics_server *k;

	evhttp_free(m->http);
	while ((k = TAILQ_FIRST(&m->all)) != NULL)
		forget_server(m, k);
	free(m);
	b->state = NULL;
}

const struct boot_role metrics_role = {
	.name = "metrics",
	.title = "shows the counters to Prometheus",
	.user = offsetof(struct config_service, metrics_user),
	.run = start_helper,
	.on_control = take_control,
	.finish = finish_helper,
};
