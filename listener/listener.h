/*
 * listener - private header of the listener worker; one block a file, alphabetical
 *
 * bytes -> conn -> inbound -> session -> verb -> transaction, bdat, envelope, data, policy   (pure from session on)
 *                  inbound <- session_ops <- replies, content, facts
 *                  inbound -> receive -> intake -> the queue
 */
#ifndef LISTENER_LISTENER_H
#define LISTENER_LISTENER_H

#include <bsd/sys/queue.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/buf.h"
#include "common/mail/address.h"
#include "common/mail/message.h"
#include "common/mail/xtext.h"
#include "common/process/boot.h"
#include "common/process/config.h"
#include "common/process/counters.h"
#include "common/process/plea.h"
#include "common/process/dns.h"
#include "common/process/intake.h"
#include "common/process/loop.h"
#include "common/process/policy.h"
#include "common/process/pool.h"
#include "common/process/tls.h"
#include "common/process/vouch.h"
#include "common/process/w3clog.h"

#define SECURE_FINGERPRINT_SIZE (2 * TLS_FINGERPRINT_SIZE + 1)

struct bdat;
struct claim_question;
struct inbound;
struct passage;
struct listener;
struct porch;
struct porch_place;
struct rdns;
struct seek;
struct seek_state;
struct session;
struct warrant_question;

/* An IPv4 or IPv6 address and its port. */
union proxy_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* --- arpa: names of addresses; pure --- */

#define ARPA_SIZE 80

void arpa_name(char *dst, const struct sockaddr *sa);	/* "1.2.0.192.in-addr.arpa"; `dst` of ARPA_SIZE */
uint16_t arpa_type(const struct sockaddr *sa);		/* DNS_A or DNS_AAAA */
bool arpa_confirms(const struct dns_answer *a, const struct sockaddr *sa);	/* the address is among the records */

/* --- bdat: the BDAT command and its chunks; pure --- */

void bdat_command(struct session *s, const char *arg, size_t len);
size_t bdat_content(struct session *s, const char *data, size_t len);	/* in PHASE_CHUNK */
enum reply bdat_refusal(const struct session *s);	/* in PHASE_CHUNK: what will be said to it; REPLY_NONE */
void bdat_free(struct session *s);			/* also when there is nothing */

/* --- claim: questions to the deliver worker, for mail that it holds --- */

struct claim *claim_new(struct listener *l);
void claim_free(struct claim *w);			/* after all questions; NULL is fine */
void claim_channel(struct claim *w, int fd);		/* takes over `fd` */
/* inbound_claimed() follows, later, once, unless it is cancelled. */
struct claim_question *claim_start(struct claim *w, struct inbound *c, const struct plea *d);
void claim_cancel(struct claim_question *q);		/* NULL is fine */

/* --- collect: ETRN, ATRN and TURN; pure --- */

void collect_etrn(struct session *s, const char *arg, size_t len);
void collect_atrn(struct session *s, const char *arg, size_t len);	/* also TURN, which has no argument */
void collect_answer(struct session *s, const struct plea_answer *a, const char *node);	/* in PHASE_ASKING */
bool collect_may_ask(const struct session *s);		/* some domain's mail is held */
bool collect_may_turn(const struct session *s);		/* and some account may fetch it */

/* --- conn: one socket: reads, writes, time limits; knows nothing of SMTP --- */

#define CONN_SCRATCH_SIZE (64U << 10)	/* one read; also the most that waits in user space for its turn */
#define CONN_OUTPUT_MARK (64U << 10)	/* more unsent output than this: nothing more is read */

struct conn_ops {
	size_t (*input)(void *arg, const char *data, size_t len);	/* bytes used; 0: needs more, or cannot go on now */
	bool (*wants)(const void *arg);		/* input() could use bytes */
	void (*eof)(void *arg);			/* the peer sends nothing more; conn closes after what is to be written */
	void (*expired)(void *arg);		/* the limit of conn_limit() has passed */
	void (*secured)(void *arg, const char *why);	/* TLS began (NULL), or failed: gone() follows */
	void (*settled)(void *arg);		/* after each round of work: the place to call conn_limit() */
	void (*gone)(void *arg);		/* the last call: conn_free() now */
};
struct conn_env {				/* shared by all connections of a process */
	struct loop *loop;
	struct counters *counters;
	char scratch[CONN_SCRATCH_SIZE];
};
enum conn_end { CONN_OPEN, CONN_CLOSE, CONN_LINGER };

struct conn *conn_new(struct conn_env *env, int fd, const struct conn_ops *ops, void *arg);
void conn_free(struct conn *c);			/* closes the socket; NULL is fine */
int conn_fd(const struct conn *c);
/*
 * TLS from here on, once all output is written: what was read before is thrown away, and nothing is handed on until secured().
 * The connection has to stay open.
 */
void conn_secure(struct conn *c, struct tls *tls);
struct ssl_st *conn_link(const struct conn *c);	/* NULL: no TLS, or not yet */
bool conn_spilled(const struct conn *c);	/* something was thrown away when TLS began */
void conn_send(struct conn *c, const char *data, size_t len);	/* gathers; written when the round ends */
/* Once all output is written: close; or, when the peer may still be sending, say end, read on for a moment, close. */
void conn_close(struct conn *c, bool linger);
size_t conn_unsent(const struct conn *c);
void conn_flush(struct conn *c);		/* writes what the peer takes at once: before conn_free() */
void conn_limit(struct conn *c, uint64_t ms);	/* from now; UINT64_MAX: none */
/* Something outside has changed: goes on with waiting input and output. May end in gone(). */
void conn_resume(struct conn *c);

/* --- data: from 354 to the lone dot --- */

#define DATA_LINE_MAX 16384U	/* with CRLF; RFC 5321 4.5.3.1.6 says 1,000, and devices do not listen */

enum data_state {
	DATA_LINE,	/* at the start of a line */
	DATA_TEXT,	/* inside one */
	DATA_CR,	/* behind a CR in it, which is handed on already */
	DATA_DOT,	/* behind a dot at the start of a line */
	DATA_DOT_CR,	/* and a CR */
	DATA_END,	/* past the lone dot */
};
enum data_fault { DATA_FINE, DATA_BARE, DATA_LONG, DATA_LARGE };
struct data {
	enum data_state state;
	enum data_fault fault;	/* the first one; content is no longer handed on */
	uint32_t line;		/* bytes of the current line */
	uint64_t size;		/* content bytes: without dots added for transport and without the end */
	uint64_t limit;
	uint64_t wasted;	/* bytes read since the fault */
};
typedef void data_sink(void *arg, const char *run, size_t len);

void data_begin(struct data *d, uint64_t limit);
/* Bytes used: all, or up to and with the end (then state is DATA_END). Hands on runs as long as possible. */
size_t data_take(struct data *d, const char *in, size_t len, data_sink *sink, void *arg);

/* Content whose end is known (BDAT): all of it is used. Bare CR and LF and long lines are faults unless `binary`. */
void data_take_raw(struct data *d, const char *in, size_t len, bool binary, data_sink *sink, void *arg);
void data_end_raw(struct data *d);	/* a CR at the very end is bare */

/* --- envelope: arguments of MAIL and RCPT, and what they add up to --- */

#define ENVELOPE_RECIPIENTS_MAX 100000U	/* also when max-recipients is unlimited: see MESSAGE_ENVELOPE_MAX */

struct envelope {
	struct message_envelope m;
	uint64_t declared;	/* SIZE=; 0 not given */
	uint32_t *seen;		/* hash of recipients: index + 1, 0 free */
	size_t seen_size;	/* a power of two */
	bool overflow;		/* a recipient over the limit was refused already */
};
struct envelope_mail {
	struct address sender;
	uint64_t size;
	unsigned flags;		/* enum message_flags */
	enum message_ret ret;
	char envid[XTEXT_ENVID_MAX + 1];	/* "": not given */
	char auth[XTEXT_AUTH_MAX + 1];	/* "": not given, or <> */
};
struct envelope_rcpt {
	struct address address;
	unsigned notify;	/* enum message_notify; 0 not given */
	char orcpt[XTEXT_ORCPT_MAX + 1];	/* "": not given */
};
enum reply;

/* What follows the verb. REPLY_NONE, or the refusal. */
enum reply envelope_parse_mail(struct envelope_mail *m, const char *arg, size_t len);
enum reply envelope_parse_rcpt(struct envelope_rcpt *r, const char *arg, size_t len, unsigned flags);
struct envelope *envelope_new(const struct envelope_mail *m);
void envelope_free(struct envelope *e);			/* NULL is fine */
bool envelope_has(const struct envelope *e, const char *recipient);
void envelope_add(struct envelope *e, const struct envelope_rcpt *r);	/* given again, the first parameters stay */

/* --- gate: the listening sockets --- */

struct gate;
/* Somebody at the door. */
struct gate_guest {
	int fd;
	unsigned listen;			/* which socket: index into config_server.listen */
	union proxy_address client, reached;	/* reached: family 0 unless a PROXY header said it */
	char *names;				/* as in struct policy_client; owned */
	enum policy_state state;
	bool placed, counted;			/* in connection-limit; in connection-limit-per-client */
};

struct gate *gate_open(struct listener *l);		/* watches all of them */
/* The address is known: lets in, turns away, or has the names looked up first. Takes over what `guest` holds. */
void gate_judge(struct gate *g, struct gate_guest *guest);
/* Closes without a word; an event when there is a reason. Takes over what `guest` holds. */
void gate_dismiss(struct gate *g, struct gate_guest *guest, const char *why);
void gate_shut(struct gate *g);				/* accepts no more; what the kernel has queued is taken first */
void gate_leave(struct gate *g);			/* accepts no more; the queue is left for the next process */
void gate_close(struct gate *g);			/* accepts no more, for good */
void gate_reopen(struct gate *g);
void gate_free(struct gate *g);

/* --- hello: HELO and EHLO --- */

void hello_helo(struct session *s, const char *arg, size_t len);
void hello_ehlo(struct session *s, const char *arg, size_t len);
bool hello_offers(const struct session *s, const char *keyword);	/* now; what is no extension is offered always */

/* --- inbound: one connection: ties socket, dialogue and queue together --- */

/* Takes over what the guest holds and greets. The connection is counted already (gate). */
void inbound_open(struct listener *l, struct gate_guest *guest);
/* For Received, when reverse-dns = yes: the first confirmed name, or NULL. */
const char *inbound_client_name(const struct inbound *c);
void inbound_stop_all(struct listener *l);	/* 421 at the next command boundary */
void inbound_cut_all(struct listener *l);	/* now; those whose message is being stored stay until it is */
void inbound_free_all(struct listener *l);	/* the process ends: in any case */
/* For register: what an operator sees of a session; strings belong to it. */
struct inbound_view {
	uint32_t serial, messages;
	const struct sockaddr *address;
	const char *ip, *user, *helo, *state, *tls;	/* user and helo may be NULL; tls "-": none */
	char certificate[SECURE_FINGERPRINT_SIZE];	/* "": none was shown */
	uint64_t age_ms, idle_ms;
};
struct inbound *inbound_next(struct inbound *c);
bool inbound_look(const struct inbound *c, struct inbound_view *v);	/* false: closed already */
void inbound_terminate(struct inbound *c);	/* 421, now or when its message is stored; `c` may be gone */
/* From receive: the disk has room again; the message is on disk, or failed with an errno. */
void inbound_room(struct inbound *c);
void inbound_stored(struct inbound *c, int error, const char *id);
/* From warrant: the helper's answer; before the last one the question is forgotten. */
void inbound_vouched(struct inbound *c, const struct vouch_answer *a);
void inbound_forget_question(struct inbound *c);
/* From claim: the question is no more. `fd` (-1: none), which is taken over, leads to the deliver worker. */
void inbound_claimed(struct inbound *c, const struct plea_answer *a, const char *node, int fd);
void inbound_sought(struct inbound *c);		/* from seek: the answer can be fetched */

/* --- limit: concurrent connections per client address, over all processes of the virtual server --- */

struct limit;
struct limit *limit_new(uint64_t per_client, struct crowd *crowd, unsigned slot);	/* NULL: unlimited */
void limit_free(struct limit *t);
bool limit_take(struct limit *t, const struct sockaddr *client);	/* false: that client has its share already */
void limit_give(struct limit *t, const struct sockaddr *client);

/* --- listener: the process --- */

enum listener_mood { LISTENER_OPEN, LISTENER_PAUSED, LISTENER_DRAINING, LISTENER_STOPPING };

TAILQ_HEAD(inbound_list, inbound);
struct listener {
	struct boot *boot;
	const struct config_server *server;
	enum listener_mood mood;
	struct conn_env *env;
	struct spool *spool;
	struct pool *pool;
	struct intake *intake;
	struct w3clog *log;		/* NULL: none is kept */
	struct quota *quota;
	struct limit *limit;
	struct warrant *warrant;	/* NULL: nobody wanted to authenticate yet */
	struct claim *claim;		/* NULL: nobody asked for held mail yet */
	struct secure *secure;		/* NULL: no TLS */
	struct gate *gate;		/* NULL: certificates are still to come */
	struct porch *porch;
	struct rdns *rdns;
	struct seek *seek;		/* NULL: no directory */
	bool wants_names;
	uint32_t serial;		/* of the latest session */
	struct inbound_list sessions;
	struct loop_timer *grace;
	bool ended;
};
extern const struct boot_role listener_role;
void listener_serve(struct listener *l);	/* all that is needed is here: accept, and say so to the master */
void listener_check_idle(struct listener *l);	/* draining or stopping, and the last session has gone: end */


/* --- login: the AUTH command and its dialogue; pure --- */

#define LOGIN_LINE_MAX 12288U		/* RFC 4954 4, with CRLF; also for an AUTH command with an initial response */

void login_auth(struct session *s, const char *arg, size_t len);
void login_line(struct session *s, const char *line, size_t len);	/* in PHASE_LOGIN: an answer of the client */
void login_answer(struct session *s, const struct vouch_answer *a);
void login_refuse(struct session *s, enum reply why);		/* ends the dialogue in PHASE_LOGIN or PHASE_VOUCH */
bool login_is_offered(const struct session *s);
void login_put_offer(const struct session *s, char *dst, size_t size);	/* "AUTH SCRAM-SHA-256 PLAIN LOGIN" */

/* --- passage: the bytes of a turned session, between the client and the deliver worker --- */

/* Takes over `fd`. `ended`: the worker has closed its end, and all it said was given to `conn`; later, once. */
struct passage *passage_new(struct loop *loop, struct conn *conn, int fd, void (*ended)(void *arg), void *arg);
void passage_free(struct passage *p);			/* NULL is fine */
size_t passage_input(struct passage *p, const char *data, size_t len);	/* as conn_ops.input */
bool passage_wants(const struct passage *p);
void passage_settled(struct passage *p);		/* conn has written something, or read */

/* --- porch: connections that are not let in yet --- */

struct porch *porch_new(struct listener *l);
void porch_free(struct porch *p);
/* Takes over what the guest holds; false: no room, nothing is taken over. */
bool porch_await_header(struct porch *p, const struct gate_guest *guest);
bool porch_await_names(struct porch *p, const struct gate_guest *guest);
bool porch_is_empty(const struct porch *p);
/* For register, in the order of their serials: the first (`at` NULL) or next one, what is to be seen of it, its end without a word. */
struct porch_place *porch_next(const struct porch *p, struct porch_place *at);
void porch_look(const struct porch_place *at, struct inbound_view *v);
void porch_terminate(struct porch_place *at);
void porch_stop(struct porch *p);		/* turns all away */

/* --- proxy: the PROXY protocol's header, versions 1 and 2; pure --- */

#define PROXY_LENGTH_MAX 4096U	/* version 2: addresses and TLVs; what HAProxy and clouds send is some hundred */
#define PROXY_KEPT_MAX 108U	/* a whole line of version 1, or the head and addresses of version 2 */

struct proxy {
	enum proxy_state {
		PROXY_MORE,
		PROXY_CLIENT,	/* `from` and `to` are filled */
		PROXY_ITSELF,	/* LOCAL, UNKNOWN: the peer speaks for itself */
		PROXY_BAD,	/* `why` says */
	} state;
	enum proxy_kind { PROXY_UNDECIDED, PROXY_LINE, PROXY_BINARY } kind;
	const char *why;
	union proxy_address from, to;
	size_t len, left;	/* kept; still to come (version 2) */
	char head[PROXY_KEPT_MAX];
};

void proxy_init(struct proxy *p);
/* Bytes used: all while it says PROXY_MORE, else up to and with the header's last. */
size_t proxy_take(struct proxy *p, const char *data, size_t len);

/* --- quota: whether the drop folder is full, asked off the loop --- */

struct quota;
struct quota *quota_new(struct listener *l);		/* NULL: unlimited */
bool quota_is_full(struct quota *q);			/* as of some seconds ago; q may be NULL */
void quota_free(struct quota *q);

/* --- rdns: the names of a client, confirmed --- */

struct rdns_query;
struct rdns *rdns_new(struct boot *b);
void rdns_free(struct rdns *r);			/* nobody is called any more; NULL is fine */
void rdns_channel(struct rdns *r, int fd);	/* takes over `fd` */
/*
 * Asks. `done` comes later, once, unless it is forgotten before: POLICY_NAMED with the names in the form of struct
 * policy_client, owned by it (NULL: none), or POLICY_TROUBLE; then the query is no more. NULL: too many are under way.
 */
struct rdns_query *rdns_ask(struct rdns *r, const struct sockaddr *sa,
    void (*done)(void *arg, enum policy_state state, char *names), void *arg);
void rdns_forget(struct rdns_query *q);		/* NULL is fine */

/* --- receive: a message on its way into the queue --- */

struct receive {
	struct listener *listener;
	struct inbound *inbound;
	struct intake_message *message;	/* NULL: none, or storing */
	bool storing;			/* inbound_stored() is to come */
};
/* `link`: a word about TLS for the Received field, "" none. 0 or errno. */
int receive_begin(struct receive *r, const struct message_envelope *e, const char *link);
bool receive_add(struct receive *r, const char *data, size_t len);	/* false: full until inbound_room() */
void receive_finish(struct receive *r);		/* inbound_stored() follows, later */
void receive_discard(struct receive *r);	/* also when there is nothing */

/* --- record: what one session says and hears, for the protocol log --- */

struct record_header;
struct record {
	struct w3clog *log;		/* NULL: none is kept, and all below does nothing */
	const struct session *session;
	union proxy_address local;
	const char *line;		/* the command that is being answered; NULL none */
	const char *id;			/* of the message just stored; inbound's */
	struct record_header *header;	/* of the content that is coming */
	uint64_t opened_ms, since_ms;
	size_t length;			/* of the command as it came */
	uint32_t sent;			/* bytes of replies */
	uint16_t len;			/* of `line` */
	unsigned short code;
	bool copied;			/* the line is ours */
	bool doubtful;			/* the last AUTH failed: what follows may be its secrets */
	bool idle;			/* the session has run out of time */
	bool ended;			/* its last line is written */
};

/* `local` NULL: asked of the socket. */
void record_open(struct record *r, struct w3clog *log, const struct session *s, int fd, const struct sockaddr *local);
void record_command(struct record *r, const char *line, size_t len);	/* stays valid until record_keep() */
void record_keep(struct record *r);
void record_reply(struct record *r, const char *text, size_t len);
void record_begin(struct record *r);		/* a content comes */
void record_content(struct record *r, const char *data, size_t len);
void record_close(struct record *r);		/* the connection is closed */
void record_done(struct record *r);		/* frees */

/* --- register: the sessions, for operators --- */

void register_answer(struct listener *l, const struct ctl_message *m);	/* CTL_ROLL */

/* --- reply: every sentence the server says --- */

enum reply {
	REPLY_NONE,
	REPLY_GREETING, REPLY_HELLO, REPLY_BYE, REPLY_HELP, REPLY_NOOP, REPLY_RESET, REPLY_VRFY, REPLY_START_TLS,
	REPLY_AUTH_OK, REPLY_AUTH_CHALLENGE,
	REPLY_ETRN_NOTHING, REPLY_ETRN_PENDING, REPLY_ETRN_COUNT, REPLY_TURNED,
	REPLY_SENDER_OK, REPLY_RECIPIENT_OK, REPLY_START_DATA, REPLY_CHUNK, REPLY_ACCEPTED,
	/* the session ends */
	REPLY_NOT_YOU, REPLY_UNNAMED, REPLY_FULL_HOUSE, REPLY_FULL_CLIENT, REPLY_IDLE, REPLY_STOPPING, REPLY_TOO_MANY_ERRORS, REPLY_PIPELINING,
	REPLY_CHUNK_LOST,
	/* the command is wrong */
	REPLY_UNKNOWN, REPLY_LINE_LONG, REPLY_LINE_BARE, REPLY_LINE_BYTES, REPLY_UNAVAILABLE,
	REPLY_ARGUMENT_MISSING, REPLY_ARGUMENT_NOT_WANTED, REPLY_BAD_HELLO, REPLY_BAD_ADDRESS, REPLY_BAD_PARAMETER,
	REPLY_UNKNOWN_PARAMETER, REPLY_UTF8_NOT_DECLARED,
	REPLY_NEED_TLS, REPLY_TLS_TWICE, REPLY_NEED_HELLO, REPLY_NEED_MAIL, REPLY_NEED_RCPT, REPLY_MAIL_TWICE, REPLY_NO_VALID_RCPT,
	REPLY_CHUNKS_OPEN, REPLY_BINARY_DATA,
	/* who the client is */
	REPLY_AUTH_REQUIRED, REPLY_AUTH_FAILED, REPLY_AUTH_LATER, REPLY_AUTH_CANCELLED, REPLY_AUTH_BASE64, REPLY_AUTH_LONG,
	REPLY_AUTH_MECHANISM, REPLY_AUTH_TLS, REPLY_AUTH_TWICE, REPLY_AUTH_LATE,
	/* held mail cannot be had */
	REPLY_ETRN_LATER, REPLY_ETRN_REFUSED, REPLY_TURN_REFUSED, REPLY_TURN_LATER, REPLY_TURN_NOTHING,
	/* the mail is not wanted */
	REPLY_RELAY, REPLY_RELAY_LATER, REPLY_NO_SUCH_USER, REPLY_MAILBOX_FULL, REPLY_RECIPIENTS, REPLY_MESSAGE_SIZE, REPLY_SESSION_SIZE,
	REPLY_CONTENT_BARE, REPLY_CONTENT_LINE, REPLY_STORAGE_FULL, REPLY_STORAGE,
	REPLY_COUNT
};
enum reply_flags {
	REPLY_ERROR = 1,	/* counts towards the 20 errors of a session */
	REPLY_EVENT = 2,	/* a refusal worth a line in the event log */
	REPLY_CLOSE = 4,	/* the session ends after it */
	REPLY_LINGER = 8,	/* and the peer may well be sending still */
};
struct reply_row {
	unsigned short code;	/* 0: an empty row */
	const char *status;	/* RFC 3463; NULL: none belongs there (RFC 2034 4) */
	const char *text;	/* $ stands for the detail */
	unsigned flags;		/* enum reply_flags */
	enum counter counter;	/* raised by one; 0 (never a refusal's): none */
};
#define REPLY_SIZE 512		/* RFC 5321 4.5.3.1.5, with CRLF and NUL */

extern const struct reply_row reply_rows[REPLY_COUNT];
/* One line with CRLF into `dst` of REPLY_SIZE; its length. `detail` may be NULL; too long a detail is cut. */
size_t reply_format(char *dst, enum reply which, const char *detail);
/* One line with a detail of any length (RFC 4954 4 has such); `out` grows. */
void reply_format_long(struct buf *out, enum reply which, const char *detail, size_t len);
/* One line a text, the code on each; `out` grows. */
void reply_format_lines(struct buf *out, enum reply which, const char *const *text, size_t n);

/* --- secure: TLS of this process: takes the files the master opens, judges them, goes over to them --- */

struct secure;
struct secure *secure_new(struct listener *l);		/* NULL: this virtual server has no TLS */
void secure_free(struct secure *s);
/* All ignore what does not fit. The first good set of files ends in listener_serve(), a bad one before it in the process's end. */
void secure_take_tickets(struct secure *s, const struct ctl_message *m);
void secure_take_file(struct secure *s, const struct ctl_message *m);
void secure_renew(struct secure *s);		/* the files have changed */
struct tls *secure_tls(const struct secure *s);
void secure_tell(struct secure *s, const char *result, const char *ip, const char *why);	/* of a handshake; not each one in a flood */
/* "TLSv1.3/TLS_AES_256_GCM_SHA384", for events; "-" for NULL. `dst` has TLS_FACTS_SIZE bytes, as below. */
void secure_format_event(char *dst, const struct ssl_st *link);
/* SHA-256 of the certificate the client has shown, in hexadecimal digits; "": none. `dst` has SECURE_FINGERPRINT_SIZE bytes. */
void secure_format_fingerprint(char *dst, const struct ssl_st *link);
void secure_format_received(char *dst, const struct ssl_st *link);	/* "TLSv1.3, TLS_AES_256_GCM_SHA384, 256 bits"; "" for NULL */

/* --- seek: whether a local recipient is in the directory --- */

enum seek_answer {
	SEEK_KNOWN,		/* or it cannot be found out now */
	SEEK_UNKNOWN,
	SEEK_WAIT,		/* inbound_sought() follows: ask again then */
};
struct seek *seek_new(struct boot *b);		/* NULL: no directory is asked */
void seek_free(struct seek *k);			/* after all states; NULL is fine */
void seek_channel(struct seek *k, int fd);	/* to the helper */
/* `*state`: of this session, NULL at first. */
enum seek_answer seek_find(struct seek *k, struct seek_state **state, struct inbound *c, const char *address);
void seek_forget(struct seek_state *st);	/* frees; NULL is fine */

/* --- session: the dialogue of one connection; pure --- */

#define SESSION_LINE_MAX 2048U		/* RFC 5321 4.5.3.1.4: 512, and each extension adds; with CRLF */
#define SESSION_LINE_WASTE (64U << 10)	/* a longer line than this ends the session */
#define SESSION_ERRORS_MAX 20U
#define SESSION_CONTENT_WASTE (16U << 20)	/* refused content is read on so far, or to max-message-size */

enum session_phase {
	PHASE_START = 1,	/* greeted, no HELO yet */
	PHASE_READY = 2,	/* between messages */
	PHASE_MAIL = 4,		/* MAIL was accepted */
	PHASE_RCPT = 8,		/* and a recipient */
	PHASE_DATA = 16,	/* content is coming */
	PHASE_STORING = 32,	/* the disk has the word */
	PHASE_OVER = 64,	/* nothing more is read */
	PHASE_CHUNK = 128,	/* the octets of a BDAT are coming */
	PHASE_CHUNKS = 256,	/* between BDATs of one message */
	PHASE_SECURING = 512,	/* the TLS handshake: neither side says a word of SMTP */
	PHASE_LOGIN = 1024,	/* AUTH: the client has to answer */
	PHASE_VOUCH = 2048,	/* AUTH: the auth helper has to */
	PHASE_ASKING = 4096,	/* ETRN, ATRN: the deliver worker has to answer */
	PHASE_TURNED = 8192,	/* the client is the server now, and the deliver worker its client */
};
#define PHASE_ANY (PHASE_START | PHASE_READY | PHASE_MAIL | PHASE_RCPT)
#define PHASE_GREETED (PHASE_READY | PHASE_MAIL | PHASE_RCPT)
#define PHASE_COMMAND (PHASE_ANY | PHASE_CHUNKS)	/* commands are read */
#define PHASE_AUTH (PHASE_LOGIN | PHASE_VOUCH)
#define PHASE_MUTE (PHASE_SECURING | PHASE_TURNED)	/* no word of ours can be said */
#define PHASE_CONTENT (PHASE_DATA | PHASE_CHUNK)	/* content is read */

/* What the dialogue asks of the outside. None of these calls back into the session. */
struct session_ops {
	void (*send)(void *arg, const char *data, size_t len);
	void (*command)(void *arg, const char *line, size_t len);	/* a command is here, its answer comes next */
	void (*close)(void *arg, bool linger);		/* after what was sent; `linger`: the peer may still be sending */
	int (*begin)(void *arg, struct message_envelope *e);	/* a message; 0 or errno */
	bool (*add)(void *arg, const char *data, size_t len);	/* content; false: no more until session_room() */
	void (*finish)(void *arg);			/* session_stored() will follow */
	void (*discard)(void *arg);			/* the message begun */
	void (*secure)(void *arg);	/* TLS once what was sent is out; session_secured() follows, or the end of the connection */
	bool (*drop_is_full)(void *arg);
	enum seek_answer (*seek)(void *arg, const char *address);	/* a local recipient; SEEK_WAIT: session_named() follows */
	bool (*is_self)(void *arg, const char *literal);	/* "[192.0.2.1]" is the address the client connected to */
	void (*vouch)(void *arg, const struct vouch_start *start);	/* mechanism, tls, token: session_vouched() follows, */
	void (*vouch_step)(void *arg, const struct vouch_token *t);	/* also here */
	void (*vouch_cancel)(void *arg);		/* nothing follows */
	void (*plead)(void *arg, struct plea *d);	/* client and port are filled in; session_asked() follows */
	void (*refused)(void *arg, const char *recipient, const char *reply);	/* recipient NULL: the message or command */
	void (*count)(void *arg, enum counter which, int64_t n);
};

struct session {
	const struct config_server *server;
	const struct session_ops *ops;
	void *arg;
	const struct policy_client *client;	/* belongs to the owner, as `ip` */
	const char *ip;
	char *helo;			/* NULL before HELO */
	char *user;			/* NULL: anonymous */
	struct envelope *envelope;	/* NULL outside a transaction */
	struct data data;
	struct bdat *bdat;		/* NULL until a BDAT came */
	uint64_t accepted_bytes;
	uint64_t line_waste;		/* bytes skipped of an overlong command line; 0: not skipping */
	uint32_t messages, errors;
	uint32_t progress;		/* changes whenever the time limit starts anew */
	enum session_phase phase;
	bool extended;			/* EHLO */
	bool partial;			/* the first bytes of a command are here */
	bool blocked;			/* until session_room() */
	bool held;			/* a command waits for session_named() */
	bool begun;			/* ops->begin() went well; neither finish() nor discard() was called */
	bool stopping;
	bool greeted;
	bool secure;			/* under TLS */
	bool bound;			/* to which a login can be tied (RFC 9266) */
	bool authenticated;
	bool turning;			/* what is asked for is to come down this connection */
	bool rcpt_refused;		/* in this transaction */
};

void session_init(struct session *s, const struct config_server *server, const struct session_ops *ops, void *arg,
    const struct policy_client *client, const char *ip);
void session_done(struct session *s);			/* frees; calls nothing */
void session_greet(struct session *s);
void session_secure(struct session *s);			/* TLS before the next word: STARTTLS, or instead of session_greet() */
void session_secured(struct session *s, bool bound);		/* the handshake is done: all starts over */
/* Takes at most one command or one run of content; bytes used. 0: needs more than `len`, or must wait. */
size_t session_input(struct session *s, const char *data, size_t len);
bool session_wants_input(const struct session *s);
void session_room(struct session *s);
void session_named(struct session *s);			/* what a command waits for is known, or will not be: names, a recipient */
void session_stored(struct session *s, int error, const char *id);
void session_vouched(struct session *s, const struct vouch_answer *a);
void session_asked(struct session *s, const struct plea_answer *a, const char *node);	/* PHASE_TURNED: the wire is the deliver worker's */
void session_expire(struct session *s);			/* the time limit has passed */
void session_eof(struct session *s);
void session_stop(struct session *s);			/* the service ends: 421 as soon as it is polite */
void session_cut(struct session *s);			/* the time to end has run out: 421 wherever it stands */
uint64_t session_limit_ms(const struct session *s);	/* for the present stage; UINT64_MAX: none */

/* For verbs. */
bool session_needs_tls(const struct session *s);	/* before most commands */
void session_reply(struct session *s, enum reply which, const char *detail);
void session_reply_about(struct session *s, enum reply which, const char *recipient);	/* detail and event: the recipient */
void session_reset(struct session *s);			/* back to the phase after HELO; forgets the envelope */
void session_end(struct session *s, bool linger);
void session_hold(struct session *s);			/* the present command comes again after session_named() */

/* --- transaction: MAIL, RCPT, DATA, RSET, and what becomes of the content --- */

void transaction_mail(struct session *s, const char *arg, size_t len);
void transaction_rcpt(struct session *s, const char *arg, size_t len);
void transaction_data(struct session *s, const char *arg, size_t len);
void transaction_rset(struct session *s, const char *arg, size_t len);
size_t transaction_content(struct session *s, const char *data, size_t len);
void transaction_stored(struct session *s, int error, const char *id);
enum reply transaction_fault(const struct session *s);	/* why the content will be refused; REPLY_NONE */
/* For bdat: */
bool transaction_waits(struct session *s);		/* content cannot begin before a name is known: the session is held */
enum reply transaction_begin(struct session *s);	/* content is to come; REPLY_NONE, or the refusal (the envelope stays) */
void transaction_finish(struct session *s);
void transaction_discard(struct session *s);		/* also when there is nothing */
uint64_t transaction_waste_limit(const struct session *s);	/* so much refused content is read */

/* --- verb: the commands, one row each --- */

enum verb_argument { VERB_NO_ARGUMENT, VERB_MAY_ARGUMENT, VERB_MUST_ARGUMENT };
enum verb_batch {
	VERB_FREE,	/* what follows in the same packet is the next command */
	VERB_LAST,	/* RFC 2920 3.1: last of its group; refused with more behind it, that more cannot be trusted */
};
enum verb_bytes { VERB_ASCII, VERB_UTF8 };
struct verb {
	const char *name;
	void (*run)(struct session *s, const char *arg, size_t len);	/* NULL: known, not available: 502 */
	unsigned phases;		/* enum session_phase bits in which it may come */
	enum verb_argument argument;
	enum verb_batch batch;
	enum verb_bytes bytes;
	bool help;			/* listed by HELP, if EHLO would offer it */
	bool plain;			/* goes also without TLS where TLS is required */
	bool hostile;			/* another protocol's word: close without an answer */
};
extern const struct verb verb_rows[];
extern const size_t verb_count;

const struct verb *verb_find(const char *line, size_t len);	/* by the first word; NULL */
/* One whole command line without CRLF; `more`: bytes follow it already. */
void verb_dispatch(struct session *s, const char *line, size_t len, bool more);

/* --- warrant: questions to the auth helper --- */

struct warrant *warrant_new(struct listener *l);
void warrant_free(struct warrant *w);			/* after all questions; NULL is fine */
void warrant_channel(struct warrant *w, int fd);	/* to the helper */
/* inbound_vouched() follows, later, after the start and each step. */
struct warrant_question *warrant_start(struct warrant *w, struct inbound *c, const struct vouch_start *start);
void warrant_step(struct warrant_question *q, const struct vouch_token *t);
void warrant_cancel(struct warrant_question *q);	/* nothing follows; NULL is fine */

#endif
