/* schedule_private - what the files of the schedule share: one attempt to deliver a message, and commands */
#ifndef DELIVER_SCHEDULE_SCHEDULE_PRIVATE_H
#define DELIVER_SCHEDULE_SCHEDULE_PRIVATE_H

#include <bsd/sys/queue.h>
#include <stddef.h>

#include "deliver/local/local.h"
#include "deliver/outbound/outbound.h"
#include "deliver/schedule/schedule.h"

struct schedule_portion {
	LIST_ENTRY(schedule_portion) link;
	struct active_message *m;
	struct schedule_dest *dest;
	size_t *index;
	size_t count, taken;		/* the first so many verdicts are outcomes */
	size_t *owned;			/* `index`, when it is this portion's own */
	const struct destination *to;	/* of outbound: the destination, or the connection of its host */
	bool unsigned_yet;		/* goes to outbound when the message is signed */
	union {				/* by the kind of its destination */
		struct outbound_job outbound;
		struct drop_job drop;
		struct expand_job expand;
	};
	struct expand_recipient *found;	/* for the directory */
	struct verdict verdict[];	/* for outbound */
};

/* The recipients of one destination that go in this attempt. */
struct group {
	struct schedule_dest *dest;
	size_t first, count;		/* into order */
};

struct schedule_attempt {
	struct group *group; size_t ngroup;
	size_t group_at, offset;	/* the next portion: of which group, from which of its recipients */
	size_t *order;			/* recipients by group */
	LIST_HEAD(, schedule_portion) portions;	/* at work */
	size_t active;			/* how many */
	char *masked;			/* the sender under its masquerade; NULL as it is */
	void (*go)(struct active_message *m);	/* once the sender is known */
	struct expand_sender *asked;	/* what the directory says of the sender; NULL: it is not asked */
};

/* --- schedule_message: a record's message, from its loading until it is freed --- */
struct active_message *schedule_message_new(struct schedule *s, uint32_t record, struct schedule_dest *only);
void schedule_message_load(struct active_message *m);	/* by a thread, then schedule_load_judge */
void schedule_message_free(struct active_message *m);

/* --- schedule_load: reads a message and judges whether it may be tried --- */
void schedule_load_read(struct active_message *m);	/* any thread; touches the message alone */
void schedule_load_judge(struct active_message *m);	/* on the loop; goes on to the phase that follows */

/* --- schedule_attempt: one attempt to deliver a message --- */
void schedule_attempt_begin(struct active_message *m);
void schedule_attempt_go_on(struct active_message *m);	/* sends more, or ends the attempt */
/* The destination of a deferred recipient that cannot be reached now; NULL none. */
struct schedule_dest *schedule_attempt_unreachable(const struct active_message *m);
void schedule_attempt_free(struct active_message *m);	/* with its portions, which no thread may have */

/* --- schedule_sender: the envelope sender of outgoing mail --- */
bool schedule_sender_is_wanted(const struct active_message *m);	/* the directory is to be asked about it */
/* `go` is called once, from the loop. */
void schedule_sender_ask(struct active_message *m, void (*go)(struct active_message *m));
/* True, and why: the directory could not say who the sender is, so that nothing goes to other hosts now. */
bool schedule_sender_waits(const struct active_message *m, struct verdict *why);
const char *schedule_sender_outgoing(struct active_message *m);
void schedule_sender_free(struct schedule_attempt *a);

/* --- schedule_unstored: a loaded message that is not in the queue yet, for the other files --- */
enum schedule_offer_end { OFFER_WAITS, OFFER_GONE, OFFER_LEFT };	/* what is known of its file */
struct schedule_offer {
	LIST_ENTRY(schedule_offer) link;
	struct active_message *m;
	void (*attempt_over)(struct active_message *m);
	schedule_offer_tell *tell;	/* NULL: it was called, or need not be */
	void *arg;
	enum schedule_offer_end end;
	bool over;			/* its attempt */
	bool found;			/* its id is in the queue: perhaps by an earlier life of its owner */
};
bool schedule_unstored_is_fit(const struct active_message *m);	/* its recipients are known */
/* A hint or scan has found the message `record` in the queue. */
void schedule_unstored_found(struct schedule *s, uint32_t record);
void schedule_unstored_free(struct active_message *m);

/* --- schedule_gate: whether a portion of a message may go to a destination now --- */
enum schedule_gate { GATE_SEND, GATE_PARK, GATE_DEFER, GATE_REST /* for `*ms` more */, GATE_PAUSED };
enum schedule_gate schedule_gate(const struct active_message *m, struct schedule_dest *d, uint64_t *ms,
    struct verdict *why);

/* --- schedule_admin: commands meet what the schedule does by itself --- */
void schedule_admin_apply(struct active_message *m);	/* it is loaded */
void schedule_admin_end(struct active_message *m);
/* After a round: the message is held, or a list still names it. */
void schedule_admin_put_back(struct schedule *s, uint32_t n, uint32_t due);
/* Just taken off a list, of `d` or (NULL) of new ones: true when the record is not for an attempt. */
bool schedule_admin_skips(struct schedule *s, uint32_t n, struct schedule_dest *d);
void schedule_admin_gone(struct schedule *s, uint32_t n);	/* a list still names it */
void schedule_admin_again(struct schedule *s, uint32_t n);	/* a message of that id is in the queue */

/* --- schedule_sign: the signatures of a message that is about to go to other hosts --- */
/* True: it may go now; false: `go` will be called once, from the loop. */
bool schedule_sign_begin(struct active_message *m, void (*go)(struct active_message *m));
void schedule_sign_fill(const struct active_message *m, struct outbound_job *job);
/* Of the signatures, "no"; NULL: it is not ours to sign. */
const char *schedule_sign_domain(const struct active_message *m);
void schedule_sign_free(struct active_message *m);	/* no thread may have it */

/* --- schedule_group: the recipients of an attempt, by destination --- */
/* Sorts the recipients that are to be sent by destination. False: there are none. */
bool schedule_group_make(struct active_message *m);

#endif
