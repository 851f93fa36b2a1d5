/* pace - what the addresses of hosts have taught us: how many connections, when to rest; one block a file */
#ifndef DELIVER_PACE_PACE_H
#define DELIVER_PACE_PACE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"
#include "common/config/config_remote.h"
#include "common/mail/verdict.h"
#include "common/process/lease.h"

/* --- pace_word: what a refusal speaks about. Pure --- */
enum pace_word {
	PACE_MAIL,		/* this message, its sender or its recipients */
	PACE_CONNECTION,	/* this connection: there are too many, or the host ends it */
	PACE_SLOWER,		/* us: we send too much, or are not trusted */
};
enum pace_word pace_word_of(const struct verdict *v);
/* PACE_CONNECTION in words about how many there are; not any 421. */
bool pace_word_counts_us(const struct verdict *v);
/* PACE_SLOWER in words of rates and volumes; not any 421 4.7.x, which may be about one connection. */
bool pace_word_names_rate(const struct verdict *v);
/* Not PACE_MAIL by its words; but said to MAIL again and again it is about us. */
bool pace_word_may_be_about_us(const struct verdict *v);

/* --- pace_host: the memory of one address. Pure --- */
/*
 *            a connection   a transaction  cut: one failed,   failed:    told to      the rest   an operator
 *            is open        was judged     others work        none does  slow down    is over    retries
 *   UNKNOWN  WORKS          WORKS          UNKNOWN, fewer     UNKNOWN    RESTS        -          UNKNOWN
 *   WORKS    WORKS          WORKS, more    WORKS, fewer       UNKNOWN    RESTS        -          WORKS
 *   RESTS    RESTS          RESTS          RESTS              RESTS      RESTS        PROBES     PROBES
 *   PROBES   PROBES         WORKS, one     PROBES             UNKNOWN    RESTS, long  -          PROBES
 * Failed: it lets none in, or ends them without a word under one message after the other
 * (pace_host_dropped).
 * More, fewer: connections that may be open at a time. PROBES: one job on one connection finds out.
 */
enum pace_state { PACE_UNKNOWN, PACE_WORKS, PACE_RESTS, PACE_PROBES, PACE_STATES };

enum pace_event { PACE_OPENED, PACE_TAKEN, PACE_CUT, PACE_FAILED, PACE_PUSHED, PACE_RESTED, PACE_RELEASED,
    PACE_EVENTS };

#define PACE_DROPS 2	/* messages in a row under which connections end, and none is judged */

/* All times are monotonic ms. */
struct pace_host {
	LIST_ENTRY(pace_host) link;
	size_t refs;			/* lists of addresses that have it, and connections */
	struct net_address to;
	enum pace_state state;
	size_t conns, open;		/* ours: all; those that were let in */
	size_t cap;			/* connections at a time */
	bool learnt;			/* the host has shown where its limit is: `cap` grows slowly */
	uint64_t raise_at, raise_ms;	/* when one more connection is tried; how long after that again */
	uint64_t good_at;		/* it took a connection, or judged a message; 0 never */
	uint64_t taken_at;		/* it judged a message; 0 never */
	uint64_t open_ms, judge_ms;	/* so long took the last connection, message */
	uint64_t closed_at;		/* the end of a connection that was let in */
	uint64_t next_at;		/* after a cut: no connection before */
	unsigned cuts;			/* in a row */
	bool probing;			/* a job is at work that finds out whether the rest is over */
	unsigned step;			/* of the growing rests */
	uint64_t rest_until;
	struct verdict *why;		/* owned: of the last rest; NULL: there was none */
	unsigned streak; uint32_t sender; bool mixed;	/* refusals in a row: see pace_host_refused */
	/* Messages in a row, not judged, and which the last ones were: see pace_host_dropped */
	unsigned drops; uint32_t dropped[PACE_DROPS];
	/* Recipients of one transaction, until then: one with more was ended by a 421 behind so many */
	size_t most; uint64_t most_until;
	/* It did not let us in: tried last until then. 0: it has let us in since, or was not tried */
	uint64_t bad_until;
	void *heir;			/* who waits for its next connection */
};

/* How long a rest is: the first one, and the longest. Each is twice the one before. */
struct pace_rests { uint64_t first, longest; };

void pace_host_init(struct pace_host *h, const struct net_address *to);
void pace_host_done(struct pace_host *h);
enum pace_state pace_host_state(struct pace_host *h, uint64_t now);
/* One more connection may be opened now. */
bool pace_host_has_room(struct pace_host *h, uint64_t now);
/* A job may be given to an open connection now. Then pace_host_given. */
bool pace_host_takes_job(struct pace_host *h, uint64_t now);
void pace_host_given(struct pace_host *h);
uint64_t pace_host_rest(struct pace_host *h, uint64_t now);	/* ms that it still rests; 0 it does not */
/*
 * Other connections are open, or the host has let one in (`self_open`: has judged a message) a moment ago:
 * what it says to this connection is not about mail. `self_open`: this one was let in, and is still counted.
 */
bool pace_host_works(const struct pace_host *h, bool self_open, uint64_t now);
bool pace_host_is_busy(const struct pace_host *h, uint64_t now);	/* it judged a message a moment ago */
void pace_host_begun(struct pace_host *h);
void pace_host_opened(struct pace_host *h, uint64_t ms, uint64_t now);	/* in so many ms */
void pace_host_closed(struct pace_host *h, bool was_open, uint64_t now);
/* It judged a message, in so many ms; `first`: the first one of this connection. */
void pace_host_taken(struct pace_host *h, bool first, uint64_t ms, uint64_t now);
void pace_host_unsaid(struct pace_host *h);	/* the job that was given ended without a word of the host */
/*
 * A connection waits for an answer since `begun`, and has none. True: others have got theirs, a moment before
 * that or since, and in far less time. `own`: when a message was judged last on this connection; 0 never.
 */
bool pace_host_ignores(const struct pace_host *h, uint64_t begun, uint64_t own, uint64_t now);
/* One connection failed while others work. `self`: it is still counted. True: there will be fewer. */
bool pace_host_cut(struct pace_host *h, bool self, uint64_t now);
void pace_host_failed(struct pace_host *h, uint64_t now);
/*
 * A connection has ended under this message, and the host judges none. True: it is another one than before:
 * the host ends them all. A message that ends connections by itself is not the host's fault, however often.
 */
bool pace_host_dropped(struct pace_host *h, const char *message);
bool pace_host_drops(const struct pace_host *h);	/* since then it has judged none */
void pace_host_pushed(struct pace_host *h, const struct verdict *why, struct pace_rests rests, uint64_t now);
/* MAIL was refused for now, in words that may be about us. True: so often, and to so many, that they are. */
bool pace_host_refused(struct pace_host *h, const char *sender);
/*
 * A 421 ended a transaction with `size` recipients, when `heard` of them were answered. True: there will be
 * fewer in the next one. `begun`: when the transaction began; it may be before the last limit was known.
 */
bool pace_host_shorten(struct pace_host *h, size_t size, size_t heard, uint64_t begun, uint64_t now);
size_t pace_host_most(const struct pace_host *h, uint64_t now);	/* recipients of a transaction */
void pace_host_press(struct pace_host *h);	/* mail waits for long: more, if none was refused */
void pace_host_release(struct pace_host *h, uint64_t now);
void pace_host_reset(struct pace_host *h);	/* the same, and what it has taught is forgotten */
bool pace_host_is_forgotten(struct pace_host *h, uint64_t now);	/* nothing of it matters any more */

/* --- pace_rate: messages a minute: a token bucket, and what a host's answers make of it. Pure --- */
#define PACE_RATE_MESSAGE 60000U	/* parts of a token: `rate` of them come in a millisecond */
/* All times are monotonic ms. A clock that goes back stands still here. */
struct pace_rate {
	uint64_t limit;			/* messages a minute, as configured; CONFIG_UNLIMITED */
	uint64_t learnt;		/* the same, as the host has shown it */
	uint64_t ceiling;		/* what was too much; 0: not known */
	uint64_t period;		/* ms: what is learnt is measured and raised so often */
	uint64_t changed_at; bool slowed;	/* when `learnt` was changed; by "slow down" */
	uint64_t count, before, counted_at;	/* messages that it took in this period, in the last one */
	uint64_t parts;			/* what is in the bucket */
	uint64_t filled_at;
};
/* `period`: usually a minute. */
void pace_rate_init(struct pace_rate *r, uint64_t limit, uint64_t period, uint64_t now);
bool pace_rate_is_limited(const struct pace_rate *r);
uint64_t pace_rate_limit(const struct pace_rate *r);		/* the lower of both limits */
/* It took a message. True: what is learnt has risen. */
bool pace_rate_taken(struct pace_rate *r, uint64_t now);
/* It said "slow down". True: what is learnt is less than before; false: that was said a moment ago. */
bool pace_rate_slow(struct pace_rate *r, uint64_t now);
void pace_rate_forget(struct pace_rate *r, uint64_t now);	/* what is learnt */
void pace_rate_set(struct pace_rate *r, uint64_t limit, uint64_t now);	/* the configured limit is another */
uint64_t pace_rate_wait(struct pace_rate *r, uint64_t now);	/* ms until one more message; 0: now */
void pace_rate_take(struct pace_rate *r, uint64_t now);		/* one message goes; wait is 0 */

/* --- pace_gate: what one host gets from us, whatever its addresses; and the table of them. Pure --- */
/* What all nodes share of the limits that the configuration has for it. */
struct pace_share {
	struct pace_gate *gate;
	struct lease_node *node;
	void *asker;			/* who asks the other nodes */
	bool of_connections, of_messages;
	struct lease connections;
	struct lease_rate messages;
	bool wants_message;		/* one waits for it */
	TAILQ_ENTRY(pace_share) link;	/* of those that hold or want something */
	bool linked;
};

/* What a host has said last, or shown. */
enum pace_said {
	PACE_SAID_NOTHING, PACE_SAID_TAKEN,
	PACE_SAID_LATER, PACE_SAID_REFUSED,		/* to the connection, or to all of a message */
	PACE_SAID_NO_TLS, PACE_SAID_NO_LOGIN,
	PACE_SAID_UNREACHED,				/* no connection */
	PACE_SAID_ENDED,		/* it ended a connection, or let it wait, without a word */
	PACE_SAIDS,
};

struct pace_gate {
	LIST_ENTRY(pace_gate) link;
	size_t refs;			/* lists of addresses that have it, and connections */
	char *host, *account;		/* owned: "mx.example.com:25", "[192.0.2.1]:25"; "" none */
	struct config_remote_rules rules;
	struct pace_rate rate;
	bool paused;			/* by an operator, in the configuration */
	size_t conns;
	uint64_t cap;			/* connections, as the host has shown; CONFIG_UNLIMITED */
	uint64_t rest_until;		/* all its addresses rest, also those that the DNS names later */
	bool probes;			/* it has taken nothing since then: one message finds out */
	struct verdict *why;		/* owned: its last "slow down"; NULL: there was none */
	uint64_t why_at;
	uint64_t sent;			/* messages that it has judged */
	enum pace_said said;
	char *said_text;		/* owned: a failure in words; NULL: it is none */
	bool resetting;			/* of host_admin */
	void *heir;			/* who waits for its next connection or message */
	uint64_t used_at;
	struct pace_share *share;	/* owned; NULL: its limits are this node's own */
};
struct pace_gates;
struct pace_gates *pace_gate_table_new(uint64_t period);	/* of what is learnt: see pace_rate_init */
void pace_gate_table_free(struct pace_gates *t);	/* after all that have a gate of it */
/* Counts in its `refs`; made when there is none. `host` in lower case. */
struct pace_gate *pace_gate_get(struct pace_gates *t, const char *host, const char *account,
    const struct config_remote_rules *rules, uint64_t now);
void pace_gate_put(struct pace_gate *g, uint64_t now);
/* From now on all nodes share its limits, where the configuration has some. `node` outlives it. */
void pace_gate_share(struct pace_gate *g, struct lease_node *node, void *asker);
uint64_t pace_gate_most(const struct pace_gate *g);	/* connections: the lower of both limits */
/* Messages a minute of all nodes, as it is configured and learnt here. */
uint64_t pace_gate_rate(const struct pace_gate *g);
/* More connections are open than its leases allow: some must end now. */
bool pace_gate_is_over(const struct pace_gate *g, uint64_t now);
bool pace_gate_has_surplus(const struct pace_gate *g, uint64_t now);	/* one should end when it is idle */
/*
 * Whether mail waits for what other nodes leave of its limits, or for the engine that knows it; `ms` until
 * that is asked again.
 */
enum pace_shared { PACE_SHARED_FREE, PACE_SHARED_USED_UP, PACE_SHARED_BARRED };
enum pace_shared pace_gate_shared(const struct pace_gate *g, uint64_t now, uint64_t *ms);
#define PACE_WORDS_SIZE 400
/* The same for people; "" FREE. */
enum pace_shared pace_gate_shared_words(const struct pace_gate *g, uint64_t now, char words[PACE_WORDS_SIZE]);
void pace_gate_table_sweep(struct pace_gates *t, uint64_t now);
/* For one more connection, and a message on it. */
bool pace_gate_has_room(struct pace_gate *g, uint64_t now);
bool pace_gate_takes_job(struct pace_gate *g, uint64_t now);
void pace_gate_given(struct pace_gate *g, uint64_t now);	/* a message goes to it; it takes_job */
uint64_t pace_gate_wait(struct pace_gate *g, uint64_t now);	/* ms until it takes a message; 0: now */
size_t pace_gate_places(const struct pace_gate *g);	/* messages that it can take soon */
/* It said "slow down", and rests for so long. True: it gets less from now on. */
bool pace_gate_slow(struct pace_gate *g, const struct verdict *why, uint64_t rest, uint64_t now);
bool pace_gate_taken(struct pace_gate *g, uint64_t now);	/* it judged a message; true: it gets more */
/* `why` NULL: it is no failure. */
void pace_gate_said(struct pace_gate *g, enum pace_said said, const struct verdict *why);
uint64_t pace_gate_rest(const struct pace_gate *g, uint64_t now);	/* ms that it still rests; 0: none */
void pace_gate_release(struct pace_gate *g, uint64_t now);	/* an operator: its limits are forgotten */
void pace_gate_reset(struct pace_gate *g, uint64_t now);	/* it is as if it was never met */
void pace_gate_table_each(struct pace_gates *t, void (*call)(void *arg, struct pace_gate *g), void *arg);
/* Some of them, from `*at` on (0 the first); *at: where to go on, 0: these were the last ones. */
void pace_gate_table_some(struct pace_gates *t, uint32_t *at, void (*call)(void *arg, struct pace_gate *g),
    void *arg);
enum pace_state pace_gate_state(const struct pace_gate *g, uint64_t now);

/* --- pace_table: the addresses that are known. Pure --- */
struct pace_table;
struct pace_table *pace_table_new(void);
void pace_table_free(struct pace_table *t);		/* after all that have a host of it */
/* Counts in its `refs`; made when there is none. */
struct pace_host *pace_table_get(struct pace_table *t, const struct net_address *to);
void pace_table_put(struct pace_host *h);
void pace_table_release(struct pace_table *t, uint64_t now);	/* an operator retries: no address rests */
void pace_table_sweep(struct pace_table *t, uint64_t now);

#endif
