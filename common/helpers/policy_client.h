/* policy_client - asks the fetch helper for the MTA-STS policy of a domain */
#ifndef COMMON_HELPERS_POLICY_CLIENT_H
#define COMMON_HELPERS_POLICY_CLIENT_H

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_policy.h"

extern const struct ctl_client_kind policy_client_kind;		/* of a client for the fetch helper (also) */
/* `done` is called once, later: with the answer, or NULL and why there is none. */
void policy_client_ask(struct ctl_client *k, const struct msg_policy_ask *ask,
    void (*done)(void *arg, const struct msg_policy_answer *a, const char *why), void *arg);

#endif
