/* msg_filter - what listener and pickup ask the filter helper (milters), in the CTL_FILTER_ messages */
#ifndef COMMON_MSG_MSG_FILTER_H
#define COMMON_MSG_MSG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_FILTER_TEXT_MAX 24576
#define MSG_FILTER_NAME_SIZE 64
#define MSG_FILTER_WORDS_SIZE 1024
#define MSG_FILTER_GROWTH_MAX (1024U * 1024)	/* bytes over max-message-size: fields that they add */
#define MSG_FILTER_CHANGES_MAX (1024U * 1024)	/* bytes of all changes of an envelope */

/* The stages of a session; RESET: the message is given up. */
enum msg_filter_stage { FILTER_CONNECT, FILTER_HELO, FILTER_MAIL, FILTER_RCPT, FILTER_DATA, FILTER_CONTENT,
    FILTER_RESET, FILTER_STAGES };
enum msg_filter_source { FILTER_SMTP, FILTER_PICKUP, FILTER_SOURCES };

/*
 * Payload of CTL_FILTER_ASK; only the used part of `text` is sent. At FILTER_CONTENT with the descriptor of
 * the scratch file, which may be read and written: the content lies at its begin, as the client sent it.
 */
struct msg_filter_ask {
	uint8_t stage;			/* enum msg_filter_stage */
	uint8_t source;			/* enum msg_filter_source, the same in all stages of a session */
	uint16_t family;		/* CONNECT: 4, 6, or 0: not known */
	uint32_t port;			/* CONNECT: of the client; 0 not known */
	uint64_t size;			/* CONTENT: bytes of it in the file */
	uint32_t len;			/* of text */
	/*
	 * Strings ending in NUL: argument, second argument, then name and value of each macro: "i",
	 * "{auth_type}". CONNECT: name of the client, or "[192.0.2.1]", and its address; HELO: the name and
	 * ""; MAIL and RCPT: "<address>" and the parameters, a blank between two; else "" and "". The macros
	 * of a stage replace those of the same stage before.
	 */
	char text[MSG_FILTER_TEXT_MAX];
};

enum msg_filter_verdict { FILTER_GO_ON, FILTER_REFUSE, FILTER_LATER, FILTER_REPLY, FILTER_DISCARD,
    FILTER_DISCONNECT, FILTER_VERDICTS };
enum msg_filter_flag {
	FILTER_HOLD = 1,
	FILTER_CHANGED_CONTENT = 2,
	FILTER_CHANGED_ENVELOPE = 4,
	FILTER_TROUBLE = 8,		/* the verdict is ours: text says what is wrong with the filter */
};

struct msg_filter_extent { uint64_t at, size; };

/* Payload of CTL_FILTER_ANSWER, one for each question; only the used part of `text` is sent. */
struct msg_filter_answer {
	uint8_t verdict;		/* enum msg_filter_verdict */
	uint8_t flags;			/* enum msg_filter_flag */
	uint16_t text_len;
	/*
	 * CONTENT and GO_ON only, in the scratch file: what the message is now. The header ends with the
	 * empty line, if there is one. Of changes: records ending in NUL, "+<recipient> PARAMETERS",
	 * "-<recipient>", "=<sender> PARAMETERS", in the order in which they count
	 */
	struct msg_filter_extent header, body, changes;
	char filter[MSG_FILTER_NAME_SIZE];	/* which decided; "" none did */
	/*
	 * REPLY: the whole reply, LF between two lines, each with the code: "550 5.7.1 words". Flag HOLD: the
	 * reason. Flag TROUBLE: what is wrong
	 */
	char text[MSG_FILTER_WORDS_SIZE];
};

/* Begins a question without strings. */
void msg_filter_ask_begin(struct msg_filter_ask *a, enum msg_filter_stage stage,
    enum msg_filter_source source);
/* Adds a string, control bytes in it replaced by '?'. False: there is no room, nothing was added. */
bool msg_filter_ask_add(struct msg_filter_ask *a, const char *text);
/* A macro with its value, or none of both; without a value (NULL or ""), nothing. */
bool msg_filter_ask_add_macro(struct msg_filter_ask *a, const char *name, const char *value);
/* The string after `last`; the first with NULL. NULL: there are no more. */
const char *msg_filter_ask_next(const struct msg_filter_ask *a, const char *last);

size_t msg_filter_ask_size(const struct msg_filter_ask *a);
size_t msg_filter_answer_size(const struct msg_filter_answer *a);
/* Whether it is a reply with 4xx or 5xx and the same code in all lines, which may be sent as it is. */
bool msg_filter_reply_is_good(const char *text);
/*
 * Copies a received payload; false when sizes, strings, extents or a reply are wrong. The caller still
 * compares the extents with the size of its file (msg_filter_extent_fits), and parses each address.
 */
bool msg_filter_ask_take(struct msg_filter_ask *a, const void *data, size_t len);
bool msg_filter_answer_take(struct msg_filter_answer *a, const void *data, size_t len);
bool msg_filter_extent_fits(const struct msg_filter_extent *e, uint64_t file_size);
/* All extents of CONTENT lie in the file, and header and body together are not over `most`. */
bool msg_filter_content_fits(const struct msg_filter_answer *a, uint64_t file_size, uint64_t most);
/* How large filters may make a message; `max_message_size`: of the server. */
uint64_t msg_filter_content_most(uint64_t max_message_size, uint64_t original);

#endif
