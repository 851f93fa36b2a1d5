/*
 * tls - TLS of one server: its certificates, a context for each, the choice by the name that a client asks
 * for, ticket keys
 *
 * Runs in:  posternctl, web, listener, deliver, directory
 * Owns:     certificates, contexts, ticket keys
 * Promise:  certificates change all together or not at all; a connection keeps those with which it began.
 *           Sessions are resumed by tickets alone: nothing is stored here, so any process with the same
 *           ticket keys can resume them
 * Fails by: -1 and a reason from tls_load
 */
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/tls/tls_private.h"

enum { NAME_SIZE = 16, AES_SIZE = 32, MAC_SIZE = 32, CLIENT_CHAIN_MAX = 32768, DAY_S = 86400 };
_Static_assert(NAME_SIZE + AES_SIZE + MAC_SIZE == TLS_TICKET_SIZE, "parts of a ticket key");

struct set {
	struct tls_cert *pair;
	/* of each pair; pairs with the same names share one, and OpenSSL chooses between their keys */
	SSL_CTX **context;
	size_t count;
};

struct tls {
	enum config_tls_version minimum;
	bool ask, old;
	struct set set;
	unsigned char ticket[2][TLS_TICKET_SIZE];
	unsigned char id[SSL_MAX_SID_CTX_LENGTH];
};

static const int versions[] = {
	[CONFIG_TLS_1_0] = TLS1_VERSION, [CONFIG_TLS_1_1] = TLS1_1_VERSION, [CONFIG_TLS_1_2] = TLS1_2_VERSION,
	[CONFIG_TLS_1_3] = TLS1_3_VERSION,
};

/* --- tickets --- */

static int
encrypt_ticket(unsigned char *ticket_key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher)
{
	memcpy(name, ticket_key, NAME_SIZE);
	arc4random_buf(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
	return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, ticket_key + NAME_SIZE, iv);
}

/*
 * 1: continue; 0: not one of ours, a full handshake follows; 2: ours, and a fresh one should be sent; -1:
 * failure. Clients of TLS 1.3 use a ticket once (RFC 8446 C.4).
 */
static int
on_ticket(SSL *link, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int sealing)
{
	struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(link));
	int done, which = 0;
	unsigned char *key;
	char digest[] = "SHA256";
	OSSL_PARAM params[3];

	if (!sealing) {
		while (which < 2 && memcmp(name, t->ticket[which], NAME_SIZE) != 0)
			which++;
		if (which == 2)
			return 0;
	}
	key = t->ticket[which];
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key + NAME_SIZE + AES_SIZE,
	    MAC_SIZE);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	if (EVP_MAC_CTX_set_params(mac, params) != 1)
		return -1;
	done = sealing ? encrypt_ticket(key, name, iv, cipher) :
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key + NAME_SIZE, iv);
	return done != 1 ? -1 : which == 1 || SSL_version(link) >= TLS1_3_VERSION ? 2 : 1;
}

/* --- the choice by name --- */

/* An exact name goes before a wildcard. */
static SSL_CTX *
context_for(const struct set *set, const char *name)
{
	for (int wildcard = 0; wildcard < 2; wildcard++)
		for (size_t i = 0; i < set->count; i++)
			if (tls_cert_has(&set->pair[i], name, wildcard == 1))
				return set->context[i];
	return NULL;
}

static int
on_server_name(SSL *link, int *alert, void *arg)
{
	const struct tls *t = arg;
	const char *name = SSL_get_servername(link, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *wanted;

	if (name == NULL || t->set.count < 2)
		return SSL_TLSEXT_ERR_OK;
	wanted = context_for(&t->set, name);
	if (wanted == NULL)
		return SSL_TLSEXT_ERR_NOACK;
		    /* the first pair: a wrong name is better than no TLS */
	if (wanted != SSL_get_SSL_CTX(link) && SSL_set_SSL_CTX(link, wanted) == NULL)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

/* --- contexts --- */

/*
 * Versions under 1.2 are signed with SHA-1, which OpenSSL 3 allows only at level 0, and have no AEAD. Of 1.2
 * there is forward secrecy with AEAD, unless old devices are served (RFC 9325 4.1, 4.2).
 */
static bool
allow_versions(SSL_CTX *context, enum config_tls_version minimum, bool old)
{
	if (minimum >= CONFIG_TLS_1_2 && !old &&
	    SSL_CTX_set_cipher_list(context, TLS_MODERN_CIPHERS) != 1)
		return false;
	if (minimum < CONFIG_TLS_1_2) {
		SSL_CTX_set_security_level(context, 0);
		if (SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") != 1)
			return false;
		SSL_CTX_set_dh_auto(context, 1);
	}
	return SSL_CTX_set_min_proto_version(context, versions[minimum]) == 1 &&
	    SSL_CTX_set_max_proto_version(context, 0) == 1;
}

/* The handshake proves that the client has the key of its certificate; its chain is not checked. */
static int
take_any(X509_STORE_CTX *store, void *arg)
{
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static SSL_CTX *
new_context(struct tls *t)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL || !allow_versions(context, t->minimum, t->old)) {
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_app_data(context, t);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* a peer that sends messages without content gets one turn */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(context, t->id, sizeof(t->id));
	SSL_CTX_set_timeout(context, TLS_TICKET_SECONDS);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
	SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(context, t);
	SSL_CTX_set_verify(context, t->ask ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(context, take_any, NULL);
	SSL_CTX_set_max_cert_list(context, CLIENT_CHAIN_MAX);
	return context;
}

static bool
put_pair(SSL_CTX *context, const struct tls_cert *p)
{
	return SSL_CTX_use_cert_and_key(context, p->certificate, p->key, p->chain, 1) == 1;
}

static void
free_set(struct set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		SSL_CTX_free(set->context[i]);
		tls_cert_done(&set->pair[i]);
	}
	free(set->context);
	free(set->pair);
	*set = (struct set){ 0 };
}

/* The context of an earlier pair that can show this one, too; else a new one. NULL: OpenSSL refuses. */
static SSL_CTX *
context_of(struct tls *t, const struct set *set, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (tls_cert_is_twin(&set->pair[k], &set->pair[i]) && SSL_CTX_up_ref(set->context[k]) == 1)
			return set->context[k];
	return new_context(t);
}

static int
set_build(struct tls *t, struct set *set, const struct tls_source *source, size_t n, bool strict,
    struct buf *why)
{
	set->pair = mem_zalloc((n + 1) * sizeof(*set->pair));
	set->context = mem_zalloc((n + 1) * sizeof(*set->context));
	for (size_t i = 0; i < n; i++) {
		set->count++;
		if (tls_cert_parse(&set->pair[i], &source[i], strict, why) == -1)
			return -1;
		set->context[i] = context_of(t, set, i);
		if (set->context[i] == NULL || !put_pair(set->context[i], &set->pair[i])) {
			const char *reason = ERR_reason_error_string(ERR_peek_error());

			buf_printf(why, "the certificate in %s cannot be used: %s",
			    source[i].certificate.path, reason != NULL ? reason : "OpenSSL refuses it");
			ERR_clear_error();
			return -1;
		}
	}
	return 0;
}

/* --- what others call --- */

struct tls *
tls_new(enum config_tls_version minimum, const char *context, bool ask)
{
	struct tls *t = mem_new(struct tls);
	unsigned size = 0;

	t->minimum = minimum;
	t->ask = ask;
	if (EVP_Digest(context, strlen(context), t->id, &size, EVP_sha256(), NULL) != 1)
		bug("no SHA-256");
	/* a client that was never asked for a certificate is asked now, not resumed */
	t->id[0] = (unsigned char)((t->id[0] & ~1U) | ask);
	arc4random_buf(t->ticket, sizeof(t->ticket));
	return t;
}

void
tls_allow_old(struct tls *t)
{
	t->old = true;
}

void
tls_text_forget(struct tls_text *t)
{
	if (t->data != NULL)
		explicit_bzero(mem_unconst(t->data), t->len);
	free(mem_unconst(t->data));
	t->data = NULL;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	free_set(&t->set);
	explicit_bzero(t->ticket, sizeof(t->ticket));
	free(t);
}

int
tls_load(struct tls *t, const struct tls_source *source, size_t n, bool strict, struct buf *why)
{
	struct set set = { 0 };

	ERR_clear_error();
	if (n == 0 || set_build(t, &set, source, n, strict, why) == -1) {
		free_set(&set);
		return -1;
	}
	free_set(&t->set);
	t->set = set;
	return 0;
}

void
tls_tickets(struct tls *t, const unsigned char current[TLS_TICKET_SIZE],
    const unsigned char previous[TLS_TICKET_SIZE])
{
	memcpy(t->ticket[0], current, TLS_TICKET_SIZE);
	memcpy(t->ticket[1], previous, TLS_TICKET_SIZE);
}

bool
tls_details_get(struct tls_details *d, const struct tls *t, size_t i, size_t place)
{
	const struct tls_cert *p = &t->set.pair[i];

	if (place > (size_t)sk_X509_num(p->chain))
		return false;
	tls_details_fill(d, place == 0 ? p->certificate : sk_X509_value(p->chain, (int)place - 1));
	return true;
}

size_t
tls_count(const struct tls *t)
{
	return t->set.count;
}

const char *
tls_names(const struct tls *t, size_t i)
{
	return t->set.pair[i].names;
}

int64_t
tls_ends(const struct tls *t, size_t i)
{
	return t->set.pair[i].ends;
}

int
tls_days(const struct tls *t, size_t i)
{
	int64_t left = t->set.pair[i].ends;

	if (left == INT64_MIN)
		return -1;
	left -= clock_wall_us() / 1000000;
	return (int)(left >= 0 ? left / DAY_S : -1 - (-1 - left) / DAY_S);
}

bool
tls_ends_soon(const struct tls *t, size_t i, uint64_t alarm_ms)
{
	int64_t now = clock_wall_us() / 1000000, ends = t->set.pair[i].ends;

	return ends < now || (alarm_ms != UINT64_MAX && (uint64_t)(ends - now) < alarm_ms / 1000);
}

bool
tls_is_in_order(const struct tls *t, size_t i)
{
	return tls_cert_is_in_order(&t->set.pair[i]);
}

bool
tls_is_for(const struct tls *t, size_t i, const char *name)
{
	return tls_cert_has(&t->set.pair[i], name, true);
}

bool
tls_show(const struct tls *t, SSL *link)
{
	const struct tls_cert *p = &t->set.pair[0];

	return t->set.count > 0 && SSL_use_cert_and_key(link, p->certificate, p->key, p->chain, 1) == 1;
}

SSL *
tls_make(struct tls *t)
{
	return t->set.count > 0 ? SSL_new(t->set.context[0]) : NULL;
}
