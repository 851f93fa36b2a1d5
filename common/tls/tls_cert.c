/*
 * tls_cert - a certificate file and its key file: read, and checked before they are used
 *
 * Runs in:  posternctl, web, listener, deliver
 * Owns:     certificate, chain and key of a pair
 * Promise:  a pair that was parsed belongs together; no text of a key stays in memory; a pass phrase is
 *           never asked for
 * Fails by: -1 and a reason that names the file
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/tls/tls_private.h"

#define CHAIN_MAX 16
#define NAMES_SIZE 200

static int
no_phrase(char *space, int size, int writing, void *arg)
{
	*(bool *)arg = true;
	return -1;
}

static int
parse_certificates(struct tls_cert *p, const struct tls_text *file, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	X509 *next;
	bool clean;

	p->certificate = PEM_read_bio_X509_AUX(bio, NULL, no_phrase, &(bool){ false });
	p->chain = sk_X509_new_null();
	while (p->certificate != NULL &&
	    (next = PEM_read_bio_X509(bio, NULL, no_phrase, &(bool){ false })) != NULL)
		sk_X509_push(p->chain, next);
	/* Text without a further certificate is the end; one that cannot be read is a fault. */
	clean = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	if (p->certificate != NULL && clean && sk_X509_num(p->chain) <= CHAIN_MAX)
		return 0;
	buf_printf(why, p->certificate == NULL ? "there is no certificate in PEM form in %s" :
	    clean ? "there are too many certificates in %s" :
	    "a certificate of the chain in %s cannot be read", file->path);
	return -1;
}

static int
parse_key(struct tls_cert *p, const struct tls_text *file, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	bool asked = false;

	p->key = PEM_read_bio_PrivateKey(bio, NULL, no_phrase, &asked);
	BIO_free(bio);
	ERR_clear_error();
	if (p->key != NULL)
		return 0;
	buf_printf(why,
	    asked ? "the key in %s has a pass phrase; a server that starts by itself needs one without" :
	    "there is no private key in PEM form in %s", file->path);
	return -1;
}

/* Unix time; INT64_MIN: it is no time. */
static int64_t
unix_time(const ASN1_TIME *at)
{
	int days = 0, seconds = 0;
	ASN1_TIME *origin = ASN1_TIME_set(NULL, 0);
	bool good = origin != NULL && ASN1_TIME_diff(&days, &seconds, origin, at) == 1;

	ASN1_TIME_free(origin);
	return good ? (int64_t)days * 86400 + seconds : INT64_MIN;
}

static void
append_dns_name(struct buf *out, const ASN1_STRING *name)
{
	if (out->len > 0)
		buf_puts(out, ", ");
	buf_add(out, ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
}

/* The DNS names; when there are none, the common name, as X509_check_host() does. */
static char *
collect_names(X509 *certificate)
{
	struct buf out = BUF_INIT(NAMES_SIZE);
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char *names;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type == GEN_DNS)
			append_dns_name(&out, name->d.dNSName);
	}
	GENERAL_NAMES_free(all);
	if (out.len == 0) {
		X509_NAME *subject = X509_get_subject_name(certificate);
		int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

		if (at >= 0)
			append_dns_name(&out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	}
	names = mem_strdup(buf_text(&out));
	buf_done(&out);
	return names;
}

static int
judge_dates(struct tls_cert *p, const struct tls_text *file, bool strict, struct buf *why)
{
	int64_t now = clock_wall_us() / 1000000;

	p->ends = unix_time(X509_get0_notAfter(p->certificate));
	if (!strict)
		return 0;
	if (p->ends < now) {
		buf_printf(why, "the certificate in %s has expired", file->path);
		return -1;
	}
	if (unix_time(X509_get0_notBefore(p->certificate)) > now) {
		buf_printf(why, "the certificate in %s is not valid yet", file->path);
		return -1;
	}
	return 0;
}

int
tls_cert_parse(struct tls_cert *p, const struct tls_source *source, bool strict, struct buf *why)
{
	*p = (struct tls_cert){ 0 };
	ERR_clear_error();
	if (parse_certificates(p, &source->certificate, why) == -1 || parse_key(p, &source->key, why) == -1)
		return -1;
	if (X509_check_private_key(p->certificate, p->key) != 1) {
		ERR_clear_error();
		buf_printf(why, "the key in %s is not that of the certificate in %s", source->key.path,
		    source->certificate.path);
		return -1;
	}
	p->names = collect_names(p->certificate);
	return judge_dates(p, &source->certificate, strict, why);
}

void
tls_cert_done(struct tls_cert *p)
{
	X509_free(p->certificate);
	sk_X509_pop_free(p->chain, X509_free);
	EVP_PKEY_free(p->key); /* which wipes it */
	free(p->names);
	*p = (struct tls_cert){ 0 };
}

bool
tls_cert_has(const struct tls_cert *p, const char *name, bool wildcard)
{
	unsigned flags = wildcard ? 0 : X509_CHECK_FLAG_NO_WILDCARDS;

	return X509_check_host(p->certificate, name, 0, flags, NULL) == 1;
}

bool
tls_cert_is_in_order(const struct tls_cert *p)
{
	X509 *before = p->certificate;

	for (int i = 0; i < sk_X509_num(p->chain); i++) {
		X509 *issuer = sk_X509_value(p->chain, i);

		if (X509_check_issued(issuer, before) != X509_V_OK)
			return false;
		before = issuer;
	}
	return true;
}

bool
tls_cert_is_twin(const struct tls_cert *a, const struct tls_cert *b)
{
	return EVP_PKEY_get_base_id(a->key) != EVP_PKEY_get_base_id(b->key) &&
	    strcmp(a->names, b->names) == 0;
}
