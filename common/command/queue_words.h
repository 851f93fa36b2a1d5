/*
 * queue_words - the words of a queue or badmail command as the question to the deliver worker. posternctl
 * judges a command by it before it is sent, the supervisor when it arrives.
 */
#ifndef COMMON_COMMAND_QUEUE_WORDS_H
#define COMMON_COMMAND_QUEUE_WORDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/command/control_words.h"
#include "common/command/msg_queue.h"

/*
 * Pure. queue|badmail NAME VERB [at=PID:PLACE] [to=NAME] [reason=TEXT] [newest=MICROSECONDS] [all]
 * [FILTER ...]. *pid is the worker that gave the page before, 0: the first page is asked for. False: the
 * words are not understood, or a command that changes something does not say which messages.
 */
bool queue_words_parse(struct msg_queue_ask *a, pid_t *pid, const struct control_words *w);

struct queue_words_sums { unsigned long matched, done, busy, failed, recipients; };	/* as in a page */

/* The last line of a page: "=PID:PLACE matched done busy failed recipients state", with tabs between. */
struct queue_words_trailer {
	char at[MSG_QUEUE_AT_SIZE + 16];	/* "PID:PLACE" of the next page; "PID:": that was all */
	struct queue_words_sums sums;
	unsigned state;				/* enum msg_queue_state */
};

void queue_words_trailer_format(struct buf *out, const struct queue_words_trailer *t);
/* `line` without "=" and end. False: it is no trailer. */
bool queue_words_trailer_parse(struct queue_words_trailer *t, const char *line);

#endif
