/* lookup - questions to the resolver helper, over a channel that may die and come again */
#ifndef COMMON_PROCESS_LOOKUP_H
#define COMMON_PROCESS_LOOKUP_H

#include <stdint.h>

#include "common/process/dns.h"
#include "common/process/loop.h"

struct lookup;

/* `need` is called when a channel is wanted (boot_need). */
struct lookup *lookup_new(struct loop *l, void (*need)(void *arg), void *arg);
void lookup_free(struct lookup *k);	/* nobody is called any more; NULL is fine */
void lookup_channel(struct lookup *k, int fd);	/* takes over `fd` */
/* `done` is called exactly once, never from inside; at the latest after LOOKUP_MS (40 s), with DNS_TROUBLE. */
void lookup_ask(struct lookup *k, uint16_t type, const char *name,
    void (*done)(void *arg, unsigned tag, const struct dns_answer *a), void *arg, unsigned tag);

#endif
