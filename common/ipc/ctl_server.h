/* ctl_server - the helper's side of consult: the channel of one worker, and how it ends */
#ifndef COMMON_IPC_CTL_SERVER_H
#define COMMON_IPC_CTL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"
#include "common/process/loop.h"

struct ctl_server;

/* One row a helper. */
struct ctl_server_kind {
	const char *part;		/* "resolver": for the event log */
	/* False: malformed, and the channel ends. What m->data holds is wiped afterwards. */
	bool (*asked)(void *arg, const struct ctl_message *m);
	/* The worker is, or its channel was ended: to be freed. From the loop */
	void (*gone)(void *arg);
};

/* Takes over `fd`; `server` is the worker's virtual server. */
struct ctl_server *ctl_server_new(struct loop *l, const struct ctl_server_kind *kind, int fd,
    const char *server, void *arg);
void ctl_server_free(struct ctl_server *s);
const char *ctl_server_server(const struct ctl_server *s);
/* One that does not read them is gone soon. */
void ctl_server_answer(struct ctl_server *s, enum ctl_type type, uint32_t request, const void *data,
    size_t len, int fd);

#endif
