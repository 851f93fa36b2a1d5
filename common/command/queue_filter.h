/*
 * queue_filter - which messages of a queue or badmail an operator means: the one filter language of all queue
 * commands
 *
 * Terms of one kind are alternatives, terms of different kinds must all be true: --domain a.example
 * --domain b.example --older 2d is mail for a or b that is at least two days old. Patterns know * and ?;
 * ASCII letter case does not matter.
 */
#ifndef COMMON_COMMAND_QUEUE_FILTER_H
#define COMMON_COMMAND_QUEUE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define QUEUE_FILTER_TERMS_MAX 20
#define QUEUE_FILTER_TEXT_SIZE 330	/* an address and its NUL */

enum queue_filter_kind { QUEUE_FILTER_ID, QUEUE_FILTER_SENDER, QUEUE_FILTER_RECIPIENT, QUEUE_FILTER_DOMAIN,
    QUEUE_FILTER_KINDS };
enum queue_filter_state {
	QUEUE_FILTER_READY = 1,		/* due, waits for a place */
	QUEUE_FILTER_ACTIVE = 2,	/* at work */
	QUEUE_FILTER_WAITING = 4,	/* for its next try */
	QUEUE_FILTER_HELD = 8,		/* by an operator */
	QUEUE_FILTER_BACKLOG = 16,		/* waits until its host asks with ETRN or ATRN */
};
#define QUEUE_FILTER_ANY 31U

struct queue_filter_term {
	uint32_t kind;
	char text[QUEUE_FILTER_TEXT_SIZE];
};
struct queue_filter {
	uint32_t states;		/* enum queue_filter_state bits; 0: any */
	uint32_t count;
	uint64_t older_s, newer_s;	/* age at least, age less than; 0: any */
	struct queue_filter_term term[QUEUE_FILTER_TERMS_MAX];
};

/*
 * "sender=PATTERN" (in xtext, so that a word has no blank), id= recipient= domain= older=SECONDS
 * newer=SECONDS state=NAME. 1 taken, 0 no word of the filter, -1 a bad value or one too many.
 */
int queue_filter_take_word(struct queue_filter *p, const char *word) __attribute__((warn_unused_result));
bool queue_filter_is_sane(const struct queue_filter *p);	/* of what came from another process */
bool queue_filter_chooses(const struct queue_filter *p);	/* it has a term: not simply all messages */
bool queue_filter_has(const struct queue_filter *p, enum queue_filter_kind kind);
/* The envelope must be read to decide. */
bool queue_filter_needs_envelope(const struct queue_filter *p);

bool queue_filter_is_id(const struct queue_filter *p, const char *id);
bool queue_filter_is_age(const struct queue_filter *p, int64_t age_s);
bool queue_filter_is_state(const struct queue_filter *p, enum queue_filter_state state);
/* The null sender is "<>" in patterns. */
bool queue_filter_is_sender(const struct queue_filter *p, const char *sender);
/* By the terms for the address and for its domain. */
bool queue_filter_is_recipient(const struct queue_filter *p, const char *address);
bool queue_filter_glob(const char *pattern, const char *text);
const char *queue_filter_state_name(enum queue_filter_state state);
/* In xtext: no blank, no control byte. */
void queue_filter_encode(struct buf *out, const char *text);

#endif
