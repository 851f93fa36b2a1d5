/*
 * config_edit_list - the lines of a key that is a list of items; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing but split items
 * Promise:  a line whose items stay, in their order, stays as it is, with the comment behind it. New items
 *           go into a line that has room, or into one more line with the same key
 * Fails by: -1 and a reason: an item that is longer than a line
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/edit/config_edit_private.h"

#define SHOWN_MAX 5		/* items of a list that lacks one */

/* A list on its way to its new lines. */
struct list_edit {
	struct config_edit *e;
	const struct edit_view *v;
	const size_t *entry;
	size_t n;
	struct edit_items want;
	size_t done;			/* items that are written */
	struct edit_line *at;		/* the line written last; NULL: none yet */
	char *head;			/* of a new line: "listen = " */
	bool alive;			/* of the lines that continue one key, one is written */
	bool one_each;			/* each line has one item: so have new ones */
	struct buf *why;
};

void
config_edit_list_split(struct edit_items *items, const struct key *k, const char *value)
{
	const char *separators = k->kind == KEY_STRINGS ? "," : ", \t";
	char *copy = mem_strdup(value), *rest = copy, *item;

	*items = (struct edit_items){ 0 };
	while ((item = strsep(&rest, separators)) != NULL) {
		size_t len;

		item += strspn(item, " \t");
		len = strlen(item);
		while (len > 0 && (item[len - 1] == ' ' || item[len - 1] == '\t'))
			len--;
		if (len == 0)
			continue;
		items->text = mem_grow(items->text, items->count, sizeof(*items->text));
		items->text[items->count++] = mem_strndup(item, len);
	}
	free(copy);
}

void
config_edit_list_done(struct edit_items *items)
{
	for (size_t i = 0; i < items->count; i++)
		free(items->text[i]);
	free(items->text);
	*items = (struct edit_items){ 0 };
}

/* Where the items of one line stand in the new list, not before the next one that is to be written. */
static bool
find_run(const struct list_edit *l, const struct edit_items *items, size_t *begin)
{
	for (size_t at = l->done; items->count > 0 && at + items->count <= l->want.count; at++) {
		size_t i = 0;

		while (i < items->count && strcmp(items->text[i], l->want.text[at + i]) == 0)
			i++;
		if (i == items->count) {
			*begin = at;
			return true;
		}
	}
	return false;
}

/* Adds items up to `end` to `value` as long as the line has room: its other parts have `used` bytes. */
static void
fill_value(struct list_edit *l, struct buf *value, size_t used, size_t end)
{
	while (l->done < end) {
		const char *item = l->want.text[l->done];
		size_t comma = value->len > 0 ? 2 : 0;

		if (used + value->len + comma + strlen(item) > CONFIG_LINE_MAX)
			return;
		buf_printf(value, "%s%s", comma > 0 ? ", " : "", item);
		l->done++;
		if (l->one_each)
			return;
	}
}

/* Lines of their own for items up to `end`. */
static int
add_lines(struct list_edit *l, size_t end)
{
	while (l->done < end) {
		struct buf value = BUF_INIT(CONFIG_LINE_MAX), line = BUF_INIT(CONFIG_LINE_MAX);

		fill_value(l, &value, strlen(l->head), end);
		if (value.len == 0) {
			buf_printf(l->why, "has an item of %zu bytes: a line of an INI file has %d at "
			    "most, with its key", strlen(l->want.text[l->done]), CONFIG_LINE_MAX);
			return -1;
		}
		buf_printf(&line, "%s%s", l->head, buf_text(&value));
		l->at = config_edit_lines_insert(l->e, l->at, buf_text(&line));
		l->alive = true;
		buf_done(&value);
		buf_done(&line);
	}
	return 0;
}

/* The parts of an entry's line: one that went on with a line which is gone begins with the key now. */
static int
take_parts(struct list_edit *l, const struct config_entry *entry, struct edit_parts *parts)
{
	if (!config_edit_parts(parts, l->v, entry)) {
		buf_puts(l->why, "stands in a line that cannot be understood");
		return -1;
	}
	l->alive = l->alive && entry->continued;
	if (entry->continued && !l->alive) {
		free(parts->head);
		parts->head = mem_strdup(l->head);
	}
	return 0;
}

static void
write_line(struct list_edit *l, const struct config_entry *entry, const struct edit_parts *parts,
    const char *value)
{
	char *text = config_edit_parts_join(parts, value);

	l->at = config_edit_lines_replace(l->e, config_edit_view_line(l->v, entry->line), text);
	l->alive = true;
	free(text);
}

/* New items up to `end` in the line that was written last, which has no comment. */
static void
extend_line(struct list_edit *l, const struct config_entry *entry, size_t end)
{
	struct edit_parts parts;
	struct buf value = BUF_INIT(CONFIG_LINE_MAX);

	if (l->done == end || l->one_each || !config_edit_parts(&parts, l->v, entry))
		return;
	if (*parts.tail == '\0') {
		char *text;

		buf_puts(&value, entry->value);
		fill_value(l, &value, strlen(parts.head), end);
		text = config_edit_parts_join(&parts, buf_text(&value));
		l->at = config_edit_lines_replace(l->e, l->at, text);
		free(text);
	}
	config_edit_parts_done(&parts);
	buf_done(&value);
}

/* A line whose items do not stay gets those that come before the `next` one that stays, or goes. */
static int
change_line(struct list_edit *l, const struct config_entry *entry, size_t next, bool *written)
{
	struct edit_line *line = config_edit_view_line(l->v, entry->line);
	struct buf value = BUF_INIT(CONFIG_LINE_MAX);
	struct edit_parts parts;

	if (take_parts(l, entry, &parts) == -1)
		return -1;
	l->at = l->at != NULL ? l->at : config_edit_lines_before(line);
	fill_value(l, &value, strlen(parts.head) + strlen(parts.tail) + 1, next);
	*written = value.len > 0;
	if (*written)
		write_line(l, entry, &parts, buf_text(&value));
	else
		config_edit_lines_remove(line);
	config_edit_parts_done(&parts);
	buf_done(&value);
	return add_lines(l, next);
}

/* A line with the items from `begin` on, which all stay; new ones come in front of it. */
static int
keep_line(struct list_edit *l, const struct config_entry *entry, size_t begin, size_t items)
{
	struct edit_parts parts;

	l->at = l->at != NULL ? l->at : config_edit_lines_before(config_edit_view_line(l->v, entry->line));
	if (add_lines(l, begin) == -1 || take_parts(l, entry, &parts) == -1)
		return -1;
	write_line(l, entry, &parts, entry->value);
	config_edit_parts_done(&parts);
	l->done = begin + items;
	return 0;
}

/* Where the next line that stays begins in the new list; its end when none stays. */
static size_t
next_run(struct list_edit *l, const struct key *k, size_t i)
{
	size_t begin = l->want.count;
	bool found = false;

	for (; i < l->n && !found; i++) {
		struct edit_items items;

		config_edit_list_split(&items, k, l->v->ini.entry[l->entry[i]].value);
		found = find_run(l, &items, &begin);
		config_edit_list_done(&items);
	}
	return found ? begin : l->want.count;
}

static int
edit_lines(struct list_edit *l, const struct key *k)
{
	const struct config_entry *kept = NULL;		/* the last line that stays, if no other follows it */
	int result = 0;

	for (size_t i = 0; i < l->n && result == 0; i++) {
		const struct config_entry *entry = &l->v->ini.entry[l->entry[i]];
		struct edit_items items;
		bool written = false;
		size_t begin;

		config_edit_list_split(&items, k, entry->value);
		if (find_run(l, &items, &begin)) {
			if (kept != NULL)
				extend_line(l, kept, begin);
			result = keep_line(l, entry, begin, items.count);
			kept = entry;
		} else {
			result = change_line(l, entry, next_run(l, k, i + 1), &written);
			kept = written ? NULL : kept;
		}
		config_edit_list_done(&items);
	}
	if (result == 0 && kept != NULL)
		extend_line(l, kept, l->want.count);
	return result == 0 ? add_lines(l, l->want.count) : -1;
}

static bool
has_one_each(const struct list_edit *l, const struct key *k)
{
	bool one = l->n > 1;

	for (size_t i = 0; i < l->n && one; i++) {
		struct edit_items items;

		config_edit_list_split(&items, k, l->v->ini.entry[l->entry[i]].value);
		one = items.count == 1;
		config_edit_list_done(&items);
	}
	return one;
}

/* An empty list: the first line has no value, the others go. */
static void
empty_list(struct list_edit *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct config_entry *entry = &l->v->ini.entry[l->entry[i]];
		struct edit_parts parts;

		if (i > 0 || !config_edit_parts(&parts, l->v, entry)) {
			config_edit_lines_remove(config_edit_view_line(l->v, entry->line));
			continue;
		}
		write_line(l, entry, &parts, "");
		config_edit_parts_done(&parts);
	}
}

int
config_edit_list_set(struct config_edit *e, const struct edit_view *v, const size_t *entry, size_t n,
    const struct key *k, const char *value, struct buf *why)
{
	struct list_edit l = { .e = e, .v = v, .entry = entry, .n = n, .why = why };
	struct edit_parts first;
	int result = 0;

	config_edit_list_split(&l.want, k, value);
	/* new lines look like the first one */
	if (config_edit_parts(&first, v, &v->ini.entry[entry[0]]) && v->ini.entry[entry[0]].value[0] != '\0')
		l.head = mem_strdup(first.head);
	else
		l.head = mem_printf("%s = ", k->name);
	config_edit_parts_done(&first);
	l.one_each = has_one_each(&l, k);
	if (l.want.count == 0)
		empty_list(&l);
	else
		result = edit_lines(&l, k);
	config_edit_list_done(&l.want);
	free(l.head);
	return result;
}

int
config_edit_list_add(struct config_edit *e, struct edit_line *after, const struct key *k, const char *value,
    struct buf *why)
{
	struct list_edit l = { .e = e, .at = after, .head = mem_printf("%s = ", k->name), .why = why };
	int result;

	config_edit_list_split(&l.want, k, value);
	result = add_lines(&l, l.want.count);
	config_edit_list_done(&l.want);
	free(l.head);
	return result;
}

static bool
has_item(const struct edit_items *items, const char *item, size_t *at)
{
	for (*at = 0; *at < items->count; (*at)++)
		if (items->text[*at] != NULL && strcmp(items->text[*at], item) == 0)
			return true;
	return false;
}

/* Another text of the item that is meant, for a key that has such. */
static bool
has_cover(const struct edit_items *items, const struct key *k, const char *item, size_t *at)
{
	for (*at = 0; k->covers != NULL && *at < items->count; (*at)++)
		if (items->text[*at] != NULL && k->covers(items->text[*at], item))
			return true;
	return false;
}

static void
say_missing(const struct edit_items *items, const char *item, struct buf *why)
{
	const char *between = ": there is ";

	buf_printf(why, "has no item %.100s", item);
	for (size_t i = 0; i < items->count && i < SHOWN_MAX; i++, between = ", ")
		if (items->text[i] != NULL)
			buf_printf(why, "%s%.100s", between, items->text[i]);
}

/* An item that is taken out leaves NULL. */
static int
take_out(struct edit_items *items, const struct key *k, const struct edit_items *gone, struct buf *why)
{
	for (size_t i = 0; i < gone->count; i++) {
		size_t at;

		if (!has_item(items, gone->text[i], &at) && !has_cover(items, k, gone->text[i], &at)) {
			say_missing(items, gone->text[i], why);
			return -1;
		}
		free(items->text[at]);
		items->text[at] = NULL;
	}
	return 0;
}

static int
judge_new(const struct edit_items *items, const struct edit_items *new, struct buf *why)
{
	for (size_t i = 0, at; i < new->count; i++)
		if (has_item(items, new->text[i], &at)) {
			buf_printf(why, "has the item %.100s already", new->text[i]);
			return -1;
		}
	return 0;
}

int
config_edit_list_adjust(const struct key *k, const char *now, bool add, const char *value, struct buf *out,
    struct buf *why)
{
	struct edit_items items, change;
	int result;

	if (!config_value_is_list(k)) {
		buf_puts(why, "is no list: say its one value behind =");
		return -1;
	}
	config_edit_list_split(&items, k, now);
	config_edit_list_split(&change, k, value);
	result = add ? judge_new(&items, &change, why) : take_out(&items, k, &change, why);
	for (size_t i = 0; i < items.count; i++)
		if (items.text[i] != NULL)
			buf_printf(out, "%s%s", out->len > 0 ? ", " : "", items.text[i]);
	for (size_t i = 0; i < change.count && add; i++)
		buf_printf(out, "%s%s", out->len > 0 ? ", " : "", change.text[i]);
	config_edit_list_done(&items);
	config_edit_list_done(&change);
	return result;
}
