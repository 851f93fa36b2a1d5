/*
 * msg_queue - operators' commands on a queue or badmail, and their results, in CTL_QUEUE and CTL_QUEUE_PAGE
 *
 * One page a question: the worker reads a bounded piece of the queue, and the asker continues where that page
 * ended. So nothing large waits anywhere, and delivery goes on between two pages. A tally has no rows: the
 * worker goes through as many pieces as it can in some seconds before it answers.
 */
#ifndef COMMON_COMMAND_MSG_QUEUE_H
#define COMMON_COMMAND_MSG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/account/login_name.h"
#include "common/command/queue_filter.h"

#define MSG_QUEUE_AT_SIZE 48
#define MSG_QUEUE_NAME_SIZE 272	/* a host and its port */
#define MSG_QUEUE_REASON_SIZE 320
#define MSG_QUEUE_TEXT_MAX 30000

enum msg_queue_verb {
	MSG_QUEUE_LIST, MSG_QUEUE_SHOW, MSG_QUEUE_COUNT, MSG_QUEUE_TALLY, MSG_QUEUE_RETRY, MSG_QUEUE_HOLD,
	MSG_QUEUE_RELEASE, MSG_QUEUE_DELETE, MSG_QUEUE_BOUNCE, MSG_QUEUE_MOVE, MSG_QUEUE_EVACUATE,
	MSG_QUEUE_BADMAIL_LIST, MSG_QUEUE_BADMAIL_SHOW, MSG_QUEUE_BADMAIL_TALLY, MSG_QUEUE_BADMAIL_RETRY,
	MSG_QUEUE_BADMAIL_PURGE,
	MSG_QUEUE_DROP_LIST, MSG_QUEUE_DROP_SHOW, MSG_QUEUE_DROP_READ, MSG_QUEUE_DROP_TALLY,
	MSG_QUEUE_DROP_DELETE,
	MSG_QUEUE_VERBS
};

/* Where the messages are; the name is the command. */
enum msg_queue_place { MSG_QUEUE_IN_QUEUE, MSG_QUEUE_IN_BADMAIL, MSG_QUEUE_IN_DROP, MSG_QUEUE_PLACES };
extern const char *const msg_queue_places[MSG_QUEUE_PLACES];
enum msg_queue_place msg_queue_place_find(const char *command);	/* MSG_QUEUE_PLACES: none */

struct msg_queue_row {
	const char *name;	/* as operators type it */
	const char *done;	/* "deleted" */
	enum msg_queue_place place;
	/* changes something: writes an event, and needs --yes for more than one message */
	bool acts;
	uint32_t states;	/* of messages that it applies to; 0 any */
	bool pieces;		/* of one message, with one id: no command of people */
	bool tallies;		/* says how many there are, and has no rows */
	bool target;		/* says where to: --to */
};
extern const struct msg_queue_row msg_queue_rows[MSG_QUEUE_VERBS];
/* MSG_QUEUE_VERBS: there is no such verb. */
enum msg_queue_verb msg_queue_find(const char *name, enum msg_queue_place place);

struct msg_queue_ask {		/* payload of CTL_QUEUE */
	uint32_t verb;			/* enum msg_queue_verb */
	char author[LOGIN_NAME_AUTHOR_SIZE];	/* the operator: "uid=0" */
	int64_t newest_us;		/* only messages that came until then; 0: all */
	char at[MSG_QUEUE_AT_SIZE];		/* `next` of the page before; "" from the beginning */
	/* move: the other virtual server, and a channel to it comes along; evacuate: a host */
	char to[MSG_QUEUE_NAME_SIZE];
	char reason[MSG_QUEUE_REASON_SIZE];	/* bounce, hold; "" none */
	struct queue_filter pick;
};

enum msg_queue_state {
	MSG_QUEUE_OK,
	MSG_QUEUE_NOT_YET,		/* the queue is still being read: ask again soon */
	MSG_QUEUE_ENDING,		/* this worker ends: ask its successor */
	MSG_QUEUE_LOCKED,		/* another process has the queue */
	MSG_QUEUE_STATES
};

/*
 * Payload of CTL_QUEUE_PAGE. Lines of UTF-8 without control characters, columns separated by tabs; "!text" is
 * a fault.
 */
struct msg_queue_page {
	uint32_t state;			/* enum msg_queue_state */
	uint32_t matched, done, busy, failed;	/* busy: at work just now, left alone */
	uint32_t recipients;		/* bounce, delete: how many */
	char next[MSG_QUEUE_AT_SIZE];	/* `at` of the next question; "": that was all */
	char text[MSG_QUEUE_TEXT_MAX];	/* without NUL */
};

/* Copies a received payload; false when something is wrong. */
bool msg_queue_ask_take(struct msg_queue_ask *a, const void *data, size_t len);
bool msg_queue_page_take(struct msg_queue_page *p, const void *data, size_t len, size_t *text_len);
/*
 * Adds the text of one column to a line: bytes that are not printable UTF-8 become \xHH; at most `most` bytes
 * of it.
 */
void msg_queue_put(struct buf *out, const char *text, size_t most);

#endif
