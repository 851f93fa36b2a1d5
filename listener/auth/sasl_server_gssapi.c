/*
 * sasl_server_gssapi - GSSAPI (RFC 4752): raw Kerberos tokens and SPNEGO, with MIT Kerberos
 *
 * Runs in:  auth, on pool threads
 * Owns:     a security context for each authentication
 * Promise:  only Kerberos, never NTLM; the ticket must be for our service principal; no security layer is
 *           offered
 * Fails by: AUTH_IN_FAILED; AUTH_IN_LATER when the keytab cannot be used
 */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/gssapi/gssapi_base.h"
#include "listener/auth/auth.h"

enum phase { CONTEXT, OFFER, CHOICE };	/* what the client's next bytes belong to */

struct kerberos {
	enum phase phase;
	gss_ctx_id_t context;
	gss_cred_id_t credential;
};

static const uint8_t spnego[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02 };	/* 1.3.6.1.5.5.2 */

static void
set_reason(struct sasl_server *p, const char *what, OM_uint32 major, OM_uint32 minor)
{
	gssapi_base_say(p->reason, sizeof(p->reason), what, major, minor);
}

static enum msg_auth_in_result
acquire_keytab(struct sasl_server *p, struct kerberos *k)
{
	gss_OID_desc both[2] = { *gss_mech_krb5, { sizeof(spnego), (void *)(uintptr_t)spnego } };
	gss_OID_set_desc mechanisms = { 2, both };
	gss_key_value_element_desc keytab = { "keytab", p->file->keytab.path };
	gss_key_value_set_desc store = { 1, &keytab };
	OM_uint32 minor, major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms,
	    GSS_C_ACCEPT, &store, &k->credential, NULL, NULL);

	if (!GSS_ERROR(major))
		return AUTH_IN_OK;
	set_reason(p, "keytab", major, minor);
	return AUTH_IN_LATER;
}

/* "smtp/mx.example.com@EXAMPLE.COM" is the configured principal, with or without its realm. */
static bool
is_us(const struct sasl_server *p, gss_name_t name)
{
	const char *wanted = p->start.principal;
	size_t n = strlen(wanted);
	OM_uint32 minor;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	const char *have;
	bool same;

	if (GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
		return false;
	have = text.value;
	same = n > 0 && text.length >= n && strncasecmp(have, wanted, n) == 0 &&
	    (text.length == n || have[n] == '@');
	gss_release_buffer(&minor, &text);
	return same;
}

static bool
take_client_name(struct sasl_server *p, gss_name_t name)
{
	OM_uint32 minor;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	bool good;

	if (GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
		return false;
	good = text.length < sizeof(p->user) && passwd_file_name_is_good(text.value, text.length);
	if (good)
		snprintf(p->user, sizeof(p->user), "%.*s", (int)text.length, (const char *)text.value);
	gss_release_buffer(&minor, &text);
	return good;
}

/* The context is complete: the client has a good name, and its ticket is for our service. */
static bool
judge_context(struct sasl_server *p, struct kerberos *k)
{
	OM_uint32 minor, flags = 0;
	gss_name_t from = GSS_C_NO_NAME, to = GSS_C_NO_NAME;
	bool named, us;

	if (GSS_ERROR(gss_inquire_context(&minor, k->context, &from, &to, NULL, NULL, &flags, NULL, NULL)))
		return false;
	named = take_client_name(p, from);
	us = is_us(p, to);
	if (!us)
		snprintf(p->reason, sizeof(p->reason), "the ticket is for another service");
	else if (!(flags & GSS_C_INTEG_FLAG) || (flags & GSS_C_ANON_FLAG))
		snprintf(p->reason, sizeof(p->reason), "the client wants no integrity, or no name");
	gss_release_name(&minor, &from);
	gss_release_name(&minor, &to);
	return named && us && (flags & GSS_C_INTEG_FLAG) && !(flags & GSS_C_ANON_FLAG);
}

static enum msg_auth_in_result
offer_layers(struct sasl_server *p, struct kerberos *k, struct msg_auth_in_token *out)
{
	gss_buffer_desc wrapped = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gssapi_base_wrap_none(&minor, k->context, &wrapped);

	if (GSS_ERROR(major)) {
		set_reason(p, "wrap", major, minor);
		return AUTH_IN_FAILED;
	}
	sasl_answer_put(out, wrapped.value, wrapped.length);
	gss_release_buffer(&minor, &wrapped);
	k->phase = CHOICE;
	return AUTH_IN_CHALLENGE;
}

static enum msg_auth_in_result
take_context(struct sasl_server *p, struct kerberos *k, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	gss_buffer_desc input = { in->len, (void *)(uintptr_t)in->data }, output = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, ignored, major;
	enum msg_auth_in_result ready = AUTH_IN_OK;
	size_t len;

	if (k->credential == GSS_C_NO_CREDENTIAL)
		ready = acquire_keytab(p, k);
	if (ready != AUTH_IN_OK)
		return ready;
	major = gss_accept_sec_context(&minor, &k->context, k->credential, &input, GSS_C_NO_CHANNEL_BINDINGS,
	    NULL, NULL, &output, NULL, NULL, NULL);
	len = output.length;
	sasl_answer_put(out, output.value != NULL ? output.value : "", len);
	gss_release_buffer(&ignored, &output);
	if (GSS_ERROR(major)) {
		set_reason(p, "ticket", major, minor);
		return AUTH_IN_FAILED;
	}
	if (len > sizeof(out->data))
		return AUTH_IN_FAILED;
	if (major & GSS_S_CONTINUE_NEEDED)
		return AUTH_IN_CHALLENGE;
	if (!judge_context(p, k))
		return AUTH_IN_FAILED;
	k->phase = OFFER;
	return len > 0 ? AUTH_IN_CHALLENGE : offer_layers(p, k, out);
}

/* One byte of choice, three of buffer size, then the name to act under. */
static enum msg_auth_in_result
take_choice(struct sasl_server *p, struct kerberos *k, const struct msg_auth_in_token *in)
{
	gss_buffer_desc input = { in->len, (void *)(uintptr_t)in->data }, plain = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, major = gss_unwrap(&minor, k->context, &input, &plain, NULL, NULL);
	const char *bytes, *at;
	bool good;
	size_t n;

	if (GSS_ERROR(major)) {
		set_reason(p, "unwrap", major, minor);
		return AUTH_IN_FAILED;
	}
	bytes = plain.value;
	at = strchr(p->user, '@');
	good = plain.length >= 4 && bytes[0] == GSSAPI_BASE_NO_LAYER;
	n = good ? plain.length - 4 : 0;
	/* The name itself or its part before the realm. */
	if (good && !sasl_name_is_self(p, bytes + 4, n))
		good = at != NULL && (size_t)(at - p->user) == n && strncasecmp(p->user, bytes + 4, n) == 0;
	if (!good)
		snprintf(p->reason, sizeof(p->reason), "the client chose a security layer, or another name");
	gss_release_buffer(&minor, &plain);
	return good ? AUTH_IN_OK : AUTH_IN_FAILED;
}

enum msg_auth_in_result
sasl_server_gssapi_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	struct kerberos *k = p->state;

	if (in->absent)
		return AUTH_IN_CHALLENGE;
	if (k == NULL)
		k = p->state = mem_new(struct kerberos);
	switch (k->phase) {
	case CONTEXT:
		return take_context(p, k, in, out);
	case OFFER:
		return in->len == 0 ? offer_layers(p, k, out) : AUTH_IN_FAILED;
	case CHOICE:
		return take_choice(p, k, in);
	}
	return AUTH_IN_FAILED;
}

void
sasl_server_gssapi_end(struct sasl_server *p)
{
	struct kerberos *k = p->state;
	OM_uint32 minor;

	if (k == NULL)
		return;
	if (k->context != GSS_C_NO_CONTEXT)
		gss_delete_sec_context(&minor, &k->context, GSS_C_NO_BUFFER);
	if (k->credential != GSS_C_NO_CREDENTIAL)
		gss_release_cred(&minor, &k->credential);
	free(k);
}
