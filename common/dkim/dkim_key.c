/*
 * dkim_key - a private key that signs mail, and the record of its public half in the DNS
 *
 * Runs in:  posternctl, deliver
 * Owns:     the key, behind struct dkim_key; OpenSSL wipes it
 * Promise:  a key that was read can sign, and verifiers take its kind and size; a pass phrase is never asked
 *           for
 * Fails by: -1 and a reason; no signature
 */
#include "common/dkim/dkim_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/mem.h"

#define PUBLIC_MAX 1024		/* bytes of a public key of DKIM_KEY_BITS_MAX bits */

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

int
dkim_key_make(struct dkim_key *k, enum dkim_key_kind kind, int bits)
{
	*k = (struct dkim_key){ .kind = kind };
	k->pkey = kind == DKIM_KEY_RSA ? EVP_RSA_gen((unsigned)bits) :
	    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ERR_clear_error();
	k->bits = k->pkey != NULL ? EVP_PKEY_get_bits(k->pkey) : 0;
	return k->pkey != NULL ? 0 : -1;
}

int
dkim_key_write(const struct dkim_key *k, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int rc = -1;

	if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
	    (len = BIO_get_mem_data(bio, &text)) > 0) {
		buf_add(out, text, (size_t)len);
		rc = 0;
	}
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

void
dkim_key_done(struct dkim_key *k)
{
	EVP_PKEY_free(k->pkey);
	*k = (struct dkim_key){ 0 };
}

/* RSA: with its ASN.1 frame; Ed25519: the 32 bytes alone (RFC 8463 4). 0: there is none. */
static size_t
public_half(const struct dkim_key *k, uint8_t bytes[PUBLIC_MAX])
{
	size_t len = PUBLIC_MAX;
	uint8_t *end = bytes;
	int n;

	if (k->kind == DKIM_KEY_ED25519)
		return EVP_PKEY_get_raw_public_key(k->pkey, bytes, &len) == 1 ? len : 0;
	n = i2d_PUBKEY(k->pkey, NULL);
	if (n <= 0 || n > PUBLIC_MAX)
		return 0;
	n = i2d_PUBKEY(k->pkey, &end);
	return n > 0 ? (size_t)n : 0;
}

void
dkim_key_record(const struct dkim_key *k, struct buf *out)
{
	uint8_t bytes[PUBLIC_MAX];
	char text[BASE64_SIZE(PUBLIC_MAX)];

	base64_encode(text, bytes, public_half(k, bytes));
	buf_printf(out, "v=DKIM1; k=%s; p=%s", kinds[k->kind].word, text);
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
