/*
 * msg_accounts - accounts of a password file: messages between the master and the auth helper, checked; pure
 *
 * Runs in:  auth
 * Owns:     nothing
 * Promise:  what msg_accounts_take accepted has terminated strings, and a name that an account can have
 * Fails by: false
 */
#include "common/msg/msg_accounts.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_accounts) <= CTL_PAYLOAD_MAX, "fits one message");

bool
msg_accounts_take(struct msg_accounts *a, const void *data, size_t len)
{
	bool named;

	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	named = a->verb == ACCOUNTS_SET || a->verb == ACCOUNTS_REMOVE;
	return a->verb < ACCOUNTS_VERBS && a->yescrypt <= 1 &&
	    ctl_text_is_ended(a->server, sizeof(a->server)) &&
	    ctl_text_is_ended(a->name, sizeof(a->name)) &&
	    (!named || passwd_file_name_is_good(a->name, strlen(a->name)));
}
