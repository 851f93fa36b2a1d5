/* smtp - the SMTP dialogue with one client, without a socket; one block a file */
#ifndef LISTENER_SMTP_SMTP_H
#define LISTENER_SMTP_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/address.h"
#include "common/mail/data.h"
#include "common/mail/message.h"
#include "common/mail/xtext.h"
#include "common/msg/msg_filter.h"
#include "common/process/counters.h"

struct bdat; struct buf; struct config_server; struct policy_client;
struct msg_auth_in_answer; struct msg_auth_in_start; struct msg_auth_in_token;
struct msg_etrn; struct msg_etrn_answer;

/* --- reply: every sentence the server says --- */

enum reply {
	REPLY_NONE,
	REPLY_GREETING, REPLY_HELLO, REPLY_BYE, REPLY_HELP, REPLY_NOOP, REPLY_RESET, REPLY_VRFY,
	REPLY_START_TLS, REPLY_AUTH_OK, REPLY_AUTH_CHALLENGE, REPLY_ETRN_NOTHING, REPLY_ETRN_PENDING,
	REPLY_ETRN_COUNT, REPLY_TURNED, REPLY_EVACUATE, REPLY_SENDER_OK, REPLY_RECIPIENT_OK, REPLY_START_DATA,
	REPLY_CHUNK, REPLY_ACCEPTED,
	/* the session ends */
	REPLY_CLIENT_REFUSED, REPLY_NAME_LATER, REPLY_FULL, REPLY_FULL_CLIENT, REPLY_IDLE, REPLY_STOPPING,
	REPLY_TOO_MANY_ERRORS, REPLY_PIPELINING, REPLY_CHUNK_LOST,
	REPLY_IDLE_COMMANDS, REPLY_SESSION_OLD, REPLY_SESSION_MEMORY,
	/* the command is wrong */
	REPLY_UNKNOWN, REPLY_LINE_LONG, REPLY_LINE_BARE, REPLY_LINE_BYTES, REPLY_UNAVAILABLE,
	REPLY_ARGUMENT_MISSING, REPLY_ARGUMENT_NOT_WANTED, REPLY_BAD_ADDRESS, REPLY_DISPLAY_NAME,
	REPLY_BAD_PARAMETER, REPLY_UNKNOWN_PARAMETER, REPLY_UTF8_NOT_DECLARED, REPLY_NEED_TLS,
	REPLY_TLS_TWICE, REPLY_NEED_HELLO, REPLY_NEED_MAIL, REPLY_NEED_RCPT, REPLY_MAIL_TWICE,
	REPLY_NO_VALID_RCPT, REPLY_CHUNKS_OPEN, REPLY_BINARY_DATA,
	/* who the client is */
	REPLY_AUTH_REQUIRED, REPLY_AUTH_FAILED, REPLY_AUTH_LATER, REPLY_AUTH_CANCELLED, REPLY_AUTH_BASE64,
	REPLY_AUTH_LONG, REPLY_AUTH_MECHANISM, REPLY_AUTH_TLS, REPLY_AUTH_TWICE, REPLY_AUTH_LATE,
	/* a backlog cannot be had */
	REPLY_ETRN_LATER, REPLY_ETRN_REFUSED, REPLY_TURN_REFUSED, REPLY_TURN_LATER, REPLY_TURN_NOTHING,
	REPLY_EVACUATE_LATER,
	/* the mail is not wanted */
	REPLY_RELAY, REPLY_RELAY_LATER, REPLY_NOWHERE, REPLY_NO_SUCH_USER, REPLY_MAILBOX_FULL,
	REPLY_RECIPIENTS, REPLY_MESSAGE_SIZE, REPLY_SESSION_SIZE, REPLY_CONTENT_BARE, REPLY_CONTENT_NUL,
	REPLY_STORAGE_FULL, REPLY_STORAGE, REPLY_MEMORY,
	/* a mail filter says so; WORDS: in its own words */
	REPLY_FILTER_CONNECT, REPLY_FILTER_REFUSED, REPLY_FILTER_LATER, REPLY_FILTER_CLOSE,
	REPLY_FILTER_WORDS,
	REPLY_HOP_WORDS,
	REPLY_COUNT
};
enum reply_flags {
	REPLY_ERROR = 1,	/* counts towards the 20 errors of a session, or the recipients */
	REPLY_EVENT = 2,	/* a refusal worth a line in the event log */
	REPLY_CLOSE = 4,	/* the session ends after it */
	REPLY_LINGER = 8,	/* and the peer may well be sending still */
};
struct reply_row {
	unsigned short code;	/* 0: an empty row */
	const char *status;	/* RFC 3463; NULL: none belongs there (RFC 2034 4) */
	const char *text;	/* $: the detail */
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

/* --- envelope: arguments of MAIL and RCPT, and what they add up to --- */

#define ENVELOPE_RECIPIENTS_MAX 100000U	/* also when max-recipients is unlimited: see MESSAGE_ENVELOPE_MAX */

struct envelope {
	struct message_envelope m;
	uint64_t declared;	/* SIZE=; 0 not given */
	size_t bytes;		/* that it holds, about */
	size_t lines;		/* bytes of its recipients in the queue file, at most */
	uint32_t *seen;		/* hash of recipients: index + 1, 0 free */
	size_t seen_size;	/* a power of two */
	bool asked, overflow, short_told;	/* a recipient came; events tell of those over limits */
};
struct envelope_mail {
	struct address sender;
	size_t parameters;	/* where they begin in the argument */
	uint64_t size;
	unsigned flags;		/* enum message_flags */
	enum message_ret ret;
	char envid[XTEXT_ENVID_MAX + 1];	/* "": not given */
	char auth[XTEXT_AUTH_MAX + 1];	/* "": not given, or <> */
};
struct envelope_rcpt {
	struct address address;
	size_t parameters;	/* the same */
	unsigned notify;	/* enum message_notify; 0: not given */
	char orcpt[XTEXT_ORCPT_MAX + 1];	/* "": not given */
};

/* `arg` is what follows the verb; `dsn`: its parameters are known. REPLY_NONE, or the refusal. */
enum reply envelope_parse_mail(struct envelope_mail *m, const char *arg, size_t len, bool dsn);
enum reply envelope_parse_rcpt(struct envelope_rcpt *r, const char *arg, size_t len, unsigned flags,
    bool dsn);
struct envelope *envelope_new(const struct envelope_mail *m);
void envelope_free(struct envelope *e);			/* NULL is fine */
/* One more recipient might be too many, or too long: for the list, or for the queue file. */
bool envelope_is_full(const struct envelope *e);
bool envelope_has(const struct envelope *e, const char *recipient);
void envelope_add(struct envelope *e, const struct envelope_rcpt *r);	/* given again: the first one stays */

/* --- session: the dialogue of one connection; pure --- */

#define SESSION_LINE_MAX 2048U		/* RFC 5321 4.5.3.1.4: 512, and each extension adds; with CRLF */
#define SESSION_LINE_WASTE (64U << 10)	/* bytes of a refused line; more end the session */
#define SESSION_ERRORS_MAX 20U		/* commands; and recipients: then they are slowed down */
#define SESSION_REFUSED_MAX 1000U	/* recipients, while none is accepted */
#define SESSION_REPEATED_MAX 1000U	/* recipients given again, empty chunks: beside idle commands */
#define SESSION_PAUSE_MS 1000U		/* after each further recipient that is refused */
#define SESSION_CONTENT_WASTE (16U << 20)	/* refused content is read so far, or to max-message-size */

enum session_phase {		/* bits, so that a verb can name several; the table is in session_phase.c */
	PHASE_START = 1,	/* greeted, no HELO yet */
	PHASE_READY = 2,	/* between messages */
	PHASE_MAIL = 4,		/* MAIL was accepted */
	PHASE_RCPT = 8,		/* and a recipient */
	PHASE_DATA = 16,	/* content is coming */
	PHASE_STORING = 32,	/* the whole message is with the disk */
	PHASE_OVER = 64,	/* nothing more is read or said */
	PHASE_CHUNK = 128,	/* the octets of a BDAT are coming */
	PHASE_CHUNKS = 256,	/* between the BDATs of one message */
	PHASE_SECURING = 512,	/* the TLS handshake: neither side says a word of SMTP */
	PHASE_AUTH_LINE = 1024,	/* AUTH: the client's turn */
	PHASE_AUTH_HELPER = 2048,	/* AUTH: the auth helper's turn */
	PHASE_ETRN = 4096,	/* ETRN, ATRN, XEVACUATE: the deliver worker's turn */
	/* After ATRN the deliver worker speaks as a client on this connection, after XEVACUATE as a server */
	PHASE_TURNED = 8192,
};
#define PHASE_COMMAND (PHASE_START | PHASE_READY | PHASE_MAIL | PHASE_RCPT | PHASE_CHUNKS)	/* are read */
#define PHASE_CONTENT (PHASE_DATA | PHASE_CHUNK)	/* content is read */

/* What has to come before the session goes on, and the call that brings it. */
enum session_wait {
	WAIT_CLIENT,		/* more bytes: session_input(), under no other */
	WAIT_NAMES,		/* the client's names; the command runs again after session_run_again() */
	WAIT_RECIPIENT,		/* the directory's word about a RCPT; the same */
	WAIT_FILTER,		/* that of the mail filters; the same after session_filtered() */
	WAIT_ROOM,		/* room for more content: session_room() */
	WAIT_DISK,		/* the message on disk: session_stored() */
	WAIT_AUTH,		/* the auth helper: session_auth_answered() */
	WAIT_ETRN, WAIT_ATRN, WAIT_EVACUATE,	/* the deliver worker: session_etrn_answered() */
	WAIT_TLS,		/* the handshake: session_secured() */
	WAIT_PAUSE,		/* the time limit: session_expire() */
	WAIT_END,		/* the end of the connection */
};
enum session_link { LINK_CLEAR, LINK_TLS, LINK_TLS_BOUND };	/* bound: as RFC 9266 wants, for -PLUS */
enum session_recipient {
	SESSION_RECIPIENT_OK,		/* or it cannot be found out now */
	SESSION_RECIPIENT_UNKNOWN,
	SESSION_RECIPIENT_WAIT,		/* session_run_again() follows */
};

/* What the dialogue asks of the outside. None of these calls back into the session. */
struct session_ops {
	void (*send)(void *arg, const char *data, size_t len);
	void (*command)(void *arg, const char *line, size_t len);	/* is here; its reply comes next */
	void (*close)(void *arg, bool linger);	/* after what was sent; linger: the peer may still send */
	/* A message; `mend`: its header is mended, too. 0 or errno; ENOMEM: others hold too much now */
	int (*begin)(void *arg, struct message_envelope *e, bool mend);
	bool (*add)(void *arg, const char *data, size_t len);	/* content; false: session_room() follows */
	void (*finish)(void *arg);			/* session_stored() will follow */
	void (*discard)(void *arg);			/* the message begun */
	/* TLS once what was sent is out; session_secured() follows, or the end of the connection */
	void (*secure)(void *arg);
	bool (*memory_is_short)(void *arg);	/* no more may be kept for anybody */
	bool (*disk_is_short)(void *arg), (*drop_is_full)(void *arg);	/* no new message; none to drop/ */
	enum session_recipient (*check_recipient)(void *arg, const char *address);	/* a local one */
	bool (*is_own_address)(void *arg, const char *literal);	/* the client connected to "[192.0.2.1]" */
	/* Mechanism, tls and token are filled in. session_auth_answered() follows each start and step */
	void (*auth_start)(void *arg, const struct msg_auth_in_start *start);
	void (*auth_step)(void *arg, const struct msg_auth_in_token *t);
	void (*auth_cancel)(void *arg);		/* nothing follows */
	/* A line longer than AUTH_VERB_LINE_MAX is coming, or has ended: session_cut_line() may follow */
	void (*long_line)(void *arg, bool begins);
	void (*ask_etrn)(void *arg, struct msg_etrn *d);	/* client and port are filled in there */
	/* Asks the mail filters; session_filtered() follows, but for FILTER_RESET */
	void (*filter)(void *arg, enum msg_filter_stage stage, const char *argument, const char *second);
	void (*refused)(void *arg, const char *recipient, const char *reply);	/* NULL: message or command */
	void (*count)(void *arg, enum counter which, int64_t n);
};

struct session {
	const struct config_server *server;
	const struct session_ops *ops;
	void *arg;
	const struct policy_client *client;	/* belongs to the owner, as `ip` */
	const char *ip;
	char *helo;			/* printable, other bytes as \xHH; NULL before HELO */
	char *user;			/* NULL: not authenticated */
	const char *mechanism;		/* of the latest AUTH, static */
	struct envelope *envelope;	/* NULL outside a transaction */
	struct data data;
	struct bdat *bdat;		/* NULL until a BDAT came */
	struct msg_filter_answer *filter_answer;	/* about the command that runs; NULL */
	const struct msg_filter_answer *refusing;	/* while that is said; NULL */
	uint64_t accepted_bytes;
	uint64_t line_waste;		/* bytes of a refused command line whose CRLF is to come; 0: none */
	uint32_t auth_line_max;		/* in PHASE_AUTH_LINE */
	uint32_t messages;
	uint32_t errors, refused, idle;	/* since a message was accepted; refused: recipients */
	uint32_t progress;		/* changes whenever the time limit starts anew */
	enum session_phase phase;	/* session_phase_enter() changes it */
	enum session_wait wait;
	enum session_link link;
	bool greeted;
	bool extended;			/* EHLO, not HELO */
	bool evacuates;			/* a node that may bring its queue, by its certificate */
	bool partial;			/* the first bytes of a command are here */
	bool long_line;			/* and more than AUTH_VERB_LINE_MAX of them */
	bool begun;			/* a message, by ops->begin(); not yet finished or discarded */
	bool rcpt_refused;		/* in this transaction */
	bool filters;			/* this server has mail filters for what comes by SMTP */
	bool filter_mail;		/* they know of this transaction */
	bool discarding;		/* and one of them wants it taken and thrown away */
	bool recipient;			/* the command is about one: its refusal is no error of the client */
	bool stopping;			/* 421 as soon as it is polite */
};

void session_init(struct session *s, const struct config_server *server, const struct session_ops *ops,
    void *arg, const struct policy_client *client, const char *ip);
void session_done(struct session *s);			/* frees; calls nothing */
void session_greet(struct session *s);			/* or session_phase_secure(): TLS first */
void session_secured(struct session *s, bool bound);		/* the handshake is done: all starts over */
/* Takes at most one command or one run of content; bytes used. 0: needs more than `len`, or must wait. */
size_t session_input(struct session *s, const char *data, size_t len);
bool session_wants_input(const struct session *s);
void session_room(struct session *s);
void session_run_again(struct session *s);	/* names or recipient are known, or will not be */
void session_filtered(struct session *s, const struct msg_filter_answer *a);
void session_stored(struct session *s, int error, const char *id);
/* Instead of session_stored(): the reply of the next hop, which has not taken the message. */
void session_refused(struct session *s, const char *words);
/* Instead of session_stored(): the filters' word about the content. */
void session_judged(struct session *s, const struct msg_filter_answer *a, const char *id);
void session_auth_answered(struct session *s, const struct msg_auth_in_answer *a);
/* PHASE_TURNED afterwards: the connection is the deliver worker's. */
void session_etrn_answered(struct session *s, const struct msg_etrn_answer *a, const char *node);
void session_expire(struct session *s);			/* the time limit has passed */
void session_eof(struct session *s);
/* Others need the memory: the long line that is coming is refused with 454, and what is here is skipped. */
void session_cut_line(struct session *s);
void session_stop(struct session *s);			/* the service ends: 421 as soon as it is polite */
void session_retire(struct session *s, bool now);	/* 421 between two messages, or (now) two commands */
void session_cut(struct session *s);			/* the time to end has run out: 421 now */
void session_shed(struct session *s);			/* others need the memory: 421 now */
size_t session_held(const struct session *s);		/* bytes of names and answers that it keeps */
uint64_t session_limit_ms(const struct session *s);	/* for the present phase; UINT64_MAX: none */

/* --- session_phase: the phases as a table, and what verbs do to a session besides replying --- */

enum session_event { EVENT_EXPIRE, EVENT_EOF, EVENT_STOP, EVENT_CUT, EVENT_COUNT };
enum session_action {
	ACTION_NONE,		/* nothing now: what is under way ends first */
	ACTION_END,		/* closes without a reply */
	ACTION_REPLY,		/* 421, which closes */
	ACTION_GIVE_UP,		/* the question: a 4xx reply, and the session goes on */
};
enum session_action session_phase_action(const struct session *s, enum session_event event);
const char *session_phase_name(const struct session *s);	/* for operators */
uint64_t session_phase_limit_ms(const struct session *s, bool refused);	/* what is coming is */
void session_phase_enter(struct session *s, enum session_phase to);
void session_phase_wait(struct session *s, enum session_wait what);	/* other than the phase began with */
bool session_phase_waits(const struct session *s);	/* the present command will run again */
void session_phase_discard(struct session *s);		/* the content; also when there is none */
void session_phase_reset(struct session *s);		/* to the phase after HELO, without envelope */
void session_phase_end(struct session *s, bool linger);
void session_phase_secure(struct session *s);		/* TLS before the next word */
bool session_phase_needs_tls(const struct session *s);	/* before most commands */

/* --- session_reply: says, counts, reports and closes as the row of the reply wants it --- */

void session_reply(struct session *s, enum reply which, const char *detail);
void session_reply_about(struct session *s, enum reply which, const char *recipient);
/*
 * `which`: whose words they are; as msg_filter_reply_is_good() wants them. `closes`, as a 421 does in any
 * case.
 */
void session_reply_words(struct session *s, enum reply which, const char *text, const char *recipient,
    bool closes);

/* --- verb: the commands, one row each --- */

enum verb_argument { VERB_NO_ARGUMENT, VERB_MAY_ARGUMENT, VERB_MUST_ARGUMENT };
enum verb_batch {
	VERB_FREE,	/* what follows in the same packet is the next command */
	VERB_LAST,	/* RFC 2920 3.1: last of its group; what follows a refused one is not trusted */
};
enum verb_bytes { VERB_ASCII, VERB_UTF8, VERB_ANY };
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
	bool chunk;			/* octets follow it, which are no commands */
	bool recipient;			/* names one: refusals count apart */
	bool idle;			/* alone it brings no mail: counted */
};
extern const struct verb verb_rows[];
extern const size_t verb_count;
const struct verb *verb_find(const char *line, size_t len);	/* by the first word; NULL */
/* Not even a line. */
void verb_refuse(struct session *s, const char *line, size_t len, enum reply why);
/* One whole command line without CRLF; `more`: bytes follow it already. */
void verb_dispatch(struct session *s, const char *line, size_t len, bool more);

/* --- ehlo: HELO and EHLO --- */

void ehlo_helo(struct session *s, const char *arg, size_t len);
void ehlo_ehlo(struct session *s, const char *arg, size_t len);
/* Whether a Received field may show it; NULL: no. */
bool ehlo_name_is_good(const char *helo);
bool ehlo_offers(const struct session *s, const char *keyword);	/* now; true for what is no extension */

/* --- auth_verb: the AUTH command and its dialogue; pure --- */

#define AUTH_VERB_LINE_MAX 12288U	/* RFC 4954 4, with CRLF; also for AUTH with an initial response */
/* The same for Kerberos: a token of AUTH_IN_TOKEN_MAX bytes. */
#define AUTH_VERB_LONG_MAX (sizeof("AUTH GSSAPI \r\n") - 1 + 64000)

void auth_verb_command(struct session *s, const char *arg, size_t len);
void auth_verb_line(struct session *s, const char *line, size_t len);	/* in PHASE_AUTH_LINE */
void auth_verb_answer(struct session *s, const struct msg_auth_in_answer *a);
void auth_verb_refuse(struct session *s, enum reply why);	/* ends the dialogue */
/* How long the line may be that begins so; 0: it is no line of AUTH. */
size_t auth_verb_line_max(const struct session *s, const char *data, size_t size);
bool auth_verb_is_offered(const struct session *s);
/* "AUTH PLAIN LOGIN"; `before`: what comes before the first name */
void auth_verb_put_offer(const struct session *s, char *dst, size_t size, const char *before);

#endif
