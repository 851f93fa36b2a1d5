/*
 * msg_auth_out - messages about our login at a remote host: sizes and checks; pure
 *
 * Runs in:  auth, deliver
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings without control bytes, and lengths within
 *           bounds
 * Fails by: false
 */
#include "common/msg/msg_auth_out.h"

#include <assert.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_auth_out_start) <= CTL_PAYLOAD_MAX &&
    sizeof(struct msg_auth_out_answer) <= CTL_PAYLOAD_MAX, "fit one message");

const char *const msg_auth_out_mechanism_names[AUTH_OUT_MECHANISMS] = {
	[AUTH_OUT_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS", [AUTH_OUT_SCRAM] = "SCRAM-SHA-256",
	[AUTH_OUT_GSSAPI] = "GSSAPI",
	[AUTH_OUT_OAUTHBEARER] = "OAUTHBEARER", [AUTH_OUT_XOAUTH2] = "XOAUTH2", [AUTH_OUT_PLAIN] = "PLAIN",
	[AUTH_OUT_LOGIN] = "LOGIN",
};

size_t
msg_auth_out_answer_size(const struct msg_auth_out_answer *a)
{
	return offsetof(struct msg_auth_out_answer, token) + msg_auth_in_token_size(&a->token);
}

bool
msg_auth_out_start_take(struct msg_auth_out_start *s, const void *data, size_t len)
{
	if (len != sizeof(*s))
		return false;
	memcpy(s, data, len);
	return s->mechanism < AUTH_OUT_MECHANISMS && s->binding <= AUTH_IN_TLS_EXPORTER &&
	    s->binding_len <= AUTH_IN_BINDING_MAX &&
	    ctl_text_is_text(s->domain, sizeof(s->domain)) && ctl_text_is_text(s->user, sizeof(s->user)) &&
	    s->user[0] != '\0' && ctl_text_is_text(s->host, sizeof(s->host));
}

bool
msg_auth_out_answer_take(struct msg_auth_out_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_auth_out_answer, token);

	if (len < fixed || !msg_auth_in_token_take(&a->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(a, data, fixed);
	return a->result <= AUTH_OUT_LATER && ctl_text_is_text(a->why, sizeof(a->why));
}
