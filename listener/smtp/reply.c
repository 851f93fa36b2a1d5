/*
 * reply - every sentence that clients hear: one row each with code, enhanced status, text and
 * consequences; pure
 *
 * Runs in:  listener
 * Owns:     the table; no other file spells a reply code
 * Promise:  a formatted reply is one line of at most 510 bytes and CRLF, without control bytes of the client
 * Fails by: cutting a detail that is too long
 */
#include <assert.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/smtp/smtp.h"

const struct reply_row reply_rows[] = {
	[REPLY_NONE] = { 0 },

	[REPLY_GREETING] = { 220, NULL, "$", 0 },
	[REPLY_HELLO] = { 250, NULL, "$", 0 },
	[REPLY_BYE] = { 221, "2.0.0", "$ Service closing transmission channel", REPLY_CLOSE },
	[REPLY_HELP] = { 214, "2.0.0", "This server supports the following commands:$", 0 },
	[REPLY_NOOP] = { 250, "2.0.0", "OK", 0 },
	[REPLY_RESET] = { 250, "2.0.0", "Resetting", 0 },
	[REPLY_VRFY] = { 252, "2.1.5", "Cannot VRFY user, but will take message and attempt delivery", 0 },
	[REPLY_AUTH_OK] = { 235, "2.7.0", "Authentication successful", 0 },
	[REPLY_AUTH_CHALLENGE] = { 334, NULL, "$", 0 },
	[REPLY_ETRN_NOTHING] = { 251, "2.0.0", "OK, no messages waiting for node $", 0 },
	[REPLY_ETRN_PENDING] = { 252, "2.0.0", "OK, pending messages for node $ started", 0 },
	[REPLY_ETRN_COUNT] = { 253, "2.0.0", "OK, $ started", 0 },
	[REPLY_TURNED] = { 250, "2.0.0", "OK now reversing the connection", 0 },
	[REPLY_EVACUATE] = { 250, "2.0.0", "Bring your messages", 0 },
	[REPLY_START_TLS] = { 220, "2.0.0", "SMTP server ready", 0 },
	[REPLY_SENDER_OK] = { 250, "2.1.0", "$....Sender OK", 0 },
	[REPLY_RECIPIENT_OK] = { 250, "2.1.5", "$", 0 },
	[REPLY_START_DATA] = { 354, NULL, "Start mail input; end with <CRLF>.<CRLF>", 0 },
	[REPLY_CHUNK] = { 250, "2.0.0", "$ octets received", 0 },
	[REPLY_ACCEPTED] = { 250, "2.6.0", "$ Queued mail for delivery", 0 },

	[REPLY_CLIENT_REFUSED] = { 554, "5.7.1", "Connections from $ are not accepted here",
	    REPLY_EVENT | REPLY_CLOSE },
	[REPLY_NAME_LATER] = { 421, "4.4.3",
	    "$ The name of your address cannot be found out now, try again later",
	    REPLY_EVENT | REPLY_CLOSE },
	[REPLY_FULL] = { 421, "4.3.2", "$ Too many connections, try again later", REPLY_EVENT | REPLY_CLOSE },
	[REPLY_FULL_CLIENT] = { 421, "4.7.0", "$ Too many connections from your address, try again later",
	    REPLY_EVENT | REPLY_CLOSE },
	[REPLY_IDLE] = { 421, "4.4.2", "$ Timeout waiting for client input", REPLY_CLOSE },
	[REPLY_STOPPING] = { 421, "4.3.2", "$ Service not available, closing transmission channel",
	    REPLY_CLOSE },
	[REPLY_TOO_MANY_ERRORS] = { 421, "4.7.0", "$ Too many errors",
	    REPLY_EVENT | REPLY_CLOSE | REPLY_LINGER },
	[REPLY_PIPELINING] = { 421, "4.5.0", "$ Improper use of command pipelining",
	    REPLY_EVENT | REPLY_CLOSE | REPLY_LINGER },
	[REPLY_CHUNK_LOST] = { 421, "4.5.0", "$ Cannot tell chunk from command",
	    REPLY_EVENT | REPLY_CLOSE | REPLY_LINGER },
	[REPLY_IDLE_COMMANDS] = { 421, "4.7.0", "$ Too many commands without a message",
	    REPLY_EVENT | REPLY_CLOSE | REPLY_LINGER },
	[REPLY_SESSION_OLD] = { 421, "4.3.2", "$ This session has lasted long enough, connect again",
	    REPLY_CLOSE },
	[REPLY_SESSION_MEMORY] = { 421, "4.3.1", "$ Insufficient system memory, try again later",
	    REPLY_EVENT | REPLY_CLOSE },

	[REPLY_UNKNOWN] = { 500, "5.5.1", "Unrecognized command", REPLY_ERROR },
	[REPLY_LINE_LONG] = { 500, "5.5.2", "Line too long", REPLY_ERROR },
	[REPLY_LINE_BARE] = { 500, "5.5.2", "Lines end in CRLF; bare CR, bare LF and NUL are not accepted",
	    REPLY_ERROR },
	[REPLY_LINE_BYTES] = { 500, "5.5.2", "Invalid character in command", REPLY_ERROR },
	[REPLY_UNAVAILABLE] = { 502, "5.5.1", "Command not available", REPLY_ERROR },
	[REPLY_ARGUMENT_MISSING] = { 501, "5.5.4", "Argument missing", REPLY_ERROR },
	[REPLY_ARGUMENT_NOT_WANTED] = { 501, "5.5.4", "No argument allowed", REPLY_ERROR },
	[REPLY_BAD_ADDRESS] = { 501, "5.1.3", "Invalid Address", REPLY_ERROR },
	[REPLY_DISPLAY_NAME] = { 501, "5.1.3",
	    "Invalid Address: only the address belongs here, as <user@example.com>, without a name",
	    REPLY_ERROR },
	[REPLY_BAD_PARAMETER] = { 501, "5.5.4", "Invalid arguments", REPLY_ERROR },
	[REPLY_UNKNOWN_PARAMETER] = { 555, "5.5.4", "Unknown or unsupported parameter", REPLY_ERROR },
	[REPLY_UTF8_NOT_DECLARED] = { 553, "5.6.7",
	    "A non-ASCII address needs the SMTPUTF8 parameter of MAIL", REPLY_ERROR },
	[REPLY_NEED_TLS] = { 530, "5.7.0", "Must issue a STARTTLS command first", REPLY_ERROR },
	[REPLY_TLS_TWICE] = { 503, "5.5.1", "TLS is already active", REPLY_ERROR },
	[REPLY_NEED_HELLO] = { 503, "5.5.2", "Send hello first", REPLY_ERROR },
	[REPLY_NEED_MAIL] = { 503, "5.5.2", "Need mail command", REPLY_ERROR },
	[REPLY_NEED_RCPT] = { 503, "5.5.2", "Need Rcpt command", REPLY_ERROR },
	[REPLY_MAIL_TWICE] = { 503, "5.5.2", "Sender already specified", REPLY_ERROR },
	[REPLY_NO_VALID_RCPT] = { 554, "5.5.1", "No valid recipients", REPLY_ERROR },
	[REPLY_CHUNKS_OPEN] = { 503, "5.5.1", "A message by BDAT is under way", REPLY_ERROR },
	[REPLY_BINARY_DATA] = { 503, "5.5.1", "BODY=BINARYMIME needs BDAT", REPLY_ERROR },

	[REPLY_AUTH_REQUIRED] = { 530, "5.7.0", "Authentication required", REPLY_ERROR },
	[REPLY_AUTH_FAILED] = { 535, "5.7.8", "Authentication unsuccessful", REPLY_ERROR,
	    COUNTER_LOGINS_REFUSED },
	[REPLY_AUTH_LATER] = { 454, "4.7.0", "Temporary authentication failure", REPLY_ERROR },
	[REPLY_AUTH_CANCELLED] = { 501, "5.7.0", "Authentication cancelled", REPLY_ERROR },
	[REPLY_AUTH_BASE64] = { 501, "5.5.2", "Cannot decode base64", REPLY_ERROR },
	[REPLY_AUTH_LONG] = { 500, "5.5.6", "Authentication exchange line is too long",
	    REPLY_ERROR | REPLY_EVENT },
	[REPLY_AUTH_MECHANISM] = { 504, "5.5.4", "Unrecognized authentication type", REPLY_ERROR },
	[REPLY_AUTH_TLS] = { 538, "5.7.11", "Encryption required for requested authentication mechanism",
	    REPLY_ERROR },
	[REPLY_AUTH_TWICE] = { 503, "5.5.1", "Already authenticated", REPLY_ERROR },
	[REPLY_AUTH_LATE] = { 503, "5.5.1", "AUTH does not stand inside a mail transaction", REPLY_ERROR },

	[REPLY_ETRN_LATER] = { 458, "4.3.0", "Unable to queue messages for node $", 0 },
	[REPLY_ETRN_REFUSED] = { 459, "4.7.1", "Node $ not allowed: no mail is held for it", REPLY_ERROR },
	[REPLY_TURN_REFUSED] = { 450, "4.7.1", "ATRN request refused", REPLY_ERROR | REPLY_EVENT },
	[REPLY_TURN_LATER] = { 451, "4.3.0", "Unable to process ATRN request now", 0 },
	[REPLY_TURN_NOTHING] = { 453, "4.0.0", "You have no mail", 0 },

	[REPLY_EVACUATE_LATER] = { 451, "4.3.2", "No messages can be brought now, try again later", 0 },

	[REPLY_RELAY] = { 550, "5.7.1", "Unable to relay for $", REPLY_ERROR | REPLY_EVENT,
	    COUNTER_REFUSED_RELAY },
	[REPLY_RELAY_LATER] = { 451, "4.4.3",
	    "Unable to relay for $ now, as the name of your address cannot be found out", REPLY_EVENT },
	[REPLY_NOWHERE] = { 550, "5.1.2", "No mail reaches that address: $", REPLY_ERROR | REPLY_EVENT },
	[REPLY_NO_SUCH_USER] = { 550, "5.1.1", "User unknown: $", REPLY_ERROR | REPLY_EVENT },
	[REPLY_MAILBOX_FULL] = { 452, "4.2.2", "Mailbox full", REPLY_EVENT, COUNTER_REFUSED_STORAGE },
	[REPLY_RECIPIENTS] = { 452, "4.5.3", "Too many recipients", REPLY_EVENT },
	[REPLY_MESSAGE_SIZE] = { 552, "5.3.4", "Message size exceeds fixed maximum message size", REPLY_EVENT,
	    COUNTER_REFUSED_SIZE },
	[REPLY_SESSION_SIZE] = { 552, "5.3.4", "Session size exceeds fixed maximum session size", REPLY_EVENT,
	    COUNTER_REFUSED_SIZE },
	[REPLY_CONTENT_BARE] = { 554, "5.6.0", "Message refused: bare CR or LF in it; lines end in CRLF",
	    REPLY_ERROR | REPLY_EVENT },
	[REPLY_CONTENT_NUL] = { 554, "5.6.0", "Message refused: NUL in it", REPLY_ERROR | REPLY_EVENT },
	[REPLY_STORAGE_FULL] = { 452, "4.3.1", "Insufficient system storage", REPLY_EVENT,
	    COUNTER_REFUSED_STORAGE },
	[REPLY_MEMORY] = { 452, "4.3.1", "Insufficient system memory, try again later", REPLY_EVENT,
	    COUNTER_REFUSED_STORAGE },
	[REPLY_STORAGE] = { 451, "4.3.0", "Message could not be stored, try again later", REPLY_EVENT,
	    COUNTER_REFUSED_STORAGE },

	[REPLY_FILTER_CONNECT] = { 421, "4.7.1", "$ Service not available, try again later",
	    REPLY_EVENT | REPLY_CLOSE, COUNTER_REFUSED_FILTER },
	[REPLY_FILTER_REFUSED] = { 550, "5.7.1", "Refused by a mail filter", REPLY_ERROR | REPLY_EVENT,
	    COUNTER_REFUSED_FILTER },
	[REPLY_FILTER_LATER] = { 451, "4.7.1", "A mail filter does not take this now, try again later",
	    REPLY_EVENT, COUNTER_REFUSED_FILTER },
	[REPLY_FILTER_CLOSE] = { 421, "4.7.0", "$ Closing the connection, as a mail filter wants it",
	    REPLY_EVENT | REPLY_CLOSE | REPLY_LINGER, COUNTER_REFUSED_FILTER },
	[REPLY_FILTER_WORDS] = { 550, "5.7.1", "$", REPLY_ERROR | REPLY_EVENT | REPLY_LINGER,
	    COUNTER_REFUSED_FILTER },
	[REPLY_HOP_WORDS] = { 550, "5.0.0", "$", REPLY_EVENT, COUNTER_REFUSED_HOP },
};
static_assert(nitems_of(reply_rows) == REPLY_COUNT, "one row a reply");

struct line {
	char *dst;
	size_t len;
};

static void
line_add(struct line *l, const char *text, size_t len)
{
	size_t room = REPLY_SIZE - 3 - l->len; /* CRLF and NUL still fit */

	if (len > room)
		len = room;
	memcpy(l->dst + l->len, text, len);
	l->len += len;
}

static void
line_begin(struct line *l, const struct reply_row *row, bool last)
{
	char code[4] = { (char)('0' + row->code / 100), (char)('0' + row->code / 10 % 10),
	    (char)('0' + row->code % 10),
		last ? ' ' : '-' };

	line_add(l, code, sizeof(code));
	if (row->status != NULL) {
		line_add(l, row->status, strlen(row->status));
		line_add(l, " ", 1);
	}
}

static size_t
line_end(struct line *l)
{
	memcpy(l->dst + l->len, "\r\n", 3);
	return l->len + 2;
}

size_t
reply_format(char *dst, enum reply which, const char *detail)
{
	const struct reply_row *row = &reply_rows[which];
	struct line l = { .dst = dst };
	size_t room, tail, size;
	const char *mark;

	line_begin(&l, row, true);
	mark = strchr(row->text, '$');
	if (mark == NULL) {
		line_add(&l, row->text, strlen(row->text));
		return line_end(&l);
	}
	if (detail == NULL)
		detail = "";
	/* The detail is cut, not the text after it. */
	tail = strlen(mark + 1);
	size = strlen(detail);
	line_add(&l, row->text, (size_t)(mark - row->text));
	room = REPLY_SIZE - 3 - l.len - tail;
	line_add(&l, detail, size < room ? size : room);
	line_add(&l, mark + 1, tail);
	return line_end(&l);
}

void
reply_format_long(struct buf *out, enum reply which, const char *detail, size_t len)
{
	char head[REPLY_SIZE];

	buf_add(out, head, reply_format(head, which, NULL) - 2);
	buf_add(out, detail, len);
	buf_puts(out, "\r\n");
}

void
reply_format_lines(struct buf *out, enum reply which, const char *const *text, size_t n)
{
	char space[REPLY_SIZE];

	for (size_t i = 0; i < n; i++) {
		struct line l = { .dst = space };

		line_begin(&l, &reply_rows[which], i + 1 == n);
		line_add(&l, text[i], strlen(text[i]));
		buf_add(out, space, line_end(&l));
	}
}
