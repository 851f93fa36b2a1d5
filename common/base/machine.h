/* machine - how much memory and how many processors there are for this service */
#ifndef COMMON_BASE_MACHINE_H
#define COMMON_BASE_MACHINE_H

#include <stdint.h>

#define MACHINE_MEMORY "POSTERN_MEMORY"	/* bytes, in the environment of all processes of the service */
#define MACHINE_PROCESSORS "POSTERN_PROCESSORS"		/* alike */

/* For the supervisor, before there are children: finds both, and sets the environment. */
void machine_find(void);
/* Bytes; 0: not known. */
uint64_t machine_memory(void);
unsigned machine_processors(void);		/* 1 at least */
/*
 * The least limit of the control groups that `list` (as /proc/self/cgroup) names below `root`; UINT64_MAX:
 * there is none.
 */
uint64_t machine_group_memory(const char *list, const char *root);
uint64_t machine_group_processors(const char *list, const char *root);	/* whole ones, 1 at least */

#endif
