/*
 * msg_trace - checks of the question for a search in the event log; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  what was accepted has terminated strings and valid ids
 * Fails by: false
 */
#include "common/msg/msg_trace.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_trace_ask) <= CTL_PAYLOAD_MAX, "it fits one message");

bool
msg_trace_ask_take(struct msg_trace_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	if (a->ids > MSG_TRACE_IDS || a->at > INT64_MAX)
		return false;
	for (uint32_t i = 0; i < a->ids; i++)
		if (!ctl_text_is_ended(a->id[i], sizeof(a->id[i])) || !message_id_is_valid(a->id[i]))
			return false;
	return ctl_text_is_ended(a->sender, sizeof(a->sender)) &&
	    ctl_text_is_ended(a->recipient, sizeof(a->recipient)) &&
	    ctl_text_is_ended(a->message_id, sizeof(a->message_id));
}
