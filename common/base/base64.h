/* base64 - RFC 4648 section 4, strict: no line breaks, padding required, no stray bits */
#ifndef COMMON_BASE_BASE64_H
#define COMMON_BASE_BASE64_H

#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#define BASE64_SIZE(bytes) (((bytes) + 2) / 3 * 4 + 1)		/* with NUL */

/* Writes BASE64_SIZE(len) bytes; the length without NUL. */
size_t base64_encode(char *dst, const void *data, size_t len);
/* The number of bytes written, or -1: not base64, or more than `size` bytes. */
ssize_t base64_decode(void *dst, size_t size, const char *text, size_t len);

#endif
