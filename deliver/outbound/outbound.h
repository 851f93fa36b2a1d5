/* outbound - connections to remote hosts; one block a file */
#ifndef DELIVER_OUTBOUND_OUTBOUND_H
#define DELIVER_OUTBOUND_OUTBOUND_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/net.h"
#include "common/ipc/ctl.h"
#include "common/mail/verdict.h"
#include "common/rules/route.h"
#include "common/tls/tls.h"
#include "deliver/auth_out/auth_out.h"
#include "deliver/hosts/hosts.h"
#include "deliver/pace/pace.h"
#include "deliver/smtp/smtp.h"
#include "deliver/tls_report/tls_report.h"

struct login_test;
struct message_envelope;
struct outbound;
struct outconn;
struct shared_limits;
struct site;
struct site_host;
struct smart_watch;
struct spool;
struct trusted_ca;

/* --- trusted_ca: TLS of all outbound connections, and the CA certificates that are trusted --- */
/* NULL: no destination of this virtual server has TLS. `ready` is called once, see trusted_ca_begin. */
struct trusted_ca *trusted_ca_new(struct boot *b, void (*ready)(void *arg), void *arg);
/* True: connections may be made now; false: `ready` will tell when. */
bool trusted_ca_begin(struct trusted_ca *a);
bool trusted_ca_are_there(const struct trusted_ca *a);		/* NULL: true */
/* They are not there, and needed: `done` is called once, later, when they are, or cannot be read. */
void trusted_ca_want(struct trusted_ca *a, void (*done)(void *arg), void *arg);
void trusted_ca_renew(struct trusted_ca *a);		/* the file has changed; NULL is fine */
void trusted_ca_free(struct trusted_ca *a);		/* after all connections; NULL is fine */
void trusted_ca_take_file(struct trusted_ca *a, const struct ctl_message *m);	/* CTL_FILE; closes it */
struct tls_out *trusted_ca_tls(const struct trusted_ca *a);	/* of NULL: NULL */

/* --- outbound: jobs and the sites that do them; the total limit of connections; stopping --- */

/*
 * One transaction: some recipients of one message to one destination. Owned by the caller, which fills the
 * upper part. `done` is called exactly once, from the loop, never from inside outbound_submit.
 */
enum outbound_step { OUTBOUND_BEGUN, OUTBOUND_RESOLVED, OUTBOUND_CONNECTED, OUTBOUND_SECURED };

struct outbound_job {
	const struct message_envelope *e;	/* NULL: no message, only the login: see done_login */
	int fd;				/* the queue file, positioned reads only */
	const char *content;		/* of a small message: it need not be read again; NULL: from fd */
	/*
	 * Signatures, which go before the content; NULL: none. Then `measured` and `added` are filled, too:
	 * the lines are folded as they were when it was signed, whatever the host takes
	 */
	const struct buf *fields;
	const char *sender;		/* envelope sender to use (masqueraded) */
	size_t *index; size_t count;	/* into e->rcpt; at most max-recipients; out: in another order */
	struct verdict *verdict;	/* out: one for each of index; preset by outbound_submit */
	bool careful;			/* the message has failed before: see struct rcpt_list */
	int64_t until_us;		/* wall time: it is returned then; 0: not known, or never */
	/* out: connection failed, dropped or busy (421/450-class greeting): quick tries may apply */
	bool glitch;
	uint64_t rest;			/* out: ms. Not 0: a host rests so long; this was no attempt */
	bool paused;			/* out: an operator has paused all hosts; this was no attempt */
	/* out: of the connection that was used: `facts` and `proofs` of struct outconn; valid in `done` */
	const char *tls, *verified;
	void (*done)(void *arg, struct outbound_job *job);
	void (*heard)(void *arg, struct outbound_job *job);	/* list.settled verdicts stand; may be NULL */
	void (*taken)(void *arg, size_t index);	/* a host has just taken it: mark it at once; may be NULL */
	/* This process ends in the midst of it: for the recipients that are not settled; may be NULL */
	void (*cut)(void *arg, const struct outbound_job *job, const char *host, const char *why);
	/* Without a message: the connection is open, with its login. To fill verdict[0]; `done` follows. */
	void (*done_login)(void *arg, const struct outconn *p);
	/*
	 * Or this: the connection, once it is open, is the callee's, and no dialogue goes on. `where` as in
	 * struct outconn
	 */
	void (*handed)(void *arg, int fd, struct ssl_st *tls, const char *where);
	/* Without a message: the step is done, and how; may come again for another address. May be NULL */
	void (*step)(void *arg, enum outbound_step step, const char *text);
	void *arg;
	struct rcpt_list list;		/* out: settled, progress */
	bool measured; int64_t added;	/* folding the content adds so many bytes */
	bool plain;			/* measured, and it can go by DATA as it is: see client_survey */
	/* private to site: set by outbound_submit */
	struct outbound_job *next;
	struct verdict failure;		/* when `failed`: of a connection, not of this message */
	uint32_t tried;			/* addresses of the site's list, a bit each */
	struct host_doubt doubt;	/* extensions that may have failed */
	uint8_t rounds, hosts;		/* address lists used up; hosts that did not take it, or not now */
	uint8_t form;			/* enum report_form: larger ones were refused */
	uint8_t lost;			/* connections that ended under it, though the host works */
	uint8_t repeats;		/* transactions that were repeated in another way */
	bool rested;			/* an address was passed over because it rests */
	bool failed, answered;		/* see `failure`; a host has said something about this very message */
};

struct outbound *outbound_new(struct boot *b);
/* `d` is copied when needed. */
void outbound_submit(struct outbound *o, const struct destination *d, struct outbound_job *job);
/*
 * ATRN (RFC 2645): the host of this destination has connected to us, by `fd` (taken over); it will greet us.
 * Jobs for the destination use that one connection. `over` is called once, from the loop, when the connection
 * has ended and no job waits. `d->domain` is the address of the host, for logs.
 */
void outbound_atrn(struct outbound *o, const struct destination *d, int fd, uint16_t port,
    void (*over)(void *arg), void *arg);
/* There is no more mail for it: QUIT is sent when the last job is done. */
void outbound_atrn_end(struct outbound *o, const struct destination *d);
size_t outbound_active(const struct outbound *o);		/* jobs not done */
/* An operator wants mail tried now: lockouts and rests end. */
void outbound_release(struct outbound *o);
/* The addresses of hosts that an operator resets are as if they were never met: pace_gate.resetting. */
void outbound_reset_hosts(struct outbound *o);
/* Whether the last attempts found no host that lets us in and judges messages. */
bool outbound_is_down(const struct outbound *o, const char *key);
/*
 * Down, and that was found out a moment ago: no message tries now. `*ms`: until the next one may; 0: after
 * the usual time between two attempts. `longest`: between two tries, at most. `*why`: the last failure.
 */
bool outbound_was_tried(const struct outbound *o, const char *key, uint64_t longest, uint64_t *ms,
    struct verdict *why);
/*
 * PROBES: one job may find out whether the rest is over. RESTS: for `*ms` more; `*why`: what a host said.
 * PAUSED: an operator has paused all its hosts, for as long as this process runs.
 */
enum outbound_rest { OUTBOUND_FREE, OUTBOUND_PROBES, OUTBOUND_RESTS, OUTBOUND_PAUSED };
enum outbound_rest outbound_rest(const struct outbound *o, const char *key, uint64_t *ms,
    struct verdict *why);
/* Messages that its hosts can take soon, by their limits a minute. */
size_t outbound_places(const struct outbound *o, const char *key);
/* Each destination whose mail waits for limits that nodes share, as pace_gate_shared_words says it. */
void shared_limits_each(const struct outbound *o,
    void (*call)(void *arg, const char *key, const char *why), void *arg);
bool shared_limits_waits(const struct outbound *o, const char *key, char why[PACE_WORDS_SIZE]);
/*
 * Starts no new transaction. Jobs not begun are done with VERDICT_LATER 4.3.2 and glitch false; those in
 * flight go on. `why` the process ends, for those that were tried: a constant.
 */
void outbound_drain(struct outbound *o, const char *why);
/* CTL_CHANNEL, with its descriptor (taken over): to a helper that was asked for by CTL_NEED. */
void outbound_on_channel(struct outbound *o, const struct ctl_message *m);
/* CTL_OTHERS: where other virtual servers listen; hosts are looked up again. */
void outbound_take_others(struct outbound *o, const struct ctl_message *m);
/* Closes everything now; `done` is not called any more. */
void outbound_free(struct outbound *o);

/* Private to this component. */
struct outbound {
	struct boot *b;
	const struct config_server *server;
	struct loop *loop;
	struct counters *counters;
	struct ctl_client *helper[CTL_HELPER_COUNT];	/* NULL: one that is not asked from here */
	struct tls_out *tls;			/* NULL: no destination has TLS */
	struct trusted_ca *trust;		/* NULL: the same */
	const struct own_certificate *own;	/* NULL: no destination is shown a certificate */
	struct w3clog *log;			/* NULL: no protocol log */
	struct spool *spool;			/* asked whether the home is ours; NULL: it always is */
	struct tls_reports *reports;		/* NULL: TLS sessions are not counted */
	struct host_memory *memory;
	struct mx_settings mx;			/* `own` is renewed by site_hosts */
	struct net_address *own_address;	/* owned */
	char *others;			/* owned: as it came, as there may be thousands */
	uint64_t own_address_at;		/* when it was read */
	struct loop_timer *soon, *sweep;
	bool working;			/* on those that are due */
#define OUTBOUND_BUCKETS 1024
	LIST_HEAD(site_bucket, site) *table;	/* OUTBOUND_BUCKETS */
	struct pace_table *pace;
	struct pace_gates *gates;
	struct shared_limits *shared;		/* NULL: no other node counts with us */
	struct smart_watch *smart;
	size_t nsite;
	TAILQ_HEAD(site_waitlist, site) due, blocked;	/* see site_waitlist */
	TAILQ_HEAD(, outconn) idle;		/* oldest first */
	size_t nconn, active;
	unsigned marked;			/* connections, see outconn.marked */
	char *piece;				/* CLIENT_PIECE bytes: a scratch for outconn_content */
	bool draining;
	const char *ending;			/* why, see outbound_drain */
	uint64_t patience;			/* ms without an answer: see outconn_wait */
	uint64_t evictions;			/* idle connections closed to make room for others */
	bool serving;				/* a site of `blocked` is at work and may have a connection */
	LIST_HEAD(, login_test) login_tests;	/* of login_test */
};

/* --- smart_watch: hosts that the configuration names and that take nothing while mail waits --- */
struct smart_watch *smart_watch_new(struct boot *b);
void smart_watch_free(struct smart_watch *w);
/* A job with a message for `d` waits; it is done. `counts`: this was an attempt. */
void smart_watch_begin(struct smart_watch *w, const struct destination *d);
void smart_watch_end(struct smart_watch *w, const struct destination *d, const struct outbound_job *job,
    bool counts);

/* --- site_waitlist: the sites that are due for work, and those that wait for a connection --- */
/* site_work will be called soon, from the loop. */
void site_waitlist_due(struct site *s);
/* The site waits for a connection of the total limit: at the end of the list, or where it is already. */
void site_waitlist_enter(struct site *s);
void site_waitlist_leave(struct site *s);
void site_waitlist_remove(struct site *s);		/* from both lists */
/* One more connection may be opened now. Those that wait come first; each may have one at a time. */
bool site_waitlist_admits(struct outbound *o);
/* A connection became idle: it may be closed for the sites that wait. */
void site_waitlist_wake(struct outbound *o);

/* --- site: one destination: its waiting jobs, its hosts and their health, its connections --- */
enum site_kind {
	SITE_CONNECTS,
	SITE_ATRN,		/* the host has connected to us: that connection is the only one */
	SITE_ATRN_ENDS,		/* the same, and there is no more mail for it */
};

/*
 *             a connection  a host did    a job has tried all hosts:    a message    an operator
 *             is open       not let us in  "later", and no connection   was judged   ends a lockout
 *   UNKNOWN   UP            UNKNOWN        DOWN                         UP           UNKNOWN
 *   UP        UP            UNKNOWN        UP                           UP           UP
 *   DOWN      UP            DOWN           DOWN                         UP           UNKNOWN
 * A host that ends connections without a word under one message after the other has not let us in, and when
 * that was the only one it is DOWN at once; to such a host an open connection changes nothing. A job that
 * fails for another reason turns DOWN into UNKNOWN.
 */
enum site_reach {
	SITE_UNKNOWN,		/* one connection is tried at a time */
	SITE_UP,		/* several connections may be opened at once */
	SITE_DOWN,		/* the last job that found no host failed for want of a connection */
};

struct site {
	LIST_ENTRY(site) table_link;
	TAILQ_ENTRY(site) due_link, blocked_link;
	/* In outbound.due; in outbound.blocked. A site that becomes due keeps its place in the other list. */
	bool due, blocked;
	enum site_kind kind;
	enum site_reach reach;
	/* Tries in a row that found no host since it was UP; the last of them: when (monotonic ms), why */
	unsigned failures; uint64_t failed_at; struct verdict failure;
	bool fails;			/* a host has failed, and that is not counted yet */
	struct outbound *o;
	struct destination d;		/* a copy */
	struct outbound_job *first, **last;	/* that wait */
	size_t waiting;
	struct mx_list list;
	struct site_host *host;		/* owned: one for each of list.address */
	unsigned generation;		/* of the list; 0: none yet */
	uint64_t expires;		/* of the list; monotonic ms */
	struct mx_lookup *lookup;	/* for a new list; NULL: none under way */
	struct msg_policy_answer *late;	/* owned; it waits for the authorities; NULL: none does */
	uint64_t asked_at;		/* when it began */
	struct loop_timer *patience;	/* with the answers to it that are late */
	bool partial;			/* the list is of a look-up that goes on */
	TAILQ_HEAD(, outconn) conns;
	size_t nconn, nopening, nidle, nquitting;
	size_t extra;			/* connections allowed beyond the proportion: jobs wait for long */
	struct loop_timer *pressure, *again;	/* again: the pause of a host is over */
	bool check_tried;		/* some job may have tried all addresses */
	uint64_t used_at;		/* monotonic ms */
	void (*over)(void *arg);	/* ATRN: see outbound_atrn; NULL once called */
	void *over_arg;
};
struct site *site_new(struct outbound *o, const struct destination *d);
/* `fd` is its one connection; none is ever opened. */
void site_atrn(struct site *s, int fd, uint16_t port, void (*over)(void *arg), void *arg);
void site_atrn_end(struct site *s);
void site_free(struct site *s);		/* with its connections; `done` of its jobs is not called */
void site_cut(const struct site *s);	/* `cut` of the jobs that have a connection */
bool site_is_unused(const struct site *s, uint64_t now, uint64_t ms);	/* for so long */
void site_add(struct site *s, struct outbound_job *job);
/* Does what can be done for the waiting jobs. True: they want one more connection, and there is no room. */
bool site_work(struct site *s);
/* The next five are called by outconn. */
void site_opened(struct site *s, struct outconn *p);
/* The next job for this connection, NULL: none. */
struct outbound_job *site_take(struct site *s, struct outconn *p);
void site_idle(struct site *s, struct outconn *p);
void site_quitting(struct site *s, struct outconn *p);			/* it takes no more jobs */
void site_closed(struct site *s, struct outconn *p);			/* frees it */

/* --- site_open: opens the connections that the waiting jobs need --- */
bool site_open_more(struct site *s);		/* true: one more is wanted, and there is no room */
void site_open_add(struct site *s, struct outconn *p);	/* it is one of the site's now */

/* --- site_job: what becomes of a job after each of its transactions --- */
void site_job_over(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate);

/* --- site_lockout: a host that denied our account is left alone for a while --- */
struct site_lockout {
	uint64_t until, wait;		/* monotonic ms; ms: how long this time */
	struct verdict why;
};
/* `index`: the host's address in the list; list.count: nothing is done. */
void site_lockout_begin(struct site *s, size_t index, const struct verdict *why);
void site_lockout_end(struct site *s, size_t index);		/* the host has accepted our account */
/* All hosts may be tried now; the next lockout is longer all the same. */
void site_lockout_release(struct site *s);
/* The waiting jobs do not try the hosts that are left alone now. */
void site_lockout_skip(struct site *s);

/* --- site_pace: what a connection or transaction tells about its host, and what that means for mail --- */
enum site_turn {
	SITE_JUDGED,		/* what the fate says: the verdicts stand, or another host is next */
	SITE_AGAIN,		/* nothing was said about it: it keeps its turn, and was not tried */
};
/* May change `fate`: what was said to the connection is final for no recipient. */
enum site_turn site_pace_turn(struct site *s, struct outconn *p, struct outbound_job *job,
    enum client_fate *fate);
/* The host works, as pace_host_works() says, or has let this connection wait while it did. */
bool site_pace_works(const struct outconn *p, bool self_open, uint64_t now);
/* The connection was not let in. True: its host works all the same, this says nothing about mail. */
bool site_pace_is_cut(struct site *s, struct outconn *p);
/* The connection is let in, or the host has judged a message on it. */
void site_pace_is_good(struct site *s, const struct outconn *p, uint64_t now);
/* None works. True: the host rests, and nothing else is to be done. */
bool site_pace_is_rest(struct site *s, const struct outconn *p);
bool site_pace_gives(const struct site *s, const struct outconn *p, const struct outbound_job *job);
void site_pace_skip(struct site *s);	/* the waiting jobs do not try the hosts that rest now */
enum outbound_rest site_pace_state(const struct site *s, uint64_t *ms, struct verdict *why);
/* When the first pause of a host ends that the waiting jobs may go to; 0: there is none. */
uint64_t site_pace_again(const struct site *s, uint64_t now);
size_t site_pace_places(const struct site *s);		/* as outbound_places */

/* How long hosts rest; the first one is the time in which their limits are learnt. */
struct pace_rests site_pace_rests(const struct config_server *server);

/* --- site_gate: connections and messages a minute of a host, which several sites may share --- */
struct pace_gate *site_gate_get(const struct site *s, const struct mx_address *a);
/* It has room for one more connection, and it is not another site's turn. */
bool site_gate_has_room(const struct site *s, struct pace_gate *g, uint64_t now);
/* An idle connection of another site, in whose place the site waits; NULL: none. */
struct outconn *site_gate_idle_one(const struct site *s);
/* Ms that the host, or this address of it, rests or is paused; `why` is set when there are any. */
uint64_t site_gate_rest(const struct site_host *h, uint64_t now, struct verdict *why);
bool site_gate_all_paused(const struct site *s);	/* by an operator; false: no host is known */
bool site_gate_gives(const struct outconn *p, const struct outbound_job *job, uint64_t now);
void site_gate_given(const struct outconn *p, const struct outbound_job *job);
/* For people, what its host does: it ended the connection; it answered to a message, NULL: took it. */
void site_gate_ended(const struct outconn *p);
void site_gate_answered(const struct outconn *p, const struct verdict *why);
void site_gate_enter(struct outconn *p, struct pace_gate *g);	/* the connection counts from now on */
/* It does not count any more; NULL gate is fine. `wakes`: who waits for its place. */
void site_gate_leave(struct outconn *p, bool wakes);
void site_gate_failed(const struct outconn *p);			/* the host does not let us in */
void site_gate_settings(const struct outconn *p, struct client_settings *set);	/* extensions left out */
unsigned site_gate_without(const struct outconn *p);		/* enum client_offer */
size_t site_gate_recipients(const struct outconn *p);		/* of one transaction */

/* --- shared_limits: the limits of hosts that all nodes share --- */
struct shared_limits *shared_limits_new(struct outbound *o);	/* NULL: none are shared */
void shared_limits_free(struct shared_limits *l);		/* after all connections; NULL is fine */
void shared_limits_add(struct outbound *o, struct pace_gate *g);	/* a gate that a site has got */
/* Asks for what it lacks, if it is time; for whoever waits at it. */
void shared_limits_look(struct outbound *o, struct pace_gate *g);
/* A connection goes on. False: its lease is over, and the dialogue has ended. */
bool shared_limits_allow(struct outconn *p);

/* --- site_queue: the jobs that wait at a site, and how they end --- */
void site_queue_push(struct site *s, struct outbound_job *job, bool front);
/* Takes out the job that `link` points to. */
struct outbound_job *site_queue_pull(struct site *s, struct outbound_job **link);
/* A failure that was not about this message: for recipients that no host has put off or judged. */
void site_queue_note(struct outbound_job *job, const struct verdict *v, bool glitch);
/* For the job that waits first, if it wants to know. */
void site_queue_step(const struct site *s, enum outbound_step step, const char *text);
/* No host is left for it, or none is needed: rcpt_list_end says what that means for its recipients. */
void site_queue_end(struct site *s, struct outbound_job *job);
/* The jobs that wait now: `done` may bring a new one. */
void site_queue_finish_all(struct site *s, const struct verdict *v);
void site_queue_finish_tried(struct site *s);	/* the jobs that have tried every address */

/* --- site_hosts: the addresses of a site: found by mx, their health, which one is next --- */
struct site_host {
	struct pace_host *pace;		/* counted in its `refs` */
	struct pace_gate *gate;		/* the same: of the host that has the address */
	uint64_t quiet_until;		/* monotonic ms; until then: no trouble event */
	uint64_t unfit_until;		/* the same: it lacks what this site demands, and is tried last */
	/* When it last let us in or judged a message of this site; the same under TLS. 0: never */
	uint64_t good_at, secure_at;
	struct site_lockout *lockout;	/* owned; NULL: none */
};
/* Which address it goes to; list.count: none of the present list. */
size_t site_hosts_index(const struct site *s, const struct outconn *p);
void site_hosts_init(struct site *s);
void site_hosts_renew(struct site *s);		/* the site is due when there is a new list */
/*
 * The best address for the job: not tried, healthy, preferred, least used. list.count: none, or that one has
 * no room for another connection now, and the site gets the next one.
 */
size_t site_hosts_choose(struct site *s, const struct outbound_job *job, uint64_t now);
void site_hosts_give_way(struct site *s);	/* to other sites that wait for a connection to its hosts */
/* The connection is not open after its time: another address may be tried beside it. */
bool site_hosts_is_slow(const struct outconn *p, uint64_t now);
/* The address did not let us in: every waiting job has tried it now. `where` is for people. */
void site_hosts_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch);
void site_hosts_done(struct site *s);

/* --- site_health: which hosts are tried last: they have failed, or lack what this site demands --- */
bool site_health_is_bad(const struct site_host *h, uint64_t now);
bool site_health_all_bad(const struct site *s, uint64_t now);
/* client_is_unfit. `index`: as site_lockout_begin */
void site_health_unfit(struct site *s, size_t index, uint64_t now);

/* --- site_reach: whether the hosts let us in --- */
void site_reach_up(struct site *s);		/* one of them does */
/* No host is left for a job, for this reason. */
void site_reach_down(struct site *s, const struct verdict *why);

/* --- outconn: one outbound connection: its state, its time limits; drives a client --- */
/* CONNECTING, OPENING, OPEN in this order; then OPEN and IDLE in turn; last QUITTING. Any may be the end. */
enum outconn_state {
	OUTCONN_CONNECTING,	/* nothing was received yet */
	OUTCONN_OPENING,	/* greeting, EHLO, TLS, AUTH */
	OUTCONN_OPEN,		/* has a job, or gets one now */
	OUTCONN_IDLE,
	OUTCONN_QUITTING,
};

enum outconn_auth_state {
	OUTCONN_AUTH_QUIET,	/* no question is open */
	OUTCONN_AUTH_ASKED,	/* the source has a question */
	OUTCONN_AUTH_OVER,	/* the source knows that there will be no more */
};

struct outconn {
	TAILQ_ENTRY(outconn) link;		/* in its site */
	TAILQ_ENTRY(outconn) idle_link;	/* in outbound.idle */
	struct site *site;
	struct pace_host *pace;		/* counted in its `refs`; NULL: ATRN */
	struct pace_gate *gate;		/* the same */
	enum outconn_state state;
	bool proves;			/* the host was bad: nothing waits for this connection */
	bool spent;			/* takes no more jobs */
	bool marked;			/* the host took the message, and the rest of that is to be done */
	bool over_limit;		/* ended by us, as its lease is over */
	bool ignored;			/* ended, as it got no answer while others did */
	void (*on_ignored)(struct outconn *p);	/* the dialogue goes on, perhaps to its end */
	uint64_t begun_at, job_at;	/* monotonic ms; job_at: the transaction */
	uint64_t deadline;		/* of the transaction, until all of the content has left */
	uint64_t judged_at;		/* when the host judged the last message on it; 0 never */
	unsigned generation, index;	/* which address of which of the site's lists */
	struct net_address to;
	char *host;			/* owned */
	char where[NET_TEXT_SIZE + 264];	/* "mx.example.com [192.0.2.1]:25", for people */
	char ip[NET_TEXT_SIZE]; uint16_t port;	/* of the host, for the protocol log */
	int fd;
	struct loop_io *io;
	struct loop_timer *timer, *patience;
	/* What the timer was set for */
	enum client_phase timed; size_t timed_step; uint64_t timed_limit;
	struct client client;
	struct ssl_st *tls;		/* owned; NULL: in clear */
	struct tlsa_set *tlsa;		/* owned */
	struct tls_policy_host policy;	/* what the host has to prove */
	struct tls_applied *applied;	/* one of its users; NULL: not counted, or counted already */
	char helo[256];			/* how the host calls itself; kept only for that */
	char *memory_key;		/* owned; what host_memory knows it by */
	struct host_tls_try try;
	const char *verified;		/* what it has proved under TLS: "none", "name", "dane" */
	const char *proofs;		/* for events: the same, and whether our certificate was shown */
	char facts[TLS_FACTS_SIZE];	/* of TLS: "TLSv1.3/TLS_AES_256_GCM_SHA384", "-" */
	struct auth_out_login login;
	enum outconn_auth_state auth;
	struct outbound_job *job;		/* in its dialogue; NULL between */
	off_t content_at;		/* the next byte of the content to be read */
	bool reads;			/* its socket or file system takes no bytes from file to socket */
	struct buf form;		/* a report in another form than the file's; empty: as it is */
	uint64_t messages;		/* transactions begun */
	size_t logged;	/* bytes at the start of client.out that the protocol log has, or that are content */
	uint64_t sent_at;		/* monotonic ms of the last command, or of the connecting */
};

/* Begins to connect to address `index` of the site's list. NULL and *why when that failed at once. */
struct outconn *outconn_open(struct site *s, unsigned index,
    struct verdict *why) __attribute__((warn_unused_result));
struct outconn *outconn_atrn(struct site *s, int fd, uint16_t port);	/* `fd` is connected */
void outconn_start(struct outconn *p, struct outbound_job *job);	/* on an idle one; may end it */
/* Sends QUIT on an idle one, closes one that is not open yet; may end it. */
void outconn_quit(struct outconn *p);
void outconn_run(struct outconn *p);		/* the dialogue, until it waits for the host; may free `p` */
void outconn_free(struct outconn *p);		/* closes, without site_closed */

/* --- outconn_wait: a connection that gets no answer, while its host answers others --- */
/* For the first answer, or for the one to MAIL. `ignored`: the client has ended (p->ignored), or goes on. */
void outconn_wait_begin(struct outconn *p, void (*ignored)(struct outconn *p));
void outconn_wait_done(struct outconn *p);

/* --- outconn_deadline: how long one transaction may take --- */
/* Ms, for so many recipients and bytes. Pure. */
uint64_t outconn_deadline_span(const struct config_server *server, size_t recipients, uint64_t size);
void outconn_deadline_begin(struct outconn *p, const struct client_mail *mail);
uint64_t outconn_deadline_cut(const struct outconn *p, uint64_t ms);	/* the lesser one */
bool outconn_deadline_is_over(const struct outconn *p);

/* --- outconn_connect: the socket of a connection, and the names of its other end --- */
void outconn_connect_names(struct outconn *p, const struct mx_address *a);
/* A non-blocking connect(2), from a configured source address. 0, or -1 and errno. */
int outconn_connect_begin(struct outconn *p) __attribute__((warn_unused_result));

/* --- outconn_content: reads the queue file for a connection --- */
/* The next piece; after the last one, the end. 0, or -1: what the socket says, EAGAIN when it is full. */
int outconn_content_send(struct outconn *p);
/* What the host has to know of the content, and what is done to it for this host. */
void outconn_content_prepare(struct outconn *p, struct outbound_job *job, struct client_mail *mail);

/* --- outconn_auth: the AUTH dialogue of a connection: asks the source, reports how it ended --- */
void outconn_auth_settings(const struct outconn *p, struct client_settings *set);
void outconn_auth_ask(struct outconn *p);		/* asks the source, if no question is open */
void outconn_auth_end(struct outconn *p);
/* The handshake is over: without a channel binding (RFC 9266 4.2) there is no -PLUS. */
void outconn_auth_secured(struct outconn *p);

/* --- outconn_bytes: from and to the socket, and the dialogue --- */
bool outconn_bytes_receive(struct outconn *p);	/* what has come; false: nothing more for now */
bool outconn_bytes_send(struct outconn *p);	/* what is to be sent; false: the socket takes no more now */
bool outconn_bytes_send_content(struct outconn *p);	/* and the next piece of the content; false: alike */

/* --- outconn_io: the bytes of a connection, in clear or under TLS --- */
/* As recv(2) and send(2); a failure of TLS is EPROTO. */
ssize_t outconn_io_recv(struct outconn *p, char *data, size_t size);
ssize_t outconn_io_send(struct outconn *p, const char *data, size_t len);
ssize_t outconn_io_send_file(const struct outconn *p, int fd, off_t at, size_t len);	/* in clear only */
void outconn_io_fail(struct outconn *p, int error);	/* the connection ends by this failure */
/* False: to be called again when the socket can be read (blocked: be written to). */
bool outconn_io_shake(struct outconn *p, bool *blocked);
void outconn_io_close(struct outconn *p);

/* --- outconn_report: what it tells about TLS, for the report to the domain --- */
void outconn_report_begin(struct outconn *p, const struct mx_address *a);
void outconn_report_greeting(struct outconn *p, const char *line, size_t len);
void outconn_report_refused(struct outconn *p);		/* it is not begun, see mx_address.refused */
void outconn_report_secured(struct outconn *p, enum tls_proof proof);
void outconn_report_broken(struct outconn *p);		/* the handshake has failed */
void outconn_report_over(struct outconn *p);		/* open, or ended; may come again */

/* --- outconn_memory: what was known of the host, and what this connection has taught --- */
/* Sets the TLS of the connection that begins now to `a`. */
void outconn_memory_begin(struct outconn *p, const struct mx_address *a, struct client_settings *set);
void outconn_memory_opened(const struct outconn *p);
bool outconn_memory_failed(const struct outconn *p);	/* not opened; true: by TLS, once more at once */
/* Enum client_offer, for the transaction of this job. */
unsigned outconn_memory_without(const struct outconn *p, const struct outbound_job *job);
/* A transaction is over. Its fate, or LOST where AGAIN would be once too often. */
enum client_fate outconn_memory_finished(const struct outconn *p, struct outbound_job *job,
    enum client_fate fate);
bool outconn_memory_is_makeshift(const struct outconn *p);	/* in clear for now: it is not kept */

/* --- outconn_log: for the protocol log --- */
void outconn_log_commands(struct outconn *p);	/* what is new in client.out, before it is sent */
/* For client_settings.heard; arg: the connection. */
void outconn_log_reply(void *arg, const char *line, size_t len);

/* --- host_admin: posternctl hosts --- */
void host_admin_take(struct outbound *o, const struct ctl_message *m);		/* CTL_HOSTS */

/* --- login_test: posternctl oauth test: a login without a message --- */
void login_test_begin(struct outbound *o, const struct ctl_message *m);	/* CTL_OAUTH_TEST */
void login_test_free_all(struct outbound *o);		/* before outbound_free */

#endif
