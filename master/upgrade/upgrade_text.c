/*
 * upgrade_text - the state of a service as text, a line for each thing: a name, numbers, words; pure
 *
 * Runs in:  master
 * Owns:     the table of lines
 * Promise:  what is written reads as the same. A line that fits no row is refused, also one that another
 *           version has brought: nothing is taken over by halves. So rows stay as they are, and a new one is
 *           written only where there is something to say that was not there before
 * Fails by: a reason
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/upgrade/upgrade.h"

static const struct {
	const char *name;
	unsigned numbers, words, descriptors;
} rows[UPGRADE_KINDS] = {
	[UPGRADE_FROM] = { "postern-upgrade-1", 1, 1, 0 },
	[UPGRADE_COUNTERS] = { "counters", 1, 0, 0 },
	[UPGRADE_RUN] = { "run", 0, 1, 0 },
	[UPGRADE_LOCK] = { "lock", 1, 0, 1 },
	[UPGRADE_CONTROL] = { "control", 1, 0, 1 },
	[UPGRADE_CALLER] = { "caller", 2, 0, 1 },
	[UPGRADE_CLIENT] = { "client", 1, 0, 1 },
	[UPGRADE_HELPER] = { "helper", 1, 2, 1 },
	[UPGRADE_SERVER] = { "server", 6, 2, 1 | 2 | 4 },
	[UPGRADE_SOCKET] = { "socket", 3, 2, 1 },
	[UPGRADE_CHILD] = { "child", 5, 3, 4 },
	[UPGRADE_VERSION] = { "version", 1, 0, 0 },
	[UPGRADE_WISH] = { "wish", 1, 1, 0 },
};

unsigned
upgrade_text_descriptors(const struct upgrade_line *line)
{
	return rows[line->kind].descriptors;
}

static bool
is_word(const char *word, bool last)
{
	return word[0] != '\0' && word[0] != ' ' && strpbrk(word, last ? "\n" : " \n") == NULL;
}

void
upgrade_text_put(struct buf *b, const struct upgrade_line *line)
{
	size_t begin = b->len;

	buf_puts(b, rows[line->kind].name);
	for (unsigned i = 0; i < rows[line->kind].numbers; i++)
		buf_printf(b, " %llu", (unsigned long long)line->number[i]);
	for (unsigned i = 0; i < rows[line->kind].words; i++) {
		if (!is_word(line->word[i], i + 1 == rows[line->kind].words))
			b->failed = true;
		buf_printf(b, " %s", line->word[i]);
	}
	if (b->len - begin >= UPGRADE_LINE_MAX)
		b->failed = true;
	buf_puts(b, "\n");
}

/* The piece up to the next blank, or all of the rest. */
static char *
next_piece(char **at, bool last)
{
	return last ? *at : strsep(at, " ");
}

static bool
read_number(const char *text, uint64_t *number)
{
	uint64_t n = 0;

	if (text == NULL || text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned char)*text - (unsigned)'0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*number = n;
	return true;
}

/* What follows the name. */
static bool
read_fields(struct upgrade_line *line, char *rest)
{
	for (unsigned i = 0; i < rows[line->kind].numbers; i++)
		if (rest == NULL || !read_number(next_piece(&rest, false), &line->number[i]))
			return false;
	for (unsigned i = 0; i < rows[line->kind].words; i++) {
		bool last = i + 1 == rows[line->kind].words;
		const char *piece = rest != NULL ? next_piece(&rest, last) : NULL;

		if (piece == NULL || !is_word(piece, last))
			return false;
		memcpy(line->word[i], piece, strlen(piece) + 1);
		if (last)
			rest = NULL;
	}
	return rest == NULL;
}

int
upgrade_text_next(const char **at, struct upgrade_line *line, const char **why)
{
	size_t len = strcspn(*at, "\n");
	char text[UPGRADE_LINE_MAX], *rest = text, *name;

	static_assert(nitems_of(rows) == UPGRADE_KINDS, "one row a kind");
	if (**at == '\0')
		return 0;
	*why = "a line is too long, or not whole";
	if (len >= sizeof(text) || (*at)[len] != '\n')
		return -1;
	memcpy(text, *at, len);
	text[len] = '\0';
	*at += len + 1;
	name = strsep(&rest, " ");
	*line = (struct upgrade_line){ .kind = UPGRADE_FROM };
	while (line->kind < UPGRADE_KINDS && strcmp(rows[line->kind].name, name) != 0)
		line->kind++;
	*why = "it has a line that this version does not know";
	if (line->kind == UPGRADE_KINDS)
		return -1;
	*why = "a line does not fit its row";
	return read_fields(line, rest) ? 1 : -1;
}
