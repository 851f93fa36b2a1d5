/* fence_holder - the name of a virtual server of a supervisor, as the holder of its home; see fence.h */
#ifndef COMMON_SPOOL_FENCE_HOLDER_H
#define COMMON_SPOOL_FENCE_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/spool/fence.h"

/*
 * `supervisor`: what the supervisor says of the file that it has locked, or NULL: it is looked for in the
 * folder `run`. `id`: of the virtual server.
 */
void fence_holder_name(char holder[FENCE_HOLDER_SIZE], const char *supervisor, const char *run, uint32_t id);
/* Two virtual servers of the same supervisor, or of one and its upgrade. */
bool fence_holder_is_sibling(const char *a, const char *b);

#endif
