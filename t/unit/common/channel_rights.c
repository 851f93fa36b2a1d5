/* channel_rights - each role, helper and question: what is not in this list is refused */
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/channel_rights.h"
#include "t/unit/check_main.h"

static const char *const roles[] = { "listener", "deliver", "pickup", "maintenance", "resolver", "auth", "fetch", "filter",
	"directory", "metrics", "web", "master", "", "Listener", "listener ", "deliverx" };

/* On a channel that is there for one command only: nobody can ask for it. */
static bool
is_given(const char *role, enum ctl_helper helper, enum ctl_type question)
{
	return helper == CTL_HELPER_DELIVER && (question == CTL_MOVE_NOTE || question == CTL_MOVE_PUT) &&
	    (strcmp(role, "deliver") == 0 || strcmp(role, "maintenance") == 0);
}

/* As the design says: who asks whom what. */
static bool
is_wanted(const char *role, enum ctl_helper helper, enum ctl_type question)
{
	bool listener = strcmp(role, "listener") == 0, deliver = strcmp(role, "deliver") == 0;

	switch (helper) {
	case CTL_HELPER_RESOLVER:
		return (listener || deliver) && question == CTL_DNS_ASK;
	case CTL_HELPER_DIRECTORY:
		return (listener || deliver) && question == CTL_DIRECTORY_ASK;
	case CTL_HELPER_AUTH:
		if (strcmp(role, "master") == 0)	/* a login to the manager is one question */
			return question == CTL_AUTH_IN_START || question == CTL_AUTH_IN_CANCEL;
		return (listener && (question == CTL_AUTH_IN_START || question == CTL_AUTH_IN_STEP ||
		    question == CTL_AUTH_IN_CANCEL)) || (deliver && (question == CTL_AUTH_OUT_START ||
		    question == CTL_AUTH_OUT_STEP || question == CTL_AUTH_OUT_CANCEL));
	case CTL_HELPER_FETCH:
		return deliver && (question == CTL_TOKEN_ASK || question == CTL_POLICY_ASK ||
		    question == CTL_REPORT_ASK);
	case CTL_HELPER_DELIVER:
		return (listener && question == CTL_ETRN) || (strcmp(role, "pickup") == 0 &&
		    (question == CTL_OFFER || question == CTL_OFFER_OVER)) || is_given(role, helper, question);
	case CTL_HELPER_PICKUP:
		return listener && (question == CTL_SPOOL_CHANNEL || question == CTL_SPOOL_OPEN ||
		    question == CTL_SPOOL_END || question == CTL_SPOOL_DROP || question == CTL_SPOOL_LOG ||
		    question == CTL_SPOOL_ROOM || question == CTL_SPOOL_SCRATCH);
	case CTL_HELPER_FILTER:
		return (listener || strcmp(role, "pickup") == 0) &&
		    (question == CTL_FILTER_ASK || question == CTL_FILTER_END);
	case CTL_HELPER_LIMITS:
		return (listener || deliver || strcmp(role, "auth") == 0) && question == CTL_LIMITS_ASK;
	default:
		return false;
	}
}

START_TEST(test_every_row)
{
	for (size_t r = 0; r < nitems_of(roles); r++)
		for (int h = 0; h <= CTL_HELPER_COUNT; h++) {
			bool some = false;

			for (int q = 0; q <= CTL_COUNT; q++) {
				bool wanted = is_wanted(roles[r], (enum ctl_helper)h, (enum ctl_type)q);

				ck_assert_msg(channel_rights_ask(roles[r], (enum ctl_helper)h, (enum ctl_type)q) ==
				    wanted, "%s asks %d %s", roles[r], h, ctl_name((enum ctl_type)q));
				some |= wanted && !is_given(roles[r], (enum ctl_helper)h, (enum ctl_type)q);
			}
			ck_assert_msg(channel_rights_join(roles[r], (enum ctl_helper)h) == some, "%s joins %d", roles[r],
			    h);
		}
}
END_TEST

UNIT_MAIN("channel_rights", test_every_row)
