/*
 * msg_auth_out - we log in at a remote host: what deliver and the auth helper send each other in the
 * CTL_AUTH_OUT_ messages
 */
#ifndef COMMON_MSG_MSG_AUTH_OUT_H
#define COMMON_MSG_MSG_AUTH_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg/msg_auth_in.h"

#define AUTH_OUT_WHY_SIZE 200

/* All mechanisms, the strongest first. Those of OAuth need a token, which the auth helper does not have. */
enum msg_auth_out_mechanism {
	AUTH_OUT_SCRAM_PLUS, AUTH_OUT_SCRAM, AUTH_OUT_GSSAPI, AUTH_OUT_OAUTHBEARER, AUTH_OUT_XOAUTH2,
	AUTH_OUT_PLAIN, AUTH_OUT_LOGIN,
	AUTH_OUT_MECHANISMS
};

/* Sets of mechanisms. */
#define AUTH_OUT_BIT(mechanism) (1U << (mechanism))
#define AUTH_OUT_BASIC (AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS) | AUTH_OUT_BIT(AUTH_OUT_SCRAM) | \
    AUTH_OUT_BIT(AUTH_OUT_PLAIN) | AUTH_OUT_BIT(AUTH_OUT_LOGIN))
#define AUTH_OUT_TOKENS (AUTH_OUT_BIT(AUTH_OUT_OAUTHBEARER) | AUTH_OUT_BIT(AUTH_OUT_XOAUTH2))
/* These show the secret to the peer. */
#define AUTH_OUT_BARE (AUTH_OUT_BIT(AUTH_OUT_OAUTHBEARER) | AUTH_OUT_BIT(AUTH_OUT_XOAUTH2) | \
    AUTH_OUT_BIT(AUTH_OUT_PLAIN) | AUTH_OUT_BIT(AUTH_OUT_LOGIN))

/* Payload of CTL_AUTH_OUT_START; the answer is our first word. */
struct msg_auth_out_start {
	uint8_t mechanism;	/* enum msg_auth_out_mechanism */
	uint8_t binding;	/* enum msg_auth_in_binding */
	uint8_t binding_len;
	uint8_t binding_data[AUTH_IN_BINDING_MAX];
	char domain[AUTH_IN_NAME_SIZE];	/* the [domain] whose secret-file counts; "" the server's */
	char user[AUTH_IN_NAME_SIZE];
	/* The peer's name, for its Kerberos principal; an address literal is in brackets */
	char host[AUTH_IN_NAME_SIZE];
};

enum msg_auth_out_result {
	AUTH_OUT_WORD,		/* token for the peer; another challenge may come */
	/* Token for the peer, the last one; the peer has also proved itself where the mechanism has that */
	AUTH_OUT_LAST,
	/* The peer's challenge is wrong: it is another host than it should be, or the words are malformed */
	AUTH_OUT_FAILED,
	AUTH_OUT_LATER,		/* we cannot answer: no secret file, no ticket */
};

struct msg_auth_out_answer {		/* payload of CTL_AUTH_OUT_ANSWER */
	uint8_t result;		/* enum msg_auth_out_result */
	char why[AUTH_OUT_WHY_SIZE];	/* FAILED, LATER: the reason in words */
	struct msg_auth_in_token token;	/* absent: no word at all, as the first one of LOGIN */
};

/*
 * Bytes to be sent. A step (CTL_AUTH_OUT_STEP) is the challenge as a struct msg_auth_in_token;
 * CTL_AUTH_OUT_CANCEL has no payload.
 */
size_t msg_auth_out_answer_size(const struct msg_auth_out_answer *a);
/* Copies a received payload; false when sizes or strings are wrong. */
bool msg_auth_out_start_take(struct msg_auth_out_start *s, const void *data, size_t len);
bool msg_auth_out_answer_take(struct msg_auth_out_answer *a, const void *data, size_t len);

extern const char *const msg_auth_out_mechanism_names[AUTH_OUT_MECHANISMS];	/* "SCRAM-SHA-256-PLUS" */

#endif
