/*
 * key_format - sizes, times and numbers as key_parse reads them; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the largest unit that divides the value, so that reading gives the same value again
 * Fails by: cannot; a text that is too long for its buffer is cut
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/config/key.h"

struct unit { const char *name; uint64_t factor; };

static const struct unit size_units[] = { { "T", 1ULL << 40 }, { "G", 1ULL << 30 }, { "M", 1ULL << 20 },
    { "K", 1ULL << 10 }, { "", 1 } };
static const struct unit time_units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
    { "s", 1000 }, { "ms", 1 } };

static void
format_with_unit(char *dst, size_t size, uint64_t value, const struct unit *units, size_t count)
{
	size_t i = 0;

	while (i < count - 1 && (value == 0 || value % units[i].factor != 0))
		i++;
	snprintf(dst, size, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}

void
key_format_size(char *dst, size_t size, uint64_t bytes)
{
	format_with_unit(dst, size, bytes, size_units, nitems_of(size_units));
}

void
key_format_time(char *dst, size_t size, uint64_t ms)
{
	format_with_unit(dst, size, ms, time_units, nitems_of(time_units) - (ms == 0));
}

void
key_format_number(char *dst, size_t size, uint64_t value)
{
	snprintf(dst, size, "%" PRIu64, value);
}
