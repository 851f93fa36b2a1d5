/*
 * site_health - which hosts of a site are tried last: they did not let us in, or lack what the site demands
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  what a host lacks of a site's demands (a policy that names it, a proof, TLS, a login) stays with
 *           that site. What is learnt of its address and name is for all: else a domain that points at the
 *           hosts of others, with demands that these cannot meet, would turn the mail of all away
 * Fails by: cannot
 */
#include "deliver/outbound/outbound.h"

#define UNFIT_MS 60000		/* as a host that has failed: see pace_host */

bool
site_health_is_bad(const struct site_host *h, uint64_t now)
{
	return h->pace->bad_until > now || h->unfit_until > now;
}

bool
site_health_all_bad(const struct site *s, uint64_t now)
{
	size_t i = 0;

	while (i < s->list.count && site_health_is_bad(&s->host[i], now))
		i++;
	return s->list.count > 0 && i == s->list.count;
}

void
site_health_unfit(struct site *s, size_t index, uint64_t now)
{
	if (index < s->list.count)
		s->host[index].unfit_until = now + UNFIT_MS;
}
