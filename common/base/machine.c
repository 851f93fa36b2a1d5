/*
 * machine - how much memory there is: the machine's, or what a container or unit lets the service have
 *
 * Runs in:  master, listener
 * Owns:     nothing
 * Promise:  the least of the machine's memory and the limits of all control groups around the process
 * Fails by: what cannot be read limits nothing; 0: not known
 */
#include "common/base/machine.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The number in a file; UINT64_MAX: "max", or none. */
static uint64_t
read_limit(const char *root, const char *folder, const char *name)
{
	char path[PATH_MAX], line[64], *end;
	uint64_t n;
	FILE *f;

	if (snprintf(path, sizeof(path), "%s%s/%s", root, folder, name) >= (int)sizeof(path))
		return UINT64_MAX;
	f = fopen(path, "re");
	if (f == NULL)
		return UINT64_MAX;
	n = fgets(line, sizeof(line), f) != NULL && line[0] >= '0' && line[0] <= '9' ?
	    strtoull(line, &end, 10) : UINT64_MAX;
	fclose(f);
	return n;
}

/* Its own group and all around it. In a container that sees only its own, that is the root. */
static uint64_t
limit_of_groups(const char *root, char *group, const char *const *names)
{
	uint64_t limit = UINT64_MAX;

	for (;;) {
		char *slash = strrchr(group, '/');

		for (size_t i = 0; names[i] != NULL; i++)
			limit = least(limit, read_limit(root, group, names[i]));
		if (slash == NULL)
			return limit;
		*slash = '\0';
	}
}

uint64_t
machine_group_memory(const char *list, const char *root)
{
	static const char *const unified[] = { "memory.max", "memory.high", NULL };
	static const char *const first[] = { "memory.limit_in_bytes", NULL };
	char line[PATH_MAX + 256], memory[PATH_MAX];
	uint64_t limit = UINT64_MAX;
	FILE *f = fopen(list, "re");

	snprintf(memory, sizeof(memory), "%s/memory", root);
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
			limit = least(limit, limit_of_groups(root, group, unified));
		else if (strcmp(controllers + 1, "memory") == 0)
			limit = least(limit, limit_of_groups(memory, group, first));
	}
	if (f != NULL)
		fclose(f);
	return limit;
}

static uint64_t
find_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t all = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
	uint64_t group = machine_group_memory("/proc/self/cgroup", "/sys/fs/cgroup");

	return group != UINT64_MAX && (all == 0 || group < all) ? group : all;
}

void
machine_find_memory(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, find_memory());
	setenv(MACHINE_MEMORY, text, 1);
}

uint64_t
machine_memory(void)
{
	const char *text = getenv(MACHINE_MEMORY);

	return text != NULL ? strtoull(text, NULL, 10) : find_memory();
}
