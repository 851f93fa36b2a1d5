/*
 * move - a message goes from the queue of one virtual server to that of another (posternctl queue move): one
 * process hands it over, the other takes it; one block a file
 */
#ifndef DELIVER_MOVE_MOVE_H
#define DELIVER_MOVE_MOVE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/spool/spool.h"
#include "common/spool/spool_move.h"

struct boot;
struct ctl_message;
struct loop;
struct move_sender;
struct move_taker;
struct pool;
struct spool;

/* --- move_sender: hands messages to the process that owns the other queue --- */

struct move_sender *move_sender_new(struct loop *l, struct pool *pool, struct spool *spool);
void move_sender_free(struct move_sender *s);	/* after pool_free */
/* Takes over `fd`, the channel to that process; one at a time. -1: it is over. */
void move_sender_channel(struct move_sender *s, int fd);
/*
 * On the loop: moves a message, which is left alone meanwhile. `done` is called once, later, on the loop: 0:
 * it is there and not here; or errno, and it is still here. Not after move_sender_free.
 */
void move_sender_begin(struct move_sender *s, const char *id, void (*done)(void *arg, int error), void *arg);
/* Why it was not moved, in words for operators. */
const char *move_sender_words(int error);

/* --- move_taker: puts messages of other virtual servers and nodes into this queue --- */

/*
 * `taken` is called on the loop for each message that came, and for one that did not, but was asked for. One
 * thread of the pool is for it.
 */
struct move_taker *move_taker_new(struct boot *b, struct pool *pool, struct spool *spool,
    void (*taken)(void *arg, const struct spool_entry *entry), void *arg);
void move_taker_free(struct move_taker *t);	/* after pool_free */
void move_taker_channel(struct move_taker *t, const struct ctl_message *m);	/* CTL_MOVES */
void move_taker_open(struct move_taker *t);	/* the process owns the queue; it took nothing before */
/*
 * On the loop: that message of the queue is being written; it is told by `taken` afterwards, as in `entry`
 * when it is not taken: who hands over may have named any message.
 */
bool move_taker_is_writing(struct move_taker *t, const struct spool_entry *entry);
/*
 * A message that came another way: the files of `m` are taken over. `done` is called once, later, on the
 * loop, with its error and what spool_move_take says; not after move_taker_free. Or an errno at once, and `m`
 * is left.
 */
int move_taker_put(struct move_taker *t, const struct spool_move *m,
    void (*done)(void *arg, const struct spool_move *m), void *arg) __attribute__((warn_unused_result));
/* Takes nothing more. `idle` is called once, on the loop, maybe at once, when all that came is answered. */
void move_taker_end(struct move_taker *t, void (*idle)(void *arg), void *arg);

#endif
