/*
 * spool_offer - a message that is sent before it is in the queue: deliver gets the file of its draft from the
 * process that has written it and is about to commit it
 */
#ifndef COMMON_SPOOL_SPOOL_OFFER_H
#define COMMON_SPOOL_SPOOL_OFFER_H

#include "common/base/buf.h"
#include "common/mail/message.h"
#include "common/spool/spool.h"

int spool_draft_fd(const struct spool_draft *d);	/* of its file; -1: nothing is written yet */
/* As spool_load_small, of a file that is whole and has no name in the queue. `fd` stays the caller's. */
int spool_offer_load(int fd, const char *id, struct message_envelope *e, struct buf *whole,
    const char **why) __attribute__((warn_unused_result));
/* What became of it: 1 it is the message `id` of the queue; 0 there is none; -1 another file is that. */
int spool_offer_find(struct spool *s, const char *id, int fd) __attribute__((warn_unused_result));

#endif
