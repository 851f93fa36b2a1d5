/* bearer - OAuth2 tokens between deliver and the fetch helper, and what the master keeps, as they travel in the CTL_BEARER_ messages */
#ifndef COMMON_PROCESS_BEARER_H
#define COMMON_PROCESS_BEARER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEARER_TOKEN_MAX 8192	/* with the user's name around it, in base64, within a line of 12,288 bytes (RFC 4954 4) */
#define BEARER_PROFILE_SIZE 64
#define BEARER_TEXT_SIZE 400
#define BEARER_KEEP_MAX 8192

struct bearer_ask {		/* payload of CTL_BEARER_ASK */
	char profile[BEARER_PROFILE_SIZE];
	uint32_t refused;	/* the serial of a token that a mail host did not want: it is thrown away; 0 none */
};

enum bearer_result { BEARER_OK, BEARER_LATER };

struct bearer_answer {		/* payload of CTL_BEARER_ANSWER; no more of `token` travels than there is */
	uint32_t serial;	/* of the token, never 0 */
	uint16_t len;
	uint8_t result;		/* enum bearer_result */
	char text[BEARER_TEXT_SIZE];	/* BEARER_LATER: why there is none */
	char token[BEARER_TOKEN_MAX];	/* not ended by NUL */
};

struct bearer_keep {		/* payload of CTL_BEARER_KEEP: the text of the file */
	char profile[BEARER_PROFILE_SIZE];
	uint16_t len;
	char text[BEARER_KEEP_MAX];
};
struct bearer_kept {		/* payload of CTL_BEARER_KEPT */
	char profile[BEARER_PROFILE_SIZE];
	int32_t error;		/* 0: it is on disk; errno */
};

struct bearer_trial { char profile[BEARER_PROFILE_SIZE]; };	/* payload of CTL_TRIAL */

size_t bearer_answer_size(const struct bearer_answer *a);
size_t bearer_keep_size(const struct bearer_keep *k);
/* Copies a received payload; false when sizes or strings are off. A token has nothing but the characters of RFC 6750 2.1. */
bool bearer_ask_take(struct bearer_ask *a, const void *data, size_t len);
bool bearer_answer_take(struct bearer_answer *a, const void *data, size_t len);
bool bearer_keep_take(struct bearer_keep *k, const void *data, size_t len);
bool bearer_is_token(const char *text, size_t len);

#endif
