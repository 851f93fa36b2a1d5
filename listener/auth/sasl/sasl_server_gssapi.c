/*
 * sasl_server_gssapi - GSSAPI (RFC 4752): raw Kerberos tokens and SPNEGO, with MIT Kerberos
 *
 * Runs in:  auth, on pool threads
 * Owns:     a security context for each authentication
 * Promise:  only Kerberos, never NTLM; the ticket must be for our service principal, of a realm and account
 *           that count, and tied to no other connection; no security layer is offered
 * Fails by: AUTH_IN_FAILED; AUTH_IN_LATER when the keytab cannot be used
 */
#include <fnmatch.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/gssapi/gssapi_base.h"
#include "listener/auth/auth.h"

enum phase { CONTEXT, OFFER, CHOICE };	/* what the client's next bytes belong to */

struct kerberos {
	enum phase phase;
	bool bound;			/* the client tied its ticket to this connection */
	gss_ctx_id_t context;
	gss_cred_id_t credential;
};

static const uint8_t spnego[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02 };	/* 1.3.6.1.5.5.2 */

static void
set_reason(struct sasl_server *p, const char *what, OM_uint32 major, OM_uint32 minor)
{
	gssapi_base_say(p->reason, sizeof(p->reason), what, major, minor);
}

/* `replays`: NULL: the usual replay cache. */
static enum msg_auth_in_result
acquire_keytab(struct sasl_server *p, struct kerberos *k, const char *replays)
{
	gss_OID_desc both[2] = { *gss_mech_krb5, { sizeof(spnego), (void *)(uintptr_t)spnego } };
	gss_OID_set_desc mechanisms = { 2, both };
	gss_key_value_element_desc parts[2] = { { "keytab", p->file->keytab.path }, { "rcache", replays } };
	gss_key_value_set_desc store = { replays != NULL ? 2 : 1, parts };
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

/* A word of `list` (a blank between two) is `name`, * stands for any bytes. */
static bool
list_has(const char *list, const char *name)
{
	char word[AUTH_IN_NAME_SIZE];

	for (size_t n; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		snprintf(word, sizeof(word), "%.*s", (int)n, list);
		if (fnmatch(word, name, FNM_NOESCAPE) == 0)
			return true;
	}
	return false;
}

/* The realm is that of our own principal, or one that the configuration names; so is the account. */
static bool
client_counts(struct sasl_server *p, gss_name_t us)
{
	const char *realm = strrchr(p->user, '@'), *own = NULL;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	bool good = false;

	if (realm == NULL || GSS_ERROR(gss_display_name(&minor, us, &text, NULL)))
		return false;
	own = memrchr(text.value, '@', text.length);
	if (p->start.realms[0] != '\0')
		good = list_has(p->start.realms, realm + 1);
	else if (own != NULL)
		good = strlen(realm) == text.length - (size_t)(own - (const char *)text.value) &&
		    memcmp(realm, own, strlen(realm)) == 0;
	gss_release_buffer(&minor, &text);
	if (!good)
		snprintf(p->reason, sizeof(p->reason), "users of that realm do not count (kerberos-realms)");
	else if (p->start.accounts[0] != '\0' && !list_has(p->start.accounts, p->user)) {
		snprintf(p->reason, sizeof(p->reason), "that account does not count (kerberos-accounts)");
		good = false;
	}
	return good;
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
	bool named, us, bound = k->bound || p->start.kerberos_binding != CONFIG_BINDING_REQUIRED;
	/* What browsers send later has TLS of its own; they ask for no integrity here. */
	bool whole = p->start.mechanism == AUTH_IN_NEGOTIATE;

	if (GSS_ERROR(gss_inquire_context(&minor, k->context, &from, &to, NULL, NULL, &flags, NULL, NULL)))
		return false;
	named = take_client_name(p, from);
	us = is_us(p, to);
	whole |= (flags & GSS_C_INTEG_FLAG) != 0;
	if (!us)
		snprintf(p->reason, sizeof(p->reason), "the ticket is for another service");
	else if (!whole || (flags & GSS_C_ANON_FLAG))
		snprintf(p->reason, sizeof(p->reason), "the client wants no integrity, or no name");
	else if (!bound)
		snprintf(p->reason, sizeof(p->reason), "the login is not tied to this connection");
	else if (named)
		named = client_counts(p, to);
	gss_release_name(&minor, &from);
	gss_release_name(&minor, &to);
	return named && us && bound && whole && !(flags & GSS_C_ANON_FLAG);
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

/* The binding that the client may have used; false: this connection has none of that kind. */
static bool
make_binding(const struct sasl_server *p, bool endpoint, char *space, size_t size,
    struct gss_channel_bindings_struct *b)
{
	const struct msg_auth_in_start *s = &p->start;
	const char *type = endpoint ? "tls-server-end-point:" : "tls-unique:";
	const uint8_t *data = endpoint ? s->endpoint_data : s->unique_data;
	size_t n = strlen(type), len = endpoint ? s->endpoint_len : s->unique_len;

	memset(b, 0, sizeof(*b));
	if (len == 0 || n + len > size)
		return false;
	memcpy(space, type, n);
	memcpy(space + n, data, len);
	b->application_data = (gss_buffer_desc){ n + len, space };
	return true;
}

/*
 * Clients tie tickets to the certificate, but those of .NET for SMTP to the connection (tls-unique). A ticket
 * that fits the one does not fit the other, so it is taken again: without the replay cache, which has it.
 */
static OM_uint32
accept_token(struct sasl_server *p, struct kerberos *k, gss_buffer_t input, gss_buffer_t output,
    OM_uint32 *minor)
{
	bool looked_at = p->start.kerberos_binding != CONFIG_BINDING_NONE;
	bool first = k->context == GSS_C_NO_CONTEXT;
	struct gss_channel_bindings_struct binding;
	char space[AUTH_IN_BINDING_MAX + 32];
	OM_uint32 flags = 0, major, ignored;
	bool bound = looked_at && make_binding(p, true, space, sizeof(space), &binding);

	major = gss_accept_sec_context(minor, &k->context, k->credential, input,
	    bound ? &binding : GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, output, &flags, NULL, NULL);
	if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS && first &&
	    make_binding(p, false, space, sizeof(space), &binding)) {
		gss_release_buffer(&ignored, output);
		if (k->context != GSS_C_NO_CONTEXT)
			gss_delete_sec_context(&ignored, &k->context, GSS_C_NO_BUFFER);
		gss_release_cred(&ignored, &k->credential);
		if (acquire_keytab(p, k, "none:") == AUTH_IN_OK)
			major = gss_accept_sec_context(minor, &k->context, k->credential, input, &binding,
			    NULL, NULL, output, &flags, NULL, NULL);
	}
	k->bound = flags & GSS_C_CHANNEL_BOUND_FLAG;
	return major;
}

/* OK: the context is complete and good; `out` has what the client still needs for it. */
static enum msg_auth_in_result
accept_context(struct sasl_server *p, struct kerberos *k, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	gss_buffer_desc input = { in->len, (void *)(uintptr_t)in->data }, output = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, ignored, major;
	enum msg_auth_in_result ready = AUTH_IN_OK;
	size_t len;

	if (k->credential == GSS_C_NO_CREDENTIAL)
		ready = acquire_keytab(p, k, NULL);
	if (ready != AUTH_IN_OK)
		return ready;
	major = accept_token(p, k, &input, &output, &minor);
	len = output.length;
	sasl_answer_put(out, output.value != NULL ? output.value : "", len);
	gss_release_buffer(&ignored, &output);
	if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS) {
		snprintf(p->reason, sizeof(p->reason), "the ticket is tied to another connection");
		return AUTH_IN_FAILED;
	}
	if (GSS_ERROR(major)) {
		set_reason(p, "ticket", major, minor);
		return AUTH_IN_FAILED;
	}
	if (len > sizeof(out->data)) {
		snprintf(p->reason, sizeof(p->reason), "our answer is larger than a client takes");
		return AUTH_IN_FAILED;
	}
	if (major & GSS_S_CONTINUE_NEEDED)
		return AUTH_IN_CHALLENGE;
	return judge_context(p, k) ? AUTH_IN_OK : AUTH_IN_FAILED;
}

static enum msg_auth_in_result
take_context(struct sasl_server *p, struct kerberos *k, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	enum msg_auth_in_result result = accept_context(p, k, in, out);

	if (result != AUTH_IN_OK)
		return result;
	k->phase = OFFER;
	return out->len > 0 ? AUTH_IN_CHALLENGE : offer_layers(p, k, out);
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

/*
 * A request of a browser stands alone, so nothing may be left to be said: a first token that is no ticket of
 * Kerberos (NTLM, or a mechanism that the browser likes better) is refused.
 */
enum msg_auth_in_result
sasl_server_gssapi_negotiate(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	enum msg_auth_in_result result = AUTH_IN_FAILED;

	if (p->state != NULL || in->absent || in->len == 0)
		return AUTH_IN_FAILED;
	p->state = mem_new(struct kerberos);
	result = accept_context(p, p->state, in, out);
	if (result == AUTH_IN_CHALLENGE) {
		snprintf(p->reason, sizeof(p->reason), "the browser sent no ticket of Kerberos first");
		result = AUTH_IN_FAILED;
	}
	if (result != AUTH_IN_OK)
		out->len = 0;
	return result;
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
