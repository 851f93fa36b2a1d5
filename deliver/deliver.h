/* deliver - private header of the deliver worker; one block a file, alphabetical */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/mail/address.h"
#include "common/mail/message.h"
#include "common/mail/spool.h"
#include "common/mail/verdict.h"
#include "common/process/boot.h"
#include "common/process/dns.h"
#include "common/process/intake.h"
#include "common/process/pool.h"

struct badmail;
struct destination;
struct drop;
struct report;
struct route;
struct schedule;
struct schedule_dest;
struct schedule_message;
struct settle;

/* --- badmail: keeps what can be neither delivered nor returned, and keeps the folder within its limits --- */

enum badmail_reason { BADMAIL_DAMAGED, BADMAIL_GENERAL, BADMAIL_HOPS, BADMAIL_NDR, BADMAIL_NO_RECIPIENTS, BADMAIL_REASON_COUNT };

struct badmail_job {
	char queue_id[MESSAGE_ID_SIZE];	/* the message it is about */
	char id[MESSAGE_ID_SIZE];	/* the name in badmail: the same, or another when part of it lies there already */
	const struct message_envelope *e;	/* NULL: damaged, moved as it is */
	int fd;				/* from spool_load; -1 when damaged */
	enum badmail_reason reason;
	char *details;			/* owned by the caller: lines for people */
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

/* --- drop: local delivery, in groups --- */

struct drop_job {
	const struct message_envelope *e;
	int fd;
	const size_t *index; size_t count;	/* the local recipients */
	struct verdict verdict;			/* out: one for all */
	char file[MESSAGE_ID_SIZE + 16];	/* out: the file's name, for the log */
	struct spool_drop part;			/* private */
	void (*done)(void *arg, struct drop_job *job);	/* once, on the loop, never from inside drop_submit */
	void *arg;
};

struct drop *drop_new(struct pool *pool, struct spool *spool, const struct config_server *server);
void drop_free(struct drop *d);			/* after pool_free */
void drop_submit(struct drop *d, struct drop_job *job);

/* --- dsn: composes a report (RFC 3464). Pure --- */

enum dsn_kind { DSN_FAILURE, DSN_DELAY };

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
	const char *date, *arrival, *last_attempt, *retry_until;	/* RFC 5322 dates */
	uint64_t age, expire;		/* ms, for the words */
	bool utf8;			/* the original needed SMTPUTF8: RFC 6533 types */
	bool eight_bit;			/* the part of the original has 8-bit bytes */
	bool whole;			/* `original` is all of it; else its header */
	const char *original; size_t original_size;
	const struct dsn_recipient *recipient; size_t count;
	unsigned phase; size_t at;	/* private: 0 at first */
};

/* Appends the next piece (some 16 KiB, more only for a long original); false when there is no further. */
bool dsn_next(struct dsn *d, struct buf *out);

/* --- note: the lines beside a queue file that say what was tried. Pure --- */

enum note_kind { NOTE_OTHER, NOTE_DEFERRED, NOTE_QUICK, NOTE_FAILED, NOTE_DELAYED };

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

/* --- remote: outbound connections, kept and reused per destination; limits; who gets which job --- */

/* Where recipients go: made by route, asked for by remote. Two jobs with equal `key` share queue and connections. */
struct destination {
	char *key;			/* "dns:example.com" or "hosts:[192.0.2.1]:25,relay.example:587;helo" */
	char *domain;			/* for logs and the per-domain limit */
	bool by_mx;			/* look up MX of `domain`; else `host` in order */
	struct destination_host { char *name; bool literal; uint16_t port; } *host; size_t nhost;
	uint16_t port;			/* for by_mx */
	bool helo;			/* HELO instead of EHLO */
};

/*
 * One transaction's worth: some recipients of one message to one destination. Owned by the caller (schedule), which fills the upper part;
 * remote fills `verdict` and calls `done` exactly once, on the loop, never from inside remote_submit.
 */
struct remote_job {
	const struct message_envelope *e;
	int fd;				/* the queue file, positioned reads only */
	const char *sender;		/* envelope sender to use (masqueraded) */
	const size_t *index; size_t count;	/* into e->rcpt; at most max-recipients */
	struct verdict *verdict;	/* out: one for each of index; preset by remote */
	bool glitch;			/* out: connection failed, dropped or busy (421/450-class greeting): quick tries may apply */
	void (*done)(void *arg, struct remote_job *job);
	void *arg;
	/* private to site: zero at first */
	struct remote_job *next;
	uint32_t tried;			/* addresses of the site's list, a bit each */
	uint8_t rounds;			/* how many lists it went through */
	bool reused_failed;		/* a kept connection turned out closed: repeated once on a fresh one */
};

struct remote;
struct remote *remote_new(struct boot *b);
void remote_submit(struct remote *r, const struct destination *d, struct remote_job *job);	/* d is copied when needed */
size_t remote_active(const struct remote *r);		/* jobs not done */
bool remote_is_down(const struct remote *r, const char *key);	/* the last attempts could not connect at all */
/* Starts no new transaction; jobs not begun are done with VERDICT_LATER 4.3.2 and glitch false; those in flight go on. */
void remote_drain(struct remote *r);
/*
 * The role's on_control hands over the descriptor of each CTL_CHANNEL here (owned from then on); the channel itself is asked for
 * (CTL_NEED_RESOLVER) by lookup when a name is to be found.
 */
void remote_on_channel(struct remote *r, int fd);
void remote_free(struct remote *r);			/* closes everything now; done is not called any more */

/* --- report: makes and queues the reports about one message --- */

struct report_job {
	const struct message_envelope *e;
	int fd;
	enum dsn_kind kind;
	int64_t time_us;		/* when it failed: with the message's id it makes the report's id */
	int64_t arrived_us, until_us;
	uint64_t expire;
	struct dsn_recipient *recipient; size_t count;	/* owned by the caller, with all they point at */
	size_t first;			/* index of the first recipient in the envelope: part of the report's id */
	int error;			/* out: 0 queued (or was there already), else errno */
	void (*done)(void *arg, struct report_job *job);	/* once, on the loop */
	void *arg;
};

struct report *report_new(struct intake *intake, const struct config_server *server, struct counters *counters,
    void (*queued)(void *arg, const char *id), void *arg);
void report_free(struct report *r);
void report_submit(struct report *r, struct report_job *job);
/* The id of a report: the same for the same message, time, recipient, kind and copy. */
void report_make_id(char *id, const char *message, int64_t time_us, size_t first, enum dsn_kind kind, bool copy);

/* --- retry: when to try again, when to give up. Pure --- */

struct retry_case {
	uint64_t age;			/* ms since it arrived */
	unsigned attempts;		/* failed ones counted by the table, without this one */
	unsigned quick;			/* quick tries given so far */
	bool glitch;			/* this one: connection dropped, busy, not made */
	bool local;			/* for drop */
	unsigned jitter;		/* 0..1000: place in the spread of 5 percent to either side */
};

struct retry_plan {
	bool expired;
	bool quick;			/* the next one is a quick try and does not count */
	bool delayed;			/* old enough for the delay report */
	uint64_t after;			/* ms from now */
};

struct retry_plan retry_decide(const struct config_server *s, const struct retry_case *c);

/* --- role: what the worker is made of --- */

struct role {
	struct boot *boot;
	struct spool *spool;
	struct pool *pool;
	struct intake *intake;
	struct remote *remote;
	struct schedule *schedule;
	struct badmail *badmail;
	struct loop_timer *own, *scan, *grace;
	struct loop_io *hint;
	struct scan *scanner;
	bool owner, ending;
};

extern const struct boot_role role_deliver;

/* --- route: from a recipient's domain to where it goes. Pure --- */

enum route_kind { ROUTE_LOCAL, ROUTE_DIRECT, ROUTE_HOSTS, ROUTE_REFUSED };

struct route_answer {
	enum route_kind kind;
	const struct destination *hosts;	/* ROUTE_HOSTS: smart hosts; owned by the route */
	const struct destination *fallback;	/* ROUTE_DIRECT: smart hosts after it; NULL none */
	uint16_t port;
	bool helo;
	const char *status, *why;		/* ROUTE_REFUSED */
};

/* Parses all smart hosts of the configuration. NULL and *why when one is no host (it was judged before). */
struct route *route_new(const struct config_server *s, const char **why) __attribute__((warn_unused_result));
void route_free(struct route *r);
void route_find(const struct route *r, const char *domain, struct route_answer *a);
#define ROUTE_KEY_SIZE (DNS_NAME_SIZE + 32)
/* The key of a direct destination. */
void route_direct_key(char key[ROUTE_KEY_SIZE], const char *domain, const struct route_answer *a);
void route_direct(struct destination *d, const char *domain, const struct route_answer *a);	/* filled; see route_destination_done */
void route_destination_copy(struct destination *to, const struct destination *from);
void route_destination_done(struct destination *d);
/* Whether this result of the direct way sends the recipient to the fallback. */
bool route_is_fallback(const struct route *r, const struct verdict *v);
/* The sender as outgoing mail shows it (masquerade). False: as it is. */
bool route_masquerade(const struct route *r, const char *sender, char out[ADDRESS_MAX + 1]);
/* "name", "name:587", "[192.0.2.1]", "[2001:db8::1]:25". 0 or -1. */
int route_host_parse(struct destination_host *h, const char *text, uint16_t port) __attribute__((warn_unused_result));

/* --- scan: reads the queue folder in a pool thread and tells the loop in thousands --- */

struct scan;
struct scan *scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    void (*found)(void *arg, const struct spool_entry *entry, size_t n), void (*done)(void *arg, ssize_t total, uint64_t ms), void *arg);
void scan_start(struct scan *s, bool all);	/* one at a time */
void scan_stop(struct scan *s);			/* the running one ends soon; before pool_free */
void scan_free(struct scan *s);			/* after pool_free */

/* --- schedule: which messages are at work; fair shares of the window --- */

enum schedule_outcome { OUTCOME_NONE, OUTCOME_PARKED, OUTCOME_DELIVERED, OUTCOME_LATER, OUTCOME_FAILED };

struct schedule_reason {		/* why not, shared by the recipients of a message */
	struct schedule_reason *next;
	int code;
	char status[12];
	const char *host;		/* behind text */
	char text[];
};

struct schedule_result {		/* one a recipient */
	enum schedule_outcome outcome;
	bool tried, local, expired, fallback;
	struct schedule_dest *dest;
	const struct schedule_reason *reason;
};

/* A message that is loaded. */
struct schedule_message {
	char id[MESSAGE_ID_SIZE];	/* from the record: e.id may be another's word */
	uint32_t record;
	struct message_envelope e;
	int fd;				/* -1: not open */
	int64_t arrived_us;
	unsigned attempts, quick;	/* failed so far: by the table, quick tries */
	bool known;			/* attempts, quick and delayed are known: the note need not be read */
	bool delayed, torn;		/* from the note: delay report was made; its last line is not whole */
	bool hops;			/* all recipients failed for too many Received lines */
	bool glitch;			/* some attempt of this round was one */
	struct buf note;		/* read at loading when needed */
	int error; const char *why;	/* result of loading */
	struct schedule_result *result;	/* e.nrcpt */
	struct schedule_reason *reasons;
	struct schedule_dest *only;	/* this round is for this destination alone; NULL all */
	struct schedule_group *group; size_t ngroup, group_at;
	size_t *order;			/* recipients by group */
	size_t active;			/* jobs not back */
	uint64_t after;			/* out of settle: ms to the next attempt */
	struct settle_state *settle;
	void *owner;
};

struct schedule_setup {
	struct loop *loop;
	const struct config_server *server;
	struct counters *counters;
	struct spool *spool;
	struct pool *pool;
	struct intake *intake;
	struct remote *remote;
	struct badmail *badmail;
	size_t window;			/* messages loaded at a time */
};

struct schedule *schedule_new(const struct schedule_setup *setup, const char **why) __attribute__((warn_unused_result));
void schedule_free(struct schedule *s);		/* after pool_free */
void schedule_hint(struct schedule *s, const char *id);			/* new in the queue */
void schedule_found(struct schedule *s, const struct spool_entry *entry);	/* by a scan */
void schedule_go(struct schedule *s);			/* after any number of the two above */
void schedule_retry_all(struct schedule *s);
/* Loads no more; `idle` once all loaded are settled, maybe at once. */
void schedule_drain(struct schedule *s, void (*idle)(void *arg), void *arg);

/* --- schedule_dest: destinations in use, and the records that wait for each --- */

/* --- schedule_index: a record a message, by id and by due time. Pure --- */

enum schedule_state { RECORD_FREE, RECORD_WAITING, RECORD_PARKED, RECORD_LOADED };
enum schedule_flag { RECORD_KNOWN = 1, RECORD_DELAYED = 2, RECORD_RETRY = 4 };

struct schedule_record {		/* 40 bytes */
	uint64_t time;			/* the id, packed */
	uint32_t chance;
	uint32_t due;			/* wall seconds */
	uint32_t heap;			/* place in the heap from 1; 0 not in it */
	uint32_t chain;			/* next of the hash chain */
	uint32_t next, prev;		/* of the list it is parked in */
	uint8_t state, flags, attempts, quick;
};
static_assert(sizeof(struct schedule_record) == 40, "a record a queued message");

struct schedule_index;
struct schedule_index *schedule_index_new(void);
void schedule_index_free(struct schedule_index *x);
size_t schedule_index_count(const struct schedule_index *x);
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
void schedule_index_all_due(struct schedule_index *x, uint32_t due);	/* none waits longer than `due` */

/* --- settle: what became of a message is written down, in the one safe order --- */

#endif
