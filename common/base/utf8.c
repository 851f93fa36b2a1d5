/*
 * utf8 - characters of UTF-8; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  takes the shortest form of a code point only, no surrogate, nothing past U+10FFFF
 * Fails by: 0
 */
#include "common/base/utf8.h"

size_t
utf8_take(const unsigned char *s, size_t left, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
	    (s[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t value;

	if (n == 0 || n > left)
		return 0;
	value = n == 1 ? s[0] : s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3fU);
	}
	if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	if (point != NULL)
		*point = value;
	return n;
}

size_t
utf8_take_printable(const unsigned char *s, size_t left)
{
	uint32_t point = 0;
	size_t n = utf8_take(s, left, &point);

	/* U+2028 to U+202E and U+2066 to U+2069 end lines or change their direction. */
	return point < ' ' || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e) ||
	    (point >= 0x2066 && point <= 0x2069) ? 0 : n;
}
