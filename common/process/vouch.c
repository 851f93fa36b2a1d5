/*
 * vouch - an authentication between a listener and the auth helper
 *
 * Runs in:  listener, auth (pure)
 * Owns:     nothing
 * Promise:  what take() accepted has ended strings without control bytes, and lengths within bounds
 * Fails by: false
 */
#include "common/process/vouch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/process/ctl.h"
#include "common/process/payload.h"

static_assert(sizeof(struct vouch_start) <= CTL_PAYLOAD_MAX && sizeof(struct vouch_answer) <= CTL_PAYLOAD_MAX, "fit one message");

const char *const vouch_mechanism_names[VOUCH_MECHANISMS] = {
	[VOUCH_PLAIN] = "PLAIN", [VOUCH_LOGIN] = "LOGIN", [VOUCH_SCRAM] = "SCRAM-SHA-256", [VOUCH_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
	[VOUCH_GSSAPI] = "GSSAPI",
};

size_t
vouch_token_size(const struct vouch_token *t)
{
	return offsetof(struct vouch_token, data) + t->len;
}

size_t
vouch_start_size(const struct vouch_start *s)
{
	return offsetof(struct vouch_start, token) + vouch_token_size(&s->token);
}

size_t
vouch_answer_size(const struct vouch_answer *a)
{
	return offsetof(struct vouch_answer, token) + vouch_token_size(&a->token);
}

struct vouch_token *
vouch_token_copy(const struct vouch_token *t)
{
	return memcpy(mem_new(struct vouch_token), t, vouch_token_size(t));
}

void
vouch_token_forget(struct vouch_token **t)
{
	if (*t != NULL)
		explicit_bzero(*t, vouch_token_size(*t));
	free(*t);
	*t = NULL;
}

bool
vouch_token_take(struct vouch_token *t, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct vouch_token, data);
	if (len < fixed || len > sizeof(*t))
		return false;
	memcpy(t, data, fixed);
	if (t->len > VOUCH_TOKEN_MAX || len != fixed + t->len)
		return false;
	memcpy(t->data, (const uint8_t *)data + fixed, t->len);
	return true;
}

bool
vouch_start_take(struct vouch_start *s, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct vouch_start, token);
	if (len < fixed || !vouch_token_take(&s->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(s, data, fixed);
	return s->mechanism < VOUCH_MECHANISMS && s->binding <= VOUCH_TLS_EXPORTER && s->binding_len <= VOUCH_BINDING_MAX &&
	    s->unique_len <= VOUCH_UNIQUE_MAX &&
	    payload_is_text(s->client, sizeof(s->client)) && payload_is_text(s->domain, sizeof(s->domain)) && payload_is_text(s->principal, sizeof(s->principal));
}

bool
vouch_answer_take(struct vouch_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct vouch_answer, token);
	if (len < fixed || !vouch_token_take(&a->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(a, data, fixed);
	return a->result <= VOUCH_LATER && payload_is_text(a->user, sizeof(a->user)) && (a->result != VOUCH_OK || a->user[0] != '\0');
}
