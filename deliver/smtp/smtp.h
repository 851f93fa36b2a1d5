/* smtp - the SMTP dialogue with one host, without a socket; one block a file */
#ifndef DELIVER_SMTP_SMTP_H
#define DELIVER_SMTP_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/mail/verdict.h"
#include "common/msg/msg_auth_out.h"

struct client_auth;
struct message_envelope;
struct msg_auth_in_token;

/* --- client_reply: one SMTP reply, of any number of lines, from bytes as they come. Pure --- */
#define CLIENT_REPLY_KEPT 512	/* of each line, and of all lines together for a verdict's text */

enum client_reply_kind { CLIENT_REPLY_MORE, CLIENT_REPLY_LINE, CLIENT_REPLY_WHOLE, CLIENT_REPLY_BAD };

/* How lines end, shown by the first one. */
enum client_reply_end { CLIENT_REPLY_END_OPEN, CLIENT_REPLY_END_CRLF, CLIENT_REPLY_END_LF };
struct client_reply {
	int code;
	size_t lines, bytes;		/* of this reply */
	/* Set by the owner: nothing was asked yet, lines without a code are skipped; so many were */
	bool is_greeting; size_t skipped;
	char line[CLIENT_REPLY_KEPT];	/* the present line, cut; with its code */
	size_t line_len;
	char text[CLIENT_REPLY_KEPT];	/* all lines so far joined by blanks, without codes, cut */
	size_t text_len;
	bool ended;			/* the next byte begins another line */
	bool whole;			/* ... and another reply */
	char last;			/* the last byte that came */
	enum client_reply_end end;
};

void client_reply_init(struct client_reply *r);
/*
 * Takes bytes up to the next line end; `*used`: how many. CLIENT_REPLY_LINE: a line is complete, more follow;
 * CLIENT_REPLY_WHOLE: the last one is complete; CLIENT_REPLY_BAD: no SMTP reply, or one without end.
 */
enum client_reply_kind client_reply_add(struct client_reply *r, const char *data, size_t len, size_t *used);
bool client_reply_is_next(const struct client_reply *r);	/* the next byte begins a reply */
/* What came ends in a bare LF, though the host ends its lines with CRLF. */
bool client_reply_is_bare(const struct client_reply *r);
bool client_reply_is_noise(const struct client_reply *r);	/* only such lines have come */
const char *client_reply_line(const struct client_reply *r);	/* text of the present line, without code */

/* --- client: the SMTP dialogue with one host, from greeting to QUIT, any number of transactions. Pure --- */
/*
 *   client_init(&c, &settings);
 *   loop: client_input() what the host sent; do what client_action() asks for, until it is CLIENT_WAIT;
 *         send c.out, client_sent() what has left
 */
enum client_offer {
	CLIENT_PIPELINING = 1, CLIENT_SIZE = 2, CLIENT_8BITMIME = 4, CLIENT_SMTPUTF8 = 8,
	CLIENT_STATUSCODES = 16, CLIENT_CHUNKING = 32, CLIENT_DSN = 64, CLIENT_OFFERS_TLS = 128,
	CLIENT_SUBMITTER = 512,		/* AUTH= of MAIL, with a host that knows us (RFC 4954 5) */
	CLIENT_BINARYMIME = 256, CLIENT_ALL_OFFERS = 1023,
	CLIENT_REQUIRETLS = 2048,	/* never left out: what needs it goes nowhere else */
	CLIENT_SEVERAL = 1024,		/* several recipients in one transaction: every host offers that */
};

/* What the dialogue waits for. Which reply leads to which phase: the table in client.c. */
enum client_phase {
	CLIENT_GREETING,
	CLIENT_EHLO, CLIENT_HELO, CLIENT_STARTTLS,	/* the reply to it */
	CLIENT_SHAKE,					/* the TLS handshake */
	CLIENT_WORD,					/* our own next word of the AUTH dialogue */
	CLIENT_AUTH,					/* the reply to it */
	CLIENT_BETWEEN,					/* nothing: no transaction */
	CLIENT_RSET, CLIENT_MAIL, CLIENT_RCPT, CLIENT_DATA,	/* the reply to it */
	CLIENT_SENDING,					/* the next piece of the content */
	CLIENT_DOT,					/* the reply to the whole content */
	CLIENT_QUIT,					/* the reply to it */
	CLIENT_OVER,
	CLIENT_PHASE_COUNT
};

enum client_action {
	CLIENT_WAIT,		/* send c.out, wait for the host, at most client_time_limit() */
	CLIENT_ASK_WORD,	/* get the next word of AUTH; then client_auth_say or client_auth_give_up */
	CLIENT_READY,		/* client_transaction_begin or client_quit, or wait */
	/* The TLS handshake; drop what was read before it. Then client_secured or client_insecure */
	CLIENT_HANDSHAKE,
	/* When c.out was sent: client_content with the next piece; client_content_end after the last one */
	CLIENT_CONTENT,
	CLIENT_DONE,		/* the transaction is over: client_finish */
	CLIENT_CLOSE,		/* send c.out if possible, close */
};

enum client_fate {
	CLIENT_FINAL,		/* the verdicts are final */
	/* This host cannot take it, or has taken no recipient now (4xx): another host may */
	CLIENT_ELSEWHERE,
	/* The connection failed before the end of the content was sent: it is safe to repeat */
	CLIENT_LOST,
	/* `doubted` may be the reason of a failure: to be repeated without, at the same host */
	CLIENT_AGAIN,
};

enum client_security {
	CLIENT_IN_CLEAR, CLIENT_SECURED,
	/* These ended the connection: */
	CLIENT_TLS_CUT,		/* the connection failed on the way to TLS, or the host said "not now" */
	CLIENT_TLS_BROKEN,	/* TLS itself failed, or STARTTLS was refused for good */
	CLIENT_TLS_UNPROVEN,	/* TLS works, and the host has not proved what it had to */
};

/* What was refused for good in clear, where there might have been TLS: it is for later. */
enum client_clear {
	CLIENT_CLEAR_TAKEN, CLIENT_CLEAR_REFUSED,
	CLIENT_CLEAR_WANTS_TLS,		/* the reply says so */
};

enum client_opening {
	CLIENT_OPENING,		/* greeting, EHLO, AUTH: not all went well yet */
	CLIENT_OPEN,		/* without AUTH */
	CLIENT_AUTHENTICATED,	/* open, and the host knows who we are */
	CLIENT_DENIED,		/* not open: the host denied this account */
};

enum client_transaction {
	CLIENT_IDLE,
	CLIENT_RUNNING,		/* from client_transaction_begin on */
	CLIENT_SETTLED,		/* all verdicts are final; replies to pipelined commands are still to come */
	CLIENT_ENDED,		/* waits for client_finish */
};

#define CLIENT_WINDOW 100	/* commands sent ahead and not answered (RFC 2920) */

enum client_body { CLIENT_BY_DATA, CLIENT_BY_BDAT };	/* how the content is sent */

/* MAY: when the host offers it; MUST: no mail without it; AT_ONCE: before the greeting (RFC 8314). */
enum client_tls { CLIENT_TLS_OFF, CLIENT_TLS_MAY, CLIENT_TLS_MUST, CLIENT_TLS_AT_ONCE };

struct client_settings {
	const char *fqdn;	/* for EHLO */
	const char *host;	/* its name, for verdicts */
	bool helo;		/* HELO instead of EHLO */
	enum client_tls tls;
	bool tls_given_up;	/* in clear only because TLS failed before: no refusal is final */
	const char *user;	/* our account, for verdicts: no mail without AUTH; NULL: no AUTH */
	unsigned unheard;	/* enum client_offer: as if the host did not offer them */
	unsigned mechanisms;	/* AUTH_OUT_BIT()s that may be used */
	bool mechanisms_named;	/* auth-mechanisms leaves some out */
	unsigned useless;	/* those that did not do at this host, while another one did: tried last */
	unsigned clear;		/* those of AUTH_OUT_BARE that may be used without TLS */
	bool again;		/* a refusal that may mean the token: one more attempt, with another one */
	/* Called with the first line of each reply; may be NULL */
	void (*heard)(void *arg, const char *line, size_t len);
	void *arg;
};

struct client_mail {
	const struct message_envelope *e;
	const char *sender;
	const size_t *index; size_t count;	/* into e->rcpt */
	struct verdict *verdict;		/* out: one for each of index */
	bool ascii_header;			/* the message has MESSAGE_UTF8, but its header is ASCII */
	bool fold;				/* lines are broken that this host need not take */
	int64_t added;				/* bytes that are sent more, or fewer, than the message has */
	bool seven_bit;				/* what is sent has no 8-bit bytes, whatever the flags say */
};

struct client {
	struct client_settings set;
	enum client_phase phase;
	unsigned offered;		/* enum client_offer */
	uint64_t size_limit;		/* 0: none said */
	struct client_reply *response;	/* owned */
	bool reply_is_early;		/* it began before what it would be an answer to had left */
	struct buf out;			/* to be sent; client_sent() takes from it what has left */
	uint64_t left;			/* bytes that have left so far */
	bool out_is_auth;		/* `out` holds a word of AUTH, not a command */
	bool greeted_again;		/* a 220 came where the answer to EHLO or HELO is due */
	enum client_security security;
	/* HELO instead of EHLO, which the host refused; not for good: what it offers is not known */
	bool helo_instead, offers_unknown;
	enum client_clear clear;
	enum client_opening opening;
	struct client_auth *auth;	/* owned; NULL: none wanted */
	bool glitch;			/* the failure was a lost, silent or busy host */
	/*
	 * A refusal after which another way is tried in the same connection; status "": none. It is the
	 * failure when the connection ends before anything else is heard.
	 */
	struct verdict heard;
	struct verdict failure;		/* why it was not opened, or ended */
	bool ours;			/* we have ended it: no secret, no ticket, no content; too slow */
	/* Set by the owner between transactions: enum client_offer, not used unless the message needs it */
	unsigned without;
	/* the transaction */
	enum client_transaction transaction;
	struct client_mail mail;
	enum client_fate fate;
	unsigned used;			/* enum client_offer */
	/* Enum client_offer: those that may be why it failed; whether once is enough to believe it */
	unsigned doubted;
	bool doubt_is_sure;
	bool mail_open;			/* the host has a MAIL of ours: RSET is due before the next one */
	bool mail_refused;		/* the verdicts are what the host has said to MAIL */
	bool lacks;			/* something that it needs: nothing was sent, see client_lack */
	size_t full;			/* from this step on no RCPT is sent: the host takes no more now */
	size_t sent, answered;		/* steps: 0 RSET, 1 MAIL, 2.. RCPT, count + 2 DATA */
	/* Of the steps not answered: `left` when all of it has left */
	uint64_t step_end[CLIENT_WINDOW];
	size_t accepted;		/* recipients */
	enum client_body body;
	bool content_refused;		/* for good: its size, its kind or what it says; not a recipient */
	bool line_start;		/* the next byte of the content begins a line */
	struct client_fold *fold;	/* owned; NULL: nothing was folded yet */
};

void client_init(struct client *c, const struct client_settings *set);	/* the strings must outlive it */
void client_done(struct client *c);
void client_input(struct client *c, const char *data, size_t len);
void client_sent(struct client *c, size_t n);	/* the first bytes of `out` have left */
void client_end(struct client *c, const char *reason);	/* by us: it says nothing about the host */
void client_unreached(struct client *c, const char *where, const char *reason);	/* "Connection refused" */
void client_lost(struct client *c, const char *reason);	/* reset: "Connection reset by peer" */
void client_timeout(struct client *c);
void client_overdue(struct client *c);	/* every wait was short enough, and all of them are too long */
void client_secured(struct client *c);		/* the handshake is over: the dialogue begins anew */
/* It failed; `how` is one of those that end the connection. */
void client_insecure(struct client *c, enum client_security how, const char *reason);
enum client_action client_action(struct client *c);
/* At CLIENT_READY only; verdicts and strings must outlive the transaction. */
void client_transaction_begin(struct client *c, const struct client_mail *mail);
enum client_fate client_finish(struct client *c);			/* at CLIENT_DONE only */
void client_content(struct client *c, const char *data, size_t len);	/* at most CLIENT_PIECE bytes */
void client_content_passed(struct client *c, size_t n);	/* in place of it: they have left, as they are */
void client_content_end(struct client *c);
void client_content_begin(struct client *c);	/* this and the next two: for client_transaction */
long long client_content_size(const struct client_mail *m);	/* as it is sent, without doubled dots */
bool client_content_is_8bit(const struct client_mail *m);
/* The content cannot be read: all recipients that were accepted get `v`; the connection ends. */
void client_abandon(struct client *c, const struct verdict *v);
void client_quit(struct client *c);
/* It ended for want of what we demand of it, TLS, a proof, a login: to others it may be good. */
bool client_is_unfit(const struct client *c);
bool client_content_may_be_long(const struct client *c);	/* over 998 octets a line: BINARYMIME */
uint64_t client_time_limit(const struct client *c);	/* ms for the phase (RFC 5321 4.5.3.2); 0 none */
#define CLIENT_PIECE (64U << 10)

/* --- client_phase: what each phase waits for. Pure --- */
const char *client_phase_name(enum client_phase phase);	/* "the answer to MAIL" */
unsigned client_phase_limit(enum client_phase phase);	/* ms (RFC 5321 4.5.3.2); 0 none */
bool client_phase_is_securing(const struct client *c);	/* from STARTTLS to the first reply under TLS */

/* --- client_fold: breaks long lines of a content. Pure --- */
struct client_fold {
	void (*emit)(void *arg, const char *data, size_t len);	/* NULL: only `added` is of interest */
	void *arg; int64_t added;	/* so many bytes more than came in */
	char held[1000]; size_t len;	/* the beginning of the present line */
};
void client_fold_add(struct client_fold *f, const char *data, size_t len);
void client_fold_end(struct client_fold *f);

/* --- client_survey: a content that is looked at once. Pure --- */
struct client_survey { size_t line; char last; bool dots, may_be_long; };	/* all 0 at the beginning */
void client_survey_add(struct client_survey *s, const char *data, size_t len);
const char *client_survey_dot(const char *data, size_t len);	/* LF before a dot, the first; NULL */

/* --- client_offer: the extensions that a host offers. Pure --- */
void client_offer_note(struct client *c, const char *line);	/* of the answer to EHLO, without its code */
void client_offer_names(unsigned offers, char *dst, size_t size);	/* "CHUNKING,DSN" */

/* --- rcpt_list: the recipients of a message at one destination, from transaction to transaction. Pure --- */
/*
 * The first `settled` have a verdict that stands, and are not asked about again. Then come `able`, which the
 * present host can take and was not asked about, the first `part` of them in its present transaction; then
 * those that it cannot take; last `asked`, which it has put off one by one.
 */
struct rcpt_list {
	size_t *index; size_t count;	/* into the recipients of the message; their order changes */
	struct verdict *verdict;	/* one for each of index; without a status: nothing was said of it */
	size_t settled, able, part, asked;
	size_t most, cap;		/* of one transaction; what is tried, what may be */
	bool careful;		/* the message has failed before: a few may do where all together fail */
	unsigned cuts;		/* times that a part was made smaller, since one was taken */
	bool progress;		/* some were delivered, and others put off: this is no failed attempt */
};

enum rcpt_list_next {
	RCPT_LIST_OVER,		/* nothing more for this host, and for none after it */
	RCPT_LIST_AGAIN,	/* the same host at once: it takes the next ones */
	RCPT_LIST_OTHERS,	/* the same host at once, about others: these it has only put off */
	RCPT_LIST_ELSEWHERE,	/* another host, or this one in another way: as the fate says */
};

void rcpt_list_begin(struct rcpt_list *l, size_t *index, size_t count, struct verdict *verdict, bool careful);
/* Chooses the part for a transaction with the host of `c`; fills index, count and verdict of `mail`. */
void rcpt_list_mail(struct rcpt_list *l, struct client *c, struct client_mail *mail);
/* The transaction with that part is over: its final verdicts are settled. */
enum rcpt_list_next rcpt_list_take(struct rcpt_list *l, const struct client *c, enum client_fate fate);
void rcpt_list_limit(struct rcpt_list *l, size_t most);		/* the recipients of one transaction */
/* No host is left: the table in rcpt_list.c. `all`: every address was asked; `failure`: of a connection */
void rcpt_list_end(struct rcpt_list *l, bool all, const struct verdict *failure, bool answered);
void rcpt_list_forget(struct rcpt_list *l);	/* what was said of those that are not settled */
size_t rcpt_list_delivered(const struct rcpt_list *l, size_t from);	/* of the settled, after so many */

/* --- client_auth: our authentication at the host (RFC 4954), before the first transaction. Pure --- */
struct client_auth {
	unsigned offered, refused, tried;	/* AUTH_OUT_BIT()s; tried: until the host refused it */
	bool has_offer;			/* there was an AUTH line, whatever it offered */
	enum msg_auth_out_mechanism mechanism;
	/* What the host has sent, decoded; empty before the first word */
	struct buf challenge;
	bool begun;			/* the AUTH line was sent: there is a challenge */
	bool repeated;			/* this is the second attempt */
	unsigned challenges;		/* of this attempt */
	bool last;			/* the word that was sent is the mechanism's last */
	bool cancelled;			/* "*" was sent: its reply is due */
	bool bare;			/* the host knows AUTH without an initial response only */
	bool unsaid;			/* the first word is not in the AUTH line: it waits for a challenge */
	bool denied;			/* client.heard says that the host denied the account or its secret */
	enum msg_auth_out_mechanism heard_mechanism;	/* of client.heard */
	struct buf raw;			/* the line of the reply as it comes */
	struct buf first_word;		/* until it is certain that the host has it; empty: no such word */
};
struct client_auth *client_auth_new(void);
void client_auth_free(struct client_auth *a);		/* NULL is fine */
/* At CLIENT_ASK_WORD only. `last`: the mechanism has no more words, a 235 is due. */
void client_auth_say(struct client *c, const struct msg_auth_in_token *word, bool last);
/* At CLIENT_ASK_WORD only. "4.7.0": no secret, no ticket. */
void client_auth_give_up(struct client *c, const char *status, const char *why);
/* The next six are called by client. A line of the answer to EHLO that begins with AUTH. */
void client_auth_offer(struct client *c, const char *line);
void client_auth_begin(struct client *c);
void client_auth_input(struct client *c, const char *data, size_t len);	/* bytes as they come */
/* The reply in CLIENT_AUTH: 2yz, 3yz, 4yz or 5yz. */
void client_auth_accepted(struct client *c);
void client_auth_challenge(struct client *c);
void client_auth_refused(struct client *c);

/* --- client_transaction: RSET, MAIL, RCPT, DATA or BDAT and the replies to them. Pure --- */
/* Called by client with the reply in the phase of that name; the other cases: the table in client.c. */
void client_transaction_rset(struct client *c);		/* 2yz */
void client_transaction_mail(struct client *c);			/* 2yz */
void client_transaction_mail_refused(struct client *c);		/* 4yz, 5yz */
void client_transaction_rcpt(struct client *c);
void client_transaction_data(struct client *c);			/* 3yz */
void client_transaction_data_refused(struct client *c);		/* others */
void client_transaction_early(struct client *c);	/* 4yz, 5yz while the content is being sent */
void client_transaction_dot(struct client *c);

#endif
