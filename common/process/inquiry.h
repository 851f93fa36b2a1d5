/* inquiry - questions about local recipients to the directory helper */
#ifndef COMMON_PROCESS_INQUIRY_H
#define COMMON_PROCESS_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/process/addressee.h"
#include "common/process/consult.h"

/* `need` is called when a channel is wanted (boot_need). A question waits `patience_ms` for its answer. */
struct consult *inquiry_new(struct loop *l, uint64_t patience_ms, void (*need)(void *arg), void *arg);
/*
 * `done` is called exactly once, never from inside, unless the question is forgotten; out of patience with ADDRESSEE_TROUBLE. The answer
 * belongs to inquiry, but its list may be taken out of it. `whole`: with the list of a group or of forwarding addresses.
 */
struct consult_question *inquiry_ask(struct consult *k, const char *address, bool whole,
    void (*done)(void *arg, unsigned tag, struct addressee *a), void *arg, unsigned tag);

#endif
