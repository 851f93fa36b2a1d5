/* change_history - the last changes, with what it takes to undo them, below STATE/changes */
#ifndef COMMON_CHANGE_CHANGE_HISTORY_H
#define COMMON_CHANGE_CHANGE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/change/change.h"

#define CHANGE_HISTORY_MAX 100U		/* of one file; older ones are forgotten */

struct change_record_key { char *place, *before, *after; };	/* NULL: not there */
struct change_record {
	unsigned number;		/* rises; 0: there is none */
	int64_t when_us;
	char *author, *command;		/* "uid=0", "set" */
	char *server;			/* NULL: postern.ini */
	struct change_record_key *key;
	size_t keys;
	char *lines;			/* of config_edit_undo; NULL: it cannot be undone */
};

/* With the lock. The number of the new record; 0 and errno. */
unsigned change_history_add(const char *state, const struct change *c, const char *author,
    const char *command);
void change_history_remove(const char *state, unsigned number);
/* number 0: the latest. False: there is none, or it cannot be read; `r` is empty. */
bool change_history_read(struct change_record *r, const char *state, unsigned number);
void change_history_done(struct change_record *r);
/* The numbers, rising; owned by the caller. */
unsigned *change_history_numbers(const char *state, size_t *count);
/*
 * A row a key: "NUMBER TAB seconds TAB author TAB server TAB command TAB key TAB before TAB after"; "-": none
 */
void change_history_put(struct buf *out, const struct change_record *r);
/* Makes the change that takes `r` back, on its file as it is now. An exit status; c->why. */
int change_history_undo(struct change *c, const struct change_record *r);

#endif
