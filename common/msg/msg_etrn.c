/*
 * msg_etrn - a host asks for its backlog: messages between a listener and the deliver worker, checked; pure
 *
 * Runs in:  listener, deliver
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings
 * Fails by: false
 */
#include "common/msg/msg_etrn.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_etrn) <= CTL_PAYLOAD_MAX, "fits one message");

size_t
msg_etrn_size(const struct msg_etrn *d)
{
	return offsetof(struct msg_etrn, domains) + d->len;
}

bool
msg_etrn_take(struct msg_etrn *d, const void *data, size_t len)
{
	if (len < offsetof(struct msg_etrn, domains) || len > sizeof(*d))
		return false;
	memcpy(d, data, len);
	return d->turn < MSG_ETRN_WAYS && msg_etrn_size(d) == len &&
	    ctl_text_is_ended(d->client, sizeof(d->client)) &&
	    ctl_text_is_ended(d->account, sizeof(d->account)) &&
	    (d->len == 0 || d->domains[d->len - 1] == '\0');
}

bool
msg_etrn_add(struct msg_etrn *d, const char *domain, size_t len, bool below)
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
msg_etrn_next(const struct msg_etrn *d, size_t *at)
{
	const char *domain = d->domains + *at;

	if (*at >= d->len)
		return NULL;
	*at += strlen(domain) + 1;
	return domain;
}
