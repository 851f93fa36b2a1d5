/* addressee - who a local recipient is: questions to the directory helper and its answers, as they travel in CTL_SEEK and CTL_SOUGHT */
#ifndef COMMON_PROCESS_ADDRESSEE_H
#define COMMON_PROCESS_ADDRESSEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/address.h"
#include "common/process/ctl.h"

struct counsel;

#define ADDRESSEE_MAX 100000U		/* addresses of one answer; a queue file holds as many */
#define ADDRESSEE_INLINE 30000U		/* bytes of a list that travel in the message itself */
#define ADDRESSEE_LIST_MAX (ADDRESSEE_MAX * (ADDRESS_MAX + 2U))

struct addressee_query {	/* payload of CTL_SEEK */
	uint8_t whole;		/* 0: only whether it is there, so that a group need not be expanded */
	char address[ADDRESS_MAX + 1];
};

enum addressee_result {
	ADDRESSEE_MAILBOX,	/* it is one of ours */
	ADDRESSEE_LIST,		/* it stands for the addresses of the list; none when that was not asked for */
	ADDRESSEE_UNKNOWN,
	ADDRESSEE_REFUSED,	/* it can never be resolved as it is: status and text say why */
	ADDRESSEE_TROUBLE,	/* cannot be found out now; text says why */
};

/* `list`: for each address a byte, '.' final or '?' local and not in the directory, the address, NUL. */
struct addressee {
	enum addressee_result result;
	char status[12];	/* RFC 3463, of ADDRESSEE_REFUSED */
	char text[200];
	uint32_t count;
	char *list;		/* owned; NULL: none */
	size_t size;		/* of the list in bytes */
};

void addressee_done(struct addressee *a);
void addressee_set(struct addressee *a, enum addressee_result result, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The next address, NULL at the end; `*at` begins at NULL. */
const char *addressee_next(const struct addressee *a, const char **at, bool *known);

bool addressee_query_take(struct addressee_query *q, const void *data, size_t len);
/* Answers with CTL_SOUGHT, a long list in a descriptor of memory. */
void addressee_send(struct counsel *s, uint32_t request, const struct addressee *a);
/* Fills `a` from a received CTL_SOUGHT, whose descriptor it closes; false when anything about it is off (then nothing is owned). */
bool addressee_take(struct addressee *a, const struct ctl_message *m);
/* Sizes of CTL_SOUGHT, for the table of messages. */
#define ADDRESSEE_ANSWER_MIN 232U
#define ADDRESSEE_ANSWER_MAX (ADDRESSEE_ANSWER_MIN + ADDRESSEE_INLINE)

#endif
