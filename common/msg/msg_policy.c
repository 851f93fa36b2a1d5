/*
 * msg_policy - MTA-STS policies between deliver and the fetch helper: sizes and checks; pure
 *
 * Runs in:  deliver, fetch
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings, a host name as domain, counts within
 *           bounds
 * Fails by: false
 */
#include "common/msg/msg_policy.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "common/base/net.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_policy_answer) <= CTL_PAYLOAD_MAX, "an answer fits one message");

size_t
msg_policy_answer_size(const struct msg_policy_answer *a)
{
	return offsetof(struct msg_policy_answer, mx) + a->len;
}

bool
msg_policy_answer_is_ours(const struct msg_policy_answer *a)
{
	return a->mode == POLICY_NONE && a->max_age == 0 && a->failure == POLICY_FINE && a->text[0] != '\0';
}

static bool
is_id(const char *id)
{
	for (; *id != '\0'; id++)
		if (!isalnum((unsigned char)*id))
			return false;
	return true;
}

bool
msg_policy_ask_take(struct msg_policy_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return ctl_text_is_text(a->domain, sizeof(a->domain)) && net_is_hostname(a->domain) &&
	    ctl_text_is_text(a->id, sizeof(a->id)) && is_id(a->id) && a->addresses <= POLICY_ADDRESSES_MAX;
}

bool
msg_policy_answer_take(struct msg_policy_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_policy_answer, mx);

	if (len < fixed || len > sizeof(*a))
		return false;
	memset(a, 0, sizeof(*a));
	memcpy(a, data, len);
	return a->len < POLICY_MX_MAX && len == fixed + a->len && a->mode <= POLICY_ENFORCE &&
	    a->failure < POLICY_FAILURES &&
	    ctl_text_is_text(a->text, sizeof(a->text)) && memchr(a->mx, '\0', a->len) == NULL;
}
