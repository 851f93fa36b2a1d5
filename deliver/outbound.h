/* outbound - the other half of deliver.h: connections to remote hosts, one block a file, alphabetical. Included by deliver.h alone */
#ifndef DELIVER_OUTBOUND_H
#define DELIVER_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/base/net.h"
#include "common/mail/message.h"
#include "common/mail/verdict.h"
#include "common/boot/boot.h"
#include "common/ipc/msg_dns.h"
#include "common/ipc/dns_client.h"
#include "common/rules/route.h"
#include "common/ipc/msg_auth_out.h"
#include "common/tls/tls.h"

struct destination;
struct outconn;
struct outbound;
struct outbound_job;
struct site;

/* --- trusted_ca: who vouches for names, and TLS of all outbound connections --- */
struct trusted_ca;
/* NULL: no destination of this virtual server has TLS. */
struct trusted_ca *trusted_ca_new(struct boot *b, void (*ready)(void *arg), void *arg);
bool trusted_ca_begin(struct trusted_ca *a);	/* true: connections may be made; false: `ready` will be called once when they may */
void trusted_ca_free(struct trusted_ca *a);		/* after all connections; NULL is fine */
void trusted_ca_take_file(struct trusted_ca *a, const struct ctl_message *m);	/* CTL_FILE; closes its descriptor */
struct tls_out *trusted_ca_tls(const struct trusted_ca *a);

/* --- token_client: tokens from the fetch helper, for connections that log in with OAuth2 --- */
struct outconn_auth_source;
extern const struct outconn_auth_source token_client_oauth2;
struct ctl_client *token_client_new(struct outbound *r);

/* --- client: the SMTP dialogue with one peer, from greeting to QUIT, any number of transactions. Pure --- */
struct client_reply;

/*
 *   client_init(&c, &settings);
 *   loop: client_input() what the peer sent; then, as long as client_action() says so, act; send c.out (buf_drop what went)
 */
enum client_offer {
	CLIENT_PIPELINING = 1, CLIENT_SIZE = 2, CLIENT_8BITMIME = 4, CLIENT_SMTPUTF8 = 8, CLIENT_STATUSCODES = 16,
	CLIENT_CHUNKING = 32, CLIENT_DSN = 64, CLIENT_OFFERS_TLS = 128, CLIENT_BINARYMIME = 256,
};

enum client_phase {
	CLIENT_GREETING, CLIENT_EHLO, CLIENT_HELO,
	CLIENT_STARTTLS, CLIENT_SHAKE,					/* waiting for the reply to it; the handshake */
	CLIENT_PROVING, CLIENT_AUTH,					/* waiting for our own next word; for the answer to it */
	CLIENT_BETWEEN,							/* no transaction */
	CLIENT_RSET, CLIENT_MAIL, CLIENT_RCPT, CLIENT_DATA,		/* waiting for the reply to it */
	CLIENT_SENDING, CLIENT_DOT, CLIENT_QUIT, CLIENT_OVER,
	CLIENT_PHASE_COUNT
};

enum client_action {
	CLIENT_WAIT,		/* send c.out, wait for the peer, at most client_time_limit() */
	CLIENT_PROVE,		/* sooner or later: client_auth_say, or client_auth_give_up */
	CLIENT_READY,		/* client_transaction_begin or client_quit, or wait */
	CLIENT_HANDSHAKE,	/* the TLS handshake; what was read before it is forgotten. Then client_secured or client_insecure */
	CLIENT_CONTENT,		/* when c.out was sent: client_content with the next piece, or client_content_end */
	CLIENT_DONE,		/* the transaction is over: client_finish */
	CLIENT_CLOSE,		/* send c.out if possible, close */
};

enum client_fate {
	CLIENT_FINAL,		/* the verdicts stand */
	CLIENT_ELSEWHERE,	/* this host cannot take it, or took it for nobody now (4xx): another may; else the verdicts stand */
	CLIENT_LOST,		/* the connection failed before the end of the content was sent: safe to repeat; else the verdicts stand */
};

/* MAY: when the peer offers it; MUST: not a word of mail without it; AT_ONCE: before the greeting, as on port 465 (RFC 8314). */
enum client_tls { CLIENT_TLS_OFF, CLIENT_TLS_MAY, CLIENT_TLS_MUST, CLIENT_TLS_AT_ONCE };

struct client_settings {
	const char *fqdn;	/* for EHLO */
	const char *host;	/* the peer, for verdicts */
	bool helo;		/* HELO at once */
	enum client_tls tls;
	const char *user;	/* with mechanisms: who we are, for verdicts */
	unsigned mechanisms;	/* AUTH_OUT_BIT()s that may prove it: no mail without; 0: we are anonymous */
	unsigned clear;		/* those of AUTH_OUT_BARE that may go without TLS */
	bool again;		/* after a 535 there is one more attempt: with another token */
	void (*heard)(void *arg, const char *line, size_t len);	/* the first line of each reply; NULL: nobody asks */
	void *arg;
};

struct client_mail {
	const struct message_envelope *e;
	const char *sender;
	const size_t *index; size_t count;	/* into e->rcpt */
	struct verdict *verdict;		/* out: one for each of index */
	bool ascii_header;			/* the header of a message with SMTPUTF8 does not need that */
};

struct client {
	struct client_settings set;
	enum client_phase phase;
	unsigned offered;		/* enum client_offer */
	uint64_t size_limit;		/* 0: none said */
	struct client_reply *response;	/* owned */
	struct buf out;			/* to be sent */
	bool secured;			/* under TLS */
	bool tls_failed;		/* what ended it was STARTTLS or the handshake */
	bool opened;			/* greeting, EHLO and AUTH went well */
	struct client_auth *auth;	/* owned; NULL: none wanted */
	bool authenticated;
	bool denied;			/* the failure was that the peer does not want this account */
	bool hush;			/* what is in `out` is a word of AUTH */
	bool glitch;			/* the failure was a lost, silent or busy peer */
	struct verdict failure;		/* why it was not opened, or ended */
	/* the transaction */
	struct client_mail mail;
	bool busy;			/* between client_transaction_begin and client_finish */
	bool done;			/* over, not yet taken by client_finish */
	enum client_fate fate;
	bool dirty;			/* RSET is due before the next MAIL */
	bool mail_taken;		/* MAIL was answered 2xx */
	bool settled;			/* all verdicts are final already; what is pipelined is still read */
	size_t sent, answered;		/* steps: 0 RSET, 1 MAIL, 2.. RCPT, count + 2 DATA */
	size_t accepted;		/* recipients */
	bool leaves_out;		/* some recipients cannot be asked for: their steps are passed over */
	bool chunked;			/* the content goes by BDAT */
	bool line_start;		/* content: the next byte begins a line */
};

void client_init(struct client *c, const struct client_settings *set);	/* strings stay the caller's */
void client_done(struct client *c);
void client_input(struct client *c, const char *data, size_t len);
void client_unreached(struct client *c, const char *where, const char *reason);	/* instead of a greeting: "Connection refused" */
void client_lost(struct client *c, const char *reason);		/* end of file, reset: "Connection reset by peer" */
void client_timeout(struct client *c);
void client_secured(struct client *c);		/* the handshake is over: the dialogue begins anew */
void client_insecure(struct client *c, const char *reason);	/* it failed */
enum client_action client_action(struct client *c);
void client_transaction_begin(struct client *c, const struct client_mail *mail);	/* at CLIENT_READY only; verdicts and strings stay the caller's */
enum client_fate client_finish(struct client *c);			/* at CLIENT_DONE only */
void client_content(struct client *c, const char *data, size_t len);	/* at most CLIENT_PIECE bytes */
void client_content_end(struct client *c);
/* The content cannot be read: the transaction ends with `v` for all who were accepted, the connection with it. */
void client_abandon(struct client *c, const struct verdict *v);
void client_quit(struct client *c);
uint64_t client_time_limit(const struct client *c);	/* ms for the present phase (RFC 5321 4.5.3.2); 0 none */
#define CLIENT_PIECE (64U << 10)

/* Between client and client_transaction. */
int client_last_class(const struct client *c);		/* 2 to 5 */
struct verdict client_last_verdict(const struct client *c);
void client_set_all(struct client *c, const struct verdict *v, bool only_accepted);
void client_fail(struct client *c, const struct verdict *v, bool glitch);	/* the connection is of no more use */
void client_fail_protocol(struct client *c);

/* --- client_auth: proves to the peer who we are (RFC 4954), between EHLO and the first transaction. Pure --- */
struct client_auth {
	unsigned offered, refused;	/* AUTH_OUT_BIT()s */
	bool asked;			/* there was an AUTH line, whatever it offered */
	enum msg_auth_out_mechanism mechanism;
	struct buf challenge;		/* what the peer wants answered, decoded; empty before the first word */
	bool begun;			/* the AUTH line was sent: there is a challenge */
	bool repeated;			/* this is the second attempt */
	unsigned challenges;		/* of this attempt */
	bool last;			/* the word that was sent is the mechanism's last */
	struct buf raw;			/* the reply as it comes */
	struct buf held; bool holds;	/* a first word too long for the AUTH line */
};
struct client_auth *client_auth_new(void);
void client_auth_free(struct client_auth *a);
/* At CLIENT_PROVE only. `last`: nothing is to be answered any more, a 235 is due. */
void client_auth_say(struct client *c, const struct msg_auth_in_token *word, bool last);
void client_auth_give_up(struct client *c, const char *status, const char *why);	/* "4.7.0": no secret, no ticket */
/* From client: */
void client_auth_offer(struct client *c, const char *line);	/* a line of the answer to EHLO that begins with AUTH */
void client_auth_begin(struct client *c);
void client_auth_input(struct client *c, const char *data, size_t len);	/* bytes as they come */
void client_auth_reply(struct client *c);

/* --- client_transaction: one transaction: RSET, MAIL, RCPT, DATA and the answers to them. Pure --- */
void client_transaction_rset(struct client *c);	/* the present reply answers this; so the others */
void client_transaction_mail(struct client *c);
void client_transaction_rcpt(struct client *c);
void client_transaction_data(struct client *c);
void client_transaction_early(struct client *c);	/* while the content is being sent */
void client_transaction_dot(struct client *c);

/* --- tls_policy: what a host has to show before it gets mail: from the destination's security and what the DNS says. Pure --- */
struct mx_address; struct tlsa_set;
enum client_tls tls_policy_tls(const struct destination *d, const struct mx_address *a);
/* For the handshake with `host`; `record` has room for all of the set's, and outlives the wish as the strings do. */
struct tls_policy_host { const char *name; bool literal, sure; const struct tlsa_set *tlsa; };
void tls_policy_wish(const struct destination *d, const struct tls_policy_host *host, struct tls_wish *wish, struct tls_record *record);
/* "mx.example.com or example.com": the names of a wish, for people. */
void tls_policy_names(const struct tls_wish *wish, char *dst, size_t size);

/* --- login_test: posternctl oauth test: a login without a message --- */
void login_test_begin(struct outbound *r, const struct ctl_message *m);	/* CTL_OAUTH_TEST */
void login_test_answer(const struct outconn *p, struct outbound_job *job);	/* the login went well */
void login_test_free_all(struct outbound *r);

/* --- mx: from a destination to the ordered addresses to be tried. Pure: questions out, answers in --- */
#define MX_HOSTS_MAX 20
#define MX_ADDRESSES_MAX 30

struct mx_address {
	struct net_address to;
	unsigned rank;			/* lower first; equal ranks are one's free choice */
	char *host;			/* owned: "mx1.example.com", "[192.0.2.1]" */
	bool literal;
	bool sure;			/* host is what the mail is meant for: configured, or named by a validated MX answer */
	struct tlsa_set *tlsa;		/* owned; NULL: there are none, or they were not asked for */
	char *refused;			/* owned: why it must not be used: its TLSA records cannot be had; NULL */
	uint64_t plain_until;		/* for site: outbound-tls = may, and TLS failed: clear text till then */
	uint64_t bad_until;		/* for site: clock_mono_ms() till which it is tried last */
	uint64_t quiet_until;		/* for site: no trouble event before */
	struct site_lockout *hold;		/* for site: owned; it does not want our account */
};

struct mx_list {
	struct mx_address *address; size_t count;	/* owned; at most MX_ADDRESSES_MAX */
	uint32_t ttl;			/* seconds */
	struct verdict verdict;		/* when count is 0: why */
};

struct mx_settings {
	const char *fqdn;			/* our name */
	const struct net_address *self; size_t nself;	/* addresses and ports that lead back to us */
	uint32_t (*chance)(uint32_t below);	/* as arc4random_uniform(3) */
};

struct mx_question { uint16_t type; const char *name; unsigned tag; };

struct mx_walk;
/* `d` and `set` must outlive the walk. */
struct mx_walk *mx_walk_new(const struct destination *d, const struct mx_settings *set);
void mx_walk_free(struct mx_walk *w);
/* The next question to be asked, without waiting for earlier answers; false: none now. */
bool mx_walk_ask(struct mx_walk *w, struct mx_question *q);
void mx_walk_answer(struct mx_walk *w, unsigned tag, const struct msg_dns_answer *a);
/* Once all questions were answered: fills `list` (freed by mx_list_done); false before. */
bool mx_walk_end(struct mx_walk *w, struct mx_list *list);
void mx_list_done(struct mx_list *list);

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
	size_t told;			/* first bytes of client.out that are content, or commands the log has already */
	uint64_t said;			/* monotonic ms of the last command, or of the connecting */
	enum client_phase timed; size_t timed_step;	/* what the timer was set for */
};

/* Begins to connect to address `index` of the site's list. NULL and *why when that failed at once. */
struct outconn *outconn_open(struct site *s, unsigned index, struct verdict *why) __attribute__((warn_unused_result));
struct outconn *outconn_turned(struct site *s, int fd, uint16_t port);	/* `fd` is the connection */
void outconn_start(struct outconn *p, struct outbound_job *job);	/* on an idle one; may end it */
void outconn_quit(struct outconn *p);		/* an idle one says goodbye; one not yet opened is closed; may end it */
void outconn_free(struct outconn *p);		/* closes; tells nobody */
void outconn_go_on(struct outconn *p);	/* what was waited for has come; may end it */

/* --- outconn_auth: the AUTH dialogue of a connection: which of our sources has the words, and what became of it --- */
enum outconn_auth_end {
	OUTCONN_AUTH_TAKEN,	/* the peer is content */
	OUTCONN_AUTH_DENIED,	/* the peer does not want this account: 535 and its like */
	OUTCONN_AUTH_GONE,		/* it ended for another reason */
};

/* Where the words come from: one row a kind of outbound-auth. */
struct outconn_auth_source {
	unsigned mechanisms;	/* AUTH_OUT_BIT()s */
	bool again;		/* after a 535 there may be other words: one more attempt on the same connection */
	bool hold;		/* after DENIED the host is left alone for a while: an account that is tried too often is locked */
	/*
	 * The next word for p->client.auth->mechanism is wanted: outconn_auth_say or outconn_auth_give_up, later, never from inside. `challenge`
	 * NULL: the first, the initial response; again NULL: the peer did not know the mechanism, another one is tried.
	 */
	void (*ask)(struct outconn *p, const struct buf *challenge);
	void (*end)(struct outconn *p, enum outconn_auth_end how);	/* once; no question is open any more */
};
void outconn_auth_settings(const struct outconn *p, struct client_settings *set);
void outconn_auth_prove(struct outconn *p);		/* asks the source, if it was not asked yet */
void outconn_auth_end(struct outconn *p);
bool outconn_auth_holds(const struct outconn *p);	/* the account was denied, and the host is to be left alone */
void outconn_auth_binding(const struct outconn *p, struct msg_auth_out_start *s);
void outconn_auth_secured(struct outconn *p);	/* the handshake is over: without a channel binding (RFC 9266 4.2) there is no -PLUS */
/* From the sources: may end the connection, and others with it. `last`: a 235 may follow, although a challenge may, too. */
void outconn_auth_say(struct outconn *p, const struct msg_auth_in_token *word, bool last);
void outconn_auth_give_up(struct outconn *p, const char *status, const char *why);

/* --- auth_out_client: questions to the auth helper: the words that prove who we are to a peer --- */
extern const struct outconn_auth_source auth_out_client_basic, auth_out_client_integrated;
struct ctl_client *auth_out_client_new(struct outbound *r);

/* --- outconn_io: the bytes of a connection, in clear or under TLS --- */
/* As recv(2) and send(2); a failure of TLS is EPROTO. */
ssize_t outconn_io_recv(struct outconn *p, char *data, size_t size);
ssize_t outconn_io_send(struct outconn *p, const char *data, size_t len);
const char *outconn_io_reason(int error);		/* the last one's, in words */
bool outconn_io_shake(struct outconn *p, bool *blocked);	/* false: to be called again when the socket can (blocked: be written to) */
void outconn_io_close(struct outconn *p);
void outconn_log_commands(struct outconn *p);	/* --- trace: for the protocol log: what is new in client.out, before it is sent --- */
void outconn_log_reply(void *arg, const char *line, size_t len);	/* for client_settings.heard; arg: the peer */

/* --- outbound: outbound connections, kept and reused per destination; limits; who gets which job --- */

/*
 * One transaction's worth: some recipients of one message to one destination. Owned by the caller (schedule), which fills the upper part;
 * remote fills `verdict` and calls `done` exactly once, on the loop, never from inside outbound_submit.
 */
struct outbound_job {
	const struct message_envelope *e;	/* NULL: no message, the login alone is wanted: see knock */
	int fd;				/* the queue file, positioned reads only */
	const char *sender;		/* envelope sender to use (masqueraded) */
	const size_t *index; size_t count;	/* into e->rcpt; at most max-recipients */
	struct verdict *verdict;	/* out: one for each of index; preset by remote */
	bool glitch;			/* out: connection failed, dropped or busy (421/450-class greeting): quick tries may apply */
	const char *tls, *verified;	/* out: of the connection it went by, as in struct peer; valid during `done` */
	void (*done)(void *arg, struct outbound_job *job);
	void *arg;
	/* private to site: zero at first */
	struct outbound_job *next;
	uint32_t tried;			/* addresses of the site's list, a bit each */
	uint8_t rounds;			/* how many lists it went through */
	uint8_t hosts;			/* how many said that it is not for them, or not now */
	uint8_t noted;			/* enum site_noted: what verdict holds already */
	bool reused_failed;		/* a kept connection turned out closed: repeated once on a fresh one */
};

struct outbound;
struct outbound *outbound_new(struct boot *b);
void outbound_submit(struct outbound *r, const struct destination *d, struct outbound_job *job);	/* d is copied when needed */
/*
 * A destination of its own that is connected already, by `fd` (taken over), on which the peer will greet us. Jobs for it wait for that one
 * connection; once it is over, and no job waits, `over` is called, later and once. `d->domain` is the peer's address, for logs.
 */
void outbound_turn(struct outbound *r, const struct destination *d, int fd, uint16_t port, void (*over)(void *arg), void *arg);
void outbound_turn_end(struct outbound *r, const struct destination *d);	/* there is no more mail: says goodbye */
size_t outbound_active(const struct outbound *r);		/* jobs not done */
void outbound_release(struct outbound *r);			/* an operator wants everything tried now: no host is left alone any more */
bool outbound_is_down(const struct outbound *r, const char *key);	/* the last attempts could not connect at all */
/* Starts no new transaction; jobs not begun are done with VERDICT_LATER 4.3.2 and glitch false; those in flight go on. */
void outbound_drain(struct outbound *r);
/* The role's on_control hands over each CTL_CHANNEL here, with its descriptor (owned from then on); who needs one asks for it (CTL_NEED). */
void outbound_on_channel(struct outbound *r, const struct ctl_message *m);
void outbound_free(struct outbound *r);			/* closes everything now; done is not called any more */

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
	TAILQ_HEAD(site_line, site) due, blocked;	/* to be worked on; in line for a connection of the total limit */
	TAILQ_HEAD(, outconn) idle;		/* oldest first */
	size_t npeer, active;
	char *piece;				/* CLIENT_PIECE bytes, for whoever reads content now */
	bool draining;
	uint64_t ways;				/* how often an idle connection gave way */
	bool granting;				/* one of `blocked` is at work and may have a connection */
};
bool outbound_grants(struct outbound *r);		/* one more connection may be opened; whoever waits for one comes first */
void outbound_enter_line(struct outbound *r, struct site *s);	/* at its end; who is in it stays where it is */
void outbound_leave_line(struct outbound *r, struct site *s);
void outbound_rests(struct outbound *r);		/* a connection became idle: it may give way to those who wait */
const struct mx_settings *outbound_mx(struct outbound *r);
void outbound_due(struct outbound *r, struct site *s);	/* site_work will be called soon */

/* --- client_reply: one SMTP reply of a peer, of any number of lines, from bytes. Pure --- */
#define CLIENT_REPLY_KEPT 512	/* of each line, and of all lines together for a verdict's text */

enum client_reply_kind { CLIENT_REPLY_MORE, CLIENT_REPLY_LINE, CLIENT_REPLY_WHOLE, CLIENT_REPLY_BAD };

struct client_reply {
	int code;
	size_t lines, bytes;		/* of this reply */
	char line[CLIENT_REPLY_KEPT];	/* the present line, cut; with its code */
	size_t line_len;
	char text[CLIENT_REPLY_KEPT];	/* all lines so far joined by blanks, without codes, cut */
	size_t text_len;
	bool ended;			/* the next byte begins another line */
	bool whole;			/* ... and another reply */
};

void client_reply_init(struct client_reply *r);
/*
 * Eats bytes up to the next line end. CLIENT_REPLY_LINE: one of several lines is in; CLIENT_REPLY_WHOLE: the last one is; CLIENT_REPLY_BAD:
 * no SMTP reply, or one without end. `*used` says how many bytes were eaten.
 */
enum client_reply_kind client_reply_add(struct client_reply *r, const char *data, size_t len, size_t *used);
const char *client_reply_line(const struct client_reply *r);	/* text of the present line, without code */

/* --- own_address: which addresses and ports lead back to this virtual server --- */
/* An array to be freed; `*count` of them: the listen addresses, wildcards as every address of this host. */
struct net_address *own_address_addresses(const struct config_server *s, size_t *count);

/* --- site: one destination: its waiting jobs, its addresses and their health, its connections --- */
enum site_noted { SITE_NOTHING, SITE_FAILURE, SITE_HEARD };	/* heard: a peer's word on this very message */
struct site {
	LIST_ENTRY(site) table_link;
	TAILQ_ENTRY(site) link, line;	/* in remote.due, in remote.blocked */
	bool due, blocked;		/* whether it is there; who becomes due while blocked keeps its place in the line */
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
struct outbound_job *site_take(struct site *s, struct outconn *p);		/* the next job for this connection, NULL: none */
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
void site_lockout_release(struct site *s);				/* all may be tried now; what came of it is still remembered */
void site_lockout_skip(struct site *s);				/* the waiting jobs pass over held hosts */

/* --- site_queue: the jobs that wait at a site, and how they end --- */
void site_queue_push(struct site *s, struct outbound_job *job, bool front);
struct outbound_job *site_queue_pull(struct site *s, struct outbound_job **link);	/* the one that `link` points to */
/* A failure that was not about this message: told for all recipients when nothing else is heard. */
void site_queue_note(struct outbound_job *job, const struct verdict *v, bool glitch);
void site_queue_finish(struct site *s, struct outbound_job *job);		/* its verdicts stand */
void site_queue_finish_all(struct site *s, const struct verdict *v);	/* what waits now: `done` may bring a new job */
void site_queue_finish_tried(struct site *s);	/* the jobs that have met every address */

/* --- site_hosts: the addresses of a site: found by mx and lookup, their health, which one is next --- */
size_t site_hosts_index(const struct site *s, const struct outconn *p);	/* which address it goes to; list.count: none of the present list */
void site_hosts_renew(struct site *s);		/* site_work comes after it */
/* The best address for the job: not tried, healthy, preferred, least used; list.count when none is left. */
size_t site_hosts_choose(struct site *s, const struct outbound_job *job, uint64_t now);
/* TLS with the address failed and need not be: the next connections are made without it. */
void site_hosts_plain(struct site *s, size_t index, const char *where, const struct verdict *v);
/* The address did not let us in: every waiting job has met it now. `where` is for people. */
void site_hosts_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch);

/* --- tlsa: which TLSA records a host has (RFC 7672 2.2). Pure --- */
#define TLSA_RECORDS_MAX 16

/* Validated records of usage 2 and 3; none: there are others alone, so TLS is required and proves nothing. */
struct tlsa_set {
	char base[DNS_NAME_SIZE];	/* the name they stand below: SNI, and the first name in the certificate */
	size_t count, size;		/* size: of `data` */
	struct tlsa_rdata { uint32_t at; uint16_t len; } record[TLSA_RECORDS_MAX];	/* where in `data` */
	uint8_t data[];
};

struct tlsa;
/* `canonical`: where the aliases of `host` lead; `secure`: its addresses are validated. */
struct tlsa *tlsa_new(const char *host, const char *canonical, uint16_t port, bool secure);
void tlsa_free(struct tlsa *t);		/* NULL is fine */
/* The next question; tlsa_answer comes before the one after it. False: none now. */
bool tlsa_ask(struct tlsa *t, uint16_t *type, const char **name);
void tlsa_answer(struct tlsa *t, const struct msg_dns_answer *a);
bool tlsa_is_over(const struct tlsa *t);
const struct tlsa_set *tlsa_found(const struct tlsa *t);	/* NULL: none */
const char *tlsa_trouble(const struct tlsa *t);		/* why the host must not be used now; NULL: it may */
struct tlsa_set *tlsa_set_copy(const struct tlsa_set *set);	/* of NULL: NULL */

/* --- xoauth: the words of OAUTHBEARER and XOAUTH2. Pure --- */
struct xoauth_wish {
	enum msg_auth_out_mechanism mechanism;
	const char *user, *host;
	uint16_t port;
	const char *token; size_t len;
};
bool xoauth_first(struct msg_auth_in_token *word, const struct xoauth_wish *w) __attribute__((warn_unused_result));	/* false: too long, `word` is empty */
void xoauth_last(struct msg_auth_in_token *word, enum msg_auth_out_mechanism mechanism);	/* after the challenge that means no */
void xoauth_status(char *dst, size_t size, const char *challenge, size_t len);	/* what it says; "" nothing known */

#endif
