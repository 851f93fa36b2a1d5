/*
 * msg_web - the web helper asks the master on behalf of the person behind a browser, in the CTL_WEB_ messages
 *
 * The helper has no right of its own and names no person. It hands on a secret that the browser has shown:
 * the token of a one-time link, or the handle of a session, which the master made and knows whose it is.
 */
#ifndef COMMON_IPC_MSG_WEB_H
#define COMMON_IPC_MSG_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/control_words.h"

#define WEB_SECRET_SIZE 32U		/* bytes of a token or a handle: web_mac */
#define WEB_KEY_SIZE 32U		/* of web_mac: payload of CTL_WEB_KEY */
#define WEB_SECRET_TEXT 65U		/* its hexadecimal digits, with the NUL */
#define WEB_NAME_SIZE 64

/* Payload of CTL_WEB_ASK and CTL_WEB_LOGOUT is the handle. */
struct msg_web_login {		/* payload of CTL_WEB_LOGIN */
	unsigned char token[WEB_SECRET_SIZE];
	char client[64];		/* its address, for the event */
};

/* Payload of CTL_WEB_COMMAND; only the used part of `words` is sent. */
struct msg_web_command {
	unsigned char handle[WEB_SECRET_SIZE];
	uint32_t watching;		/* not 0: the page asks by itself, so the session goes on idling */
	char words[CONTROL_COMMAND_MAX];	/* as in CTL_COMMAND */
};

enum msg_web_result {
	WEB_OK,
	WEB_UNKNOWN,		/* no such token or session, or it is over */
	WEB_NO_RIGHT,		/* that person is neither operator nor viewer of anything */
	WEB_BUSY,		/* too many sessions, or commands that are not answered yet */
	WEB_RESULTS
};

struct msg_web_session {	/* payload of CTL_WEB_SESSION */
	uint8_t result;			/* enum msg_web_result */
	uint8_t operates;		/* WEB_OK: at least one virtual server; 0: may look only */
	uint32_t uid;
	char name[WEB_NAME_SIZE];	/* of that user */
	unsigned char handle[WEB_SECRET_SIZE];	/* to CTL_WEB_LOGIN: of the new session */
};

/* Copy a received payload; false when sizes or strings are wrong. `words` gets the length of the words. */
bool msg_web_login_take(struct msg_web_login *l, const void *data, size_t len);
bool msg_web_command_take(struct msg_web_command *c, size_t *words, const void *data, size_t len);
bool msg_web_session_take(struct msg_web_session *s, const void *data, size_t len);

/* A secret in hexadecimal digits, and back; false: that is none. */
void msg_web_secret_format(char text[WEB_SECRET_TEXT], const unsigned char secret[WEB_SECRET_SIZE]);
bool msg_web_secret_parse(unsigned char secret[WEB_SECRET_SIZE], const char *text);

#endif
