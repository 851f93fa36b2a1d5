/* spool_server - what listeners ask: messages into the queue, lines into the protocol log, room */
#ifndef PICKUP_SPOOL_SERVER_SPOOL_SERVER_H
#define PICKUP_SPOOL_SERVER_SPOOL_SERVER_H

#include <stdbool.h>

#include "common/boot/boot.h"
#include "common/msg/msg_spool.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/spool.h"

/* --- disk_reserve: whether the file system of the queue is at its reserve --- */

struct disk_reserve;
/* `changed` is called with `arg` when that has begun or is over. One thread of the pool is for it. */
struct disk_reserve *disk_reserve_new(struct boot *b, struct pool *pool, struct spool *spool,
    void (*changed)(void *arg), void *arg);
void disk_reserve_free(struct disk_reserve *r);		/* after pool_free */
bool disk_reserve_is_short(struct disk_reserve *r);	/* some seconds ago */
void disk_reserve_found(struct disk_reserve *r, const struct spool_room *found);	/* a look, just now */

/* --- local_mail: which accepted mail goes straight into the drop folder, and what is said of it --- */

struct local_mail;
/* NULL: none does, by configuration. From now on `enqueue` takes such mail there. */
struct local_mail *local_mail_new(const struct boot *b, struct enqueue *enqueue);
void local_mail_stop(struct local_mail *k);	/* none does any more. NULL is fine, as for the next */
void local_mail_free(struct local_mail *k);		/* after pool_free */

/* --- log_keep: old files of the protocol log --- */

struct log_keep;
/* NULL: they are kept for ever. It looks at once, and then every hour, on one thread of the pool. */
struct log_keep *log_keep_new(struct boot *b, struct pool *pool);
void log_keep_free(struct log_keep *k);			/* after pool_free; NULL is fine */

/* --- message_channel: the channels on which listeners send messages that go over whole --- */

struct message_channel;
struct message_channel_list;
struct offers;
/* `offers`: what is taken is offered to the next hop before it is stored; NULL: nothing is. Freed by it. */
struct message_channel_list *message_channel_list_new(struct loop *loop, struct enqueue *enqueue,
    struct offers *offers);
void message_channel_list_free(struct message_channel_list *l);	/* ends them; waits for what they write */
bool message_channel_list_is_empty(const struct message_channel_list *l);
/*
 * A new channel; its other end is the caller's. `over` is called once, later, when it has ended: by
 * message_channel_end(), its listener, or itself. NULL and errno.
 */
struct message_channel *message_channel_open(struct message_channel_list *l, int *listener_end,
    void (*over)(void *arg), void *arg);
void message_channel_end(struct message_channel *k);
/* For offers; on any thread, neither waits. A listener that does not read its answers loses the channel. */
void message_channel_answer(struct message_channel *k, const struct msg_spool_queued *answer, size_t n);
void message_channel_refuse(struct message_channel *k, uint32_t request, const char *words);
/* It stays until it is left as often as it was kept. */
void message_channel_keep(struct message_channel *k);
void message_channel_leave(struct message_channel *k);

/* --- offer_state: the states of a message that is offered. Pure --- */

enum offer_state {
	OFFER_OPEN,		/* offered: its client waits */
	OFFER_STORING,		/* its time is over, and it is being committed; its client waits */
	OFFER_SAID,		/* the same, and the client has heard 250, as the next hop has it */
	OFFER_OVER,
};
enum offer_event {
	OFFER_TAKEN, OFFER_REFUSED, OFFER_PUT_OFF,	/* verdicts of deliver, one at most */
	OFFER_GONE,		/* the channel to deliver has ended */
	OFFER_STORE,		/* a thread begins to commit it */
	OFFER_STORED, OFFER_FAILED,	/* file and name are on disk; neither is */
	OFFER_EVENTS
};
enum offer_action {		/* what is to be done, in this order */
	OFFER_SAY_ACCEPTED = 1, OFFER_SAY_REFUSED = 2, OFFER_SAY_ERROR = 4,	/* to the client */
	OFFER_TELL_STORED = 8, OFFER_TELL_GONE = 16,	/* to deliver: what became of the file */
	OFFER_DISCARD = 32,	/* the file is removed; it never was in the queue */
	OFFER_HURRY = 64,	/* there is nothing to wait for: it is due to be committed */
};
unsigned offer_state_step(enum offer_state *state, enum offer_event event);

/* --- offers: messages that are offered to the next hop, and what comes of them --- */

/* `need` is called on the loop when a channel to deliver is wanted (boot_need). */
struct offers *offers_new(struct loop *loop, struct enqueue *enqueue, struct counters *counters,
    void (*need)(void *arg), void *arg);
void offers_free(struct offers *o);		/* stores all that are open. NULL is fine */
void offers_channel(struct offers *o, int fd);	/* takes over `fd` */
/*
 * On any thread. The drafts of `file` that are offered become NULL, and are answered by `k`, with the request
 * of `answer` at their place, later; the others stay.
 */
void offers_make(struct offers *o, struct message_channel *k, struct enqueue_file *file,
    const struct msg_spool_queued *answer, size_t n);

/* --- spool_server --- */

struct spool_server;
/*
 * `changed` is called with `arg` when a question or a channel has ended. Three threads of the pool are for
 * it, besides those of `enqueue`. All must outlive it.
 */
struct spool_server *spool_server_new(const struct boot *b, struct pool *pool, struct enqueue *enqueue,
    struct spool *spool, struct disk_reserve *reserve, void (*changed)(void *arg), void *arg);
void spool_server_close(struct spool_server *k);	/* before pool_free: what drops a draft is a job */
void spool_server_free(struct spool_server *k);		/* after pool_free */
void spool_server_channel(struct spool_server *k, const struct ctl_message *m);	/* CTL_CHANNEL */
void spool_server_deliver(struct spool_server *k, int fd);	/* a channel to deliver, taken over */
bool spool_server_is_idle(const struct spool_server *k);	/* no channel, nothing under way */

#endif
