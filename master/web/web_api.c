/*
 * web_api - what is at /api and /login: ways in, session, logout and commands, in JSON; the way to the
 *           stream of events
 *
 * Runs in:  web
 * Owns:     a call from its request until it is answered
 * Promise:  a command goes to the master as the words that the page sent, with the handle of its session, and
 *           is answered with what the master said. Nothing is decided here. A password that goes with a
 *           command is a descriptor, and no word
 * Fails by: an answer with a status of HTTP
 */
#include <bsd/stdlib.h>
#include <bsd/sys/queue.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/command/control_words.h"
#include "common/ipc/passed_secret.h"
#include "common/msg/web_mac.h"
#include "common/tls/tls.h"
#include "master/web/web.h"

#define WRONG_PASSWORD "the name or the password is wrong"

/* A request whose answer the master has. */
struct web_call {
	struct web *web;
	struct evhttp_request *q;
	enum web_route route;
	enum web_door_kind kind;
	char client[64];
	unsigned char handle[WEB_SECRET_SIZE];
	char watch[CONFIG_NAME_MAX + 1];
	unsigned char cookie[WEB_SECRET_SIZE];	/* of a login: of the session that it will make */
	struct buf text;		/* the words, each with its NUL */
	const char *word[CONTROL_WORDS_MAX];
	size_t words;
};

static void
free_call(struct web_call *c)
{
	explicit_bzero(c->handle, sizeof(c->handle));
	explicit_bzero(c->cookie, sizeof(c->cookie));
	buf_done(&c->text);
	free(c);
}

static void
refuse(struct web_call *c, int status, const char *why)
{
	web_reply_error(c->q, status, why);
	free_call(c);
}

static bool
is_login(const struct web_call *c)
{
	return c->route == WEB_ROUTE_LOGIN || c->route == WEB_ROUTE_NEGOTIATE;
}

/* --- answers --- */

static void
add_cookie(struct web_call *c, const unsigned char *cookie)
{
	char value[WEB_SECRET_TEXT + 96];

	web_cookie_format(value, sizeof(value), cookie, c->kind != WEB_PLAIN);
	(void)evhttp_add_header(evhttp_request_get_output_headers(c->q), "Set-Cookie", value);
	explicit_bzero(value, sizeof(value));
}

/* The token is told once, to the tab that logs in. */
static void
reply_session(struct web_call *c, const struct msg_web_session *s)
{
	char token[WEB_TOKEN_TEXT] = "", user[16];
	bool is_user = s->way == WEB_WAY_LINK;	/* of this host */

	if (is_login(c))
		web_cookie_token(token, s->handle, c->cookie);
	snprintf(user, sizeof(user), "uid %u", (unsigned)s->uid);
	web_reply_json(c->q, HTTP_OK, json_pack("{s:s,s:o,s:s,s:s,s:s*,s:s}", "name",
	    s->name[0] != '\0' ? s->name : user, "uid", is_user ? json_integer(s->uid) : json_null(), "way",
	    msg_web_way_names[s->way], "right", s->operates ? "operator" : "viewer", "csrf",
	    token[0] != '\0' ? token : NULL, "version", POSTERN_VERSION));
	explicit_bzero(token, sizeof(token));
}

/* Of each way in; a ticket that was refused is not asked for again. */
static const struct { int status; const char *why; } login_refusals[WEB_WAYS] = {
	[WEB_WAY_LINK] = { 401, "this link is used up, or too old: posternctl web login prints a new one" },
	[WEB_WAY_PASSWORD] = { 401, WRONG_PASSWORD },
	[WEB_WAY_KERBEROS] = { 403, "Kerberos did not let you in: your ticket is not for this manager, or "
	    "your account does not count here" },
};

static void
refuse_login(struct web_call *c, const struct msg_web_session *s)
{
	if (s->result == WEB_BUSY)
		web_reply_error(c->q, 429, "too many logins at this time: wait a moment, and try again");
	else if (s->result == WEB_LATER)
		web_reply_error(c->q, HTTP_SERVUNAVAIL, "this login cannot be checked now: try again, or use "
		    "a link of posternctl web login");
	else
		web_reply_error(c->q, login_refusals[s->way].status, login_refusals[s->way].why);
}

/* A login has sentences of its own. */
static void
reply_refusal(struct web_call *c, const struct msg_web_session *s)
{
	if (is_login(c) && s->result != WEB_NO_RIGHT)
		refuse_login(c, s);
	else
		web_reply_refused(c->web, c->q, c->handle, s);
}

/* The service proves itself to a browser that came with a ticket. */
static void
add_answer(struct web_call *c, const struct msg_web_session *s)
{
	char value[WEB_NEGOTIATE_SIZE];

	if (s->token_len == 0)
		return;
	web_negotiate_format(value, s->token, s->token_len);
	(void)evhttp_add_header(evhttp_request_get_output_headers(c->q), "WWW-Authenticate", value);
}

static void
on_session(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	struct web_call *c = arg;
	const unsigned char *handle = is_login(c) && s != NULL ? s->handle : c->handle;

	if (s == NULL) {
		web_reply_error(c->q, HTTP_INTERNAL, "the service gave no answer");
	} else if (s->result != WEB_OK) {
		reply_refusal(c, s);
	} else if (c->route == WEB_ROUTE_LOGOUT) {
		web_ask_trust(c->web, handle, false);
		add_cookie(c, NULL);
		web_reply_json(c->q, HTTP_OK, json_object());
	} else if (c->route == WEB_ROUTE_EVENTS) {
		web_ask_know(c->web, handle, s);
		web_events_begin(c->web->events, c->q, handle, s, c->watch);
	} else {
		web_ask_know(c->web, handle, s);
		if (is_login(c))
			add_cookie(c, c->cookie);
		add_answer(c, s);
		reply_session(c, s);
	}
	free_call(c);
}

static void
on_answer(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	struct web_call *c = arg;
	json_t *body, *data;

	if (s != NULL) {
		reply_refusal(c, s);
		free_call(c);
		return;
	}
	web_ask_trust(c->web, c->handle, true);
	if (!buf_ok(text)) {
		refuse(c, HTTP_INTERNAL, "the answer is too long for the manager: ask posternctl");
		return;
	}
	body = json_pack("{s:i}", "status", status);
	answers_value_put_bytes(body, "text", buf_text(text), text->len);
	data = answers_json(c->word, c->words, buf_text(text));
	json_object_set_new(body, "data", data != NULL ? data : json_null());
	web_reply_json(c->q, HTTP_OK, body);
	free_call(c);
}

/* --- bodies --- */

/* An object; NULL: it is none. */
static json_t *
read_body(struct evhttp_request *q)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(q);
	size_t len = evbuffer_get_length(in);
	const char *text = len > 0 ? (const char *)evbuffer_pullup(in, -1) : NULL;
	json_t *body = text != NULL ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_object(body))
		return body;
	json_decref(body);
	return NULL;
}

/* At most one event a second: whoever sends them must not fill the log. */
static void
tell_forged(struct web_call *c)
{
	struct web *w = c->web;
	uint64_t now = clock_mono_ms();

	if (w->forged_at != 0 && now - w->forged_at < 1000) {
		w->forged++;
		return;
	}
	log_event(LOG_WARN, NULL, "operator",
	    "server=- by=web command=login way=link result=refused client=%s unreported=%u reason=%s",
	    log_safe(c->client), w->forged, log_safe("a link that this service has not made"));
	w->forged_at = now;
	w->forged = 0;
}

static void
log_in_by_link(struct web_call *c, const char *token)
{
	struct msg_web_login login = { 0 };

	if (!msg_web_secret_parse(login.token, token) ||
	    !web_mac_is_ours(login.token, WEB_MAC_LINK, c->web->key)) {
		tell_forged(c);
		refuse(c, 401, "this is no link that posternctl web login has printed for this service");
	} else {
		snprintf(login.client, sizeof(login.client), "%s", c->client);
		if (!web_ask_send(c->web, CTL_WEB_LOGIN, &login, sizeof(login), NULL, c->client,
		    on_session, c))
			refuse(c, 429, "too many logins at this time: wait");
	}
	explicit_bzero(&login, sizeof(login));
}

/* A string without NUL that has room with one; false: it is none. */
static bool
copy_string(char *dst, size_t size, const json_t *value)
{
	size_t len = json_string_length(value);

	if (len == 0 || len >= size || strlen(json_string_value(value)) != len)
		return false;
	memcpy(dst, json_string_value(value), len);
	return true;
}

static bool
has_control_bytes(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return true;
	return false;
}

/* What no account can have is wrong, too, and not said in other words. */
static void
log_in_by_password(struct web_call *c, const json_t *body)
{
	struct msg_web_password p = { 0 };

	if (c->web->config->accounts == NULL)
		refuse(c, 403, "there is no login by password: see accounts in [manager] of postern.ini");
	else if (!copy_string(p.name, sizeof(p.name), json_object_get(body, "name")) ||
	    !copy_string(p.password, sizeof(p.password), json_object_get(body, "password")) ||
	    has_control_bytes(p.name))
		refuse(c, 401, WRONG_PASSWORD);
	else {
		snprintf(p.client, sizeof(p.client), "%s", c->client);
		if (!web_ask_send(c->web, CTL_WEB_PASSWORD, &p, sizeof(p), NULL, c->client, on_session, c))
			refuse(c, 429, "too many logins at this time: wait");
	}
	explicit_bzero(&p, sizeof(p));
}

static void
log_in(struct web_call *c, const json_t *body)
{
	const char *token = json_string_value(json_object_get(body, "token"));

	if (token != NULL)
		log_in_by_link(c, token);
	else if (json_is_string(json_object_get(body, "name")) &&
	    json_is_string(json_object_get(body, "password")))
		log_in_by_password(c, body);
	else
		refuse(c, HTTP_BADREQUEST, "the body has neither a token nor a name and a password");
}

/* The words of a command; false: they are none. */
static bool
take_words(struct web_call *c, const json_t *list)
{
	struct control_words w;
	const json_t *item;
	size_t i, at = 0;

	if (json_array_size(list) == 0 || json_array_size(list) > CONTROL_WORDS_MAX)
		return false;
	json_array_foreach(list, i, item) {
		const char *word = json_string_value(item);

		if (word == NULL || strlen(word) != json_string_length(item))
			return false;
		buf_add(&c->text, word, strlen(word) + 1);
	}
	if (!buf_ok(&c->text) || !control_words_parse(&w, c->text.data, c->text.len))
		return false;
	for (; at < c->text.len; at += strlen(c->text.data + at) + 1)
		c->word[c->words++] = c->text.data + at;
	return true;
}

/* What is no word, as a password: a descriptor in *fd, -1: there is none. False: it is no string. */
static bool
take_secret(const json_t *secret, int *fd)
{
	*fd = -1;
	if (secret == NULL)
		return true;
	if (!json_is_string(secret))
		return false;
	*fd = passed_secret_make(json_string_value(secret), json_string_length(secret));
	return *fd != -1;
}

static void
run_command(struct web_call *c, const json_t *body)
{
	struct msg_web_command *command;
	size_t len;
	int secret;

	if (!take_words(c, json_object_get(body, "words")) ||
	    !take_secret(json_object_get(body, "secret"), &secret)) {
		refuse(c, HTTP_BADREQUEST, "the body has no words of a command");
		return;
	}
	command = mem_new(struct msg_web_command);
	memcpy(command->handle, c->handle, sizeof(command->handle));
	command->watching = json_is_true(json_object_get(body, "watching"));
	memcpy(command->words, c->text.data, c->text.len);
	len = offsetof(struct msg_web_command, words) + c->text.len;
	if (!web_ask_hand(c->web, CTL_WEB_COMMAND, command, len, secret, c->handle, c->client,
	    on_answer, c))
		refuse(c, HTTP_SERVUNAVAIL, "too many commands at this time: wait");
	disk_close(secret);
	explicit_bzero(command, len);
	free(command);
}

/* --- from a verdict --- */

/* Of the connection, when its TLS is ours. */
static void
put_endpoint(struct msg_web_ticket *t, const struct web_call *c)
{
	_Static_assert(TLS_ENDPOINT_MAX <= AUTH_IN_BINDING_MAX, "it has room");
	struct evhttp_connection *connection = evhttp_request_get_connection(c->q);
	unsigned char hash[TLS_ENDPOINT_MAX];
	struct ssl_st *link = c->kind == WEB_TLS && connection != NULL ?
	    bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection)) : NULL;

	if (link == NULL)
		return;
	t->endpoint_len = (uint8_t)tls_link_endpoint(link, hash);
	memcpy(t->endpoint, hash, t->endpoint_len);
}

/* Without a ticket the browser is asked for one, which it may have or not. */
static void
serve_negotiate(struct web_call *c, const char *value)
{
	struct msg_web_ticket *t = mem_new(struct msg_web_ticket);

	if (c->web->config->keytab == NULL) {
		refuse(c, 403, "there is no login with Kerberos: see keytab in [manager] of postern.ini");
	} else if (value == NULL) {
		(void)evhttp_add_header(evhttp_request_get_output_headers(c->q), "WWW-Authenticate",
		    "Negotiate");
		refuse(c, 401, "your browser sent no ticket of Kerberos: it has none for this manager, or is "
		    "not set up to send it here");
	} else if (!web_negotiate_take(t, value)) {
		refuse(c, HTTP_BADREQUEST, "that is no ticket of Kerberos");
	} else {
		snprintf(t->client, sizeof(t->client), "%s", c->client);
		put_endpoint(t, c);
		if (!web_ask_send(c->web, CTL_WEB_TICKET, t, msg_web_ticket_size(t), NULL, c->client,
		    on_session, c))
			refuse(c, 429, "too many logins at this time: wait");
	}
	explicit_bzero(t, sizeof(*t));
	free(t);
}

/* What a page may offer to whom it does not know yet. */
static void
serve_ways(struct web_call *c)
{
	json_t *ways = json_pack("[s]", msg_web_way_names[WEB_WAY_LINK]);

	if (c->web->config->accounts != NULL)
		json_array_append_new(ways, json_string(msg_web_way_names[WEB_WAY_PASSWORD]));
	if (c->web->config->keytab != NULL)
		json_array_append_new(ways, json_string(msg_web_way_names[WEB_WAY_KERBEROS]));
	web_reply_json(c->q, HTTP_OK, json_pack("{s:o}", "ways", ways));
	free_call(c);
}

static void
serve_session(struct web_call *c)
{
	enum ctl_type type = c->route == WEB_ROUTE_LOGOUT ? CTL_WEB_LOGOUT : CTL_WEB_ASK;

	if (!web_ask_send(c->web, type, c->handle, sizeof(c->handle), c->handle, c->client,
	    on_session, c))
		refuse(c, HTTP_SERVUNAVAIL, "too many requests at this time: wait");
}

void
web_api_serve(struct web *w, struct evhttp_request *q, const struct web_verdict *v, enum web_door_kind kind,
    const char *client)
{
	struct web_call *c = mem_new(struct web_call);
	json_t *body = NULL;

	*c = (struct web_call){ .web = w, .q = q, .route = v->route, .kind = kind,
	    .text = BUF_INIT(CONTROL_COMMAND_MAX) };
	snprintf(c->client, sizeof(c->client), "%s", client);
	memcpy(c->handle, v->handle, sizeof(c->handle));
	memcpy(c->watch, v->watch, sizeof(c->watch));
	if (v->has_cookie)	/* two tabs of a browser share it: their tokens differ */
		memcpy(c->cookie, v->cookie, sizeof(c->cookie));
	else
		arc4random_buf(c->cookie, sizeof(c->cookie));
	if (v->route == WEB_ROUTE_WAYS) {
		serve_ways(c);
		return;
	}
	if (v->route == WEB_ROUTE_NEGOTIATE) {
		serve_negotiate(c, v->ticket);
		return;
	}
	if (v->route != WEB_ROUTE_LOGIN && v->route != WEB_ROUTE_COMMAND && v->route != WEB_ROUTE_IMPORT) {
		serve_session(c);
		return;
	}
	body = read_body(q);
	if (body == NULL)
		refuse(c, HTTP_BADREQUEST, "the body is no object of JSON");
	else if (v->route == WEB_ROUTE_LOGIN)
		log_in(c, body);
	else if (v->route == WEB_ROUTE_IMPORT) {
		web_upload_serve(w, q, v, body, client);
		free_call(c);
	}
	else
		run_command(c, body);
	json_decref(body);
}
