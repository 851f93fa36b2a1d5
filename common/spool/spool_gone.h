/*
 * spool_gone - messages that came from another node and are done: should that node send one again, as it has
 * lost the answer, it is known
 *
 * An empty file in the bucket of the message, from before its removal on. A scan removes it after
 * SPOOL_GONE_KEEP.
 */
#ifndef COMMON_SPOOL_SPOOL_GONE_H
#define COMMON_SPOOL_SPOOL_GONE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mail/message_id.h"

struct spool;

#define SPOOL_GONE_KEEP (7 * 86400)	/* seconds */

/*
 * The message is done, and its file is removed next. Not synced, as that removal is not: after a power cut
 * both may be undone. -1 and errno.
 */
int spool_gone_add(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* 1; 0: it is not known; -1. */
int spool_gone_find(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Whether a name in a bucket is such a file; then the id. */
bool spool_gone_is(const char *name, char id[MESSAGE_ID_SIZE]);
/* For the scan: whether a name in a bucket is such a file; if so, removes it when it is old enough. */
bool spool_gone_sweep(int bucket, const char *name, int64_t now);

#endif
