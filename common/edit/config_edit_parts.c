/*
 * config_edit_parts - one line of an INI file: what stands before its value, and the comment behind it; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     the parts until config_edit_parts_done
 * Promise:  before, value and behind together are the line
 * Fails by: false: the line does not show the value that the reader has read
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/edit/config_edit_private.h"

bool
config_edit_parts(struct edit_parts *parts, const struct edit_view *v, const struct config_entry *entry)
{
	const char *text = config_edit_view_line(v, entry->line)->text, *value = text;
	size_t len = strlen(entry->value);

	*parts = (struct edit_parts){ 0 };
	if (!entry->continued) {
		value += strcspn(value, "=:");
		value += *value != '\0';
	}
	value += strspn(value, " \t");
	if (strncmp(value, entry->value, len) != 0)
		return false;
	parts->head = mem_strndup(text, (size_t)(value - text));
	parts->tail = mem_strdup(value + len);
	return true;
}

void
config_edit_parts_done(struct edit_parts *parts)
{
	free(parts->head);
	free(parts->tail);
}

/* A value that is new behind "key =", or in front of "; comment", has a blank there. */
char *
config_edit_parts_join(const struct edit_parts *parts, const char *value)
{
	size_t len = strlen(parts->head);
	bool none = *value == '\0', bare = len > 0 && strchr("=:", parts->head[len - 1]) != NULL;
	bool close = *parts->tail == ';';
	char *line;

	/* "key=value" stays so; "key =" had no value, and gets a blank as others have */
	bare = bare && len > 1 && (parts->head[len - 2] == ' ' || parts->head[len - 2] == '\t');
	line = mem_printf("%s%s%s%s%s", parts->head, bare && !none ? " " : "", value,
	    close && !none ? " " : "", parts->tail);
	if (none && *parts->tail == '\0')
		for (len = strlen(line); len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'); len--)
			line[len - 1] = '\0';
	return line;
}
