/* smtp - the SMTP dialogue with one client, without a socket; one block a file */
#ifndef LISTENER_SMTP_SMTP_H
#define LISTENER_SMTP_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/address.h"
#include "common/mail/message.h"
#include "common/mail/xtext.h"
#include "common/process/counters.h"
#include "listener/helpers/helpers.h"

struct bdat;
struct buf;
struct config_server;
struct message_envelope;
struct msg_auth_in_answer;
struct msg_auth_in_start;
struct msg_auth_in_token;
struct msg_etrn;
struct msg_etrn_answer;
struct policy_client;

/* --- reply: every sentence the server says --- */

enum reply {
	REPLY_NONE,
	REPLY_GREETING, REPLY_HELLO, REPLY_BYE, REPLY_HELP, REPLY_NOOP, REPLY_RESET, REPLY_VRFY,
	    REPLY_START_TLS,
	REPLY_AUTH_OK, REPLY_AUTH_CHALLENGE,
	REPLY_ETRN_NOTHING, REPLY_ETRN_PENDING, REPLY_ETRN_COUNT, REPLY_TURNED,
	REPLY_SENDER_OK, REPLY_RECIPIENT_OK, REPLY_START_DATA, REPLY_CHUNK, REPLY_ACCEPTED,
	/* the session ends */
	REPLY_NOT_YOU, REPLY_UNNAMED, REPLY_FULL_HOUSE, REPLY_FULL_CLIENT, REPLY_IDLE, REPLY_STOPPING,
	    REPLY_TOO_MANY_ERRORS, REPLY_PIPELINING,
	REPLY_CHUNK_LOST,
	/* the command is wrong */
	REPLY_UNKNOWN, REPLY_LINE_LONG, REPLY_LINE_BARE, REPLY_LINE_BYTES, REPLY_UNAVAILABLE,
	REPLY_ARGUMENT_MISSING, REPLY_ARGUMENT_NOT_WANTED, REPLY_BAD_HELLO, REPLY_BAD_ADDRESS,
	    REPLY_BAD_PARAMETER,
	REPLY_UNKNOWN_PARAMETER, REPLY_UTF8_NOT_DECLARED,
	REPLY_NEED_TLS, REPLY_TLS_TWICE, REPLY_NEED_HELLO, REPLY_NEED_MAIL, REPLY_NEED_RCPT, REPLY_MAIL_TWICE,
	    REPLY_NO_VALID_RCPT,
	REPLY_CHUNKS_OPEN, REPLY_BINARY_DATA,
	/* who the client is */
	REPLY_AUTH_REQUIRED, REPLY_AUTH_FAILED, REPLY_AUTH_LATER, REPLY_AUTH_CANCELLED, REPLY_AUTH_BASE64,
	    REPLY_AUTH_LONG,
	REPLY_AUTH_MECHANISM, REPLY_AUTH_TLS, REPLY_AUTH_TWICE, REPLY_AUTH_LATE,
	/* held mail cannot be had */
	REPLY_ETRN_LATER, REPLY_ETRN_REFUSED, REPLY_TURN_REFUSED, REPLY_TURN_LATER, REPLY_TURN_NOTHING,
	/* the mail is not wanted */
	REPLY_RELAY, REPLY_RELAY_LATER, REPLY_NO_SUCH_USER, REPLY_MAILBOX_FULL, REPLY_RECIPIENTS,
	    REPLY_MESSAGE_SIZE, REPLY_SESSION_SIZE,
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

/*
 * Content whose end is known (BDAT): all of it is used. Bare CR and LF and long lines are faults unless
 * `binary`.
 */
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
/* Given again, the first parameters stay */
void envelope_add(struct envelope *e, const struct envelope_rcpt *r);

/* --- session: the dialogue of one connection; pure --- */

#define SESSION_LINE_MAX 2048U		/* RFC 5321 4.5.3.1.4: 512, and each extension adds; with CRLF */
#define SESSION_LINE_WASTE (64U << 10)	/* a longer line than this ends the session */
#define SESSION_ERRORS_MAX 20U
/* Refused content is read on so far, or to max-message-size */
#define SESSION_CONTENT_WASTE (16U << 20)

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
	/* A command is here, its answer comes next */
	void (*command)(void *arg, const char *line, size_t len);
	/* After what was sent; `linger`: the peer may still be sending */
	void (*close)(void *arg, bool linger);
	int (*begin)(void *arg, struct message_envelope *e);	/* a message; 0 or errno */
	/* Content; false: no more until session_room() */
	bool (*add)(void *arg, const char *data, size_t len);
	void (*finish)(void *arg);			/* session_stored() will follow */
	void (*discard)(void *arg);			/* the message begun */
	/* TLS once what was sent is out; session_secured() follows, or the end of the connection */
	void (*secure)(void *arg);
	bool (*drop_is_full)(void *arg);
	/* A local recipient; RECIPIENT_CHECK_WAIT: session_named() follows */
	enum recipient_check_answer (*seek)(void *arg, const char *address);
	/* "[192.0.2.1]" is the address the client connected to */
	bool (*is_self)(void *arg, const char *literal);
	/* Mechanism, tls, token: session_vouched() follows, */
	void (*auth_start)(void *arg, const struct msg_auth_in_start *start);
	void (*auth_step)(void *arg, const struct msg_auth_in_token *t);	/* also here */
	void (*auth_cancel)(void *arg);		/* nothing follows */
	/* Client and port are filled in; session_asked() follows */
	void (*plead)(void *arg, struct msg_etrn *d);
	/* Recipient NULL: the message or command */
	void (*refused)(void *arg, const char *recipient, const char *reply);
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
	/* ops->begin() went well; neither finish() nor discard() was called */
	bool begun;
	bool stopping;
	bool greeted;
	bool secure;			/* under TLS */
	bool bound;			/* to which a login can be tied (RFC 9266) */
	bool authenticated;
	bool turning;			/* what is asked for is to come down this connection */
	bool rcpt_refused;		/* in this transaction */
};

void session_init(struct session *s, const struct config_server *server, const struct session_ops *ops,
    void *arg, const struct policy_client *client, const char *ip);
void session_done(struct session *s);			/* frees; calls nothing */
void session_greet(struct session *s);
/* TLS before the next word: STARTTLS, or instead of session_greet() */
void session_secure(struct session *s);
void session_secured(struct session *s, bool bound);		/* the handshake is done: all starts over */
/* Takes at most one command or one run of content; bytes used. 0: needs more than `len`, or must wait. */
size_t session_input(struct session *s, const char *data, size_t len);
bool session_wants_input(const struct session *s);
void session_room(struct session *s);
/* What a command waits for is known, or will not be: names, a recipient */
void session_named(struct session *s);
void session_stored(struct session *s, int error, const char *id);
void session_vouched(struct session *s, const struct msg_auth_in_answer *a);
/* PHASE_TURNED: the wire is the deliver worker's */
void session_asked(struct session *s, const struct msg_etrn_answer *a, const char *node);
void session_expire(struct session *s);			/* the time limit has passed */
void session_eof(struct session *s);
void session_stop(struct session *s);			/* the service ends: 421 as soon as it is polite */
/* The time to end has run out: 421 wherever it stands */
void session_cut(struct session *s);
uint64_t session_limit_ms(const struct session *s);	/* for the present stage; UINT64_MAX: none */

/* For verbs. */
bool session_needs_tls(const struct session *s);	/* before most commands */
void session_reply(struct session *s, enum reply which, const char *detail);
/* Detail and event: the recipient */
void session_reply_about(struct session *s, enum reply which, const char *recipient);
/* Back to the phase after HELO; forgets the envelope */
void session_reset(struct session *s);
void session_end(struct session *s, bool linger);
/* The present command comes again after session_named() */
void session_hold(struct session *s);

/* --- verb: the commands, one row each --- */

enum verb_argument { VERB_NO_ARGUMENT, VERB_MAY_ARGUMENT, VERB_MUST_ARGUMENT };
enum verb_batch {
	VERB_FREE,	/* what follows in the same packet is the next command */
	/* RFC 2920 3.1: last of its group; refused with more behind it, that more cannot be trusted */
	VERB_LAST,
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

/* --- ehlo: HELO and EHLO --- */

void ehlo_helo(struct session *s, const char *arg, size_t len);
void ehlo_ehlo(struct session *s, const char *arg, size_t len);
/* Now; what is no extension is offered always */
bool ehlo_offers(const struct session *s, const char *keyword);

/* --- transaction: MAIL, RCPT, DATA, RSET, and what becomes of the content --- */

void transaction_mail(struct session *s, const char *arg, size_t len);
void transaction_rcpt(struct session *s, const char *arg, size_t len);
void transaction_data(struct session *s, const char *arg, size_t len);
void transaction_rset(struct session *s, const char *arg, size_t len);
size_t transaction_content(struct session *s, const char *data, size_t len);
void transaction_stored(struct session *s, int error, const char *id);
enum reply transaction_fault(const struct session *s);	/* why the content will be refused; REPLY_NONE */
/* For bdat: */
/* Content cannot begin before a name is known: the session is held */
bool transaction_waits(struct session *s);
/* Content is to come; REPLY_NONE, or the refusal (the envelope stays) */
enum reply transaction_begin(struct session *s);
void transaction_finish(struct session *s);
void transaction_discard(struct session *s);		/* also when there is nothing */
uint64_t transaction_waste_limit(const struct session *s);	/* so much refused content is read */

/* --- bdat: the BDAT command and its chunks; pure --- */

void bdat_command(struct session *s, const char *arg, size_t len);
size_t bdat_content(struct session *s, const char *data, size_t len);	/* in PHASE_CHUNK */
/* In PHASE_CHUNK: what will be said to it; REPLY_NONE */
enum reply bdat_refusal(const struct session *s);
void bdat_free(struct session *s);			/* also when there is nothing */

/* --- auth_verb: the AUTH command and its dialogue; pure --- */

/* RFC 4954 4, with CRLF; also for an AUTH command with an initial response */
#define AUTH_VERB_LINE_MAX 12288U

void auth_verb_auth(struct session *s, const char *arg, size_t len);
/* In PHASE_AUTH_LINE: an answer of the client */
void auth_verb_line(struct session *s, const char *line, size_t len);
void auth_verb_answer(struct session *s, const struct msg_auth_in_answer *a);
/* Ends the dialogue in PHASE_AUTH_LINE or PHASE_AUTH_HELPER */
void auth_verb_refuse(struct session *s, enum reply why);
bool auth_verb_is_offered(const struct session *s);
/* "AUTH SCRAM-SHA-256 PLAIN LOGIN" */
void auth_verb_put_offer(const struct session *s, char *dst, size_t size);

/* --- etrn_verbs: ETRN, ATRN and TURN; pure --- */

void etrn_verbs_etrn(struct session *s, const char *arg, size_t len);
void etrn_verbs_atrn(struct session *s, const char *arg, size_t len);	/* also TURN, which has no argument */
/* In PHASE_ASKING */
void etrn_verbs_answer(struct session *s, const struct msg_etrn_answer *a, const char *node);
bool etrn_verbs_may_ask(const struct session *s);		/* some domain's mail is held */
bool etrn_verbs_may_turn(const struct session *s);		/* and some account may fetch it */

#endif
