/*
 * clock - what time it is, and dates as text
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the only source of time in the tree
 * Fails by: never
 */
#include "common/base/clock.h"

#include <stdio.h>
#include <sys/param.h>
#include <time.h>

#define STEP_US 60000000
#define UNSURE_MS 3600000U

uint64_t
clock_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t
clock_steps_take(struct clock_steps *c, int64_t wall_us, uint64_t mono_ms)
{
	int64_t ahead = wall_us - (int64_t)mono_ms * 1000, step = c->begun ? ahead - c->ahead_us : 0;

	if (step > STEP_US || (step < -STEP_US && c->forth_us > 0)) {
		c->forth_us = MAX(0, c->forth_us + step);
		c->until_ms = mono_ms + UNSURE_MS;
	}
	if (mono_ms >= c->until_ms)
		c->forth_us = 0;
	c->ahead_us = ahead;
	c->begun = true;
	return c->forth_us;
}

int64_t
clock_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void
clock_format_mail(char *dst, int64_t wall_us)
{
	/* not by strftime: its %a and %b follow the locale */
	static const char day[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char month[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm = { 0 };
	long off, abs_off;

	localtime_r(&seconds, &tm);
	off = tm.tm_gmtoff / 60;
	abs_off = off < 0 ? -off : off;
	snprintf(dst, CLOCK_DATE_SIZE, "%s, %d %s %ld %02d:%02d:%02d %c%02ld%02ld", day[tm.tm_wday % 7],
	    tm.tm_mday,
	    month[tm.tm_mon % 12], tm.tm_year + 1900L, tm.tm_hour, tm.tm_min, tm.tm_sec, off < 0 ? '-' : '+',
	    abs_off / 60, abs_off % 60);
}

void
clock_format_utc(char *dst, int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	snprintf(dst, CLOCK_DATE_SIZE, "%04ld-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900L,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_us % 1000000));
}
