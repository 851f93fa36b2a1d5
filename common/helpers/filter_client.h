/* filter_client - asks the filter helper about the stages of one session */
#ifndef COMMON_HELPERS_FILTER_CLIENT_H
#define COMMON_HELPERS_FILTER_CLIENT_H

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_filter.h"

struct filter_client;

/* `need` is called when a channel is wanted (boot_need). ctl_client_free after all sessions. */
struct ctl_client *filter_client_new(struct loop *loop, void (*need)(void *arg), void *arg);
/*
 * One session. `lost`: the verdict when the helper cannot be asked: FILTER_LATER, FILTER_DISCONNECT, or
 * FILTER_GO_ON with the message as it is.
 */
struct filter_client *filter_client_open(struct ctl_client *k, enum msg_filter_verdict lost,
    void (*done)(void *arg, const struct msg_filter_answer *a), void *arg);
/*
 * The next stage, after the answer to the one before; CONNECT comes first. `done` is called once, later, but
 * never for FILTER_RESET. `fd`: the scratch file, with FILTER_CONTENT; it stays the caller's, and stays open
 * until the answer.
 */
void filter_client_ask(struct filter_client *f, const struct msg_filter_ask *ask, int fd);
size_t filter_client_held(const struct filter_client *f);	/* bytes of questions; NULL is fine */
void filter_client_close(struct filter_client *f);	/* the session is over; NULL is fine */

#endif
