/* result - what became of a message: notes, marks, reports, badmail; one block a file */
#ifndef DELIVER_RESULT_RESULT_H
#define DELIVER_RESULT_RESULT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/mail/message.h"

struct badmail;
struct buf;
struct config_server;
struct counters;
struct enqueue;
struct loop;
struct loop_timer;
struct message_envelope;
struct message_recipient;
struct pool;
struct pool_lane;
struct report;
struct active_message;
struct active_reason;
struct active_recipient;
struct spool;

/* --- note: the lines beside a queue file that say what was tried. Pure --- */

enum note_kind { NOTE_OTHER, NOTE_DEFERRED, NOTE_QUICK, NOTE_FAILED, NOTE_DELAYED, NOTE_HELD, NOTE_RELEASED,
    NOTE_RESTED, NOTE_KINDS };
const char *note_name(enum note_kind kind);	/* "deferred"; "" of NOTE_OTHER */

#define NOTE_NO_UID UINT32_MAX	/* the operator is no user of this host: `text` begins with the name */
struct note_line {
	enum note_kind kind;
	/* deferred, quick: which attempt; failed: which recipient; held, released: the operator's uid */
	unsigned long number;
	int64_t time;			/* failed: wall microseconds, else seconds */
	int code;
	char status[12];
	char host[128], text[512];
};

/* "deferred 3 TIME 4.4.1 451 mx.example.net text LF"; host "-" when none. */
void note_format(const struct note_line *line, struct buf *out);
/* The next whole line; a torn last line is left out. False at the end. */
bool note_next(const char *text, size_t len, size_t *pos, struct note_line *line);

/* --- retry: when to try again, when to give up. Pure --- */

struct retry_case {
	uint64_t age;			/* ms since it arrived */
	unsigned attempts;		/* failed so far by the table, without this one */
	unsigned quick;			/* quick tries failed so far */
	bool glitch;			/* this attempt: connection lost or not made, peer busy */
	bool local;			/* the limits of local mail count */
	bool no_expiry;			/* does not run out of time */
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
/* The host rests so long (ms): how long its mail waits. */
uint64_t retry_rest(const struct config_server *s, const struct retry_case *c, uint64_t rest);
/*
 * Mail in a backlog, or paused: ms until its delay report (`reported`: there is none to come) or the end of
 * its time.
 */
uint64_t retry_backlog(const struct config_server *s, uint64_t age, bool local, bool reported);

/* --- retry_hint: how long a peer asks us to wait. Pure --- */
#define RETRY_HINT_MAX 604800000U	/* a week */
/* Milliseconds, from the text of a 4xx reply; 0: it names no time. */
uint64_t retry_hint(const char *text);

/* --- dsn: composes a report (RFC 3464). Pure --- */

enum dsn_kind { DSN_FAILURE, DSN_DELAY, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {
	const char *address, *orcpt;	/* orcpt NULL: not given */
	const char *status;		/* RFC 3463; 4.4.7 on a failure: its time ran out */
	int code;			/* the peer's reply code; 0: our own words */
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
	uint64_t expire;		/* ms; for the text of the report */
	bool utf8;			/* the original needed SMTPUTF8: RFC 6533 types */
	bool eight_bit;			/* the part of the original has 8-bit bytes */
	bool whole;			/* `original` is all of it; else its header */
	const char *original; size_t original_size;
	const struct dsn_recipient *recipient; size_t count;
	unsigned phase; size_t at;	/* private: 0 at first */
};

/* Appends the next piece: some 16 KiB, more only for a long original. False: it was the last. */
bool dsn_next(struct dsn *d, struct buf *out);

/* --- report: makes and queues the reports about one message --- */

struct report_job {
	const struct message_envelope *e;
	int fd;
	enum dsn_kind kind;
	int64_t time_us;		/* of the last attempt */
	int64_t id_us;			/* for the report's id: a repeat after a crash has the same time */
	int64_t arrived_us, until_us;
	uint64_t expire;		/* ms; CONFIG_UNLIMITED: until_us means nothing */
	struct dsn_recipient *recipient; size_t count;	/* owned by the caller, with all strings */
	size_t first;			/* index of the first recipient in the envelope: part of the id */
	int error;			/* out: 0 queued (or was there already), else errno */
	void (*done)(void *arg, struct report_job *job);	/* once, on the loop */
	void *arg;
};

struct report *report_new(struct enqueue *enqueue, const struct config_server *server,
    struct counters *counters, void (*queued)(void *arg, const char *id), void *arg);
void report_free(struct report *r);
void report_submit(struct report *r, struct report_job *job);
/* The id of a report: the same for the same message, time, recipient, kind and copy. */
void report_make_id(char *id, const char *message, int64_t time_us, size_t first, enum dsn_kind kind,
    bool copy);

/* --- badmail: keeps what can be neither delivered nor returned, and its folder within limits --- */

enum badmail_reason {
	BADMAIL_DAMAGED, BADMAIL_HOPS, BADMAIL_NDR, BADMAIL_NULL_SENDER, BADMAIL_REASON_COUNT
};

struct badmail_job {
	char id[MESSAGE_ID_SIZE];
	const struct message_envelope *e;	/* NULL: damaged, moved as it is */
	int fd;				/* from spool_load; -1 when damaged */
	enum badmail_reason reason;
	const char *details;		/* lines for people, the last without its LF; NULL none */
	int error;			/* out: 0 or errno */
	bool kept;			/* out: else it was larger than badmail may be */
	void (*done)(void *arg, struct badmail_job *job);	/* once, on the loop */
	void *arg;
};

struct badmail *badmail_new(struct loop *l, struct pool *pool, struct spool *spool,
    const struct config_server *server, struct counters *counters);
void badmail_free(struct badmail *b);		/* after pool_free */
void badmail_submit(struct badmail *b, struct badmail_job *job);
void badmail_keep_trimmed(struct badmail *b);	/* trims now, and from then on every ten minutes */

/* --- result: what became of a message is written down, in the one safe order --- */
struct result_setup {
	struct loop *loop;
	struct pool *pool;
	struct spool *spool;
	struct report *report;
	struct badmail *badmail;
	const struct config_server *server;
	/* The round of the message is over and written down; frees it. On the loop. */
	void (*settled)(struct active_message *m);
};

struct result {
	struct result_setup set;
	struct pool_lane *quick, *careful, *early;
	struct loop_timer *timer;
	TAILQ_HEAD(, result_state) stuck;
	size_t nstuck;
	struct clock_steps clock;
};

enum result_stage { RESULT_SUCCESS, RESULT_WRITE, RESULT_REPORT, RESULT_DELAY, RESULT_CLOSE };

/* What is written down about one message, stage after stage; each stage is a step on a thread. */
struct result_state {
	TAILQ_ENTRY(result_state) link;
	bool is_stuck;
	struct result *result;
	struct active_message *m;
	enum result_stage stage;
	size_t delivered, failed, pending;
	bool delay;			/* a delay report is due */
	struct retry_case at;		/* what the plans are made from */
	struct retry_plan plan[2];	/* for later ones: [0] remote, [1] local */
	/* The step that a thread does next */
	struct buf note;
	bool note_sync, marks, remove;
	int64_t due;			/* wall seconds; 0: stays as it is */
	int error;			/* out */
	bool note_failed, vanished;	/* out */
	/* The report or badmail that is made */
	struct report_job report;
	struct dsn_recipient *recipient;
	struct badmail_job badmail;
	struct message_envelope part;	/* the failed recipients only */
	struct buf details;
};

struct result *result_new(const struct result_setup *setup);
void result_free(struct result *t);		/* after pool_free */
/* Writes down what became of each recipient, then calls `settled`, also from within. */
void result_begin(struct result *t, struct active_message *m);
/* Nothing is to be written down: calls `settled` at once. */
void result_skip(struct result *t, struct active_message *m);
void result_state_free(struct result_state *st);
/*
 * Recipient `i` of the message has just been delivered. Its mark goes into the file at once, without a sync:
 * it survives the death of the process, which would deliver all again that waits for its step. Not where a
 * report of success comes first.
 */
void result_mark_delivered(struct active_message *m, size_t i);
bool result_is_stuck(const struct result *t);	/* the disk refuses so much that nothing may be delivered */
/* The next five are for result_report. The disk refused the present step: a timer tries it again. */
void result_stick(struct result_state *st, int error);
void result_next(struct result_state *st);		/* this stage is over */
void result_write(struct result_state *st);		/* the success reports are safe, or there is none */
void result_close(struct result_state *st);		/* the last stage: marks, due time, or removal */
/* Appends a line for the note of `m`. */
void result_add_line(struct active_message *m, struct buf *note, enum note_kind kind, size_t number,
    int64_t time, const char *status, const struct active_reason *why);

/* --- result_early: what is final is written down while the attempt goes on --- */
void result_early_soon(struct result *t, struct active_message *m);	/* there are new outcomes */
/* A writing is under way: result_begin will be called when it is over. */
bool result_early_is_busy(struct active_message *m);
void result_early_run(void *arg, void **jobs, size_t n);	/* a lane's functions */
void result_early_done(void *arg, void *job);
void result_early_free(struct active_message *m);

/* --- result_judge: what became of each recipient --- */
/* Makes the plans, decides who is out of time, counts the outcomes. */
void result_judge(struct result_state *st, int64_t now_us);
void result_judge_log_failed(const struct active_message *m);
const char *result_judge_status(const struct active_recipient *r);	/* 4.4.7 when its time ran out */
bool result_judge_wants(const struct message_recipient *r, unsigned notify);
bool result_judge_may_report(const struct active_message *m);	/* there is a sender to tell */

/* --- result_report: reports of success, failure and delay, or badmail --- */
void result_report_success(struct result_state *st);	/* then result_write */
void result_report_failures(struct result_state *st);	/* then result_next or result_close */
void result_report_delay(struct result_state *st);

#endif
