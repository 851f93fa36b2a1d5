/*
 * check_pair - what is wrong with a certificate and its key: for check
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  the pair is judged as by the process that will use it
 * Fails by: cannot
 */
#include "common/base/buf.h"
#include "common/tls/tls.h"
#include "master/posternctl/check/check.h"

enum check_pair
check_pair_judge(const struct tls_source *source, enum config_tls_version least, const char *name,
    uint64_t alarm_ms, struct buf *why)
{
	struct tls *t = tls_new(least, name, false);
	enum check_pair found = CHECK_PAIR_WARNING;

	if (tls_load(t, source, 1, false, why) == -1)
		found = CHECK_PAIR_ERROR;
	else if (tls_days(t, 0) < 0)
		buf_printf(why, "the certificate in %s has expired", source->certificate.path);
	else if (tls_ends_soon(t, 0, alarm_ms))
		buf_printf(why, "the certificate in %s expires in %d days", source->certificate.path,
		    tls_days(t, 0));
	else if (!tls_is_in_order(t, 0))
		buf_printf(why, "the certificates in %s are not in order: after each of them comes that of "
		    "its issuer", source->certificate.path);
	else
		found = CHECK_PAIR_GOOD;
	tls_free(t);
	return found;
}
