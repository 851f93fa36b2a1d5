/* dns_client - questions to the resolver helper */
#ifndef COMMON_HELPERS_DNS_CLIENT_H
#define COMMON_HELPERS_DNS_CLIENT_H

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_dns.h"

/* `need` is called when a channel is needed (boot_need). */
struct ctl_client *dns_client_new(struct loop *l, void (*need)(void *arg), void *arg);
/*
 * `done` is called exactly once, never from inside, at the latest after DNS_CLIENT_MS (40 s) with
 * DNS_TROUBLE.
 */
void dns_client_ask(struct ctl_client *k, uint16_t type, const char *name,
    void (*done)(void *arg, unsigned tag, const struct msg_dns_answer *a), void *arg, unsigned tag);

#endif
