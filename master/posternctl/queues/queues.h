/* queues - posternctl queue and badmail; one block a file */
#ifndef MASTER_POSTERNCTL_QUEUES_QUEUES_H
#define MASTER_POSTERNCTL_QUEUES_QUEUES_H

#include "master/posternctl/posternctl.h"

struct queue_count;
struct queue_print;

/* --- posternctl queue and badmail --- */

struct queue_command {
	enum msg_queue_verb verb;
	bool yes, json; uint64_t wait_ms;	/* evacuate: so long for messages that are at work */
	struct command_words words;	/* of the command: "queue" NAME VERB and the selection */
};

/* --- queue_selection: the words of the command --- */

/* Pure. Takes the words after the command. EX_OK; or EX_USAGE, and `why` says what is wrong. */
int queue_selection_parse(struct queue_command *q, enum msg_queue_place place, const char *const *words,
    size_t count, struct buf *why);

/* --- queue_command: runs it --- */
#define QUEUE_COMMAND_NONE 3	/* no message matches */
/* Asks page by page. The exit status, CONTROL_CLIENT_NO_SERVICE or CONTROL_CLIENT_CUT. */
int queue_command_run(struct queue_command *q, const char *socket_path);
/*
 * How many messages of these states (queue_filter; 0: all) are in the queue of a virtual server; an exit
 * status, and it has been said why.
 */
int queue_command_tally(const char *socket_path, const char *server, uint32_t states,
    unsigned long *messages);

/* --- queue_pause: posternctl queue pause and resume --- */
bool queue_pause_is_meant(const char *const *words, size_t count);
int queue_pause_run(const struct command_context *c, const struct command *row, const struct command *set,
    const char *const *words, size_t count);

/* --- queue_count: messages by domain and age --- */

struct queue_count *queue_count_new(void);
void queue_count_free(struct queue_count *c);	/* NULL is fine */
void queue_count_add(struct queue_count *c, char *line);	/* "domain number number ..." with tabs */
void queue_count_print(struct queue_count *c, bool json);	/* JSON: the rows alone */

/* --- queue_print: rows of messages as tables or as JSON --- */

struct queue_print *queue_print_new(enum msg_queue_verb verb, bool json);
void queue_print_free(struct queue_print *p);
/* One row of the answer; `line` is changed. */
void queue_print_row(struct queue_print *p, const char *server, char *line);
/* Prints what is left: sorted rows, sums; with JSON the members `after` the rows, and the end. */
void queue_print_end(struct queue_print *p, const json_t *after);

#endif
