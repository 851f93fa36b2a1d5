/* counsel - the helper's side of consult: the channel of one worker, and how it ends */
#ifndef COMMON_PROCESS_COUNSEL_H
#define COMMON_PROCESS_COUNSEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/process/ctl.h"
#include "common/process/loop.h"

struct counsel;

/* One row a helper. */
struct counsel_kind {
	const char *part;		/* "resolver": for the event log */
	/* False: malformed, and the channel ends. What m->data holds is wiped afterwards. */
	bool (*asked)(void *arg, const struct ctl_message *m);
	void (*gone)(void *arg);	/* the worker is, or its channel was ended: to be freed. From the loop */
};

/* Takes over `fd`; `server` is the worker's virtual server. */
struct counsel *counsel_new(struct loop *l, const struct counsel_kind *kind, int fd, const char *server, void *arg);
void counsel_free(struct counsel *s);
const char *counsel_server(const struct counsel *s);
/* One that does not read them is gone soon. */
void counsel_answer(struct counsel *s, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd);

#endif
