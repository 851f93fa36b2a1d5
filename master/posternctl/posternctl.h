/* posternctl - posternctl, the operators' command; one block a file */
#ifndef MASTER_POSTERNCTL_POSTERNCTL_H
#define MASTER_POSTERNCTL_POSTERNCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/ipc/control_words.h"
#include "common/ipc/msg_queue.h"

struct buf;
struct config;
struct config_faults;
struct queue_count;
struct queue_print;

/* --- command: what posternctl can do, one row a command --- */

struct command_context {
	const char *config_path;	/* NULL: the standard one */
	const char *socket_path;	/* NULL: from the configuration */
};

struct command {
	const char *name;
	const char *arguments;		/* "[NAME]" for usage */
	size_t min, max;		/* words after the name, options included */
	const char *meaning;
	int (*run)(const struct command_context *c, const struct command *row, const char *const *words,
	    size_t count);
	const char *asks;		/* name of the admin row it ends in, or NULL */
};

extern const struct command command_rows[];
extern const size_t command_count;

const struct command *command_find(const char *name);
void command_usage(FILE *out);
int command_misused(const struct command *row);	/* says how; EX_USAGE */
/* words[0] is the command. Returns the exit status. */
int command_run(const struct command_context *c, const char *const *words, size_t count);

/* --- control_client: posternctl's side of control.sock --- */

/*
 * Sends words, prints the answer; the exit status. CONTROL_CLIENT_NO_SERVICE when nobody listens,
 * CONTROL_CLIENT_CUT when the service went away.
 */
enum { CONTROL_CLIENT_NO_SERVICE = -1, CONTROL_CLIENT_CUT = -2 };
/* `out` NULL: prints the answer, else keeps it there. */
int control_client_service(const char *socket_path, const char *const *words, size_t count, struct buf *out);

/* --- service_start: starts the service when it is down --- */

/*
 * `name` (or NULL) is started also if it was stopped. `standard`: the configuration is the installed one. The
 * exit status.
 */
int service_start_up(const char *config_path, bool standard, const char *name);

/* --- check_paths: the files that the configuration names --- */

void check_paths_files(const struct config *c, struct config_faults *faults);	/* a config_check_files */

/* --- explain: what would become of a message, and which line says so --- */

/* words: options, and perhaps a virtual server. The exit status; EXPLAIN_MISUSED without a word said. */
#define EXPLAIN_MISUSED (-1)
int explain_run(const char *config_path, const char *const *words, size_t count);

/* --- passwd: posternctl's editor of password files --- */

/*
 * words: options, then a path or a virtual server's name, then the account. The exit status; EX_USAGE without
 * a word said.
 */
int passwd_run(const char *config_path, const char *const *words, size_t count);

/*
 * --- server_command: makes, renames and deletes virtual servers on disk; a reload then tells the service ---
 */

/* Pure. */
bool server_command_name_is_good(const char *name);
/*
 * words[0] is the name, then listen=ADDRESS, domain=NAME, description=TEXT. All three return an exit status
 * and have said why.
 */
int server_command_create(const char *config_path, const char *const *words, size_t count);
int server_command_delete(const char *config_path, const char *name);
/*
 * `order` stops the virtual server before its folders move, and starts it when they could not; EX_OK also
 * when nothing runs.
 */
int server_command_rename(const char *config_path, const char *from, const char *to,
    int (*order)(void *arg, const char *what, const char *name), void *arg);

/* --- sessions_command: posternctl sessions --- */

struct sessions_command {
	bool terminate, json;
	char word[CONTROL_WORDS_MAX][CONTROL_WORD_SIZE];	/* of the order, behind "sessions" */
	size_t count;
};

/* Pure */
bool sessions_command_parse(struct sessions_command *l, const char *const *words, size_t count);
void sessions_command_print(const struct sessions_command *l, char *text);	/* the text is cut up */

/* --- queue_command: posternctl queue and badmail --- */

struct queue_command {
	enum msg_queue_verb verb;
	bool yes, json;
	struct control_words words;	/* the order: "queue" NAME VERB and the selection */
};

/* Words behind "queue" or "badmail": an order. EX_OK, or EX_USAGE with *why to be said. Pure. */
int queue_command_parse(struct queue_command *t, bool badmail, const char *const *words, size_t count,
    const char **why);
/* Pages until it is done. The exit status; CONTROL_CLIENT_NO_SERVICE, CONTROL_CLIENT_CUT. */
int queue_command_run(struct queue_command *t, const char *socket_path);

/* --- json_print --- */

void json_print_string(const char *text);	/* in quotes; `text` has no control bytes */

/* --- queue_count: a table by domain and age --- */

struct queue_count *queue_count_new(void);
void queue_count_free(struct queue_count *c);	/* NULL is fine */
void queue_count_add(struct queue_count *c, char *line);	/* "domain number number ..." with tabs */
void queue_count_print(struct queue_count *c, bool json);

/* --- queue_print: its rows as tables or as JSON --- */

struct queue_print *queue_print_new(enum msg_queue_verb verb, bool json);
void queue_print_free(struct queue_print *p);
/* One row of the answer; the line is cut up. */
void queue_print_row(struct queue_print *p, const char *server, char *line);
/* What is still to be printed: rows in order, sums, brackets. */
void queue_print_end(struct queue_print *p);

#endif
