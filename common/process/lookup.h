/* lookup - questions to the resolver helper */
#ifndef COMMON_PROCESS_LOOKUP_H
#define COMMON_PROCESS_LOOKUP_H

#include "common/process/consult.h"
#include "common/process/dns.h"

/* `need` is called when a channel is wanted (boot_need). */
struct consult *lookup_new(struct loop *l, void (*need)(void *arg), void *arg);
/* `done` is called exactly once, never from inside; at the latest after LOOKUP_MS (40 s), with DNS_TROUBLE. */
void lookup_ask(struct consult *k, uint16_t type, const char *name,
    void (*done)(void *arg, unsigned tag, const struct dns_answer *a), void *arg, unsigned tag);

#endif
