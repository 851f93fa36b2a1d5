/*
 * certificate_make - a key, a request for a certificate, and a certificate that is signed by its own key
 *
 * Runs in:  posternctl
 * Owns:     keys in memory, wiped before it returns
 * Promise:  names of hosts and nothing else get into what is signed
 * Fails by: -1 and words
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "master/posternctl/certificate/certificate.h"

#define RSA_BITS 3072U
#define SERIAL_BITS 120
#define COMMON_NAME_MAX 64	/* ub-common-name of RFC 5280 */
#define DAY 86400L

static int
say(struct buf *why)
{
	char text[200];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	buf_printf(why, "OpenSSL: %s\n", text);
	return -1;
}

static void
take(BIO *bio, struct buf *out)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	if (len > 0)
		buf_add(out, data, (size_t)len);
	BIO_free(bio);
}

int
certificate_make_key(enum certificate_key type, struct buf *key, struct buf *why)
{
	EVP_PKEY *made = type == CERTIFICATE_RSA ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	bool good = made != NULL && PEM_write_bio_PrivateKey(bio, made, NULL, NULL, 0, NULL, NULL) == 1;

	take(bio, key);
	EVP_PKEY_free(made);
	return good ? 0 : say(why);
}

static EVP_PKEY *
read_key(const struct tls_text *file, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, mem_unconst(""));

	BIO_free(bio);
	if (key == NULL)
		buf_printf(why, "%s: there is no key in PEM form without a pass phrase in it\n", file->path);
	ERR_clear_error();
	return key;
}

/* --- names --- */

/* "DNS:a.example,DNS:b.example"; *first is the first one. Both owned by the caller; NULL: why. */
static char *
alternative_names(const char *names, char **first, struct buf *why)
{
	struct buf text = BUF_INIT(65536);
	char *list = NULL;

	*first = NULL;
	while (*(names += strspn(names, ", ")) != '\0' && why->len == 0) {
		size_t len = strcspn(names, ", ");
		char *name = mem_strndup(names, len);

		if (!net_is_hostname(strncmp(name, "*.", 2) == 0 ? name + 2 : name))
			buf_printf(why, "%.100s is no name of a host\n", name);
		buf_printf(&text, "%sDNS:%s", text.len > 0 ? "," : "", name);
		if (*first == NULL)
			*first = name;
		else
			free(name);
		names += len;
	}
	if (*first == NULL)
		buf_puts(why, "say for which names\n");
	if (why->len == 0)
		list = mem_strdup(buf_text(&text));
	buf_done(&text);
	return list;
}

static bool
put_subject(X509_NAME *subject, const char *name)
{
	return strlen(name) > COMMON_NAME_MAX || X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0) == 1;
}

/* --- a request --- */

static bool
fill_request(X509_REQ *r, EVP_PKEY *key, const char *first, const char *names)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	bool good = e != NULL && sk_X509_EXTENSION_push(extensions, e) > 0 &&
	    X509_REQ_set_version(r, 0) == 1 && put_subject(X509_REQ_get_subject_name(r), first) &&
	    X509_REQ_set_pubkey(r, key) == 1 && X509_REQ_add_extensions(r, extensions) == 1 &&
	    X509_REQ_sign(r, key, EVP_sha256()) > 0;

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return good;
}

int
certificate_make_request(const struct tls_text *key, const char *names, struct buf *request, struct buf *why)
{
	char *first, *list = alternative_names(names, &first, why);
	EVP_PKEY *pair = list != NULL ? read_key(key, why) : NULL;
	X509_REQ *r = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = pair != NULL && fill_request(r, pair, first, list) &&
	    PEM_write_bio_X509_REQ(bio, r) == 1;

	take(bio, request);
	if (!good && pair != NULL)
		(void)say(why);
	X509_REQ_free(r);
	EVP_PKEY_free(pair);
	free(first);
	free(list);
	return good ? 0 : -1;
}

/* --- a certificate of one's own --- */

static bool
add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool good = e != NULL && X509_add_ext(x, e, -1) == 1;

	X509_EXTENSION_free(e);
	return good;
}

static bool
put_serial(X509 *x)
{
	BIGNUM *number = BN_new();
	bool good = BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;

	BN_free(number);
	return good;
}

static bool
fill_own(X509 *x, EVP_PKEY *key, const char *first, const char *names, unsigned days)
{
	return X509_set_version(x, 2) == 1 && put_serial(x) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&	/* clocks differ */
	    X509_gmtime_adj(X509_getm_notAfter(x), DAY * (long)days) != NULL &&
	    put_subject(X509_get_subject_name(x), first) &&
	    X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 && X509_set_pubkey(x, key) == 1 &&
	    add_extension(x, NID_subject_alt_name, names) &&
	    add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	    X509_sign(x, key, EVP_sha256()) > 0;
}

int
certificate_make_own(const struct tls_text *key, const char *names, unsigned days,
    struct buf *certificate, struct buf *why)
{
	char *first, *list = alternative_names(names, &first, why);
	EVP_PKEY *pair = list != NULL ? read_key(key, why) : NULL;
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = pair != NULL && fill_own(x, pair, first, list, days) && PEM_write_bio_X509(bio, x) == 1;

	take(bio, certificate);
	if (!good && pair != NULL)
		(void)say(why);
	X509_free(x);
	EVP_PKEY_free(pair);
	free(first);
	free(list);
	return good ? 0 : -1;
}
