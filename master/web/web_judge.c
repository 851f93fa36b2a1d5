/*
 * web_judge - whether a request may be served, and as what; pure
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  what is not allowed here is not done: a request is for a row of a table, by a name of ours, and
 *           one for anything of a session comes from our own page, with the session's cookie and token, which
 *           the master made
 * Fails by: a status of HTTP and a sentence
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/msg/web_mac.h"
#include "master/web/web.h"

#define HOST_MAX 255

enum { GET = 1 << WEB_GET, HEAD = 1 << WEB_HEAD, POST = 1 << WEB_POST };

static const struct { const char *target; enum web_route route; unsigned methods; bool session; } routes[] = {
	{ "/api/ways", WEB_ROUTE_WAYS, GET, false },
	{ "/api/login", WEB_ROUTE_LOGIN, POST, false },
	{ "/login/negotiate", WEB_ROUTE_NEGOTIATE, POST, false },
	{ "/api/session", WEB_ROUTE_SESSION, GET, true },
	{ "/api/logout", WEB_ROUTE_LOGOUT, POST, true },
	{ "/api/command", WEB_ROUTE_COMMAND, POST, true },
	{ "/api/import", WEB_ROUTE_IMPORT, POST, true },
	{ "/api/events", WEB_ROUTE_EVENTS, GET, true },
};

static void
refuse(struct web_verdict *v, int status, const char *why)
{
	v->status = status;
	v->why = why;
}

/* The value of a field that may be there once; NULL: it is not. A second one is malformed. */
static const char *
field_once(const struct web_request *r, const char *name, bool *twice)
{
	const char *value = NULL;

	for (size_t i = 0; i < r->fields; i++) {
		if (strcasecmp(r->field[i].name, name) != 0)
			continue;
		if (value != NULL)
			*twice = true;
		value = r->field[i].value;
	}
	return value;
}

/* "name:port", "192.0.2.1", "[2001:db8::1]:443": the name in lower case, without the port. */
static bool
cut_host(char host[HOST_MAX + 1], const char *text)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
	size_t len = end == NULL ? strlen(text) : (size_t)(end - text) + (text[0] == '[');

	if (len == 0 || len > HOST_MAX || (text[0] == '[' && end == NULL))
		return false;
	for (size_t i = 0; i < len; i++)
		host[i] = (char)tolower((unsigned char)text[i]);
	host[len] = '\0';
	text += len;
	return *text == '\0' || (*text == ':' && text[1] != '\0' && strlen(text + 1) <= 5 &&
	    strspn(text + 1, "0123456789") == strlen(text + 1));
}

/* The address to which the browser connected, in the form of a URL. */
static bool
is_own_address(const char *host, const struct sockaddr *local)
{
	char ip[NET_TEXT_SIZE], text[NET_TEXT_SIZE + 2];

	net_format_ip(ip, local);
	snprintf(text, sizeof(text), local->sa_family == AF_INET6 ? "[%s]" : "%s", ip);
	return strcmp(host, text) == 0;
}

static bool
is_our_host(const struct web_request *r, const char *text)
{
	char host[HOST_MAX + 1];
	bool near = r->local == NULL || net_is_loopback(r->local);

	if (!cut_host(host, text))
		return false;
	if ((r->local != NULL && is_own_address(host, r->local)) ||
	    (near && strcmp(host, "localhost") == 0))
		return true;
	for (size_t i = 0; i < r->hosts->count; i++)
		if (strcasecmp(host, r->hosts->text[i]) == 0)
			return true;
	return false;
}

/* Bytes of the header, as libevent has it. */
static size_t
size_of(const struct web_request *r)
{
	size_t n = strlen(r->target);

	for (size_t i = 0; i < r->fields; i++)
		n += strlen(r->field[i].name) + strlen(r->field[i].value) + 4;
	return n;
}

/*
 * Everyone between a browser and us has the same end of this request: a length is digits alone, and no name
 * of a field has anything that a reader may take off it, as the space of "Content-Length : 5".
 */
static bool
is_end_sure(const struct web_request *r, const char *length)
{
	for (size_t i = 0; i < r->fields; i++) {
		const char *name = r->field[i].name;

		if (name[0] == '\0')
			return false;
		for (; *name != '\0'; name++)
			if (!isalnum((unsigned char)*name) && strchr("!#$%&'*+-.^_`|~", *name) == NULL)
				return false;
	}
	return length == NULL || (length[0] != '\0' && strspn(length, "0123456789") == strlen(length));
}

/* What is wrong with every kind of request. */
static bool
judge_form(struct web_verdict *v, const struct web_request *r)
{
	bool twice = false;
	const char *host = field_once(r, "Host", &twice), *length = field_once(r, "Content-Length", &twice);

	(void)field_once(r, "Content-Type", &twice);
	(void)field_once(r, "Origin", &twice);
	(void)field_once(r, "Sec-Fetch-Site", &twice);
	(void)field_once(r, "X-Postern-Token", &twice);
	(void)field_once(r, "Authorization", &twice);
	(void)field_once(r, "X-Postern-Watch", &twice);
	if (twice || host == NULL)
		refuse(v, 400, "a field of the header is missing, or there twice");
	else if (!is_end_sure(r, length))
		refuse(v, 400, "a field of the header has no proper name, or the length is no number");
	else if (field_once(r, "Transfer-Encoding", &twice) != NULL)
		refuse(v, 400, "a body needs its Content-Length");
	else if (size_of(r) > WEB_HEADERS_MAX && strcmp(r->target, "/login/negotiate") != 0)
		refuse(v, 431, "the header is too large");
	else if (!is_our_host(r, host))
		refuse(v, 421, "the manager is not called by this name: see hosts in [manager] of "
		    "postern.ini");
	return v->status == 0;
}

/* "http://HOST" with the Host of this request: not from another site, and not by another protocol. */
static bool
is_own_origin(const struct web_request *r, const char *origin, const char *host)
{
	const char *scheme = r->secure ? "https://" : "http://";
	size_t len = strlen(scheme);

	return strncmp(origin, scheme, len) == 0 && strcasecmp(origin + len, host) == 0;
}

/* A page of another site lets the browser ask, with our cookie where it can. */
static bool
judge_site(struct web_verdict *v, const struct web_request *r)
{
	bool twice = false;
	const char *site = field_once(r, "Sec-Fetch-Site", &twice),
	    *origin = field_once(r, "Origin", &twice), *host = field_once(r, "Host", &twice);
	bool typed = site != NULL && strcmp(site, "none") == 0 && r->method != WEB_POST;

	if ((site != NULL && !typed && strcmp(site, "same-origin") != 0) ||
	    (origin != NULL && !is_own_origin(r, origin, host)))
		refuse(v, 403, "the request comes from another site");
	return v->status == 0;
}

/* application/json, perhaps with a charset that is UTF-8: no form of a page can send that. */
static bool
is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	if (type == NULL || strncasecmp(type, json, len) != 0)
		return false;
	type += len;
	type += strspn(type, " \t");
	if (*type == '\0')
		return true;
	if (*type++ != ';')
		return false;
	return strcasecmp(type + strspn(type, " \t"), "charset=utf-8") == 0;
}

/* A browser shows the cookie on behalf of others, too: it counts only with the token of the tab. */
static void
judge_session(struct web_verdict *v, const struct web_request *r)
{
	bool twice = false;

	if (!web_cookie_find(v->handle, r, field_once(r, "X-Postern-Token", &twice)))
		refuse(v, 401, "this tab has no session: posternctl web login prints a link for it");
	else if (!web_mac_is_ours(v->handle, WEB_MAC_SESSION, r->key))
		refuse(v, 401, "the session is over: log in");
}

/* Which events a page wants to have, too: a name goes on to the master as a word of a command. */
static void
take_watch(struct web_verdict *v, const struct web_request *r)
{
	bool twice = false;
	const char *name = field_once(r, "X-Postern-Watch", &twice);
	size_t len = name != NULL ? strlen(name) : 0;

	if (name == NULL)
		return;
	if (len == 0 || len >= sizeof(v->watch) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != len)
		refuse(v, 400, "there is no virtual server of such a name");
	else
		memcpy(v->watch, name, len + 1);
}

static void
judge_api(struct web_verdict *v, const struct web_request *r, size_t row)
{
	bool twice = false;

	v->route = routes[row].route;
	if ((routes[row].methods & 1U << r->method) == 0) {
		refuse(v, 405, "this method is not for this address");
		return;
	}
	if (!judge_site(v, r))
		return;
	if (r->method == WEB_POST && !is_json(field_once(r, "Content-Type", &twice)))
		refuse(v, 415, "the body has to be application/json");
	else if (routes[row].session)
		judge_session(v, r);
	else
		v->has_cookie = web_cookie_only(v->cookie, r);
	v->ticket = field_once(r, "Authorization", &twice);
	if (v->status == 0 && v->route == WEB_ROUTE_EVENTS)
		take_watch(v, r);
}

void
web_judge(struct web_verdict *v, const struct web_request *r)
{
	*v = (struct web_verdict){ .route = WEB_ROUTE_PAGE, .page = web_page_find(r->target) };
	if (!judge_form(v, r))
		return;
	for (size_t i = 0; i < nitems_of(routes); i++)
		if (strcmp(routes[i].target, r->target) == 0) {
			judge_api(v, r, i);
			return;
		}
	if (v->page == web_page_count)
		refuse(v, 404, "there is nothing at this address");
	else if (r->method == WEB_POST)
		refuse(v, 405, "this method is not for this address");
}
