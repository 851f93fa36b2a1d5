/*
 * dropped - what is counted and said of a drop file
 *
 * Runs in:  deliver, pickup; on any thread
 * Owns:     nothing
 * Promise:  counters and events are the same, whichever process wrote the file; but for its name in the event
 * Fails by: never
 */
#include "common/spool/dropped.h"

#include "common/base/clock.h"
#include "common/base/log.h"

void
dropped_count(struct counters *c, const char *id, size_t recipients)
{
	int64_t took_us = clock_wall_us() - message_id_time_us(id);

	counters_add(c, COUNTER_DROP, 1);
	counters_add(c, COUNTER_MESSAGES_DELIVERED, 1);
	for (size_t i = 0; i < recipients; i++)
		measures_observe(counters_measures(c), took_us);
}

void
dropped_tell(const char *id, const char *recipient, const char *file)
{
	log_event(LOG_FACT, id, "dropped", "recipient=%s file=%s", log_safe(recipient), file);
}
