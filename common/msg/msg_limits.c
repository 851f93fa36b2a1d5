/*
 * msg_limits - checks of the payloads between workers and the limits helper; pure
 *
 * Runs in:  listener, auth, limits, deliver
 * Owns:     nothing
 * Promise:  what is taken has ended texts and numbers within their range
 * Fails by: false
 */
#include "common/msg/msg_limits.h"

#include <string.h>

#include "common/ipc/ctl_text.h"

#define NUMBER_MAX 1000000000U

bool
msg_limits_ask_take(struct msg_limits_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return a->kind < LIMITS_KINDS && a->claim <= 1 && a->limit > 0 && a->limit <= NUMBER_MAX &&
	    a->keep <= NUMBER_MAX && a->want <= NUMBER_MAX && a->name[0] != '\0' &&
	    (a->kind == LIMITS_FAIL) == (a->forgive_ms > 0) && a->forgive_ms <= NUMBER_MAX &&
	    ctl_text_is_ended(a->name, sizeof(a->name));
}

bool
msg_limits_answer_take(struct msg_limits_answer *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return a->result < LIMITS_RESULTS;
}
