/*
 * admin - requests from outside: commands about queue and badmail, hosts that ask for mail; one block a file
 */
#ifndef DELIVER_ADMIN_ADMIN_H
#define DELIVER_ADMIN_ADMIN_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/command/msg_queue.h"
#include "common/command/queue_filter.h"
#include "common/ipc/ctl.h"
#include "common/mail/message.h"
#include "common/spool/spool.h"
#include "deliver/evacuate/evacuate.h"
#include "deliver/move/move.h"
#include "deliver/schedule/schedule.h"

struct boot;
struct ctl_message;
struct etrn_server;
struct loop;
struct message_envelope;
struct pool;
struct pool_lane;
struct queue_admin;
struct schedule;
struct spool;
struct trace_server;

#define QUEUE_ADMIN_ITEMS 512		/* messages looked at for one page */
#define QUEUE_ADMIN_AGES 7
#define QUEUE_ADMIN_LINE_MAX 13100	/* bytes of a line of a list, at the most */

/* One message of a page. */
struct queue_admin_item {
	char id[MESSAGE_ID_SIZE];
	uint32_t record, term;		/* term: index of its id in the question */
	enum queue_filter_state state;
	char due[24];			/* wall seconds; "-": it is at work, or waits for no time */
	struct spool_badmail bad;	/* badmail only */
	struct spool_drop_file drop;	/* drop only */
	char new_id[MESSAGE_ID_SIZE];	/* out: the id under which it is in the queue again */
	bool matched;
	int error;			/* out */
	struct schedule_admin command;
};

#define QUEUE_ADMIN_REASON 160	/* bytes */
struct queue_admin_count {
	char domain[64];
	uint32_t n[QUEUE_ADMIN_AGES];
	char reason[QUEUE_ADMIN_REASON];	/* the last error; "": none is known */
};

/* One question, of which a page is made. A thread and the loop have it by turns. */
/* Why messages of a page were left: said once, with how many. */
struct queue_admin_reason {
	char id[64];			/* the first of them */
	char *text;			/* owned */
	uint32_t count;
};

#define QUEUE_ADMIN_REASONS 16		/* of a page; what has another one has a line of its own */

struct queue_admin_job {
	TAILQ_ENTRY(queue_admin_job) link;
	struct queue_admin *queue_admin;
	/* The page is complete: sends it, and frees the job. On the loop. */
	void (*answer)(struct queue_admin_job *j);
	uint32_t request;
	struct msg_queue_ask ask;
	struct msg_queue_page page;
	struct buf text;
	struct queue_admin_item item[QUEUE_ADMIN_ITEMS];
	size_t items, nread;		/* nread: so many of the items were read, in time and room */
	uint64_t tally_end;		/* monotonic ms: no further piece then; 0: not known yet */
	bool by_id;			/* all ids are given in full: the records are not searched */
	size_t next;			/* the next page begins with this record or term; 0: there is none */
	size_t started, open;		/* commands: items gone through, commands at work */
	uint64_t begin_until;		/* evacuate: monotonic ms; the others are the next page's */
	int channel;			/* move: to the owner of the other queue, until it is used; -1 */
	struct queue_admin_count *count; size_t counts;
	struct queue_admin_reason reason[QUEUE_ADMIN_REASONS]; size_t reasons;
	/* destinations whose mail waits for limits that nodes share */
	struct queue_admin_wait { char *key, *why; } *wait; size_t waits;
};

struct queue_admin {
	struct boot *boot;
	struct spool *spool;
	struct schedule *schedule;
	struct pool_lane *select, *act;
	TAILQ_HEAD(queue_admin_jobs, queue_admin_job) jobs;	/* the first is at work */
	size_t waiting;			/* how many jobs there are */
	enum msg_queue_state state;		/* OK: takes questions; else why not */
	char locked[CTL_REASON_MAX];		/* of MSG_QUEUE_LOCKED, for people */
	void (*idle)(void *arg);	/* at the end: no question is at work */
	void *idle_arg;
	struct move_sender *sender;
	struct evacuate_sender *evacuator;	/* NULL: this process speaks to no host. Not owned */
	/* the drop file that was opened last, and by whom: of the thread that selects */
	char opened[SPOOL_DROP_FILE_SIZE], opened_by[LOGIN_NAME_AUTHOR_SIZE];
};

/* --- queue_admin: takes questions, one after the other --- */
struct queue_admin *queue_admin_new(struct boot *b, struct pool *pool, struct spool *spool,
    struct schedule *schedule);
void queue_admin_free(struct queue_admin *c);		/* after pool_free; NULL is fine */
void queue_admin_ready(struct queue_admin *c);		/* the queue has been read */
/* `why`, for people: another process has the queue. NULL: this one has it, and reads it. */
void queue_admin_bar(struct queue_admin *c, const char *why);
/* Takes no more. Calls `idle`, unless NULL, once the question at work is answered, maybe at once. */
void queue_admin_end(struct queue_admin *c, void (*idle)(void *arg), void *arg);
void queue_admin_take(struct queue_admin *c, const struct ctl_message *m);

/* --- queue_admin_act: does what a command says --- */
/* On the loop, to the matched messages; then j->answer. */
void queue_admin_act_begin(struct queue_admin_job *j);
void queue_admin_act_run(void *arg, void **jobs, size_t n);	/* on a thread */
void queue_admin_act_done(void *arg, void *job);

/* --- queue_admin_select: which messages are meant --- */
void queue_admin_select_gather(struct queue_admin_job *j);	/* on the loop: from the records */
/* On the loop: there is a next piece of a tally, and time for it. Gather it. */
bool queue_admin_select_again(struct queue_admin_job *j);
void queue_admin_select_run(void *arg, void **jobs, size_t n);	/* on a thread: from the disk */

/* --- queue_admin_waits: why a message that is due is not tried --- */
void queue_admin_waits_gather(struct queue_admin_job *j);	/* on the loop */
void queue_admin_waits_free(struct queue_admin_job *j);
/* Adds the words; false: no reason beside its note. On a thread. */
bool queue_admin_waits_word(const struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e, struct buf *word);

/* --- queue_admin_rows: messages as lines of a page. On a thread --- */
void queue_admin_rows_list(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e);
void queue_admin_rows_show(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e, int fd);
/* `e` NULL: the envelope is not known. */
void queue_admin_rows_badmail(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e);
void queue_admin_rows_badmail_show(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e);
void queue_admin_rows_drop(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e);
void queue_admin_rows_drop_show(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e, int fd);
void queue_admin_rows_drop_piece(struct queue_admin_job *j, const struct queue_admin_item *i,
    const char *text);
/* False: there is no room for its domains on this page. */
bool queue_admin_rows_count(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e);
void queue_admin_rows_counts(struct queue_admin_job *j);	/* at the end of the page */

/* --- queue_admin_drop: files of the drop folder, the newest first. On a thread --- */
void queue_admin_drop_select(struct queue_admin_job *j);
void queue_admin_drop_delete(struct queue_admin_job *j);

/* --- trace_server: searches in the event log, whose files come from the master --- */
struct trace_server *trace_server_new(struct boot *b, struct pool *pool);
void trace_server_free(struct trace_server *t);		/* after pool_free; NULL is fine */
void trace_server_take(struct trace_server *t, const struct ctl_message *m);

/* --- offer_server: messages that pickup offers before they are stored --- */
struct offer_server;
struct ctl_channel;
/* `ready`, while false: all are put off, as the queue is not read. */
struct offer_server *offer_server_new(struct loop *l, struct schedule *s, const bool *ready);
/* Of a pickup. */
void offer_server_channel(struct offer_server *k, const struct ctl_message *m, const struct ctl_channel *of);
void offer_server_free(struct offer_server *k);		/* before schedule_free */

/* --- etrn_server: answers the listeners' ETRN and ATRN requests --- */
struct etrn_server *etrn_server_new(struct loop *l, struct schedule *s);
/* A CTL_CHANNEL of a listener. */
void etrn_server_channel(struct etrn_server *k, const struct ctl_message *m, const struct ctl_channel *of);
void etrn_server_evacuations(struct etrn_server *k, struct evacuate_taker *t);	/* not owned */
/* `open`: the queue is read. Else the worker ends: the answer is MSG_ETRN_LATER. */
void etrn_server_open(struct etrn_server *k, bool open);
void etrn_server_free(struct etrn_server *k);

#endif
