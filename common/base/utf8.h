/* utf8 - characters of UTF-8 */
#ifndef COMMON_BASE_UTF8_H
#define COMMON_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The bytes of the well-formed character at `s` (RFC 3629 4), of which `left` bytes are there, at least one;
 * 0: there is none. *point, unless NULL, is its code point.
 */
size_t utf8_take(const unsigned char *s, size_t left, uint32_t *point);
/* The same of one that may go to a terminal: 0 also for controls, and for what turns the direction. */
size_t utf8_take_printable(const unsigned char *s, size_t left);

#endif
