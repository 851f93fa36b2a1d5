/*
 * web_reply - what every answer has in common: the fields that tell the browser what a page may do
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  no page loads, sends or shows anything of another site, and none is shown inside of one; nothing
 *           of an answer to /api is stored
 * Fails by: an empty answer
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/web/web.h"

static const struct web_field common_fields[] = {
	{ "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
	    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()" },
};

static void
add_field(struct evhttp_request *q, const char *name, const char *value)
{
	(void)evhttp_add_header(evhttp_request_get_output_headers(q), name, value);
}

void
web_reply_headers(struct evhttp_request *q, bool api)
{
	for (size_t i = 0; i < sizeof(common_fields) / sizeof(common_fields[0]); i++)
		add_field(q, common_fields[i].name, common_fields[i].value);
	add_field(q, "Cache-Control", api ? "no-store" : "no-cache");
}

void
web_reply_page(struct web *w, struct evhttp_request *q, size_t page)
{
	struct evbuffer *out = evbuffer_new();
	const char *known = evhttp_find_header(evhttp_request_get_input_headers(q), "If-None-Match");

	if (w->page[page].data == NULL || out == NULL) {
		web_reply_error(q, HTTP_NOTFOUND, "this file of the manager is not installed");
	} else {
		web_reply_headers(q, false);
		add_field(q, "ETag", w->page[page].tag);
		if (known != NULL && strcmp(known, w->page[page].tag) == 0) {
			evhttp_send_reply(q, HTTP_NOTMODIFIED, NULL, NULL);
			evbuffer_free(out);
			return;
		}
		add_field(q, "Content-Type", web_page_rows[page].type);
		(void)evbuffer_add_reference(out, w->page[page].data, w->page[page].len, NULL, NULL);
		evhttp_send_reply(q, HTTP_OK, NULL, out);
	}
	if (out != NULL)
		evbuffer_free(out);
}

void
web_reply_json(struct evhttp_request *q, int status, json_t *body)
{
	struct evbuffer *out = evbuffer_new();
	char *text = json_dumps(body, JSON_COMPACT);

	if (text == NULL) {	/* no memory, or a text that is no UTF-8 */
		text = mem_strdup("{\"error\":\"the answer cannot be said in JSON\"}");
		status = HTTP_INTERNAL;
	}
	web_reply_headers(q, true);
	add_field(q, "Content-Type", "application/json");
	if (out != NULL)
		(void)evbuffer_add(out, text, strlen(text));
	evhttp_send_reply(q, status, NULL, out);
	if (out != NULL)
		evbuffer_free(out);
	free(text);
	json_decref(body);
}

void
web_reply_error(struct evhttp_request *q, int status, const char *why)
{
	if (status == HTTP_BADMETHOD)
		add_field(q, "Allow", "GET, HEAD, POST");
	web_reply_json(q, status, json_pack("{s:s}", "error", why));
}

void
web_reply_last(struct evhttp_request *q)
{
	add_field(q, "Connection", "close");
}

void
web_reply_refused(struct web *w, struct evhttp_request *q, const unsigned char handle[WEB_SECRET_SIZE],
    const struct msg_web_session *s)
{
	if (s->result == WEB_UNKNOWN)
		web_ask_trust(w, handle, false);
	if (s->result == WEB_NO_RIGHT)
		web_reply_error(q, 403, "you are neither operator nor viewer of anything");
	else if (s->result == WEB_BUSY)
		web_reply_error(q, HTTP_SERVUNAVAIL, "too many commands wait for their answer");
	else
		web_reply_error(q, 401, "the session is over: log in");
}
