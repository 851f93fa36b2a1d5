/*
 * chore - what an operator wants done with a queue or badmail, and what came of it: as they travel in CTL_CHORE and CTL_CHORE_PAGE
 *
 * One page a question: a bounded piece of the queue is looked at, and the asker goes on from where that page ended. So nothing large waits
 * anywhere, and delivery goes on between two pages.
 */
#ifndef COMMON_PROCESS_CHORE_H
#define COMMON_PROCESS_CHORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/process/pick.h"

#define CHORE_AT_SIZE 48
#define CHORE_NAME_SIZE 64
#define CHORE_PATH_SIZE 1024
#define CHORE_REASON_SIZE 320
#define CHORE_TEXT_MAX 30000

enum chore_verb {
	CHORE_LIST, CHORE_SHOW, CHORE_COUNT, CHORE_RETRY, CHORE_HOLD, CHORE_RELEASE, CHORE_DELETE, CHORE_BOUNCE, CHORE_MOVE,
	CHORE_BADMAIL_LIST, CHORE_BADMAIL_SHOW, CHORE_BADMAIL_RETRY, CHORE_BADMAIL_PURGE,
	CHORE_VERBS
};

struct chore_row {
	const char *name;	/* as operators say it */
	const char *done;	/* "deleted" */
	bool badmail;
	bool acts;		/* changes something: an event, and --yes for more than one */
	uint32_t states;	/* of messages it is for; 0 any */
};
extern const struct chore_row chore_rows[CHORE_VERBS];
/* CHORE_VERBS: there is none of that name. */
enum chore_verb chore_find(const char *name, bool badmail);

struct chore_ask {		/* payload of CTL_CHORE */
	uint32_t verb;			/* enum chore_verb */
	uint32_t uid;			/* for whom */
	int64_t newest_us;		/* only what came until then; 0: all */
	char at[CHORE_AT_SIZE];		/* as the page before said; "" from the beginning */
	char to[CHORE_NAME_SIZE];	/* move: the other virtual server, and its queue folder */
	char to_queue[CHORE_PATH_SIZE];
	char reason[CHORE_REASON_SIZE];	/* bounce, hold; "" none */
	struct pick pick;
};

enum chore_state {
	CHORE_OK,
	CHORE_NOT_YET,		/* the queue is still being read: ask again soon */
	CHORE_ENDING,		/* this worker ends: ask its successor */
	CHORE_LOCKED,		/* another process has the queue */
	CHORE_STATES
};

/* Payload of CTL_CHORE_PAGE. Lines of UTF-8 without control characters, columns parted by tabs; "!text" is a fault. */
struct chore_page {
	uint32_t state;			/* enum chore_state */
	uint32_t matched, done, busy, failed;	/* busy: at work just now, left alone */
	uint32_t recipients;		/* bounce, delete: how many */
	char next[CHORE_AT_SIZE];	/* go on from there; "": that was all */
	char text[CHORE_TEXT_MAX];	/* not ended */
};

/* Copies a received payload; false when something is off. */
bool chore_ask_take(struct chore_ask *a, const void *data, size_t len);
bool chore_page_take(struct chore_page *p, const void *data, size_t len, size_t *text_len);
/* Adds one column's text to a line: what is no printable UTF-8 becomes \xHH; at most `most` bytes of it. */
void chore_put(struct buf *out, const char *text, size_t most);

#endif
