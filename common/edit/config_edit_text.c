/*
 * config_edit_text - the lines of an INI file as its new text; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing
 * Promise:  a file whose last line had no end has none afterwards
 * Fails by: the buffer
 */
#include "common/edit/config_edit_private.h"

void
config_edit_text(const struct config_edit *e, struct buf *out)
{
	const struct edit_line *line, *last = NULL;

	TAILQ_FOREACH(line, &e->lines, link) {
		if (!config_edit_lines_is_there(line))
			continue;
		if (last != NULL)
			buf_puts(out, last->crlf ? "\r\n" : "\n");
		buf_puts(out, line->text);
		last = line;
	}
	if (last != NULL && !e->open_end)
		buf_puts(out, last->crlf ? "\r\n" : "\n");
}
