/*
 * note - the lines beside a queue file: what was tried, what failed, that a delay was reported; pure
 *
 * Runs in:  deliver, on the loop and on pool threads
 * Owns:     nothing
 * Promise:  note_next reads back what note_format writes; a torn last line is never read; unknown lines are
 *           NOTE_OTHER
 * Fails by: the buffer's own failure
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/result/result.h"

static const char *const words[] = {
	[NOTE_OTHER] = "",
	[NOTE_DEFERRED] = "deferred",
	[NOTE_QUICK] = "quick",
	[NOTE_FAILED] = "failed",
	[NOTE_DELAYED] = "delayed",
	[NOTE_HELD] = "held",
	[NOTE_RELEASED] = "released",
	[NOTE_RESTED] = "rested",
};
static_assert(nitems_of(words) == NOTE_KINDS, "one word a kind");

const char *
note_name(enum note_kind kind)
{
	return words[kind];
}

static const char *
or_dash(const char *text)
{
	return *text == '\0' ? "-" : text;
}

/* A peer may have said it: bytes below `lowest`, which could end the line or the word, become `instead`. */
static void
add_clean(struct buf *out, const char *text, unsigned char lowest, char instead)
{
	for (; *text != '\0'; text++) {
		char c = (unsigned char)*text < lowest || *text == 0x7f ? instead : *text;

		buf_add(out, &c, 1);
	}
}

void
note_format(const struct note_line *line, struct buf *out)
{
	buf_printf(out, "%s %lu %lld %s %d ", words[line->kind], line->number, (long long)line->time,
	    or_dash(line->status), line->code);
	add_clean(out, or_dash(line->host), ' ' + 1, '?');
	buf_add(out, " ", 1);
	add_clean(out, line->text, ' ', ' ');
	buf_add(out, "\n", 1);
}

/* Copies the next word, which ends at a blank, and moves *at behind the blank; "" at the end. */
static void
take_word(const char **at, const char *end, char *dst, size_t size)
{
	const char *blank = memchr(*at, ' ', (size_t)(end - *at));
	const char *stop = blank == NULL ? end : blank;
	size_t len = (size_t)(stop - *at);

	if (len >= size)
		len = size - 1;
	memcpy(dst, *at, len);
	dst[len] = '\0';
	*at = blank == NULL ? end : blank + 1;
}

static void
parse_line(const char *at, const char *end, struct note_line *line)
{
	char word[64];
	size_t len;

	*line = (struct note_line){ .kind = NOTE_OTHER };
	take_word(&at, end, word, sizeof(word));
	for (size_t i = NOTE_DEFERRED; i < nitems_of(words); i++)
		if (strcmp(word, words[i]) == 0)
			line->kind = (enum note_kind)i;
	take_word(&at, end, word, sizeof(word));
	line->number = strtoul(word, NULL, 10);
	take_word(&at, end, word, sizeof(word));
	line->time = strtoll(word, NULL, 10);
	take_word(&at, end, line->status, sizeof(line->status));
	take_word(&at, end, word, sizeof(word));
	line->code = (int)strtol(word, NULL, 10);
	take_word(&at, end, line->host, sizeof(line->host));
	if (strcmp(line->host, "-") == 0)
		line->host[0] = '\0';
	len = (size_t)(end - at);
	if (len >= sizeof(line->text))
		len = sizeof(line->text) - 1;
	memcpy(line->text, at, len);
	line->text[len] = '\0';
}

bool
note_next(const char *text, size_t len, size_t *pos, struct note_line *line)
{
	while (*pos < len) {
		const char *start = text + *pos;
		const char *end = memchr(start, '\n', len - *pos);

		if (end == NULL)
			return false;
		*pos += (size_t)(end - start) + 1;
		if (end == start)
			continue;
		parse_line(start, end, line);
		return true;
	}
	return false;
}
