/*
 * scram - SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677) through libgsasl
 *
 * Runs in:  auth, on pool threads
 * Owns:     a libgsasl session each
 * Promise:  needs a verifier in the password file; for a name without one the exchange goes the same way and fails at its end;
 *           a client that was offered -PLUS and says it was not (downgrade) fails
 * Fails by: VOUCH_FAILED; VOUCH_LATER when libgsasl cannot work
 */
#include <assert.h>
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

struct scram {
	struct proof *proof;
	Gsasl *context;
	Gsasl_session *session;
	bool looked_up, hopeless;
	struct account account;		/* a copy; its strings are not used */
};

static void
look_up(struct scram *s)
{
	struct proof *p = s->proof;
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);
	const struct account *a = NULL;

	s->looked_up = true;
	if (name != NULL && proof_claim(p, name, strlen(name)))
		a = proof_account(p);
	s->hopeless = a == NULL || a->hash != NULL;
	verify_decoy(p->file->accounts, p->user, &s->account); /* also when it is not needed: it is some work */
	if (!s->hopeless)
		s->account = *a;
}

static int
set_base64(Gsasl_session *session, Gsasl_property property, const void *data, size_t len)
{
	char text[BASE64_SIZE(ACCOUNT_SALT_MAX)];
	base64_encode(text, data, len);
	int rc = gsasl_property_set(session, property, text);
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int
set_binding(const struct scram *s, Gsasl_property property, enum vouch_binding kind)
{
	const struct vouch_start *start = &s->proof->start;
	static_assert(VOUCH_BINDING_MAX <= ACCOUNT_SALT_MAX, "set_base64 holds it");
	if (!start->tls)
		return GSASL_NO_CALLBACK;
	if (kind == VOUCH_TLS_UNIQUE && start->unique_len > 0)
		return set_base64(s->session, property, start->unique_data, start->unique_len);
	if (start->binding != kind || start->binding_len == 0)
		return GSASL_NO_CALLBACK;
	return set_base64(s->session, property, start->binding_data, start->binding_len);
}

/* What libgsasl asks for. */
static int
on_property(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	struct scram *s = gsasl_session_hook_get(session);
	char number[16];
	(void)context;

	if (s == NULL)
		return GSASL_NO_CALLBACK;
	if (property == GSASL_CB_TLS_UNIQUE)
		return set_binding(s, property, VOUCH_TLS_UNIQUE);
	if (property == GSASL_CB_TLS_EXPORTER)
		return set_binding(s, property, VOUCH_TLS_EXPORTER);
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
start(struct proof *p)
{
	struct scram *s = mem_new(struct scram);
	p->state = s;
	s->proof = p;
	int rc = gsasl_init(&s->context);
	if (rc != GSASL_OK)
		return rc;
	gsasl_callback_set(s->context, on_property);
	rc = gsasl_server_start(s->context, vouch_mechanism_names[p->start.mechanism], &s->session);
	if (rc == GSASL_OK)
		gsasl_session_hook_set(s->session, s);
	return rc;
}

static enum vouch_result
judge(struct scram *s, int rc)
{
	const char *authzid = gsasl_property_fast(s->session, GSASL_AUTHZID);
	if (rc == GSASL_NEEDS_MORE)
		return VOUCH_CHALLENGE;
	if (rc != GSASL_OK || s->hopeless || !s->looked_up)
		return VOUCH_FAILED;
	return proof_is_self(s->proof, authzid != NULL ? authzid : "", authzid != NULL ? strlen(authzid) : 0) ? VOUCH_OK : VOUCH_FAILED;
}

enum vouch_result
scram_step(struct proof *p, const struct vouch_token *in, struct vouch_token *out)
{
	char *text = NULL;
	size_t len = 0;

	if (in->absent)
		return VOUCH_CHALLENGE;
	int rc = p->state == NULL ? start(p) : GSASL_OK;
	struct scram *s = p->state;
	if (rc != GSASL_OK) {
		snprintf(p->reason, sizeof(p->reason), "%s", gsasl_strerror(rc));
		return VOUCH_LATER;
	}
	rc = gsasl_step(s->session, (const char *)in->data, in->len, &text, &len);
	enum vouch_result result = judge(s, rc);
	if (result != VOUCH_FAILED && text != NULL)
		proof_put(out, text, len);
	gsasl_free(text);
	return result;
}

void
scram_end(struct proof *p)
{
	struct scram *s = p->state;
	if (s == NULL)
		return;
	if (s->session != NULL)
		gsasl_finish(s->session);
	if (s->context != NULL)
		gsasl_done(s->context);
	explicit_bzero(s, sizeof(*s));
	free(s);
}
