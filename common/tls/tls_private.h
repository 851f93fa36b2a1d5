/* tls_private - shared by the files of tls*; no other file includes it */
#ifndef COMMON_TLS_TLS_PRIVATE_H
#define COMMON_TLS_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "common/tls/tls.h"

/* Of TLS 1.2: forward secrecy and AEAD; those of 1.3 have both */
#define TLS_MODERN_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* A certificate with its chain, and its key. */
struct tls_cert {
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
	char *names;		/* for people */
	int64_t ends;		/* Unix time; INT64_MIN: not known */
};

/* tls: a new connection. */
SSL *tls_make(struct tls *t);
bool tls_show(const struct tls *t, SSL *link);	/* its first pair is that of this connection of a client */

/* tls_out: what failed in the handshake. */
const char *tls_out_complaint(const SSL *link);	/* why the peer's certificate was refused */
/* This error (ERR_GET_REASON) is the peer's word about our certificate: why; NULL: it is none. */
const char *tls_out_refusal(const SSL *link, int error);

/* tls_session: of a context of a client; free before the context. What a link has proved and was shown. */
struct tls_sessions;
struct tls_sessions *tls_session_new(SSL_CTX *context, enum tls_proof (*proof)(const SSL *link),
    bool (*shown)(const SSL *link));
void tls_session_free(struct tls_sessions *k);
void tls_session_forget(struct tls_sessions *k);		/* all of them */
/* Offers the session of an earlier connection with that wish, and keeps what comes. After all else is set. */
void tls_session_offer(struct tls_sessions *k, SSL *link, const struct tls_wish *w);
/* Of a resumed one: what was proved and shown when the session was new. False: it is not resumed. */
bool tls_session_proved(const SSL *link, enum tls_proof *proof, bool *shown);

/* tls_cert. parse: 0, or -1 with the reason; call done also after a failure. */
int tls_cert_parse(struct tls_cert *p, const struct tls_source *source, bool strict,
    struct buf *why) __attribute__((warn_unused_result));
void tls_cert_done(struct tls_cert *p);
bool tls_cert_has(const struct tls_cert *p, const char *name, bool wildcard);
bool tls_cert_is_in_order(const struct tls_cert *p);
/* The same names, and another kind of key. */
bool tls_cert_is_twin(const struct tls_cert *a, const struct tls_cert *b);

/* tls_details: of that certificate; an earlier content of `d` is not freed. */
void tls_details_fill(struct tls_details *d, X509 *x);

#endif
