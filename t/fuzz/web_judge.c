/*
 * web_judge - a request to the manager: whatever it is, one that is served has a name of ours, and one that
 * changes something has type, cookie and token. The input: a byte of modes, the target, and a line a field;
 * "%t" stands for the token of the cookie in the seeds
 */
#include <arpa/inet.h>
#include <strings.h>

#include "common/msg/web_mac.h"
#include "master/web/web.h"
#include "t/fuzz/fuzz.h"

#define COOKIE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FIELDS 40

static const char *
value_of(const struct web_request *r, const char *name, unsigned *found)
{
	const char *value = NULL;

	*found = 0;
	for (size_t i = 0; i < r->fields; i++)
		if (strcasecmp(r->field[i].name, name) == 0) {
			value = r->field[i].value;
			++*found;
		}
	return value;
}

/* No page of another site asked for it. */
static void
check_site(const struct web_request *r, const char *host)
{
	unsigned found;
	const char *scheme = r->secure ? "https://" : "http://", *text = value_of(r, "Sec-Fetch-Site", &found);

	fuzz_check(found == 0 || (found == 1 && (strcmp(text, "same-origin") == 0 ||
	    (strcmp(text, "none") == 0 && r->method != WEB_POST))));
	text = value_of(r, "Origin", &found);
	fuzz_check(found == 0 || (found == 1 && strncmp(text, scheme, strlen(scheme)) == 0 &&
	    strcasecmp(text + strlen(scheme), host) == 0));
}

static void
check_served(const struct web_request *r, const struct web_verdict *v)
{
	static const char *const ours[] = { "127.0.0.1", "localhost", "mail.example", "[2001:db8::5]" };
	unsigned found, good = 0;
	const char *host = value_of(r, "Host", &found), *token, *type;

	fuzz_check(found == 1);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		size_t len = strlen(ours[i]);

		good += strncasecmp(host, ours[i], len) == 0 && (host[len] == '\0' || host[len] == ':');
	}
	fuzz_check(good == 1);
	fuzz_check(value_of(r, "Transfer-Encoding", &found) == NULL);
	if (v->route == WEB_ROUTE_PAGE) {
		fuzz_check(v->page < web_page_count && strcmp(web_page_rows[v->page].target, r->target) == 0);
		fuzz_check(r->method != WEB_POST);
		return;
	}
	check_site(r, host);
	token = value_of(r, "X-Postern-Token", &found);
	if (v->route != WEB_ROUTE_LOGIN) {
		unsigned char handle[WEB_SECRET_SIZE];

		fuzz_check(found == 1 && web_cookie_find(handle, r, token) &&
		    memcmp(handle, v->handle, sizeof(handle)) == 0);
	}
	if (r->method != WEB_POST)
		return;
	type = value_of(r, "Content-Type", &found);
	fuzz_check(found == 1 && strncasecmp(type, "application/json", 16) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char *names[] = { (char *)"mail.example", (char *)"[2001:db8::5]" };
	static const struct config_strings hosts = { names, 2 };
	static unsigned char handle[WEB_SECRET_SIZE];
	static const unsigned char key[WEB_KEY_SIZE] = { 7, 8, 9 };
	unsigned char cookie[WEB_SECRET_SIZE];
	char token[WEB_TOKEN_TEXT], *text, *save = NULL;
	struct web_field field[FIELDS];
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	struct web_request r = { .field = field, .hosts = &hosts, .key = key };
	struct web_verdict v;

	if (len < 2)
		return 0;
	fuzz_check(msg_web_secret_parse(cookie, COOKIE));
	web_mac_make(handle, WEB_MAC_SESSION, key);
	web_cookie_token(token, handle, cookie);
	r.method = (enum web_method)(data[0] % 3);
	r.secure = data[0] & 4;
	r.local = data[0] & 8 ? NULL : (const struct sockaddr *)&local;
	text = strndup((const char *)data + 1, len - 1);
	r.target = strtok_r(text, "\n", &save);
	for (char *line; r.target != NULL && r.fields < FIELDS && (line = strtok_r(NULL, "\n", &save)) != NULL;) {
		char *value = strstr(line, ": ");

		if (value == NULL)
			continue;
		*value = '\0';
		field[r.fields++] = (struct web_field){ line, strcmp(value + 2, "%t") == 0 ? token : value + 2 };
	}
	if (r.target != NULL) {
		web_judge(&v, &r);
		fuzz_check((v.status == 0) == (v.why == NULL));
		fuzz_check(v.status == 0 || (v.status >= 400 && v.status < 500));
		if (v.status == 0)
			check_served(&r, &v);
	}
	free(text);
	return 0;
}
