/*
 * verdict - what became of one recipient; pure
 *
 * Runs in:  pickup, deliver
 * Owns:     nothing
 * Promise:  the text is one printable line; the class of the status agrees with what happened
 * Fails by: never; long text is cut
 */
#include "common/mail/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char class_digit[] = { [VERDICT_LATER] = '4', [VERDICT_REFUSED] = '5', [VERDICT_ACCEPTED] = '2',
    [VERDICT_DELIVERED] = '2' };

/* Copies; control characters become blanks, several blanks one, none stay at the ends. */
static void
clean_text(char *dst, size_t size, const char *src)
{
	size_t at = 0;
	bool blank = true;

	for (; *src != '\0' && at + 1 < size; src++) {
		unsigned char c = (unsigned char)*src;
		bool is_blank = c <= ' ' || c == 0x7f;

		if (is_blank && blank)
			continue;
		dst[at++] = is_blank ? ' ' : (char)c;
		blank = is_blank;
	}
	if (at > 0 && dst[at - 1] == ' ')
		at--;
	/* a character cut in the middle is dropped */
	if (*src != '\0')
		while (at > 0 && ((unsigned char)dst[at - 1] & 0x80) != 0) {
			bool lead = ((unsigned char)dst[at - 1] & 0xc0) == 0xc0;

			at--;
			if (lead)
				break;
		}
	dst[at] = '\0';
}

void
verdict_set(struct verdict *v, enum verdict_what what, const char *status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*v = (struct verdict){ .what = what };
	snprintf(v->status, sizeof(v->status), "%s", status);
	clean_text(v->text, sizeof(v->text), text);
}

/* Length of "C.S.D" at the start of text with class c and 1 to 3 digits each, 0 when there is none. */
static size_t
status_length(const char *text, char c)
{
	size_t b, a;
	char after;

	if (text[0] != c || text[1] != '.')
		return 0;
	a = strspn(text + 2, "0123456789");
	if (a < 1 || a > 3 || text[2 + a] != '.')
		return 0;
	b = strspn(text + 3 + a, "0123456789");
	after = b > 0 ? text[3 + a + b] : 'x';
	return b >= 1 && b <= 3 && (after == ' ' || after == '\0') ? 3 + a + b : 0;
}

void
verdict_from_reply(struct verdict *v, int code, const char *text, const char *host)
{
	enum verdict_what what = code / 100 == 2 ? VERDICT_ACCEPTED : code / 100 == 5 ? VERDICT_REFUSED :
	    VERDICT_LATER;
	size_t n = status_length(text, class_digit[what]);

	*v = (struct verdict){ .what = what, .code = code };
	if (n > 0)
		snprintf(v->status, sizeof(v->status), "%.*s", (int)n, text);
	else
		snprintf(v->status, sizeof(v->status), "%c.0.0", class_digit[what]);
	clean_text(v->text, sizeof(v->text), text);
	clean_text(v->host, sizeof(v->host), host != NULL ? host : "");
}

void
verdict_deliver(struct verdict *v)
{
	if (v->what == VERDICT_ACCEPTED)
		v->what = VERDICT_DELIVERED;
}

void
verdict_from_errno(struct verdict *v, int error, const char *doing)
{
	const char *status = error == ENOSPC ? "4.3.1" : error == EDQUOT ? "4.2.2" : "4.3.0";

	verdict_set(v, VERDICT_LATER, status, "%s: %s", doing, strerror(error));
}

const char *
verdict_words(const char *status, const char *text)
{
	size_t len = strlen(status);
	size_t blank = strncmp(text, status, len) == 0 ? strspn(text + len, " ") : 0;

	return len > 0 && blank > 0 && text[len + blank] != '\0' ? text + len + blank : text;
}

const char *
verdict_name(enum verdict_what what)
{
	static const char *const name[] = {
		[VERDICT_LATER] = "later", [VERDICT_REFUSED] = "refused", [VERDICT_ACCEPTED] = "accepted",
		[VERDICT_DELIVERED] = "delivered",
	};
	return name[what];
}
