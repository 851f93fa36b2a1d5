/*
 * bearer - OAuth2 tokens between deliver, the fetch helper and the master
 *
 * Runs in:  deliver, fetch, master (pure)
 * Owns:     nothing
 * Promise:  what take() accepted has ended strings without control bytes, lengths within bounds, and a token that cannot
 *           break out of the line it is sent in
 * Fails by: false
 */
#include "common/process/bearer.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "common/process/ctl.h"
#include "common/process/payload.h"

static_assert(sizeof(struct bearer_answer) <= CTL_PAYLOAD_MAX && sizeof(struct bearer_keep) <= CTL_PAYLOAD_MAX, "fit one message");

size_t
bearer_answer_size(const struct bearer_answer *a)
{
	return offsetof(struct bearer_answer, token) + a->len;
}

size_t
bearer_keep_size(const struct bearer_keep *k)
{
	return offsetof(struct bearer_keep, text) + k->len;
}

/* b64token (RFC 6750 2.1). */
bool
bearer_is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && (text[i] == '\0' || strchr("-._~+/=", text[i]) == NULL))
			return false;
	return len > 0 && len <= BEARER_TOKEN_MAX;
}

bool
bearer_ask_take(struct bearer_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return payload_is_text(a->profile, sizeof(a->profile)) && a->profile[0] != '\0';
}

bool
bearer_answer_take(struct bearer_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct bearer_answer, token);
	if (len < fixed || len > sizeof(*a))
		return false;
	memcpy(a, data, len);
	if (a->len > BEARER_TOKEN_MAX || len != fixed + a->len || !payload_is_text(a->text, sizeof(a->text)))
		return false;
	return a->result == BEARER_OK ? a->serial != 0 && bearer_is_token(a->token, a->len) : a->result == BEARER_LATER && a->len == 0;
}

bool
bearer_keep_take(struct bearer_keep *k, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct bearer_keep, text);
	if (len < fixed || len > sizeof(*k))
		return false;
	memcpy(k, data, len);
	return k->len <= BEARER_KEEP_MAX && len == fixed + k->len && payload_is_text(k->profile, sizeof(k->profile)) && k->profile[0] != '\0';
}
