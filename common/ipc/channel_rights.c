/*
 * channel_rights - which role may have a channel to which helper, and what it may ask there; pure
 *
 * Runs in:  master, auth, filter, limits, deliver, resolver, directory, fetch, pickup
 * Owns:     nothing
 * Promise:  what has no row here is not joined by the master, and not answered by a helper: a worker that was
 *           taken over gets no token, no proof and no answer that its role has no use for
 * Fails by: false
 */
#include "common/ipc/channel_rights.h"

#include <stddef.h>
#include <string.h>

#include "common/base/mem.h"

struct right {
	const char *role;
	enum ctl_helper helper;
	enum ctl_type question;
};

static const struct right rows[] = {
	{ "listener", CTL_HELPER_RESOLVER, CTL_DNS_ASK },
	{ "listener", CTL_HELPER_AUTH, CTL_AUTH_IN_START },
	{ "listener", CTL_HELPER_AUTH, CTL_AUTH_IN_STEP },
	{ "listener", CTL_HELPER_AUTH, CTL_AUTH_IN_CANCEL },
	{ "master", CTL_HELPER_AUTH, CTL_AUTH_IN_START },
	{ "master", CTL_HELPER_AUTH, CTL_AUTH_IN_CANCEL },
	{ "listener", CTL_HELPER_DIRECTORY, CTL_DIRECTORY_ASK },
	{ "listener", CTL_HELPER_DELIVER, CTL_ETRN },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_CHANNEL },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_OPEN },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_END },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_DROP },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_LOG },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_ROOM },
	{ "listener", CTL_HELPER_PICKUP, CTL_SPOOL_SCRATCH },
	{ "listener", CTL_HELPER_FILTER, CTL_FILTER_ASK },
	{ "listener", CTL_HELPER_FILTER, CTL_FILTER_END },
	{ "listener", CTL_HELPER_LIMITS, CTL_LIMITS_ASK },
	{ "pickup", CTL_HELPER_DELIVER, CTL_OFFER },
	{ "pickup", CTL_HELPER_DELIVER, CTL_OFFER_OVER },
	{ "pickup", CTL_HELPER_FILTER, CTL_FILTER_ASK },
	{ "pickup", CTL_HELPER_FILTER, CTL_FILTER_END },
	{ "deliver", CTL_HELPER_RESOLVER, CTL_DNS_ASK },
	{ "deliver", CTL_HELPER_AUTH, CTL_AUTH_OUT_START },
	{ "deliver", CTL_HELPER_AUTH, CTL_AUTH_OUT_STEP },
	{ "deliver", CTL_HELPER_AUTH, CTL_AUTH_OUT_CANCEL },
	{ "deliver", CTL_HELPER_FETCH, CTL_TOKEN_ASK },
	{ "deliver", CTL_HELPER_FETCH, CTL_POLICY_ASK },
	{ "deliver", CTL_HELPER_FETCH, CTL_REPORT_ASK },
	{ "deliver", CTL_HELPER_DIRECTORY, CTL_DIRECTORY_ASK },
	{ "deliver", CTL_HELPER_LIMITS, CTL_LIMITS_ASK },
	{ "auth", CTL_HELPER_LIMITS, CTL_LIMITS_ASK },
};

/* On channels that no worker may ask for: the master gives them for one command of an operator. */
static const struct right given[] = {
	{ "deliver", CTL_HELPER_DELIVER, CTL_MOVE_NOTE },
	{ "deliver", CTL_HELPER_DELIVER, CTL_MOVE_PUT },
	{ "maintenance", CTL_HELPER_DELIVER, CTL_MOVE_NOTE },
	{ "maintenance", CTL_HELPER_DELIVER, CTL_MOVE_PUT },
};

static bool
is_right(const struct right *r, const char *role, enum ctl_helper helper, enum ctl_type question)
{
	return r->helper == helper && r->question == question && strcmp(r->role, role) == 0;
}

bool
channel_rights_join(const char *role, enum ctl_helper helper)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].helper == helper && strcmp(rows[i].role, role) == 0)
			return true;
	return false;
}

bool
channel_rights_ask(const char *role, enum ctl_helper helper, enum ctl_type question)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (is_right(&rows[i], role, helper, question))
			return true;
	for (size_t i = 0; i < nitems_of(given); i++)
		if (is_right(&given[i], role, helper, question))
			return true;
	return false;
}
