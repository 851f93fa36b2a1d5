/* chores - private header of the files that serve operators' questions and orders about queue and badmail */
#ifndef DELIVER_CHORES_H
#define DELIVER_CHORES_H

#include "deliver/deliver.h"

#define CHORES_ITEMS 512		/* looked at for one page */
#define CHORES_AGES 7

/* One message of a page. */
struct chores_item {
	char id[MESSAGE_ID_SIZE];
	uint32_t record, term;		/* term: which id of the question it is */
	enum pick_state state;
	int64_t due;			/* wall seconds */
	struct spool_badmail bad;	/* badmail only */
	char fresh[MESSAGE_ID_SIZE];	/* out: the id under which it is in the queue again */
	bool matched;
	int error;			/* out */
	struct schedule_order order;
};

struct chores_count { char domain[64]; uint32_t n[CHORES_AGES]; };

/* One question. Its thread and the loop have it in turn. */
struct chores_job {
	TAILQ_ENTRY(chores_job) link;
	struct chores *chores;
	uint32_t request;
	struct chore_ask ask;
	struct chore_page page;
	struct buf text;
	struct chores_item item[CHORES_ITEMS];
	size_t items, looked;		/* looked: how many of them there was time and room for */
	bool by_id;			/* the ids are given: none is searched */
	size_t next;			/* record, or id, to go on from; 0 none */
	size_t started, open;		/* orders */
	bool renounced;			/* nothing can be done: the text says why */
	struct chores_count *count; size_t counts;
};

struct chores {
	struct boot *boot;
	struct spool *spool;
	struct schedule *schedule;
	struct pool_lane *look, *act;
	TAILQ_HEAD(chores_jobs, chores_job) jobs;	/* the first is at work */
	size_t waiting;
	enum chore_state state;		/* OK: takes them */
	void (*idle)(void *arg);	/* it is ending, and none is at work */
	void *idle_arg;
	struct spool *other;		/* where messages were moved to last */
	char other_path[CHORE_PATH_SIZE];
};

/* --- chores: takes questions, one after the other --- */
struct chores *chores_new(struct boot *b, struct pool *pool, struct spool *spool, struct schedule *schedule);
void chores_free(struct chores *c);		/* after pool_free; NULL is fine */
void chores_ready(struct chores *c);		/* the queue has been read */
void chores_bar(struct chores *c, bool locked);	/* another process has the queue; or: has it no more */
/* Takes no more. `idle` (NULL: nobody asks) once the one at work is answered, maybe at once. */
void chores_end(struct chores *c, void (*idle)(void *arg), void *arg);
void chores_take(struct chores *c, const struct ctl_message *m);
void chores_answer(struct chores_job *j);	/* the page is complete; the job is gone then */

/* --- chores_act: does it --- */
void chores_act_begin(struct chores_job *j);	/* on the loop, the matched ones; then chores_answer */
void chores_act_run(void *arg, void **jobs, size_t n);	/* on a thread */
void chores_act_done(void *arg, void *job);

/* --- chores_look: which messages are meant, and what is said of them --- */
void chores_look_gather(struct chores_job *j);	/* on the loop: from the records */
void chores_look_run(void *arg, void **jobs, size_t n);	/* on a thread: from the disk */

/* --- chores_row: messages in lines. On a thread --- */
void chores_row_list(struct chores_job *j, const struct chores_item *i, const struct message_envelope *e);
void chores_row_show(struct chores_job *j, const struct chores_item *i, const struct message_envelope *e, int fd);
void chores_row_badmail(struct chores_job *j, const struct chores_item *i, const struct message_envelope *e);	/* NULL: not known */
void chores_row_badmail_show(struct chores_job *j, const struct chores_item *i, const struct message_envelope *e);
/* False: there is no room for its domains on this page. */
bool chores_row_count(struct chores_job *j, const struct chores_item *i, const struct message_envelope *e);
void chores_row_counts(struct chores_job *j);	/* at the end of the page */

#endif
