/*
 * oauth_assertion - a JWT that proves with a private key which application we are (RFC 7523 2.2, RFC 7515)
 *
 * Runs in:  fetch
 * Owns:     nothing
 * Promise:  an assertion is for one audience, lives some minutes and has an id of its own; the key is not in
 *           it. A key that does not fit its certificate signs nothing. No clock and no file
 * Fails by: NULL with words
 */
#include "deliver/fetch/fetch.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"

#define EARLY_S 60		/* the endpoint's clock may be behind ours */
#define LIFE_S 300
#define SIGNATURE_MAX 2048	/* of a key of 16,384 bits */
enum { ES256_HALF = 32 };

static const struct row {
	const char *name;
	int type;		/* EVP_PKEY_ of the key */
} rows[] = {
	[CONFIG_SIGNATURE_RS256] = { "RS256", EVP_PKEY_RSA },
	[CONFIG_SIGNATURE_PS256] = { "PS256", EVP_PKEY_RSA },
	[CONFIG_SIGNATURE_ES256] = { "ES256", EVP_PKEY_EC },
};

/* --- what is signed --- */

/* base64url without padding (RFC 7515 2). */
static void
add_url64(struct buf *out, const void *data, size_t len)
{
	char *text = mem_zalloc(BASE64_SIZE(len));
	size_t n = base64_encode(text, data, len);

	while (n > 0 && text[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	buf_add(out, text, n);
	free(text);
}

/* Takes over `object`. */
static void
add_object(struct buf *out, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	if (text != NULL)
		add_url64(out, text, strlen(text));
	else
		out->failed = true;
	free(text);
	json_decref(object);
}

/* x5t#S256 (RFC 7515 4.1.8) is how Microsoft finds the certificate. */
static json_t *
make_header(const struct oauth_assertion *a, enum config_oauth_signature signature, X509 *certificate)
{
	json_t *header = json_pack("{s:s, s:s}", "alg", rows[signature].name, "typ", "JWT");
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct buf text = BUF_INIT(100);
	unsigned len = 0;

	if (a->key_id != NULL)
		json_object_set_new(header, "kid", json_string(a->key_id));
	if (certificate != NULL && X509_digest(certificate, EVP_sha256(), digest, &len) == 1) {
		add_url64(&text, digest, len);
		json_object_set_new(header, "x5t#S256", json_string(buf_text(&text)));
	}
	buf_done(&text);
	return header;
}

static json_t *
make_claims(const struct oauth_assertion *a)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "aud", a->audience, "iss", a->client_id,
	    "sub", a->client_id, "jti", a->id, "iat", (json_int_t)a->now, "nbf",
	    (json_int_t)(a->now - EARLY_S), "exp", (json_int_t)(a->now + LIFE_S));
}

/* --- the signature --- */

/* OpenSSL has DER, a JWT the two numbers side by side (RFC 7518 3.4). */
static bool
flatten_ecdsa(unsigned char *data, size_t *len)
{
	const unsigned char *at = data;
	ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)*len);
	bool good = parts != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(parts), data, ES256_HALF) == ES256_HALF &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(parts), data + ES256_HALF, ES256_HALF) == ES256_HALF;

	ECDSA_SIG_free(parts);
	*len = 2 * ES256_HALF;
	return good;
}

static bool
sign_text(struct buf *out, EVP_PKEY *key, enum config_oauth_signature signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings = NULL;
	unsigned char data[SIGNATURE_MAX];
	size_t len = sizeof(data);
	bool good = context != NULL && EVP_DigestSignInit(context, &settings, EVP_sha256(), NULL, key) == 1;

	if (good && signature == CONFIG_SIGNATURE_PS256)
		good = EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good && EVP_DigestSign(context, data, &len, (const unsigned char *)buf_text(out),
	    out->len) == 1;
	if (good && signature == CONFIG_SIGNATURE_ES256)
		good = flatten_ecdsa(data, &len);
	EVP_MD_CTX_free(context);
	if (good) {
		buf_puts(out, ".");
		add_url64(out, data, len);
	}
	return good;
}

/* --- key and certificate --- */

/* A file with a password is refused, and asks nobody for it. */
static int
no_password(char *dst, int size, int writing, void *arg)
{
	return -1;
}

static bool
curve_is_p256(EVP_PKEY *key)
{
	char name[64];

	return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name),
	    NULL) == 1 && strcmp(name, "prime256v1") == 0;
}

static bool
choose_signature(const struct oauth_assertion *a, EVP_PKEY *key, enum config_oauth_signature *signature,
    char *why, size_t size)
{
	int type = EVP_PKEY_get_base_id(key);

	*signature = a->signature;
	if (*signature == CONFIG_SIGNATURE_DERIVED)
		*signature = type == EVP_PKEY_EC ? CONFIG_SIGNATURE_ES256 : CONFIG_SIGNATURE_RS256;
	if (rows[*signature].type == type && (type != EVP_PKEY_EC || curve_is_p256(key)))
		return true;
	snprintf(why, size, "key-file has no key for %s (rs256 and ps256: RSA; es256: EC on P-256)",
	    rows[*signature].name);
	return false;
}

static X509 *
read_certificate(const char *text)
{
	BIO *b = BIO_new_mem_buf(text, -1);
	X509 *certificate = b != NULL ? PEM_read_bio_X509(b, NULL, no_password, NULL) : NULL;

	BIO_free(b);
	return certificate;
}

static EVP_PKEY *
read_key(const char *text)
{
	BIO *b = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;

	BIO_free(b);
	return key;
}

static bool
write_assertion(struct buf *out, const struct oauth_assertion *a, EVP_PKEY *key, X509 *certificate, char *why,
    size_t size)
{
	enum config_oauth_signature signature;

	if (key == NULL)
		snprintf(why, size, "key-file has no private key in PEM form, or one with a password");
	else if (a->certificate != NULL && certificate == NULL)
		snprintf(why, size, "certificate-file has no certificate in PEM form");
	else if (certificate != NULL && X509_check_private_key(certificate, key) != 1)
		snprintf(why, size, "the key of key-file is not that of certificate-file");
	else if (choose_signature(a, key, &signature, why, size)) {
		add_object(out, make_header(a, signature, certificate));
		buf_puts(out, ".");
		add_object(out, make_claims(a));
		if (buf_ok(out) && sign_text(out, key, signature) && buf_ok(out))
			return true;
		snprintf(why, size, "the key of key-file does not sign");
	}
	return false;
}

char *
oauth_assertion_make(const struct oauth_assertion *a, char *why, size_t size)
{
	struct buf out = BUF_INIT(OAUTH_ASSERTION_MAX);
	EVP_PKEY *key = read_key(a->key);
	X509 *certificate = a->certificate != NULL ? read_certificate(a->certificate) : NULL;
	char *text = NULL;

	if (write_assertion(&out, a, key, certificate, why, size))
		text = mem_strdup(buf_text(&out));
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(certificate);
	buf_wipe(&out);
	return text;
}
