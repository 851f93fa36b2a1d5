/* nodes_file - the state of all nodes, as posternctl nodes gather leaves it for the service */
#ifndef COMMON_COMMAND_NODES_FILE_H
#define COMMON_COMMAND_NODES_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define NODES_FILE_HEAD "postern-nodes 1\n"	/* the first line; another file is not shown */
#define NODES_FILE_MAX (1U << 20)		/* bytes */
#define NODES_FILE_REASON_MAX 1200U	/* bytes; a longer one ends after a word */

/* A virtual server of a node, "(service)" what concerns all of them. NULL, -1: not known. */
struct nodes_file_row {
	const char *node, *name, *state, *health, *reason;
	int64_t sessions, queue;
	uint64_t asked;			/* seconds since 1970 */
};

/* Adds its line; texts are whatever a node said. */
void nodes_file_put(struct buf *out, const struct nodes_file_row *row);
/* Whether a line, without its end, is one that nodes_file_put makes. */
bool nodes_file_is_row(const char *line, size_t len);

#endif
