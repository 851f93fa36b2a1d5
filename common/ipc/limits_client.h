/* limits_client - asks the limits helper for permits and messages of limits that all nodes share */
#ifndef COMMON_IPC_LIMITS_CLIENT_H
#define COMMON_IPC_LIMITS_CLIENT_H

#include "common/ipc/ctl_client.h"
#include "common/ipc/msg_limits.h"

struct ctl_client *limits_client_new(struct loop *l, void (*need)(void *arg), void *arg);
/* `done` is called once, later; without an answer of the helper it is LIMITS_LOST. */
void limits_client_ask(struct ctl_client *k, const struct msg_limits_ask *ask,
    void (*done)(void *arg, const struct msg_limits_answer *a), void *arg);

#endif
