/*
 * message - the queue file: envelope lines, content, end record
 *
 *   postern-queue 1                      format version
 *   arrived: 2026-11-21T19:04:57.123456Z informational; the id holds the truth
 *   client: 192.0.2.7                    or "pickup", "report"
 *   helo: name / user: name / protocol: ESMTP
 *   flags: 8bitmime smtputf8 binarymime report resolved sign requiretls evacuated
 *   ret: full|hdrs / envid: xtext        RFC 3461, when given
 *   auth: xtext                          who is said to have submitted it (RFC 4954 5); absent: not known
 *   marks: ..d                           one byte a recipient, in order; the only bytes that ever change
 *   x-sender: a@b                        empty value: null sender
 *   x-receiver: c@d                      one line a recipient
 *   x-notify: never|success,failure,delay / x-orcpt: rfc822;xtext   belong to the receiver above
 *   x-member: name in the directory      the receiver is this member of the group alone
 *   x-refused: 5.1.1 name: words         it gets no mail, and why: common/mail/refused_words
 *   (empty line)
 *   content, as it will be sent, CRLF lines, not dot-stuffed
 *   postern-end 00000000000012345 LF     fixed MESSAGE_END_SIZE bytes; the content's size
 *
 * Envelope lines end in LF; values hold no control characters.
 */
#ifndef COMMON_MAIL_MESSAGE_H
#define COMMON_MAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/mail/message_id.h"

#define MESSAGE_END_SIZE 32
#define MESSAGE_ENVELOPE_MAX (64U << 20)	/* 100,000 recipients fit */

enum message_mark {
	MARK_PENDING = '.',
	MARK_DELIVERED = 'd',
	MARK_FAILED = 'f',	/* its failure is noted, its report is not written yet */
	MARK_REPORTED = 'r',	/* failed, and the report (or badmail) is safe */
	MARK_DELETED = 'x',	/* by an operator */
};

enum message_flags {
	MESSAGE_8BIT = 1,	/* BODY=8BITMIME was declared, or 8-bit bytes found in pickup */
	MESSAGE_UTF8 = 2,	/* SMTPUTF8 was declared */
	MESSAGE_BINARY = 4,	/* BODY=BINARYMIME */
	MESSAGE_REPORT = 8,	/* one of our own reports */
	MESSAGE_RESOLVED = 16,	/* its recipients come from the directory, which is not asked again */
	/*
	 * It is ours to sign: of a client that may relay, of pickup, or a report. Only a server that has keys
	 * says so
	 */
	MESSAGE_SIGN = 32,
	MESSAGE_REQUIRETLS = 64,	/* REQUIRETLS was declared (RFC 8689) */
	/* "TLS-Required: No" in its header: policies of domains do not count. Not in the file */
	MESSAGE_TLS_OPTIONAL = 128,
	MESSAGE_EVACUATED = 256, /* it came from another node: that it is done is kept, see spool_gone */
};

enum message_notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum message_ret { RET_DEFAULT, RET_FULL, RET_HDRS };

struct message_recipient {
	char *address;		/* owned */
	char mark;		/* enum message_mark */
	unsigned notify;	/* enum message_notify bits; 0 not given */
	char *orcpt;		/* owned; NULL not given */
	/* Owned; NULL: it stands for itself. Else for one member of this group: to be looked up, or lost. */
	char *member, *refused;
};

struct message_envelope {
	char id[MESSAGE_ID_SIZE];	/* "" until the spool gave one */
	char *sender;			/* owned; "" null sender */
	struct message_recipient *rcpt;	/* owned */
	size_t nrcpt;
	char *client, *helo, *user, *protocol;	/* owned; NULL not known */
	unsigned flags;			/* enum message_flags */
	enum message_ret ret;
	char *envid;			/* owned; NULL not given */
	/* Owned; AUTH= of an authenticated client, in xtext; NULL: not known, which is sent as <> */
	char *auth;
	/* set by message_envelope_parse: places in the file */
	off_t marks_at;			/* the first mark byte */
	off_t content_at;
	off_t content_size;
};

void message_envelope_done(struct message_envelope *e);		/* frees what it owns; zeroes */
struct message_recipient *message_envelope_add(struct message_envelope *e, const char *address);
/* Deep copy of everything but the places in the file. */
void message_envelope_copy(struct message_envelope *to, const struct message_envelope *from);

/*
 * Appends the envelope lines and the empty line to `out`. 0, -1 when a value has control bytes, `out` failed,
 * or they are more than MESSAGE_ENVELOPE_MAX: then it could not be read again.
 */
int message_envelope_format(const struct message_envelope *e,
    struct buf *out) __attribute__((warn_unused_result));
/*
 * Fills `e` (zeroed by the caller; id is left alone) from the file's beginning. 1 whole; 0 needs more bytes;
 * -1 and *why.
 */
int message_envelope_parse(struct message_envelope *e, const char *data, size_t len, const char **why)
	__attribute__((warn_unused_result));

/* The end record for a content of `size` bytes; `dst` has MESSAGE_END_SIZE bytes, no NUL. */
void message_end_format(char *dst, uint64_t size);
/* The content's size, or -1 when these bytes are no end record. */
int64_t message_end_parse(const char *src);

#endif
