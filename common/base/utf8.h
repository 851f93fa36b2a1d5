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
/*
 * The same of one that may be shown, in a log or on a terminal: 0 also for controls (C0, C1), for what turns
 * the direction or ends a line, for what is not seen (two names would look alike), and for noncharacters.
 */
size_t utf8_take_printable(const unsigned char *s, size_t left);

#define UTF8_JSON_SIZE 13
/*
 * What stands for the character at `s` in a JSON string (RFC 8259 7) that may be shown; `dst` is ended by
 * NUL. Bytes that are no UTF-8 become U+FFFD one by one. The bytes used, at least one of `left`.
 */
size_t utf8_format_json(char dst[UTF8_JSON_SIZE], const unsigned char *s, size_t left);

#endif
