/* vouch - an authentication between a listener and the auth helper, as it travels in the CTL_VOUCH_ messages */
#ifndef COMMON_PROCESS_VOUCH_H
#define COMMON_PROCESS_VOUCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"

#define VOUCH_TOKEN_MAX 9216	/* what a line of 12,288 bytes holds (RFC 4954 4) */
#define VOUCH_NAME_SIZE 256
#define VOUCH_BINDING_MAX 64
#define VOUCH_UNIQUE_MAX 12

enum vouch_mechanism { VOUCH_PLAIN, VOUCH_LOGIN, VOUCH_SCRAM, VOUCH_SCRAM_PLUS, VOUCH_GSSAPI, VOUCH_MECHANISMS };
enum vouch_binding { VOUCH_NO_BINDING, VOUCH_TLS_UNIQUE, VOUCH_TLS_EXPORTER };

/* What the client sent: `len` bytes. An initial response may be absent, which is not the same as empty. */
struct vouch_token {
	uint16_t len;
	uint8_t absent;
	uint8_t data[VOUCH_TOKEN_MAX];
};

struct vouch_start {		/* payload of CTL_VOUCH_START */
	uint8_t mechanism;	/* enum vouch_mechanism */
	uint8_t tls;		/* the client is under TLS, and -PLUS was offered */
	uint8_t binding;	/* enum vouch_binding */
	uint8_t binding_len;
	uint8_t binding_data[VOUCH_BINDING_MAX];
	uint8_t unique_len;	/* "tls-unique" beside it; 0: none */
	uint8_t unique_data[VOUCH_UNIQUE_MAX];
	char client[NET_TEXT_SIZE];
	char domain[VOUCH_NAME_SIZE];		/* basic-domain; "" none */
	char principal[VOUCH_NAME_SIZE];	/* "smtp/mx.example.com", "smtp/mx.example.com@REALM" */
	struct vouch_token token;		/* the initial response */
};

enum vouch_result {
	VOUCH_CHALLENGE,	/* token for the client */
	VOUCH_OK,		/* user */
	VOUCH_FAILED,		/* wrong password, no such user, a malformed answer */
	VOUCH_LATER,		/* the helper cannot tell */
};

struct vouch_answer {		/* payload of CTL_VOUCH_ANSWER */
	uint8_t result;		/* enum vouch_result */
	char user[VOUCH_NAME_SIZE];
	struct vouch_token token;
};

/* Bytes that have to be sent of each. A step (CTL_VOUCH_STEP) is a token alone; CTL_VOUCH_CANCEL has no payload. */
size_t vouch_token_size(const struct vouch_token *t);
size_t vouch_start_size(const struct vouch_start *s);
size_t vouch_answer_size(const struct vouch_answer *a);
struct vouch_token *vouch_token_copy(const struct vouch_token *t);
void vouch_token_forget(struct vouch_token **t);	/* wipes and frees; `*t` is NULL then, and may have been before */
/* Copies a received payload; false when sizes or strings are off. */
bool vouch_token_take(struct vouch_token *t, const void *data, size_t len);
bool vouch_start_take(struct vouch_start *s, const void *data, size_t len);
bool vouch_answer_take(struct vouch_answer *a, const void *data, size_t len);

extern const char *const vouch_mechanism_names[VOUCH_MECHANISMS];	/* "SCRAM-SHA-256" */

#endif
