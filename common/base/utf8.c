/*
 * utf8 - characters of UTF-8; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  takes the shortest form of a code point only, no surrogate, nothing past U+10FFFF. What may be
 *           shown is told here alone: event log, protocol log and posternctl ask
 * Fails by: 0
 */
#include "common/base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

/*
 * Not shown, first to last, in order: controls; marks and overrides of direction (bidi); ends of lines; what
 * Unicode calls default ignorable, which no eye sees: soft hyphen, fillers, zero-width characters, the byte
 * order mark, variation selectors, tags; annotations. A joiner in a Persian name is shown escaped, too.
 */
static const struct { uint32_t first, last; } hidden[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
	{ 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
	{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfdd0, 0xfdef }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static bool
is_shown(uint32_t point)
{
	if (point >= ' ' && point <= '~')
		return true;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && hidden[i].first <= point; i++)
		if (point <= hidden[i].last)
			return false;
	return (point & 0xfffe) != 0xfffe;
}

size_t
utf8_take_printable(const unsigned char *s, size_t left)
{
	uint32_t point = 0;
	size_t n = utf8_take(s, left, &point);

	return n > 0 && is_shown(point) ? n : 0;
}

size_t
utf8_format_json(char dst[UTF8_JSON_SIZE], const unsigned char *s, size_t left)
{
	uint32_t point = 0xfffd;
	size_t n = utf8_take(s, left, &point);

	if (n == 1 && (*s == '"' || *s == '\\')) {
		snprintf(dst, UTF8_JSON_SIZE, "\\%c", *s);
	} else if (n > 0 && is_shown(point)) {
		memcpy(dst, s, n);
		dst[n] = '\0';
	} else if (point > 0xffff) {
		point -= 0x10000;
		snprintf(dst, UTF8_JSON_SIZE, "\\u%04x\\u%04x", 0xd800 + (point >> 10 & 0x3ffU),
		    0xdc00 + (point & 0x3ffU));
	} else {
		snprintf(dst, UTF8_JSON_SIZE, "\\u%04x", point & 0xffffU);
	}
	return n > 0 ? n : 1;
}
