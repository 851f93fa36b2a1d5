/*
 * spool_move - messages that go into another queue: that of another virtual server, by the processes that own
 * the two, or that of another node
 */
#ifndef COMMON_SPOOL_SPOOL_MOVE_H
#define COMMON_SPOOL_SPOOL_MOVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/mail/message.h"

struct spool;

struct spool_move {
	char id[MESSAGE_ID_SIZE];
	int fd, note;		/* the message, for reading; its note; -1: there is none */
	int lock;		/* of the message, in the process where it is; -1: none */
	bool held;		/* by an operator; after spool_move_take: there */
	int64_t due;		/* wall seconds; out of spool_move_open */
	/*
	 * From another node: it keeps `due`, and what it is or was here already stays as it is. It is one of
	 * those whose end is kept
	 */
	bool afar;
	bool known;		/* out of spool_move_take, of one from afar: it is or was here already */
	off_t most;		/* bytes that room was found for: a file that has grown since is refused */
	int error;		/* in and out of spool_move_take */
};
#define SPOOL_MOVE_INIT (struct spool_move){ .fd = -1, .note = -1, .lock = -1 }
/* Opens the message `m->id` and its note. -1: ENOENT gone, EBUSY on its way; spool_move_close in any case. */
int spool_move_open(struct spool *from, struct spool_move *m) __attribute__((warn_unused_result));
void spool_move_close(struct spool_move *m);
/* Its envelope, to be freed; -1: EBADMSG: it is no message, and *why. Any file may be behind `m->fd`. */
int spool_move_look(const struct spool_move *m, struct message_envelope *e, const char **why)
	__attribute__((warn_unused_result));
/* 0: that message may come into the queue; or errno, for its error. */
typedef int spool_move_judge(void *arg, const struct message_envelope *e);
/*
 * Writes those without error into the queue of `to` under their ids, with marks, note and hold, due now or as
 * they were, as one group. Without error then: it is on disk, perhaps by an earlier try. EEXIST: another
 * message has that id; EINVAL: it lies in this very queue; EBADMSG: it is no message. The files may be those
 * of a process that is not trusted. `judge` may be NULL.
 */
void spool_move_take(struct spool *to, struct spool_move **moves, size_t n, spool_move_judge *judge,
    void *arg);
/* It is in the other queue: removes it here. */
int spool_move_leave(struct spool *from, const char *id) __attribute__((warn_unused_result));

#endif
