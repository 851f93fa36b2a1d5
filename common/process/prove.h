/* prove - an authentication of ours at a remote host, between deliver and the auth helper, as it travels in the CTL_PROVE_ messages */
#ifndef COMMON_PROCESS_PROVE_H
#define COMMON_PROCESS_PROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/process/vouch.h"

#define PROVE_WHY_SIZE 200

/* All ways to prove who we are, the strongest first. Those of OAuth need a token, which is not the auth helper's. */
enum prove_mechanism {
	PROVE_SCRAM_PLUS, PROVE_SCRAM, PROVE_GSSAPI, PROVE_OAUTHBEARER, PROVE_XOAUTH2, PROVE_PLAIN, PROVE_LOGIN,
	PROVE_MECHANISMS
};

/* A set of them. */
#define PROVE_BIT(mechanism) (1U << (mechanism))
#define PROVE_BASIC (PROVE_BIT(PROVE_SCRAM_PLUS) | PROVE_BIT(PROVE_SCRAM) | PROVE_BIT(PROVE_PLAIN) | PROVE_BIT(PROVE_LOGIN))
#define PROVE_TOKENS (PROVE_BIT(PROVE_OAUTHBEARER) | PROVE_BIT(PROVE_XOAUTH2))
#define PROVE_BARE (PROVE_BIT(PROVE_OAUTHBEARER) | PROVE_BIT(PROVE_XOAUTH2) | PROVE_BIT(PROVE_PLAIN) | PROVE_BIT(PROVE_LOGIN))	/* they show the secret */

struct prove_start {		/* payload of CTL_PROVE_START; the first word of ours is the answer */
	uint8_t mechanism;	/* enum prove_mechanism */
	uint8_t binding;	/* enum vouch_binding */
	uint8_t binding_len;
	uint8_t binding_data[VOUCH_BINDING_MAX];
	char domain[VOUCH_NAME_SIZE];	/* whose secret-file: of this [domain]; "" the server's */
	char user[VOUCH_NAME_SIZE];
	char host[VOUCH_NAME_SIZE];	/* the peer's name, for its Kerberos principal; a literal stands in brackets */
};

enum prove_result {
	PROVE_WORD,		/* token for the peer; another challenge may come */
	PROVE_LAST,		/* token for the peer; it knows all then, and has proved itself where the mechanism has that */
	PROVE_FAILED,		/* the peer's challenge is wrong: it is not who it should be, or talks nonsense */
	PROVE_LATER,		/* we have nothing to say: no secret file, no ticket */
};

struct prove_answer {		/* payload of CTL_PROVE_ANSWER */
	uint8_t result;		/* enum prove_result */
	char why[PROVE_WHY_SIZE];	/* FAILED, LATER: for people */
	struct vouch_token token;	/* absent: not even an empty word, as the first one of LOGIN */
};

/* Bytes that have to be sent. A step (CTL_PROVE_STEP) is the challenge as a struct vouch_token; CTL_PROVE_CANCEL has no payload. */
size_t prove_answer_size(const struct prove_answer *a);
/* Copies a received payload; false when sizes or strings are off. */
bool prove_start_take(struct prove_start *s, const void *data, size_t len);
bool prove_answer_take(struct prove_answer *a, const void *data, size_t len);

extern const char *const prove_mechanism_names[PROVE_MECHANISMS];	/* "SCRAM-SHA-256-PLUS" */

#endif
