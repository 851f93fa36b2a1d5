/*
 * certificate_pair - what is in a certificate and its key, and whether they can be used; asks for the time
 *
 * Runs in:  posternctl
 * Owns:     what it has read, until it returns
 * Promise:  whether they belong together is judged by the code of the process that will use them
 * Fails by: words
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"

#define CHAIN_MAX 32

typedef STACK_OF(X509) chain_type;

/* The certificates of a file, in its order; freed by the caller. */
static chain_type *
read_chain(const struct tls_text *file)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	chain_type *chain = sk_X509_new_null();
	X509 *next;

	while (sk_X509_num(chain) < CHAIN_MAX && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(chain, next);
	BIO_free(bio);
	return chain;
}

static void
free_chain(chain_type *chain)
{
	sk_X509_pop_free(chain, X509_free);
}

/* --- facts --- */

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
put_fingerprint(char dst[CERTIFICATE_FINGERPRINT], const X509 *x)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(x, EVP_sha256(), hash, &len) != 1)
		len = 0;
	dst[0] = '\0';
	for (unsigned i = 0; i < len && i < TLS_FINGERPRINT_SIZE; i++)
		snprintf(dst + 2 * i, 3, "%02x", hash[i]);
}

int
certificate_pair_look(struct certificate_facts *f, const struct tls_text *certificate, struct buf *why)
{
	chain_type *chain = read_chain(certificate);
	X509 *x = sk_X509_value(chain, 0);
	int seconds;

	*f = (struct certificate_facts){ 0 };
	if (x != NULL) {
		f->names = names_of(x);
		f->issuer = text_of_name(X509_get_issuer_name(x));
		f->from = unix_time(X509_get0_notBefore(x));
		f->until = unix_time(X509_get0_notAfter(x));
		(void)ASN1_TIME_diff(&f->days, &seconds, NULL, X509_get0_notAfter(x));
		put_key(f->key, sizeof(f->key), X509_get0_pubkey(x));
		put_fingerprint(f->fingerprint, x);
	} else {
		buf_printf(why, "there is no certificate in PEM form in %s\n", certificate->path);
	}
	free_chain(chain);
	return x != NULL ? 0 : -1;
}

void
certificate_pair_done(struct certificate_facts *f)
{
	free(f->names);
	free(f->issuer);
	*f = (struct certificate_facts){ 0 };
}

/* --- judged --- */

/* Each is followed by the one that has signed it. */
static bool
is_in_order(chain_type *chain, const char *path, struct buf *why)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i + 1), sk_X509_value(chain, i)) != X509_V_OK) {
			buf_printf(why, "%s: certificate %d of the file is not signed by the one behind it: "
			    "the order is the certificate of this host first, then that of its issuer, and "
			    "so on\n", path, i + 1);
			return false;
		}
	return true;
}

static bool
is_for(X509 *x, const char *fqdn, const char *path, struct buf *why)
{
	char *names;

	if (X509_check_host(x, fqdn, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1)
		return true;
	names = names_of(x);
	buf_printf(why, "%s: is for %s, and not for %s, which is fqdn in [delivery]\n", path,
	    *names != '\0' ? names : "no host name", fqdn);
	free(names);
	return false;
}

bool
certificate_pair_is_good(const struct tls_source *pair, const char *fqdn, struct buf *why)
{
	struct tls *t = tls_new(CONFIG_TLS_1_2, "certificate", false);
	chain_type *chain = read_chain(&pair->certificate);
	bool good = tls_load(t, pair, 1, true, why) == 0;

	if (!good)
		buf_puts(why, "\n");
	else
		good = is_in_order(chain, pair->certificate.path, why) &
		    is_for(sk_X509_value(chain, 0), fqdn, pair->certificate.path, why);
	free_chain(chain);
	tls_free(t);
	return good;
}
