/* address_private - between address.c and address_spec.c */
#ifndef COMMON_MAIL_ADDRESS_PRIVATE_H
#define COMMON_MAIL_ADDRESS_PRIVATE_H

#include "common/mail/address.h"

#define ADDRESS_LOCAL_MAX 256
#define ADDRESS_DOMAIN_MAX 255

/* A place in the input. `header`: blanks, folds and comments may be between tokens (RFC 5322 3.2.2). */
struct address_cursor {
	const unsigned char *in;
	size_t len, pos;
	bool header;
	unsigned flags;
};

static inline int
address_peek(const struct address_cursor *c)
{
	return c->pos < c->len ? c->in[c->pos] : -1;
}

static inline bool
address_is_blank(int byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static inline unsigned char
address_lower(unsigned char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + 32) : byte;
}

/* In headers: skips blanks, folds and comments. False: a bad comment. */
bool address_spec_blanks(struct address_cursor *c);
/* Skips the comment at the cursor. False: unterminated or nested too deeply (the cursor has moved). */
bool address_spec_comment(struct address_cursor *c);
/* Skips the quoted string at the cursor without checking its content. False: unterminated. */
bool address_spec_quoted(struct address_cursor *c);
/* "local@domain", or "local" with ADDRESS_BARE. */
bool address_spec_parse(struct address_cursor *c, struct address *a);
/* "<a@b>", "<@hop:a@b>", "<>"; the cursor is at the "<". */
bool address_spec_angle(struct address_cursor *c, struct address *a);
/* "@hop,@hop:" is read and forgotten (RFC 5321 4.1.1.3, appendix C). */
bool address_spec_route(struct address_cursor *c);

#endif
