/*
 * msg_auth_out - an authentication of ours at a remote host, between deliver and the auth helper, as it
 * travels in the CTL_PROVE_ messages
 */
#ifndef COMMON_IPC_MSG_AUTH_OUT_H
#define COMMON_IPC_MSG_AUTH_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/msg_auth_in.h"

#define AUTH_OUT_WHY_SIZE 200

/*
 * All ways to prove who we are, the strongest first. Those of OAuth need a token, which is not the auth
 * helper's.
 */
enum msg_auth_out_mechanism {
	AUTH_OUT_SCRAM_PLUS, AUTH_OUT_SCRAM, AUTH_OUT_GSSAPI, AUTH_OUT_OAUTHBEARER, AUTH_OUT_XOAUTH2,
	    AUTH_OUT_PLAIN, AUTH_OUT_LOGIN,
	AUTH_OUT_MECHANISMS
};

/* A set of them. */
#define AUTH_OUT_BIT(mechanism) (1U << (mechanism))
#define AUTH_OUT_BASIC (AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS) | AUTH_OUT_BIT(AUTH_OUT_SCRAM) | \
    AUTH_OUT_BIT(AUTH_OUT_PLAIN) | AUTH_OUT_BIT(AUTH_OUT_LOGIN))
#define AUTH_OUT_TOKENS (AUTH_OUT_BIT(AUTH_OUT_OAUTHBEARER) | AUTH_OUT_BIT(AUTH_OUT_XOAUTH2))
/* They show the secret. */
#define AUTH_OUT_BARE (AUTH_OUT_BIT(AUTH_OUT_OAUTHBEARER) | AUTH_OUT_BIT(AUTH_OUT_XOAUTH2) | \
    AUTH_OUT_BIT(AUTH_OUT_PLAIN) | AUTH_OUT_BIT(AUTH_OUT_LOGIN))

/* Payload of CTL_AUTH_OUT_START; the first word of ours is the answer */
struct msg_auth_out_start {
	uint8_t mechanism;	/* enum msg_auth_out_mechanism */
	uint8_t binding;	/* enum msg_auth_in_binding */
	uint8_t binding_len;
	uint8_t binding_data[AUTH_IN_BINDING_MAX];
	char domain[AUTH_IN_NAME_SIZE];	/* whose secret-file: of this [domain]; "" the server's */
	char user[AUTH_IN_NAME_SIZE];
	/* The peer's name, for its Kerberos principal; a literal stands in brackets */
	char host[AUTH_IN_NAME_SIZE];
};

enum msg_auth_out_result {
	AUTH_OUT_WORD,		/* token for the peer; another challenge may come */
	/* Token for the peer; it knows all then, and has proved itself where the mechanism has that */
	AUTH_OUT_LAST,
	/* The peer's challenge is wrong: it is not who it should be, or talks nonsense */
	AUTH_OUT_FAILED,
	AUTH_OUT_LATER,		/* we have nothing to say: no secret file, no ticket */
};

struct msg_auth_out_answer {		/* payload of CTL_AUTH_OUT_ANSWER */
	uint8_t result;		/* enum msg_auth_out_result */
	char why[AUTH_OUT_WHY_SIZE];	/* FAILED, LATER: for people */
	struct msg_auth_in_token token;	/* absent: not even an empty word, as the first one of LOGIN */
};

/*
 * Bytes that have to be sent. A step (CTL_AUTH_OUT_STEP) is the challenge as a struct msg_auth_in_token;
 * CTL_AUTH_OUT_CANCEL has no payload.
 */
size_t msg_auth_out_answer_size(const struct msg_auth_out_answer *a);
/* Copies a received payload; false when sizes or strings are off. */
bool msg_auth_out_start_take(struct msg_auth_out_start *s, const void *data, size_t len);
bool msg_auth_out_answer_take(struct msg_auth_out_answer *a, const void *data, size_t len);

extern const char *const msg_auth_out_mechanism_names[AUTH_OUT_MECHANISMS];	/* "SCRAM-SHA-256-PLUS" */

#endif
