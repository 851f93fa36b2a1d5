/* clock - the only place that asks what time it is, and writes dates */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_DATE_SIZE 96

uint64_t clock_mono_ms(void);	/* monotonic milliseconds, for time limits */
int64_t clock_wall_us(void);	/* microseconds since 1970 UTC */

/* Of the wall clock beside the monotonic one, as they were last seen; begins with zeros. */
struct clock_steps {
	int64_t ahead_us, forth_us;
	uint64_t until_ms;
	bool begun;
};
/*
 * How far (µs) the wall clock was set forth within the last hour: a wrong one may be set back again. The age
 * of what was stamped before is not sure by as much. A step of less than a minute does not count.
 */
int64_t clock_steps_take(struct clock_steps *c, int64_t wall_us, uint64_t mono_ms);

/* "Sat, 21 Nov 2026 19:04:57 +0000" in local time (RFC 5322 3.3). `dst` has CLOCK_DATE_SIZE bytes. */
void clock_format_mail(char *dst, int64_t wall_us);
/* "2026-11-21T19:04:57.123456Z" (RFC 3339, UTC). */
void clock_format_utc(char *dst, int64_t wall_us);

#endif
