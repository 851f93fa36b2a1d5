/* ctl_rows - the catalogue of control messages: name, sizes, sender, descriptor */
#ifndef COMMON_IPC_CTL_ROWS_H
#define COMMON_IPC_CTL_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ipc/ctl.h"

struct ctl_row {
	const char *name;	/* for the event log */
	size_t min, max;	/* bytes of the payload */
	unsigned from;		/* which sides may send it: enum ctl_side */
	bool fd;		/* may carry a descriptor */
};
extern const struct ctl_row ctl_rows[CTL_COUNT];	/* by enum ctl_type; see common/msg */

#endif
