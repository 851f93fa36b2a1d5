/* msg_probe - posternctl probe: what the master asks a deliver worker; the answers are CTL_TEST_TEXT, _END */
#ifndef COMMON_MSG_MSG_PROBE_H
#define COMMON_MSG_MSG_PROBE_H

#include <stdint.h>

#include "common/account/login_name.h"
#include "common/mail/address.h"

/* Exit statuses of CTL_TEST_END beside EX_OK; EX_TEMPFAIL: the test message is still in the queue */
#define MSG_PROBE_FAILED 1

struct msg_probe_ask {			/* payload of CTL_PROBE */
	char rcpt[ADDRESS_MAX + 1];	/* "": every host that the configuration names */
	char sender[ADDRESS_MAX + 1];	/* of the test message */
	char author[LOGIN_NAME_AUTHOR_SIZE];	/* who asks: "uid=0" */
	uint8_t send;			/* a test message follows, when all steps went well */
	uint8_t failed;			/* a step before these has failed */
};

/* A line of CTL_TEST_TEXT: step TAB verdict TAB ms TAB words TAB id of the test message, or "-". */

#endif
