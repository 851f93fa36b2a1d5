/*
 * certificate_pair - whether a certificate and its key can be used
 *
 * Runs in:  posternctl
 * Owns:     what it has read, until it returns
 * Promise:  whether they belong together is judged by the code of the process that will use them
 * Fails by: words
 */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

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
is_for(X509 *x, const char *fqdn, const struct tls_text *file, struct buf *why)
{
	struct tls_details d = { 0 };
	struct buf no = BUF_INIT(1000);

	if (X509_check_host(x, fqdn, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1)
		return true;
	(void)!tls_details_read(&d, file, &no);
	buf_printf(why, "%s: is for %s, and not for %s, which is fqdn in [delivery]: change that key, or let "
	    "the certificate have that name, too\n", file->path,
	    d.names != NULL && *d.names != '\0' ? d.names : "no host name", fqdn);
	tls_details_done(&d);
	buf_done(&no);
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
		    is_for(sk_X509_value(chain, 0), fqdn, &pair->certificate, why);
	free_chain(chain);
	tls_free(t);
	return good;
}
