/*
 * ldap_gssapi - GSSAPI as a client (RFC 4752) with MIT Kerberos: how a directory server is told who we are
 *
 * Runs in:  directory; the Kerberos servers are asked on a thread of its own, for libkrb5 cannot be told when
 *           to give up
 * Owns:     a security context each
 * Promise:  nobody waits for longer than the given time; one such thread a keytab; tickets are renewed when
 *           they are old; mutual authentication, no security layer, for TLS is there; the host's name is
 *           taken as it was given, whatever DNS says
 * Fails by: NULL, -1, with words
 */
#include <errno.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

enum { LAYER_NONE = 1 };	/* the bit of RFC 4752 3.3 */
enum ldap_gssapi_phase { CONTEXT, LAYERS, SAID };

struct ldap_gssapi {
	struct ldap_keytab *keytab;
	char *user, *host;
	bool done, left;		/* the thread's work; by who wanted it. Under the keytab's lock */
	bool good;
	enum ldap_gssapi_phase phase;
	gss_ctx_id_t context;
	gss_cred_id_t credential;
	gss_name_t peer;
	gss_buffer_desc word;		/* to be said */
	char why[LDAP_CONN_WHY_SIZE];
};

static atomic_uint asking;	/* threads */

static int
fail(struct ldap_gssapi *t, const char *what, OM_uint32 major, OM_uint32 minor)
{
	OM_uint32 ignored, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	bool general = minor == 0;

	(void)gss_display_status(&ignored, general ? major : minor,
	    general ? GSS_C_GSS_CODE : GSS_C_MECH_CODE, general ? GSS_C_NO_OID : gss_mech_krb5, &more, &text);
	snprintf(t->why, sizeof(t->why), "%s: %.*s", what, (int)text.length,
	    text.length > 0 ? (const char *)text.value : "");
	gss_release_buffer(&ignored, &text);
	return -1;
}

static int
refuse(struct ldap_gssapi *t, const char *why)
{
	snprintf(t->why, sizeof(t->why), "%s", why);
	return -1;
}

/* --- asking the Kerberos servers: on a thread --- */

static int
import(struct ldap_gssapi *t, char *text, gss_name_t *name)
{
	gss_buffer_desc buffer = { strlen(text), text };
	OM_uint32 minor, major = gss_import_name(&minor, &buffer, GSS_KRB5_NT_PRINCIPAL_NAME, name);

	return GSS_ERROR(major) ? fail(t, text, major, minor) : 0;
}

/* ldap/HOST in the realm that krb5.conf has for it, else in the one that the Kerberos servers refer to. */
static int
name_peer(struct ldap_gssapi *t)
{
	krb5_context context;
	krb5_principal principal = NULL;
	char *text = NULL;
	int result = -1;

	if (krb5_init_context(&context) != 0)
		return refuse(t, "Kerberos cannot be used: krb5.conf is not good");
	if (krb5_sname_to_principal(context, t->host, "ldap", KRB5_NT_UNKNOWN, &principal) == 0 &&
	    krb5_unparse_name(context, principal, &text) == 0)
		result = import(t, text, &t->peer);
	else
		result = refuse(t, "Kerberos has no name for the directory server");
	krb5_free_unparsed_name(context, text);
	krb5_free_principal(context, principal);
	krb5_free_context(context);
	return result;
}

/* Fetched with the keytab when there is none in the cache, or an old one. */
static int
acquire(struct ldap_gssapi *t)
{
	gss_key_value_element_desc elements[] = { { "client_keytab", t->keytab->path },
	    { "ccache", t->keytab->cache } };
	gss_key_value_set_desc store = { nitems_of(elements), elements };
	gss_OID_set_desc mechanisms = { 1, (gss_OID)gss_mech_krb5 };
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 minor, ignored, major;

	if (import(t, t->user, &name) == -1)
		return -1;
	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE, &store,
	    &t->credential, NULL, NULL);
	gss_release_name(&ignored, &name);
	return GSS_ERROR(major) ? fail(t, "no ticket", major, minor) : 0;
}

static int
step_context(struct ldap_gssapi *t, const void *data, size_t len)
{
	const OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG;
	gss_buffer_desc input = { len, (void *)(uintptr_t)data };
	OM_uint32 minor, flags = 0, major = gss_init_sec_context(&minor, t->credential, &t->context, t->peer,
	    (gss_OID)gss_mech_krb5,
	    wanted, 0, GSS_C_NO_CHANNEL_BINDINGS, &input, NULL, &t->word, &flags, NULL);

	if (GSS_ERROR(major))
		return fail(t, "Kerberos", major, minor);
	if (major & GSS_S_CONTINUE_NEEDED)
		return 0;
	if ((flags & wanted) != wanted)
		return refuse(t, "Kerberos: the directory server has not proved who it is");
	t->phase = LAYERS;
	return 0;
}

void
ldap_gssapi_free(struct ldap_gssapi *t)
{
	OM_uint32 minor;

	if (t == NULL)
		return;
	gss_delete_sec_context(&minor, &t->context, GSS_C_NO_BUFFER);
	gss_release_cred(&minor, &t->credential);
	gss_release_name(&minor, &t->peer);
	gss_release_buffer(&minor, &t->word);
	ldap_keytab_release(t->keytab);
	free(t->user);
	free(t->host);
	free(t);
}

static void *
ask(void *arg)
{
	struct ldap_gssapi *t = arg;
	struct ldap_keytab *k = ldap_keytab_use(t->keytab);
	bool left;

	t->good = name_peer(t) == 0 && acquire(t) == 0 && step_context(t, NULL, 0) == 0;
	pthread_mutex_lock(&k->lock);
	t->done = true;
	left = t->left;
	k->asking = false;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	if (left)
		ldap_gssapi_free(t);
	ldap_keytab_release(k);
	atomic_fetch_sub(&asking, 1);
	return NULL;
}

bool
ldap_gssapi_is_asking(void)
{
	return atomic_load(&asking) > 0;
}

/* All signals blocked: they belong to the loop. Lock held. */
static int
start_thread(struct ldap_gssapi *t)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&asking, 1);
	error = pthread_create(&thread, &attr, ask, t);
	if (error != 0)
		atomic_fetch_sub(&asking, 1);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* False: it did not become `wanted` in time. Lock held. */
static bool
wait_for(struct ldap_keytab *k, const bool *what, bool wanted, uint64_t end_ms)
{
	const struct timespec end = { .tv_sec = (time_t)(end_ms / 1000),
	    .tv_nsec = (long)(end_ms % 1000 * 1000000) };

	while (*what != wanted && clock_mono_ms() < end_ms)
		(void)pthread_cond_clockwait(&k->changed, &k->lock, CLOCK_MONOTONIC, &end);
	return *what == wanted;
}

/* 0; ETIMEDOUT, and then it may be the thread's. Lock held. */
static int
ask_in_time(struct ldap_gssapi *t, uint64_t end_ms)
{
	struct ldap_keytab *k = t->keytab;
	int error;

	/* Somebody who was left behind still asks: the same servers are not asked twice at a time. */
	if (!wait_for(k, &k->asking, false, end_ms)) {
		t->done = true;
		return ETIMEDOUT;
	}
	error = start_thread(t);
	t->done = error != 0;
	if (error != 0)
		return error;
	k->asking = true;
	t->left = !wait_for(k, &t->done, true, end_ms);
	return t->left ? ETIMEDOUT : 0;
}

struct ldap_gssapi *
ldap_gssapi_new(struct ldap_keytab *k, const char *user, const char *host, uint64_t limit_ms,
    char why[LDAP_CONN_WHY_SIZE])
{
	struct ldap_gssapi *t = mem_new(struct ldap_gssapi);
	bool ours;
	int error;

	t->keytab = ldap_keytab_use(k);
	t->user = mem_strdup(user);
	t->host = mem_strdup(host);
	pthread_mutex_lock(&k->lock);
	error = ask_in_time(t, clock_mono_ms() + limit_ms);
	ours = t->done;
	pthread_mutex_unlock(&k->lock);
	if (error == 0 && t->good)
		return t;
	if (error != 0)
		snprintf(why, LDAP_CONN_WHY_SIZE, "%s",
		    error == ETIMEDOUT ? "no ticket: the Kerberos servers do not answer" : strerror(error));
	else
		memcpy(why, t->why, LDAP_CONN_WHY_SIZE);
	if (ours)
		ldap_gssapi_free(t);
	errno = error != 0 ? error : EACCES;
	return NULL;
}

/* --- with the directory server --- */

/* It offers layers and a buffer size; we take none, and act as ourselves. */
static int
step_layers(struct ldap_gssapi *t, const void *data, size_t len)
{
	static const char none[4] = { LAYER_NONE, 0, 0, 0 };
	gss_buffer_desc input = { len, (void *)(uintptr_t)data }, plain = GSS_C_EMPTY_BUFFER,
	    choice = { sizeof(none), (void *)(uintptr_t)none };
	OM_uint32 minor, ignored, major = gss_unwrap(&minor, t->context, &input, &plain, NULL, NULL);
	bool good = !GSS_ERROR(major) && plain.length == 4 && (((const char *)plain.value)[0] & LAYER_NONE);

	gss_release_buffer(&ignored, &plain);
	if (GSS_ERROR(major))
		return fail(t, "Kerberos", major, minor);
	if (!good)
		return refuse(t,
		    "Kerberos: the directory server insists on a security layer; use start-tls or ldaps");
	major = gss_wrap(&minor, t->context, 0, GSS_C_QOP_DEFAULT, &choice, NULL, &t->word);
	if (GSS_ERROR(major))
		return fail(t, "Kerberos", major, minor);
	t->phase = SAID;
	return 0;
}

const void *
ldap_gssapi_word(const struct ldap_gssapi *t, size_t *len)
{
	*len = t->word.length;
	return t->word.length > 0 ? t->word.value : "";
}

int
ldap_gssapi_step(struct ldap_gssapi *t, const void *data, size_t len, char why[LDAP_CONN_WHY_SIZE])
{
	OM_uint32 ignored;
	int result = -1;

	gss_release_buffer(&ignored, &t->word);
	if (t->phase == SAID)
		result = refuse(t, "Kerberos: the directory server goes on after the end");
	else
		result = t->phase == CONTEXT ? step_context(t, data, len) : step_layers(t, data, len);
	if (result == -1)
		memcpy(why, t->why, LDAP_CONN_WHY_SIZE);
	return result;
}

bool
ldap_gssapi_is_said(const struct ldap_gssapi *t)
{
	return t->phase == SAID;
}
