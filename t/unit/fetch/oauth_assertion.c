/*
 * oauth_assertion - assertions are read back with OpenSSL: signature, header and claims; keys that do not do
 */
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"
#include "t/unit/check_main.h"

static char why[200];

static char *
text_of(BIO *b)
{
	char *data;
	long n = BIO_get_mem_data(b, &data);
	char *text = mem_strndup(data, (size_t)n);

	BIO_free(b);
	return text;
}

static char *
key_text(EVP_PKEY *key, const char *password)
{
	BIO *b = BIO_new(BIO_s_mem());

	ck_assert_int_eq(PEM_write_bio_PrivateKey(b, key, password != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0,
	    NULL, (void *)(uintptr_t)password), 1);
	return text_of(b);
}

static char *
certificate_text(EVP_PKEY *key)
{
	X509 *x = X509_new();
	BIO *b = BIO_new(BIO_s_mem());

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	ck_assert_int_eq(PEM_write_bio_X509(b, x), 1);
	X509_free(x);
	return text_of(b);
}

/* One part of a JWT; its length. */
static size_t
decode(char *dst, size_t size, const char *text, size_t len)
{
	char padded[8192];
	ssize_t n;

	ck_assert_uint_lt(len + 4, sizeof(padded));
	for (size_t i = 0; i < len; i++)
		padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (len % 4 != 0)
		padded[len++] = '=';
	n = base64_decode(dst, size - 1, padded, len);
	ck_assert_int_ge(n, 0);
	dst[n] = '\0';
	return (size_t)n;
}

static bool
is_signed(const char *text, size_t len, const unsigned char *signature, size_t n, EVP_PKEY *key, int padding)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings = NULL;
	unsigned char *der = NULL;
	bool good;

	ck_assert_int_eq(EVP_DigestVerifyInit(context, &settings, EVP_sha256(), NULL, key), 1);
	if (padding != 0)
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(settings, padding), 1);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
		ECDSA_SIG *parts = ECDSA_SIG_new();

		ck_assert_uint_eq(n, 64);
		ECDSA_SIG_set0(parts, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
		n = (size_t)i2d_ECDSA_SIG(parts, &der);
		ECDSA_SIG_free(parts);
	}
	good = EVP_DigestVerify(context, der != NULL ? der : signature, n, (const unsigned char *)text, len) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(context);
	return good;
}

static const struct oauth_assertion usual = { .client_id = "the-id", .audience = "https://a.example/token",
    .id = "0123", .now = 1796000000 };

static char *
make(const char *key, const char *certificate, enum config_oauth_signature signature)
{
	struct oauth_assertion a = usual;

	a.key = key;
	a.certificate = certificate;
	a.signature = signature;
	a.key_id = certificate == NULL ? "k \"1\"" : NULL;
	why[0] = '\0';
	return oauth_assertion_make(&a, why, sizeof(why));
}

static void
check_good(EVP_PKEY *key, bool certified, enum config_oauth_signature signature, const char *name, int padding)
{
	char *pem = key_text(key, NULL), *certificate = certified ? certificate_text(key) : NULL, part[4096];
	char *text = make(pem, certificate, signature);
	const char *dot, *second;
	json_t *header, *claims;
	size_t n;

	ck_assert_msg(text != NULL, "%s", why);
	dot = strchr(text, '.');
	second = strchr(dot + 1, '.');
	decode(part, sizeof(part), text, (size_t)(dot - text));
	header = json_loads(part, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(header, "alg")), name);
	ck_assert_str_eq(json_string_value(json_object_get(header, "typ")), "JWT");
	ck_assert_int_eq(json_object_get(header, "x5t#S256") != NULL, certified);
	if (certified)
		ck_assert_uint_eq(strlen(json_string_value(json_object_get(header, "x5t#S256"))), 43);
	else
		ck_assert_str_eq(json_string_value(json_object_get(header, "kid")), "k \"1\"");
	decode(part, sizeof(part), dot + 1, (size_t)(second - dot - 1));
	claims = json_loads(part, 0, NULL);
	for (size_t i = 0; i < 2; i++)
		ck_assert_str_eq(json_string_value(json_object_get(claims, i == 0 ? "iss" : "sub")), "the-id");
	ck_assert_str_eq(json_string_value(json_object_get(claims, "aud")), "https://a.example/token");
	ck_assert_str_eq(json_string_value(json_object_get(claims, "jti")), "0123");
	ck_assert_int_eq(json_integer_value(json_object_get(claims, "exp")), 1796000300);
	ck_assert_int_eq(json_integer_value(json_object_get(claims, "nbf")), 1795999940);
	n = decode(part, sizeof(part), second + 1, strlen(second + 1));
	ck_assert(is_signed(text, (size_t)(second - text), (unsigned char *)part, n, key, padding));
	json_decref(header);
	json_decref(claims);
	free(text);
	free(pem);
	free(certificate);
}

START_TEST(test_signatures)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");

	for (int certified = 0; certified < 2; certified++) {
		check_good(rsa, certified, CONFIG_SIGNATURE_DERIVED, "RS256", RSA_PKCS1_PADDING);
		check_good(rsa, certified, CONFIG_SIGNATURE_PS256, "PS256", RSA_PKCS1_PSS_PADDING);
		for (int i = 0; i < 300; i++)	/* numbers of fewer than 32 bytes are among them */
			check_good(ec, certified && i == 0, CONFIG_SIGNATURE_DERIVED, "ES256", 0);
	}
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}
END_TEST

static void
check_bad(const char *key, const char *certificate, enum config_oauth_signature signature, const char *words)
{
	ck_assert_ptr_null(make(key, certificate, signature));
	ck_assert_msg(strstr(why, words) != NULL, "\"%s\", wanted \"%s\"", why, words);
}

START_TEST(test_bad_keys)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048), *curve = EVP_EC_gen("P-384");
	char *pem = key_text(rsa, NULL), *locked = key_text(rsa, "secret"), *big = key_text(curve, NULL),
	    *certificate = certificate_text(rsa), *another = certificate_text(other);

	check_bad("", NULL, CONFIG_SIGNATURE_DERIVED, "no private key in PEM form");
	check_bad(certificate, NULL, CONFIG_SIGNATURE_DERIVED, "no private key in PEM form");
	check_bad(locked, NULL, CONFIG_SIGNATURE_DERIVED, "or one with a password");
	check_bad(pem, pem, CONFIG_SIGNATURE_DERIVED, "no certificate in PEM form");
	check_bad(pem, another, CONFIG_SIGNATURE_DERIVED, "is not that of certificate-file");
	check_bad(pem, certificate, CONFIG_SIGNATURE_ES256, "no key for ES256");
	check_bad(big, NULL, CONFIG_SIGNATURE_DERIVED, "no key for ES256");
	check_bad(big, NULL, CONFIG_SIGNATURE_PS256, "no key for PS256");
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other);
	EVP_PKEY_free(curve);
	free(pem);
	free(locked);
	free(big);
	free(certificate);
	free(another);
}
END_TEST

UNIT_MAIN("oauth_assertion", test_signatures, test_bad_keys)
