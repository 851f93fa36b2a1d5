/* schedule - which message is tried now; one block a file */
#ifndef DELIVER_SCHEDULE_SCHEDULE_H
#define DELIVER_SCHEDULE_SCHEDULE_H

#include <assert.h>
#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/mail/message.h"
#include "common/mail/verdict.h"
#include "common/msg/msg_etrn.h"
#include "common/msg/msg_offer.h"
#include "common/rules/route.h"

struct active_message;
struct active_recipient;
struct ebb;
struct loop;
struct pool;
struct queue_filter;
struct queue_scan;
struct schedule;
struct schedule_dests;
struct schedule_index;
struct schedule_recover;
struct signing;
struct spool;
struct spool_entry;

/* --- schedule_record: what is kept in memory of each queued message. Pure --- */
/* Which event leads from which state to which is a table in schedule_record.c. */
enum schedule_state {
	RECORD_FREE,		/* the record is not in use */
	RECORD_NEW,		/* in the list of what has just come */
	RECORD_WAITING,		/* in the heap, until it is due */
	RECORD_PARKED,		/* in the list of a destination, until that has a place */
	RECORD_LOADED,		/* an active message; in no list */
	RECORD_STOPPED,		/* held by an operator; in no list */
	RECORD_SKIPPED,		/* held, or a command is at work on it; a list still names it and skips it */
	RECORD_GONE,		/* its message is gone; a list still names it and skips it */
	RECORD_STATES
};

enum schedule_event {
	EVENT_ADD,		/* the record is made */
	EVENT_NEW,		/* it goes into the list of what has just come */
	EVENT_WAIT,		/* it goes into the heap */
	EVENT_PARK,		/* it goes into the list of a destination */
	EVENT_LOAD,		/* taken off heap or list for an attempt */
	EVENT_COMMAND,		/* loaded for a command; lists still name it */
	EVENT_HOLD,		/* an operator stops it */
	EVENT_RELEASE,		/* an operator lets it go on */
	EVENT_BACK,		/* a command is over, a list still names the record */
	EVENT_BACK_HELD,	/* a round is over, and the message is held */
	EVENT_REACH,		/* its list has come to it while a command is at work */
	EVENT_REACH_HELD,	/* its list has come to it while it is held */
	EVENT_GONE,		/* the message is gone, a list still names the record */
	EVENT_AGAIN,		/* a message of this id is in the queue again */
	EVENT_REMOVE,		/* the record is freed */
	RECORD_EVENTS
};

enum schedule_flag {		/* beside the state */
	RECORD_KNOWN = 1,	/* attempts, quick and RECORD_DELAYED are as in the note */
	RECORD_DELAYED = 2,	/* the delay report was made */
	RECORD_RETRY = 4,	/* waits for a retry; counted */
	RECORD_CACHED = 8,	/* came a moment ago: its file is in the page cache */
	RECORD_NOTED = 16,	/* there is a note */
	RECORD_BACKLOG = 32,	/* waits for ETRN in the backlog of its destinations; counted */
	RECORD_ETRN = 64,	/* its host asked while it was at work: see etrn_backlog.missed */
	RECORD_HELD = 128,	/* held by an operator; counted. One at work is stopped after its round */
};

#define SCHEDULE_TAGS 2048U
#define SCHEDULE_KEPT_MAX 64		/* small files kept in memory until they are sent: at most 1 MiB */
#define SCHEDULE_QUICK_MAX 3		/* more are not counted in a record */

struct schedule_record {		/* 32 bytes */
	uint64_t time;			/* with chance: the id, packed */
	uint32_t chance : 25;
	uint32_t listed : 1, trouble : 3;	/* by etrn_backlog_tidy; rounds in a row spoilt by us */
	uint32_t paused : 1, local : 1;		/* local: its retry is for local recipients alone */
	uint32_t due;			/* wall seconds */
	uint32_t heap;			/* place in the heap from 1; 0 not in it */
	uint32_t chain;			/* next of the hash chain */
	uint32_t next;			/* of the list it is in */
	uint32_t state : 3, flags : 8, attempts : 8, quick : 2;
	uint32_t tag : 11;		/* of the destination that is down; 0: waits for its own time */
};
static_assert(sizeof(struct schedule_record) == 32, "a record a queued message");

void schedule_record_event(struct schedule_record *r, enum schedule_event event);
void schedule_record_set(struct schedule_record *r, enum schedule_flag flag, bool on);
void schedule_record_retry(struct schedule_record *r, size_t retrying[2], bool retry, bool local);

/* --- schedule_index: records by id and by due time. Pure --- */
struct schedule_index *schedule_index_new(void);
void schedule_index_free(struct schedule_index *x);
size_t schedule_index_count(const struct schedule_index *x);
uint32_t schedule_index_last(const struct schedule_index *x);		/* the highest number there is */
size_t schedule_index_bytes(const struct schedule_index *x);		/* memory in use; for tests */
/* Records have numbers from 1; 0 is none. A pointer stays valid until its record is removed. */
uint32_t schedule_index_find(const struct schedule_index *x, const char *id);
uint32_t schedule_index_add(struct schedule_index *x, const char *id);	/* in no list; the id must be new */
void schedule_index_remove(struct schedule_index *x, uint32_t n);
struct schedule_record *schedule_index_at(const struct schedule_index *x, uint32_t n);
void schedule_index_id(const struct schedule_index *x, uint32_t n, char id[MESSAGE_ID_SIZE]);
void schedule_index_wait(struct schedule_index *x, uint32_t n, uint32_t due);	/* in the heap until `due` */
void schedule_index_take(struct schedule_index *x, uint32_t n);		/* out of the heap */
uint32_t schedule_index_first(const struct schedule_index *x);		/* earliest due, then oldest */
/* Makes waiting records whose tag is in `tags` due, some thousands from `from` on: where to go on; 0: all. */
uint32_t schedule_index_make_due(struct schedule_index *x, uint32_t from, const bool tags[SCHEDULE_TAGS],
    uint32_t due);
/* No record waits longer than `due`, except for a backlog without retries. */
void schedule_index_all_due(struct schedule_index *x, uint32_t due);
void schedule_index_limit_due(struct schedule_index *x, uint32_t due);	/* the same without exception */
void schedule_index_set_backlog(struct schedule_index *x, uint32_t n, bool on);	/* RECORD_BACKLOG */
size_t schedule_index_backlog(const struct schedule_index *x);			/* how many have it */
void schedule_index_set_held(struct schedule_index *x, uint32_t n, bool on);	/* RECORD_HELD */
size_t schedule_index_held(const struct schedule_index *x);

/* --- etrn_backlog: the records of a destination that wait for ETRN, oldest first. Pure --- */
struct etrn_backlog {
	uint32_t *record;
	size_t first, count, size;
	size_t gone;			/* entries whose record may have gone, since the last tidying */
	uint32_t *missed;		/* records that were at work when their host asked */
	size_t nmissed, missed_size;
};

/* `*started`: the first so many are to be tried now; it follows when entries leave. */
void etrn_backlog_done(struct etrn_backlog *k);
void etrn_backlog_add(struct etrn_backlog *k, struct schedule_index *x, uint32_t record, size_t *started);
/* The first started one that still waits, out of the heap; 0 none: `*started` is 0 then. */
uint32_t etrn_backlog_take(struct etrn_backlog *k, struct schedule_index *x, size_t *started);
/* Forgets entries whose record left, and second ones of the same record. */
void etrn_backlog_tidy(struct etrn_backlog *k, struct schedule_index *x, size_t *started);
bool etrn_backlog_is_missed(const struct etrn_backlog *k, uint32_t record);
bool etrn_backlog_forget_missed(struct etrn_backlog *k, uint32_t record);	/* false: was not missed */
void etrn_backlog_forget_all_missed(struct etrn_backlog *k);

/* --- schedule_dest: destinations in use, and the records that wait for each --- */
struct schedule_dest {
	struct schedule_dest *chain;
	TAILQ_ENTRY(schedule_dest) waiting;	/* among those with parked or started records */
	TAILQ_ENTRY(schedule_dest) etrn_link;	/* among those with `etrn` */
	struct destination d;
	bool local, directory;
	size_t active, places;		/* portions at work; the most that its hosts can use soon */
	size_t loading;			/* records taken off its lists whose message is not loaded yet */
	size_t refs;			/* recipients of loaded messages that point here, and `only`s */
	size_t parked;
	uint32_t first, last;		/* of the parked records */
	bool etrn;			/* is for a domain whose mail waits for ETRN */
	struct etrn_backlog backlog;
	size_t started;			/* the first so many of the backlog are to be tried now */
	const struct destination *atrn;	/* the connection of the host that asked (ATRN); NULL: none */
	bool atrn_ended;		/* it has ended: what was loaded for it stays in the backlog */
	uint64_t probed;		/* a directory that is down: when the last try began (monotonic ms) */
	bool probe_now;			/* whenever the last try was */
	bool probing;			/* down, and a portion finds out whether it still is */
	struct verdict failure;		/* the last one that was for later */
	uint64_t stamp; size_t group;	/* for grouping */
};

struct schedule_dests *schedule_dest_table_new(struct schedule_index *index);
void schedule_dest_table_free(struct schedule_dests *t);
struct schedule_dest *schedule_dest_find(const struct schedule_dests *t, const char *key);
struct schedule_dest *schedule_dest_add(struct schedule_dests *t, const struct destination *d);	/* copied */
void schedule_dest_check(struct schedule_dests *t, struct schedule_dest *d);	/* frees an unused one */
void schedule_dest_park(struct schedule_dests *t, struct schedule_dest *d, uint32_t record);
void schedule_dest_set_etrn(struct schedule_dests *t, struct schedule_dest *d);	/* of a new one */
void schedule_dest_add_backlog(struct schedule_dests *t, struct schedule_dest *d, uint32_t record);
void schedule_dest_tidy_backlog(struct schedule_dests *t, struct schedule_dest *d);
/* Start: all of the backlog is to be tried now; returns how many. Stop: what was not tried waits again. */
size_t schedule_dest_start_backlog(struct schedule_dests *t, struct schedule_dest *d);
void schedule_dest_stop_backlog(struct schedule_dests *t, struct schedule_dest *d);
void schedule_dest_end_atrn(struct schedule_dests *t, struct schedule_dest *d);	/* stops all of it */
bool schedule_dest_is_busy(const struct schedule_dest *d);	/* some of its mail is at work, or is next */
/* The next one with `etrn`; NULL: the first. */
struct schedule_dest *schedule_dest_next_etrn(const struct schedule_dests *t, const struct schedule_dest *d);
/* The next record, in turn, of a destination with less than `share` at work; 0 none. Counts it as loading. */
uint32_t schedule_dest_unpark(struct schedule_dests *t, size_t share, struct schedule_dest **d);
size_t schedule_dest_parked(const struct schedule_dests *t);
/* As many places as are free while `counted` of `window` are taken: no destination fills the window. */
size_t schedule_dest_share(size_t window, size_t counted);
uint64_t schedule_dest_stamp(struct schedule_dests *t);	/* a new one, to tell what was met in this walk */

/* --- schedule: which messages are at work; fair shares of the window --- */
struct schedule_setup {
	struct loop *loop;
	const struct config_server *server;
	struct counters *counters;
	struct spool *spool;
	struct pool *pool;
	struct enqueue *enqueue;
	struct outbound *outbound;	/* NULL: unit tests that send nothing there */
	struct expand *expand;		/* NULL: no directory */
	struct signing *signing;	/* NULL: no mail is signed */
	struct badmail *badmail;
	size_t window;			/* messages loaded at a time */
	bool at_rest;			/* nothing is tried, whatever is due: only commands are done */
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
	struct result *result;
	struct schedule_recover *recover;
	struct loop_timer *timer;
	struct ebb *ebb;		/* of what is loaded */
	struct pool_lane *load;
	TAILQ_HEAD(, active_message) messages;
	size_t loaded, recipients;	/* in memory */
	size_t loading, kept;		/* of the loaded: by a thread; may keep a small file in memory */
	uint32_t new_first, new_last;	/* the list of RECORD_NEW, in order of coming */
	bool new_next;			/* the next record is one of these */
	size_t counted[2];		/* messages at work: [0] remote, against the window, [1] local */
	size_t retrying[2];		/* records with RECORD_RETRY: [0] remote or not known, [1] local */
	size_t ngone;			/* records that are RECORD_GONE */
	LIST_HEAD(, atrn) atrns;
	LIST_HEAD(, schedule_offer) offers;
	unsigned atrns_made;		/* numbers their connections */
	int64_t started_us;
	int64_t ahead_us;		/* wall clock minus monotonic one at the last check; 0 none yet */
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
bool schedule_has_room(const struct schedule *s);	/* for one more loaded message */
void schedule_retry_all(struct schedule *s);
void schedule_drop_is_back(struct schedule *s);		/* what waits for the drop folder is due */
void schedule_count(const struct schedule *s);		/* sets the counters of the queue */
/* Loads no more; `idle` once all loaded messages are settled, maybe at once. */
void schedule_drain(struct schedule *s, void (*idle)(void *arg), void *arg);

/* --- schedule_route: where each recipient of a message goes --- */
#define SCHEDULE_PAUSED "paused by an operator"	/* the reason of a recipient that is not tried */
void schedule_route(struct active_message *m);
/* The key of the hosts of this recipient, to be freed; NULL: it goes to none now. Any thread. */
char *schedule_route_key(const struct schedule *s, const struct message_envelope *e, size_t i);
/* As the message wants it: see route_want. */
struct schedule_dest *schedule_route_hosts(struct active_message *m, const struct destination *d);
void schedule_route_point(struct active_message *m, struct active_recipient *r, struct schedule_dest *dest);

/* --- schedule_offer: a message that is tried before it is in the queue, see msg_offer.h --- */
/* What came of the attempt, once, perhaps before schedule_offer() returns. `words`: of a refusal. */
typedef void schedule_offer_tell(void *arg, enum msg_offer_what what, const char *words);
/* Takes over `fd`, the file. NULL: it is not tried now, and `tell` was not called. */
struct schedule_offer *schedule_offer(struct schedule *s, const char *id, int fd, schedule_offer_tell *tell,
    void *arg);
/* What became of the file; the offer is no more. `tell` is not called any more after any of these. */
void schedule_offer_stored(struct schedule_offer *o);
void schedule_offer_gone(struct schedule_offer *o);
void schedule_offer_left(struct schedule_offer *o);	/* that is not known: its owner has ended */

/* --- schedule_clock: due times are of the wall clock --- */
uint32_t schedule_clock_now(void);		/* wall seconds */
uint32_t schedule_clock_latest(const struct schedule *s, uint32_t now);	/* no record is due later */
void schedule_clock_check(struct schedule *s);	/* when it was set back, records are due by then */

/* --- schedule_recover: mail of a destination that is back --- */
/* `on_due`: records were made due. */
struct schedule_recover *schedule_recover_new(struct schedule *s, void (*on_due)(struct schedule *s));
void schedule_recover_free(struct schedule_recover *w);
/* The waiting record is for a destination that is down. */
void schedule_recover_add(struct schedule_recover *w, uint32_t record, const struct schedule_dest *d);
/* The destination answers: what was added for it is due soon. */
void schedule_recover_back(struct schedule_recover *w, const struct schedule_dest *d);

/* --- schedule_etrn: mail that waits until its host asks with ETRN or ATRN (hold = yes) --- */
/*
 * `pattern`: "example.com", or "*.example.com" for all below it. The backlog of such domains is tried now,
 * once: how many messages. `*running` becomes true when some are being tried already.
 */
size_t schedule_etrn(struct schedule *s, const char *pattern, bool *running);
void schedule_etrn_add(struct active_message *m);	/* into the backlog of its destinations */
/* A destination that asked while the message was at work, whose turn is next; NULL none. */
struct schedule_dest *schedule_etrn_missed(struct active_message *m);
void schedule_etrn_forget_missed(struct schedule *s, uint32_t record);
void schedule_etrn_forget(struct active_message *m, unsigned flags);	/* flags: of its record, now gone */
const char *schedule_etrn_domain(const struct schedule_dest *d);	/* whose backlog it has */
/* The destination of such a domain; made when there is none. */
struct schedule_dest *schedule_etrn_dest(struct schedule *s, const char *domain,
    const struct route_answer *a);

/* --- schedule_gate --- */
/* Each destination whose mail waits for limits that nodes share, and why, for people. */
void schedule_gate_each_shared(const struct schedule *s,
    void (*call)(void *arg, const char *key, const char *why), void *arg);

/* --- schedule_admin: what operators do to single messages --- */
enum schedule_admin_kind { SCHEDULE_DELETE, SCHEDULE_BOUNCE, SCHEDULE_MOVE, SCHEDULE_EVACUATE };
enum schedule_admin_result { SCHEDULE_DONE, SCHEDULE_BUSY, SCHEDULE_GONE, SCHEDULE_FAILED };

struct schedule_admin {
	enum schedule_admin_kind kind;
	char id[MESSAGE_ID_SIZE];
	const char *author;		/* for events: "uid=0" */
	const struct queue_filter *pick;	/* delete, bounce: only the recipients it means */
	const char *reason;		/* bounce: for the sender */
	const char *to_name;		/* move: the other virtual server; evacuate: a host */
	void (*move)(struct schedule_admin *o);	/* begins it; schedule_admin_moved is called once, later */
	struct active_message *message;		/* move, evacuate: the schedule's */
	enum schedule_admin_result result;	/* out */
	int error;			/* out: of SCHEDULE_FAILED */
	size_t recipients;		/* out: that it was for */
	void (*done)(void *arg, struct schedule_admin *o);	/* once, on the loop; when begin said so */
	void *arg;
};

/* SCHEDULE_DONE: `done` will be called. Else nothing is done: the message is at work, or gone. */
enum schedule_admin_result schedule_admin_begin(struct schedule *s, struct schedule_admin *o);
/* Once spool_hold() has said so on the disk. One at work is stopped after its round. False: gone. */
bool schedule_admin_hold(struct schedule *s, const char *id, bool held);
void schedule_admin_retry_begin(struct schedule *s);	/* before the first: no host rests any more */
bool schedule_admin_retry(struct schedule *s, const char *id);	/* due now, if it waits. False: gone */
void schedule_admin_moved(struct schedule_admin *o, int error);	/* on the loop. 0: it is in the other queue */

/* --- atrn: a backlog that goes down the connection of the host that asked for it (ATRN, TURN) --- */
/* MSG_ETRN_STARTED: `*fd`, to be handed on, is the far end of it. */
enum msg_etrn_result atrn_begin(struct schedule *s, const struct msg_etrn *p, size_t *messages, int *fd);
void atrn_check(struct schedule *s);	/* ends those with no more mail */
void atrn_free(struct schedule *s);

/* --- queue_scan: reads the queue folder in pool threads and tells the loop in thousands --- */
struct queue_scan *queue_scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    void (*found)(void *arg, const struct spool_entry *entry, size_t n),
    void (*end)(void *arg, ssize_t total, uint64_t ms), void *arg);	/* total: -errno when it failed */
bool queue_scan_start(struct queue_scan *s, bool all);	/* one at a time; false: one is running */
void queue_scan_stop(struct queue_scan *s);		/* the running one ends soon; before pool_free */
void queue_scan_free(struct queue_scan *s);		/* after pool_free */

#endif
