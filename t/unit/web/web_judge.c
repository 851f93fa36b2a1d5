/* web_judge - which requests may be served: names, targets, methods, sites, types, tokens */
#include <arpa/inet.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/msg/web_mac.h"
#include "master/web/web.h"
#include "t/unit/check_main.h"

#define COOKIE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FIELDS_MAX 12

static char *names[] = { (char *)"mail.example", (char *)"[2001:db8::5]" };
static const struct config_strings hosts = { names, 2 }, no_hosts = { NULL, 0 };
static char token[WEB_TOKEN_TEXT];
static unsigned char handle[WEB_SECRET_SIZE];
static const unsigned char key[WEB_KEY_SIZE] = { 1, 2, 3 };

/* "Name: value|Name: value" as the header; the verdict of such a request to 127.0.0.1 without TLS. */
static struct web_verdict
judge_at(const char *local, bool secure, const struct config_strings *list, enum web_method method,
    const char *target, const char *header)
{
	struct web_field field[FIELDS_MAX];
	struct sockaddr_storage sa = { 0 };
	struct web_request r = { .method = method, .target = target, .field = field, .secure = secure, .hosts = list, .key = key };
	struct web_verdict v;
	char *copy = mem_strdup(header), *save = NULL;

	for (char *line = strtok_r(copy, "|", &save); line != NULL; line = strtok_r(NULL, "|", &save)) {
		char *value = strstr(line, ": ");

		ck_assert_uint_lt(r.fields, FIELDS_MAX);
		*value = '\0';
		field[r.fields++] = (struct web_field){ line, value + 2 };
	}
	if (local != NULL) {
		sa.ss_family = strchr(local, ':') != NULL ? AF_INET6 : AF_INET;
		ck_assert_int_eq(inet_pton(sa.ss_family, local, sa.ss_family == AF_INET6 ?
		    (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr : &((struct sockaddr_in *)&sa)->sin_addr), 1);
		r.local = (const struct sockaddr *)&sa;
	}
	web_judge(&v, &r);
	free(copy);
	ck_assert_msg((v.status == 0) == (v.why == NULL), "%s: %s", target, header);
	return v;
}

static int
status(enum web_method method, const char *target, const char *header)
{
	return judge_at("127.0.0.1", false, &hosts, method, target, header).status;
}

START_TEST(names_of_the_manager)
{
	static const struct { const char *local; bool listed; const char *host; int status; } rows[] = {
		{ "127.0.0.1", true, "127.0.0.1", 0 }, { "127.0.0.1", true, "127.0.0.1:2580", 0 },
		{ "127.0.0.1", true, "localhost", 0 }, { "127.0.0.1", true, "LocalHost:1", 0 },
		{ "127.0.0.1", true, "mail.example", 0 }, { "127.0.0.1", true, "MAIL.Example:65535", 0 },
		{ "127.0.0.1", false, "mail.example", 421 }, { "127.0.0.1", true, "mail.example.", 421 },
		{ "127.0.0.1", true, "evil.example", 421 }, { "127.0.0.1", true, "mail.example.evil", 421 },
		{ "127.0.0.1", true, "127.0.0.2", 421 }, { "127.0.0.1", true, "0x7f000001", 421 },
		{ "127.0.0.1", true, "127.1", 421 }, { "127.0.0.1", true, "", 421 },
		{ "127.0.0.1", true, "127.0.0.1:", 421 }, { "127.0.0.1", true, "127.0.0.1:x", 421 },
		{ "127.0.0.1", true, "127.0.0.1:123456", 421 }, { "127.0.0.1", true, "127.0.0.1@evil", 421 },
		{ "127.0.0.1", true, "[127.0.0.1]", 421 }, { "127.0.0.1", true, "[::1", 421 },
		{ "::1", true, "[::1]:2580", 0 }, { "::1", true, "::1", 421 }, { "::1", false, "localhost", 0 },
		{ "::1", true, "[2001:DB8::5]", 0 }, { "::1", false, "[::1]x", 421 },
		{ "192.0.2.7", false, "192.0.2.7", 0 }, { "192.0.2.7", false, "localhost", 421 },
		{ NULL, false, "localhost", 0 }, { NULL, true, "mail.example", 0 },
		{ NULL, true, "127.0.0.1", 421 },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		char *header = mem_printf("Host: %s", rows[i].host);
		struct web_verdict v = judge_at(rows[i].local, false, rows[i].listed ? &hosts : &no_hosts, WEB_GET,
		    "/", header);

		ck_assert_msg(v.status == rows[i].status, "%s at %s: %d", rows[i].host, rows[i].local, v.status);
		free(header);
	}
}
END_TEST

START_TEST(targets)
{
	static const char *const none[] = { "", "*", "/index.html", "/..", "/../", "/./", "//", "/?", "/#x", "/app.js?",
	    "/app.js/", "/App.js", "/%61pp.js", "/app.js%00", "http://127.0.0.1/", "/api", "/api/", "/api/login/",
	    "/api/login?x", "/api//login", "/API/login", "/api/%6cogin", "/app.js\t", "/app.js;x" };

	ck_assert_int_eq(status(WEB_GET, "/", "Host: localhost"), 0);
	for (size_t i = 0; i < web_page_count; i++) {
		struct web_verdict v = judge_at("127.0.0.1", false, &hosts, WEB_HEAD, web_page_rows[i].target,
		    "Host: localhost");

		ck_assert_int_eq(v.status, 0);
		ck_assert_int_eq(v.route, WEB_ROUTE_PAGE);
		ck_assert_uint_eq(v.page, i);
		ck_assert_int_eq(status(WEB_POST, web_page_rows[i].target, "Host: localhost"), 405);
		ck_assert_msg(strstr(web_page_rows[i].file, "..") == NULL && web_page_rows[i].file[0] != '/', "%s",
		    web_page_rows[i].file);
	}
	for (size_t i = 0; i < nitems_of(none); i++)
		ck_assert_msg(status(WEB_GET, none[i], "Host: localhost") == 404, "%s", none[i]);
}
END_TEST

#define HOST "Host: 127.0.0.1:2580|"
#define JSON "Content-Type: application/json|"
#define IN "Cookie: postern=" COOKIE "|"
#define TOKEN "X-Postern-Token: %s|"
#define OTHER "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
set_token(void)
{
	unsigned char cookie[WEB_SECRET_SIZE];

	(void)msg_web_secret_parse(cookie, COOKIE);
	web_mac_make(handle, WEB_MAC_SESSION, key);
	web_cookie_token(token, handle, cookie);
}

/* A row: what is sent beside a good token where the row has %s. */
static const struct { enum web_method method; const char *target, *header; int status; } requests[] = {
	/* login needs no session */
	{ WEB_GET, "/api/ways", HOST, 0 }, { WEB_POST, "/api/ways", HOST JSON, 405 },
	{ WEB_GET, "/api/ways", HOST "Sec-Fetch-Site: cross-site|X: y", 403 },
	{ WEB_POST, "/login/negotiate", HOST JSON, 0 }, { WEB_GET, "/login/negotiate", HOST, 405 },
	{ WEB_POST, "/login/negotiate", HOST JSON "Sec-Fetch-Site: cross-site", 403 },
	{ WEB_POST, "/login/negotiate", HOST JSON "Origin: http://evil.example", 403 },
	{ WEB_POST, "/login/negotiate", HOST "Content-Type: text/plain", 415 },
	{ WEB_POST, "/login/negotiate", HOST JSON "Authorization: a|Authorization: b", 400 },
	{ WEB_POST, "/api/login", HOST JSON, 0 },
	{ WEB_POST, "/api/login", HOST JSON "Sec-Fetch-Site: same-origin|Origin: http://127.0.0.1:2580", 0 },
	{ WEB_GET, "/api/login", HOST, 405 }, { WEB_HEAD, "/api/login", HOST, 405 },
	{ WEB_POST, "/api/login", HOST, 415 },
	{ WEB_POST, "/api/login", HOST JSON "Sec-Fetch-Site: none", 403 },
	{ WEB_POST, "/api/login", HOST JSON "Sec-Fetch-Site: cross-site", 403 },
	{ WEB_POST, "/api/login", JSON, 400 },
	/* a session: each request needs the cookie and the token, and no other site has the token */
	{ WEB_GET, "/api/session", HOST IN TOKEN, 0 }, { WEB_GET, "/api/session", HOST, 401 },
	{ WEB_GET, "/api/session", HOST IN, 401 }, { WEB_GET, "/api/session", HOST TOKEN, 401 },
	{ WEB_GET, "/api/events", HOST IN, 401 }, { WEB_GET, "/api/events", HOST TOKEN, 401 },
	{ WEB_GET, "/api/session", HOST IN "X-Postern-Token: " COOKIE, 401 },
	{ WEB_GET, "/api/session", HOST IN "X-Postern-Token: " COOKIE COOKIE, 401 },
	{ WEB_GET, "/api/session", HOST IN "X-Postern-Token: ", 401 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: postern=" OTHER, 401 },
	{ WEB_GET, "/api/session", HOST TOKEN IN "Sec-Fetch-Site: none", 0 },
	{ WEB_GET, "/api/session", HOST TOKEN IN "Sec-Fetch-Site: same-site", 403 },
	{ WEB_GET, "/api/session", HOST TOKEN IN "Origin: null", 403 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: a=b; postern=" COOKIE "; c=d", 0 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: a=b|Cookie: postern=" COOKIE, 0 },
	/* a cookie that somebody planted beside it */
	{ WEB_GET, "/api/session", HOST TOKEN IN "Cookie: postern=" COOKIE, 0 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: postern=" OTHER "; postern=" COOKIE, 0 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: postern=" COOKIE "; postern=" OTHER, 0 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: postern=" COOKIE "; postern=x", 0 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: xpostern=" COOKIE, 401 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: __Host-postern=" COOKIE, 401 },
	{ WEB_GET, "/api/session", HOST TOKEN "Cookie: postern=" COOKIE "0", 401 },
	{ WEB_GET, "/api/session", HOST TOKEN
	    "Cookie: postern=A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 401 },
	{ WEB_POST, "/api/session", HOST JSON IN TOKEN, 405 },
	{ WEB_GET, "/api/events", HOST IN TOKEN, 0 },
	{ WEB_HEAD, "/api/events", HOST IN TOKEN, 405 },
	/* what changes something */
	{ WEB_POST, "/api/command", HOST JSON IN "X-Postern-Token: %s", 0 },
	{ WEB_POST, "/api/logout", HOST JSON IN "X-Postern-Token: %s", 0 },
	{ WEB_POST, "/api/command", "host: LOCALHOST|content-type: Application/JSON ; charset=UTF-8|cookie: postern=" COOKIE
	    "|x-postern-token: %s", 0 },
	{ WEB_GET, "/api/command", HOST IN "X-Postern-Token: %s", 405 },
	{ WEB_POST, "/api/command", HOST JSON IN, 401 },
	{ WEB_POST, "/api/logout", HOST JSON IN, 401 },
	{ WEB_POST, "/api/command", HOST JSON IN "X-Postern-Token: " COOKIE, 401 },
	{ WEB_POST, "/api/command", HOST JSON IN "X-Postern-Token: %sa", 401 },
	{ WEB_POST, "/api/command", HOST JSON "X-Postern-Token: %s", 401 },
	{ WEB_POST, "/api/command", HOST IN "X-Postern-Token: %s", 415 },
	{ WEB_POST, "/api/command", HOST IN "Content-Type: text/plain|X-Postern-Token: %s", 415 },
	{ WEB_POST, "/api/command", HOST IN "Content-Type: application/x-www-form-urlencoded|X-Postern-Token: %s", 415 },
	{ WEB_POST, "/api/command", HOST IN "Content-Type: application/jsonx|X-Postern-Token: %s", 415 },
	{ WEB_POST, "/api/command", HOST IN "Content-Type: application/json; charset=utf-16|X-Postern-Token: %s", 415 },
	{ WEB_POST, "/api/command", HOST IN "Content-Type: application/json;|X-Postern-Token: %s", 415 },
	{ WEB_POST, "/api/command", HOST JSON IN "Sec-Fetch-Site: same-site|X-Postern-Token: %s", 403 },
	{ WEB_POST, "/api/command", HOST JSON IN "Origin: https://127.0.0.1:2580|X-Postern-Token: %s", 403 },
	{ WEB_POST, "/api/command", HOST JSON IN "Origin: http://127.0.0.1:2581|X-Postern-Token: %s", 403 },
	{ WEB_POST, "/api/command", HOST JSON IN "Origin: http://127.0.0.1:2580.evil|X-Postern-Token: %s", 403 },
	{ WEB_POST, "/api/command", HOST JSON IN "Transfer-Encoding: chunked|X-Postern-Token: %s", 400 },
	/* twice */
	{ WEB_POST, "/api/command", HOST HOST JSON IN "X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON JSON IN "X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "X-Postern-Token: x|X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length: 2|Content-Length: 3|X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "Sec-Fetch-Site: same-origin|Sec-Fetch-Site: cross-site|X-Postern-Token: %s",
	    400 },
	/* where the request ends */
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length: 20|X-Postern-Token: %s", 0 },
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length: +20|X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length: 2,2|X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length: |X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length : 20|X-Postern-Token: %s", 400 },
	{ WEB_POST, "/api/command", HOST JSON IN "Content-Length\v: 20|X-Postern-Token: %s", 400 },
	{ WEB_GET, "/", HOST "Host : evil.example", 400 }, { WEB_GET, "/", HOST ": x", 400 },
	{ WEB_GET, "/", HOST "Transfer-Encoding\t: chunked", 400 }, { WEB_GET, "/", HOST "X-!#$%&'*+.^_`~: x", 0 },
};

START_TEST(each_request)
{
	set_token();
	for (size_t i = 0; i < nitems_of(requests); i++) {
		char *mark = strstr(requests[i].header, "%s"),
		    *header = mark == NULL ? mem_strdup(requests[i].header) : mem_printf("%.*s%s%s",
		    (int)(mark - requests[i].header), requests[i].header, token, mark + 2);
		int got = status(requests[i].method, requests[i].target, header);

		ck_assert_msg(got == requests[i].status, "%s %s: %d", requests[i].target, requests[i].header, got);
		free(header);
	}
}
END_TEST

/* With TLS the cookie has another name, and a page that came without is another origin. */
START_TEST(with_tls)
{
	static const struct { const char *header; int status; } rows[] = {
		{ "Host: mail.example|Cookie: __Host-postern=" COOKIE, 0 },
		{ "Host: mail.example|Cookie: postern=" COOKIE, 401 },
		{ "Host: mail.example|Cookie: __Host-postern=" COOKIE "|Origin: https://mail.example", 0 },
		{ "Host: mail.example|Cookie: __Host-postern=" COOKIE "|Origin: http://mail.example", 403 },
	};

	set_token();
	for (size_t i = 0; i < nitems_of(rows); i++) {
		char *header = mem_printf("%s|X-Postern-Token: %s", rows[i].header, token);

		ck_assert_msg(judge_at("192.0.2.1", true, &hosts, WEB_GET, "/api/session", header).status ==
		    rows[i].status, "%s", rows[i].header);
		free(header);
	}
}
END_TEST

START_TEST(cookies)
{
	unsigned char cookie[WEB_SECRET_SIZE];
	char text[300], again[WEB_TOKEN_TEXT];
	struct web_verdict v;

	set_token();
	ck_assert(msg_web_secret_parse(cookie, COOKIE));
	web_cookie_format(text, sizeof(text), cookie, false);
	ck_assert_str_eq(text, "postern=" COOKIE "; Path=/; HttpOnly; SameSite=Strict");
	web_cookie_format(text, sizeof(text), cookie, true);
	ck_assert_str_eq(text, "__Host-postern=" COOKIE "; Path=/; HttpOnly; SameSite=Strict; Secure");
	web_cookie_format(text, sizeof(text), NULL, true);
	ck_assert_str_eq(text, "__Host-postern=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0");
	/* together they are the handle, and the token says nothing of the cookie alone */
	snprintf(text, sizeof(text), "Host: localhost|Cookie: postern=" COOKIE "|X-Postern-Token: %s", token);
	v = judge_at("127.0.0.1", false, &hosts, WEB_GET, "/api/session", text);
	ck_assert_mem_eq(v.handle, handle, sizeof(handle));
	ck_assert_uint_eq(strlen(token), WEB_TOKEN_TEXT - 1);
	cookie[0] ^= 1;
	web_cookie_token(again, handle, cookie);
	ck_assert_str_ne(again, token);
	ck_assert_str_ne(again + WEB_SECRET_TEXT - 1, token + WEB_SECRET_TEXT - 1);
	/* a login takes the one that the browser has; several are none */
	v = judge_at("127.0.0.1", false, &hosts, WEB_POST, "/api/login", HOST JSON IN);
	cookie[0] ^= 1;
	ck_assert(v.has_cookie);
	ck_assert_mem_eq(v.cookie, cookie, sizeof(cookie));
	ck_assert(!judge_at("127.0.0.1", false, &hosts, WEB_POST, "/api/login", HOST JSON IN IN).has_cookie);
	ck_assert(!judge_at("127.0.0.1", false, &hosts, WEB_POST, "/api/login", HOST JSON).has_cookie);
}
END_TEST

START_TEST(forged)
{
	unsigned char secret[WEB_SECRET_SIZE], cookie[WEB_SECRET_SIZE], other[WEB_KEY_SIZE] = { 1, 2, 4 };
	char text[300], shown[WEB_TOKEN_TEXT];

	set_token();
	ck_assert(web_mac_is_ours(handle, WEB_MAC_SESSION, key));
	ck_assert(!web_mac_is_ours(handle, WEB_MAC_LINK, key));		/* a link is no session */
	ck_assert(!web_mac_is_ours(handle, WEB_MAC_SESSION, other));
	web_mac_make(secret, WEB_MAC_LINK, key);
	ck_assert(web_mac_is_ours(secret, WEB_MAC_LINK, key));
	for (size_t bit = 0; bit < sizeof(secret) * 8; bit++) {
		secret[bit / 8] ^= (unsigned char)(1 << bit % 8);
		ck_assert(!web_mac_is_ours(secret, WEB_MAC_LINK, key));
		secret[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	/* a cookie and a token that go together, and the master made neither */
	ck_assert(msg_web_secret_parse(cookie, COOKIE));
	for (size_t bit = 0; bit < sizeof(handle) * 8; bit++) {
		memcpy(secret, handle, sizeof(secret));
		secret[bit / 8] ^= (unsigned char)(1 << bit % 8);
		web_cookie_token(shown, secret, cookie);
		snprintf(text, sizeof(text), "Host: localhost|Cookie: postern=" COOKIE "|X-Postern-Token: %s", shown);
		ck_assert_int_eq(status(WEB_GET, "/api/session", text), 401);
	}
}
END_TEST

START_TEST(tickets)
{
	static const char *const bad[] = { "", "Negotiate", "Negotiate ", "Negotiate !", "Negotiate YQ", "NegotiateYQ==",
		"Basic YQ==", "Negotiate YQ== x", "Negotiate YQ==," };
	struct msg_web_ticket *t = mem_new(struct msg_web_ticket);
	char text[WEB_NEGOTIATE_SIZE], *large = mem_zalloc(70000);
	uint8_t bytes[WEB_ANSWER_MAX];

	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(!web_negotiate_take(t, bad[i]), "%s", bad[i]);
	for (size_t len = 1; len <= sizeof(bytes); len = len < 8 ? len + 1 : len * 2) {
		memset(bytes, (int)len, sizeof(bytes));
		web_negotiate_format(text, bytes, len);
		ck_assert(web_negotiate_take(t, text));
		ck_assert_uint_eq(t->token.len, len);
		ck_assert_mem_eq(t->token.data, bytes, len);
	}
	strcpy(large, "negotiate ");
	memset(large + 10, 'A', AUTH_IN_TOKEN_MAX / 3 * 4);	/* at the limit, and beyond */
	ck_assert(web_negotiate_take(t, large));
	ck_assert_uint_eq(t->token.len, AUTH_IN_TOKEN_MAX);
	strcat(large, "AAAA");
	ck_assert(!web_negotiate_take(t, large));
	free(large);
	free(t);
}
END_TEST

START_TEST(strangers)
{
	struct web_throttle *t = web_throttle_new(20, 200);
	uint64_t now = 1000000;
	unsigned taken = 0;
	char client[64];

	for (unsigned i = 0; i < 1000; i++)
		taken += web_throttle_take(t, "192.0.2.1", now);
	ck_assert_uint_eq(taken, 20);
	ck_assert(web_throttle_take(t, "192.0.2.2", now));		/* another client */
	ck_assert(!web_throttle_take(t, "192.0.2.1", now + 199));
	ck_assert(web_throttle_take(t, "192.0.2.1", now + 200));
	ck_assert(!web_throttle_take(t, "192.0.2.1", now + 200));
	for (taken = 0; web_throttle_take(t, "192.0.2.1", now + 3600000); taken++)
		;
	ck_assert_uint_eq(taken, 20);
	for (unsigned i = 0; i < 2000; i++) {	/* more than the table has */
		snprintf(client, sizeof(client), "10.0.%u.%u", i / 250, i % 250);
		ck_assert(web_throttle_take(t, client, now + 3600000 + i));
	}
	web_throttle_free(t);
}
END_TEST

UNIT_MAIN("web_judge", names_of_the_manager, targets, each_request, with_tls, cookies, forged, tickets, strangers)
