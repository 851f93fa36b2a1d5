/*
 * prove - an authentication of ours at a remote host, between deliver and the auth helper
 *
 * Runs in:  deliver, auth (pure)
 * Owns:     nothing
 * Promise:  what take() accepted has ended strings without control bytes, and lengths within bounds
 * Fails by: false
 */
#include "common/process/prove.h"

#include <assert.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/process/ctl.h"
#include "common/process/payload.h"

static_assert(sizeof(struct prove_start) <= CTL_PAYLOAD_MAX && sizeof(struct prove_answer) <= CTL_PAYLOAD_MAX, "fit one message");

const char *const prove_mechanism_names[PROVE_MECHANISMS] = {
	[PROVE_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS", [PROVE_SCRAM] = "SCRAM-SHA-256", [PROVE_GSSAPI] = "GSSAPI",
	[PROVE_OAUTHBEARER] = "OAUTHBEARER", [PROVE_XOAUTH2] = "XOAUTH2", [PROVE_PLAIN] = "PLAIN", [PROVE_LOGIN] = "LOGIN",
};

size_t
prove_answer_size(const struct prove_answer *a)
{
	return offsetof(struct prove_answer, token) + vouch_token_size(&a->token);
}

bool
prove_start_take(struct prove_start *s, const void *data, size_t len)
{
	if (len != sizeof(*s))
		return false;
	memcpy(s, data, len);
	return s->mechanism < PROVE_MECHANISMS && s->binding <= VOUCH_TLS_EXPORTER && s->binding_len <= VOUCH_BINDING_MAX &&
	    payload_is_text(s->domain, sizeof(s->domain)) && payload_is_text(s->user, sizeof(s->user)) && s->user[0] != '\0' &&
	    payload_is_text(s->host, sizeof(s->host));
}

bool
prove_answer_take(struct prove_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct prove_answer, token);
	if (len < fixed || !vouch_token_take(&a->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(a, data, fixed);
	return a->result <= PROVE_LATER && payload_is_text(a->why, sizeof(a->why));
}
