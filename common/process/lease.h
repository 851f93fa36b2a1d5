/*
 * lease - what one process holds of a limit that all nodes share: permits and messages, for a time. All times
 * are monotonic ms of this process; no clock of another host matters
 */
#ifndef COMMON_PROCESS_LEASE_H
#define COMMON_PROCESS_LEASE_H

#include <stdbool.h>
#include <stdint.h>

/* What all leases of a process have in common. */
struct lease_node {
	uint64_t length;	/* ms that the engine keeps a lease; the same in all nodes */
	uint64_t nodes;
	bool share;		/* without the engine: its share of each limit; false: nothing */
	uint64_t lost_at;	/* since then the engine does not answer; 0: it does */
	uint64_t again_at;	/* then it is asked again */
};

/* For lease_ask: what the engine is asked. */
struct lease_question {
	uint64_t keep;		/* these it keeps, whatever others want */
	uint64_t want;		/* in all */
	uint64_t limit;		/* of all nodes */
	bool claim;		/* it holds `keep` without a lease: its share */
};

/*
 *                granted          the engine is lost              its end
 *   NOTHING      HELD             NOTHING, later its share        -
 *   HELD         HELD, anew       HELD, later within its share    NOTHING
 * Permits: of connections.
 */
struct lease {
	uint64_t limit;			/* of the last question */
	uint64_t granted, until;	/* permits until then */
	uint64_t target;		/* what others leave to it: it goes down to that by itself */
	uint64_t carried;		/* held when the engine was lost */
	uint64_t lost_at;		/* 0: it has answered */
	uint64_t asked_at, again_at;	/* of the last question; the next one not before */
	uint64_t keep, want;		/* of the open question */
	bool asking, claims;
	bool refused;			/* the last answer was less than was wanted */
	uint64_t wanted_at;		/* one more was wanted; 0 never */
	uint64_t slice;			/* so many more at a time, at least; 0: one */
};

/* One more permit is wanted. */
void lease_want(struct lease *l, uint64_t now);
/* Whether it is time to ask. True: lease_answer or lease_fail follows. `used`: permits in use. */
bool lease_ask(const struct lease_node *n, struct lease *l, uint64_t used, uint64_t limit, uint64_t now,
    struct lease_question *q);
/* Any numbers will do: no more is taken than was wanted. `wait`: ms until there may be more; 0: soon */
void lease_answer(struct lease_node *n, struct lease *l, uint64_t granted, uint64_t target, uint64_t wait,
    uint64_t now);
/* There is no answer. `all`: it is the engine that fails; else this question alone. */
void lease_fail(struct lease_node *n, struct lease *l, bool all, uint64_t now);
uint64_t lease_usable(const struct lease_node *n, const struct lease *l, uint64_t now);	/* permits */
/* One more permit may be used. */
bool lease_has_room(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now);
/* Some that are in use should end when their work is done: others wait for them, or the limit fell. */
bool lease_has_surplus(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now);
/* Some that are in use must end now. */
bool lease_is_over(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now);
/* Nothing is held, nor wanted. */
bool lease_is_idle(const struct lease *l, uint64_t now);
/* Work may begin on a permit in use: there is time enough to end it. */
bool lease_may_begin(const struct lease_node *n, const struct lease *l, uint64_t now);
/* One more is wanted, and others have the rest: ms until the engine is asked again; 0: that is not so. */
uint64_t lease_used_up(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now);
/* Some are wanted, the engine does not answer, and nothing may be used without it. */
bool lease_is_barred(const struct lease_node *n, const struct lease *l, uint64_t now);
uint64_t lease_share(const struct lease_node *n, uint64_t limit);	/* of one node; at least 1 */

/* Messages of a limit a minute: taken in small numbers, for a short time. */
#define LEASE_RATE_MS 2000U
struct lease_rate {
	uint64_t count, until;
	uint64_t asked_at, again_at, want;
	bool asking;
	bool refused;			/* the last answer was none */
	uint64_t lost_at;		/* 0: the engine has answered */
};
bool lease_rate_ask(const struct lease_node *n, struct lease_rate *r, uint64_t limit, uint64_t now,
    uint64_t *want);
void lease_rate_answer(struct lease_node *n, struct lease_rate *r, uint64_t granted, uint64_t wait,
    uint64_t now);
void lease_rate_fail(struct lease_node *n, struct lease_rate *r, bool all, uint64_t now);
/* Ms until one more message; 0: now. */
uint64_t lease_rate_wait(const struct lease_node *n, const struct lease_rate *r, uint64_t now);
uint64_t lease_rate_used_up(const struct lease_rate *r, uint64_t now);	/* as lease_used_up */
bool lease_rate_is_barred(const struct lease_node *n, const struct lease_rate *r, uint64_t now);
void lease_rate_take(struct lease_rate *r);
/* Without the engine it counts by itself, to its share of the limit. */
bool lease_rate_is_alone(const struct lease_node *n, const struct lease_rate *r, uint64_t now);

#endif
