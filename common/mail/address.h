/* address - mailboxes: RFC 5321 paths in commands, RFC 5322 mailboxes in headers and x- lines. Pure */
#ifndef COMMON_MAIL_ADDRESS_H
#define COMMON_MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* 256 local + @ + 255 domain: RFC 5321 4.5.3.1 asks for 64 and 255 at least, and for no limit if possible */
#define ADDRESS_MAX 512

/* "local@domain", "local" (bare) or "" (null path); domain in lower case when ASCII. */
struct address {
	char text[ADDRESS_MAX + 1];
	size_t at;		/* index of the separating @; strlen(text) when there is none */
};

enum address_flags {
	ADDRESS_UTF8 = 1,	/* non-ASCII UTF-8 is allowed (RFC 6531) */
	ADDRESS_NULL = 2,	/* "<>" is allowed */
	ADDRESS_BARE = 4,	/* a local part alone is allowed */
};

/*
 * A path at the start of `in`: "<a@b>", "<@hop:a@b>" (route ignored, RFC 5321 4.1.1.3), "<>", "<postmaster>",
 * also without angle brackets up to a blank. Understands quoted local parts and address literals. 0 with the
 * number of bytes in `*used`; -1 malformed or too long.
 */
int address_parse_path(struct address *a, const char *in, size_t len, unsigned flags, size_t *used)
	__attribute__((warn_unused_result));

/* One mailbox alone: "a@b", "<a@b>", "Name <a@b>", "\"N, x\" <a@b> (comment)", folded or not. 0 or -1. */
int address_parse_mailbox(struct address *a, const char *in, size_t len, unsigned flags)
	__attribute__((warn_unused_result));

/*
 * Next mailbox of an RFC 5322 address list (groups are opened, comments and names skipped, folding allowed).
 * `*pos` starts at 0. 1 found, 0 end, -1 malformed mailbox (pos is past it: the caller may go on).
 */
int address_list_next(struct address *a, const char *in, size_t len, size_t *pos, unsigned flags)
	__attribute__((warn_unused_result));

/*
 * The domain of what is no address, though it stands where a recipient belongs: it goes with the message, so
 * that the sender is told. No parser here makes it.
 */
#define ADDRESS_MALFORMED "[malformed]"
#define ADDRESS_MALFORMED_TEXT 100	/* bytes of it that are kept */
/* "\"not an address\"@[malformed]", of any bytes. */
void address_malformed(struct address *a, const char *text, size_t len);

const char *address_domain(const struct address *a);	/* "" when none */
bool address_is_null(const struct address *a);
bool address_is_bare(const struct address *a);
bool address_is_utf8(const struct address *a);		/* has a non-ASCII byte */
/* Adds @domain to a bare one; -1 too long. */
int address_complete(struct address *a, const char *domain) __attribute__((warn_unused_result));
/* From "a@b" as stored in an envelope; the last @ outside quotes separates. 0 or -1. */
int address_from_text(struct address *a, const char *text) __attribute__((warn_unused_result));

#endif
