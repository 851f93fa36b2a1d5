/*
 * sasl_server_scram - SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677) through libgsasl
 *
 * Runs in:  auth, on pool threads
 * Owns:     a libgsasl session for each authentication
 * Promise:  only accounts with a verifier in the password file can succeed; for any other name the dialogue
 *           is the same and fails at its end; a client that was offered -PLUS and says that it was not
 *           (downgrade) fails
 * Fails by: AUTH_IN_FAILED; AUTH_IN_LATER when libgsasl cannot work
 */
#include <assert.h>
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

struct sasl_server_scram {
	struct sasl_server *sasl;
	Gsasl *context;
	Gsasl_session *session;
	bool looked_up;
	bool hopeless;				/* there is no such account: fails at its end */
	struct passwd_account account;		/* a copy; its strings are not used */
};

static void
look_up(struct sasl_server_scram *s)
{
	struct sasl_server *p = s->sasl;
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);
	const struct passwd_account *a = NULL;

	s->looked_up = true;
	if (name != NULL && sasl_name_claim(p, name, strlen(name)))
		a = sasl_name_account(p);
	s->hopeless = a == NULL || a->hash != NULL;
	/* Also when it is not needed: the same work for every name. */
	password_check_decoy(p->file->check, p->file->accounts, p->user, &s->account);
	if (!s->hopeless)
		s->account = *a;
}

static int
set_base64(Gsasl_session *session, Gsasl_property property, const void *data, size_t len)
{
	char text[BASE64_SIZE(PASSWD_SALT_MAX)];
	int rc;

	base64_encode(text, data, len);
	rc = gsasl_property_set(session, property, text);
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int
set_server_binding(const struct sasl_server_scram *s, Gsasl_property property, enum msg_auth_in_binding kind)
{
	const struct msg_auth_in_start *start = &s->sasl->start;
	static_assert(AUTH_IN_BINDING_MAX <= PASSWD_SALT_MAX, "set_base64 holds it");

	if (!start->tls)
		return GSASL_NO_CALLBACK;
	if (kind == AUTH_IN_TLS_UNIQUE && start->unique_len > 0)
		return set_base64(s->session, property, start->unique_data, start->unique_len);
	if (start->binding != kind || start->binding_len == 0)
		return GSASL_NO_CALLBACK;
	return set_base64(s->session, property, start->binding_data, start->binding_len);
}

/* What libgsasl asks for. */
static int
on_property(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	struct sasl_server_scram *s = gsasl_session_hook_get(session);
	char number[16];

	if (s == NULL)
		return GSASL_NO_CALLBACK;
	if (property == GSASL_CB_TLS_UNIQUE)
		return set_server_binding(s, property, AUTH_IN_TLS_UNIQUE);
	if (property == GSASL_CB_TLS_EXPORTER)
		return set_server_binding(s, property, AUTH_IN_TLS_EXPORTER);
	if (!s->looked_up)
		look_up(s);
	switch (property) {
	case GSASL_SCRAM_ITER:
		snprintf(number, sizeof(number), "%u", s->account.iterations);
		return gsasl_property_set(session, property, number);
	case GSASL_SCRAM_SALT:
		return set_base64(session, property, s->account.salt, s->account.salt_len);
	case GSASL_SCRAM_STOREDKEY:
		return set_base64(session, property, s->account.stored, sizeof(s->account.stored));
	case GSASL_SCRAM_SERVERKEY:
		return set_base64(session, property, s->account.server, sizeof(s->account.server));
	default:
		return GSASL_NO_CALLBACK;
	}
}

static int
start_scram(struct sasl_server *p)
{
	struct sasl_server_scram *s = mem_new(struct sasl_server_scram);
	int rc;

	p->state = s;
	s->sasl = p;
	rc = gsasl_init(&s->context);
	if (rc != GSASL_OK)
		return rc;
	gsasl_callback_set(s->context, on_property);
	rc = gsasl_server_start(s->context, msg_auth_in_mechanism_names[p->start.mechanism], &s->session);
	if (rc == GSASL_OK)
		gsasl_session_hook_set(s->session, s);
	return rc;
}

static enum msg_auth_in_result
judge_step(struct sasl_server_scram *s, int rc)
{
	const char *authzid = gsasl_property_fast(s->session, GSASL_AUTHZID);

	if (rc == GSASL_NEEDS_MORE)
		return AUTH_IN_CHALLENGE;
	if (rc != GSASL_OK || s->hopeless || !s->looked_up)
		return AUTH_IN_FAILED;
	return sasl_name_is_self(s->sasl, authzid != NULL ? authzid : "",
	    authzid != NULL ? strlen(authzid) : 0) ? AUTH_IN_OK : AUTH_IN_FAILED;
}

enum msg_auth_in_result
sasl_server_scram_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	char *text = NULL;
	size_t len = 0;
	enum msg_auth_in_result result;
	int rc;
	struct sasl_server_scram *s;

	if (in->absent)
		return AUTH_IN_CHALLENGE;
	rc = p->state == NULL ? start_scram(p) : GSASL_OK;
	s = p->state;
	if (rc != GSASL_OK) {
		snprintf(p->reason, sizeof(p->reason), "%s", gsasl_strerror(rc));
		return AUTH_IN_LATER;
	}
	rc = gsasl_step(s->session, (const char *)in->data, in->len, &text, &len);
	result = judge_step(s, rc);
	if (result != AUTH_IN_FAILED && text != NULL)
		sasl_answer_put(out, text, len);
	gsasl_free(text);
	return result;
}

void
sasl_server_scram_end(struct sasl_server *p)
{
	struct sasl_server_scram *s = p->state;

	if (s == NULL)
		return;
	if (s->session != NULL)
		gsasl_finish(s->session);
	if (s->context != NULL)
		gsasl_done(s->context);
	explicit_bzero(s, sizeof(*s));
	free(s);
}
