/*
 * client_survey - looks at a content once: whether a line begins with a dot, and whether one may be too long
 * for a host; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  however the bytes come, what is found is the same. A line is not missed; one that is just short
 *           enough may count as too long. The cost of a byte does not hang on what it is
 * Fails by: cannot
 */
#include <string.h>
#include <sys/param.h>

#include "deliver/smtp/smtp.h"

#define LINE_OCTETS 998U	/* without LF, and one for its CR is not given */
#define BLOCK 64U		/* compilers make few instructions of a loop of so many bytes */

static bool
block_has_dot(const char *data)
{
	unsigned char found = 0;

	for (size_t i = 0; i < BLOCK; i++)
		found |= (unsigned char)((data[i] == '\n') & (data[i + 1] == '.'));
	return found != 0;
}

const char *
client_survey_dot(const char *data, size_t len)
{
	size_t at = 0;

	while (at + BLOCK < len && !block_has_dot(data + at))
		at += BLOCK;
	for (; at + 1 < len; at++) {
		if (data[at] == '\n' && data[at + 1] == '.')
			return data + at;
		if (at % BLOCK == BLOCK - 1)	/* what was found is not in this block: on to the next one */
			while (at + 1 + BLOCK < len && !block_has_dot(data + at + 1))
				at += BLOCK;
	}
	return NULL;
}

/* From the last LF within a line's length to the next such: the lines between are shorter. */
static void
look_at_lines(struct client_survey *s, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = MIN(LINE_OCTETS + 1 - s->line, len - at);
		const char *lf = memrchr(data + at, '\n', n);

		if (lf == NULL) {
			s->line += n;
			if (s->line > LINE_OCTETS) {
				s->may_be_long = true;
				return;
			}
			at += n;
		} else {
			s->line = 0;
			at = (size_t)(lf - data) + 1;
		}
	}
}

void
client_survey_add(struct client_survey *s, const char *data, size_t len)
{
	if (len == 0)
		return;
	if (data[0] == '.' && (s->last == '\n' || s->last == '\0'))
		s->dots = true;
	if (!s->dots)
		s->dots = client_survey_dot(data, len) != NULL;
	if (!s->may_be_long)
		look_at_lines(s, data, len);
	s->last = data[len - 1];
}
