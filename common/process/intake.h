/*
 * intake - the way into the queue for everyone on a loop: content in pieces, written and synced by pool threads
 * in groups, "accepted" told only after file and name are on disk, and the deliver process told by a hint
 *
 *   struct intake_message *m = intake_begin(in, &envelope);   envelope is formatted now, may be freed
 *   intake_add(m, data, len);                                  copies; when intake_is_full(m): stop reading until `room` is called
 *   intake_finish(m, done, arg);                               done(arg, 0 | errno, id) once, on the loop; m is gone then
 *   intake_discard(m);                                         any time before intake_finish, also from `room`
 *
 * Small messages (up to INTAKE_CHUNK) make one job; larger ones a job a chunk.
 */
#ifndef COMMON_PROCESS_INTAKE_H
#define COMMON_PROCESS_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message.h"
#include "common/mail/spool.h"
#include "common/process/counters.h"
#include "common/process/pool.h"

#define INTAKE_CHUNK (128U << 10)

struct intake;
struct intake_message;

/* `hint_fd` (not owned; -1 none): datagrams of ids for the deliver process. `spool` and `pool` must outlive it. */
struct intake *intake_new(struct loop *l, struct pool *pool, struct spool *spool, int hint_fd);
/* Where lost hints are counted; optional. */
void intake_count(struct intake *in, struct counters *c);
void intake_free(struct intake *in);			/* after pool_free */

/* NULL with errno EINVAL when the envelope holds control bytes. */
struct intake_message *intake_begin(struct intake *in, const struct message_envelope *e) __attribute__((warn_unused_result));
/* The id it will have; valid while the message is. */
const char *intake_id(const struct intake_message *m);
/* Gives a fixed id (see spool_draft_name); before the first add. */
void intake_name(struct intake_message *m, const char *id);
void intake_add(struct intake_message *m, const void *data, size_t len);
/* Two chunks are waiting for the disk: add no more until `room` was called (once). */
bool intake_is_full(const struct intake_message *m);
void intake_on_room(struct intake_message *m, void (*room)(void *arg), void *arg);
void intake_finish(struct intake_message *m, void (*done)(void *arg, int error, const char *id), void *arg);
/* NULL is fine. */
void intake_discard(struct intake_message *m);

#endif
