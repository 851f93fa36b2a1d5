/* inquiry - questions about local recipients to the directory helper, over a channel that may die and come again */
#ifndef COMMON_PROCESS_INQUIRY_H
#define COMMON_PROCESS_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/process/addressee.h"
#include "common/process/loop.h"

struct inquiry;
struct inquiry_question;

/* `need` is called when a channel is wanted (boot_need). A question waits `patience_ms` for its answer. */
struct inquiry *inquiry_new(struct loop *l, uint64_t patience_ms, void (*need)(void *arg), void *arg);
void inquiry_free(struct inquiry *k);		/* nobody is called any more; NULL is fine */
void inquiry_channel(struct inquiry *k, int fd);	/* takes over `fd` */
/*
 * `done` is called exactly once, never from inside; out of patience with ADDRESSEE_TROUBLE. The answer belongs to inquiry, but its list
 * may be taken out of it. `whole`: with the list of a group or of forwarding addresses.
 */
struct inquiry_question *inquiry_ask(struct inquiry *k, const char *address, bool whole,
    void (*done)(void *arg, unsigned tag, struct addressee *a), void *arg, unsigned tag);
void inquiry_forget(struct inquiry_question *q);	/* `done` will not be called; NULL is fine */

#endif
