/* change_move - the steps of a change that renames or deletes a virtual server */
#ifndef COMMON_CHANGE_CHANGE_MOVE_H
#define COMMON_CHANGE_CHANGE_MOVE_H

#include "common/change/change.h"

/*
 * With the lock, while the virtual server is stopped: notes the change, makes its steps, keeps it in the
 * history: *number (0: it is not there). An exit status; c->why. When it is not EX_OK, all is as before.
 */
int change_move_run(struct change *c, const char *state, const char *author, const char *command,
    unsigned *number);
/* With the lock: all is as before again, but for the name of a folder that cannot go back. An exit status. */
int change_move_take_back(struct change *c, const char *state, unsigned number);
bool change_move_is_noted(const char *state);	/* there is something to finish */
/*
 * With the lock, before any virtual server runs: finishes what a process that died has begun, or takes it
 * back when that cannot be. 1: names have changed; 0: nothing was begun, or it can neither be finished nor
 * taken back now and stays noted; -1: it is taken back. `why` says which change it was, and what is wrong.
 */
int change_move_finish(const char *state, struct buf *why) __attribute__((warn_unused_result));

#endif
