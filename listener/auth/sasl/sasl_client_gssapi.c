/*
 * sasl_client_gssapi - GSSAPI as a client (RFC 4752): proves to a remote host who we are
 *
 * Runs in:  auth, on pool threads
 * Owns:     a gssapi_client for each authentication
 * Promise:  tickets are in memory only; no security layer, as TLS is there
 * Fails by: AUTH_OUT_FAILED; AUTH_OUT_LATER when there is no ticket to be had
 */
#include "common/gssapi/gssapi_client.h"
#include "listener/auth/auth.h"

static const struct gssapi_client_kind kind = { .service = "smtp", .peer = "it", .advice = "",
    .bad_name = "no ticket" };

static enum msg_auth_out_result
fail_gssapi(const struct gssapi_client *g, struct msg_auth_out_answer *out, enum msg_auth_out_result how)
{
	return sasl_answer_fail(out, how, "%s", gssapi_client_why(g));
}

static enum msg_auth_out_result
begin_gssapi(struct sasl_client *c, struct msg_auth_out_answer *out)
{
	struct gssapi_client *g;

	if (c->start.host[0] == '[')
		return sasl_answer_fail(out, AUTH_OUT_LATER,
		    "Kerberos needs the name of the host, %s is an address", c->start.host);
	g = c->state = gssapi_client_new(&kind);
	if (gssapi_client_name_service(g, c->start.host) == -1 ||
	    gssapi_client_acquire(g, c->start.user, &c->file->keytab) == -1)
		return fail_gssapi(g, out, AUTH_OUT_LATER);
	return AUTH_OUT_WORD;
}

enum msg_auth_out_result
sasl_client_gssapi(struct sasl_client *c, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	enum msg_auth_out_result ready = challenge == NULL ? begin_gssapi(c, out) : AUTH_OUT_WORD;
	struct gssapi_client *g = c->state;
	const void *word;
	size_t len;
	int rc;

	if (ready != AUTH_OUT_WORD)
		return ready;
	if (challenge == NULL)
		rc = gssapi_client_step(g, NULL, 0);
	else
		rc = gssapi_client_step(g, challenge->data, challenge->len);
	word = gssapi_client_word(g, &len);
	sasl_answer_put(&out->token, word, len);
	if (rc == -1)
		return fail_gssapi(g, out, challenge == NULL ? AUTH_OUT_LATER : AUTH_OUT_FAILED);
	if (len > sizeof(out->token.data))
		return sasl_answer_fail(out, AUTH_OUT_LATER, "the ticket is too large");
	return gssapi_client_is_done(g) ? AUTH_OUT_LAST : AUTH_OUT_WORD;
}

void
sasl_client_gssapi_end(struct sasl_client *c)
{
	gssapi_client_free(c->state);
}
