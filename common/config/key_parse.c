/*
 * key_parse - sizes, times, numbers and yes/no as they are written in INI files; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the whole text is one value: no sign, no blank, no fraction, no overflow
 * Fails by: -1
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/key.h"

struct unit { const char *name; uint64_t factor; };

static const struct unit size_units[] = {
	{ "", 1 }, { "B", 1 },
	{ "K", 1ULL << 10 }, { "KB", 1ULL << 10 },
	{ "M", 1ULL << 20 }, { "MB", 1ULL << 20 },
	{ "G", 1ULL << 30 }, { "GB", 1ULL << 30 },
	{ "T", 1ULL << 40 }, { "TB", 1ULL << 40 },
};
static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400 * 1000 },
	{ "w", 7 * 86400 * 1000ULL },
};
static const struct { const char *name; bool value; } bool_words[] = {
	{ "yes", true }, { "no", false }, { "on", true }, { "off", false }, { "true", true },
	{ "false", false },
};

/* Digits at the start of the text; *end behind them. */
static int
parse_digits(const char *text, uint64_t *value, const char **end)
{
	const char *p = text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (n > (UINT64_MAX - 1 - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	*value = n;
	*end = p;
	return p == text ? -1 : 0;
}

static int
parse_with_unit(const char *text, const struct unit *units, size_t count,
    int (*compare)(const char *, const char *), uint64_t *value)
{
	const char *end;
	uint64_t n;

	if (parse_digits(text, &n, &end) == -1)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (compare(end, units[i].name) != 0)
			continue;
		if (n > (UINT64_MAX - 1) / units[i].factor)
			return -1;
		*value = n * units[i].factor;
		return 0;
	}
	return -1;
}

int
key_parse_size(const char *text, uint64_t *value)
{
	return parse_with_unit(text, size_units, nitems_of(size_units), strcasecmp, value);
}

int
key_parse_time(const char *text, uint64_t *value)
{
	return parse_with_unit(text, time_units, nitems_of(time_units), strcmp, value);
}

int
key_parse_number(const char *text, uint64_t *value)
{
	return parse_with_unit(text, size_units, 1, strcmp, value);
}

int
key_parse_bool(const char *text, bool *value)
{
	for (size_t i = 0; i < nitems_of(bool_words); i++) {
		if (strcasecmp(text, bool_words[i].name) == 0) {
			*value = bool_words[i].value;
			return 0;
		}
	}
	return -1;
}
