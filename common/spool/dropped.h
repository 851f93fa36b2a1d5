/* dropped - what is counted and said of a drop file, whichever process wrote it */
#ifndef COMMON_SPOOL_DROPPED_H
#define COMMON_SPOOL_DROPPED_H

#include <stddef.h>

#include "common/mail/message.h"
#include "common/process/counters.h"

/* The file of `recipients` of message `id` is on disk. Any thread. */
void dropped_count(struct counters *c, const char *id, size_t recipients);
/* One event for one of them; `file` is its name. Any thread. */
void dropped_tell(const char *id, const char *recipient, const char *file);

#endif
