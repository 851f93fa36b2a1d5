/*
 * tls_out - TLS of a client: the authorities that it trusts, and what each peer must show (RFC 6125, RFC
 * 7672)
 *
 * Runs in:  posternctl, listener, deliver, directory
 * Owns:     one context, made when it is first needed
 * Promise:  a handshake succeeds only with the proof that was asked for; when none was, any certificate
 *           does. Only TLSA usages 2 and 3 count; with usage 3 names and dates do not matter. Nothing older
 *           than TLS 1.2. A session is resumed only for the same wish (tls_session)
 * Fails by: NULL, -1 and a reason; without the proof the handshake fails
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/tls/tls_private.h"

#define NO_CONTEXT "OpenSSL makes no context for TLS"

enum { USAGE_TA = 2, USAGE_EE = 3, RDATA_MIN = 4 };

struct tls_out {
	SSL_CTX *context;
	struct tls_sessions *sessions;
};

struct tls_out *
tls_out_new(void)
{
	return mem_zalloc(sizeof(struct tls_out));
}

/* With the first file or connection: OpenSSL and its settings take half a MiB, and many never need them. */
static bool
open_context(struct tls_out *t)
{
	SSL_CTX *context;

	if (t->context != NULL)
		return true;
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_dane_enable(context) != 1) {
		SSL_CTX_free(context);
		ERR_clear_error();
		return false;
	}
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* a peer that sends messages without content gets one turn */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	t->context = context;
	t->sessions = tls_session_new(context, tls_out_proof, tls_out_is_shown);
	return true;
}

void
tls_out_free(struct tls_out *t)
{
	if (t == NULL)
		return;
	if (t->context != NULL)
		tls_session_free(t->sessions);
	SSL_CTX_free(t->context);
	free(t);
}

int
tls_out_trust(struct tls_out *t, const struct tls_text *file, struct buf *why)
{
	BIO *bio;
	X509_STORE *store;
	X509 *next;
	int count = 0;
	bool clean;

	if (!open_context(t)) {
		buf_puts(why, NO_CONTEXT);
		return -1;
	}
	bio = BIO_new_mem_buf(file->data, (int)file->len);
	store = X509_STORE_new();
	ERR_clear_error();
	while ((next = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
		count += X509_STORE_add_cert(store, next) == 1;
		X509_free(next);
	}
	clean = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	if (count > 0 && clean) {
		SSL_CTX_set_cert_store(t->context, store);
		tls_session_forget(t->sessions);
		return count;
	}
	X509_STORE_free(store);
	buf_printf(why, clean ? "there is no certificate in PEM form in %s" :
	    "a certificate in %s cannot be read", file->path);
	return -1;
}

/* --- one connection --- */

static bool
want_names(SSL *link, const struct tls_wish *w, size_t first)
{
	SSL_set_hostflags(link, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = first; i < w->names; i++)
		if (SSL_add1_host(link, w->name[i]) != 1)
			return false;
	return w->ip == NULL || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link), w->ip) == 1;
}

/* 1: some record is usable; 0: none is; -1: no memory, or a malformed base name. */
static int
want_records(SSL *link, const struct tls_wish *w)
{
	int used = 0;

	if (w->names == 0 || SSL_dane_enable(link, w->name[0]) != 1)
		return -1;
	SSL_dane_set_flags(link, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < w->records; i++) {
		const struct tls_record *r = &w->record[i];

		if (r->len < RDATA_MIN || (r->data[0] != USAGE_TA && r->data[0] != USAGE_EE))
			continue;
		if (SSL_dane_tlsa_add(link, r->data[0], r->data[1], r->data[2], r->data + 3, r->len - 3) > 0)
			used = 1;
		ERR_clear_error();
	}
	return used;
}

/* The peer asks for a certificate. What the SSL carries as its data says so. */
static int
note_asked(SSL *link, void *arg)
{
	SSL_set_app_data(link, arg);
	return 1;
}

static bool
set_wish(SSL *link, const struct tls_wish *w)
{
	static char asked;
	enum tls_proof proof = w->proof;

	SSL_set_cert_cb(link, note_asked, &asked);
	if (w->own != NULL && !tls_show(w->own, link))
		return false;

	if (w->ask != NULL && SSL_set_tlsext_host_name(link, w->ask) != 1)
		return false;
	if (proof == TLS_PROOF_DANE) {
		int used = want_records(link, w);

		if (used == -1)
			return false;
		if (used == 0)
			proof = TLS_PROOF_NONE;
	}
	if (proof == TLS_PROOF_NONE) {
		/* old keys and small groups are better than clear text */
		SSL_set_security_level(link, 1);
		SSL_set_verify(link, SSL_VERIFY_NONE, NULL);
		return w->proof != TLS_PROOF_NONE || want_names(link, w, 0);	/* judged, and not obeyed */
	}
	/* who it is would be worth little when a key that leaks later opens the session */
	if (SSL_set_cipher_list(link, TLS_MODERN_CIPHERS) != 1)
		return false;
	SSL_set_verify(link, SSL_VERIFY_PEER, NULL);
	return (w->names > 0 || w->ip != NULL) && want_names(link, w, proof == TLS_PROOF_DANE ? 1 : 0);
}

SSL *
tls_out_link(struct tls_out *t, int fd, const struct tls_wish *wish)
{
	SSL *link = open_context(t) ? SSL_new(t->context) : NULL;
	bool good = link != NULL && SSL_set_fd(link, fd) == 1 && set_wish(link, wish);

	ERR_clear_error();
	if (!good) {
		SSL_free(link);
		return NULL;
	}
	SSL_set_connect_state(link);
	tls_session_offer(t->sessions, link, wish);
	return link;
}

bool
tls_out_is_resumed(const SSL *link)
{
	return SSL_session_reused(link) == 1;
}

enum tls_proof
tls_out_proof(const SSL *link)
{
	enum tls_proof proof;
	bool shown;

	if (tls_session_proved(link, &proof, &shown))
		return proof;
	if (SSL_get_verify_mode(link) == SSL_VERIFY_NONE || SSL_get_verify_result(link) != X509_V_OK)
		return TLS_PROOF_NONE;
	return SSL_get0_dane_authority(mem_unconst(link), NULL, NULL) >= 0 ? TLS_PROOF_DANE : TLS_PROOF_NAME;
}

bool
tls_out_is_unproven(const SSL *link)
{
	return SSL_get_verify_mode(link) != SSL_VERIFY_NONE && SSL_get_verify_result(link) != X509_V_OK;
}

bool
tls_out_is_misnamed(const SSL *link)
{
	long result = SSL_get_verify_result(link);

	return result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

enum tls_fault
tls_out_fault(const SSL *link, const char **why)
{
	static const struct { long result; enum tls_fault fault; } rows[] = {
		{ X509_V_OK, TLS_FAULT_NONE }, { X509_V_ERR_HOSTNAME_MISMATCH, TLS_FAULT_NAME },
		{ X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_FAULT_NAME },
		{ X509_V_ERR_CERT_HAS_EXPIRED, TLS_FAULT_EXPIRED },
		{ X509_V_ERR_DANE_NO_MATCH, TLS_FAULT_DANE },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_FAULT_UNTRUSTED },
		{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_FAULT_UNTRUSTED },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_FAULT_UNTRUSTED },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_FAULT_UNTRUSTED },
		{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_FAULT_UNTRUSTED },
		{ X509_V_ERR_CERT_UNTRUSTED, TLS_FAULT_UNTRUSTED },
		{ X509_V_ERR_CERT_REVOKED, TLS_FAULT_UNTRUSTED },
	};
	long result = SSL_get_verify_result(link);

	*why = X509_verify_cert_error_string(result);
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].result == result)
			return rows[i].fault;
	return TLS_FAULT_OTHER;
}

/* A signature of ours is made only where the peer asked, and can check that kind of key. */
bool
tls_out_is_shown(const SSL *link)
{
	enum tls_proof proof;
	bool shown;
	int kind = NID_undef;

	if (tls_session_proved(link, &proof, &shown))
		return shown;
	return SSL_get_app_data(link) != NULL && SSL_get_certificate(link) != NULL &&
	    SSL_get_signature_type_nid(link, &kind) == 1 && kind != NID_undef;
}

/*
 * Under TLS 1.3 it comes after our handshake is done, with the first read. "Handshake failure" is what a peer
 * says under TLS 1.2 when none was shown.
 */
const char *
tls_out_refusal(const SSL *link, int error)
{
	static const struct { int error; const char *shown, *none; } rows[] = {
		{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
		    "it demands a client certificate, and can use none of the kind of client-certificate",
		    "it demands a client certificate, and client-certificate is not set for it" },
		{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "it does not accept our client certificate",
		    "it demands a client certificate, and client-certificate is not set for it" },
		{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not trust the issuer of our client certificate",
		    NULL },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "our client certificate has expired, it says",
		    NULL },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "our client certificate is revoked, it says", NULL },
		{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not accept our client certificate", NULL },
		{ SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
		    "our client certificate is of a kind that it cannot use", NULL },
		{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "it does not accept our client certificate", NULL },
		{ SSL_R_TLSV1_ALERT_ACCESS_DENIED, "it does not let our client certificate in", NULL },
	};
	bool has = SSL_get_certificate(link) != NULL;

	for (size_t i = 0; i < nitems_of(rows) && !SSL_is_server(link) && SSL_get_app_data(link) != NULL; i++)
		if (rows[i].error == error)
			return has ? rows[i].shown : rows[i].none;
	return NULL;
}

const char *
tls_out_complaint(const SSL *link)
{
	switch (SSL_get_verify_result(link)) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "its certificate is for another name";
	case X509_V_ERR_DANE_NO_MATCH:
		return "no TLSA record fits its certificate";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "its certificate has expired";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return "its certificate is signed by itself";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "its certificate is not signed by an authority that is trusted";
	default:
		return X509_verify_cert_error_string(SSL_get_verify_result(link));
	}
}
