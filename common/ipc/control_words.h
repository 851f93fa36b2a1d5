/*
 * control_words - a command on its way from an operator to control.sock: words, each ended by NUL, in one
 * CTL_COMMAND. What posternctl sends and the supervisor takes.
 */
#ifndef COMMON_IPC_CONTROL_WORDS_H
#define COMMON_IPC_CONTROL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_WORDS_MAX 32		/* words of one command */
#define CONTROL_WORD_SIZE 512		/* bytes of one word, its NUL included */

/* Exit statuses of a command besides 0 and those of sysexits.h. */
enum { CONTROL_REFUSED = 1, CONTROL_NO_MATCH = 3 };

struct control_words {
	char word[CONTROL_WORDS_MAX][CONTROL_WORD_SIZE];
	size_t count;
};

/* Pure: "pause\0default\0"; false when empty, unterminated, too many, too long or not printable ASCII. */
bool control_words_parse(struct control_words *w, const void *data, size_t len);
/* The path of control.sock in the run folder; owned by the caller. */
char *control_words_socket(const char *run);

#endif
