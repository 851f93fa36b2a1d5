/* limits_client - asks the limits helper about permits, messages and failures that all nodes count */
#ifndef COMMON_HELPERS_LIMITS_CLIENT_H
#define COMMON_HELPERS_LIMITS_CLIENT_H

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_limits.h"

struct lease;
struct lease_node;
struct lease_question;
struct ctl_client *limits_client_new(struct loop *l, void (*need)(void *arg), void *arg);
/* `done` is called once, later; without an answer of the helper it is LIMITS_LOST. */
void limits_client_ask(struct ctl_client *k, const struct msg_limits_ask *ask,
    void (*done)(void *arg, const struct msg_limits_answer *a), void *arg);

/* --- between a lease and the messages about it --- */

/* Fills the kind and the numbers of `ask`. */
void limits_client_hold(struct msg_limits_ask *ask, const struct lease_question *q);
void limits_client_take(const struct msg_limits_answer *a, struct lease_node *node, struct lease *lease);

#endif
