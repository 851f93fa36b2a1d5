/*
 * route_want - what a message wants beside where it goes: TLS with a proof, or delivery whatever policies say
 * (RFC 8689); pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a connection that was made for the one want is never used for the other: their keys differ
 * Fails by: false: TLS is wanted where it is off
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/rules/route.h"

/* Returns what it adds to a key. */
static const char *
change_security(struct destination_security *s, enum route_want want)
{
	if (want == ROUTE_STRICT) {
		s->strict = true;
		return ";requiretls";
	}
	if (want == ROUTE_AS_SET || (!s->mta_sts && s->tls != CONFIG_OUT_TLS_DANE && !s->reported))
		return "";
	/* no policy is applied, so none is reported of: a report would bring the next one, too */
	s->mta_sts = s->reported = false;
	if (s->tls == CONFIG_OUT_TLS_DANE)
		s->tls = CONFIG_OUT_TLS_MAY;
	return ";tls-optional";
}

bool
route_want(struct route_answer *a, enum route_want want)
{
	const struct destination_security *s = a->kind == ROUTE_HOSTS ? &a->hosts->security : &a->security;

	if (want == ROUTE_STRICT && (a->kind == ROUTE_DIRECT || a->kind == ROUTE_HOSTS) &&
	    s->tls == CONFIG_OUT_TLS_OFF)
		return false;
	a->way = change_security(&a->security, want);
	return true;
}

void
route_want_hosts(struct destination *to, const struct destination *d, enum route_want want)
{
	const char *way;
	char *key;

	route_destination_copy(to, d);
	way = change_security(&to->security, want);
	key = mem_printf("%s%s", to->key, way);
	free(to->key);
	to->key = key;
}
