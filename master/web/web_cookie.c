/*
 * web_cookie - the handle of a session in a cookie, and the token that goes with it; pure
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  nothing about sessions is stored here: the token of a session is a hash of its handle, so only
 *           who has the cookie, or was told the token on its behalf, knows it
 * Fails by: false
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "master/web/web.h"

static const char *
name_of(bool secure)
{
	return secure ? "__Host-postern" : "postern";
}

/* One line of Cookie: the pairs of that name. `value` gets the last one; the number of them. */
static unsigned
find_pairs(char value[WEB_SECRET_TEXT], const char *line, const char *name)
{
	size_t len = strlen(name);
	unsigned found = 0;

	while (*line != '\0') {
		size_t n;

		line += strspn(line, " \t;");
		n = strcspn(line, ";");
		if (n > len && strncmp(line, name, len) == 0 && line[len] == '=') {
			size_t rest = n - len - 1;

			while (rest > 0 && (line[len + rest] == ' ' || line[len + rest] == '\t'))
				rest--;
			found++;
			snprintf(value, WEB_SECRET_TEXT, "%.*s", rest == WEB_SECRET_TEXT - 1 ? (int)rest : 0,
			    line + len + 1);
		}
		line += n;
	}
	return found;
}

bool
web_cookie_find(unsigned char handle[WEB_SECRET_SIZE], const struct web_request *r)
{
	char value[WEB_SECRET_TEXT] = "";
	unsigned found = 0;

	for (size_t i = 0; i < r->fields; i++)
		if (strcasecmp(r->field[i].name, "Cookie") == 0)
			found += find_pairs(value, r->field[i].value, name_of(r->secure));
	return found == 1 && msg_web_secret_parse(handle, value);
}

void
web_cookie_token(char token[WEB_SECRET_TEXT], const unsigned char handle[WEB_SECRET_SIZE])
{
	static const char purpose[] = "postern-web token\n";
	unsigned char text[sizeof(purpose) - 1 + WEB_SECRET_SIZE], hash[SHA256_DIGEST_LENGTH];

	_Static_assert(SHA256_DIGEST_LENGTH == WEB_SECRET_SIZE, "a token is as long as a handle");
	memcpy(text, purpose, sizeof(purpose) - 1);
	memcpy(text + sizeof(purpose) - 1, handle, WEB_SECRET_SIZE);
	SHA256(text, sizeof(text), hash);
	msg_web_secret_format(token, hash);
	explicit_bzero(text, sizeof(text));
}

void
web_cookie_format(char *dst, size_t size, const unsigned char *handle, bool secure)
{
	char text[WEB_SECRET_TEXT] = "";

	if (handle != NULL)
		msg_web_secret_format(text, handle);
	snprintf(dst, size, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name_of(secure), text,
	    secure ? "; Secure" : "", handle == NULL ? "; Max-Age=0" : "");
	explicit_bzero(text, sizeof(text));
}
