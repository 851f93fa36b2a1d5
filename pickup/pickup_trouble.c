/*
 * pickup_trouble - events about what hinders taking files: one a minute of each kind
 *
 * Runs in:  pickup, on its loop
 * Owns:     nothing; the times of the last events are in struct pickup
 * Promise:  an obstacle that lasts does not fill the log
 * Fails by: cannot; with more than 16 kinds the last ones are not limited
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pickup/pickup.h"

#define QUIET_MS 60000

void
pickup_trouble_log(struct pickup *p, const char *doing, const char *file, const char *reason)
{
	uint64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < nitems_of(p->trouble); i++) {
		struct pickup_trouble *row = &p->trouble[i];

		if (row->doing != NULL && strcmp(row->doing, doing) != 0)
			continue;
		if (row->doing != NULL && now_ms < row->next_ms)
			return;
		row->doing = doing;
		row->next_ms = now_ms + QUIET_MS;
		break;
	}
	log_event(LOG_WARN, NULL, "trouble", "doing=%s file=%s reason=%s", doing, log_safe(file),
	    log_safe(reason));
}
