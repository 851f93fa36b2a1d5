/* temp_pair - certificate pairs for tests, signed by themselves */
#ifndef T_UNIT_TEMP_PAIR_H
#define T_UNIT_TEMP_PAIR_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/tls/tls.h"
#include "t/unit/check_main.h"

struct text { struct buf certificate, key; };

static void
drain(struct buf *out, BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	buf_add(out, data, (size_t)len);
	BIO_free(bio);
}

/* A pair for `names` ("DNS:a, DNS:b"), valid from and until so many days from now; EC keys are quick. */
static void
make(struct text *t, const char *names, int from, int until, bool rsa)
{
	*t = (struct text){ BUF_INIT(65536), BUF_INIT(65536) };
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	time_t now = (time_t)(clock_wall_us() / 1000000);
	ASN1_TIME_adj(X509_getm_notBefore(x), now, from, 0);
	ASN1_TIME_adj(X509_getm_notAfter(x), now, until, 60);
	X509_set_pubkey(x, key);
	X509_NAME *subject = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"common.example", -1,
	    -1, 0);
	X509_set_issuer_name(x, subject);
	if (names != NULL) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

		ck_assert(e != NULL && X509_add_ext(x, e, -1) == 1);
		X509_EXTENSION_free(e);
	}
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	drain(&t->certificate, bio);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	drain(&t->key, bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
forget(struct text *t)
{
	buf_done(&t->certificate);
	buf_done(&t->key);
}

static struct tls_source
source(const struct text *certificate, const struct text *key)
{
	return (struct tls_source){
		.certificate = { "/c", buf_text(&certificate->certificate), certificate->certificate.len },
		.key = { "/k", buf_text(&key->key), key->key.len },
	};
}

static void
load(struct tls *t, const struct tls_source *s, size_t n)
{
	struct buf why = BUF_INIT(1000);

	ck_assert_msg(tls_load(t, s, n, true, &why) == 0, "%s", buf_text(&why));
	buf_done(&why);
}

#endif
