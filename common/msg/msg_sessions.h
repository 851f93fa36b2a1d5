/*
 * msg_sessions - what the master asks its listeners about their sessions, and the answers, in CTL_SESSIONS
 * and CTL_SESSIONS_PAGE. One page a question: the master continues where a page ended, so nothing large waits
 * anywhere.
 */
#ifndef COMMON_MSG_MSG_SESSIONS_H
#define COMMON_MSG_MSG_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/account/login_name.h"
#include "common/base/net.h"

#define MSG_SESSIONS_SERIALS_MAX 1000
#define MSG_SESSIONS_NAME_SIZE 128
#define MSG_SESSIONS_TEXT_MAX 30000
#define MSG_SESSIONS_COLUMNS 10

struct msg_sessions_ask {		/* payload of CTL_SESSIONS */
	uint32_t after;		/* sessions with a larger serial; 0: from the first */
	uint32_t end;		/* 1: end them */
	char author[LOGIN_NAME_AUTHOR_SIZE];	/* the operator: "uid=0" */
	int32_t family;		/* only clients of this network; 0: all */
	uint8_t bytes[16], mask[16];
	uint64_t idle_ms;	/* only sessions that are idle for so long; 0: all */
	/* only of this user, or with this HELO name when there is no user; "": all */
	char name[MSG_SESSIONS_NAME_SIZE];
	uint32_t count;		/* only these serials, in rising order; 0: all */
	uint32_t serial[MSG_SESSIONS_SERIALS_MAX];
};

/*
 * Payload of CTL_SESSIONS_PAGE. One line a session, columns separated by tabs: serial, client, since (seconds
 * since 1970), idle (ms), state, messages, TLS, fingerprint of the client's certificate, "user" or "helo" or
 * "-", name. Printable ASCII.
 */
struct msg_sessions_page {
	uint32_t next;		/* `after` of the next question; 0: that was all */
	uint32_t rows;
	char text[MSG_SESSIONS_TEXT_MAX];	/* without NUL */
};

/* Copies a received payload; false when sizes or strings are wrong. */
bool msg_sessions_ask_take(struct msg_sessions_ask *a, const void *data, size_t len);
/*
 * The same; also checks that the lines have their columns in printable ASCII, and that there are as many as
 * said.
 */
bool msg_sessions_page_take(struct msg_sessions_page *p, const void *data, size_t len, size_t *text_len);

#endif
