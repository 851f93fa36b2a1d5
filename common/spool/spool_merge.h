/* spool_merge - all mail of a home goes into the folders of another one, whose processes may run */
#ifndef COMMON_SPOOL_SPOOL_MERGE_H
#define COMMON_SPOOL_SPOOL_MERGE_H

#include <stddef.h>

#include "common/spool/spool.h"

/* Files; messages of the queue and of badmail count once. */
struct spool_merge {
	/* Each message of the queue that came, under the id that it has there; NULL: not asked for. */
	void (*moved)(void *arg, const char *id);
	void *arg;
	size_t queue, held /* of the queue */, pickup, drop, badmail;
	size_t known;		/* of the queue, from another node, and done there already: they go */
	size_t left;		/* links, folders and others stay where they are */
};

/*
 * `moved` and `arg` of *m are set; the rest of it is the answer.
 * `from` is owned by this process, which has the user of those of `to`. Ids, due times, notes and holds are
 * kept; a name that is in use there is replaced by a fresh one, unless it is the very same file. -1 and
 * errno; *where is the folder. A repeat continues, also after a kill.
 */
int spool_merge(struct spool *from, struct spool *to, struct spool_merge *m,
    const char **where) __attribute__((warn_unused_result));

#endif
