/*
 * config_edit - changes lines of the text of one INI file. What is not changed stays byte for byte: comments,
 * order, layout, ends of lines, spelling
 */
#ifndef COMMON_EDIT_CONFIG_EDIT_H
#define COMMON_EDIT_CONFIG_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/key.h"

struct buf;
struct config_edit;

/* A key in a section. name: of [domain NAME] or [oauth NAME], as a file would say it; else NULL. */
struct config_place {
	enum key_section section;
	const char *name, *key;
};

/* `server`: it is the file of a virtual server, not postern.ini. */
struct config_edit *config_edit_new(const char *text, size_t len, bool server);
void config_edit_free(struct config_edit *e);		/* NULL is fine */
/*
 * Gives a key its one value; a list of items, that takes several lines where it has to. The line goes behind
 * the comment ";KEY = ..." of a sample. A comment behind a value stays while the value changes. 0; or -1 and
 * a reason ("is ..."): then `e` must not be used but to be freed. [domain] and [oauth] must be there; another
 * section is made.
 */
int config_edit_set(struct config_edit *e, const struct config_place *p, const char *value,
    struct buf *why) __attribute__((warn_unused_result));
/*
 * 1: all lines of the key are gone, and the section when nothing is left in it; 0: there was none. -1 and a
 * reason as above.
 */
int config_edit_unset(struct config_edit *e, const struct config_place *p, struct buf *why);
/* The value as the file says it, of a list all lines with ", " between them. False: the key is not there. */
bool config_edit_get(const struct config_edit *e, const struct config_place *p, struct buf *value);
void config_edit_text(const struct config_edit *e, struct buf *out);
/* The difference for people: "[access]", "-old line", "+new line". */
void config_edit_diff(const struct config_edit *e, struct buf *out);

/* --- config_edit_list: a key of several items --- */

struct edit_items { char **text; size_t count; };
void config_edit_list_split(struct edit_items *items, const struct key *k, const char *value);
void config_edit_list_done(struct edit_items *items);
/*
 * Pure: the list `now` of that key with the items of `value` added behind it, or taken out. 0; or -1 and a
 * reason: it is no list, or has or lacks such an item.
 */
int config_edit_list_adjust(const struct key *k, const char *now, bool add, const char *value,
    struct buf *out, struct buf *why) __attribute__((warn_unused_result));

/* --- config_edit_undo: the way back --- */

/* The changed lines with those around them. */
void config_edit_undo_format(const struct config_edit *e, struct buf *out);
/*
 * Takes such a change back; the keys at the places may become others, all else is to read as before. 0; or -1
 * and a reason ("its lines have changed since"): free `e` then.
 */
int config_edit_undo_apply(struct config_edit *e, const char *text, const struct config_place *place,
    size_t places, struct buf *why) __attribute__((warn_unused_result));

/* --- config_edit_section: whole sections [domain NAME] and [oauth NAME] --- */

/* The name as it is compared: lower case, ASCII. Owned by the caller; NULL: it can be none. */
char *config_edit_section_name(enum key_section section, const char *name);
/* Name `n`, owned by the caller; NULL: there are no more. */
char *config_edit_section_at(const struct config_edit *e, enum key_section section, size_t n);
/* Key `n` that is given in the section, owned by the caller; NULL: there are no more. */
char *config_edit_section_key(const struct config_edit *e, enum key_section section, const char *name,
    size_t n);
/* A new one, at the end of the file. */
int config_edit_section_add(struct config_edit *e, enum key_section section, const char *name,
    struct buf *why) __attribute__((warn_unused_result));
/* Its lines up to the last key; comments behind that stay. */
int config_edit_section_remove(struct config_edit *e, enum key_section section, const char *name,
    struct buf *why) __attribute__((warn_unused_result));
int config_edit_section_rename(struct config_edit *e, enum key_section section, const char *from,
    const char *to, struct buf *why) __attribute__((warn_unused_result));

#endif
