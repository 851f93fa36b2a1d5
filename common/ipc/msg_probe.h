/* msg_probe - posternctl probe: what the master asks a deliver worker; the answers are CTL_TEST_TEXT, _END */
#ifndef COMMON_IPC_MSG_PROBE_H
#define COMMON_IPC_MSG_PROBE_H

#include "common/mail/address.h"

struct msg_probe_ask {			/* payload of CTL_PROBE */
	char rcpt[ADDRESS_MAX + 1];	/* "": every host that the configuration names */
};

#endif
