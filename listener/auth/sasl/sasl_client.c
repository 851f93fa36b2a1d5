/*
 * sasl_client - authenticates us at a remote host: the table of mechanisms, PLAIN (RFC 4616) and LOGIN
 *
 * Runs in:  auth, on pool threads
 * Owns:     the state of one mechanism
 * Promise:  nothing is said after the last word
 * Fails by: AUTH_OUT_FAILED, AUTH_OUT_LATER with a reason
 */
#include <assert.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

static enum msg_auth_out_result
step_plain(struct sasl_client *c, const struct msg_auth_in_token *challenge, struct msg_auth_out_answer *out)
{
	size_t user = strlen(c->start.user) + 1;

	out->token.len = (uint16_t)(1 + user + c->file->secret_len);
	out->token.data[0] = '\0';	/* no authzid: we act under our own name */
	memcpy(out->token.data + 1, c->start.user, user);
	memcpy(out->token.data + 1 + user, c->file->secret, c->file->secret_len);
	return AUTH_OUT_LAST;
}

/* The peer may ask in any words: the first answer is the name, the second the password. */
static enum msg_auth_out_result
step_login(struct sasl_client *c, const struct msg_auth_in_token *challenge, struct msg_auth_out_answer *out)
{
	if (challenge == NULL) {
		out->token.absent = true;
		return AUTH_OUT_WORD;
	}
	if (c->words == 1) {
		sasl_answer_put(&out->token, c->start.user, strlen(c->start.user));
		return AUTH_OUT_WORD;
	}
	sasl_answer_put(&out->token, c->file->secret, c->file->secret_len);
	return AUTH_OUT_LAST;
}

static const struct mechanism {
	/* NULL: not ours */
	enum msg_auth_out_result (*step)(struct sasl_client *c, const struct msg_auth_in_token *challenge,
	    struct msg_auth_out_answer *out);
	void (*end)(struct sasl_client *c);	/* NULL: it has no state */
	enum ctl_file_kind file;
} mechanism_rows[] = {
	[AUTH_OUT_SCRAM_PLUS] = { sasl_client_scram, sasl_client_scram_end, CTL_FILE_SECRET },
	[AUTH_OUT_SCRAM] = { sasl_client_scram, sasl_client_scram_end, CTL_FILE_SECRET },
	[AUTH_OUT_GSSAPI] = { sasl_client_gssapi, sasl_client_gssapi_end, CTL_FILE_CLIENT_KEYTAB },
	[AUTH_OUT_OAUTHBEARER] = { NULL, NULL, CTL_FILE_SECRET },
	[AUTH_OUT_XOAUTH2] = { NULL, NULL, CTL_FILE_SECRET },
	[AUTH_OUT_PLAIN] = { step_plain, NULL, CTL_FILE_SECRET },
	[AUTH_OUT_LOGIN] = { step_login, NULL, CTL_FILE_SECRET },
};
static_assert(nitems_of(mechanism_rows) == AUTH_OUT_MECHANISMS, "one row a mechanism");

bool
sasl_client_is_ours(enum msg_auth_out_mechanism m)
{
	return mechanism_rows[m].step != NULL;
}

enum ctl_file_kind
sasl_client_file_kind(enum msg_auth_out_mechanism m)
{
	return mechanism_rows[m].file;
}

void
sasl_client_step(struct sasl_client *c, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	enum msg_auth_out_result result;

	if (c->over)
		result = sasl_answer_fail(out, AUTH_OUT_FAILED, "it asks on after the last word of %s",
		    msg_auth_out_mechanism_names[c->start.mechanism]);
	else
		result = mechanism_rows[c->start.mechanism].step(c, challenge, out);
	out->result = (uint8_t)result;
	c->words++;
	c->over = result == AUTH_OUT_LAST;
}

void
sasl_client_done(struct sasl_client *c)
{
	if (mechanism_rows[c->start.mechanism].end != NULL)
		mechanism_rows[c->start.mechanism].end(c);
}
