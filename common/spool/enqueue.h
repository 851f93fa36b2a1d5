/*
 * enqueue - the way into the queue for processes with a loop: content in pieces, written and synced by pool
 * threads in groups; done is called only after file and name are on disk, and the deliver process gets a
 * hint. What enqueue_straight takes is in the drop folder then, without a hint
 *
 *   m = enqueue_begin(in, &envelope)   the envelope is formatted now, and may be freed
 *   enqueue_add(m, data, len)          copies; when enqueue_is_full(m): read no more until `room` is called
 *   enqueue_finish(m, done, arg)       done(arg, 0 | errno, id) once, on the loop; m is gone then
 *   enqueue_discard(m)                 at any time before enqueue_finish, also from `room`
 *
 * A small message (up to ENQUEUE_CHUNK) makes one job; a larger one a job a chunk.
 */
#ifndef COMMON_SPOOL_ENQUEUE_H
#define COMMON_SPOOL_ENQUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message.h"
#include "common/spool/spool.h"
#include "common/spool/straight.h"
#include "common/process/counters.h"
#include "common/process/pool.h"

#define ENQUEUE_CHUNK (128U << 10)
#define ENQUEUE_BATCH 64	/* messages of one commit */

struct enqueue;
struct enqueue_message;

/*
 * `hint_fd` (not owned; -1 none): datagrams of ids for the deliver process; `counters` (NULL none) count lost
 * ones. `spool` and `pool` must outlive it.
 */
struct enqueue *enqueue_new(struct pool *pool, struct spool *spool, int hint_fd, struct counters *counters);
void enqueue_free(struct enqueue *in);			/* after pool_free */
/* From now on what these rules take goes straight into the drop folder; copied. Before any message. */
void enqueue_straight(struct enqueue *in, const struct straight_rules *rules);

/* NULL with errno EINVAL when the envelope has control bytes. */
struct enqueue_message *enqueue_begin(struct enqueue *in,
    const struct message_envelope *e) __attribute__((warn_unused_result));
/* A message that was formatted by others, with envelope and end record: see spool_draft_whole. */
struct enqueue_message *enqueue_whole(struct enqueue *in, const char *id);
/* Held (by an operator) from its first moment in the queue; before enqueue_open and the first add. */
void enqueue_hold(struct enqueue_message *m);
/*
 * Opens the file of such a message, which is then written by others before enqueue_finish: `opened` gets a
 * descriptor that is its own, or -1 and errno.
 */
void enqueue_open(struct enqueue_message *m, void (*opened)(void *arg, int fd, int error), void *arg);
/* Gives a fixed id (see spool_draft_name); before the first add. */
void enqueue_name(struct enqueue_message *m, const char *id);
void enqueue_add(struct enqueue_message *m, const void *data, size_t len);
/* Two chunks wait for the disk: add no more until `room` is called (once). */
bool enqueue_is_full(const struct enqueue_message *m);
void enqueue_on_room(struct enqueue_message *m, void (*room)(void *arg), void *arg);
void enqueue_finish(struct enqueue_message *m, void (*done)(void *arg, int error, const char *id), void *arg);
/* NULL is fine. */
void enqueue_discard(struct enqueue_message *m);

/* A whole message, as that of enqueue_whole. */
struct enqueue_file {
	char id[MESSAGE_ID_SIZE];
	const void *data;
	size_t len;
	int error;			/* out: 0 or errno */
	struct spool_draft *draft;	/* out of enqueue_write: it is to be committed or freed; NULL: done */
};
/* At most ENQUEUE_BATCH of them, at once: waits for the disk. On any thread but that of a loop. */
void enqueue_now(struct enqueue *in, struct enqueue_file *file, size_t n);
/*
 * The same in two steps. Written: what goes straight is in the drop folder, of the rest each has a draft that
 * is whole, but neither synced nor named. Commit: as enqueue_now, of at most ENQUEUE_BATCH drafts; the result
 * is spool_draft_error(), and the drafts stay the caller's.
 */
void enqueue_write(struct enqueue *in, struct enqueue_file *file, size_t n);
void enqueue_commit(struct enqueue *in, struct spool_draft **drafts, size_t n);
/*
 * Around enqueue_now, enqueue_write and enqueue_commit, on their thread: where batches are committed
 * (commit_way.h) one is at a time, and the rest gathers for the next. True: it was waited for, and more may
 * have come meanwhile.
 */
bool enqueue_turn_begin(struct enqueue *in);
bool enqueue_takes_turns(const struct enqueue *in);
void enqueue_turn_end(struct enqueue *in);

#endif
