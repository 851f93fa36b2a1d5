/* nodes - the same command on several hosts, by ssh; one block a file */
#ifndef MASTER_POSTERNCTL_NODES_H
#define MASTER_POSTERNCTL_NODES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"

struct answers_table;
struct command;
struct command_context;

#define NODES_MAX 256			/* in one command */
#define NODES_FAULT_SIZE 1000		/* bytes of a line */
#define NODES_LIMIT_MS 30000		/* of each, unless --on-timeout says another time */

/* One node, and what came of the command there. */
struct node {
	char *name;			/* as the operator wrote it, and as ssh takes it */
	pid_t pid;			/* of ssh; 0: it has ended */
	int process, out, err;		/* descriptors of it, its output and its error output; -1: closed */
	struct buf text;		/* its output; with a line each: what has no end yet */
	struct buf remarks;		/* its error output; at its end without the name of posternctl */
	struct buf error;		/* why there is no answer; empty: there is one */
	int status;			/* the exit status of the command */
	json_t *document;		/* the output, where it was to be JSON; NULL: there is none */
};

/* --- nodes_command: posternctl --on --- */

int nodes_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- nodes_gather: posternctl nodes gather; limit_ms 0: the usual one --- */

int nodes_gather_run(const struct command_context *c, uint64_t limit_ms);

/* --- nodes_list: names of nodes. Pure --- */

/* NULL: `why` says what is wrong. Else *count nodes, for nodes_list_free. */
struct node *nodes_list_parse(const char *list, size_t *count, struct buf *why);
void nodes_list_free(struct node *nodes, size_t count);

/* --- nodes_quote: words as one text that a POSIX shell takes for these words. Pure --- */

void nodes_quote(struct buf *text, const char *word);	/* a blank comes before it, unless it is the first */

/* --- nodes_run: ssh to all of them at once --- */

/*
 * `command` is run on each. limit_ms 0: without end. `line` (or NULL): gets each line of the output without
 * its end as it comes, and the callee may change it. False: nothing could be started.
 */
bool nodes_run(struct node *nodes, size_t count, const char *command, uint64_t limit_ms,
    void (*line)(const struct node *n, char *line));

/* --- nodes_view: how an answer is shown --- */

enum nodes_view {
	NODES_VIEW_TEXT,		/* lines, each with its node before it */
	NODES_VIEW_HEALTH,		/* the same; a node that does not answer has a line, too */
	NODES_VIEW_TABLE,		/* the nodes are asked for JSON, here it becomes one table */
	NODES_VIEW_JSON,		/* one document */
	NODES_VIEW_HEALTH_JSON,		/* the same, with the health of a node that does not answer */
	NODES_VIEW_EVENTS,		/* a document a line, as they come */
};

/* *table: of NODES_VIEW_TABLE. */
enum nodes_view nodes_view_of(const char *const *words, size_t count, const struct answers_table **table);
/* An event of a node, with its name. */
void nodes_view_event(const struct node *n, char *line);
void nodes_view_print(enum nodes_view view, const struct answers_table *table, struct node *nodes,
    size_t count);

/* Why there is no answer, or no document: one line. NULL: there is one. */
const char *nodes_view_fault(const struct node *n, char line[NODES_FAULT_SIZE]);

/* --- nodes_merge: documents of several nodes as one. Pure --- */

/*
 * Lists of objects are joined, and each object begins with "node"; all other members of a document are in
 * "nodes", an object a node.
 */
json_t *nodes_merge(const struct node *nodes, size_t count);
/* What status --check --json says, of a node that does not: critical, and why. */
json_t *nodes_merge_critical(const char *why);
json_t *nodes_merge_row(const char *node, const json_t *row);	/* a copy that begins with "node" */

#endif
