/* smtp - the SMTP dialogue with one host, without a socket; one block a file */
#ifndef DELIVER_SMTP_SMTP_H
#define DELIVER_SMTP_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/ipc/msg_auth_out.h"
#include "common/mail/verdict.h"

struct client_auth;
struct message_envelope;
struct msg_auth_in_token;
struct verdict;

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
 * Eats bytes up to the next line end. CLIENT_REPLY_LINE: one of several lines is in; CLIENT_REPLY_WHOLE: the
 * last one is; CLIENT_REPLY_BAD: no SMTP reply, or one without end. `*used` says how many bytes were eaten.
 */
enum client_reply_kind client_reply_add(struct client_reply *r, const char *data, size_t len, size_t *used);
const char *client_reply_line(const struct client_reply *r);	/* text of the present line, without code */

/* --- client: the SMTP dialogue with one peer, from greeting to QUIT, any number of transactions. Pure --- */
/*
 *   client_init(&c, &settings);
 *   loop: client_input() what the peer sent; then, as long as client_action() says so, act; send c.out
 *         (buf_drop what went)
 */
enum client_offer {
	CLIENT_PIPELINING = 1, CLIENT_SIZE = 2, CLIENT_8BITMIME = 4, CLIENT_SMTPUTF8 = 8,
	    CLIENT_STATUSCODES = 16,
	CLIENT_CHUNKING = 32, CLIENT_DSN = 64, CLIENT_OFFERS_TLS = 128, CLIENT_BINARYMIME = 256,
};

enum client_phase {
	CLIENT_GREETING, CLIENT_EHLO, CLIENT_HELO,
	/* Waiting for the reply to it; the handshake */
	CLIENT_STARTTLS, CLIENT_SHAKE,
	/* Waiting for our own next word; for the answer to it */
	CLIENT_PROVING, CLIENT_AUTH,
	CLIENT_BETWEEN,							/* no transaction */
	CLIENT_RSET, CLIENT_MAIL, CLIENT_RCPT, CLIENT_DATA,		/* waiting for the reply to it */
	CLIENT_SENDING, CLIENT_DOT, CLIENT_QUIT, CLIENT_OVER,
	CLIENT_PHASE_COUNT
};

enum client_action {
	CLIENT_WAIT,		/* send c.out, wait for the peer, at most client_time_limit() */
	CLIENT_PROVE,		/* sooner or later: client_auth_say, or client_auth_give_up */
	CLIENT_READY,		/* client_transaction_begin or client_quit, or wait */
	/* The TLS handshake; what was read before it is forgotten. Then client_secured or client_insecure */
	CLIENT_HANDSHAKE,
	/* When c.out was sent: client_content with the next piece, or client_content_end */
	CLIENT_CONTENT,
	CLIENT_DONE,		/* the transaction is over: client_finish */
	CLIENT_CLOSE,		/* send c.out if possible, close */
};

enum client_fate {
	CLIENT_FINAL,		/* the verdicts stand */
	/* This host cannot take it, or took it for nobody now (4xx): another may; else the verdicts stand */
	CLIENT_ELSEWHERE,
	/*
	 * The connection failed before the end of the content was sent: safe to repeat; else the verdicts
	 * stand
	 */
	CLIENT_LOST,
};

/*
 * MAY: when the peer offers it; MUST: not a word of mail without it; AT_ONCE: before the greeting, as on port
 * 465 (RFC 8314).
 */
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
	/* The first line of each reply; NULL: nobody asks */
	void (*heard)(void *arg, const char *line, size_t len);
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
/* Instead of a greeting: "Connection refused" */
void client_unreached(struct client *c, const char *where, const char *reason);
/* End of file, reset: "Connection reset by peer" */
void client_lost(struct client *c, const char *reason);
void client_timeout(struct client *c);
void client_secured(struct client *c);		/* the handshake is over: the dialogue begins anew */
void client_insecure(struct client *c, const char *reason);	/* it failed */
enum client_action client_action(struct client *c);
/* At CLIENT_READY only; verdicts and strings stay the caller's */
void client_transaction_begin(struct client *c, const struct client_mail *mail);
enum client_fate client_finish(struct client *c);			/* at CLIENT_DONE only */
void client_content(struct client *c, const char *data, size_t len);	/* at most CLIENT_PIECE bytes */
void client_content_end(struct client *c);
/*
 * The content cannot be read: the transaction ends with `v` for all who were accepted, the connection with
 * it.
 */
void client_abandon(struct client *c, const struct verdict *v);
void client_quit(struct client *c);
/* Ms for the present phase (RFC 5321 4.5.3.2); 0 none */
uint64_t client_time_limit(const struct client *c);
#define CLIENT_PIECE (64U << 10)

/* Between client and client_transaction. */
int client_last_class(const struct client *c);		/* 2 to 5 */
struct verdict client_last_verdict(const struct client *c);
void client_set_all(struct client *c, const struct verdict *v, bool only_accepted);
/* The connection is of no more use */
void client_fail(struct client *c, const struct verdict *v, bool glitch);
void client_fail_protocol(struct client *c);

/*
 * --- client_auth: proves to the peer who we are (RFC 4954), between EHLO and the first transaction. Pure ---
 */
struct client_auth {
	unsigned offered, refused;	/* AUTH_OUT_BIT()s */
	bool asked;			/* there was an AUTH line, whatever it offered */
	enum msg_auth_out_mechanism mechanism;
	/* What the peer wants answered, decoded; empty before the first word */
	struct buf challenge;
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
/* "4.7.0": no secret, no ticket */
void client_auth_give_up(struct client *c, const char *status, const char *why);
/* From client: */
/* A line of the answer to EHLO that begins with AUTH */
void client_auth_offer(struct client *c, const char *line);
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

#endif
