/* change_queue - whether mail waits in the queue of a virtual server that is to go */
#ifndef COMMON_CHANGE_CHANGE_QUEUE_H
#define COMMON_CHANGE_CHANGE_QUEUE_H

#include <stdbool.h>

struct buf;

/* False: `why` says what waits, or what cannot be read. A folder that is not there has nothing. */
bool change_queue_is_empty(const char *queue, struct buf *why);

#endif
