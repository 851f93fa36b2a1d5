/*
 * msg_token - OAuth2 tokens between deliver and the fetch helper, and what the master keeps, in the
 * CTL_TOKEN_ messages
 */
#ifndef COMMON_MSG_MSG_TOKEN_H
#define COMMON_MSG_MSG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fits, with the user's name and in base64, a line of 12,288 bytes (RFC 4954 4) */
#define TOKEN_MAX 8192
#define TOKEN_PROFILE_SIZE 64
#define TOKEN_TEXT_SIZE 400
#define TOKEN_KEEP_MAX 8192

struct msg_token_ask {		/* payload of CTL_TOKEN_ASK */
	char profile[TOKEN_PROFILE_SIZE];
	/* Serial of a token that a mail host refused, and which is thrown away; 0 none */
	uint32_t refused;
};

enum msg_token_result { TOKEN_OK, TOKEN_LATER };

/* Payload of CTL_TOKEN_ANSWER; only the used part of `token` is sent. */
struct msg_token_answer {
	int64_t ends;		/* Unix time: of the token */
	uint32_t serial;	/* of the token, never 0 */
	uint16_t len;
	uint8_t result;		/* enum msg_token_result */
	char text[TOKEN_TEXT_SIZE];	/* TOKEN_LATER: why there is none */
	char token[TOKEN_MAX];	/* without NUL */
};

struct msg_token_keep {		/* payload of CTL_TOKEN_KEEP: the text of the file */
	char profile[TOKEN_PROFILE_SIZE];
	uint16_t len;
	char text[TOKEN_KEEP_MAX];
};
struct msg_token_kept {		/* payload of CTL_TOKEN_KEPT */
	char profile[TOKEN_PROFILE_SIZE];
	int32_t error;		/* 0: it is on disk; errno */
};

struct msg_token_test { char profile[TOKEN_PROFILE_SIZE]; };	/* payload of CTL_OAUTH_TEST */

size_t msg_token_answer_size(const struct msg_token_answer *a);
size_t msg_token_keep_size(const struct msg_token_keep *k);
/*
 * Copies a received payload; false when sizes or strings are wrong. A token has only the characters of RFC
 * 6750 2.1.
 */
bool msg_token_ask_take(struct msg_token_ask *a, const void *data, size_t len);
bool msg_token_answer_take(struct msg_token_answer *a, const void *data, size_t len);
bool msg_token_keep_take(struct msg_token_keep *k, const void *data, size_t len);
bool msg_token_is_token(const char *text, size_t len);

#endif
