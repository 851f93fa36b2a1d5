/*
 * tls_details - what a certificate says: for whom, by whom, until when
 *
 * Runs in:  posternctl, listener
 * Owns:     nothing; the caller ends what it got
 * Promise:  all texts are printable ASCII
 * Fails by: -1 and words; false
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "common/tls/tls_private.h"

static char *
text_of_name(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 | ASN1_STRFLGS_ESC_CTRL);
	len = BIO_get_mem_data(bio, &data);
	text = mem_strndup(len > 0 ? data : "", len > 0 ? (size_t)len : 0);
	BIO_free(bio);
	return text;
}

static void
put_printable(struct buf *out, const ASN1_STRING *s)
{
	const unsigned char *data = ASN1_STRING_get0_data(s);

	for (int i = 0; i < ASN1_STRING_length(s); i++)
		buf_printf(out, data[i] > ' ' && data[i] < 0x7f ? "%c" : "\\x%02x", data[i]);
}

/* The host names that it is for. */
static char *
names_of(const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct buf text = BUF_INIT(65536);
	char *list;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		buf_puts(&text, text.len > 0 ? ", " : "");
		put_printable(&text, name->d.dNSName);
	}
	GENERAL_NAMES_free(names);
	list = mem_strdup(buf_text(&text));
	buf_done(&text);
	return list;
}

static int64_t
unix_time(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
put_key(char *dst, size_t size, EVP_PKEY *key)
{
	char group[24] = "";

	if (key != NULL && EVP_PKEY_is_a(key, "EC")) {
		(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
		snprintf(dst, size, "ECDSA %s", strcmp(group, "prime256v1") == 0 ? "P-256" : group);
	} else {
		snprintf(dst, size, "%s %d", key != NULL ? EVP_PKEY_get0_type_name(key) : "?",
		    key != NULL ? EVP_PKEY_get_bits(key) : 0);
	}
}

static void
put_fingerprint(char dst[TLS_DETAILS_FINGERPRINT], const X509 *x)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(x, EVP_sha256(), hash, &len) != 1)
		len = 0;
	dst[0] = '\0';
	for (unsigned i = 0; i < len && i < TLS_FINGERPRINT_SIZE; i++)
		snprintf(dst + 2 * i, 3, "%02x", hash[i]);
}

void
tls_details_fill(struct tls_details *d, X509 *x)
{
	int seconds;

	*d = (struct tls_details){ 0 };
	d->subject = text_of_name(X509_get_subject_name(x));
	d->names = names_of(x);
	d->issuer = text_of_name(X509_get_issuer_name(x));
	d->from = unix_time(X509_get0_notBefore(x));
	d->until = unix_time(X509_get0_notAfter(x));
	(void)ASN1_TIME_diff(&d->days, &seconds, NULL, X509_get0_notAfter(x));
	put_key(d->key, sizeof(d->key), X509_get0_pubkey(x));
	put_fingerprint(d->fingerprint, x);
}

int
tls_details_read(struct tls_details *d, const struct tls_text *file, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	*d = (struct tls_details){ 0 };
	if (x != NULL)
		tls_details_fill(d, x);
	else
		buf_printf(why, "there is no certificate in PEM form in %s\n", file->path);
	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return x != NULL ? 0 : -1;
}

void
tls_details_done(struct tls_details *d)
{
	free(d->subject);
	free(d->names);
	free(d->issuer);
	*d = (struct tls_details){ 0 };
}
