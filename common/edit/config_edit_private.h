/* config_edit_private - the lines of an INI file under change; for config_edit* alone */
#ifndef COMMON_EDIT_CONFIG_EDIT_PRIVATE_H
#define COMMON_EDIT_CONFIG_EDIT_PRIVATE_H

#include <bsd/sys/queue.h>

#include "common/config/config_private.h"
#include "common/edit/config_edit.h"

/* GONE: it was added and removed again; it stays in the list as long as a view may point to it. */
enum edit_kind { EDIT_KEPT, EDIT_ADDED, EDIT_REMOVED, EDIT_GONE };
struct edit_line {
	TAILQ_ENTRY(edit_line) link;
	char *text;			/* without its end */
	bool crlf;
	enum edit_kind kind;
};
struct config_edit {
	TAILQ_HEAD(edit_lines, edit_line) lines;
	bool server;			/* not postern.ini: other sections */
	bool open_end;			/* the last line has no end */
};

/* What the reader of INI files makes of the lines that are there now. */
struct edit_view {
	struct config_ini ini;
	struct edit_line **line;	/* by number - 1 */
	size_t lines;
	size_t faults;
};

void config_edit_view(struct edit_view *v, const struct config_edit *e);
void config_edit_view_done(struct edit_view *v);
struct edit_line *config_edit_view_line(const struct edit_view *v, unsigned number);
/* The number of the heading; nheading: none. `name` as the reader has it, NULL for sections without. */
size_t config_edit_view_heading(const struct edit_view *v, enum key_section section, const char *name);
/* Whether all entries but those of `places` (key NULL: of its section) are the same and in order. */
bool config_edit_view_same(const struct edit_view *a, const struct edit_view *b,
    const struct config_place *place, size_t places);

/* --- config_edit_lines --- */

/* Puts a line behind `after` (NULL: at the beginning). */
struct edit_line *config_edit_lines_insert(struct config_edit *e, struct edit_line *after, const char *text);
/* The line has another text; the one that is there now. */
struct edit_line *config_edit_lines_replace(struct config_edit *e, struct edit_line *line, const char *text);
void config_edit_lines_remove(struct edit_line *line);
bool config_edit_lines_is_there(const struct edit_line *line);
/* The next, or the one before, that is there; NULL: none. */
struct edit_line *config_edit_lines_next(const struct edit_line *line);
struct edit_line *config_edit_lines_before(const struct edit_line *line);
bool config_edit_lines_is_blank(const struct edit_line *line);
bool config_edit_lines_is_comment(const struct edit_line *line);

/* --- config_edit_list: a key of several items --- */

/* entry[0..n): the entries of the key, n at least 1. 0; or -1 and a reason. */
int config_edit_list_set(struct config_edit *e, const struct edit_view *v, const size_t *entry, size_t n,
    const struct key *k, const char *value, struct buf *why);
/* A new key behind `after`. */
int config_edit_list_add(struct config_edit *e, struct edit_line *after, const struct key *k,
    const char *value, struct buf *why);

/* What stands before and behind the value of an entry's line. False: it cannot be told. */
struct edit_parts { char *head, *tail; };
bool config_edit_parts(struct edit_parts *parts, const struct edit_view *v, const struct config_entry *entry);
void config_edit_parts_done(struct edit_parts *parts);
/* The line of a value; owned by the caller. */
char *config_edit_parts_join(const struct edit_parts *parts, const char *value);

#endif
