/* directory_client - questions about local recipients and senders to the directory helper */
#ifndef COMMON_HELPERS_DIRECTORY_CLIENT_H
#define COMMON_HELPERS_DIRECTORY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg/msg_directory.h"
#include "common/ipc/ctl_client.h"

/* `need` is called when a channel is needed (boot_need). A question waits `patience_ms` for its answer. */
struct ctl_client *directory_client_new(struct loop *l, uint64_t patience_ms, void (*need)(void *arg),
    void *arg);
/*
 * `done` is called exactly once, never from inside, unless the question is forgotten; after the patience with
 * DIRECTORY_TROUBLE. The answer belongs to directory_client, but the callback may take its list. `member`:
 * of this member of the group, NULL: of the address itself.
 */
struct ctl_client_question *directory_client_ask(struct ctl_client *k, const char *address,
    const char *member, enum msg_directory_want want,
    void (*done)(void *arg, unsigned tag, struct msg_directory *a), void *arg, unsigned tag);

#endif
