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
struct result_state;
struct schedule;
struct schedule_admin;
struct schedule_dest;

/* --- active_message: a message that is loaded, and what comes of each of its recipients --- */

enum active_outcome {
	OUTCOME_NONE,		/* not tried in this round */
	OUTCOME_PARKED,		/* its destination has its share already, or the process ends */
	OUTCOME_DELIVERED,
	OUTCOME_LATER,
	OUTCOME_FAILED,		/* refused or expired */
	OUTCOME_BACKLOG,		/* until its host asks for it (again) */
};

struct active_reason {		/* why not; shared by the recipients of a message */
	struct active_reason *next;
	int code;
	char status[12];
	const char *host;		/* behind text */
	char text[];
};

struct active_recipient {		/* one a recipient */
	enum active_outcome outcome;
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
	const struct active_reason *reason;
};

struct active_group {
	struct schedule_dest *dest;
	size_t first, count;		/* into order */
};

/* A message that is loaded. */
struct active_message {
	TAILQ_ENTRY(active_message) link;
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
	struct active_recipient *result;	/* e.nrcpt of them */
	struct active_reason *reasons;
	struct schedule_dest *only;	/* this round is for it alone; NULL all */
	struct schedule_admin *command;	/* this round is for an operator; NULL: to be sent */
	struct active_group *group; size_t ngroup, group_at, offset;
	size_t *order;			/* recipients by group */
	LIST_HEAD(, schedule_portion) portions;	/* at work */
	size_t active;			/* how many */
	bool remote_held, local_held;	/* counted as such */
	char *masked;			/* the sender under its masquerade; NULL as it is */
	bool later; uint64_t after;	/* out of settle: something is left for ms from now */
	/* out of settle: something is held, and to be looked at in ms from now at the latest */
	bool held; uint64_t held_after;
	bool fresh;			/* it came in this life of the worker, and was not held before */
	bool gone;			/* out of settle: removed */
	struct result_state *settle;
	struct badmail_job *badmail;	/* it is damaged and on its way out */
};

/* Why not, for any number of its recipients; the same reason is kept once. Strings are copied. */
struct active_reason *active_message_reason(struct active_message *m, int code, const char *status,
    const char *host, const char *text);
void active_message_free_reasons(struct active_message *m);

#endif
