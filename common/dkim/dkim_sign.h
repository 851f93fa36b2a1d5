/* dkim_sign - the DKIM-Signature fields of one message: its header, the hash of its body, one key each */
#ifndef COMMON_DKIM_DKIM_SIGN_H
#define COMMON_DKIM_DKIM_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/dkim/dkim_fields.h"
#include "common/dkim/dkim_key.h"

/* The hash of a body, which all signatures share. */
struct dkim_sign_body;
struct dkim_sign_body *dkim_sign_body_new(void);
void dkim_sign_body_add(struct dkim_sign_body *b, const char *data, size_t len);
/* Frees it. 0 or -1. */
int dkim_sign_body_end(struct dkim_sign_body *b,
    uint8_t hash[DKIM_KEY_HASH]) __attribute__((warn_unused_result));

struct dkim_sign {
	const struct dkim_key *key;
	const char *domain, *selector;	/* in ASCII: of the key's record in the DNS */
	int64_t time;			/* Unix time; 0: the field says none */
};
/* Appends a field with its line end. 0; -1: OpenSSL cannot, or `out` is full. */
int dkim_sign_field(struct buf *out, const struct dkim_fields *f, const uint8_t hash[DKIM_KEY_HASH],
    const struct dkim_sign *by) __attribute__((warn_unused_result));

#endif
