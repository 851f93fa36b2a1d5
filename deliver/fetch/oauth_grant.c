/*
 * oauth_grant - what a token endpoint is asked, and its answer (RFC 6749 4.4, 5, 6); pure
 *
 * Runs in:  fetch
 * Owns:     the tokens of a grant until oauth_grant_done
 * Promise:  hostile answers are bounded: a token has only the characters of RFC 6750 2.1, texts are printable
 *           and short
 * Fails by: OAUTH_GRANT_REFUSED or OAUTH_GRANT_TROUBLE with words
 */
#include "deliver/fetch/fetch.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

#define LIFETIME_DEFAULT 600	/* seconds; RFC 6749 5.1 only recommends expires_in */
#define LIFETIME_MAX 86400

/* application/x-www-form-urlencoded */
static void
add_escaped(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (isalnum(*p) || strchr("-._~", *p) != NULL)
			buf_add(out, p, 1);
		else
			buf_printf(out, "%%%02X", *p);
	}
}

static void
add_pair(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, "%s%s=", out->len > 0 ? "&" : "", name);
	add_escaped(out, value);
}

void
oauth_grant_request(struct buf *out, const struct config_oauth *o, const struct oauth_grant_proof *proof)
{
	static const char type[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

	add_pair(out, "grant_type", o->flow == CONFIG_FLOW_REFRESH ? "refresh_token" : "client_credentials");
	add_pair(out, "client_id", o->client_id);
	add_pair(out, "client_secret", proof->secret);
	add_pair(out, "client_assertion_type", proof->assertion != NULL ? type : NULL);
	add_pair(out, "client_assertion", proof->assertion);
	if (o->flow == CONFIG_FLOW_REFRESH)
		add_pair(out, "refresh_token", proof->refresh);
	add_pair(out, "scope", o->scope);
}

/* Printable, on one line, cut. */
static void
copy_printable(char *dst, size_t size, const char *text)
{
	size_t n = 0;

	for (; text != NULL && *text != '\0' && n + 1 < size; text++)
		if (*text > ' ' && *text <= '~')
			dst[n++] = *text;
		else if (n > 0 && dst[n - 1] != ' ')
			dst[n++] = ' ';
	dst[n] = '\0';
}

static const char *
string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));	/* NULL: not there, or no string */
}

static void
set_result_text(struct oauth_grant *g, enum oauth_grant_result result, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

static void
set_result_text(struct oauth_grant *g, enum oauth_grant_result result, const char *fmt, ...)
{
	va_list ap;

	g->result = result;
	va_start(ap, fmt);
	vsnprintf(g->text, sizeof(g->text), fmt, ap);
	va_end(ap);
}

/* A number that no lifetime can be counts as none. */
static json_int_t
real_lifetime(double n)
{
	return n > -LIFETIME_MAX && n < LIFETIME_MAX ? (json_int_t)n : LIFETIME_DEFAULT;
}

/* A number; some endpoints write a string of digits. */
static uint64_t
lifetime_of(const json_t *object)
{
	const json_t *value = json_object_get(object, "expires_in");
	const char *text = json_string_value(value);
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : text != NULL ?
	    strtoll(text, NULL, 10) :
	    json_is_real(value) ? real_lifetime(json_real_value(value)) : LIFETIME_DEFAULT;

	return n < 1 ? 1 : n > LIFETIME_MAX ? LIFETIME_MAX : (uint64_t)n;
}

static void
read_token(struct oauth_grant *g, const json_t *object)
{
	const char *token = string_of(object, "access_token"), *type = string_of(object, "token_type"),
	    *refresh = string_of(object, "refresh_token");

	if (type == NULL || strcasecmp(type, "bearer") != 0) {
		set_result_text(g, OAUTH_GRANT_TROUBLE, "the token's type is not Bearer");
		return;
	}
	if (!msg_token_is_token(token, strlen(token))) {
		set_result_text(g, OAUTH_GRANT_TROUBLE,
		    "the token is longer than %d characters, or has characters that no token has",
		    TOKEN_MAX);
		return;
	}
	g->result = OAUTH_GRANT_TOKEN;
	g->token = mem_strdup(token);
	g->lifetime = lifetime_of(object);
	copy_printable(g->scope, sizeof(g->scope), string_of(object, "scope"));
	if (refresh == NULL || *refresh == '\0' || strlen(refresh) > OAUTH_GRANT_REFRESH_MAX)
		return;
	for (const char *p = refresh; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return;
	g->refresh = mem_strdup(refresh);
}

static void
read_error(struct oauth_grant *g, long status, const json_t *object)
{
	char description[220];
	const char *name;
	bool busy;

	copy_printable(g->error, sizeof(g->error), string_of(object, "error"));
	copy_printable(description, sizeof(description), string_of(object, "error_description"));
	name = *g->error != '\0' ? g->error : "an error without a name";
	busy = status == 429 || status >= 500;
	if (busy)
		set_result_text(g, OAUTH_GRANT_TROUBLE, "HTTP status %ld, %s%s%s", status, name,
		    *description != '\0' ? ": " : "", description);
	else
		set_result_text(g, OAUTH_GRANT_REFUSED, "%s%s%s", name, *description != '\0' ? ": " : "",
		    description);
}

static void
read_object(struct oauth_grant *g, long status, const json_t *object)
{
	if (status == 200 && string_of(object, "access_token") != NULL)
		read_token(g, object);
	else if (string_of(object, "error") != NULL)
		read_error(g, status, object);
	else if (status == 200)
		set_result_text(g, OAUTH_GRANT_TROUBLE, "the answer has neither access_token nor error");
	else
		set_result_text(g, OAUTH_GRANT_TROUBLE, "HTTP status %ld", status);
}

void
oauth_grant_read(struct oauth_grant *g, long status, const char *body, size_t len)
{
	json_error_t error;
	json_t *root;

	*g = (struct oauth_grant){ 0 };
	if (status >= 300 && status < 400) {
		set_result_text(g, OAUTH_GRANT_TROUBLE,
		    "HTTP status %ld: the endpoint sends elsewhere, and that is not followed; is token-url "
		    "right?", status);
		return;
	}
	root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(root))
		read_object(g, status, root);
	else if (status == 200)
		set_result_text(g, OAUTH_GRANT_TROUBLE, "the answer is no JSON object; is token-url right?");
	else
		set_result_text(g, OAUTH_GRANT_TROUBLE, "HTTP status %ld%s", status,
		    status == 429 ? " (too many requests)" : "");
	json_decref(root);
}

/* Also its beginning at the end of the text, which may have been cut there. */
static void
hide_secret(char *text, const char *secret)
{
	size_t len = strlen(secret), end;
	char *at;

	while (len > 3 && (at = strstr(text, secret)) != NULL)
		memmove(at, at + len, strlen(at + len) + 1);
	end = strlen(text);
	for (size_t part = len < end ? len : end; part > 3; part--)
		if (strncmp(text + end - part, secret, part) == 0) {
			text[end - part] = '\0';
			return;
		}
}

void
oauth_grant_hide(struct oauth_grant *g, const char *secret)
{
	bool said;

	if (secret == NULL)
		return;
	said = *g->text != '\0';
	hide_secret(g->error, secret);
	hide_secret(g->text, secret);
	hide_secret(g->scope, secret);
	if (said && *g->text == '\0')
		snprintf(g->text, sizeof(g->text), "the answer repeats what we sent, and is not shown");
}

static void
wipe_token(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void
oauth_grant_done(struct oauth_grant *g)
{
	wipe_token(g->token);
	wipe_token(g->refresh);
	*g = (struct oauth_grant){ 0 };
}
