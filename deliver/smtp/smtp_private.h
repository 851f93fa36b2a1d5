/* smtp_private - what only the files of the client dialogue call; one block a file */
#ifndef DELIVER_SMTP_SMTP_PRIVATE_H
#define DELIVER_SMTP_SMTP_PRIVATE_H

#include "deliver/smtp/smtp.h"

/* --- client_open: greeting, EHLO or HELO, STARTTLS. Pure --- */
/* Sends EHLO or HELO. */
void client_open_hello(struct client *c, enum client_phase phase);
void client_open_offer(struct client *c, const char *line);	/* of the answer to EHLO, without its code */
/* Called by client with the reply of that name: 2yz; refused: 4yz, 5yz. */
void client_open_greeting(struct client *c);
void client_open_refused(struct client *c);
void client_open_ehlo(struct client *c);
void client_open_ehlo_refused(struct client *c);		/* or 3yz */
void client_open_helo(struct client *c);
void client_open_starttls(struct client *c);
void client_open_starttls_refused(struct client *c);

/* --- client_verdict: the present reply as a verdict. Pure --- */
int client_verdict_class(const struct client *c);		/* 2 to 5 */
struct verdict client_verdict_last(struct client *c);
/* Not final, if it is a refusal and we have fallen back: to clear text where TLS might have been, to HELO. */
void client_verdict_fallback(struct client *c, struct verdict *v);
/* For all recipients of the transaction, or for those that were accepted. */
void client_verdict_all(struct client *c, const struct verdict *v, bool only_accepted);

/* --- client_lack: what a message needs and a host does not offer. Pure --- */
/*
 * True: the host of `c` cannot take `m` for recipient `i` of the message; `m` may be without recipients. Then
 * `to` is refused for want of that, unless it was put off before.
 */
bool client_lack_note(struct client *c, const struct client_mail *m, size_t i, struct verdict *to);

/* --- client_fail: the end of a connection that has failed. Pure --- */
/* A running transaction ends as CLIENT_LOST or, after its content, as CLIENT_FINAL. */
void client_fail(struct client *c, const struct verdict *v, bool glitch);
/* The same, with "later"; 4.7.x: the host is neither lost nor busy. */
void client_fail_with(struct client *c, const char *status, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
void client_fail_protocol(struct client *c);		/* the reply is not what SMTP allows here */
bool client_fail_heard(struct client *c);		/* with client.heard; false: there is none */
void client_fail_overflow(struct client *c);		/* when `out` has overflowed */

/* --- client_heard: a refusal after which another way is tried in the same connection. Pure --- */
void client_heard_ehlo(struct client *c);	/* the present reply refuses EHLO */
void client_heard_forget(struct client *c);	/* the other way went well */
bool client_heard_says_more(const struct client *c);	/* than the present reply */

/* --- client_auth_next: which mechanism is tried, first and after a refusal. Pure --- */
enum client_auth_about { CLIENT_ABOUT_US, CLIENT_ABOUT_MECHANISM, CLIENT_ABOUT_SECRET };
enum client_auth_about client_auth_next_about(int code);	/* what a reply 4yz or 5yz to AUTH says */
bool client_auth_next_doubts_token(int code);
/* After the present reply: AUTH_OUT_BIT()s that it speaks against. */
unsigned client_auth_next_useless(const struct client *c);
/* AUTH_OUT_BIT()s that both sides have and the host has not refused; those of them that may be tried now. */
unsigned client_auth_next_shared(const struct client *c);
unsigned client_auth_next_usable(const struct client *c);
bool client_auth_next_choose(const struct client *c, enum msg_auth_out_mechanism *mechanism);

/* --- client_challenge: what a host asks in the AUTH dialogue. Pure --- */
void client_challenge_input(struct client_auth *a, const char *data, size_t len);	/* of the reply */
/* The first word is wanted, for the first time or once more. */
bool client_challenge_wants_first(const struct client_auth *a);
bool client_challenge_is_late(const struct client_auth *a);	/* the mechanism has no more words */
/* Fills a->challenge. False: it cannot be read, and the mechanism needs it. */
bool client_challenge_read(struct client_auth *a);

/* --- client_doubt: whether an extension is the reason of a failure. Pure --- */
unsigned client_doubt_usable(const struct client *c);	/* enum client_offer, for c->mail */
/* The reply that refuses may be about an extension. True: it is worth a try without. */
bool client_doubt_reply(struct client *c) __attribute__((warn_unused_result));
/* A running transaction has ended with its connection, in this phase. */
void client_doubt_end(struct client *c, enum client_phase phase, bool out_of_step);
/* The same by a 421; it counts only when it is about the protocol or names an extension. */
void client_doubt_goodbye(struct client *c, enum client_phase phase, const struct verdict *v);

#endif
