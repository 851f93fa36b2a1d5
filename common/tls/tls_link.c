/*
 * tls_link - TLS of one connection: handshake, bytes in and out, the end, facts about it
 *
 * Runs in:  listener, deliver, directory, web
 * Owns:     nothing; the SSL object is the caller's through tls_link_new and tls_link_free
 * Promise:  never blocks; the error queue of OpenSSL is empty before each call whose error is read
 * Fails by: enum tls_want
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/tls/tls_private.h"

static _Thread_local const char *reason;
static _Thread_local bool cut, refused;

struct ssl_st *
tls_link_new(struct tls *t, int fd)
{
	SSL *link = tls_make(t);

	if (link == NULL || SSL_set_fd(link, fd) != 1) {
		SSL_free(link);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(link);
	return link;
}

void
tls_link_free(struct ssl_st *link)
{
	SSL_free(link);
}

static void
clear_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

static enum tls_want
judge_result(struct ssl_st *link, int result)
{
	int saved = errno;

	cut = refused = false;
	switch (SSL_get_error(link, result)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		cut = true;
		reason = "the peer ended the connection";
		return TLS_ENDED;
	case SSL_ERROR_SYSCALL:
		cut = true;
		reason = saved != 0 ? strerror(saved) : "the peer ended the connection";
		return saved != 0 ? TLS_BROKEN : TLS_ENDED;
	default:
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED)
			reason = tls_out_complaint(link);
		else if ((reason = tls_out_refusal(link, ERR_GET_REASON(ERR_peek_error()))) != NULL)
			refused = true;
		else
			reason = ERR_reason_error_string(ERR_peek_error());
		if (reason == NULL)
			reason = "an error without a name";
		ERR_clear_error();
		return TLS_BROKEN;
	}
}

enum tls_want
tls_link_shake(struct ssl_st *link)
{
	clear_errors();
	return judge_result(link, SSL_do_handshake(link));
}

size_t
tls_link_read(struct ssl_st *link, char *data, size_t size, enum tls_want *want)
{
	size_t n = 0;
	int result;

	clear_errors();
	result = SSL_read_ex(link, data, size, &n);
	*want = judge_result(link, result);
	return result == 1 ? n : 0;
}

size_t
tls_link_write(struct ssl_st *link, const char *data, size_t len, enum tls_want *want)
{
	size_t n = 0;
	int result;

	clear_errors();
	result = SSL_write_ex(link, data, len, &n);
	*want = judge_result(link, result);
	return result == 1 ? n : 0;
}

void
tls_link_close(struct ssl_st *link)
{
	clear_errors();
	if (SSL_is_init_finished(link))
		(void)SSL_shutdown(link);
	ERR_clear_error();
}

const char *
tls_link_reason(void)
{
	return reason;
}

bool
tls_link_is_cut(void)
{
	return cut;
}

bool
tls_link_is_refused(void)
{
	return refused;
}

const char *
tls_link_version(const struct ssl_st *link)
{
	return SSL_get_version(link);
}

const char *
tls_link_cipher(const struct ssl_st *link)
{
	const char *name = SSL_CIPHER_standard_name(SSL_get_current_cipher(link));

	return name != NULL ? name : "-";
}

int
tls_link_bits(const struct ssl_st *link)
{
	return SSL_CIPHER_get_bits(SSL_get_current_cipher(link), NULL);
}

bool
tls_link_fingerprint(const struct ssl_st *link, unsigned char fingerprint[TLS_FINGERPRINT_SIZE])
{
	X509 *shown = SSL_get0_peer_certificate(link);

	return shown != NULL && X509_digest(shown, EVP_sha256(), fingerprint, NULL) == 1;
}

static void
common_name(char *dst, size_t size, const X509_NAME *name)
{
	dst[0] = '\0';
	(void)X509_NAME_get_text_by_NID(name, NID_commonName, dst, (int)size);
}

bool
tls_link_peer(const struct ssl_st *link, char *subject, char *issuer, size_t size)
{
	X509 *shown = SSL_get0_peer_certificate(link);

	if (shown == NULL)
		return false;
	common_name(subject, size, X509_get_subject_name(shown));
	common_name(issuer, size, X509_get_issuer_name(shown));
	return true;
}

/* Before 1.3 the exporter is safe only with the extended master secret (RFC 9266 4.2). */
bool
tls_link_binding(struct ssl_st *link, unsigned char binding[TLS_BINDING_SIZE])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(link) < TLS1_3_VERSION && SSL_get_extms_support(link) != 1)
		return false;
	return SSL_export_keying_material(link, binding, TLS_BINDING_SIZE, label, sizeof(label) - 1, NULL, 0,
	    0) == 1;
}

/* With the hash of its signature, but SHA-256 where that is MD5 or SHA-1. */
unsigned
tls_link_endpoint(struct ssl_st *link, unsigned char hash[TLS_ENDPOINT_MAX])
{
	static_assert(TLS_ENDPOINT_MAX >= EVP_MAX_MD_SIZE, "any hash fits");
	const X509 *own = SSL_get_certificate(link);
	int digest = NID_undef;
	unsigned n = 0;

	if (own == NULL || !X509_get_signature_info(mem_unconst(own), &digest, NULL, NULL, NULL))
		return 0;
	if (digest == NID_md5 || digest == NID_sha1)
		digest = NID_sha256;
	return digest != NID_undef && X509_digest(own, EVP_get_digestbynid(digest), hash, &n) == 1 ? n : 0;
}

/* The first Finished message: of the client, or, where a session was resumed, of the server. */
bool
tls_link_unique(const struct ssl_st *link, unsigned char unique[TLS_UNIQUE_SIZE])
{
	bool ours;
	size_t n;

	if (SSL_version(link) >= TLS1_3_VERSION || SSL_get_extms_support(mem_unconst(link)) != 1)
		return false;
	ours = (SSL_session_reused(link) == 1) == (SSL_is_server(link) == 1);
	n = ours ? SSL_get_finished(link, unique, TLS_UNIQUE_SIZE) : SSL_get_peer_finished(link, unique,
	    TLS_UNIQUE_SIZE);
	return n == TLS_UNIQUE_SIZE;
}
