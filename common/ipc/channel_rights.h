/* channel_rights - which role may have a channel to which helper, and what it may ask there */
#ifndef COMMON_IPC_CHANNEL_RIGHTS_H
#define COMMON_IPC_CHANNEL_RIGHTS_H

#include <stdbool.h>

#include "common/ipc/ctl.h"

/* `role`: the name of a worker's program, "listener". Unknown ones may nothing. To ask for that channel: */
bool channel_rights_join(const char *role, enum ctl_helper helper);
/* A worker of that role may send this question to the helper. */
bool channel_rights_ask(const char *role, enum ctl_helper helper, enum ctl_type question);

#endif
