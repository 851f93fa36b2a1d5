/*
 * dkim_key - a private key that signs mail
 *
 * Runs in:  deliver
 * Owns:     the key, behind struct dkim_key; OpenSSL wipes it
 * Promise:  a key that was read can sign, and verifiers take its kind and size; a pass phrase is never asked
 *           for
 * Fails by: -1 and a reason; no signature
 */
#include "common/dkim/dkim_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

static const struct { const char *word, *algorithm; } kinds[] = {
	[DKIM_KEY_RSA] = { "rsa", "RSA" }, [DKIM_KEY_ED25519] = { "ed25519", "ED25519" },
};

const char *
dkim_key_word(enum dkim_key_kind kind)
{
	return kinds[kind].word;
}

static int
no_phrase(char *space, int size, int writing, void *arg)
{
	*(bool *)arg = true;
	return -1;
}

static int
judge_kind(struct dkim_key *k, struct buf *why)
{
	k->bits = EVP_PKEY_get_bits(k->pkey);
	for (size_t i = 0; i < nitems_of(kinds); i++)
		if (EVP_PKEY_is_a(k->pkey, kinds[i].algorithm)) {
			k->kind = (enum dkim_key_kind)i;
			if (k->kind != DKIM_KEY_RSA ||
			    (k->bits >= DKIM_KEY_BITS_MIN && k->bits <= DKIM_KEY_BITS_MAX))
				return 0;
			buf_printf(why, "is an RSA key of %d bits; %d to %d are possible, 2048 are usual",
			    k->bits, DKIM_KEY_BITS_MIN, DKIM_KEY_BITS_MAX);
			return -1;
		}
	buf_printf(why, "is a key of the kind %s; DKIM has RSA and Ed25519",
	    EVP_PKEY_get0_type_name(k->pkey));
	return -1;
}

int
dkim_key_read(struct dkim_key *k, const char *text, size_t len, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	bool asked = false;

	*k = (struct dkim_key){ 0 };
	k->pkey = PEM_read_bio_PrivateKey(bio, NULL, no_phrase, &asked);
	BIO_free(bio);
	ERR_clear_error();
	if (k->pkey == NULL) {
		buf_puts(why, asked ? "has a pass phrase; a server that starts by itself needs a key "
		    "without" : "has no private key in PEM form");
		return -1;
	}
	if (judge_kind(k, why) == 0)
		return 0;
	dkim_key_done(k);
	return -1;
}

void
dkim_key_done(struct dkim_key *k)
{
	EVP_PKEY_free(k->pkey);
	*k = (struct dkim_key){ 0 };
}

size_t
dkim_key_sign(const struct dkim_key *k, const void *data, size_t len,
    uint8_t signature[DKIM_KEY_SIGNATURE_MAX])
{
	const EVP_MD *hash = k->kind == DKIM_KEY_RSA ? EVP_sha256() : NULL;
	uint8_t digest[DKIM_KEY_HASH];
	size_t size = DKIM_KEY_SIGNATURE_MAX;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	/* Ed25519 signs the hash as if it were the message (RFC 8463 3) */
	if (k->kind == DKIM_KEY_ED25519) {
		if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1)
			size = 0;
		data = digest;
		len = sizeof(digest);
	}
	if (size == 0 || c == NULL || EVP_DigestSignInit(c, NULL, hash, NULL, k->pkey) != 1 ||
	    EVP_DigestSign(c, signature, &size, data, len) != 1)
		size = 0;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return size;
}
