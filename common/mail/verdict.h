/* verdict - what became of one recipient: the one result type that crosses component borders */
#ifndef COMMON_MAIL_VERDICT_H
#define COMMON_MAIL_VERDICT_H

#include <stdbool.h>

/*
 * LATER is 0: what nothing was said of is not delivered. ACCEPTED is the 2yz to a command; it becomes
 *             DELIVERED
 * only by verdict_deliver(), whose callers t/lint/delivered knows, and is no verdict outside the dialogue.
 */
enum verdict_what { VERDICT_LATER, VERDICT_REFUSED, VERDICT_ACCEPTED, VERDICT_DELIVERED };

struct verdict {
	enum verdict_what what;
	int code;		/* SMTP reply code of the peer; 0 when the peer did not say it */
	char status[12];	/* RFC 3463, "4.4.1" */
	char text[400];		/* one printable line, UTF-8 or ASCII, no CR LF NUL */
	char host[128];		/* the peer that said it, "" when none (Remote-MTA) */
	bool dsn;		/* delivered: the peer itself reports success if asked for (RFC 3461) */
};

void verdict_set(struct verdict *v, enum verdict_what what, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * From a peer's SMTP reply: `code` 200..599, `text` its lines joined by blanks, without codes. 2yz is
 * ACCEPTED, 5yz REFUSED, all else LATER. A leading enhanced status is used when its class fits the code; else
 * one is made (2.0.0, 4.0.0, 5.0.0 as RFC 3463 3.1 allows). Cleans the text.
 */
void verdict_from_reply(struct verdict *v, int code, const char *text, const char *host);
/* The message is where it was to go: by the 2yz to its content that `v` came from, or on the disk. */
void verdict_deliver(struct verdict *v);
/* From errno of a local disk action: ENOSPC 4.3.1, EDQUOT 4.2.2, others 4.3.0; always LATER. */
void verdict_from_errno(struct verdict *v, int error, const char *doing);
/* The text without its leading status, where that one is told beside it; all of it if no more is there. */
const char *verdict_words(const char *status, const char *text);
const char *verdict_name(enum verdict_what what); /* "delivered" "accepted" "later" "refused" */

#endif
