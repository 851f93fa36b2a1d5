/*
 * w3clog_names - the file names of the protocol log, as the original makes them; pure
 *
 * Runs in:  pickup, deliver
 * Owns:     nothing
 * Promise:  the same instant gives the same name in every process; UTC, never local time
 * Fails by: cannot
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/w3clog/w3clog.h"

static const char *
ending_of(enum config_log_format format)
{
	return format == CONFIG_LOG_JSON ? "json" : "log";
}

/* Weeks begin on Sunday; the first one of a month may be short. */
static int
week_of_month(const struct tm *tm)
{
	int first = (tm->tm_wday + 35 - (tm->tm_mday - 1)) % 7; /* weekday of the month's first day */

	return (tm->tm_mday - 1 + first) / 7 + 1;
}

void
w3clog_names_period(char name[W3CLOG_NAME_SIZE], enum config_log_format format, enum config_log_roll roll,
    int64_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm tm = { 0 };
	char last[8] = "";

	gmtime_r(&seconds, &tm);
	switch (roll) {
	case CONFIG_ROLL_HOURLY:
		snprintf(last, sizeof(last), "%02d%02d", tm.tm_mday % 100, tm.tm_hour % 100);
		break;
	case CONFIG_ROLL_WEEKLY:
		snprintf(last, sizeof(last), "%02d", week_of_month(&tm) % 100);
		break;
	case CONFIG_ROLL_MONTHLY:
		break;
	default:
		snprintf(last, sizeof(last), "%02d", tm.tm_mday % 100);
	}
	snprintf(name, W3CLOG_NAME_SIZE, "ex%02d%02d%s.%s", tm.tm_year % 100, (tm.tm_mon + 1) % 100, last,
	    ending_of(format));
}

void
w3clog_names_number(char name[W3CLOG_NAME_SIZE], enum config_log_format format, unsigned number)
{
	snprintf(name, W3CLOG_NAME_SIZE, "extend%u.%s", number, ending_of(format));
}

unsigned
w3clog_names_parse(const char *name, enum config_log_format format)
{
	char again[W3CLOG_NAME_SIZE];
	unsigned number;

	if (sscanf(name, "extend%9u", &number) != 1)
		return 0;
	w3clog_names_number(again, format, number);
	return strcmp(name, again) == 0 ? number : 0;
}

bool
w3clog_names_is_log(const char *name)
{
	size_t digits;

	if (w3clog_names_parse(name, CONFIG_LOG_W3C) != 0 || w3clog_names_parse(name, CONFIG_LOG_JSON) != 0)
		return true;
	if (strncmp(name, "ex", 2) != 0)
		return false;
	digits = strspn(name + 2, "0123456789");
	if (digits != strlen("YYMM") && digits != strlen("YYMMDD") && digits != strlen("YYMMDDHH"))
		return false;
	name += 2 + digits;
	return strcmp(name, ".log") == 0 || strcmp(name, ".json") == 0;
}
