/* spool_list - what is in the folders of a home that no process has: counted, and the ids of the queue */
#ifndef COMMON_SPOOL_SPOOL_LIST_H
#define COMMON_SPOOL_SPOOL_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Calls `each` for each message in the queue. Their number; 0 where the folder cannot be read. */
size_t spool_list_queue(const char *queue, void (*each)(void *arg, const char *id, bool held), void *arg);
/* How many files there are, hidden ones left out; of badmail how many messages. */
size_t spool_list_count(const char *folder, bool badmail);

#endif
