/*
 * sasl_client_scram - SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as a client (RFC 5802, 7677, 9266) through
 * libgsasl
 *
 * Runs in:  auth, on pool threads
 * Owns:     a libgsasl session for each authentication
 * Promise:  a peer that wants fewer than ITERATIONS_MIN hashes gets no proof, from which it could guess the
 *           password fast; more than PASSWD_ITERATIONS_MAX are not computed; AUTH_OUT_LAST only after the
 *           peer has proved that it knows the account
 * Fails by: AUTH_OUT_FAILED; AUTH_OUT_LATER when libgsasl cannot work
 */
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { ITERATIONS_MIN = 4096 };	/* RFC 7677 4 */

struct scram_client {
	Gsasl *context;
	Gsasl_session *session;
};

static int
set_client_binding(Gsasl_session *session, const struct msg_auth_out_start *start)
{
	char text[BASE64_SIZE(AUTH_IN_BINDING_MAX)];

	if (start->binding == AUTH_IN_NO_BINDING || start->binding_len == 0)
		return GSASL_OK;
	base64_encode(text, start->binding_data, start->binding_len);
	return gsasl_property_set(session, start->binding == AUTH_IN_TLS_UNIQUE ? GSASL_CB_TLS_UNIQUE :
	    GSASL_CB_TLS_EXPORTER, text);
}

static int
begin_scram(struct sasl_client *c)
{
	struct scram_client *s = mem_new(struct scram_client);
	int rc;

	c->state = s;
	rc = gsasl_init(&s->context);
	if (rc == GSASL_OK)
		rc = gsasl_client_start(s->context, msg_auth_out_mechanism_names[c->start.mechanism],
		    &s->session);
	if (rc == GSASL_OK)
		rc = gsasl_property_set(s->session, GSASL_AUTHID, c->start.user);
	if (rc == GSASL_OK)
		rc = gsasl_property_set_raw(s->session, GSASL_PASSWORD, c->file->secret, c->file->secret_len);
	return rc == GSASL_OK ? set_client_binding(s->session, &c->start) : rc;
}

/* "r=...,s=...,i=4096": the server's first word says how often the password is to be hashed. */
static bool
has_good_iterations(const struct msg_auth_in_token *challenge)
{
	const char *p = memmem(challenge->data, challenge->len, ",i=", 3),
	    *end = (const char *)challenge->data + challenge->len;
	unsigned long n = 0;

	for (p = p != NULL ? p + 3 : end; p < end && *p >= '0' && *p <= '9' && n <= PASSWD_ITERATIONS_MAX;
	    p++)
		n = n * 10 + (unsigned long)(*p - '0');
	return n >= ITERATIONS_MIN && n <= PASSWD_ITERATIONS_MAX;
}

enum msg_auth_out_result
sasl_client_scram(struct sasl_client *c, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	char *text = NULL;
	size_t len = 0;
	int rc = challenge == NULL ? begin_scram(c) : GSASL_OK;
	struct scram_client *s = c->state;

	if (rc != GSASL_OK)
		return sasl_answer_fail(out, AUTH_OUT_LATER, "SCRAM: %s", gsasl_strerror(rc));
	if (c->words == 1 && !has_good_iterations(challenge))
		return sasl_answer_fail(out, AUTH_OUT_FAILED,
		    "SCRAM: it wants fewer than %d or more than %u iterations", ITERATIONS_MIN,
		    PASSWD_ITERATIONS_MAX);
	rc = gsasl_step(s->session, challenge != NULL ? (const char *)challenge->data : NULL,
	    challenge != NULL ? challenge->len : 0, &text, &len);
	if (rc == GSASL_OK || rc == GSASL_NEEDS_MORE)
		sasl_answer_put(&out->token, text != NULL ? text : "", text != NULL ? len : 0);
	gsasl_free(text);
	if (rc == GSASL_NEEDS_MORE)
		return AUTH_OUT_WORD;
	if (rc == GSASL_OK)
		return AUTH_OUT_LAST;
	return sasl_answer_fail(out, AUTH_OUT_FAILED,
	    "SCRAM: it does not prove that it knows the account: %s", gsasl_strerror(rc));
}

void
sasl_client_scram_end(struct sasl_client *c)
{
	struct scram_client *s = c->state;

	if (s == NULL)
		return;
	if (s->session != NULL)
		gsasl_finish(s->session);
	if (s->context != NULL)
		gsasl_done(s->context);
	free(s);
}
