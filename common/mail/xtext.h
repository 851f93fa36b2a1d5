/*
 * xtext - the encodings of DSN parameters: xtext (RFC 3461 4) and utf-8-addr-xtext/-unitext (RFC 6533 3).
 * Pure
 */
#ifndef COMMON_MAIL_XTEXT_H
#define COMMON_MAIL_XTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

#define XTEXT_ENVID_MAX 100	/* RFC 3461 4.4 */
#define XTEXT_ORCPT_MAX 500	/* RFC 3461 4.2 */
#define XTEXT_AUTH_MAX 500	/* RFC 4954 3: what AUTH= adds to a command, less its name */

/* "a+2Bb": well-formed, and it decodes to printable ASCII. Not empty. */
bool xtext_is_valid(const char *text, size_t len);
/* "type;address" of ORCPT, in the encoding of its type; raw UTF-8 only with `utf8`. */
bool xtext_is_orcpt(const char *text, size_t len, bool utf8);
/*
 * Copies a valid text to `dst` of len + 1 bytes. Digits in lower case are against RFC 3461 4, but some
 * clients send them: the next host gets them in upper case.
 */
void xtext_copy(char *dst, const char *text, size_t len);
/* Decodes a valid text. */
void xtext_decode(struct buf *out, const char *text);
/* The same for the address of type utf-8: real UTF-8. */
void xtext_decode_utf8(struct buf *out, const char *text);
/* Raw UTF-8 in `text` becomes \x{HEX}; all else stays. */
void xtext_encode_utf8(struct buf *out, const char *text);

#endif
