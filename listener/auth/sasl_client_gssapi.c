/*
 * sasl_client_gssapi - GSSAPI as a client (RFC 4752) with MIT Kerberos: a keytab is the password of our
 * principal
 *
 * Runs in:  auth, on pool threads
 * Owns:     a security context each; tickets are in memory, one cache a version of the keytab
 * Promise:  only Kerberos, with mutual authentication; no security layer, for TLS is there; no ticket is ever
 *           written to disk
 * Fails by: AUTH_OUT_FAILED; AUTH_OUT_LATER when there is no ticket to be had
 */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { LAYER_NONE = 1 };	/* the bit of RFC 4752 3.3 */
enum ticket_phase { CONTEXT, LAYERS };

struct ticket {
	enum ticket_phase phase;
	gss_ctx_id_t context;
	gss_cred_id_t credential;
	gss_name_t peer;
};

static enum msg_auth_out_result
fail(struct msg_auth_out_answer *out, enum msg_auth_out_result how, const char *what, OM_uint32 major,
    OM_uint32 minor)
{
	char why[AUTH_OUT_WHY_SIZE];

	sasl_server_gssapi_say(why, sizeof(why), what, major, minor);
	return sasl_client_fail(out, how, "%s", why);
}

/* Tickets for our principal, fetched with the keytab when the cache has none or old ones. */
static enum msg_auth_out_result
acquire(struct sasl_client *x, struct ticket *k, struct msg_auth_out_answer *out)
{
	gss_key_value_element_desc elements[] = { { "client_keytab", x->file->keytab },
	    { "ccache", x->file->ccache } };
	gss_key_value_set_desc store = { nitems_of(elements), elements };
	gss_OID_set_desc mechanisms = { 1, (gss_OID)gss_mech_krb5 };
	gss_buffer_desc user = { strlen(x->start.user), x->start.user };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 minor, ignored, major = gss_import_name(&minor, &user, GSS_KRB5_NT_PRINCIPAL_NAME, &name);

	if (!GSS_ERROR(major))
		major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE,
		    &store, &k->credential, NULL, NULL);
	gss_release_name(&ignored, &name);
	return GSS_ERROR(major) ? fail(out, AUTH_OUT_LATER, "no ticket", major, minor) : AUTH_OUT_WORD;
}

static enum msg_auth_out_result
begin(struct sasl_client *x, struct msg_auth_out_answer *out)
{
	struct ticket *k = x->state = mem_new(struct ticket);
	char service[AUTH_IN_NAME_SIZE + 8];
	OM_uint32 minor, major;
	gss_buffer_desc text;

	if (x->start.host[0] == '[')
		return sasl_client_fail(out, AUTH_OUT_LATER,
		    "Kerberos needs the name of the host, %s is an address", x->start.host);
	snprintf(service, sizeof(service), "smtp@%s", x->start.host);
	text = (gss_buffer_desc){ strlen(service), service };
	major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &k->peer);
	return GSS_ERROR(major) ? fail(out, AUTH_OUT_LATER, service, major, minor) : acquire(x, k, out);
}

static enum msg_auth_out_result
step_context(struct ticket *k, const struct msg_auth_in_token *challenge, struct msg_auth_out_answer *out)
{
	gss_buffer_desc input = GSS_C_EMPTY_BUFFER, output = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, ignored, flags = 0;
	OM_uint32 major;
	size_t len;

	if (challenge != NULL)
		input = (gss_buffer_desc){ challenge->len, (void *)challenge->data };
	major = gss_init_sec_context(&minor, k->credential, &k->context, k->peer, (gss_OID)gss_mech_krb5,
	    GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, &input, NULL, &output, &flags,
	    NULL);
	len = output.length;
	sasl_server_put(&out->token, len > 0 ? output.value : "", len);
	gss_release_buffer(&ignored, &output);
	if (GSS_ERROR(major))
		return fail(out, challenge == NULL ? AUTH_OUT_LATER : AUTH_OUT_FAILED, "Kerberos", major,
		    minor);
	if (len > sizeof(out->token.data))
		return sasl_client_fail(out, AUTH_OUT_LATER, "the ticket is too large");
	if (major & GSS_S_CONTINUE_NEEDED)
		return AUTH_OUT_WORD;
	if ((flags & (GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG)) != (GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG))
		return sasl_client_fail(out, AUTH_OUT_FAILED, "Kerberos: it has not proved who it is");
	k->phase = LAYERS;
	return AUTH_OUT_WORD;
}

/* It offers layers and a buffer size; we take none, and act as ourselves. */
static enum msg_auth_out_result
step_layers(struct ticket *k, const struct msg_auth_in_token *challenge, struct msg_auth_out_answer *out)
{
	static const char none[4] = { LAYER_NONE, 0, 0, 0 };
	gss_buffer_desc input = { challenge->len, (void *)challenge->data }, plain = GSS_C_EMPTY_BUFFER,
	    wrapped = GSS_C_EMPTY_BUFFER;
	gss_buffer_desc choice = { sizeof(none), (void *)none };
	OM_uint32 minor, ignored, major = gss_unwrap(&minor, k->context, &input, &plain, NULL, NULL);
	bool good = !GSS_ERROR(major) && plain.length == 4 && (((const char *)plain.value)[0] & LAYER_NONE);

	gss_release_buffer(&ignored, &plain);
	if (GSS_ERROR(major))
		return fail(out, AUTH_OUT_FAILED, "Kerberos", major, minor);
	if (!good)
		return sasl_client_fail(out, AUTH_OUT_FAILED, "Kerberos: it insists on a security layer");
	major = gss_wrap(&minor, k->context, 0, GSS_C_QOP_DEFAULT, &choice, NULL, &wrapped);
	if (GSS_ERROR(major))
		return fail(out, AUTH_OUT_FAILED, "Kerberos", major, minor);
	sasl_server_put(&out->token, wrapped.value, wrapped.length);
	gss_release_buffer(&ignored, &wrapped);
	return AUTH_OUT_LAST;
}

enum msg_auth_out_result
sasl_client_gssapi(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	enum msg_auth_out_result ready = challenge == NULL ? begin(x, out) : AUTH_OUT_WORD;
	struct ticket *k = x->state;

	if (ready != AUTH_OUT_WORD)
		return ready;
	return k->phase == CONTEXT ? step_context(k, challenge, out) : step_layers(k, challenge, out);
}

void
sasl_client_gssapi_end(struct sasl_client *x)
{
	struct ticket *k = x->state;
	OM_uint32 minor;

	if (k == NULL)
		return;
	if (k->context != GSS_C_NO_CONTEXT)
		gss_delete_sec_context(&minor, &k->context, GSS_C_NO_BUFFER);
	if (k->credential != GSS_C_NO_CREDENTIAL)
		gss_release_cred(&minor, &k->credential);
	if (k->peer != GSS_C_NO_NAME)
		gss_release_name(&minor, &k->peer);
	free(k);
}

void
sasl_client_gssapi_forget(const char *name)
{
	krb5_context context;
	krb5_ccache cache;

	if (krb5_init_context(&context) != 0)
		return;
	if (krb5_cc_resolve(context, name, &cache) == 0)
		krb5_cc_destroy(context, cache);
	krb5_free_context(context);
}
