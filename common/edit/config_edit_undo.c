/*
 * config_edit_undo - the changed lines of an INI file with those around them, and their way back; pure
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  lines are put back only where they were taken out: in the same section, between the same lines,
 *           and no other key changes or gets into another section. In a file that has not changed since, the
 *           old text is there again, byte for byte
 * Fails by: -1 and a reason: the lines have changed since
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/edit/config_edit_private.h"

#define CONTEXT 3	/* lines around a change */

static bool
is_heading(const struct edit_line *line)
{
	return line->text[strspn(line->text, " \t")] == '[';
}

/* --- written down --- */

static void
put_line(struct buf *out, char mark, const struct edit_line *line)
{
	buf_printf(out, "%c%s%s\n", mark, line->text, line->crlf ? "\r" : "");
}

static bool
is_changed(const struct edit_line *line)
{
	return line->kind == EDIT_ADDED || line->kind == EDIT_REMOVED;
}

/* The first line of the context of a change. */
static const struct edit_line *
context_before(const struct edit_line *line)
{
	for (unsigned n = 0; n < CONTEXT; n++) {
		const struct edit_line *before = TAILQ_PREV(line, edit_lines, link);

		if (before == NULL || before->kind != EDIT_KEPT)
			break;
		line = before;
	}
	return line;
}

/* "@LINE" of the new text, and "=HEADING" in front of it. */
static void
put_place(struct buf *out, const struct config_edit *e, const struct edit_line *begin)
{
	const struct edit_line *line, *heading = NULL;
	unsigned number = 1;

	TAILQ_FOREACH(line, &e->lines, link) {
		if (line == begin)
			break;
		if (!config_edit_lines_is_there(line))
			continue;
		number++;
		heading = is_heading(line) ? line : heading;
	}
	buf_printf(out, "@%u\n=%s\n", number, heading != NULL ? heading->text : "");
}

void
config_edit_undo_format(const struct config_edit *e, struct buf *out)
{
	const struct edit_line *line = TAILQ_FIRST(&e->lines);

	while (line != NULL) {
		const struct edit_line *begin = context_before(line);

		if (!is_changed(line)) {
			line = TAILQ_NEXT(line, link);
			continue;
		}
		put_place(out, e, begin);
		for (; begin != line; begin = TAILQ_NEXT(begin, link))
			put_line(out, ' ', begin);
		for (; line != NULL && line->kind != EDIT_KEPT; line = TAILQ_NEXT(line, link))
			if (is_changed(line))
				put_line(out, line->kind == EDIT_ADDED ? '+' : '-', line);
		for (unsigned n = 0; n < CONTEXT && line != NULL && line->kind == EDIT_KEPT; n++) {
			put_line(out, ' ', line);
			line = TAILQ_NEXT(line, link);
		}
	}
}

/* --- and back --- */

struct undo_line { char mark; char *text; bool crlf; };
struct undo_hunk {
	unsigned number;
	char *heading;
	struct undo_line *line;
	size_t count;
};

static void
hunk_done(struct undo_hunk *h)
{
	for (size_t i = 0; i < h->count; i++)
		free(h->line[i].text);
	free(h->line);
	free(h->heading);
	*h = (struct undo_hunk){ 0 };
}

static void
hunk_add(struct undo_hunk *h, char mark, const char *text, size_t len)
{
	bool crlf = len > 0 && text[len - 1] == '\r';

	h->line = mem_grow(h->line, h->count, sizeof(*h->line));
	h->line[h->count++] = (struct undo_line){ mark, mem_strndup(text, len - crlf), crlf };
}

/* The next hunk of *text; false: there is none. */
static bool
hunk_take(struct undo_hunk *h, const char **text)
{
	*h = (struct undo_hunk){ 0 };
	if (**text != '@')
		return false;
	h->number = (unsigned)strtoul(*text + 1, NULL, 10);
	for (;;) {
		*text += strcspn(*text, "\n");
		*text += **text != '\0';
		if (**text == '=')
			h->heading = mem_strndup(*text + 1, strcspn(*text + 1, "\n"));
		else if (**text == ' ' || **text == '+' || **text == '-')
			hunk_add(h, **text, *text + 1, strcspn(*text + 1, "\n"));
		else
			return h->heading != NULL;
	}
}

/* Whether the lines from `line` on are those that the change has left. */
static bool
fits(const struct undo_hunk *h, const struct edit_line *line)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->line[i].mark == '-')
			continue;
		if (line == NULL || strcmp(line->text, h->line[i].text) != 0 || line->crlf != h->line[i].crlf)
			return false;
		line = config_edit_lines_next(line);
	}
	return true;
}

/* The place that is nearest to the one where it was; NULL: there is none. */
static struct edit_line *
find_place(const struct config_edit *e, const struct undo_hunk *h)
{
	struct edit_line *line, *best = NULL;
	unsigned number = 0, distance = 0;
	const char *heading = "";

	TAILQ_FOREACH(line, &e->lines, link) {
		unsigned d;

		if (!config_edit_lines_is_there(line))
			continue;
		number++;
		d = number > h->number ? number - h->number : h->number - number;
		if (strcmp(heading, h->heading) == 0 && (best == NULL || d < distance) && fits(h, line)) {
			best = line;
			distance = d;
		}
		heading = is_heading(line) ? line->text : heading;
	}
	return best;
}

static void
apply_hunk(struct config_edit *e, const struct undo_hunk *h, struct edit_line *line)
{
	struct edit_line *before = config_edit_lines_before(line);

	for (size_t i = 0; i < h->count; i++) {
		struct edit_line *next = line != NULL ? config_edit_lines_next(line) : NULL;

		if (h->line[i].mark == '-') {
			before = config_edit_lines_insert(e, before, h->line[i].text);
			before->crlf = h->line[i].crlf;
			continue;
		}
		if (h->line[i].mark == '+')
			config_edit_lines_remove(line);
		else
			before = line;
		line = next;
	}
}

static int
apply_hunks(struct config_edit *e, const char *text, struct buf *why)
{
	struct undo_hunk h;
	int result = 0;

	while (result == 0 && hunk_take(&h, &text)) {
		struct edit_line *place = find_place(e, &h);

		if (place != NULL) {
			apply_hunk(e, &h, place);
		} else {
			buf_printf(why, "its lines have changed since, near line %u", h.number);
			result = -1;
		}
		hunk_done(&h);
	}
	return result;
}

int
config_edit_undo_apply(struct config_edit *e, const char *text, const struct config_place *place,
    size_t places, struct buf *why)
{
	struct edit_view before, after;
	int result;

	config_edit_view(&before, e);
	result = apply_hunks(e, text, why);
	config_edit_view(&after, e);
	/* A heading that goes or comes leaves what was put below it since to another section. */
	if (result == 0 && !config_edit_view_same(&before, &after, place, places)) {
		buf_puts(why, "its lines have changed since: other keys would get into another section");
		result = -1;
	}
	config_edit_view_done(&before);
	config_edit_view_done(&after);
	return result;
}
