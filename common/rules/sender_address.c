/*
 * sender_address - the envelope sender in mail to other hosts; pure
 *
 * Runs in:  master, posternctl, deliver
 * Owns:     nothing
 * Promise:  only a local sender is ever changed; the null sender never
 * Fails by: false
 */
#include "common/rules/sender_address.h"

#include <stdio.h>

static bool
parse_local(const struct config_server *s, const char *sender, struct address *a)
{
	const struct config_domain *entry;

	if (*sender == '\0' || address_from_text(a, sender) == -1)
		return false;
	entry = address_is_bare(a) ? s->default_domain : config_domain_find(s, address_domain(a));
	return entry != NULL && entry->type != CONFIG_DOMAIN_REMOTE;
}

bool
sender_address_is_resolved(const struct config_server *s, const char *sender)
{
	struct address a;

	return s->ldap.enable && s->ldap.senders_own && parse_local(s, sender, &a);
}

bool
sender_address_mask(const struct config_server *s, const char *sender, char out[ADDRESS_MAX + 1])
{
	struct address a;
	int n;

	if (s->masquerade == NULL || !parse_local(s, sender, &a))
		return false;
	n = snprintf(out, ADDRESS_MAX + 1, "%.*s@%s", (int)a.at, a.text, s->masquerade);
	return n > 0 && n <= ADDRESS_MAX;
}
