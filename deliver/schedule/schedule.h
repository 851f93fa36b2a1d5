/* schedule - which message is tried now; one block a file */
#ifndef DELIVER_SCHEDULE_SCHEDULE_H
#define DELIVER_SCHEDULE_SCHEDULE_H

#include <assert.h>
#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/ipc/msg_etrn.h"
#include "common/mail/message.h"
#include "common/mail/verdict.h"
#include "common/rules/route.h"

struct badmail;
struct config_server;
struct counters;
struct destination;
struct drop;
struct enqueue;
struct expand;
struct loop;
struct loop_timer;
struct msg_etrn;
struct outbound;
struct pool;
struct pool_lane;
struct queue_filter;
struct queue_scan;
struct report;
struct result;
struct route;
struct route_answer;
struct schedule_dests;
struct schedule_index;
struct active_message;
struct schedule_recover;
struct active_recipient;
struct spool;
struct spool_entry;

/* --- schedule_index: a record a message, by id and by due time. Pure --- */

enum schedule_state {
	RECORD_FREE, RECORD_FRESH, RECORD_WAITING, RECORD_PARKED, RECORD_LOADED,
	RECORD_RESTING,		/* held by an operator, in no list */
	/*
	 * Still in the list of fresh or parked ones, which is to pass it over: held, or an order is at work
	 * on it
	 */
	RECORD_ASIDE,
	RECORD_GONE,		/* the same; its message is gone */
};
enum schedule_flag {
	RECORD_KNOWN = 1, RECORD_DELAYED = 2, RECORD_RETRY = 4, RECORD_HOT = 8, RECORD_NOTED = 16,
	RECORD_HELD = 128,	/* held by an operator; one that is loaded rests after its round */
	/* Kept by each of its destinations that hold; see schedule_index_set_backlog */
	RECORD_BACKLOG = 32,
	/*
	 * At work, and asked for by some of its destinations: see stock.wanted. With HELD: for
	 * etrn_backlog_tidy alone
	 */
	RECORD_WANTED = 64,
};

struct schedule_record {		/* 32 bytes */
	uint64_t time;			/* the id, packed */
	uint32_t chance;
	uint32_t due;			/* wall seconds */
	uint32_t heap;			/* place in the heap from 1; 0 not in it */
	uint32_t chain;			/* next of the hash chain */
	uint32_t next;			/* of the list it is parked in, or of the fresh ones */
	uint32_t state : 3, flags : 8, attempts : 8, quick : 2;
	/* waiting: its destination is away (schedule_recover); 0: it waits for its own time */
	uint32_t tag : 11;
};
#define SCHEDULE_TAGS 2048
#define SCHEDULE_QUICK_MAX 3		/* more are not counted in a record */
static_assert(sizeof(struct schedule_record) == 32, "a record a queued message");

struct schedule_index *schedule_index_new(void);
void schedule_index_free(struct schedule_index *x);
size_t schedule_index_count(const struct schedule_index *x);
uint32_t schedule_index_last(const struct schedule_index *x);		/* the highest number there is */
size_t schedule_index_bytes(const struct schedule_index *x);		/* memory in use */
/* Records have numbers from 1; 0 is none. A pointer is valid until the next add. */
uint32_t schedule_index_find(const struct schedule_index *x, const char *id);
/* A new record, not yet waiting; the id must not be there */
uint32_t schedule_index_add(struct schedule_index *x, const char *id);
void schedule_index_remove(struct schedule_index *x, uint32_t n);
struct schedule_record *schedule_index_at(const struct schedule_index *x, uint32_t n);
void schedule_index_id(const struct schedule_index *x, uint32_t n, char id[MESSAGE_ID_SIZE]);
/* Waits in the heap till `due` */
void schedule_index_wait(struct schedule_index *x, uint32_t n, uint32_t due);
void schedule_index_take(struct schedule_index *x, uint32_t n);		/* out of the heap */
uint32_t schedule_index_first(const struct schedule_index *x);		/* earliest due, then oldest */
/*
 * Makes waiting records whose tag is in `tags` due, some thousands of them at a time, beginning with number
 * `from`. Returns where to go on; 0: these were the last.
 */
uint32_t schedule_index_wake(struct schedule_index *x, uint32_t from, const bool tags[SCHEDULE_TAGS],
    uint32_t due);
/* None waits longer than `due` but what is only held */
void schedule_index_all_due(struct schedule_index *x, uint32_t due);
void schedule_index_bound(struct schedule_index *x, uint32_t due);	/* none at all */
/* Sets or clears RECORD_BACKLOG */
void schedule_index_set_backlog(struct schedule_index *x, uint32_t n, bool held);
size_t schedule_index_backlog(const struct schedule_index *x);
/* The same with RECORD_HELD */
void schedule_index_set_held(struct schedule_index *x, uint32_t n, bool frozen);
size_t schedule_index_held(const struct schedule_index *x);

/* --- etrn_backlog: records that a destination keeps until they are asked for, oldest first. Pure --- */
struct etrn_backlog {
	uint32_t *record;
	size_t first, count, size;
	size_t gone;			/* entries whose record may have gone, since the last tidying */
	uint32_t *wanted;		/* records that were at work when they were asked for */
	size_t nwanted, wanted_size;
};

void etrn_backlog_done(struct etrn_backlog *k);
/* `*asked` (of the first ones) follows when the list is tidied. */
void etrn_backlog_add(struct etrn_backlog *k, struct schedule_index *x, uint32_t record, size_t *asked);
/* The first of the asked ones that waits, out of its heap; 0 none: `*asked` is 0 then. */
uint32_t etrn_backlog_take(struct etrn_backlog *k, struct schedule_index *x, size_t *asked);
/* Forgets what is kept no more, or twice */
void etrn_backlog_tidy(struct etrn_backlog *k, struct schedule_index *x, size_t *asked);
bool etrn_backlog_wants(const struct etrn_backlog *k, uint32_t record);
bool etrn_backlog_unwant(struct etrn_backlog *k, uint32_t record);	/* false: it was not wanted */
void etrn_backlog_unwant_all(struct etrn_backlog *k);

/* --- schedule_dest: destinations in use, and the records that wait for each --- */
struct schedule_dest {
	struct schedule_dest *chain;
	TAILQ_ENTRY(schedule_dest) waiting;	/* among those with parked or asked records */
	TAILQ_ENTRY(schedule_dest) hold_link;	/* among those that hold */
	struct destination d;
	bool local, directory;
	size_t active;			/* portions at work */
	size_t coming;			/* records taken off the parked list and not yet sent */
	size_t held;			/* results of loaded messages that point here */
	size_t parked;
	uint32_t first, last;
	bool hold;			/* has mail of a domain that is asked for */
	struct etrn_backlog kept;		/* what waits so */
	size_t asked;			/* the first so many of the kept are to be tried now */
	const struct destination *turn;	/* what is asked for goes there; NULL: as usual */
	bool barred;			/* that connection has ended: who is still on its way to it stays */
	uint64_t probed;		/* down: when the last try began (monotonic ms) */
	/* Down, and a portion is at work: its end tells whether the parked ones may go */
	bool stalled;
	struct verdict failure;		/* the last one that was for later */
	uint64_t stamp; size_t group;	/* for grouping */
};

struct schedule_dests *schedule_dest_table_new(struct schedule_index *index);
void schedule_dest_table_free(struct schedule_dests *t);
struct schedule_dest *schedule_dest_find(const struct schedule_dests *t, const char *key);
struct schedule_dest *schedule_dest_add(struct schedule_dests *t, const struct destination *d);	/* copied */
/* Frees it when nobody needs it */
void schedule_dest_check(struct schedule_dests *t, struct schedule_dest *d);
void schedule_dest_park(struct schedule_dests *t, struct schedule_dest *d, uint32_t record);
/* A new one: it holds its mail */
void schedule_dest_hold(struct schedule_dests *t, struct schedule_dest *d);
void schedule_dest_keep(struct schedule_dests *t, struct schedule_dest *d, uint32_t record);
/* Some of the kept ones are gone */
void schedule_dest_tidy(struct schedule_dests *t, struct schedule_dest *d);
/* The kept ones are to be tried now: how many. */
size_t schedule_dest_ask(struct schedule_dests *t, struct schedule_dest *d);
/* No more of them: its host cannot be reached */
void schedule_dest_calm(struct schedule_dests *t, struct schedule_dest *d);
/* What was asked for and has not gone is held again */
void schedule_dest_bar(struct schedule_dests *t, struct schedule_dest *d);
/* Something of it is being tried, or about to be: what comes now goes along. */
bool schedule_dest_is_asked(const struct schedule_dest *d);
/* NULL: the first */
struct schedule_dest *schedule_dest_next_hold(const struct schedule_dests *t, const struct schedule_dest *d);
/*
 * The next record, destination after destination, of one not stalled whose active + coming is below `share`;
 * 0 none. Counts it as coming.
 */
uint32_t schedule_dest_unpark(struct schedule_dests *t, size_t share, struct schedule_dest **d);
size_t schedule_dest_parked(const struct schedule_dests *t);
/*
 * How many messages one destination may have at work while `counted` of `window` places are taken: as many as
 * are free, so that no destination fills the window.
 */
size_t schedule_dest_share(size_t window, size_t counted);
uint64_t schedule_dest_stamp(struct schedule_dests *t);

/* --- schedule: which messages are at work; fair shares of the window --- */

struct schedule_setup {
	struct loop *loop;
	const struct config_server *server;
	struct counters *counters;
	struct spool *spool;
	struct pool *pool;
	struct enqueue *enqueue;
	struct outbound *remote;		/* not used by unit tests that send nothing there */
	struct expand *expand;		/* NULL: no directory */
	struct badmail *badmail;
	size_t window;			/* messages loaded at a time */
	/* Nothing is tried, whatever is due: only operators' orders are done */
	bool at_rest;
};

struct schedule {
	struct schedule_setup set;
	struct schedule_index *index;
	struct schedule_dests *dests;
	struct schedule_dest *local;
	struct schedule_dest *directory;	/* where local recipients go first; NULL: to local */
	struct route *route;
	struct drop *drop;
	struct report *report;
	struct result *settle;
	struct schedule_recover *wake;
	struct loop_timer *timer;
	struct pool_lane *load, *move;
	TAILQ_HEAD(, active_message) messages;
	size_t loaded, recipients;	/* in memory */
	size_t loading;			/* of the loaded: by a thread */
	uint32_t fresh_first, fresh_last;	/* records of what came since, in order */
	bool fresh_turn;			/* the next one is one of these */
	size_t remote_held, local_held, retrying;
	size_t buried;			/* records of messages that are gone, still in a list */
	LIST_HEAD(, atrn) turns;
	int64_t started_us;
	/* How far the wall clock was ahead of the monotonic one when last looked at; 0 never */
	int64_t ahead_us;
	bool draining;
	void (*idle)(void *arg);
	void *idle_arg;
};

struct schedule *schedule_new(const struct schedule_setup *setup,
    const char **why) __attribute__((warn_unused_result));
void schedule_free(struct schedule *s);		/* after pool_free and outbound_free */
void schedule_hint(struct schedule *s, const char *id);			/* new in the queue */
void schedule_found(struct schedule *s, const struct spool_entry *entry);	/* by a scan */
void schedule_go(struct schedule *s);			/* after any number of the two above */
void schedule_retry_all(struct schedule *s);
/* What there is, for the counters: at each turn, and when an operator hears of his order */
void schedule_count(const struct schedule *s);
/* Loads no more; `idle` once all loaded are settled, maybe at once. */
void schedule_drain(struct schedule *s, void (*idle)(void *arg), void *arg);

/* --- schedule_message --- */
struct active_message *schedule_message_new(struct schedule *s, uint32_t record, struct schedule_dest *only);
void schedule_message_free(struct active_message *m);
void schedule_message_load(struct active_message *m);	/* by a thread, then schedule_load_judge */

/* --- schedule_load: reads a message and judges whether it may be tried --- */
void schedule_load_read(struct active_message *m);	/* any thread; touches the message alone */
/* On the loop; goes on to schedule_attempt, schedule_admin or result */
void schedule_load_judge(struct active_message *m);

/* --- schedule_route: where each recipient of a message goes --- */
void schedule_route(struct active_message *m);
struct schedule_dest *schedule_route_hosts(struct schedule *s, const struct destination *d);
/* From now on it goes there */
void schedule_route_point(struct active_message *m, struct active_recipient *r, struct schedule_dest *dest);

/* --- schedule_attempt: one round of a message: groups by destination, portions, results --- */
void schedule_attempt_begin(struct active_message *m);
/* One of a recipient for later that cannot be reached now; NULL none */
struct schedule_dest *schedule_attempt_away(const struct active_message *m);
void schedule_attempt_free(struct active_message *m);	/* portions at work, too, once nobody works on them */

/* --- schedule_clock: due times are of the wall clock --- */
uint32_t schedule_clock_now(void);		/* wall seconds */
uint32_t schedule_clock_latest(const struct schedule *s, uint32_t now);	/* nothing is due later */
void schedule_clock_look(struct schedule *s);	/* was it set back? Then what waits is due by then */

/* --- schedule_recover: mail of destinations that were away --- */
/* `woken`: records were made due. */
struct schedule_recover *schedule_recover_new(struct schedule *s, void (*woken)(struct schedule *s));
void schedule_recover_free(struct schedule_recover *w);
/* The waiting record is for a destination that cannot be reached now. */
void schedule_recover_sleep(struct schedule_recover *w, uint32_t record, const struct schedule_dest *d);
/* The destination answers: what sleeps for it is made due soon. */
void schedule_recover_up(struct schedule_recover *w, const struct schedule_dest *d);

/* --- schedule_etrn: mail that is held until its host asks for it (hold = yes) --- */
/*
 * `pattern`: "example.com", or "*.example.com" for all below it. What is held for such domains is tried now,
 * once: how many messages. `*running` becomes true when some are being tried already.
 */
size_t schedule_etrn(struct schedule *s, const char *pattern, bool *running);
/* Among the held ones from now on: the message waits for all of its destinations that are to be asked for. */
void schedule_etrn_keep(struct active_message *m);
/*
 * Asked for while it was at work in this round: whose turn it is now; the record stays wanted by others.
 * NULL: it is not wanted.
 */
struct schedule_dest *schedule_etrn_wanted(struct active_message *m);
void schedule_etrn_unwant(struct schedule *s, uint32_t record);	/* by nobody */
/* Its record, with these flags, is gone. */
void schedule_etrn_forget(struct active_message *m, unsigned flags);
const char *schedule_etrn_domain(const struct schedule_dest *d);	/* whose held mail it has */
/* The place of a domain's held mail, made when there is none. */
struct schedule_dest *schedule_etrn_dest(struct schedule *s, const char *domain,
    const struct route_answer *a);

/* --- schedule_admin: what operators do to single messages --- */
enum schedule_admin_kind { SCHEDULE_DELETE, SCHEDULE_BOUNCE, SCHEDULE_MOVE };
enum schedule_admin_result { SCHEDULE_DONE, SCHEDULE_BUSY, SCHEDULE_GONE, SCHEDULE_FAILED };

struct schedule_admin {
	enum schedule_admin_kind kind;
	char id[MESSAGE_ID_SIZE];
	unsigned uid;
	const struct queue_filter *pick;	/* delete, bounce: only the recipients it means */
	const char *reason;		/* bounce: for the sender */
	struct spool *to;		/* move: where, and its name */
	const char *to_name;
	enum schedule_admin_result result;	/* out */
	int error;			/* out: of SCHEDULE_FAILED */
	size_t recipients;		/* out: that it was for */
	/* Once, on the loop; only when begin said so */
	void (*done)(void *arg, struct schedule_admin *o);
	void *arg;
};

/* SCHEDULE_DONE: `done` will be called. Else nothing is done: it is at work, or gone. */
enum schedule_admin_result schedule_admin_begin(struct schedule *s, struct schedule_admin *o);
/* Once spool_hold() has said so on the disk. One at work rests after its round. False: gone. */
bool schedule_admin_hold(struct schedule *s, const char *id, bool held);
/* Due now, if it waits for its time. False: gone. */
bool schedule_admin_retry(struct schedule *s, const char *id);
/* For schedule alone: */
void schedule_admin_apply(struct active_message *m);	/* it is loaded */
void schedule_admin_end(struct active_message *m);
void schedule_admin_run_move(void *arg, void **jobs, size_t n);
void schedule_admin_moved(void *arg, void *job);
/* Put back: held, or in its list all the time */
void schedule_admin_rest(struct schedule *s, uint32_t n, uint32_t due);
/* Just off its list: not for work */
bool schedule_admin_is_aside(struct schedule *s, uint32_t n, struct schedule_dest *d);
void schedule_admin_bury(struct schedule *s, uint32_t n);
void schedule_admin_unbury(struct schedule *s, uint32_t n);	/* a message of that id is in the queue */

/* --- atrn: held mail that goes down the connection of the host that asked for it (ATRN, TURN) --- */
/* MSG_ETRN_STARTED: `*fd`, to be handed on, is the far end of it. */
enum msg_etrn_result atrn_begin(struct schedule *s, const struct msg_etrn *p, size_t *messages, int *fd);
void atrn_look(struct schedule *s);	/* ends those with no more mail */
void atrn_free(struct schedule *s);

/* --- queue_scan: reads the queue folder in a pool thread and tells the loop in thousands --- */

struct queue_scan *queue_scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    /* Total -errno: failed */
    void (*found)(void *arg, const struct spool_entry *entry, size_t n),
    void (*end)(void *arg, ssize_t total, uint64_t ms), void *arg);
bool queue_scan_start(struct queue_scan *s, bool all);	/* one at a time; false: one is running */
/* The running one ends soon; before pool_free */
void queue_scan_stop(struct queue_scan *s);
void queue_scan_free(struct queue_scan *s);			/* after pool_free */

#endif
