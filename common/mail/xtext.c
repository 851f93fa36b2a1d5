/*
 * xtext - the encodings of DSN parameters: xtext (RFC 3461 4) and utf-8-addr-xtext/-unitext (RFC 6533 3);
 * pure
 *
 * Runs in:  listener, pickup (check), deliver (decodes, encodes)
 * Owns:     nothing
 * Promise:  a text that passed the check decodes to no control byte
 * Fails by: false; the buffer's own failure
 */
#include "common/mail/xtext.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/base/utf8.h"

/* Value of a hexadecimal digit, -1: none. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of "+HH", -1: malformed. */
static int
hex_byte(const char *text, size_t left)
{
	int high = left >= 3 ? hex_value(text[1]) : -1, low = left >= 3 ? hex_value(text[2]) : -1;

	return text[0] == '+' && high >= 0 && low >= 0 ? high * 16 + low : -1;
}

bool
xtext_is_valid(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int byte = (unsigned char)text[i];

		if (byte <= ' ' || byte > '~' || byte == '=')
			return false;
		if (byte != '+')
			continue;
		byte = hex_byte(text + i, len - i);
		if (byte < ' ' || byte > '~')
			return false;
		i += 2;
	}
	return len > 0;
}

/* Bytes of "\x{HEX}" at `text`, 0: malformed. Only for "+", "=", "\", blank and non-ASCII. */
static size_t
embedded_take(const char *text, size_t left, uint32_t *point)
{
	size_t at = 3;
	int digit;

	if (left < 6 || text[0] != '\\' || (text[1] != 'x' && text[1] != 'X') || text[2] != '{')
		return 0;
	*point = 0;
	while (at < left && at < 9 && (digit = hex_value(text[at])) >= 0) {
		*point = *point << 4 | (unsigned)digit;
		at++;
	}
	if (at == left || text[at] != '}' || at < 5 || *point > 0x10ffff ||
	    (*point >= 0xd800 && *point < 0xe000))
		return 0;
	if (*point < 0xa0 && *point != ' ' && *point != '+' && *point != '=' && *point != '\\')
		return 0;
	return at + 1;
}

static bool
is_utf8_address(const char *text, size_t len, bool raw)
{
	for (size_t i = 0; i < len;) {
		unsigned char byte = (unsigned char)text[i];
		uint32_t point;
		size_t n = byte == '\\' ? embedded_take(text + i, len - i, &point) : 1;

		if (byte >= 0x80) {
			n = raw ? utf8_take((const unsigned char *)text + i, len - i, &point) : 0;
			if (n > 0 && point < 0xa0)
				return false;
		}
		if (n == 0 || byte <= ' ' || byte == 0x7f || byte == '+' || byte == '=')
			return false;
		i += n;
	}
	return len > 0;
}

/* An atom (RFC 5322 3.2.3), as addr-type is. */
static bool
is_type(const char *text, size_t len)
{
	static const char good[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*-/?^_`{|}~";

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || strchr(good, text[i]) == NULL)
			return false;
	return len > 0;
}

bool
xtext_is_orcpt(const char *text, size_t len, bool utf8)
{
	const char *semicolon = memchr(text, ';', len);
	size_t type, rest;

	if (semicolon == NULL || len > XTEXT_ORCPT_MAX || !is_type(text, (size_t)(semicolon - text)))
		return false;
	type = (size_t)(semicolon - text);
	rest = len - type - 1;
	if (type == 5 && strncasecmp(text, "utf-8", 5) == 0)
		return is_utf8_address(semicolon + 1, rest, utf8);
	return xtext_is_valid(semicolon + 1, rest);
}

void
xtext_copy(char *dst, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool hex = (i >= 1 && text[i - 1] == '+') || (i >= 2 && text[i - 2] == '+');

		dst[i] = hex && text[i] >= 'a' && text[i] <= 'f' ? (char)(text[i] - 'a' + 'A') : text[i];
	}
	dst[len] = '\0';
}

void
xtext_decode(struct buf *out, const char *text)
{
	for (size_t left = strlen(text); left > 0; text++, left--) {
		int byte = hex_byte(text, left);
		char c = byte >= 0 ? (char)byte : *text;

		buf_add(out, &c, 1);
		if (byte >= 0) {
			text += 2;
			left -= 2;
		}
	}
}

static void
add_point(struct buf *out, uint32_t point)
{
	char bytes[4];
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; point >>= 6)
		bytes[i] = (char)(0x80 | (point & 0x3f));
	bytes[0] = (char)(n == 1 ? point : (0xf00U >> n & 0xff) | point);
	buf_add(out, bytes, n);
}

void
xtext_decode_utf8(struct buf *out, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t point;
		size_t n = embedded_take(text, left, &point);

		if (n > 0)
			add_point(out, point);
		else
			buf_add(out, text, n = 1);
		text += n;
		left -= n;
	}
}

void
xtext_encode_utf8(struct buf *out, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t point;
		size_t n = utf8_take((const unsigned char *)text, left, &point);

		if (n > 1)
			buf_printf(out, "\\x{%X}", point);
		else
			buf_add(out, text, n = 1);
		text += n;
		left -= n;
	}
}
