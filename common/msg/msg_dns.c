/*
 * msg_dns - questions to the resolver helper and its answers: sizes and checks; pure
 *
 * Runs in:  listener, deliver, resolver
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings and counts within bounds
 * Fails by: false
 */
#include "common/msg/msg_dns.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_dns_answer) <= CTL_PAYLOAD_MAX, "an answer fits one message");

size_t
msg_dns_answer_size(const struct msg_dns_answer *a)
{
	return offsetof(struct msg_dns_answer, record) + a->count * sizeof(a->record[0]);
}

size_t
msg_dns_answer_long(const struct msg_dns_answer *a, size_t *at, uint8_t *dst)
{
	size_t end = *at + 1U + a->record[*at].preference, used = 0;

	if (end > a->count || a->record[*at].preference >= DNS_PIECES_MAX)
		end = *at + 1U;
	for (; *at < end; ++*at) {
		memcpy(dst + used, a->record[*at].data, a->record[*at].len);
		used += a->record[*at].len;
	}
	return used;
}

bool
msg_dns_query_take(struct msg_dns_query *q, const void *data, size_t len)
{
	if (len != sizeof(*q))
		return false;
	memcpy(q, data, len);
	return ctl_text_is_ended(q->name, sizeof(q->name));
}

bool
msg_dns_answer_take(struct msg_dns_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_dns_answer, record);

	if (len < fixed || len > sizeof(*a))
		return false;
	memset(a, 0, sizeof(*a));
	memcpy(a, data, len);
	if (a->count > DNS_RECORDS_MAX || msg_dns_answer_size(a) != len || a->result > DNS_TROUBLE)
		return false;
	if (!ctl_text_is_ended(a->canonical, sizeof(a->canonical)) ||
	    !ctl_text_is_ended(a->text, sizeof(a->text)))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->record[i].len >= sizeof(a->record[i].data))
			return false;
		else
			a->record[i].data[a->record[i].len] = '\0';
	return true;
}
