/*
 * machine - how much memory and how many processors there are: the machine's, or what a container or unit
 * lets the service have
 *
 * Runs in:  master, listener
 * Owns:     nothing
 * Promise:  the least of what the machine has and the limits of all control groups around the process
 * Fails by: what cannot be read limits nothing; 0: not known
 */
#include "common/base/machine.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/word_list.h"

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The first line of a file; false: there is none. */
static bool
read_line(char *line, int size, const char *folder, const char *name)
{
	char path[PATH_MAX];
	bool found;
	FILE *f;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	found = fgets(line, size, f) != NULL;
	fclose(f);
	return found;
}

/* The number in a file; UINT64_MAX: "max", or none. */
static uint64_t
read_number(const char *folder, const char *name)
{
	char line[64];

	return read_line(line, sizeof(line), folder, name) && line[0] >= '0' && line[0] <= '9' ?
	    strtoull(line, NULL, 10) : UINT64_MAX;
}

/* --- what one group may have, in both kinds of groups --- */

static uint64_t
memory_unified(const char *folder)
{
	return least(read_number(folder, "memory.max"), read_number(folder, "memory.high"));
}

static uint64_t
memory_first(const char *folder)
{
	return read_number(folder, "memory.limit_in_bytes");
}

/* Whole processors; a part of one is one. */
static uint64_t
whole(uint64_t quota, uint64_t period)
{
	return quota == UINT64_MAX || period == 0 || period == UINT64_MAX ? UINT64_MAX :
	    quota < period ? 1 : quota / period;
}

/* "QUOTA PERIOD", in microseconds */
static uint64_t
processors_unified(const char *folder)
{
	uint64_t quota, period;
	char line[64];

	return read_line(line, sizeof(line), folder, "cpu.max") &&
	    sscanf(line, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 ? whole(quota, period) : UINT64_MAX;
}

static uint64_t
processors_first(const char *folder)
{
	return whole(read_number(folder, "cpu.cfs_quota_us"), read_number(folder, "cpu.cfs_period_us"));
}

/* --- the groups around a process --- */

struct limit {
	const char *controller;			/* of groups of the first kind; its folder, too */
	uint64_t (*unified)(const char *folder);
	uint64_t (*first)(const char *folder);
};
static const struct limit of_memory = { "memory", memory_unified, memory_first };
static const struct limit of_processors = { "cpu", processors_unified, processors_first };

/* Its own group and all around it. In a container that sees only its own, that is the root. */
static uint64_t
limit_of_groups(const char *root, char *group, uint64_t (*read)(const char *folder))
{
	uint64_t limit = UINT64_MAX;

	for (;;) {
		char folder[PATH_MAX], *slash = strrchr(group, '/');

		if (snprintf(folder, sizeof(folder), "%s%s", root, group) < (int)sizeof(folder))
			limit = least(limit, read(folder));
		if (slash == NULL)
			return limit;
		*slash = '\0';
	}
}

static uint64_t
limit_of(const struct limit *what, const char *list, const char *root)
{
	char line[PATH_MAX + 256], folder[PATH_MAX];
	uint64_t limit = UINT64_MAX;
	FILE *f = fopen(list, "re");

	snprintf(folder, sizeof(folder), "%s/%s", root, what->controller);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *controllers = strchr(line, ':'), *group;

		line[strcspn(line, "\n")] = '\0';
		group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
		if (group == NULL)
			continue;
		*group++ = '\0';
		if (strcmp(group, "/") == 0)
			*group = '\0';
		if (controllers[1] == '\0')
			limit = least(limit, limit_of_groups(root, group, what->unified));
		else if (word_list_has(controllers + 1, ",", what->controller))
			limit = least(limit, limit_of_groups(folder, group, what->first));
	}
	if (f != NULL)
		fclose(f);
	return limit;
}

uint64_t
machine_group_memory(const char *list, const char *root)
{
	return limit_of(&of_memory, list, root);
}

uint64_t
machine_group_processors(const char *list, const char *root)
{
	return limit_of(&of_processors, list, root);
}

static uint64_t
find_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t all = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
	uint64_t group = machine_group_memory("/proc/self/cgroup", "/sys/fs/cgroup");

	return group != UINT64_MAX && (all == 0 || group < all) ? group : all;
}

static uint64_t
find_processors(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t all = online > 0 ? (uint64_t)online : 1;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		all = (uint64_t)CPU_COUNT(&set);
	return least(all, machine_group_processors("/proc/self/cgroup", "/sys/fs/cgroup"));
}

static void
tell(const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	setenv(name, text, 1);
}

void
machine_find(void)
{
	tell(MACHINE_MEMORY, find_memory());
	tell(MACHINE_PROCESSORS, find_processors());
}

static uint64_t
told(const char *name, uint64_t (*find)(void))
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : find();
}

uint64_t
machine_memory(void)
{
	return told(MACHINE_MEMORY, find_memory);
}

unsigned
machine_processors(void)
{
	return (unsigned)told(MACHINE_PROCESSORS, find_processors);
}
