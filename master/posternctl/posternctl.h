/* posternctl - the command of operators; one block a file */
#ifndef MASTER_POSTERNCTL_POSTERNCTL_H
#define MASTER_POSTERNCTL_POSTERNCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/command/control_words.h"
#include "common/command/msg_queue.h"
#include "common/config/config.h"

struct answers_column;
struct answers_table;
struct buf;
struct config_faults;
struct explain_lines;

/* --- command: what posternctl can do, one row a command --- */
struct command_context {
	const char *config_path;	/* NULL: the installed one */
	const char *socket_path;	/* NULL: from the configuration */
	const char *nodes;		/* hosts that are to run it, parted by commas; NULL: this one */
	uint64_t nodes_limit_ms;	/* of each; 0: NODES_LIMIT_MS */
};

struct command {
	const char *name;
	const char *arguments;		/* "[name]"; for usage */
	size_t min, max;		/* words after the name, options included */
	const char *meaning;
	int (*run)(const struct command_context *c, const struct command *row, const char *const *words,
	    size_t count);
	const char *asks;		/* the command of the service that does the work, or NULL */
};

extern const struct command command_rows[];
extern const size_t command_count;

const struct command *command_find(const char *name);
void command_usage(FILE *out);
/* words[0] is the command. Returns the exit status. */
int command_run(const struct command_context *c, const char *const *words, size_t count);

/* --- usage: how a command is used --- */
/* Prints what is wrong (NULL or empty: nothing) and the line of its usage; EX_USAGE. */
int usage_misused(const struct command *row, const struct buf *why);
int usage_say(const struct command *row, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- options: the long options of a command --- */
/* The last one has no word. */
struct option_row {
	const char *word;		/* "--json" */
	bool *set;			/* it has no value */
	const char **value;		/* it has one, after a blank or "=" */
	const char *wanted;		/* what the value is */
};
/* Words that are no options go to `names`, `most` at most. EX_USAGE: it has been said why. */
int options_take(const struct command *row, const char *const *words, size_t count,
    const struct option_row *options, const char **names, size_t most);
/*
 * Whether words[0] is that option. *value: in the same word behind "=", or the next word; NULL: there is
 * none. *used: how many words both are.
 */
bool options_match(const char *const *words, size_t count, const char *option, const char **value,
    size_t *used);

/* --- api_command: posternctl api --- */
int api_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- command_send: which service a command is for, and its words on their way there --- */

const char *command_send_config(const struct command_context *c);	/* the path of postern.ini */
/* As the service has to be told it, or a key that is written; owned by the caller. */
char *command_send_absolute(const char *path);
/*
 * The path of control.sock: below the run folder of the configuration. When the installed configuration
 * cannot be read, the default one; when the operator has named one that cannot be read, none: a command for
 * one service must never reach another. Owned by the caller; NULL: it has been said why.
 */
char *command_send_socket(const struct command_context *c);
/*
 * The answer is printed. Its exit status; EX_CONFIG when it is not known which service is meant; or
 * CONTROL_CLIENT_.
 */
int command_send_words(const struct command_context *c, const char *what, const char *const *words,
    size_t count);
/* The same with the answer in `out`. */
int command_send_for(const struct command_context *c, const char *what, const char *const *words,
    size_t count, struct buf *out);
/* The same with each line as it comes. */
int command_send_lines(const struct command_context *c, const char *const *words, size_t count,
    void (*each)(void *arg, char *line), void *arg);
/* For CONTROL_CLIENT_NO_SERVICE and CONTROL_CLIENT_CUT: prints it; EX_UNAVAILABLE. */
int command_send_no_answer(int status);

/* --- read_command: what only shows: status, counters, sessions, oauth test, tls-reports --- */

/* An answer as a table on a terminal, as JSON, or as it came. words[0] is the command of the service. */
void read_command_show(const char *const *words, size_t count, const char *text, bool json);
int read_command_status(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);
int read_command_counters(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);
int read_command_sessions(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);
/* Asks, and shows the answer; words[0] is the command. */
int read_command_ask(const struct command_context *c, const char *const *words, size_t count, bool json);
int read_command_tls_reports(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);
int read_command_oauth(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- probe_command: posternctl probe --- */

int probe_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- complaint: what is wrong with the words of a command. Pure --- */

#define COMPLAINT_MAX 300		/* bytes of `why` */
#define COMPLAINT_TIME "a time with its unit, such as 90s, 10m, 12h or 2d"
/* "there is no option --olderr; did you mean --older?" `known` gives names until NULL. */
void complaint_unknown(struct buf *why, const char *what, const char *word,
    const char *(*known)(const void *arg, size_t i), const void *arg);
void complaint_value(struct buf *why, const char *option, const char *value, const char *wanted);

/* --- control_client: one command to control.sock --- */

/* No service listens; it ended before its answer was complete; it says nothing for the limit. */
enum { CONTROL_CLIENT_NO_SERVICE = -1, CONTROL_CLIENT_CUT = -2, CONTROL_CLIENT_SILENT = -3 };
/* From now on no step of an answer is waited for longer; 0, as at the start: no limit. */
void control_client_limit(unsigned seconds);
/* A descriptor that goes with the next command, and stays the caller's (common/ipc/passed_secret). */
void control_client_pass(int fd);
/* Sends one command. A descriptor from which the answer comes, or -1 and *status. */
int control_client_begin(const char *socket_path, const char *const *words, size_t count, int *status);
/* Sends words; prints the answer, or adds it to `out`. Its exit status, or one of these. */
int control_client_service(const char *socket_path, const char *const *words, size_t count, struct buf *out);
/* The same with each line of the answer, without its end, as it comes. The callee may change it. */
typedef void control_client_line(void *arg, char *line);
int control_client_lines(const char *socket_path, const char *const *words, size_t count,
    control_client_line *each, void *arg);

/* --- service_start: starts the service when it is down --- */

/*
 * Starts the service, and virtual server `name` (or NULL) also when it was stopped. `standard`: config_path
 * is that of the installed service. The exit status.
 */
int service_start_up(const char *config_path, bool standard, const char *name);

/* --- explain_command: what would happen to a message, and which line decides it --- */

/* words: options, and perhaps a virtual server. The exit status. */
int explain_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- explain_lines: what it says --- */

struct explain_lines *explain_lines_new(bool json);
/* One line: what, its value, and the key and the place in the configuration; origin NULL: none. */
void explain_lines_say(struct explain_lines *l, const char *what, const char *origin, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Prints the document, if it is one. Frees. */
void explain_lines_end(struct explain_lines *l, bool refused);

/* --- server_set: the INI files of all virtual servers, for commands that read them --- */

struct server_set {
	const char *config_path;
	struct config *config;
	struct config_faults faults;
};
enum { SERVER_SET_NO_MATCH = 3 };

/* EX_OK, or EX_CONFIG and the faults are printed; close it in both cases. */
int server_set_open(struct server_set *set, const char *config_path);
void server_set_close(struct server_set *set);

/* --- words of the commands about sessions and queues --- */

/* Words that are put together piece by piece. */
#define COMMAND_WORDS_MAX 32
#define COMMAND_WORD_SIZE 512		/* bytes, the NUL included */
struct command_words {
	char word[COMMAND_WORDS_MAX][COMMAND_WORD_SIZE];
	size_t count;
};

/* --- sessions_command: posternctl sessions --- */

struct sessions_command {
	bool terminate, json;
	char word[COMMAND_WORDS_MAX][COMMAND_WORD_SIZE];	/* of the command, after "sessions" */
	size_t count;
};

/* Pure. False: the words are not understood, `why` says what is wrong. */
bool sessions_command_parse(struct sessions_command *s, const char *const *words, size_t count,
    struct buf *why);
void sessions_command_print(char *text);	/* as plain columns; `text` is changed */

/* --- word_order: the name of a virtual server before or behind the verb. Pure --- */

/* words[0] is the command. In the order that it has; how many there are now. */
size_t word_order_mend(const char **words, size_t count);

/* --- drain_command: posternctl drain --- */

int drain_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

#endif
