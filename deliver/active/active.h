/* active - the messages that are loaded */
#ifndef DELIVER_ACTIVE_ACTIVE_H
#define DELIVER_ACTIVE_ACTIVE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/mail/message.h"

struct badmail_job;
struct destination;
struct result_early;
struct result_state;
struct schedule;
struct schedule_admin;
struct schedule_attempt;
struct schedule_dest;
struct schedule_offer;
struct schedule_sign;

/* --- active_message: a message that is loaded, and what becomes of each of its recipients --- */

/* What is being done with the message; which phase may follow which is a table in active_message.c. */
enum active_phase {
	ACTIVE_LOADING,		/* its files are read */
	ACTIVE_SENDING,		/* an attempt is under way */
	ACTIVE_RESULT,		/* what became of it is written down and reported */
	ACTIVE_MOVING,		/* to the queue of another virtual server */
	ACTIVE_BADMAIL,		/* it is damaged, and goes to badmail as it is */
	ACTIVE_SETTLED,		/* the round is over; it is freed next */
	ACTIVE_PHASES
};

enum active_outcome {		/* of a recipient in this round */
	OUTCOME_NONE,		/* not tried */
	OUTCOME_PARKED,		/* its destination has no place now, or the process ends */
	OUTCOME_DELIVERED,
	OUTCOME_DELETED,	/* by an operator: no report */
	OUTCOME_LATER,
	OUTCOME_FAILED,		/* refused or expired */
	OUTCOME_BACKLOG,	/* waits until its host asks with ETRN or ATRN */
};

enum active_delivery {		/* how a delivered recipient is reported */
	DELIVERY_FINAL,
	DELIVERY_RELAYED,	/* to a peer that does not report success itself */
	DELIVERY_EXPANDED,	/* to several addresses */
};

enum active_note {		/* the note file beside the message */
	ACTIVE_NOTE_NONE,
	ACTIVE_NOTE_WHOLE,
	ACTIVE_NOTE_TORN,	/* its last line has no end */
};

struct active_reason {		/* why not; shared by the recipients of a message */
	struct active_reason *next;
	int code;		/* of the SMTP reply; 0: our own words */
	char status[12];	/* RFC 3463 */
	const char *host;	/* in the same memory, behind text */
	char text[];
};

struct active_recipient {
	enum active_outcome outcome;
	enum active_delivery delivery;
	bool todo;		/* to be sent, and not yet in a group of the attempt */
	bool on_fallback;	/* its first destination could not take it */
	bool etrn;		/* its domain's mail waits for ETRN */
	bool no_expiry;		/* waits for the directory: does not run out of time */
	bool progress;		/* put off while others of its destination were delivered: as no_expiry */
	bool paused;		/* an operator has paused its domain: not tried, which is no attempt */
	bool local, expired;
	bool marked;		/* result_mark_delivered has been here */
	uint64_t rest;		/* ms. Not 0: later because its host rests; this was no attempt */
	char mark;		/* to be written into the queue file; 0 none */
	struct schedule_dest *dest;	/* counts in its `refs` */
	const struct destination *fallback;
	const struct active_reason *reason;
};

/* A message from its loading until it is settled: one round. */
struct active_message {
	TAILQ_ENTRY(active_message) link;
	struct schedule *schedule;
	uint32_t record;
	char id[MESSAGE_ID_SIZE];
	enum active_phase phase;
	struct message_envelope e;
	int fd;				/* of the queue file; -1: not open */
	struct schedule_offer *offer;	/* owned; its file is in no queue yet. NULL: it is */
	int error; const char *why;	/* of loading: 0 or errno */
	int64_t arrived_us, failed_us;
	unsigned hops;			/* Received lines */
	size_t *kept;			/* counts there: a small file is kept in memory. NULL: not */
	struct buf whole;		/* the queue file; empty: it is read from fd */

	/* What this round is for; the failures that are owed go first. */
	struct schedule_dest *only;	/* this destination alone; NULL: all. Counts in its `refs` */
	struct schedule_admin *command;	/* an operator's command; NULL: an attempt */
	bool owed;			/* a failure of an earlier life waits for its report */
	bool is_new;			/* came in this life of the worker, and was never in a backlog */

	/* From the record, or from the note. */
	bool known;			/* from the record: the note need not be read */
	bool delayed;			/* the delay report was made */
	bool pause_noted;		/* the last line of the note says that it is paused */
	unsigned attempts, quick;	/* failed so far: by the table of retries, quick tries */
	unsigned trouble;		/* rounds in a row that the disk or a lack of ours spoilt */
	bool troubled;			/* this is one of them */
	enum active_note note;
	struct buf note_text;		/* from loading until it is judged */

	struct active_recipient *recipient;	/* e.nrcpt of them; NULL: not loaded */
	struct active_reason *reasons;
	struct schedule_attempt *attempt;	/* NULL: none was made */
	struct schedule_sign *sign;	/* owned; NULL: nothing was signed */
	bool counted[2];		/* among the schedule's: [0] remote, [1] local */
	bool glitch;			/* this round met a lost, silent or busy peer */
	bool paused;			/* a recipient is */
	bool all_paused;		/* all that are left are */
	bool undropped;			/* a recipient waits for the drop folder */
	bool progress;			/* a recipient has `progress`: no failed attempt */
	bool unwritten;			/* there are outcomes that result_early has not looked at */

	/* What is left of it after the round. */
	bool gone;			/* nothing: its file is removed */
	bool deferred; uint64_t deferred_ms;	/* some of it is due then, from now */
	bool backlog; uint64_t backlog_ms;	/* some waits for ETRN: its report or end is due then */

	struct result_state *result;	/* owned */
	struct result_early *early;	/* owned; NULL: nothing was written before the end of the attempt */
	struct badmail_job *badmail;	/* owned */
};

/* A backlog is tried once each time its host asks: then it waits for ETRN again. */
static inline enum active_outcome
active_message_later(const struct active_recipient *r)
{
	return r->etrn ? OUTCOME_BACKLOG : OUTCOME_LATER;
}

void active_message_enter(struct active_message *m, enum active_phase phase);
/* Its file, when it is small, is to be kept in memory if fewer than `most` are, until it has been sent. */
void active_message_keep(struct active_message *m, size_t *kept, size_t most);
void active_message_unkeep(struct active_message *m);
/* The same reason is kept once for any number of recipients. Strings are copied. */
struct active_reason *active_message_reason(struct active_message *m, int code, const char *status,
    const char *host, const char *text);
void active_message_free_reasons(struct active_message *m);
/*
 * A step on our side failed, which may be over in a moment: in how many ms to try again; a few times soon.
 */
uint64_t active_message_trouble(struct active_message *m);

#endif
