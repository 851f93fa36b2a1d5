/*
 * plea - a host asks for its held mail: what a listener and a deliver worker say to each other about it
 *
 * Runs in:  listener, deliver (pure)
 * Owns:     nothing
 * Promise:  what take() accepted has ended strings
 * Fails by: false
 */
#include "common/process/plea.h"

#include <assert.h>
#include <string.h>

#include "common/process/ctl.h"
#include "common/process/payload.h"

static_assert(sizeof(struct plea) <= CTL_PAYLOAD_MAX, "fits one message");

size_t
plea_size(const struct plea *d)
{
	return offsetof(struct plea, domains) + d->len;
}

bool
plea_take(struct plea *d, const void *data, size_t len)
{
	if (len < offsetof(struct plea, domains) || len > sizeof(*d))
		return false;
	memcpy(d, data, len);
	return plea_size(d) == len && payload_is_ended(d->client, sizeof(d->client)) &&
	    payload_is_ended(d->account, sizeof(d->account)) && (d->len == 0 || d->domains[d->len - 1] == '\0');
}

bool
plea_add(struct plea *d, const char *domain, size_t len, bool below)
{
	size_t need = len + 1 + (below ? 2 : 0);
	char *to = d->domains + d->len;

	if (need > sizeof(d->domains) - d->len)
		return false;
	if (below) {
		*to++ = '*';
		*to++ = '.';
	}
	memcpy(to, domain, len);
	to[len] = '\0';
	d->len = (uint16_t)(d->len + need);
	return true;
}

const char *
plea_next(const struct plea *d, size_t *at)
{
	const char *domain = d->domains + *at;

	if (*at >= d->len)
		return NULL;
	*at += strlen(domain) + 1;
	return domain;
}
