/*
 * tls_policy - what TLS a host must have, and what it must prove, before it gets mail; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a certificate is compared only with names that can be trusted: of the configuration, of the
 *           recipient's address, of a validated answer, of an MTA-STS policy. The name of a host from an
 *           unsigned MX counts only at or below the recipient's domain. To a host with TLSA records nothing
 *           is sent in clear
 * Fails by: cannot
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/config/config.h"
#include "common/rules/route.h"
#include "common/tls/tls.h"
#include "deliver/hosts/hosts.h"

#define PORT_TLS 465		/* RFC 8314 */

enum client_tls
tls_policy_tls(const struct destination *d, const struct mx_address *a)
{
	enum config_outbound_tls mode = d->security.tls;

	if (mode == CONFIG_OUT_TLS_OFF && !d->security.strict)
		return CLIENT_TLS_OFF;
	if (net_port((const struct sockaddr *)&a->to.sa) == PORT_TLS)
		return CLIENT_TLS_AT_ONCE;
	/* in clear there is no certificate */
	if (d->security.certificate == NULL && !a->sts && !d->security.strict &&
	    (mode == CONFIG_OUT_TLS_MAY || (mode == CONFIG_OUT_TLS_DANE && a->tlsa == NULL)))
		return CLIENT_TLS_MAY;
	return CLIENT_TLS_MUST;
}

bool
tls_policy_allows_clear(const struct destination *d, const struct mx_address *a)
{
	return tls_policy_tls(d, a) == CLIENT_TLS_MAY && d->security.account.auth == CONFIG_OUT_ANONYMOUS;
}

static bool
is_at_or_below(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	return h >= d && strcasecmp(host + h - d, domain) == 0 && (h == d || host[h - d - 1] == '.');
}

static void
add_name(struct tls_wish *wish, const char *name)
{
	for (size_t i = 0; i < wish->names; i++)
		if (strcasecmp(wish->name[i], name) == 0)
			return;
	wish->name[wish->names++] = name;
}

/* RFC 7672 3.2.2: the name that the records belong to, then the one that the mail is for. */
static void
want_dane(const struct destination *d, const struct tls_policy_host *host, struct tls_wish *wish,
    struct tls_record *record)
{
	const struct tlsa_set *set = host->tlsa;

	wish->ask = set->base;
	if (set->count == 0)
		return;
	wish->proof = TLS_PROOF_DANE;
	add_name(wish, set->base);
	add_name(wish, host->name);
	if (d->by_mx)
		add_name(wish, d->domain);
	for (size_t i = 0; i < set->count; i++)
		record[i] = (struct tls_record){ set->data + set->record[i].at, set->record[i].len };
	wish->record = record;
	wish->records = set->count;
}

void
tls_policy_wish(const struct destination *d, const struct tls_policy_host *host, struct tls_wish *wish,
    struct tls_record *record)
{
	*wish = (struct tls_wish){ .ask = host->literal ? NULL : host->name };
	if (d->security.tls == CONFIG_OUT_TLS_DANE && host->tlsa != NULL)
		want_dane(d, host, wish, record);
	if (d->security.tls != CONFIG_OUT_TLS_VERIFY && !host->sts &&
	    (!d->security.strict || wish->proof == TLS_PROOF_DANE)) {
		if (host->watched && wish->proof == TLS_PROOF_NONE)
			add_name(wish, host->name);
		return;
	}
	wish->proof = TLS_PROOF_NAME;
	if (host->literal) {
		wish->ip = host->name;
		return;
	}
	if (host->sure || host->sts || is_at_or_below(host->name, d->domain))
		add_name(wish, host->name);
	if (d->by_mx && !host->sts)
		add_name(wish, d->domain);
}

void
tls_policy_names(const struct tls_wish *wish, char *dst, size_t size)
{
	size_t used = (size_t)snprintf(dst, size, "%s", wish->ip != NULL ? wish->ip : "");

	for (size_t i = 0; i < wish->names && used < size; i++)
		used += (size_t)snprintf(dst + used, size - used, "%s%s", i == 0 ? "" : " or ",
		    wish->name[i]);
}
