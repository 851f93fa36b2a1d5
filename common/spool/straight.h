/*
 * straight - local mail that goes from its writer straight into the drop folder and never into the queue: it
 * is written once
 *
 *   straight_bytes / _parts / _file   what the message is made of, each in one form; _none: it goes elsewhere
 *   straight_write                    writes those that may go there, as one group
 *   straight_done                     frees; not the bytes
 */
#ifndef COMMON_SPOOL_STRAIGHT_H
#define COMMON_SPOOL_STRAIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message.h"
#include "common/spool/spool.h"

/* Of the worker that accepts mail. Called on any thread; all NULL: nothing goes there. */
struct straight_rules {
	/* Whether nothing stands between. `content`: its first `len` bytes, or all of it */
	bool (*judge)(void *arg, const struct message_envelope *e, const char *content, size_t len);
	/* `file` of the drop folder is on disk. May take what `e` owns, and zeroes it then */
	void (*dropped)(void *arg, struct message_envelope *e, const char *file);
	void *arg;
};

struct straight {
	bool dropped;			/* out: it is in the drop folder; else it is for the queue */
	/* private */
	bool known;			/* its envelope and content */
	struct message_envelope e;
	const char *content;		/* NULL: in `fd` */
	char *begin; size_t begin_len;	/* of a content in `fd`, for the judge */
	int fd;
	size_t *index;			/* of all its recipients */
	struct spool_drop drop;
};

void straight_none(struct straight *m);
/* A whole queue file in memory. The bytes must outlive it. */
void straight_bytes(struct straight *m, const char *id, const char *data, size_t len);
/* The envelope as in a queue file, and all of the content. */
void straight_parts(struct straight *m, const char *id, const char *head, size_t head_len,
    const char *content, size_t len);
/* A whole queue file, open for reading; also its envelope is read now. */
void straight_file(struct straight *m, const char *id, int fd);
/* At most SPOOL_DROP_BATCH of them. Waits for the disk; what cannot be written there is for the queue. */
void straight_write(struct spool *s, const struct straight_rules *r, struct straight *list, size_t n);
void straight_done(struct straight *m);
/*
 * Whether the drop file of a message of that id is there, and lies in no other's name. `e` (zeroed) gets its
 * sender, its recipients and the size of its content.
 */
bool straight_find(struct spool *s, const char *id, struct message_envelope *e);

#endif
