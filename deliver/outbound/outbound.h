/* outbound - connections to remote hosts; one block a file */
#ifndef DELIVER_OUTBOUND_OUTBOUND_H
#define DELIVER_OUTBOUND_OUTBOUND_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/net.h"
#include "common/ipc/msg_auth_out.h"
#include "common/mail/verdict.h"
#include "common/rules/route.h"
#include "common/tls/tls.h"
#include "deliver/hosts/hosts.h"
#include "deliver/smtp/smtp.h"

struct boot;
struct buf;
struct client_settings;
struct config_server;
struct counters;
struct ctl_client;
struct ctl_message;
struct destination;
struct loop;
struct loop_io;
struct loop_timer;
struct message_envelope;
struct msg_auth_in_token;
struct msg_auth_out_start;
struct mx_settings;
struct mx_walk;
struct net_address;
struct outbound;
struct outconn;
struct site;
struct ssl_st;
struct tls_out;
struct tlsa_set;
struct trusted_ca;
struct verdict;
struct w3clog;

/* --- trusted_ca: who vouches for names, and TLS of all outbound connections --- */
/* NULL: no destination of this virtual server has TLS. */
struct trusted_ca *trusted_ca_new(struct boot *b, void (*ready)(void *arg), void *arg);
/* true: connections may be made; false: `ready` will be called once when they may */
bool trusted_ca_begin(struct trusted_ca *a);
void trusted_ca_free(struct trusted_ca *a);		/* after all connections; NULL is fine */
/* CTL_FILE; closes its descriptor */
void trusted_ca_take_file(struct trusted_ca *a, const struct ctl_message *m);
struct tls_out *trusted_ca_tls(const struct trusted_ca *a);

/* --- outbound: outbound connections, kept and reused per destination; limits; who gets which job --- */

/*
 * One transaction's worth: some recipients of one message to one destination. Owned by the caller (schedule),
 * which fills the upper part; remote fills `verdict` and calls `done` exactly once, on the loop, never from
 * inside outbound_submit.
 */
struct outbound_job {
	const struct message_envelope *e;	/* NULL: no message, the login alone is wanted: see knock */
	int fd;				/* the queue file, positioned reads only */
	const char *sender;		/* envelope sender to use (masqueraded) */
	const size_t *index; size_t count;	/* into e->rcpt; at most max-recipients */
	struct verdict *verdict;	/* out: one for each of index; preset by remote */
	/* out: connection failed, dropped or busy (421/450-class greeting): quick tries may apply */
	bool glitch;
	/* out: of the connection it went by, as in struct peer; valid during `done` */
	const char *tls, *verified;
	void (*done)(void *arg, struct outbound_job *job);
	void *arg;
	/* private to site: zero at first */
	struct outbound_job *next;
	uint32_t tried;			/* addresses of the site's list, a bit each */
	uint8_t rounds;			/* how many lists it went through */
	uint8_t hosts;			/* how many said that it is not for them, or not now */
	uint8_t noted;			/* enum site_noted: what verdict holds already */
	/* A kept connection turned out closed: repeated once on a fresh one */
	bool reused_failed;
};

struct outbound *outbound_new(struct boot *b);
/* d is copied when needed */
void outbound_submit(struct outbound *r, const struct destination *d, struct outbound_job *job);
/*
 * A destination of its own that is connected already, by `fd` (taken over), on which the peer will greet us.
 * Jobs for it wait for that one connection; once it is over, and no job waits, `over` is called, later and
 * once. `d->domain` is the peer's address, for logs.
 */
void outbound_turn(struct outbound *r, const struct destination *d, int fd, uint16_t port,
    void (*over)(void *arg), void *arg);
/* There is no more mail: says goodbye */
void outbound_turn_end(struct outbound *r, const struct destination *d);
size_t outbound_active(const struct outbound *r);		/* jobs not done */
/* An operator wants everything tried now: no host is left alone any more */
void outbound_release(struct outbound *r);
/* The last attempts could not connect at all */
bool outbound_is_down(const struct outbound *r, const char *key);
/*
 * Starts no new transaction; jobs not begun are done with VERDICT_LATER 4.3.2 and glitch false; those in
 * flight go on.
 */
void outbound_drain(struct outbound *r);
/*
 * The role's on_control hands over each CTL_CHANNEL here, with its descriptor (owned from then on); who needs
 * one asks for it (CTL_NEED).
 */
void outbound_on_channel(struct outbound *r, const struct ctl_message *m);
/* Closes everything now; done is not called any more */
void outbound_free(struct outbound *r);

/* For site and peer. */
struct outbound {
	struct boot *b;
	const struct config_server *server;
	struct loop *loop;
	struct counters *counters;
	struct ctl_client *lookup, *auth_out_client, *token_client;
	struct tls_out *tls;			/* NULL: nothing has TLS */
	LIST_HEAD(, login_test) knocks;
	struct w3clog *log;			/* NULL: none is kept */
	struct mx_settings mx;			/* `self` is renewed by outbound_mx */
	struct net_address *self;		/* owned */
	uint64_t self_at;			/* when it was read */
	struct loop_timer *soon, *sweep;
	LIST_HEAD(site_bucket, site) *table;	/* OUTBOUND_BUCKETS */
	size_t nsite;
	/* To be worked on; in line for a connection of the total limit */
	TAILQ_HEAD(site_line, site) due, blocked;
	TAILQ_HEAD(, outconn) idle;		/* oldest first */
	size_t npeer, active;
	char *piece;				/* CLIENT_PIECE bytes, for whoever reads content now */
	bool draining;
	uint64_t ways;				/* how often an idle connection gave way */
	bool granting;				/* one of `blocked` is at work and may have a connection */
};

/* One more connection may be opened; whoever waits for one comes first */
bool outbound_grants(struct outbound *r);
/* At its end; who is in it stays where it is */
void outbound_enter_line(struct outbound *r, struct site *s);
void outbound_leave_line(struct outbound *r, struct site *s);
/* A connection became idle: it may give way to those who wait */
void outbound_rests(struct outbound *r);
const struct mx_settings *outbound_mx(struct outbound *r);
void outbound_due(struct outbound *r, struct site *s);	/* site_work will be called soon */

/* --- site: one destination: its waiting jobs, its addresses and their health, its connections --- */
/* heard: a peer's word on this very message */
enum site_noted { SITE_NOTHING, SITE_FAILURE, SITE_HEARD };
struct site {
	LIST_ENTRY(site) table_link;
	TAILQ_ENTRY(site) link, line;	/* in remote.due, in remote.blocked */
	/* Whether it is there; who becomes due while blocked keeps its place in the line */
	bool due, blocked;
	bool asked;			/* this time it wanted a connection and found no room */
	struct outbound *r;
	struct destination d;		/* a copy */
	struct outbound_job *first, **last; size_t waiting;
	struct mx_list list;
	unsigned generation;		/* of the list; 0: none yet */
	uint64_t expires;		/* of the list */
	struct mx_walk *walk;		/* asking for a new list; NULL: not now */
	TAILQ_HEAD(, outconn) peers;
	size_t npeer, nopening, nidle, nleaving;
	size_t extra;			/* connections allowed beyond the proportion: jobs wait for long */
	struct loop_timer *pressure;
	bool proven;			/* the last attempt got through: several may be made at once */
	bool down;			/* the last job that found no host failed for want of a connection */
	bool tired;			/* some job may have tried all addresses */
	uint64_t touched;		/* when it was last used */
	bool turned, finished;		/* it came to us; no more mail for it */
	void (*over)(void *arg);	/* turned: NULL once called */
	void *over_arg;
};
/* `fd` is its one connection; none is ever made. */
void site_turn(struct site *s, int fd, uint16_t port, void (*over)(void *arg), void *arg);
void site_turn_end(struct site *s);
struct site *site_new(struct outbound *r, const struct destination *d);
void site_free(struct site *s);		/* with its connections; jobs are not told */
bool site_is_unused(const struct site *s, uint64_t now);
void site_add(struct site *s, struct outbound_job *job);
void site_work(struct site *s);
/* From peer: */
void site_opened(struct site *s, struct outconn *p);
/* The next job for this connection, NULL: none */
struct outbound_job *site_take(struct site *s, struct outconn *p);
void site_rests(struct site *s, struct outconn *p);			/* it is idle */
void site_leaves(struct site *s, struct outconn *p);			/* says goodbye: takes no more jobs */
void site_over(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate);
void site_closed(struct site *s, struct outconn *p);			/* it is over: frees it */

/* --- site_lockout: hosts that do not want our account are left alone for a while --- */
struct site_lockout {
	uint64_t until, wait;		/* monotonic ms; how long this time */
	struct verdict why;
};
void site_lockout_begin(struct site *s, size_t index, const struct verdict *why);
void site_lockout_end(struct site *s, size_t index);		/* it was content with us */
/* All may be tried now; what came of it is still remembered */
void site_lockout_release(struct site *s);
void site_lockout_skip(struct site *s);				/* the waiting jobs pass over held hosts */

/* --- site_queue: the jobs that wait at a site, and how they end --- */
void site_queue_push(struct site *s, struct outbound_job *job, bool front);
/* The one that `link` points to */
struct outbound_job *site_queue_pull(struct site *s, struct outbound_job **link);
/* A failure that was not about this message: told for all recipients when nothing else is heard. */
void site_queue_note(struct outbound_job *job, const struct verdict *v, bool glitch);
void site_queue_finish(struct site *s, struct outbound_job *job);		/* its verdicts stand */
/* What waits now: `done` may bring a new job */
void site_queue_finish_all(struct site *s, const struct verdict *v);
void site_queue_finish_tried(struct site *s);	/* the jobs that have met every address */

/* --- site_hosts: the addresses of a site: found by mx and lookup, their health, which one is next --- */
/* Which address it goes to; list.count: none of the present list */
size_t site_hosts_index(const struct site *s, const struct outconn *p);
void site_hosts_renew(struct site *s);		/* site_work comes after it */
/* The best address for the job: not tried, healthy, preferred, least used; list.count when none is left. */
size_t site_hosts_choose(struct site *s, const struct outbound_job *job, uint64_t now);
/* TLS with the address failed and need not be: the next connections are made without it. */
void site_hosts_plain(struct site *s, size_t index, const char *where, const struct verdict *v);
/* The address did not let us in: every waiting job has met it now. `where` is for people. */
void site_hosts_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch);

/* --- outconn: one outbound connection: socket, time limits, content; drives a client --- */
struct outconn {
	TAILQ_ENTRY(outconn) link;		/* in its site */
	TAILQ_ENTRY(outconn) idle_link;	/* in remote.idle, when idle */
	struct site *site;
	unsigned generation, index;	/* which address of which of the site's lists */
	struct net_address to;
	char *host;			/* owned */
	char where[NET_TEXT_SIZE + 264];	/* "mx.example.com [192.0.2.1]:25", for people */
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	struct client client;
	struct ssl_st *tls;		/* owned; NULL: in clear */
	struct tlsa_set *tlsa;		/* owned */
	struct tls_policy_host shows;	/* who it is to be */
	const char *verified;		/* what it has proved under TLS: "none", "name", "dane" */
	char facts[TLS_FACTS_SIZE];	/* of TLS: "TLSv1.3/TLS_AES_256_GCM_SHA384", "-" */
	struct outbound_job *job;		/* in its dialogue; NULL between */
	off_t at;			/* of the content: the next byte to be read */
	uint64_t messages;		/* transactions begun */
	bool reached;			/* something was received */
	bool opened;			/* the site was told that it may have jobs */
	bool idle, leaving;
	void *proof;			/* of its outconn_auth_source: what is under way */
	bool proving, proved;		/* the source has a question; it has heard the end */
	char ip[NET_TEXT_SIZE]; uint16_t port;	/* of the peer, for the protocol log */
	/* First bytes of client.out that are content, or commands the log has already */
	size_t told;
	uint64_t said;			/* monotonic ms of the last command, or of the connecting */
	enum client_phase timed; size_t timed_step;	/* what the timer was set for */
};

/* Begins to connect to address `index` of the site's list. NULL and *why when that failed at once. */
struct outconn *outconn_open(struct site *s, unsigned index,
    struct verdict *why) __attribute__((warn_unused_result));
struct outconn *outconn_turned(struct site *s, int fd, uint16_t port);	/* `fd` is the connection */
void outconn_start(struct outconn *p, struct outbound_job *job);	/* on an idle one; may end it */
/* An idle one says goodbye; one not yet opened is closed; may end it */
void outconn_quit(struct outconn *p);
void outconn_free(struct outconn *p);		/* closes; tells nobody */
void outconn_go_on(struct outconn *p);	/* what was waited for has come; may end it */

/*
 * --- outconn_auth: the AUTH dialogue of a connection: which of our sources has the words, and what became of
 * it ---
 */
enum outconn_auth_end {
	OUTCONN_AUTH_TAKEN,	/* the peer is content */
	OUTCONN_AUTH_DENIED,	/* the peer does not want this account: 535 and its like */
	OUTCONN_AUTH_GONE,		/* it ended for another reason */
};

/* Where the words come from: one row a kind of outbound-auth. */
struct outconn_auth_source {
	unsigned mechanisms;	/* AUTH_OUT_BIT()s */
	/* After a 535 there may be other words: one more attempt on the same connection */
	bool again;
	/* After DENIED the host is left alone for a while: an account that is tried too often is locked */
	bool hold;
	/*
	 * The next word for p->client.auth->mechanism is wanted: outconn_auth_say or outconn_auth_give_up,
	 * later, never from inside. `challenge`
	 * NULL: the first, the initial response; again NULL: the peer did not know the mechanism, another one
	 *       is tried.
	 */
	void (*ask)(struct outconn *p, const struct buf *challenge);
	/* Once; no question is open any more */
	void (*end)(struct outconn *p, enum outconn_auth_end how);
};
void outconn_auth_settings(const struct outconn *p, struct client_settings *set);
void outconn_auth_prove(struct outconn *p);		/* asks the source, if it was not asked yet */
void outconn_auth_end(struct outconn *p);
/* The account was denied, and the host is to be left alone */
bool outconn_auth_holds(const struct outconn *p);
void outconn_auth_binding(const struct outconn *p, struct msg_auth_out_start *s);
/* The handshake is over: without a channel binding (RFC 9266 4.2) there is no -PLUS */
void outconn_auth_secured(struct outconn *p);
/*
 * From the sources: may end the connection, and others with it. `last`: a 235 may follow, although a
 * challenge may, too.
 */
void outconn_auth_say(struct outconn *p, const struct msg_auth_in_token *word, bool last);
void outconn_auth_give_up(struct outconn *p, const char *status, const char *why);

/* --- outconn_io: the bytes of a connection, in clear or under TLS --- */
/* As recv(2) and send(2); a failure of TLS is EPROTO. */
ssize_t outconn_io_recv(struct outconn *p, char *data, size_t size);
ssize_t outconn_io_send(struct outconn *p, const char *data, size_t len);
const char *outconn_io_reason(int error);		/* the last one's, in words */
/* false: to be called again when the socket can (blocked: be written to) */
bool outconn_io_shake(struct outconn *p, bool *blocked);
void outconn_io_close(struct outconn *p);
/* --- trace: for the protocol log: what is new in client.out, before it is sent --- */
void outconn_log_commands(struct outconn *p);
/* For client_settings.heard; arg: the peer */
void outconn_log_reply(void *arg, const char *line, size_t len);

/* --- auth_out_client: questions to the auth helper: the words that prove who we are to a peer --- */
extern const struct outconn_auth_source auth_out_client_basic, auth_out_client_integrated;
struct ctl_client *auth_out_client_new(struct outbound *r);

/* --- token_client: tokens from the fetch helper, for connections that log in with OAuth2 --- */
extern const struct outconn_auth_source token_client_oauth2;
struct ctl_client *token_client_new(struct outbound *r);

/* --- xoauth: the words of OAUTHBEARER and XOAUTH2. Pure --- */
struct xoauth_wish {
	enum msg_auth_out_mechanism mechanism;
	const char *user, *host;
	uint16_t port;
	const char *token; size_t len;
};
/* false: too long, `word` is empty */
bool xoauth_first(struct msg_auth_in_token *word,
    const struct xoauth_wish *w) __attribute__((warn_unused_result));
/* After the challenge that means no */
void xoauth_last(struct msg_auth_in_token *word, enum msg_auth_out_mechanism mechanism);
/* What it says; "" nothing known */
void xoauth_status(char *dst, size_t size, const char *challenge, size_t len);

/* --- login_test: posternctl oauth test: a login without a message --- */
void login_test_begin(struct outbound *r, const struct ctl_message *m);	/* CTL_OAUTH_TEST */
void login_test_answer(const struct outconn *p, struct outbound_job *job);	/* the login went well */
void login_test_free_all(struct outbound *r);

#endif
