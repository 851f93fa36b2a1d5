/*
 * listener - private header of the listener worker; one block a file, alphabetical
 *
 * bytes -> conn -> inbound -> session -> verb -> transaction, bdat, envelope, data, policy   (pure from session on)
 *                  inbound <- session_ops <- replies, content, facts
 *                  inbound -> receive -> enqueue -> the queue
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
#include "common/boot/boot.h"
#include "common/config/config.h"
#include "common/ipc/ctl_client.h"
#include "common/process/counters.h"
#include "common/ipc/msg_etrn.h"
#include "common/ipc/msg_dns.h"
#include "common/spool/enqueue.h"
#include "common/process/loop.h"
#include "common/rules/policy.h"
#include "common/process/pool.h"
#include "common/tls/tls.h"
#include "common/ipc/msg_auth_in.h"
#include "common/w3clog/w3clog.h"

#define TLS_FILES_FINGERPRINT_SIZE (2 * TLS_FINGERPRINT_SIZE + 1)

struct bdat;
struct inbound;
struct atrn_relay;
struct listener;
struct pending;
struct pending_client;
struct rdns;
struct recipient_check;
struct recipient_check_state;
struct session;
struct auth_in_client_question;

/* An IPv4 or IPv6 address and its port. */
union proxy_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* --- ptr_name: names of addresses; pure --- */

#define PTR_NAME_SIZE 80

void ptr_name_name(char *dst, const struct sockaddr *sa);	/* "1.2.0.192.in-addr.ptr_name"; `dst` of PTR_NAME_SIZE */
uint16_t ptr_name_type(const struct sockaddr *sa);		/* DNS_A or DNS_AAAA */
bool ptr_name_confirms(const struct msg_dns_answer *a, const struct sockaddr *sa);	/* the address is among the records */

/* --- bdat: the BDAT command and its chunks; pure --- */

void bdat_command(struct session *s, const char *arg, size_t len);
size_t bdat_content(struct session *s, const char *data, size_t len);	/* in PHASE_CHUNK */
enum reply bdat_refusal(const struct session *s);	/* in PHASE_CHUNK: what will be said to it; REPLY_NONE */
void bdat_free(struct session *s);			/* also when there is nothing */

/* --- etrn_client: questions to the deliver worker, for mail that it holds --- */

struct ctl_client *etrn_client_new(struct listener *l);
/* inbound_claimed() follows, later, once, unless it is forgotten. */
struct ctl_client_question *etrn_client_start(struct ctl_client *k, struct inbound *c, const struct msg_etrn *d);

/* --- etrn_verbs: ETRN, ATRN and TURN; pure --- */

void etrn_verbs_etrn(struct session *s, const char *arg, size_t len);
void etrn_verbs_atrn(struct session *s, const char *arg, size_t len);	/* also TURN, which has no argument */
void etrn_verbs_answer(struct session *s, const struct msg_etrn_answer *a, const char *node);	/* in PHASE_ASKING */
bool etrn_verbs_may_ask(const struct session *s);		/* some domain's mail is held */
bool etrn_verbs_may_turn(const struct session *s);		/* and some account may fetch it */

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

/* --- gatekeeper: the listening sockets --- */

struct gatekeeper;
/* Somebody at the door. */
struct gatekeeper_client {
	int fd;
	unsigned listen;			/* which socket: index into config_server.listen */
	union proxy_address client, reached;	/* reached: family 0 unless a PROXY header said it */
	char *names;				/* as in struct policy_client; owned */
	enum policy_state state;
	bool placed, counted;			/* in connection-limit; in connection-limit-per-client */
};

struct gatekeeper *gatekeeper_open(struct listener *l);		/* watches all of them */
/* The address is known: lets in, turns away, or has the names looked up first. Takes over what `guest` holds. */
void gatekeeper_judge(struct gatekeeper *g, struct gatekeeper_client *guest);
/* Closes without a word; an event when there is a reason. Takes over what `guest` holds. */
void gatekeeper_dismiss(struct gatekeeper *g, struct gatekeeper_client *guest, const char *why);
void gatekeeper_shut(struct gatekeeper *g);				/* accepts no more; what the kernel has queued is taken first */
void gatekeeper_leave(struct gatekeeper *g);			/* accepts no more; the queue is left for the next process */
void gatekeeper_close(struct gatekeeper *g);			/* accepts no more, for good */
void gatekeeper_reopen(struct gatekeeper *g);
void gatekeeper_free(struct gatekeeper *g);

/* --- ehlo: HELO and EHLO --- */

void ehlo_helo(struct session *s, const char *arg, size_t len);
void ehlo_ehlo(struct session *s, const char *arg, size_t len);
bool ehlo_offers(const struct session *s, const char *keyword);	/* now; what is no extension is offered always */

/* --- inbound: one connection: ties socket, dialogue and queue together --- */

/* Takes over what the guest holds and greets. The connection is counted already (gate). */
void inbound_open(struct listener *l, struct gatekeeper_client *guest);
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
	char certificate[TLS_FILES_FINGERPRINT_SIZE];	/* "": none was shown */
	uint64_t age_ms, idle_ms;
};
struct inbound *inbound_next(struct inbound *c);
bool inbound_look(const struct inbound *c, struct inbound_view *v);	/* false: closed already */
void inbound_terminate(struct inbound *c);	/* 421, now or when its message is stored; `c` may be gone */
/* From receive: the disk has room again; the message is on disk, or failed with an errno. */
void inbound_room(struct inbound *c);
void inbound_stored(struct inbound *c, int error, const char *id);
/* From warrant: the helper's answer; before the last one the question is forgotten. */
void inbound_vouched(struct inbound *c, const struct msg_auth_in_answer *a);
void inbound_forget_question(struct inbound *c);
/* From claim: the question is no more. `fd` (-1: none), which is taken over, leads to the deliver worker. */
void inbound_claimed(struct inbound *c, const struct msg_etrn_answer *a, const char *node, int fd);
void inbound_sought(struct inbound *c);		/* from seek: the answer can be fetched */

/* --- client_limit: concurrent connections per client address, over all processes of the virtual server --- */

struct client_limit;
struct client_limit *client_limit_new(uint64_t per_client, struct client_count *client_count, unsigned slot);	/* NULL: unlimited */
void client_limit_free(struct client_limit *t);
bool client_limit_take(struct client_limit *t, const struct sockaddr *client);	/* false: that client has its share already */
void client_limit_give(struct client_limit *t, const struct sockaddr *client);

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
	struct enqueue *enqueue;
	struct w3clog *log;		/* NULL: none is kept */
	struct drop_quota *quota;
	struct client_limit *limit;
	struct ctl_client *auth_in_client;	/* NULL: nobody wanted to authenticate yet */
	struct ctl_client *claim;		/* NULL: nobody asked for held mail yet */
	struct tls_files *secure;		/* NULL: no TLS */
	struct gatekeeper *gate;		/* NULL: certificates are still to come */
	struct pending *pending;
	struct rdns *rdns;
	struct recipient_check *seek;		/* NULL: no directory */
	bool wants_names;
	uint32_t serial;		/* of the latest session */
	struct inbound_list sessions;
	struct loop_timer *grace;
	bool ended;
};
extern const struct boot_role listener_role;
void listener_serve(struct listener *l);	/* all that is needed is here: accept, and say so to the master */
void listener_check_idle(struct listener *l);	/* draining or stopping, and the last session has gone: end */


/* --- auth_verb: the AUTH command and its dialogue; pure --- */

#define AUTH_VERB_LINE_MAX 12288U		/* RFC 4954 4, with CRLF; also for an AUTH command with an initial response */

void auth_verb_auth(struct session *s, const char *arg, size_t len);
void auth_verb_line(struct session *s, const char *line, size_t len);	/* in PHASE_AUTH_LINE: an answer of the client */
void auth_verb_answer(struct session *s, const struct msg_auth_in_answer *a);
void auth_verb_refuse(struct session *s, enum reply why);		/* ends the dialogue in PHASE_AUTH_LINE or PHASE_AUTH_HELPER */
bool auth_verb_is_offered(const struct session *s);
void auth_verb_put_offer(const struct session *s, char *dst, size_t size);	/* "AUTH SCRAM-SHA-256 PLAIN LOGIN" */

/* --- atrn_relay: the bytes of a turned session, between the client and the deliver worker --- */

/* Takes over `fd`. `ended`: the worker has closed its end, and all it said was given to `conn`; later, once. */
struct atrn_relay *atrn_relay_new(struct loop *loop, struct conn *conn, int fd, void (*ended)(void *arg), void *arg);
void atrn_relay_free(struct atrn_relay *p);			/* NULL is fine */
size_t atrn_relay_input(struct atrn_relay *p, const char *data, size_t len);	/* as conn_ops.input */
bool atrn_relay_wants(const struct atrn_relay *p);
void atrn_relay_settled(struct atrn_relay *p);		/* conn has written something, or read */

/* --- pending: connections that are not let in yet --- */

struct pending *pending_new(struct listener *l);
void pending_free(struct pending *p);
/* Takes over what the guest holds; false: no room, nothing is taken over. */
bool pending_await_header(struct pending *p, const struct gatekeeper_client *guest);
bool pending_await_names(struct pending *p, const struct gatekeeper_client *guest);
bool pending_is_empty(const struct pending *p);
/* For register, in the order of their serials: the first (`at` NULL) or next one, what is to be seen of it, its end without a word. */
struct pending_client *pending_next(const struct pending *p, struct pending_client *at);
void pending_look(const struct pending_client *at, struct inbound_view *v);
void pending_terminate(struct pending_client *at);
void pending_stop(struct pending *p);		/* turns all away */

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

/* --- drop_quota: whether the drop folder is full, asked off the loop --- */

struct drop_quota;
struct drop_quota *drop_quota_new(struct listener *l);		/* NULL: unlimited */
bool drop_quota_is_full(struct drop_quota *q);			/* as of some seconds ago; q may be NULL */
void drop_quota_free(struct drop_quota *q);

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

/* --- inbound_content: a message on its way into the queue --- */

struct inbound_content {
	struct listener *listener;
	struct inbound *inbound;
	struct enqueue_message *message;	/* NULL: none, or storing */
	bool storing;			/* inbound_stored() is to come */
};
/* `link`: a word about TLS for the Received field, "" none. 0 or errno. */
int inbound_content_begin(struct inbound_content *r, const struct message_envelope *e, const char *link);
bool inbound_content_add(struct inbound_content *r, const char *data, size_t len);	/* false: full until inbound_room() */
void inbound_content_finish(struct inbound_content *r);		/* inbound_stored() follows, later */
void inbound_content_discard(struct inbound_content *r);	/* also when there is nothing */

/* --- inbound_log: what one session says and hears, for the protocol log --- */

struct inbound_log_header;
struct inbound_log {
	struct w3clog *log;		/* NULL: none is kept, and all below does nothing */
	const struct session *session;
	union proxy_address local;
	const char *line;		/* the command that is being answered; NULL none */
	const char *id;			/* of the message just stored; inbound's */
	struct inbound_log_header *header;	/* of the content that is coming */
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
void inbound_log_open(struct inbound_log *r, struct w3clog *log, const struct session *s, int fd, const struct sockaddr *local);
void inbound_log_command(struct inbound_log *r, const char *line, size_t len);	/* stays valid until inbound_log_keep() */
void inbound_log_keep(struct inbound_log *r);
void inbound_log_reply(struct inbound_log *r, const char *text, size_t len);
void inbound_log_begin(struct inbound_log *r);		/* a content comes */
void inbound_log_content(struct inbound_log *r, const char *data, size_t len);
void inbound_log_close(struct inbound_log *r);		/* the connection is closed */
void inbound_log_done(struct inbound_log *r);		/* frees */

/* --- session_list: the sessions, for operators --- */

void session_list_answer(struct listener *l, const struct ctl_message *m);	/* CTL_SESSIONS */

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

/* --- tls_files: TLS of this process: takes the files the master opens, judges them, goes over to them --- */

struct tls_files;
struct tls_files *tls_files_new(struct listener *l);		/* NULL: this virtual server has no TLS */
void tls_files_free(struct tls_files *s);
/* All ignore what does not fit. The first good set of files ends in listener_serve(), a bad one before it in the process's end. */
void tls_files_take_tickets(struct tls_files *s, const struct ctl_message *m);
void tls_files_take_file(struct tls_files *s, const struct ctl_message *m);
void tls_files_renew(struct tls_files *s);		/* the files have changed */
struct tls *tls_files_tls(const struct tls_files *s);
void tls_files_tell(struct tls_files *s, const char *result, const char *ip, const char *why);	/* of a handshake; not each one in a flood */
/* "TLSv1.3/TLS_AES_256_GCM_SHA384", for events; "-" for NULL. `dst` has TLS_FACTS_SIZE bytes, as below. */
void tls_files_format_event(char *dst, const struct ssl_st *link);
/* SHA-256 of the certificate the client has shown, in hexadecimal digits; "": none. `dst` has TLS_FILES_FINGERPRINT_SIZE bytes. */
void tls_files_format_fingerprint(char *dst, const struct ssl_st *link);
void tls_files_format_received(char *dst, const struct ssl_st *link);	/* "TLSv1.3, TLS_AES_256_GCM_SHA384, 256 bits"; "" for NULL */

/* --- recipient_check: whether a local recipient is in the directory --- */

enum recipient_check_answer {
	RECIPIENT_CHECK_KNOWN,		/* or it cannot be found out now */
	RECIPIENT_CHECK_UNKNOWN,
	RECIPIENT_CHECK_WAIT,		/* inbound_sought() follows: ask again then */
};
struct recipient_check *recipient_check_new(struct boot *b);		/* NULL: no directory is asked */
void recipient_check_free(struct recipient_check *k);			/* after all states; NULL is fine */
void recipient_check_channel(struct recipient_check *k, int fd);	/* to the helper */
/* `*state`: of this session, NULL at first. */
enum recipient_check_answer recipient_check_find(struct recipient_check *k, struct recipient_check_state **state, struct inbound *c, const char *address);
void recipient_check_forget(struct recipient_check_state *st);	/* frees; NULL is fine */

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
	PHASE_AUTH_LINE = 1024,	/* AUTH: the client has to answer */
	PHASE_AUTH_HELPER = 2048,	/* AUTH: the auth helper has to */
	PHASE_ASKING = 4096,	/* ETRN, ATRN: the deliver worker has to answer */
	PHASE_TURNED = 8192,	/* the client is the server now, and the deliver worker its client */
};
#define PHASE_ANY (PHASE_START | PHASE_READY | PHASE_MAIL | PHASE_RCPT)
#define PHASE_GREETED (PHASE_READY | PHASE_MAIL | PHASE_RCPT)
#define PHASE_COMMAND (PHASE_ANY | PHASE_CHUNKS)	/* commands are read */
#define PHASE_AUTH (PHASE_AUTH_LINE | PHASE_AUTH_HELPER)
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
	enum recipient_check_answer (*seek)(void *arg, const char *address);	/* a local recipient; RECIPIENT_CHECK_WAIT: session_named() follows */
	bool (*is_self)(void *arg, const char *literal);	/* "[192.0.2.1]" is the address the client connected to */
	void (*auth_start)(void *arg, const struct msg_auth_in_start *start);	/* mechanism, tls, token: session_vouched() follows, */
	void (*auth_step)(void *arg, const struct msg_auth_in_token *t);	/* also here */
	void (*auth_cancel)(void *arg);		/* nothing follows */
	void (*plead)(void *arg, struct msg_etrn *d);	/* client and port are filled in; session_asked() follows */
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
void session_vouched(struct session *s, const struct msg_auth_in_answer *a);
void session_asked(struct session *s, const struct msg_etrn_answer *a, const char *node);	/* PHASE_TURNED: the wire is the deliver worker's */
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

/* --- auth_in_client: questions to the auth helper --- */

struct ctl_client *auth_in_client_new(struct listener *l);	/* ctl_client_free after all questions */
/* inbound_vouched() follows, later, after the start and each step. */
struct auth_in_client_question *auth_in_client_start(struct ctl_client *k, struct inbound *c, const struct msg_auth_in_start *start);
void auth_in_client_step(struct auth_in_client_question *q, const struct msg_auth_in_token *t);
void auth_in_client_cancel(struct auth_in_client_question *q);	/* nothing follows; NULL is fine */

#endif
