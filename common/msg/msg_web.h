/*
 * msg_web - the web helper asks the master on behalf of the person behind a browser, in the CTL_WEB_ messages
 *
 * The helper has no right of its own. It hands on a secret that the browser has shown: the token of a
 * one-time link, or the handle of a session, which the master made and knows whose it is; a password or a
 * ticket, which the auth helper judges for the master.
 */
#ifndef COMMON_MSG_MSG_WEB_H
#define COMMON_MSG_MSG_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/command/control_words.h"
#include "common/msg/msg_auth_in.h"

#define WEB_SECRET_SIZE 32U		/* bytes of a token or a handle: web_mac */
#define WEB_KEY_SIZE 32U		/* of web_mac: payload of CTL_WEB_KEY */
#define WEB_SECRET_TEXT 65U		/* its hexadecimal digits, with the NUL */
#define WEB_NAME_SIZE 64

/* Payload of CTL_WEB_ASK and CTL_WEB_LOGOUT is the handle. */
struct msg_web_login {		/* payload of CTL_WEB_LOGIN */
	unsigned char token[WEB_SECRET_SIZE];
	char client[64];		/* its address, for the event */
};

#define WEB_NAME_MAX 255U		/* bytes of the name of an account */
#define WEB_PASSWORD_MAX 511U		/* what crypt(3) takes */
struct msg_web_password {	/* payload of CTL_WEB_PASSWORD */
	char client[64];
	char name[WEB_NAME_MAX + 1], password[WEB_PASSWORD_MAX + 1];
};

struct msg_web_ticket {		/* payload of CTL_WEB_TICKET; only the used part of the token is sent */
	char client[64];
	uint8_t endpoint_len;		/* "tls-server-end-point"; 0: no TLS of ours */
	uint8_t endpoint[AUTH_IN_BINDING_MAX];
	struct msg_auth_in_token token;
};

/* Payload of CTL_WEB_COMMAND; only the used part of `words` is sent. */
struct msg_web_command {
	unsigned char handle[WEB_SECRET_SIZE];
	uint32_t watching;		/* not 0: the page asks by itself, so the session goes on idling */
	char words[CONTROL_COMMAND_MAX];	/* as in CTL_COMMAND */
};

enum msg_web_result {
	WEB_OK,
	WEB_UNKNOWN,		/* no such token or session, or it is over; a wrong name or password */
	WEB_NO_RIGHT,		/* that person is neither operator nor viewer of anything */
	WEB_BUSY,		/* too many sessions, or commands that are not answered yet */
	WEB_LATER,		/* the login cannot be checked now */
	WEB_RESULTS
};

enum msg_web_way { WEB_WAY_LINK, WEB_WAY_PASSWORD, WEB_WAY_KERBEROS, WEB_WAYS };

#define WEB_ANSWER_MAX 4096U
struct msg_web_session {	/* payload of CTL_WEB_SESSION */
	uint8_t result;			/* enum msg_web_result */
	uint8_t operates;		/* WEB_OK: at least one virtual server; 0: may look only */
	uint8_t way;			/* enum msg_web_way: how that person came in */
	uint8_t serves;			/* WEB_OK: it operates the service, and so all virtual servers */
	uint32_t uid;			/* WEB_WAY_LINK */
	uint64_t person;		/* the same number in all sessions of that user, or login */
	char name[WEB_NAME_SIZE];	/* of that user */
	unsigned char handle[WEB_SECRET_SIZE];	/* to a login: of the new session */
	uint16_t token_len;
	uint8_t token[WEB_ANSWER_MAX];	/* to CTL_WEB_TICKET: for the browser; only the used part is sent */
};

/* Copy a received payload; false when sizes or strings are wrong. `words` gets the length of the words. */
bool msg_web_login_take(struct msg_web_login *l, const void *data, size_t len);
bool msg_web_password_take(struct msg_web_password *p, const void *data, size_t len);
bool msg_web_ticket_take(struct msg_web_ticket *t, const void *data, size_t len);
bool msg_web_command_take(struct msg_web_command *c, size_t *words, const void *data, size_t len);
bool msg_web_session_take(struct msg_web_session *s, const void *data, size_t len);

/* Bytes to be sent. */
size_t msg_web_ticket_size(const struct msg_web_ticket *t);
size_t msg_web_session_size(const struct msg_web_session *s);
extern const char *const msg_web_way_names[WEB_WAYS];	/* "password" */

/* A secret in hexadecimal digits, and back; false: that is none. */
void msg_web_secret_format(char text[WEB_SECRET_TEXT], const unsigned char secret[WEB_SECRET_SIZE]);
bool msg_web_secret_parse(unsigned char secret[WEB_SECRET_SIZE], const char *text);

#endif
