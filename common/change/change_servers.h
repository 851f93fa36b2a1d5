/* change_servers - a virtual server gets another name, is deleted, and comes back */
#ifndef COMMON_CHANGE_CHANGE_SERVERS_H
#define COMMON_CHANGE_CHANGE_SERVERS_H

#include "common/change/change.h"
#include "common/change/change_history.h"

struct config;

/* Whether the words of that command say which virtual server moves: rename, delete. */
bool change_servers_is_command(const char *command);
/*
 * rename NAME [dry-run] NEW-NAME, delete NAME [dry-run]; words: those behind NAME. `config`: the
 * configuration so far. What could not be moved is refused now. Opens `c`, in each case to be freed; an exit
 * status, c->why.
 */
int change_servers_make(struct change *c, const char *config_path, const struct config *config,
    const char *command, const char *name, const char *const *words, size_t count);
/*
 * Makes the change that takes such a record back: the name before; the file that is there no more; a virtual
 * server that was made goes, when no mail waits in its queue.
 */
bool change_servers_is_record(const struct change_record *r);
int change_servers_judge_queue(struct change *c);	/* again, when it has stopped */
int change_servers_undo(struct change *c, const char *config_path, const struct config *config,
    const struct change_record *r);
/* What is remembered of one that comes back, before its file is written. 0, or -1 and errno. */
int change_servers_recall(const struct change *c, const char *state) __attribute__((warn_unused_result));
/* What it has become, for people. */
void change_servers_say(const struct change *c, const struct config *before, struct buf *out);

#endif
