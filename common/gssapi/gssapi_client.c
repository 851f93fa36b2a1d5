/*
 * gssapi_client - GSSAPI as a client (RFC 4752) with MIT Kerberos
 *
 * Runs in:  auth, directory; on threads, as the Kerberos servers may be slow
 * Owns:     a security context, a credential, the word that is to be sent
 * Promise:  Kerberos only, with mutual authentication and integrity; no security layer, as TLS is there
 * Fails by: -1 with words
 */
#include "common/gssapi/gssapi_client.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/gssapi/gssapi_base.h"
#include "common/gssapi/ticket_fault.h"

enum { WHY_SIZE = 200 };
enum gssapi_client_phase { CONTEXT, LAYERS, DONE };

struct gssapi_client {
	const struct gssapi_client_kind *kind;
	enum gssapi_client_phase phase;
	gss_ctx_id_t context;
	gss_cred_id_t credential;
	gss_name_t peer;
	gss_buffer_desc word;
	char *user, *keytab, *service;		/* for texts; keytab as libkrb5 names it */
	char why[WHY_SIZE];
};

struct gssapi_client *
gssapi_client_new(const struct gssapi_client_kind *kind)
{
	struct gssapi_client *c = mem_new(struct gssapi_client);

	c->kind = kind;
	return c;
}

void
gssapi_client_free(struct gssapi_client *c)
{
	OM_uint32 minor;

	if (c == NULL)
		return;
	gss_delete_sec_context(&minor, &c->context, GSS_C_NO_BUFFER);
	gss_release_cred(&minor, &c->credential);
	gss_release_name(&minor, &c->peer);
	gss_release_buffer(&minor, &c->word);
	free(c->user);
	free(c->keytab);
	free(c->service);
	free(c);
}

static int
fail_status(struct gssapi_client *c, const char *what, OM_uint32 major, OM_uint32 minor)
{
	gssapi_base_say(c->why, sizeof(c->why), what, major, minor);
	return -1;
}

/* There is no ticket: neither for ourselves nor for the service. */
static int
fail_ticket(struct gssapi_client *c, OM_uint32 minor)
{
	if ((krb5_error_code)minor == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN)
		snprintf(c->why, sizeof(c->why), "no ticket for %s: %s", c->service,
		    ticket_fault_words((krb5_error_code)minor));
	else
		ticket_fault_say(c->why, sizeof(c->why), c->user, c->keytab, (krb5_error_code)minor);
	return -1;
}

/* "BEFORE the directory server AFTER". */
static int
fail_peer(struct gssapi_client *c, const char *before, const char *after, const char *advice)
{
	snprintf(c->why, sizeof(c->why), "%s%s%s%s", before, c->kind->peer, after, advice);
	return -1;
}

/* The peer's bytes do not do. */
static int
fail_token(struct gssapi_client *c, OM_uint32 major, OM_uint32 minor)
{
	const char *words = ticket_fault_words((krb5_error_code)minor);
	krb5_error_code code = (krb5_error_code)minor;

	if (GSS_ROUTINE_ERROR(major) == GSS_S_DEFECTIVE_TOKEN && words == NULL)
		return fail_peer(c, "Kerberos: ", " sent what is no token of Kerberos", "");
	if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_SIG)
		return fail_peer(c, "Kerberos: the token of ", " is spoilt", "");
	if (code == KRB5_MUTUAL_FAILED || code == KRB5KRB_AP_ERR_BAD_INTEGRITY)
		return fail_peer(c, "Kerberos: ", " has not proved who it is", "");
	if (words == NULL)
		return fail_status(c, "Kerberos", major, minor);
	snprintf(c->why, sizeof(c->why), "Kerberos: %s says no: %s", c->kind->peer, words);
	return -1;
}

/* --- names and tickets --- */

static int
import_name(struct gssapi_client *c, const char *text, gss_OID type, const char *what, gss_name_t *name)
{
	/* The library does not write there. */
	gss_buffer_desc buffer = { strlen(text), (void *)(uintptr_t)text };
	OM_uint32 minor, major = gss_import_name(&minor, &buffer, type, name);

	return GSS_ERROR(major) ? fail_status(c, what, major, minor) : 0;
}

int
gssapi_client_name_service(struct gssapi_client *c, const char *host)
{
	char *text = mem_printf("%s@%s", c->kind->service, host);
	int result = import_name(c, text, GSS_C_NT_HOSTBASED_SERVICE, text, &c->peer);

	c->service = mem_printf("%s/%s", c->kind->service, host);
	free(text);
	return result;
}

int
gssapi_client_name_host(struct gssapi_client *c, const char *host)
{
	krb5_context context;
	krb5_principal principal = NULL;
	char *text = NULL;
	int result = -1;

	c->service = mem_printf("%s/%s", c->kind->service, host);
	if (krb5_init_context(&context) != 0) {
		snprintf(c->why, sizeof(c->why), "Kerberos cannot be used: krb5.conf is not good");
		return -1;
	}
	if (krb5_sname_to_principal(context, host, c->kind->service, KRB5_NT_UNKNOWN, &principal) == 0 &&
	    krb5_unparse_name(context, principal, &text) == 0)
		result = import_name(c, text, GSS_KRB5_NT_PRINCIPAL_NAME, text, &c->peer);
	else
		result = fail_peer(c, "Kerberos has no name for ", "", "");
	krb5_free_unparsed_name(context, text);
	krb5_free_principal(context, principal);
	krb5_free_context(context);
	return result;
}

int
gssapi_client_acquire(struct gssapi_client *c, const char *user, const struct keytab *k)
{
	gss_key_value_element_desc elements[] = { { "client_keytab", k->path }, { "ccache", k->tickets } };
	gss_key_value_set_desc store = { nitems_of(elements), elements };
	gss_OID_set_desc mechanisms = { 1, gss_mech_krb5 };
	const char *bad_name = c->kind->bad_name != NULL ? c->kind->bad_name : user;
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 minor, ignored, major;

	c->user = mem_strdup(user);
	c->keytab = mem_strdup(k->path);
	if (import_name(c, user, GSS_KRB5_NT_PRINCIPAL_NAME, bad_name, &name) == -1)
		return -1;
	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE, &store,
	    &c->credential, NULL, NULL);
	gss_release_name(&ignored, &name);
	return GSS_ERROR(major) ? fail_ticket(c, minor) : 0;
}

/* --- with the server --- */

static int
step_context(struct gssapi_client *c, const void *data, size_t len)
{
	const OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG;
	gss_buffer_desc input = { len, (void *)(uintptr_t)data };
	OM_uint32 minor, flags = 0, major;

	major = gss_init_sec_context(&minor, c->credential, &c->context, c->peer, gss_mech_krb5, wanted, 0,
	    GSS_C_NO_CHANNEL_BINDINGS, &input, NULL, &c->word, &flags, NULL);
	if (GSS_ERROR(major))
		return len == 0 ? fail_ticket(c, minor) : fail_token(c, major, minor);
	if (major & GSS_S_CONTINUE_NEEDED)
		return 0;
	if ((flags & wanted) != wanted)
		return fail_peer(c, "Kerberos: ", " has not proved who it is", "");
	c->phase = LAYERS;
	return 0;
}

/* The server offers layers and a buffer size. We take none, and act under our own name. */
static int
step_layers(struct gssapi_client *c, const void *data, size_t len)
{
	gss_buffer_desc input = { len, (void *)(uintptr_t)data }, plain = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, ignored, major = gss_unwrap(&minor, c->context, &input, &plain, NULL, NULL);
	bool good = !GSS_ERROR(major) && plain.length == 4 &&
	    (((const char *)plain.value)[0] & GSSAPI_BASE_NO_LAYER);

	gss_release_buffer(&ignored, &plain);
	if (GSS_ERROR(major))
		return fail_token(c, major, minor);
	if (!good)
		return fail_peer(c, "Kerberos: ", " insists on a security layer", c->kind->advice);
	major = gssapi_base_wrap_none(&minor, c->context, &c->word);
	if (GSS_ERROR(major))
		return fail_status(c, "Kerberos", major, minor);
	c->phase = DONE;
	return 0;
}

int
gssapi_client_step(struct gssapi_client *c, const void *data, size_t len)
{
	OM_uint32 ignored;

	gss_release_buffer(&ignored, &c->word);
	switch (c->phase) {
	case CONTEXT:
		return step_context(c, data, len);
	case LAYERS:
		return step_layers(c, data, len);
	case DONE:
		break;
	}
	return fail_peer(c, "Kerberos: ", " goes on after the end", "");
}

const void *
gssapi_client_word(const struct gssapi_client *c, size_t *len)
{
	*len = c->word.length;
	return c->word.length > 0 ? c->word.value : "";
}

bool
gssapi_client_is_done(const struct gssapi_client *c)
{
	return c->phase == DONE;
}

const char *
gssapi_client_why(const struct gssapi_client *c)
{
	return c->why;
}
