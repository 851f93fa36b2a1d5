/*
 * control_words - a command on its way from an operator to control.sock: words, each ended by NUL, in one
 * CTL_COMMAND. What posternctl sends and the supervisor takes.
 */
#ifndef COMMON_COMMAND_CONTROL_WORDS_H
#define COMMON_COMMAND_CONTROL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `create` may set each key of a virtual server and of some domains. One value: a list of some hundred
 * networks; a longer one belongs in a file of its own. The whole fits one message.
 */
#define CONTROL_WORDS_MAX 256		/* words of one command */
#define CONTROL_WORD_SIZE 8192		/* bytes of one word, its NUL included */
#define CONTROL_COMMAND_MAX 32768	/* bytes of all words */

/* Exit statuses of a command besides 0 and those of sysexits.h. */
enum { CONTROL_REFUSED = 1, CONTROL_NO_MATCH = 3 };

struct control_words {
	const char *word[CONTROL_WORDS_MAX];	/* in the message that they came in */
	size_t count;
};

/*
 * Pure: "pause\0default\0"; `data` stays as long as the words are used. False when empty, unterminated, too
 * many, too long, or not UTF-8 that may be shown. A value may have blanks.
 */
bool control_words_parse(struct control_words *w, const void *data, size_t len);
/* The path of control.sock in the run folder; owned by the caller. */
char *control_words_socket(const char *run);
/*
 * How posternctl is called for the configuration at that path (NULL: the installed one), as a shell takes it;
 * owned by the caller.
 */
char *control_words_program(const char *config_path);

#endif
