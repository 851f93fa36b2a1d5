/* report_client - has the fetch helper post a report about TLS */
#ifndef COMMON_HELPERS_REPORT_CLIENT_H
#define COMMON_HELPERS_REPORT_CLIENT_H

#include "common/ipc/ctl_client.h"
#include "common/msg/msg_report.h"

extern const struct ctl_client_kind report_client_kind;		/* of a client for the fetch helper (also) */
/* `ask` is copied. `done` is called once, later: with the answer, or NULL and why there is none. */
void report_client_ask(struct ctl_client *k, const struct msg_report_ask *ask,
    void (*done)(void *arg, const struct msg_report_answer *a, const char *why), void *arg);

#endif
