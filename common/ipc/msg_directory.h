/*
 * msg_directory - who a local recipient is: questions to the directory helper and its answers, as they travel
 * in CTL_DIRECTORY_ASK and CTL_DIRECTORY_ANSWER
 */
#ifndef COMMON_IPC_MSG_DIRECTORY_H
#define COMMON_IPC_MSG_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/address.h"
#include "common/ipc/ctl.h"

struct ctl_server;

#define DIRECTORY_MAX 100000U		/* addresses of one answer; a queue file holds as many */
#define DIRECTORY_INLINE 30000U		/* bytes of a list that travel in the message itself */
#define DIRECTORY_LIST_MAX (DIRECTORY_MAX * (ADDRESS_MAX + 2U))

struct msg_directory_query {	/* payload of CTL_DIRECTORY_ASK */
	uint8_t whole;		/* 0: only whether it is there, so that a group need not be expanded */
	char address[ADDRESS_MAX + 1];
};

enum msg_directory_result {
	DIRECTORY_MAILBOX,	/* it is one of ours */
	/* It stands for the addresses of the list; none when that was not asked for */
	DIRECTORY_LIST,
	DIRECTORY_UNKNOWN,
	DIRECTORY_REFUSED,	/* it can never be resolved as it is: status and text say why */
	DIRECTORY_TROUBLE,	/* cannot be found out now; text says why */
};

/* `list`: for each address a byte, '.' final or '?' local and not in the directory, the address, NUL. */
struct msg_directory {
	enum msg_directory_result result;
	char status[12];	/* RFC 3463, of DIRECTORY_REFUSED */
	char text[200];
	uint32_t count;
	char *list;		/* owned; NULL: none */
	size_t size;		/* of the list in bytes */
};

void msg_directory_done(struct msg_directory *a);
void msg_directory_set(struct msg_directory *a, enum msg_directory_result result, const char *status,
    const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The next address, NULL at the end; `*at` begins at NULL. */
const char *msg_directory_next(const struct msg_directory *a, const char **at, bool *known);

bool msg_directory_query_take(struct msg_directory_query *q, const void *data, size_t len);
/* Answers with CTL_DIRECTORY_ANSWER, a long list in a descriptor of memory. */
void msg_directory_send(struct ctl_server *s, uint32_t request, const struct msg_directory *a);
/*
 * Fills `a` from a received CTL_DIRECTORY_ANSWER, whose descriptor it closes; false when anything about it is
 * off (then nothing is owned).
 */
bool msg_directory_take(struct msg_directory *a, const struct ctl_message *m);
/* Sizes of CTL_DIRECTORY_ANSWER, for the table of messages. */
#define DIRECTORY_ANSWER_MIN 232U
#define DIRECTORY_ANSWER_MAX (DIRECTORY_ANSWER_MIN + DIRECTORY_INLINE)

#endif
