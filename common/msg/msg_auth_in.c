/*
 * msg_auth_in - messages about a client that logs in: sizes and checks; pure
 *
 * Runs in:  master, web, listener, auth, deliver
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings without control bytes, and lengths within
 *           bounds
 * Fails by: false
 */
#include "common/msg/msg_auth_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_auth_in_start) <= CTL_PAYLOAD_MAX &&
    sizeof(struct msg_auth_in_answer) <= CTL_PAYLOAD_MAX, "fit one message");

const char *const msg_auth_in_mechanism_names[AUTH_IN_MECHANISMS] = {
	[AUTH_IN_PLAIN] = "PLAIN", [AUTH_IN_LOGIN] = "LOGIN", [AUTH_IN_SCRAM] = "SCRAM-SHA-256",
	[AUTH_IN_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS", [AUTH_IN_GSSAPI] = "GSSAPI",
	[AUTH_IN_PASSWORD] = "password", [AUTH_IN_NEGOTIATE] = "Negotiate", [AUTH_IN_ACCOUNT] = "account",
};

size_t
msg_auth_in_token_size(const struct msg_auth_in_token *t)
{
	return offsetof(struct msg_auth_in_token, data) + t->len;
}

size_t
msg_auth_in_start_size(const struct msg_auth_in_start *s)
{
	return offsetof(struct msg_auth_in_start, token) + msg_auth_in_token_size(&s->token);
}

size_t
msg_auth_in_answer_size(const struct msg_auth_in_answer *a)
{
	return offsetof(struct msg_auth_in_answer, token) + msg_auth_in_token_size(&a->token);
}

struct msg_auth_in_token *
msg_auth_in_token_new(size_t len)
{
	return mem_zalloc(offsetof(struct msg_auth_in_token, data) + len);
}

struct msg_auth_in_token *
msg_auth_in_token_copy(const struct msg_auth_in_token *t)
{
	return memcpy(msg_auth_in_token_new(t->len), t, msg_auth_in_token_size(t));
}

void
msg_auth_in_token_forget(struct msg_auth_in_token **t)
{
	if (*t != NULL)
		explicit_bzero(*t, msg_auth_in_token_size(*t));
	free(*t);
	*t = NULL;
}

bool
msg_auth_in_token_take(struct msg_auth_in_token *t, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_auth_in_token, data);

	if (len < fixed || len > sizeof(*t))
		return false;
	memcpy(t, data, fixed);
	if (t->len > AUTH_IN_TOKEN_MAX || len != fixed + t->len)
		return false;
	memcpy(t->data, (const uint8_t *)data + fixed, t->len);
	return true;
}

bool
msg_auth_in_start_take(struct msg_auth_in_start *s, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_auth_in_start, token);

	if (len < fixed || !msg_auth_in_token_take(&s->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(s, data, fixed);
	return s->mechanism < AUTH_IN_MECHANISMS && s->binding <= AUTH_IN_TLS_EXPORTER &&
	    s->binding_len <= AUTH_IN_BINDING_MAX && s->unique_len <= AUTH_IN_UNIQUE_MAX &&
	    ctl_text_is_text(s->client, sizeof(s->client)) &&
	    s->endpoint_len <= AUTH_IN_BINDING_MAX && ctl_text_is_text(s->realms, sizeof(s->realms)) &&
	    ctl_text_is_text(s->accounts, sizeof(s->accounts)) &&
	    ctl_text_is_text(s->domain, sizeof(s->domain)) &&
	    ctl_text_is_text(s->principal, sizeof(s->principal));
}

bool
msg_auth_in_answer_take(struct msg_auth_in_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_auth_in_answer, token);

	if (len < fixed || !msg_auth_in_token_take(&a->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(a, data, fixed);
	return a->result <= AUTH_IN_LATER && ctl_text_is_text(a->user, sizeof(a->user)) &&
	    (a->result != AUTH_IN_OK || a->user[0] != '\0');
}
