/*
 * sasl_client_gssapi - GSSAPI as a client: the mechanism by which a remote host is told who we are
 *
 * Runs in:  auth, on pool threads
 * Owns:     a gssapi_client each
 * Promise:  no ticket is ever written to disk
 * Fails by: AUTH_OUT_FAILED; AUTH_OUT_LATER when there is no ticket to be had
 */
#include "common/gssapi/gssapi_client.h"
#include "listener/auth/auth.h"

static const struct gssapi_client_kind kind = { .service = "smtp", .peer = "it", .advice = "",
    .bad_name = "no ticket" };

static enum msg_auth_out_result
fail(const struct gssapi_client *c, struct msg_auth_out_answer *out, enum msg_auth_out_result how)
{
	return sasl_client_fail(out, how, "%s", gssapi_client_why(c));
}

static enum msg_auth_out_result
begin(struct sasl_client *x, struct msg_auth_out_answer *out)
{
	struct gssapi_client *c;

	if (x->start.host[0] == '[')
		return sasl_client_fail(out, AUTH_OUT_LATER,
		    "Kerberos needs the name of the host, %s is an address", x->start.host);
	c = x->state = gssapi_client_new(&kind);
	if (gssapi_client_name_service(c, x->start.host) == -1 ||
	    gssapi_client_acquire(c, x->start.user, &x->file->keytab) == -1)
		return fail(c, out, AUTH_OUT_LATER);
	return AUTH_OUT_WORD;
}

enum msg_auth_out_result
sasl_client_gssapi(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	enum msg_auth_out_result ready = challenge == NULL ? begin(x, out) : AUTH_OUT_WORD;
	struct gssapi_client *c = x->state;
	const void *word;
	size_t len;
	int rc;

	if (ready != AUTH_OUT_WORD)
		return ready;
	if (challenge == NULL)
		rc = gssapi_client_step(c, NULL, 0);
	else
		rc = gssapi_client_step(c, challenge->data, challenge->len);
	word = gssapi_client_word(c, &len);
	sasl_server_put(&out->token, word, len);
	if (rc == -1)
		return fail(c, out, challenge == NULL ? AUTH_OUT_LATER : AUTH_OUT_FAILED);
	if (len > sizeof(out->token.data))
		return sasl_client_fail(out, AUTH_OUT_LATER, "the ticket is too large");
	return gssapi_client_is_done(c) ? AUTH_OUT_LAST : AUTH_OUT_WORD;
}

void
sasl_client_gssapi_end(struct sasl_client *x)
{
	gssapi_client_free(x->state);
}
