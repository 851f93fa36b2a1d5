/*
 * enqueue - the way into the queue for everyone on a loop: content in pieces, written and synced by pool
 * threads in groups, "accepted" told only after file and name are on disk, and the deliver process told by a
 * hint
 *
 *   struct enqueue_message *m = enqueue_begin(in, &envelope);   envelope is formatted now, may be freed
 *   enqueue_add(m, data, len);                                  copies; when enqueue_is_full(m): stop reading
 *   until `room` is called enqueue_finish(m, done, arg);                               done(arg, 0 | errno,
 *   id) once, on the loop; m is gone then enqueue_discard(m);                                         any
 *   time before enqueue_finish, also from `room`
 *
 * Small messages (up to ENQUEUE_CHUNK) make one job; larger ones a job a chunk.
 */
#ifndef COMMON_SPOOL_ENQUEUE_H
#define COMMON_SPOOL_ENQUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message.h"
#include "common/spool/spool.h"
#include "common/process/counters.h"
#include "common/process/pool.h"

#define ENQUEUE_CHUNK (128U << 10)

struct enqueue;
struct enqueue_message;

/*
 * `hint_fd` (not owned; -1 none): datagrams of ids for the deliver process. `spool` and `pool` must outlive
 * it.
 */
struct enqueue *enqueue_new(struct pool *pool, struct spool *spool, int hint_fd, struct counters *counters);
void enqueue_free(struct enqueue *in);			/* after pool_free */

/* NULL with errno EINVAL when the envelope holds control bytes. */
struct enqueue_message *enqueue_begin(struct enqueue *in,
    const struct message_envelope *e) __attribute__((warn_unused_result));
/* The id it will have; valid while the message is. */
const char *enqueue_id(const struct enqueue_message *m);
/* Gives a fixed id (see spool_draft_name); before the first add. */
void enqueue_name(struct enqueue_message *m, const char *id);
void enqueue_add(struct enqueue_message *m, const void *data, size_t len);
/* Two chunks are waiting for the disk: add no more until `room` was called (once). */
bool enqueue_is_full(const struct enqueue_message *m);
void enqueue_on_room(struct enqueue_message *m, void (*room)(void *arg), void *arg);
void enqueue_finish(struct enqueue_message *m, void (*done)(void *arg, int error, const char *id), void *arg);
/* NULL is fine. */
void enqueue_discard(struct enqueue_message *m);

#endif
