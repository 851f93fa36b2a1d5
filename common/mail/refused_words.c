/*
 * refused_words - the line x-refused of an envelope: why a recipient that is in it gets no mail; pure
 *
 * Runs in:  pickup, deliver
 * Owns:     nothing
 * Promise:  what refused_words_of_filter makes is one printable line, and is read back
 * Fails by: false for what is of another kind
 */
#include "common/mail/refused_words.h"

#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/verdict.h"

#define FILTER_MARK " : "	/* behind the status; the name of a member stands there else */

/* The lines of a reply without their codes, joined by blanks. */
static void
join_lines(char *dst, size_t size, const char *reply)
{
	dst[0] = '\0';
	for (const char *line = reply; *line != '\0'; line += strspn(line, "\n")) {
		size_t len = strcspn(line, "\n"), code = len < 4 ? len : 4;
		char *text = mem_strndup(line + code, len - code);

		if (dst[0] != '\0')
			strlcat(dst, " ", size);
		strlcat(dst, text, size);
		free(text);
		line += len;
	}
}

char *
refused_words_of_filter(const char *filter, const char *reply)
{
	char text[sizeof(((struct verdict *)NULL)->text)];
	struct verdict v;

	join_lines(text, sizeof(text), reply);
	if (text[0] != '\0')
		verdict_from_reply(&v, (int)strtol(reply, NULL, 10), text, "");
	if (text[0] == '\0' || v.what != VERDICT_REFUSED)
		verdict_set(&v, VERDICT_REFUSED, "5.7.1", "%s", "refused by a mail filter");
	return mem_printf("%s" FILTER_MARK "%s: %s", v.status, filter, verdict_words(v.status, v.text));
}

bool
refused_words_by_filter(const char *refused, char *status, const char **words)
{
	size_t len = strcspn(refused, " ");

	if (len >= REFUSED_WORDS_STATUS || strncmp(refused + len, FILTER_MARK, strlen(FILTER_MARK)) != 0)
		return false;
	memcpy(status, refused, len);
	status[len] = '\0';
	*words = refused + len + strlen(FILTER_MARK);
	return true;
}
