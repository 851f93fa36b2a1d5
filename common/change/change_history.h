/* change_history - the last changes, with what it takes to undo them, below STATE/changes */
#ifndef COMMON_CHANGE_CHANGE_HISTORY_H
#define COMMON_CHANGE_CHANGE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/change/change.h"

#define CHANGE_HISTORY_MAX 100U		/* of one file; older ones are forgotten */

struct change_record_key { char *place, *before, *after; };	/* NULL: not there */
/* The place of the one key of a change that moves a virtual server: its name before and after. */
#define CHANGE_HISTORY_NAME "name"
struct change_record {
	unsigned number;		/* rises; 0: there is none */
	int64_t when_us;
	char *author, *command;		/* "uid=0", "set" */
	char *server;			/* its name by now; NULL: postern.ini */
	bool gone;			/* there is no such virtual server any more */
	struct change_record_key *key;
	size_t keys;
	char *lines;	/* of config_edit_undo, or the file that goes; NULL: it cannot be undone */
	struct change_step *step;	/* of a rename or delete: see struct change */
	size_t steps;
	uint32_t id;
	bool stopped;
};

/* With the lock. The number of the new record; 0 and errno. */
unsigned change_history_add(const char *state, const struct change *c, const char *author,
    const char *command);
/*
 * A change that takes several steps is noted before the first one, and is in the history after the last: then
 * a crash between them leaves a note of what is to be finished. 0, or -1 and errno.
 */
int change_history_note(const char *state, const struct change *c, const char *author,
    const char *command) __attribute__((warn_unused_result));
bool change_history_noted(struct change_record *r, const char *state);		/* as change_history_read */
/* As change_history_add: a virtual server has gone (after NULL), or got another name. */
unsigned change_history_keep(const char *state, const char *before, const char *after);
void change_history_forget(const char *state);			/* nothing was done */
/* It was done, and has been taken back. */
void change_history_take_back(const char *state, const struct change *c, unsigned number);
/* number 0: the latest. False: there is none, or it cannot be read; `r` is empty. */
bool change_history_read(struct change_record *r, const char *state, unsigned number);
/*
 * The same of each record of that virtual server (NULL: of all), the latest first, by one look at the folder,
 * as long as `take` says true. It may take over what is in the record, and leave an empty one.
 */
void change_history_each(const char *state, const char *server,
    bool (*take)(void *arg, struct change_record *r), void *arg);
void change_history_done(struct change_record *r);
/*
 * A row a key: "NUMBER TAB seconds TAB author TAB server TAB command TAB key TAB before TAB after TAB gone";
 * "-": none, no; "yes"
 */
void change_history_put(struct buf *out, const struct change_record *r);

#endif
