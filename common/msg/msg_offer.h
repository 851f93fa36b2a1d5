/*
 * msg_offer - what pickup asks of the deliver worker of its virtual server: to send a message at once that is
 * in no queue yet, while its client waits for the reply (acknowledge = safe)
 *
 * CTL_OFFER brings the draft, as a descriptor for reading and writing; its file has no name in the queue.
 * Deliver tries it once, marks what a host took, and says in CTL_OFFER_VERDICT what came of it, once. It
 * keeps the message, and notes, reports and removes nothing, until CTL_OFFER_OVER says what became of the
 * file. The end of the channel says nothing of it: then the queue is looked at.
 */
#ifndef COMMON_MSG_MSG_OFFER_H
#define COMMON_MSG_MSG_OFFER_H

#include <stdint.h>

#include "common/mail/message_id.h"
#include "common/msg/msg_spool.h"

#define MSG_OFFER_MAX 256		/* open at a time on one channel: each has a descriptor */

/* Payload of CTL_OFFER: the id alone. */
struct msg_offer {
	char id[MESSAGE_ID_SIZE];
};

enum msg_offer_what {
	MSG_OFFER_TAKEN,	/* every recipient is with its host */
	MSG_OFFER_REFUSED,	/* one reply of a host, 4xx or 5xx, refuses every recipient */
	MSG_OFFER_PUT_OFF,	/* anything else: it is to be stored now */
};
struct msg_offer_verdict {
	uint32_t what;			/* enum msg_offer_what */
	char words[MSG_SPOOL_WORDS];	/* of REFUSED: "550 5.1.1 no such user"; NUL behind it */
};

struct msg_offer_over {
	uint32_t stored;		/* 1: the file is in the queue; 0: it is gone, and all is done */
};

#endif
