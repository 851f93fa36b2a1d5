/* machine - how much memory there is for this service */
#ifndef COMMON_BASE_MACHINE_H
#define COMMON_BASE_MACHINE_H

#include <stdint.h>

#define MACHINE_MEMORY "POSTERN_MEMORY"	/* bytes, in the environment of all processes of the service */

/* For the supervisor, before there are children: finds it, and sets the environment. */
void machine_find_memory(void);
/* Bytes; 0: not known. */
uint64_t machine_memory(void);
/*
 * The least limit of the control groups that `list` (as /proc/self/cgroup) names below `root`; UINT64_MAX:
 * there is none.
 */
uint64_t machine_group_memory(const char *list, const char *root);

#endif
