/*
 * base64 - bytes as letters and back (RFC 4648 section 4); pure
 *
 * Runs in:  posternctl, web, listener, auth, deliver, resolver, fetch
 * Owns:     nothing
 * Promise:  each sequence of bytes has one text and no other: padding is required, unused bits must be zero
 * Fails by: -1 from base64_decode
 */
#include "common/base/base64.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(char *dst, const void *data, size_t len)
{
	const uint8_t *in = data;
	size_t at = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t three = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
		    (n > 2 ? in[i + 2] : 0U);

		dst[at++] = letters[three >> 18];
		dst[at++] = letters[three >> 12 & 63];
		dst[at++] = n > 1 ? letters[three >> 6 & 63] : '=';
		dst[at++] = n > 2 ? letters[three & 63] : '=';
	}
	dst[at] = '\0';
	return at;
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t
base64_decode(void *dst, size_t size, const char *text, size_t len)
{
	uint8_t *out = dst;
	size_t at = 0, pad = 0;

	if (len % 4 != 0)
		return -1;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len / 4 * 3 - pad > size)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		size_t n = i + 4 == len ? 4 - pad : 4;
		uint32_t four = 0;

		for (size_t k = 0; k < 4; k++) {
			int value = k < n ? value_of(text[i + k]) : 0;

			if (value == -1)
				return -1;
			four = four << 6 | (uint32_t)value;
		}
		if ((n == 2 && (four & 0xffff) != 0) || (n == 3 && (four & 0xff) != 0))
			return -1;
		for (size_t k = 0; k + 1 < n; k++)
			out[at++] = (uint8_t)(four >> (16 - 8 * k));
	}
	return (ssize_t)at;
}
