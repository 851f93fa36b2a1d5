/*
 * msg_trace - a search in one file of the event log, in CTL_TRACE; its descriptor comes with the message
 *
 * The answer is a page of CTL_QUEUE_PAGE: lines of "TIME, program, PID, event" with tabs between them, and as
 * `next` where the next page of this file begins; "": the file is at its end. One page reads a bounded piece.
 */
#ifndef COMMON_MSG_MSG_TRACE_H
#define COMMON_MSG_MSG_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/message_id.h"

#define MSG_TRACE_IDS 64U
#define MSG_TRACE_TEXT 512U	/* an address or a Message-ID */

struct msg_trace_ask {		/* payload of CTL_TRACE */
	uint64_t at;			/* `next` of the page before; 0: the beginning */
	uint32_t ids;			/* all that happened to these; 0: the messages that are meant below */
	uint32_t first;			/* not 0: the time of the first line is told */
	char id[MSG_TRACE_IDS][MESSAGE_ID_SIZE];
	/* One of them; "": any */
	char sender[MSG_TRACE_TEXT], recipient[MSG_TRACE_TEXT], message_id[MSG_TRACE_TEXT];
};

/* Copies a received payload; false when something is wrong. */
bool msg_trace_ask_take(struct msg_trace_ask *a, const void *data, size_t len);

#endif
