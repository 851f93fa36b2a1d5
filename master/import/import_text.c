/*
 * import_text - an input as UTF-8; its values as text that may be shown, and as words of a command; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  no byte of an input reaches a terminal, an INI file or a shell but as a character that may be
 *           shown
 * Fails by: -1 and words
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "master/import/import.h"

static void
put_point(struct buf *out, uint32_t c)
{
	char s[4];
	size_t n = 0;

	if (c < 0x80) {
		s[n++] = (char)c;
	} else if (c < 0x800) {
		s[n++] = (char)(0xc0 | c >> 6);
		s[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		s[n++] = (char)(0xe0 | c >> 12);
		s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		s[n++] = (char)(0xf0 | c >> 18);
		s[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (c & 0x3f));
	}
	buf_add(out, s, n);
}

static uint32_t
unit_at(const unsigned char *s, bool little)
{
	return little ? (uint32_t)(s[0] | s[1] << 8) : (uint32_t)(s[0] << 8 | s[1]);
}

static int
decode_utf16(struct buf *text, const unsigned char *s, size_t len, bool little, struct buf *why)
{
	for (size_t at = 0; at < len; at += 2) {
		uint32_t c = at + 1 < len ? unit_at(s + at, little) : 0xdc00, low;

		if (c >= 0xd800 && c < 0xdc00 && at + 3 < len &&
		    (low = unit_at(s + at + 2, little)) >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			at += 2;
		}
		if (c >= 0xd800 && c < 0xe000) {
			buf_printf(why, "byte %zu is no UTF-16: the file is cut or damaged", at + 1);
			return -1;
		}
		put_point(text, c);
	}
	return 0;
}

static bool
is_utf8(const unsigned char *s, size_t len, size_t *at)
{
	size_t n;

	for (*at = 0; *at < len; *at += n)
		if ((n = utf8_take(s + *at, len - *at, NULL)) == 0)
			return false;
	return true;
}

int
import_text_decode(struct buf *text, const char *data, size_t len, bool *utf8, struct buf *why)
{
	const unsigned char *s = (const unsigned char *)data;
	size_t at = 0;

	*utf8 = true;
	if (len >= 2 && ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff)))
		return decode_utf16(text, s + 2, len - 2, s[0] == 0xff, why);
	if (len >= 2 && (s[0] == '\0' || s[1] == '\0'))		/* without its mark */
		return decode_utf16(text, s, len, s[1] == '\0', why);
	if (len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
		s += 3;
		len -= 3;
	}
	buf_add(text, s, len);
	*utf8 = is_utf8(s, len, &at);
	return 0;
}

char *
import_text_clean(const char *text, size_t most, bool *changed)
{
	size_t len = strlen(text);
	struct buf out = BUF_INIT(most);
	bool other = false;

	for (size_t at = 0, n; at < len; at += n) {
		const unsigned char *s = (const unsigned char *)text + at;
		bool shown = (n = utf8_take_printable(s, len - at)) > 0;

		if (!shown && (n = utf8_take(s, len - at, NULL)) == 0)
			n = 1;
		other |= !shown || out.len + n > most;
		if (out.len + n > most)
			break;
		if (shown)
			buf_add(&out, text + at, n);
		else
			buf_puts(&out, strchr("\t\n\r", text[at]) != NULL ? " " : "?");
	}
	if (changed != NULL)
		*changed = other;
	buf_add(&out, "", 0);
	return out.data != NULL ? out.data : mem_strdup("");
}

void
import_text_quote(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@:=,+-";
	char *clean = import_text_clean(word, IMPORT_VALUE_MAX, NULL);

	if (*clean != '\0' && clean[strspn(clean, plain)] == '\0') {
		buf_puts(out, clean);
	} else {
		buf_puts(out, "'");
		for (const char *at = clean; *at != '\0'; at++)
			if (*at == '\'')
				buf_puts(out, "'\\''");
			else
				buf_add(out, at, 1);
		buf_puts(out, "'");
	}
	free(clean);
}
