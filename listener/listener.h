/*
 * listener - private header of the listener worker; one block a file, alphabetical
 *
 * bytes -> conn -> inbound -> session -> verb -> transaction, envelope, data, policy   (pure from session on)
 *                  inbound <- session_ops <- replies, content, facts
 *                  inbound -> receive -> intake -> the queue
 */
#ifndef LISTENER_LISTENER_H
#define LISTENER_LISTENER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/buf.h"
#include "common/mail/address.h"
#include "common/mail/message.h"
#include "common/process/boot.h"
#include "common/process/config.h"
#include "common/process/counters.h"
#include "common/process/intake.h"
#include "common/process/loop.h"
#include "common/process/pool.h"

struct inbound;
struct listener;
struct session;

/* --- conn: one socket: reads, writes, time limits; knows nothing of SMTP --- */

#define CONN_SCRATCH_SIZE (64U << 10)	/* one read; also the most that waits in user space for its turn */
#define CONN_OUTPUT_MARK (64U << 10)	/* more unsent output than this: nothing more is read */

struct conn_ops {
	size_t (*input)(void *arg, const char *data, size_t len);	/* bytes used; 0: needs more, or cannot go on now */
	bool (*wants)(const void *arg);		/* input() could use bytes */
	void (*eof)(void *arg);			/* the peer sends nothing more; conn closes after what is to be written */
	void (*expired)(void *arg);		/* the limit of conn_limit() has passed */
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
void conn_send(struct conn *c, const char *data, size_t len);	/* gathers; written when the round ends */
/* Once all output is written: close; or, when the peer may still be sending, say end, read on for a moment, close. */
void conn_close(struct conn *c, bool linger);
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
};
enum reply;

/* What follows the verb. REPLY_NONE, or the refusal. */
enum reply envelope_parse_mail(struct envelope_mail *m, const char *arg, size_t len);
enum reply envelope_parse_rcpt(struct address *a, const char *arg, size_t len, unsigned flags);
struct envelope *envelope_new(const struct envelope_mail *m);
void envelope_free(struct envelope *e);			/* NULL is fine */
bool envelope_has(const struct envelope *e, const char *recipient);
void envelope_add(struct envelope *e, const char *recipient);

/* --- gate: the listening sockets --- */

struct gate;
struct gate *gate_open(struct listener *l);		/* watches all of them */
void gate_shut(struct gate *g);				/* accepts no more; what the kernel has queued is taken first */
void gate_leave(struct gate *g);			/* accepts no more; the queue is left for the next process */
void gate_close(struct gate *g);			/* accepts no more, for good */
void gate_reopen(struct gate *g);
void gate_free(struct gate *g);

/* --- hello: HELO and EHLO --- */

void hello_helo(struct session *s, const char *arg, size_t len);
void hello_ehlo(struct session *s, const char *arg, size_t len);

/* --- inbound: one connection: ties socket, dialogue and queue together --- */

/* Takes over `fd` and greets. The connection is counted already (gate). */
void inbound_open(struct listener *l, int fd, const struct sockaddr *peer);
void inbound_stop_all(struct listener *l);	/* 421 at the next command boundary */
void inbound_cut_all(struct listener *l);	/* now; those whose message is being stored stay until it is */
void inbound_free_all(struct listener *l);	/* the process ends: in any case */
/* From receive: the disk has room again; the message is on disk, or failed with an errno. */
void inbound_room(struct inbound *c);
void inbound_stored(struct inbound *c, int error, const char *id);

/* --- limit: concurrent connections per client address; pure --- */

struct limit;
struct limit *limit_new(uint64_t per_client);
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
	struct quota *quota;
	struct limit *limit;
	struct gate *gate;
	struct inbound_list sessions;
	struct loop_timer *grace;
	bool ended;
};
extern const struct boot_role listener_role;
void listener_check_idle(struct listener *l);	/* draining or stopping, and the last session has gone: end */

/* --- policy: who may connect, where mail may go; pure --- */

enum policy_domain { POLICY_LOCAL, POLICY_RELAYED, POLICY_REMOTE };

bool policy_may_connect(const struct config_server *server, const struct sockaddr *client);
bool policy_may_relay(const struct config_server *server, const struct sockaddr *client, bool authenticated);
enum policy_domain policy_domain(const struct config_server *server, const char *domain);

/* --- quota: whether the drop folder is full, asked off the loop --- */

struct quota;
struct quota *quota_new(struct listener *l);		/* NULL: unlimited */
bool quota_is_full(struct quota *q);			/* as of some seconds ago; q may be NULL */
void quota_free(struct quota *q);

/* --- receive: a message on its way into the queue --- */

struct receive {
	struct listener *listener;
	struct inbound *inbound;
	struct intake_message *message;	/* NULL: none, or storing */
	bool storing;			/* inbound_stored() is to come */
};
int receive_begin(struct receive *r, const struct message_envelope *e);	/* 0 or errno */
bool receive_add(struct receive *r, const char *data, size_t len);	/* false: full until inbound_room() */
void receive_finish(struct receive *r);		/* inbound_stored() follows, later */
void receive_discard(struct receive *r);	/* also when there is nothing */

/* --- reply: every sentence the server says --- */

enum reply {
	REPLY_NONE,
	REPLY_GREETING, REPLY_HELLO, REPLY_BYE, REPLY_HELP, REPLY_NOOP, REPLY_RESET, REPLY_VRFY,
	REPLY_SENDER_OK, REPLY_RECIPIENT_OK, REPLY_START_DATA, REPLY_ACCEPTED,
	/* the session ends */
	REPLY_NOT_YOU, REPLY_FULL_HOUSE, REPLY_FULL_CLIENT, REPLY_IDLE, REPLY_STOPPING, REPLY_TOO_MANY_ERRORS, REPLY_PIPELINING,
	/* the command is wrong */
	REPLY_UNKNOWN, REPLY_LINE_LONG, REPLY_LINE_BARE, REPLY_LINE_BYTES, REPLY_UNAVAILABLE,
	REPLY_ARGUMENT_MISSING, REPLY_ARGUMENT_NOT_WANTED, REPLY_BAD_HELLO, REPLY_BAD_ADDRESS, REPLY_BAD_PARAMETER,
	REPLY_UNKNOWN_PARAMETER, REPLY_UTF8_NOT_DECLARED,
	REPLY_NEED_HELLO, REPLY_NEED_MAIL, REPLY_NEED_RCPT, REPLY_MAIL_TWICE, REPLY_NO_VALID_RCPT,
	/* the mail is not wanted */
	REPLY_RELAY, REPLY_MAILBOX_FULL, REPLY_RECIPIENTS, REPLY_MESSAGE_SIZE, REPLY_SESSION_SIZE,
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
/* One line a text, the code on each; `out` grows. */
void reply_format_lines(struct buf *out, enum reply which, const char *const *text, size_t n);

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
};
#define PHASE_ANY (PHASE_START | PHASE_READY | PHASE_MAIL | PHASE_RCPT)
#define PHASE_GREETED (PHASE_READY | PHASE_MAIL | PHASE_RCPT)

/* What the dialogue asks of the outside. None of these calls back into the session. */
struct session_ops {
	void (*send)(void *arg, const char *data, size_t len);
	void (*close)(void *arg, bool linger);		/* after what was sent; `linger`: the peer may still be sending */
	int (*begin)(void *arg, struct message_envelope *e);	/* a message; 0 or errno */
	bool (*add)(void *arg, const char *data, size_t len);	/* content; false: no more until session_room() */
	void (*finish)(void *arg);			/* session_stored() will follow */
	void (*discard)(void *arg);			/* the message begun */
	bool (*drop_is_full)(void *arg);
	bool (*is_self)(void *arg, const char *literal);	/* "[192.0.2.1]" is the address the client connected to */
	void (*refused)(void *arg, const char *recipient, const char *reply);	/* recipient NULL: the message or command */
	void (*count)(void *arg, enum counter which, int64_t n);
};

struct session {
	const struct config_server *server;
	const struct session_ops *ops;
	void *arg;
	const struct sockaddr *client;	/* belongs to the owner, as `ip` */
	const char *ip;
	char *helo;			/* NULL before HELO */
	struct envelope *envelope;	/* NULL outside a transaction */
	struct data data;
	uint64_t accepted_bytes;
	uint64_t line_waste;		/* bytes skipped of an overlong command line; 0: not skipping */
	uint32_t messages, errors;
	uint32_t progress;		/* changes whenever the time limit starts anew */
	enum session_phase phase;
	bool extended;			/* EHLO */
	bool partial;			/* the first bytes of a command are here */
	bool blocked;			/* until session_room() */
	bool stopping;
	bool authenticated;
	bool rcpt_refused;		/* in this transaction */
};

void session_init(struct session *s, const struct config_server *server, const struct session_ops *ops, void *arg,
    const struct sockaddr *client, const char *ip);
void session_done(struct session *s);			/* frees; calls nothing */
void session_greet(struct session *s);
/* Takes at most one command or one run of content; bytes used. 0: needs more than `len`, or must wait. */
size_t session_input(struct session *s, const char *data, size_t len);
bool session_wants_input(const struct session *s);
void session_room(struct session *s);
void session_stored(struct session *s, int error, const char *id);
void session_expire(struct session *s);			/* the time limit has passed */
void session_eof(struct session *s);
void session_stop(struct session *s);			/* the service ends: 421 as soon as it is polite */
void session_cut(struct session *s);			/* the time to end has run out: 421 wherever it stands */
uint64_t session_limit_ms(const struct session *s);	/* for the present stage; UINT64_MAX: none */

/* For verbs. */
void session_reply(struct session *s, enum reply which, const char *detail);
void session_reply_about(struct session *s, enum reply which, const char *recipient);	/* detail and event: the recipient */
void session_reset(struct session *s);			/* back to the phase after HELO; forgets the envelope */
void session_end(struct session *s, bool linger);

/* --- transaction: MAIL, RCPT, DATA, RSET, and what becomes of the content --- */

void transaction_mail(struct session *s, const char *arg, size_t len);
void transaction_rcpt(struct session *s, const char *arg, size_t len);
void transaction_data(struct session *s, const char *arg, size_t len);
void transaction_rset(struct session *s, const char *arg, size_t len);
size_t transaction_content(struct session *s, const char *data, size_t len);
void transaction_stored(struct session *s, int error, const char *id);
enum reply transaction_fault(const struct session *s);	/* why the content will be refused; REPLY_NONE */

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
	bool help;			/* listed by HELP */
	bool hostile;			/* another protocol's word: close without an answer */
};
extern const struct verb verb_rows[];
extern const size_t verb_count;

const struct verb *verb_find(const char *line, size_t len);	/* by the first word; NULL */
/* One whole command line without CRLF; `more`: bytes follow it already. */
void verb_dispatch(struct session *s, const char *line, size_t len, bool more);

#endif
