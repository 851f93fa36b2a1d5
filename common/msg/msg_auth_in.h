/*
 * msg_auth_in - a client logs in: what a listener, or the master for the manager, and the auth helper send
 * each other in the CTL_AUTH_IN_ messages
 */
#ifndef COMMON_MSG_MSG_AUTH_IN_H
#define COMMON_MSG_MSG_AUTH_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"

#define AUTH_IN_TOKEN_MAX 48000	/* of Kerberos: what Windows allows tickets of users in very many groups */
#define AUTH_IN_TOKEN_USUAL 9216	/* of other mechanisms: fits a line of 12,288 bytes (RFC 4954 4) */
#define AUTH_IN_NAME_SIZE 256
#define AUTH_IN_BINDING_MAX 64
#define AUTH_IN_UNIQUE_MAX 12
#define AUTH_IN_LIST_SIZE 2048	/* what KEY_STRINGS of realms and of accounts have, joined */

enum msg_auth_in_mechanism {
	AUTH_IN_PLAIN, AUTH_IN_LOGIN, AUTH_IN_SCRAM, AUTH_IN_SCRAM_PLUS, AUTH_IN_GSSAPI,
	AUTH_IN_SMTP_MECHANISMS,
	/* Of the manager, asked by the master alone. Each has one answer; OK may have bytes beside it */
	AUTH_IN_PASSWORD = AUTH_IN_SMTP_MECHANISMS,	/* as PLAIN; the bytes are the mark of the account */
	AUTH_IN_NEGOTIATE,	/* SPNEGO of RFC 4559; the bytes are for the browser */
	AUTH_IN_ACCOUNT,	/* a mark and a name: whether that account is still what it was */
	AUTH_IN_MECHANISMS
};
#define AUTH_IN_MARK_SIZE 32	/* says nothing of the password; another one has another mark */
enum msg_auth_in_binding { AUTH_IN_NO_BINDING, AUTH_IN_TLS_UNIQUE, AUTH_IN_TLS_EXPORTER };

/*
 * What the client sent: `len` bytes. An initial response may be absent, which differs from empty. Where many
 * are kept only the bytes that are there are allocated: it is the last member wherever it is one.
 */
struct msg_auth_in_token {
	uint16_t len;
	uint8_t absent;
	uint8_t data[AUTH_IN_TOKEN_MAX];
};

struct msg_auth_in_start {		/* payload of CTL_AUTH_IN_START */
	uint8_t mechanism;	/* enum msg_auth_in_mechanism */
	uint8_t tls;		/* the client is under TLS, and -PLUS was offered */
	uint8_t binding;	/* enum msg_auth_in_binding */
	uint8_t binding_len;
	uint8_t binding_data[AUTH_IN_BINDING_MAX];
	uint8_t unique_len;	/* "tls-unique", if there is one; 0: none */
	uint8_t unique_data[AUTH_IN_UNIQUE_MAX];
	uint8_t endpoint_len;	/* "tls-server-end-point"; 0: no TLS */
	uint8_t endpoint_data[AUTH_IN_BINDING_MAX];
	uint8_t kerberos_binding;	/* enum config_binding */
	char client[NET_TEXT_SIZE];
	char domain[AUTH_IN_NAME_SIZE];		/* basic-domain; "" none */
	char principal[AUTH_IN_NAME_SIZE];	/* "smtp/mx.example.com", "smtp/mx.example.com@REALM" */
	/* Of Kerberos clients: names and patterns, a blank between two; "": that of the service; all */
	char realms[AUTH_IN_LIST_SIZE], accounts[AUTH_IN_LIST_SIZE];
	struct msg_auth_in_token token;		/* the initial response */
};

enum msg_auth_in_result {
	AUTH_IN_CHALLENGE,	/* token for the client */
	AUTH_IN_OK,		/* user */
	AUTH_IN_FAILED,		/* wrong password, no such user, a malformed answer */
	AUTH_IN_LATER,		/* the helper cannot decide now */
};

struct msg_auth_in_answer {		/* payload of CTL_AUTH_IN_ANSWER */
	uint8_t result;		/* enum msg_auth_in_result */
	char user[AUTH_IN_NAME_SIZE];
	struct msg_auth_in_token token;
};

/* Bytes to be sent of each. A step (CTL_AUTH_IN_STEP) is a token alone; CTL_AUTH_IN_CANCEL has no payload. */
size_t msg_auth_in_token_size(const struct msg_auth_in_token *t);
size_t msg_auth_in_start_size(const struct msg_auth_in_start *s);
size_t msg_auth_in_answer_size(const struct msg_auth_in_answer *a);
/* Room for `len` bytes; zeroed. */
struct msg_auth_in_token *msg_auth_in_token_new(size_t len);
struct msg_auth_in_token *msg_auth_in_token_copy(const struct msg_auth_in_token *t);
/* Wipes (t->len bytes) and frees; `*t` is NULL afterwards; NULL before is fine. */
void msg_auth_in_token_forget(struct msg_auth_in_token **t);
/* Copies a received payload; false when sizes or strings are wrong. */
bool msg_auth_in_token_take(struct msg_auth_in_token *t, const void *data, size_t len);
bool msg_auth_in_start_take(struct msg_auth_in_start *s, const void *data, size_t len);
bool msg_auth_in_answer_take(struct msg_auth_in_answer *a, const void *data, size_t len);

extern const char *const msg_auth_in_mechanism_names[AUTH_IN_MECHANISMS];	/* "SCRAM-SHA-256" */

#endif
