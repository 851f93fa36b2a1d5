/*
 * dkim_key - a private key that signs mail, and the record of its public half in the DNS (RFC 6376 3.6.1,
 * RFC 8463 4)
 */
#ifndef COMMON_DKIM_DKIM_KEY_H
#define COMMON_DKIM_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct evp_pkey_st;

#define DKIM_KEY_FILE_MAX 16384U	/* bytes of a key file */
#define DKIM_KEY_BITS_MIN 1024		/* of RSA: verifiers ignore smaller ones (RFC 8301 3.2) */
#define DKIM_KEY_BITS_GOOD 2048
#define DKIM_KEY_BITS_MAX 4096		/* verifiers need not take larger ones */
#define DKIM_KEY_SIGNATURE_MAX (DKIM_KEY_BITS_MAX / 8)
#define DKIM_KEY_HASH 32U		/* SHA-256 */

enum dkim_key_kind { DKIM_KEY_RSA, DKIM_KEY_ED25519, DKIM_KEY_KINDS };

struct dkim_key {
	enum dkim_key_kind kind;
	int bits;
	struct evp_pkey_st *pkey;
};

const char *dkim_key_word(enum dkim_key_kind kind);	/* "rsa", "ed25519": of k= and of a= */
/* Reads a key in PEM form. 0; -1 and `why`: words that follow the name of the file. */
int dkim_key_read(struct dkim_key *k, const char *text, size_t len,
    struct buf *why) __attribute__((warn_unused_result));
/* Makes a new one. 0 or -1. */
int dkim_key_make(struct dkim_key *k, enum dkim_key_kind kind, int bits) __attribute__((warn_unused_result));
/* Its PEM form (PKCS #8), which is a secret. 0 or -1. */
int dkim_key_write(const struct dkim_key *k, struct buf *out) __attribute__((warn_unused_result));
void dkim_key_done(struct dkim_key *k);
/* "v=DKIM1; k=rsa; p=..." */
void dkim_key_record(const struct dkim_key *k, struct buf *out);
/*
 * Signs these bytes: at most DKIM_KEY_SIGNATURE_MAX bytes, how many; 0: OpenSSL cannot. Several threads may
 * use a key at a time.
 */
size_t dkim_key_sign(const struct dkim_key *k, const void *data, size_t len,
    uint8_t signature[DKIM_KEY_SIGNATURE_MAX]);

#endif
