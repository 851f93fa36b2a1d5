/*
 * msg_move - messages that go to the queue of another virtual server: the process that owns their queue hands
 * them to the one that owns the other
 *
 * For one page of an operator's command the master joins the two (CTL_MOVES). Neither opens a folder of the
 * other: a message comes as a descriptor for reading, and its note before it as another.
 */
#ifndef COMMON_MSG_MSG_MOVE_H
#define COMMON_MSG_MSG_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"
#include "common/mail/message_id.h"

#define MSG_MOVE_OPEN_MAX 64		/* messages that one channel has open at a time */
#define MSG_MOVE_PAGE_MAX 512		/* in its life: those of one page */

struct msg_move_put {		/* payload of CTL_MOVE_PUT, with the message; CTL_MOVE_NOTE has none */
	char id[MESSAGE_ID_SIZE];
	uint8_t held;			/* by an operator: 1; 0 */
};

/* Payload of CTL_MOVE_ANSWER: 0: on disk there, under that id; or errno, see move_sender_words. */
struct msg_move_answer { int32_t error; };

/* Copies a received payload; false when something is wrong, or no descriptor came with it. */
bool msg_move_take_put(struct msg_move_put *p, const struct ctl_message *m)
	__attribute__((warn_unused_result));

#endif
