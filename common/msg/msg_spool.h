/*
 * msg_spool - what a listener asks of the pickup worker of its virtual server, which owns the spool: to put
 * messages into the queue, to write the protocol log, and how much room there is
 *
 * A listener opens no folder. A small message goes over whole, on a channel for such messages alone: the
 * threads of the worker that write them read it themselves. For a larger one the listener gets a descriptor
 * of the draft, for writing only, and says when all is written. Content that filters look at before it is a
 * message goes into a scratch file, which may be read, too. A message is asked for under its id, so that one
 * whose answer was lost with the worker can be asked for again.
 */
#ifndef COMMON_MSG_MSG_SPOOL_H
#define COMMON_MSG_MSG_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"
#include "common/mail/message_id.h"

/* Payload of CTL_SPOOL_PUT: the whole queue file. It may be larger than a message on any other channel. */
#define MSG_SPOOL_FILE_MAX (132U << 10)
struct msg_spool_put {
	char id[MESSAGE_ID_SIZE];
	char file[MSG_SPOOL_FILE_MAX];
};

/* Payload of CTL_SPOOL_OPEN; the id alone: it is not held. */
struct msg_spool_open {
	char id[MESSAGE_ID_SIZE];
	uint8_t held;			/* 1: it rests in the queue until an operator releases it */
};

/* Payload of CTL_SPOOL_QUEUED, the answer to CTL_SPOOL_PUT: one for each of at most so many messages. */
#define MSG_SPOOL_BATCH 64
struct msg_spool_queued {
	uint32_t request;
	int32_t error;			/* 0, or errno */
};

/*
 * Payload of CTL_SPOOL_REFUSED, instead of that answer, to one message: the next hop has refused it before it
 * was stored, and it is gone (acknowledge = safe).
 */
#define MSG_SPOOL_WORDS 480
struct msg_spool_refused {
	char words[MSG_SPOOL_WORDS];	/* the reply: "550 5.1.1 no such user"; NUL behind it */
};

/* Payload of CTL_SPOOL_LOG: whole lines of the protocol log; none: the file is to be opened again. */
#define MSG_SPOOL_LOG_MAX 49152
struct msg_spool_log {
	int64_t time_us;		/* of its lines, which belong to one hour */
	uint32_t format, fields;	/* as in struct w3clog_batch */
	uint32_t lines;
	char text[MSG_SPOOL_LOG_MAX];
};

/*
 * Payload of CTL_SPOOL_ANSWER, to each of CTL_SPOOL_CHANNEL, _OPEN and _SCRATCH (with the descriptor), _END,
 * _LOG and _ROOM. CTL_SPOOL_DROP, which forgets a draft, has no answer.
 */
struct msg_spool_answer {
	int32_t error;			/* 0, or errno */
	uint32_t lost;			/* lines of the protocol log */
	/* Of _ROOM: */
	int64_t drop_bytes;		/* in the drop folder; 0: it has no quota; -1: it could not be read */
	int64_t disk_is_short;		/* 1: the file system is at its reserve, see disk-reserve; 0 */
};

/* Both from a received payload, which is not aligned. False: malformed. */
bool msg_spool_id(char id[MESSAGE_ID_SIZE], const void *data, size_t len) __attribute__((warn_unused_result));
/* Of CTL_SPOOL_OPEN, whose id was taken. */
bool msg_spool_is_held(const void *data, size_t len);
/* The same; `words` are one line of printable ASCII that begins with 4xx or 5xx and a blank. */
bool msg_spool_take_refused(struct msg_spool_refused *r, const struct ctl_message *m)
	__attribute__((warn_unused_result));
bool msg_spool_take_answer(struct msg_spool_answer *a, const struct ctl_message *m)
	__attribute__((warn_unused_result));

#endif
