/* deliver - private header of the deliver worker; one block a file, alphabetical */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/mail/address.h"
#include "common/base/net.h"
#include "common/mail/message.h"
#include "common/spool/spool.h"
#include "common/mail/verdict.h"
#include "common/boot/boot.h"
#include "common/ipc/msg_queue.h"
#include "common/ipc/msg_dns.h"
#include "common/ipc/directory_client.h"
#include "common/spool/enqueue.h"
#include "common/ipc/dns_client.h"
#include "common/ipc/msg_etrn.h"
#include "common/ipc/queue_filter.h"
#include "common/process/pool.h"
#include "common/rules/route.h"
#include "common/w3clog/w3clog.h"

/* What goes to remote hosts: used by value below. */
#include "deliver/outbound.h"

struct badmail;
struct schedule_index;
struct queue_admin;
struct destination; struct drop;
struct expand;
struct report; struct route;
struct schedule;
struct schedule_dest;
struct schedule_message;
struct schedule_recover;
struct result;

/* --- badmail: keeps what can be neither delivered nor returned, and keeps the folder within its limits --- */

enum badmail_reason {
	BADMAIL_DAMAGED, BADMAIL_HOPS, BADMAIL_NDR, BADMAIL_NULL_SENDER, BADMAIL_REASON_COUNT
};

struct badmail_job {
	char id[MESSAGE_ID_SIZE];
	const struct message_envelope *e;	/* NULL: damaged, moved as it is */
	int fd;				/* from spool_load; -1 when damaged */
	enum badmail_reason reason;
	const char *details;		/* lines for people, the last without its end; NULL none */
	int error;			/* out: 0 or errno */
	void (*done)(void *arg, struct badmail_job *job);	/* once, on the loop */
	void *arg;
};

struct badmail *badmail_new(struct loop *l, struct pool *pool, struct spool *spool, const struct config_server *server,
    struct counters *counters);
void badmail_free(struct badmail *b);		/* after pool_free */
void badmail_submit(struct badmail *b, struct badmail_job *job);
void badmail_keep_trimmed(struct badmail *b);	/* trims now and from then on every few minutes */
const char *badmail_name(enum badmail_reason reason);

/* --- maintenance: the worker of a virtual server that is stopped --- */

extern const struct boot_role maintenance_role;
bool maintenance_is_meant(const char *program);	/* by the name it was started under */

/* --- etrn_server: takes the listeners' pleas for held mail --- */
struct etrn_server;
struct etrn_server *etrn_server_new(struct loop *l, struct schedule *s);
void etrn_server_channel(struct etrn_server *k, int fd);		/* a listener's; takes over `fd` */
void etrn_server_open(struct etrn_server *k, bool open);		/* the queue is known; or: the worker ends */
void etrn_server_free(struct etrn_server *k);

/* --- drop: local delivery, in groups --- */

struct drop_job {
	const struct message_envelope *e;
	int fd;
	const size_t *index; size_t count;	/* the local recipients */
	struct verdict verdict;			/* out: one for all */
	char file[64];				/* out: the file's name, for the log */
	struct spool_drop part;			/* private */
	void (*done)(void *arg, struct drop_job *job);	/* once, on the loop, never from inside drop_submit */
	void *arg;
};

struct drop *drop_new(struct pool *pool, struct spool *spool, const struct config_server *server);
void drop_free(struct drop *d);			/* after pool_free */
void drop_submit(struct drop *d, struct drop_job *job);

/* --- dsn: composes a report (RFC 3464). Pure --- */

enum dsn_kind { DSN_FAILURE, DSN_DELAY, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {
	const char *address, *orcpt;	/* orcpt NULL: not given */
	const char *status;		/* RFC 3463; 4.4.7 on a failure: its time ran out */
	int code;			/* the peer's reply code, 0: our own word */
	const char *host, *text;	/* "" when none */
};

struct dsn {
	enum dsn_kind kind;
	const char *id;			/* of the report: Message-ID and boundary */
	const char *fqdn, *domain;	/* Reporting-MTA; From: postmaster@domain */
	const char *to;
	const char *envid;		/* NULL: not given */
	const char *date, *arrival, *last_attempt;	/* RFC 5322 dates */
	const char *retry_until;	/* the same; NULL: for ever */
	uint64_t expire;		/* ms, for the words */
	bool utf8;			/* the original needed SMTPUTF8: RFC 6533 types */
	bool eight_bit;			/* the part of the original has 8-bit bytes */
	bool whole;			/* `original` is all of it; else its header */
	const char *original; size_t original_size;
	const struct dsn_recipient *recipient; size_t count;
	unsigned phase; size_t at;	/* private: 0 at first */
};

/* Appends the next piece (some 16 KiB, more only for a long original); false when there is no further. */
bool dsn_next(struct dsn *d, struct buf *out);

/* --- expand: local recipients looked up in the directory; what they stand for becomes messages of its own --- */

struct expand_recipient {
	struct verdict verdict;
	uint32_t copies;		/* delivered: 0: its mail is for the drop folder; else it went on to so many addresses */
	struct msg_directory answer;	/* private */
};

struct expand_job {
	const struct message_envelope *e;
	int fd;
	const size_t *index; size_t count;	/* the local recipients */
	struct expand_recipient *out;		/* one for each of index, zero at first */
	void (*done)(void *arg, struct expand_job *job);	/* once, on the loop, never from inside expand_submit */
	void *arg;
	/* private */
	TAILQ_ENTRY(expand_job) link;
	struct expand *expand;
	struct ctl_client_question **question;
	struct expand_copy *copy;
	size_t waiting;			/* answers to come */
};

struct expand *expand_new(struct boot *b, struct enqueue *enqueue);	/* NULL: no directory is asked */
void expand_free(struct expand *x);		/* after pool_free */
void expand_channel(struct expand *x, int fd);	/* to the helper; takes over `fd` */
void expand_on_queued(struct expand *x, void (*queued)(void *arg, const char *id), void *arg);
void expand_submit(struct expand *x, struct expand_job *job);
bool expand_is_down(const struct expand *x);	/* the directory could not be asked when it was tried last */
void expand_drain(struct expand *x);		/* asks no more: jobs without an answer are done with VERDICT_LATER 4.3.2 */

/* --- expand_copy: the message again, for the addresses that its recipients stand for --- */

struct expand_copy {
	struct enqueue *enqueue;
	const struct message_envelope *e;
	int fd;
	struct message_envelope list[2];	/* [0] final addresses; [1] local ones that the directory does not have */
	size_t which, at;		/* the next part */
	struct enqueue_message *message;
	off_t copied;
	int error;			/* out: 0 all parts are in the queue, else errno */
	char id[MESSAGE_ID_SIZE];	/* of the first part */
	void (*queued)(void *arg, const char *id);
	void (*done)(void *arg);	/* once, on the loop, perhaps before expand_copy_begin returns */
	void *queued_arg, *arg;
};

/* From a job whose answers are all there. */
struct expand_copy *expand_copy_new(const struct expand_job *job, struct enqueue *enqueue);
void expand_copy_begin(struct expand_copy *c);
void expand_copy_free(struct expand_copy *c);	/* NULL is fine; not while its message is with enqueue, unless the pool is gone */

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
void etrn_backlog_tidy(struct etrn_backlog *k, struct schedule_index *x, size_t *asked);	/* forgets what is kept no more, or twice */
bool etrn_backlog_wants(const struct etrn_backlog *k, uint32_t record);
bool etrn_backlog_unwant(struct etrn_backlog *k, uint32_t record);	/* false: it was not wanted */
void etrn_backlog_unwant_all(struct etrn_backlog *k);

/* --- note: the lines beside a queue file that say what was tried. Pure --- */

enum note_kind { NOTE_OTHER, NOTE_DEFERRED, NOTE_QUICK, NOTE_FAILED, NOTE_DELAYED, NOTE_HELD, NOTE_RELEASED, NOTE_KINDS };
const char *note_name(enum note_kind kind);	/* "deferred"; "" of NOTE_OTHER */

struct note_line {
	enum note_kind kind;
	unsigned long number;		/* deferred, quick: which attempt; failed: which recipient */
	int64_t time;			/* failed: wall microseconds, else seconds */
	int code;
	char status[12];
	char host[128], text[512];
};

/* "deferred 3 TIME 4.4.1 451 mx.example.net text LF"; host "-" when none. */
void note_format(const struct note_line *line, struct buf *out);
/* The next whole line; a torn last one is left out. False at the end. */
bool note_next(const char *text, size_t len, size_t *pos, struct note_line *line);

/* --- report: makes and queues the reports about one message --- */

struct report_job {
	const struct message_envelope *e;
	int fd;
	enum dsn_kind kind;
	int64_t time_us;		/* of the last attempt */
	int64_t id_us;			/* a time a repeat knows too: with the message's id it makes the report's id */
	int64_t arrived_us, until_us;
	uint64_t expire;		/* ms; CONFIG_UNLIMITED: until_us says nothing */
	struct dsn_recipient *recipient; size_t count;	/* owned by the caller, with all they point at */
	size_t first;			/* index of the first recipient in the envelope: part of the report's id */
	int error;			/* out: 0 queued (or was there already), else errno */
	void (*done)(void *arg, struct report_job *job);	/* once, on the loop */
	void *arg;
};

struct report *report_new(struct enqueue *enqueue, const struct config_server *server, struct counters *counters,
    void (*queued)(void *arg, const char *id), void *arg);
void report_free(struct report *r);
void report_submit(struct report *r, struct report_job *job);
/* The id of a report: the same for the same message, time, recipient, kind and copy. */
void report_make_id(char *id, const char *message, int64_t time_us, size_t first, enum dsn_kind kind, bool copy);

/* --- queue_scan: reads the queue folder in a pool thread and tells the loop in thousands --- */

struct queue_scan;
struct queue_scan *queue_scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    void (*found)(void *arg, const struct spool_entry *entry, size_t n), void (*end)(void *arg, ssize_t total, uint64_t ms), void *arg);	/* total -errno: failed */
bool queue_scan_start(struct queue_scan *s, bool all);	/* one at a time; false: one is running */
void queue_scan_stop(struct queue_scan *s);			/* the running one ends soon; before pool_free */
void queue_scan_free(struct queue_scan *s);			/* after pool_free */

/* --- retry: when to try again, when to give up. Pure --- */

struct retry_case {
	uint64_t age;			/* ms since it arrived */
	unsigned attempts;		/* failed ones counted by the table, without this one */
	unsigned quick;			/* quick tries given so far */
	bool glitch;			/* this one: connection dropped, busy, not made */
	bool local;			/* for drop */
	unsigned jitter;		/* 0..1000: place in the spread of 5 percent to either side */
	uint64_t hint;			/* ms the peer asks us to wait; 0 it said nothing */
};

struct retry_plan {
	bool expired;
	bool quick;			/* the next one is a quick try and does not count */
	bool delayed;			/* old enough for the delay report */
	uint64_t after;			/* ms from now */
};

struct retry_plan retry_decide(const struct config_server *s, const struct retry_case *c);
/* Mail that is held, not due for either now: ms until the delay report (`told`: there is none to come) or its end. */
uint64_t retry_held(const struct config_server *s, uint64_t age, bool told);

/* --- retry_hint: how long a peer asks us to wait. Pure --- */
#define RETRY_HINT_MAX 604800000U	/* a week */
/* Milliseconds, from the text of a 4xx reply; 0: it names no time. */
uint64_t retry_hint(const char *text);

/* --- deliver: what the worker is made of --- */

struct deliver {
	struct boot *boot;
	struct spool *spool;
	struct pool *pool;
	struct w3clog *log;
	struct enqueue *enqueue;
	struct outbound *remote;
	struct trusted_ca *authorities;	/* NULL: no TLS */
	struct expand *expand;		/* NULL: no directory */
	struct schedule *schedule;
	struct badmail *badmail;
	struct etrn_server *etrn_server;
	struct queue_scan *queue_scan;
	struct queue_admin *queue_admin;
	struct loop_timer *own, *slow, *missed, *grace;
	struct loop_io *hint;
	int64_t hints_lost;		/* of the virtual server, when last looked */
	bool waiting, ending;
	bool scanned, retry;		/* the first scan is over; all is to be due then */
	bool look;			/* another scan is to follow the running one */
};

extern const struct boot_role deliver_role;

/* --- schedule: which messages are at work; fair shares of the window --- */

enum schedule_outcome {
	OUTCOME_NONE,		/* not tried in this round */
	OUTCOME_PARKED,		/* its destination has its share already, or the process ends */
	OUTCOME_DELIVERED,
	OUTCOME_LATER,
	OUTCOME_FAILED,		/* refused or expired */
	OUTCOME_BACKLOG,		/* until its host asks for it (again) */
};

struct schedule_reason {		/* why not; shared by the recipients of a message */
	struct schedule_reason *next;
	int code;
	char status[12];
	const char *host;		/* behind text */
	char text[];
};

struct schedule_result {		/* one a recipient */
	enum schedule_outcome outcome;
	bool relayed;			/* delivered to a peer that will not tell of success */
	bool expanded;			/* its mail went on to several addresses */
	bool waits;			/* for the directory: it does not run out of time */
	bool todo;			/* to be sent, not yet in a group's portion */
	bool second;			/* on its way to the fallback */
	bool hold;			/* its domain's mail waits until it is asked for */
	bool local, expired;
	char mark;			/* to be written; 0 none */
	struct schedule_dest *dest;
	const struct destination *fallback;
	const struct schedule_reason *reason;
};

struct schedule_group {
	struct schedule_dest *dest;
	size_t first, count;		/* into order */
};

/* A message that is loaded. */
struct schedule_message {
	TAILQ_ENTRY(schedule_message) link;
	struct schedule *schedule;
	uint32_t record;
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e;
	int fd;				/* -1: not open */
	int error; const char *why;	/* result of loading */
	bool known;			/* the next four are: the note need not be read */
	bool delayed;			/* the delay report was made */
	unsigned attempts, quick;	/* failed so far: by the table, quick tries */
	bool noted, torn;		/* there is a note; its last line is not whole */
	bool owed;			/* a failure of an earlier life waits for its report */
	bool glitch;			/* this round met a lost, silent or busy peer */
	unsigned hops;			/* Received lines, counted before the first attempt */
	struct buf note;		/* from loading */
	int64_t arrived_us, failed_us;
	struct schedule_result *result;	/* e.nrcpt of them */
	struct schedule_reason *reasons;
	struct schedule_dest *only;	/* this round is for it alone; NULL all */
	struct schedule_admin *command;	/* this round is for an operator; NULL: to be sent */
	struct schedule_group *group; size_t ngroup, group_at, offset;
	size_t *order;			/* recipients by group */
	LIST_HEAD(, schedule_portion) portions;	/* at work */
	size_t active;			/* how many */
	bool remote_held, local_held;	/* counted as such */
	char *masked;			/* the sender under its masquerade; NULL as it is */
	bool later; uint64_t after;	/* out of settle: something is left for ms from now */
	bool held; uint64_t held_after;	/* out of settle: something is held, and to be looked at in ms from now at the latest */
	bool fresh;			/* it came in this life of the worker, and was not held before */
	bool gone;			/* out of settle: removed */
	struct result_state *settle;
	struct badmail_job *badmail;	/* it is damaged and on its way out */
};

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
	bool at_rest;			/* nothing is tried, whatever is due: only operators' orders are done */
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
	TAILQ_HEAD(, schedule_message) messages;
	size_t loaded, recipients;	/* in memory */
	size_t loading;			/* of the loaded: by a thread */
	uint32_t fresh_first, fresh_last;	/* records of what came since, in order */
	bool fresh_turn;			/* the next one is one of these */
	size_t remote_held, local_held, retrying;
	size_t buried;			/* records of messages that are gone, still in a list */
	LIST_HEAD(, atrn) turns;
	int64_t started_us;
	int64_t ahead_us;		/* how far the wall clock was ahead of the monotonic one when last looked at; 0 never */
	bool draining;
	void (*idle)(void *arg);
	void *idle_arg;
};

struct schedule *schedule_new(const struct schedule_setup *setup, const char **why) __attribute__((warn_unused_result));
void schedule_free(struct schedule *s);		/* after pool_free and outbound_free */
void schedule_hint(struct schedule *s, const char *id);			/* new in the queue */
void schedule_found(struct schedule *s, const struct spool_entry *entry);	/* by a scan */
void schedule_go(struct schedule *s);			/* after any number of the two above */
void schedule_retry_all(struct schedule *s);
void schedule_count(const struct schedule *s);	/* what there is, for the counters: at each turn, and when an operator hears of his order */
/* Loads no more; `idle` once all loaded are settled, maybe at once. */
void schedule_drain(struct schedule *s, void (*idle)(void *arg), void *arg);
/* The round of a message is over and written down (called by settle), or there was none. */
void schedule_settled(struct schedule_message *m);
/* A thread reads it; then it goes on to schedule_load_judge. */
void schedule_load_by_thread(struct schedule_message *m);
/* How many messages a destination may have at work now: as many as places are free, so that none ever fills the window. */
size_t schedule_share(const struct schedule *s);
struct schedule_reason *schedule_reason_keep(struct schedule_message *m, int code, const char *status, const char *host,
    const char *text);

/* --- schedule_etrn: mail that is held until its host asks for it (hold = yes) --- */
/*
 * `pattern`: "example.com", or "*.example.com" for all below it. What is held for such domains is tried now, once: how many messages.
 * `*running` becomes true when some are being tried already.
 */
size_t schedule_etrn(struct schedule *s, const char *pattern, bool *running);
/* Among the held ones from now on: the message waits for all of its destinations that are to be asked for. */
void schedule_etrn_keep(struct schedule_message *m);
/* Asked for while it was at work in this round: whose turn it is now; the record stays wanted by others. NULL: it is not wanted. */
struct schedule_dest *schedule_etrn_wanted(struct schedule_message *m);
void schedule_etrn_unwant(struct schedule *s, uint32_t record);	/* by nobody */
/* Its record, with these flags, is gone. */
void schedule_etrn_forget(struct schedule_message *m, unsigned flags);
const char *schedule_etrn_domain(const struct schedule_dest *d);	/* whose held mail it has */
/* The place of a domain's held mail, made when there is none. */
struct schedule_dest *schedule_etrn_dest(struct schedule *s, const char *domain, const struct route_answer *a);

/* --- schedule_route: where each recipient of a message goes --- */
void schedule_route(struct schedule_message *m);
struct schedule_dest *schedule_route_hosts(struct schedule *s, const struct destination *d);
void schedule_route_point(struct schedule_message *m, struct schedule_result *r, struct schedule_dest *dest);	/* from now on it goes there */

/* --- schedule_clock: due times are of the wall clock --- */
uint32_t schedule_clock_latest(const struct schedule *s, uint32_t now);	/* nothing is due later */
void schedule_clock_look(struct schedule *s);	/* was it set back? Then what waits is due by then */

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
	bool stalled;			/* down, and a portion is at work: its end tells whether the parked ones may go */
	struct verdict failure;		/* the last one that was for later */
	uint64_t stamp; size_t group;	/* for grouping */
};

struct schedule_dests;
struct schedule_dests *schedule_dest_table_new(struct schedule_index *index);
void schedule_dest_table_free(struct schedule_dests *t);
struct schedule_dest *schedule_dest_find(const struct schedule_dests *t, const char *key);
struct schedule_dest *schedule_dest_add(struct schedule_dests *t, const struct destination *d);	/* copied */
void schedule_dest_check(struct schedule_dests *t, struct schedule_dest *d);	/* frees it when nobody needs it */
void schedule_dest_park(struct schedule_dests *t, struct schedule_dest *d, uint32_t record);
void schedule_dest_hold(struct schedule_dests *t, struct schedule_dest *d);	/* a new one: it holds its mail */
void schedule_dest_keep(struct schedule_dests *t, struct schedule_dest *d, uint32_t record);
void schedule_dest_tidy(struct schedule_dests *t, struct schedule_dest *d);	/* some of the kept ones are gone */
/* The kept ones are to be tried now: how many. */
size_t schedule_dest_ask(struct schedule_dests *t, struct schedule_dest *d);
void schedule_dest_calm(struct schedule_dests *t, struct schedule_dest *d);	/* no more of them: its host cannot be reached */
void schedule_dest_bar(struct schedule_dests *t, struct schedule_dest *d);	/* what was asked for and has not gone is held again */
/* Something of it is being tried, or about to be: what comes now goes along. */
bool schedule_dest_is_asked(const struct schedule_dest *d);
struct schedule_dest *schedule_dest_next_hold(const struct schedule_dests *t, const struct schedule_dest *d);	/* NULL: the first */
/* The next record, destination after destination, of one not stalled whose active + coming is below `share`; 0 none. Counts it as coming. */
uint32_t schedule_dest_unpark(struct schedule_dests *t, size_t share, struct schedule_dest **d);
size_t schedule_dest_parked(const struct schedule_dests *t);
uint64_t schedule_dest_stamp(struct schedule_dests *t);

/* --- schedule_index: a record a message, by id and by due time. Pure --- */

enum schedule_state {
	RECORD_FREE, RECORD_FRESH, RECORD_WAITING, RECORD_PARKED, RECORD_LOADED,
	RECORD_RESTING,		/* held by an operator, in no list */
	RECORD_ASIDE,		/* still in the list of fresh or parked ones, which is to pass it over: held, or an order is at work on it */
	RECORD_GONE,		/* the same; its message is gone */
};
enum schedule_flag {
	RECORD_KNOWN = 1, RECORD_DELAYED = 2, RECORD_RETRY = 4, RECORD_HOT = 8, RECORD_NOTED = 16,
	RECORD_HELD = 128,	/* held by an operator; one that is loaded rests after its round */
	RECORD_BACKLOG = 32,	/* kept by each of its destinations that hold; see schedule_index_set_backlog */
	RECORD_WANTED = 64,	/* at work, and asked for by some of its destinations: see stock.wanted. With HELD: for etrn_backlog_tidy alone */
};

struct schedule_record {		/* 32 bytes */
	uint64_t time;			/* the id, packed */
	uint32_t chance;
	uint32_t due;			/* wall seconds */
	uint32_t heap;			/* place in the heap from 1; 0 not in it */
	uint32_t chain;			/* next of the hash chain */
	uint32_t next;			/* of the list it is parked in, or of the fresh ones */
	uint32_t state : 3, flags : 8, attempts : 8, quick : 2;
	uint32_t tag : 11;		/* waiting: its destination is away (schedule_recover); 0: it waits for its own time */
};
#define SCHEDULE_TAGS 2048
#define SCHEDULE_QUICK_MAX 3		/* more are not counted in a record */
static_assert(sizeof(struct schedule_record) == 32, "a record a queued message");

struct schedule_index;
struct schedule_index *schedule_index_new(void);
void schedule_index_free(struct schedule_index *x);
size_t schedule_index_count(const struct schedule_index *x);
uint32_t schedule_index_last(const struct schedule_index *x);		/* the highest number there is */
size_t schedule_index_bytes(const struct schedule_index *x);		/* memory in use */
/* Records have numbers from 1; 0 is none. A pointer is valid until the next add. */
uint32_t schedule_index_find(const struct schedule_index *x, const char *id);
uint32_t schedule_index_add(struct schedule_index *x, const char *id);	/* a new record, not yet waiting; the id must not be there */
void schedule_index_remove(struct schedule_index *x, uint32_t n);
struct schedule_record *schedule_index_at(const struct schedule_index *x, uint32_t n);
void schedule_index_id(const struct schedule_index *x, uint32_t n, char id[MESSAGE_ID_SIZE]);
void schedule_index_wait(struct schedule_index *x, uint32_t n, uint32_t due);	/* waits in the heap till `due` */
void schedule_index_take(struct schedule_index *x, uint32_t n);		/* out of the heap */
uint32_t schedule_index_first(const struct schedule_index *x);		/* earliest due, then oldest */
/*
 * Makes waiting records whose tag is in `tags` due, some thousands of them at a time, beginning with number `from`. Returns where
 * to go on; 0: these were the last.
 */
uint32_t schedule_index_wake(struct schedule_index *x, uint32_t from, const bool tags[SCHEDULE_TAGS], uint32_t due);
void schedule_index_all_due(struct schedule_index *x, uint32_t due);	/* none waits longer than `due` but what is only held */
void schedule_index_bound(struct schedule_index *x, uint32_t due);	/* none at all */
void schedule_index_set_backlog(struct schedule_index *x, uint32_t n, bool held);	/* sets or clears RECORD_BACKLOG */
size_t schedule_index_backlog(const struct schedule_index *x);
void schedule_index_set_held(struct schedule_index *x, uint32_t n, bool frozen);	/* the same with RECORD_HELD */
size_t schedule_index_held(const struct schedule_index *x);

/* --- schedule_load: reads a message and judges whether it may be tried --- */
void schedule_load_read(struct schedule_message *m);	/* any thread; touches the message alone */
void schedule_load_judge(struct schedule_message *m);	/* on the loop; goes on to schedule_attempt, settle or schedule_settled */

/* --- schedule_message --- */
struct schedule_message *schedule_message_new(struct schedule *s, uint32_t record, struct schedule_dest *only);
void schedule_message_free(struct schedule_message *m);

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
	void (*done)(void *arg, struct schedule_admin *o);	/* once, on the loop; only when begin said so */
	void *arg;
};

/* SCHEDULE_DONE: `done` will be called. Else nothing is done: it is at work, or gone. */
enum schedule_admin_result schedule_admin_begin(struct schedule *s, struct schedule_admin *o);
/* Once spool_hold() has said so on the disk. One at work rests after its round. False: gone. */
bool schedule_admin_hold(struct schedule *s, const char *id, bool held);
/* Due now, if it waits for its time. False: gone. */
bool schedule_admin_retry(struct schedule *s, const char *id);
/* For schedule alone: */
void schedule_admin_apply(struct schedule_message *m);	/* it is loaded */
void schedule_admin_end(struct schedule_message *m);
void schedule_admin_run_move(void *arg, void **jobs, size_t n);
void schedule_admin_moved(void *arg, void *job);
void schedule_admin_rest(struct schedule *s, uint32_t n, uint32_t due);	/* put back: held, or in its list all the time */
bool schedule_admin_is_aside(struct schedule *s, uint32_t n, struct schedule_dest *d);	/* just off its list: not for work */
void schedule_admin_bury(struct schedule *s, uint32_t n);
void schedule_admin_unbury(struct schedule *s, uint32_t n);	/* a message of that id is in the queue */

/* --- schedule_attempt: one round of a message: groups by destination, portions, results --- */
void schedule_attempt_begin(struct schedule_message *m);
struct schedule_dest *schedule_attempt_away(const struct schedule_message *m);	/* one of a recipient for later that cannot be reached now; NULL none */
void schedule_attempt_free(struct schedule_message *m);	/* portions at work, too, once nobody works on them */

/* --- schedule_recover: mail of destinations that were away --- */
struct schedule_recover *schedule_recover_new(struct schedule *s);
void schedule_recover_free(struct schedule_recover *w);
/* The waiting record is for a destination that cannot be reached now. */
void schedule_recover_sleep(struct schedule_recover *w, uint32_t record, const struct schedule_dest *d);
/* The destination answers: what sleeps for it is made due soon. */
void schedule_recover_up(struct schedule_recover *w, const struct schedule_dest *d);

/* --- result: what became of a message is written down, in the one safe order --- */
struct result {
	struct pool_lane *quick, *careful;
	struct spool *spool;
	struct report *report;
	struct badmail *badmail;
	const struct config_server *server;
	struct loop_timer *timer;
	TAILQ_HEAD(, result_state) stuck;
	size_t nstuck;
};

enum result_stage { RESULT_SUCCESS, RESULT_WRITE, RESULT_REPORT, RESULT_DELAY, RESULT_CLOSE };

#define RESULT_AGAIN_MS 60000	/* a failure that could not be noted or reported is taken up again then */

/* The settling of one message; `note` to `due` are the step a thread does next. */
struct result_state {
	TAILQ_ENTRY(result_state) link;
	bool is_stuck;
	struct result *settle;
	struct schedule_message *m;
	enum result_stage stage;
	size_t delivered, failed, pending;
	bool delay;			/* a delay report is due */
	struct retry_case at;		/* what the plans are made from */
	struct retry_plan plan[2];	/* for later ones: [0] remote, [1] local */
	/* the step */
	struct buf note;
	bool note_sync, marks, remove;
	int64_t due;			/* 0: stays */
	int error;			/* out */
	bool note_failed, vanished;	/* out */
	/* the report or badmail */
	struct report_job report;
	struct dsn_recipient *recipient;
	struct badmail_job badmail;
	struct message_envelope part;	/* the failed recipients only */
	struct buf details;
};

struct result *result_new(const struct schedule_setup *setup, struct report *report);
void result_free(struct result *t);		/* after pool_free */
void result_begin(struct result *t, struct schedule_message *m);	/* then schedule_settled, also from within */
void result_state_free(struct result_state *st);
bool result_is_stuck(const struct result *t);	/* the disk takes no marks: stop delivering */
/* For result_report: */
void result_stick(struct result_state *st, int error);	/* the disk refused the present step: it is tried again by timer */
void result_next(struct result_state *st);		/* this stage is over */
void result_write(struct result_state *st);		/* the success reports are safe, or there is none */
void result_close(struct result_state *st);		/* the last stage: marks, due time, or removal */
void result_add_line(struct result_state *st, enum note_kind kind, size_t number, int64_t time, const char *status,
    const struct schedule_reason *why);

/* --- result_judge: what became of each recipient --- */
void result_judge(struct result_state *st, int64_t now_us);	/* plans, outcomes that time decides, counts */
void result_judge_log_failed(const struct schedule_message *m);
const char *result_judge_status(const struct schedule_result *r);	/* 4.4.7 when its time ran out */
bool result_judge_wants(const struct message_recipient *r, unsigned notify);
bool result_judge_may_report(const struct schedule_message *m);	/* somebody can be told */

/* --- result_report: the report about success, failures or a delay, or badmail when nobody can be told --- */
void result_report_success(struct result_state *st);	/* then result_write */
void result_report_failures(struct result_state *st);	/* then result_next or result_close */
void result_report_delay(struct result_state *st);

/* --- atrn: held mail that goes down the connection of the host that asked for it (ATRN, TURN) --- */
/* MSG_ETRN_STARTED: `*fd`, to be handed on, is the far end of it. */
enum msg_etrn_result atrn_begin(struct schedule *s, const struct msg_etrn *p, size_t *messages, int *fd);
void atrn_look(struct schedule *s);	/* ends those with no more mail */
void atrn_free(struct schedule *s);

#endif
