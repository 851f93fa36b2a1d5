/*
 * msg_directory - what a local recipient stands for, and a sender's own address: questions to the directory
 * helper and its answers, in CTL_DIRECTORY_ASK and CTL_DIRECTORY_ANSWER
 */
#ifndef COMMON_MSG_MSG_DIRECTORY_H
#define COMMON_MSG_MSG_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/address.h"
#include "common/ipc/ctl.h"

struct ctl_server;

#define DIRECTORY_MAX 100000U		/* addresses of one answer; as many as a queue file may have */
#define DIRECTORY_INLINE 30000U		/* bytes of a list that are sent in the message itself */
#define DIRECTORY_LIST_MAX (DIRECTORY_MAX * (ADDRESS_MAX + 2U))
#define DIRECTORY_MEMBER_MAX 4096U	/* bytes of a member's name in the directory */

enum msg_directory_want {
	DIRECTORY_WANT_LOOK,	/* only whether it exists, so that a group need not be expanded */
	DIRECTORY_WANT_WHOLE,	/* what a recipient stands for */
	DIRECTORY_WANT_OWN,	/* of a sender: the own address of its entry, which is the whole list */
};

struct msg_directory_query {	/* payload of CTL_DIRECTORY_ASK */
	uint8_t want;		/* enum msg_directory_want */
	char address[ADDRESS_MAX + 1];
	char member[DIRECTORY_MEMBER_MAX + 1];	/* "": the address itself; else this member of the group */
};

enum msg_directory_result {
	DIRECTORY_MAILBOX,	/* it is a mailbox here */
	/* It stands for the addresses of the list; the list is empty when it was not asked for */
	DIRECTORY_LIST,
	DIRECTORY_UNKNOWN,
	DIRECTORY_REFUSED,	/* it can never be resolved as it is; status and text say why */
	DIRECTORY_LATER,	/* it cannot be resolved now, but others can; text says why */
	DIRECTORY_TROUBLE,	/* none can be resolved now; text says why */
};

/* What stands in a list; the byte before its text. */
enum msg_directory_kind {
	DIRECTORY_FINAL = '.',	/* an address to which the mail goes */
	DIRECTORY_ABSENT = '?',	/* a local address that is not in the directory, or cannot be used */
	DIRECTORY_UNSURE = '~',	/* a local address that cannot be looked up now */
	DIRECTORY_MEMBER = '=',	/* a member, as its group names it, that cannot be looked up now */
	DIRECTORY_FAULT = '!',	/* a member that gets no mail: status, its name, why */
};

/* `list`: for each item its kind, its text, NUL. */
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
/* The text of the next item, NULL at the end; `*at` is NULL at first. */
const char *msg_directory_next(const struct msg_directory *a, const char **at,
    enum msg_directory_kind *kind);

struct msg_directory_test {	/* payload of CTL_DIRECTORY_TEST */
	char server[64];
	char address[ADDRESS_MAX + 1];
};
bool msg_directory_test_take(struct msg_directory_test *t, const void *data, size_t len);
bool msg_directory_query_take(struct msg_directory_query *q, const void *data, size_t len);
/*
 * The payload of CTL_DIRECTORY_ANSWER, of DIRECTORY_ANSWER_MAX bytes at most; a list of more than
 * DIRECTORY_INLINE bytes is left out of it. Its size.
 */
size_t msg_directory_format(void *payload, const struct msg_directory *a);
/* Answers with CTL_DIRECTORY_ANSWER; a long list is in a memory descriptor. */
void msg_directory_send(struct ctl_server *s, uint32_t request, const struct msg_directory *a);
/*
 * Fills `a` from a received CTL_DIRECTORY_ANSWER and closes its descriptor; false when anything is wrong with
 * it (then nothing is owned).
 */
bool msg_directory_take(struct msg_directory *a, const struct ctl_message *m);
/* Sizes of CTL_DIRECTORY_ANSWER, for ctl_rows. */
#define DIRECTORY_ANSWER_MIN 232U
#define DIRECTORY_ANSWER_MAX (DIRECTORY_ANSWER_MIN + DIRECTORY_INLINE)

#endif
