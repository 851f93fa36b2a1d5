/* clock - the only place that asks what time it is, and writes dates */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_DATE_SIZE 96

uint64_t clock_mono_ms(void);	/* monotonic milliseconds, for time limits */
int64_t clock_wall_us(void);	/* microseconds since 1970 UTC */

/* "Sat, 21 Nov 2026 19:04:57 +0000" in local time (RFC 5322 3.3). `dst` has CLOCK_DATE_SIZE bytes. */
void clock_format_mail(char *dst, int64_t wall_us);
/* "2026-11-21T19:04:57.123456Z" (RFC 3339, UTC). */
void clock_format_utc(char *dst, int64_t wall_us);

#endif
