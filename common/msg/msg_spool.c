/*
 * msg_spool - messages between a listener and the pickup worker, checked; pure
 *
 * Runs in:  listener, deliver, pickup
 * Owns:     nothing
 * Promise:  an id that was taken is one
 * Fails by: false
 */
#include "common/msg/msg_spool.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct msg_spool_log) <= CTL_PAYLOAD_MAX, "fits one message");

bool
msg_spool_id(char id[MESSAGE_ID_SIZE], const void *data, size_t len)
{
	if (len < MESSAGE_ID_SIZE)
		return false;
	memcpy(id, data, MESSAGE_ID_SIZE);
	return id[MESSAGE_ID_LEN] == '\0' && message_id_is_valid(id);
}

bool
msg_spool_is_held(const void *data, size_t len)
{
	struct msg_spool_open open = { .held = 0 };

	memcpy(&open, data, len < sizeof(open) ? len : sizeof(open));
	return open.held == 1;
}

bool
msg_spool_take_refused(struct msg_spool_refused *r, const struct ctl_message *m)
{
	size_t len;

	if (m->len != sizeof(*r))
		return false;
	memcpy(r, m->data, sizeof(*r));
	len = strnlen(r->words, sizeof(r->words));
	for (size_t i = 0; i < len; i++)
		if (r->words[i] < ' ' || r->words[i] > '~')
			return false;
	return len > 4 && len < sizeof(r->words) && (r->words[0] == '4' || r->words[0] == '5') &&
	    strspn(r->words, "0123456789") == 3 && r->words[3] == ' ';
}

bool
msg_spool_take_answer(struct msg_spool_answer *a, const struct ctl_message *m)
{
	if (m->len != sizeof(*a))
		return false;
	memcpy(a, m->data, sizeof(*a));
	return true;
}
