/* change_file - a change written, and taken back; one change at a time */
#ifndef COMMON_CHANGE_CHANGE_FILE_H
#define COMMON_CHANGE_CHANGE_FILE_H

#include "common/change/change.h"

/*
 * The folder of changes below the state folder, made when it is missing, and its lock: a descriptor, which
 * the caller closes; -1: c->why says that another change is under way, or what cannot be used.
 */
int change_file_lock(const char *state, struct buf *why) __attribute__((warn_unused_result));
/* What root makes in a folder of another user belongs to that one: the service may run as it. */
void change_file_own(const char *path, const char *folder);
/*
 * Replaces the file, whole or not at all, when it is still as it was read. Mode and owner stay; the text
 * before is kept beside it as FILE.previous. An exit status; c->why.
 */
int change_file_write(struct change *c);
/* The copy that was kept of a file that has come back goes. */
void change_file_drop_kept(const struct change *c);
/* The text before is there again, unless somebody else has changed the file since. An exit status; c->why. */
int change_file_take_back(struct change *c);

#endif
