/*
 * msg_token - OAuth2 tokens between deliver, the fetch helper and the master: sizes and checks; pure
 *
 * Runs in:  master, deliver, fetch
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings without control bytes, lengths within
 *           bounds, and a token that cannot break out of the line in which it is sent
 * Fails by: false
 */
#include "common/msg/msg_token.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_token_answer) <= CTL_PAYLOAD_MAX &&
    sizeof(struct msg_token_keep) <= CTL_PAYLOAD_MAX, "fit one message");

size_t
msg_token_answer_size(const struct msg_token_answer *a)
{
	return offsetof(struct msg_token_answer, token) + a->len;
}

size_t
msg_token_keep_size(const struct msg_token_keep *k)
{
	return offsetof(struct msg_token_keep, text) + k->len;
}

/* b64token (RFC 6750 2.1). */
bool
msg_token_is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    (text[i] == '\0' || strchr("-._~+/=", text[i]) == NULL))
			return false;
	return len > 0 && len <= TOKEN_MAX;
}

bool
msg_token_ask_take(struct msg_token_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return ctl_text_is_text(a->profile, sizeof(a->profile)) && a->profile[0] != '\0';
}

bool
msg_token_answer_take(struct msg_token_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_token_answer, token);

	if (len < fixed || len > sizeof(*a))
		return false;
	memcpy(a, data, len);
	if (a->len > TOKEN_MAX || len != fixed + a->len || !ctl_text_is_text(a->text, sizeof(a->text)))
		return false;
	return a->result == TOKEN_OK ?
	    a->serial != 0 && msg_token_is_token(a->token, a->len) :
	    a->result == TOKEN_LATER && a->len == 0;
}

bool
msg_token_keep_take(struct msg_token_keep *k, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_token_keep, text);

	if (len < fixed || len > sizeof(*k))
		return false;
	memcpy(k, data, len);
	return k->len <= TOKEN_KEEP_MAX && len == fixed + k->len &&
	    ctl_text_is_text(k->profile, sizeof(k->profile)) && k->profile[0] != '\0';
}
