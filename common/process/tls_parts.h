/* tls_parts - what the files of tls* share among themselves; nobody else includes it */
#ifndef COMMON_PROCESS_TLS_PARTS_H
#define COMMON_PROCESS_TLS_PARTS_H

#include <openssl/ssl.h>

#include "common/process/tls.h"

/* A certificate with its chain, and its key. */
struct tls_pair {
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
	char *names;		/* for people */
	int days;		/* until it expires */
};

/* tls */
SSL *tls_make(struct tls *t);

/* tls_out */
const char *tls_out_complaint(const SSL *link);	/* why the peer's certificate was not taken */

/* tls_pair. parse: 0, or -1 with the reason; done also after a failure */
int tls_pair_parse(struct tls_pair *p, const struct tls_source *source, bool strict, struct buf *why) __attribute__((warn_unused_result));
void tls_pair_done(struct tls_pair *p);
bool tls_pair_has(const struct tls_pair *p, const char *name, bool wildcard);
bool tls_pair_is_twin(const struct tls_pair *a, const struct tls_pair *b);	/* the same names, another kind of key */

#endif
