/*
 * pick - which messages of a queue or badmail an operator means: the one filter language of all queue commands
 *
 * Terms of one kind are alternatives, different kinds must all hold: --domain a.example --domain b.example --older 2d is mail for a or b
 * of at least two days. Patterns know * and ?, ASCII letters of either case are the same.
 */
#ifndef COMMON_PROCESS_PICK_H
#define COMMON_PROCESS_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define PICK_TERMS_MAX 20
#define PICK_TEXT_SIZE 330	/* an address and its end */

enum pick_kind { PICK_ID, PICK_SENDER, PICK_RECIPIENT, PICK_DOMAIN, PICK_KINDS };
enum pick_state {
	PICK_READY = 1,		/* due, waits for a place */
	PICK_ACTIVE = 2,	/* at work */
	PICK_WAITING = 4,	/* for its next try */
	PICK_HELD = 8,		/* by an operator */
	PICK_KEPT = 16,		/* until its host asks for it: `hold` of its domain */
};
#define PICK_ANY 31U

struct pick_term {
	uint32_t kind;
	char text[PICK_TEXT_SIZE];
};
struct pick {
	uint32_t states;		/* enum pick_state bits; 0: any */
	uint32_t count;
	uint64_t older_s, newer_s;	/* at least, less than so old; 0: any */
	struct pick_term term[PICK_TERMS_MAX];
};

/*
 * "sender=PATTERN" (in xtext, so that a word has no blank), id= recipient= domain= older=SECONDS newer=SECONDS state=NAME.
 * 1 taken, 0 not a word of these, -1 a bad value or one too many.
 */
int pick_take_word(struct pick *p, const char *word) __attribute__((warn_unused_result));
bool pick_is_sane(const struct pick *p);	/* as it came from another process */
bool pick_chooses(const struct pick *p);	/* something was asked for: not simply all */
bool pick_has(const struct pick *p, enum pick_kind kind);
/* The message must be read to know. */
bool pick_needs_envelope(const struct pick *p);

bool pick_is_id(const struct pick *p, const char *id);
bool pick_is_age(const struct pick *p, int64_t age_s);
bool pick_is_state(const struct pick *p, enum pick_state state);
bool pick_is_sender(const struct pick *p, const char *sender);		/* the null one is "<>" in patterns */
bool pick_is_recipient(const struct pick *p, const char *address);	/* by address and by domain */
bool pick_glob(const char *pattern, const char *text);
const char *pick_state_name(enum pick_state state);
/* In xtext: no blank, no control byte. */
void pick_encode(struct buf *out, const char *text);

#endif
