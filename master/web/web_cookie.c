/*
 * web_cookie - the two halves of a session's handle: one in a cookie, one in the token of a tab; pure
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  the handle is the cookie xor the first half of the token, so each of them alone is random bytes
 *           that say nothing. A browser shows cookies to every port of a host; the token it shows to the
 *           page alone. The second half of the token is a hash of its cookie: one that somebody planted
 *           beside it is told apart
 * Fails by: false
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/account/secret.h"
#include "master/web/web.h"

#define SHOWN_MAX 8U		/* cookies of our name that are looked at */

struct shown { unsigned char cookie[SHOWN_MAX][WEB_SECRET_SIZE]; unsigned count; };

static const char *
name_of(bool secure)
{
	return secure ? "__Host-postern" : "postern";
}

static void
add_shown(struct shown *s, const char *text, size_t len)
{
	char value[WEB_SECRET_TEXT];

	if (len != sizeof(value) - 1 || s->count == SHOWN_MAX)
		return;
	snprintf(value, sizeof(value), "%.*s", (int)len, text);
	s->count += msg_web_secret_parse(s->cookie[s->count], value);
}

/* One line of Cookie: the pairs of that name. */
static void
find_pairs(struct shown *s, const char *line, const char *name)
{
	size_t len = strlen(name);

	while (*line != '\0') {
		size_t n;

		line += strspn(line, " \t;");
		n = strcspn(line, ";");
		if (n > len && strncmp(line, name, len) == 0 && line[len] == '=') {
			size_t rest = n - len - 1;

			while (rest > 0 && (line[len + rest] == ' ' || line[len + rest] == '\t'))
				rest--;
			add_shown(s, line + len + 1, rest);
		}
		line += n;
	}
}

static void
find_all(struct shown *s, const struct web_request *r)
{
	s->count = 0;
	for (size_t i = 0; i < r->fields; i++)
		if (strcasecmp(r->field[i].name, "Cookie") == 0)
			find_pairs(s, r->field[i].value, name_of(r->secure));
}

static void
hash_cookie(unsigned char hash[WEB_SECRET_SIZE], const unsigned char cookie[WEB_SECRET_SIZE])
{
	static const char purpose[] = "postern-web cookie\n";
	unsigned char text[sizeof(purpose) - 1 + WEB_SECRET_SIZE];

	_Static_assert(SHA256_DIGEST_LENGTH == WEB_SECRET_SIZE, "a hash is as long as a secret");
	memcpy(text, purpose, sizeof(purpose) - 1);
	memcpy(text + sizeof(purpose) - 1, cookie, WEB_SECRET_SIZE);
	SHA256(text, sizeof(text), hash);
	explicit_bzero(text, sizeof(text));
}

static void
mix(unsigned char out[WEB_SECRET_SIZE], const unsigned char *a, const unsigned char *b)
{
	for (size_t i = 0; i < WEB_SECRET_SIZE; i++)
		out[i] = a[i] ^ b[i];
}

static bool
parse_token(unsigned char half[2][WEB_SECRET_SIZE], const char *token)
{
	char text[WEB_SECRET_TEXT];

	if (token == NULL || strlen(token) != WEB_TOKEN_TEXT - 1)
		return false;
	memcpy(text, token, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return msg_web_secret_parse(half[0], text) &&
	    msg_web_secret_parse(half[1], token + WEB_SECRET_TEXT - 1);
}

bool
web_cookie_find(unsigned char handle[WEB_SECRET_SIZE], const struct web_request *r, const char *token)
{
	unsigned char half[2][WEB_SECRET_SIZE], hash[WEB_SECRET_SIZE];
	struct shown s;
	bool found = false;

	if (!parse_token(half, token))
		return false;
	find_all(&s, r);
	for (unsigned i = 0; i < s.count; i++) {
		hash_cookie(hash, s.cookie[i]);
		if (!secret_is_same(hash, half[1], sizeof(hash)))
			continue;
		mix(handle, half[0], s.cookie[i]);
		found = true;
	}
	explicit_bzero(&s, sizeof(s));
	explicit_bzero(half, sizeof(half));
	return found;
}

bool
web_cookie_only(unsigned char cookie[WEB_SECRET_SIZE], const struct web_request *r)
{
	struct shown s;
	bool one;

	find_all(&s, r);
	one = s.count == 1;
	if (one)
		memcpy(cookie, s.cookie[0], WEB_SECRET_SIZE);
	explicit_bzero(&s, sizeof(s));
	return one;
}

void
web_cookie_token(char token[WEB_TOKEN_TEXT], const unsigned char handle[WEB_SECRET_SIZE],
    const unsigned char cookie[WEB_SECRET_SIZE])
{
	unsigned char half[WEB_SECRET_SIZE];

	mix(half, handle, cookie);
	msg_web_secret_format(token, half);
	hash_cookie(half, cookie);
	msg_web_secret_format(token + WEB_SECRET_TEXT - 1, half);
	explicit_bzero(half, sizeof(half));
}

void
web_cookie_format(char *dst, size_t size, const unsigned char *cookie, bool secure)
{
	char text[WEB_SECRET_TEXT] = "";

	if (cookie != NULL)
		msg_web_secret_format(text, cookie);
	snprintf(dst, size, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name_of(secure), text,
	    secure ? "; Secure" : "", cookie == NULL ? "; Max-Age=0" : "");
	explicit_bzero(text, sizeof(text));
}
