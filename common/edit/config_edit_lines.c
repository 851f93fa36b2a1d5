/*
 * config_edit_lines - the lines of an INI file: those that stay, that come, that go; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     the lines, until config_edit_free
 * Promise:  a line that is not touched is written as it was read; a new one ends as its neighbour does
 * Fails by: cannot
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/edit/config_edit_private.h"

bool
config_edit_lines_is_there(const struct edit_line *line)
{
	return line->kind == EDIT_KEPT || line->kind == EDIT_ADDED;
}

struct edit_line *
config_edit_lines_next(const struct edit_line *line)
{
	struct edit_line *l = TAILQ_NEXT(line, link);

	while (l != NULL && !config_edit_lines_is_there(l))
		l = TAILQ_NEXT(l, link);
	return l;
}

struct edit_line *
config_edit_lines_before(const struct edit_line *line)
{
	struct edit_line *l = TAILQ_PREV(line, edit_lines, link);

	while (l != NULL && !config_edit_lines_is_there(l))
		l = TAILQ_PREV(l, edit_lines, link);
	return l;
}

bool
config_edit_lines_is_blank(const struct edit_line *line)
{
	return line->text[strspn(line->text, " \t")] == '\0';
}

bool
config_edit_lines_is_comment(const struct edit_line *line)
{
	const char *text = line->text + strspn(line->text, " \t");

	return *text == ';' || *text == '#';
}

struct edit_line *
config_edit_lines_insert(struct config_edit *e, struct edit_line *after, const char *text)
{
	struct edit_line *line = mem_new(struct edit_line), *first = TAILQ_FIRST(&e->lines);

	*line = (struct edit_line){ .text = mem_strdup(text), .kind = EDIT_ADDED,
	    .crlf = after != NULL ? after->crlf : first != NULL && first->crlf };
	if (after != NULL)
		TAILQ_INSERT_AFTER(&e->lines, after, line, link);
	else
		TAILQ_INSERT_HEAD(&e->lines, line, link);
	return line;
}

void
config_edit_lines_remove(struct edit_line *line)
{
	line->kind = line->kind == EDIT_KEPT || line->kind == EDIT_REMOVED ? EDIT_REMOVED : EDIT_GONE;
}

struct edit_line *
config_edit_lines_replace(struct config_edit *e, struct edit_line *line, const char *text)
{
	struct edit_line *new;

	if (strcmp(line->text, text) == 0)
		return line;
	new = config_edit_lines_insert(e, line, text);
	config_edit_lines_remove(line);
	return new;
}
