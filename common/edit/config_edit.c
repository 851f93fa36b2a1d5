/*
 * config_edit - sets and unsets keys in the text of an INI file; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     the lines until config_edit_free
 * Promise:  what the reader of INI files makes of the new text is the old file with that one key changed, or
 *           the change is refused
 * Fails by: -1 and a reason
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/edit/config_edit_private.h"

struct config_edit *
config_edit_new(const char *text, size_t len, bool server)
{
	struct config_edit *e = mem_new(struct config_edit);
	const char *end = text + len;

	e->server = server;
	TAILQ_INIT(&e->lines);
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text)), *stop = eol != NULL ? eol : end;
		struct edit_line *line = mem_new(struct edit_line);

		line->crlf = eol != NULL && stop > text && stop[-1] == '\r';
		line->text = mem_strndup(text, (size_t)(stop - text) - line->crlf);
		TAILQ_INSERT_TAIL(&e->lines, line, link);
		e->open_end = eol == NULL;
		text = eol != NULL ? eol + 1 : end;
	}
	return e;
}

void
config_edit_free(struct config_edit *e)
{
	struct edit_line *line;

	if (e == NULL)
		return;
	while ((line = TAILQ_FIRST(&e->lines)) != NULL) {
		TAILQ_REMOVE(&e->lines, line, link);
		free(line->text);
		free(line);
	}
	free(e);
}

static bool
is_heading(const struct edit_line *line)
{
	return line->text[strspn(line->text, " \t")] == '[';
}

void
config_edit_diff(const struct config_edit *e, struct buf *out)
{
	const struct edit_line *line, *heading = NULL, *said = NULL;

	TAILQ_FOREACH(line, &e->lines, link) {
		if (line->kind == EDIT_KEPT) {
			heading = is_heading(line) ? line : heading;
			continue;
		}
		if (line->kind == EDIT_GONE)
			continue;
		if (is_heading(line))
			heading = said = line;
		if (heading != said && !config_edit_lines_is_blank(line)) {
			buf_printf(out, " %s\n", heading->text);
			said = heading;
		}
		buf_printf(out, "%c%s\n", line->kind == EDIT_ADDED ? '+' : '-', line->text);
	}
}

/* --- keys --- */

/* The numbers of a key's entries; owned by the caller. */
static size_t *
find_entries(const struct edit_view *v, size_t heading, const char *key, size_t *n)
{
	size_t *found = mem_array(NULL, v->ini.nentry + 1, sizeof(*found));

	*n = 0;
	for (size_t i = 0; i < v->ini.nentry; i++)
		if (v->ini.entry[i].heading == heading && strcmp(v->ini.entry[i].name, key) == 0)
			found[(*n)++] = i;
	return found;
}

static bool
get_value(const struct edit_view *v, const struct config_place *p, struct buf *value)
{
	size_t n, *entry = find_entries(v, config_edit_view_heading(v, p->section, p->name), p->key, &n);

	for (size_t i = 0; i < n; i++)
		buf_printf(value, "%s%s", value->len > 0 ? ", " : "", v->ini.entry[entry[i]].value);
	free(entry);
	return n > 0;
}

bool
config_edit_get(const struct config_edit *e, const struct config_place *p, struct buf *value)
{
	struct edit_view v;
	bool found;

	config_edit_view(&v, e);
	found = get_value(&v, p, value);
	config_edit_view_done(&v);
	return found;
}

/* What no line of an INI file can hold. */
static int
judge_value(const char *value, struct buf *why)
{
	size_t len = strlen(value);
	const char *wrong = NULL;

	for (size_t at = 0, n; at < len && wrong == NULL; at += n) {
		n = utf8_take((const unsigned char *)value + at, len - at, NULL);
		if (n == 0)
			wrong = "is not UTF-8";
		else if ((unsigned char)value[at] < ' ' || value[at] == 0x7f)
			wrong = "has a control character, and a value is one line of text";
	}
	if (wrong == NULL && (strstr(value, " ;") != NULL || *value == ';'))
		wrong = "has a semicolon behind a blank or at its beginning, where a comment would begin";
	if (wrong == NULL && len > 0 && (*value == ' ' || value[len - 1] == ' '))
		wrong = "begins or ends with a blank, which a file does not keep";
	if (wrong != NULL)
		buf_puts(why, wrong);
	return wrong != NULL ? -1 : 0;
}

static bool
same_items(const struct key *k, const char *a, const char *b)
{
	struct edit_items x, y;
	size_t i = 0;
	bool same;

	config_edit_list_split(&x, k, a);
	config_edit_list_split(&y, k, b);
	while (i < x.count && i < y.count && strcmp(x.text[i], y.text[i]) == 0)
		i++;
	same = x.count == y.count && i == x.count;
	config_edit_list_done(&x);
	config_edit_list_done(&y);
	return same;
}

/* Reads the new text, and compares. value NULL: the key is to be gone. */
static int
judge_edit(const struct config_edit *e, const struct edit_view *before, const struct config_place *p,
    const struct key *k, const char *value, struct buf *why)
{
	struct edit_view after;
	struct buf now = BUF_INIT(CONFIG_FILE_MAX);
	bool given, good;

	config_edit_view(&after, e);
	given = get_value(&after, p, &now);
	good = value == NULL ? !given : given && (k != NULL && config_value_is_list(k) ?
	    same_items(k, buf_text(&now), value) : strcmp(buf_text(&now), value) == 0);
	if (!good)
		buf_puts(why, "cannot stand in an INI file as it is");
	else if (!config_edit_view_same(before, &after, p, 1)) {
		buf_puts(why, "cannot be changed without a change of another key: edit the file by hand");
		good = false;
	}
	config_edit_view_done(&after);
	buf_done(&now);
	return good ? 0 : -1;
}

/* Whether the line is the comment ";KEY = ..."; `mark` is ; or #. */
static bool
is_sample_of(const struct edit_line *line, char mark, const char *key)
{
	const char *text = line->text;
	size_t len = strlen(key);

	if (*text != mark)
		return false;
	text += 1 + strspn(text + 1, " \t");
	return strncmp(text, key, len) == 0 && text[len + strspn(text + len, " \t")] == '=';
}

/* "# [domain a.example]", and not a sentence that goes on with "[::]:25 every ...". */
static bool
is_commented_heading(const struct edit_line *line)
{
	const char *text = line->text, *end;
	char name[20];
	size_t len;

	if (!config_edit_lines_is_comment(line))
		return false;
	text += 1 + strspn(text + 1, " \t");
	end = strchr(text, ']');
	if (*text != '[' || end == NULL || end[1 + strspn(end + 1, " \t")] != '\0')
		return false;
	len = strcspn(text + 1, " \t]");
	if (len >= sizeof(name))
		return false;
	memcpy(name, text + 1, len);
	name[len] = '\0';
	return key_section_find(name) != KEY_SECTION_COUNT;
}

/* The entry in the line, or the next one in the section; NULL: there is none. */
static const struct config_entry *
entry_from(const struct edit_view *v, size_t heading, unsigned line)
{
	for (size_t i = 0; i < v->ini.nentry; i++)
		if (v->ini.entry[i].heading == heading && v->ini.entry[i].line >= line)
			return &v->ini.entry[i];
	return NULL;
}

/*
 * The line behind which a new key goes: the sample's comment of that key, unless it lies between the lines of
 * another one; else the last key of the section, else its heading.
 */
static struct edit_line *
find_place(const struct edit_view *v, size_t heading, const char *key)
{
	unsigned begin = v->ini.heading[heading].line;
	unsigned end = heading + 1 < v->ini.nheading ? v->ini.heading[heading + 1].line :
	    (unsigned)v->lines + 1;
	struct edit_line *sample = NULL, *hint = NULL, *last = config_edit_view_line(v, begin);

	for (unsigned n = begin + 1; n < end; n++) {
		struct edit_line *line = config_edit_view_line(v, n);
		const struct config_entry *entry = entry_from(v, heading, n);

		if (is_commented_heading(line))
			break;
		if (entry != NULL && entry->line == n)
			last = line;
		else if (entry != NULL && entry->continued)
			continue;
		else if (sample == NULL && is_sample_of(line, ';', key))
			sample = line;
		else if (is_sample_of(line, '#', key))
			hint = line;
	}
	return sample != NULL ? sample : hint != NULL ? hint : last;
}

/* Makes the section at the end of the file; the heading's line. */
static struct edit_line *
add_section(struct config_edit *e, const struct config_place *p)
{
	struct edit_line *last = TAILQ_LAST(&e->lines, edit_lines);
	char heading[300];

	if (last != NULL && !config_edit_lines_is_there(last))
		last = config_edit_lines_before(last);
	if (last != NULL && !config_edit_lines_is_blank(last))
		last = config_edit_lines_insert(e, last, "");
	snprintf(heading, sizeof(heading), "[%s%s%s]", key_section_name(p->section),
	    p->name != NULL ? " " : "", p->name != NULL ? p->name : "");
	return config_edit_lines_insert(e, last, heading);
}

/* A [host], [filter] or [oauth] without a key says nothing: the first makes it, the last takes it along. */
static bool
lives_by_its_keys(enum key_section section)
{
	return key_section_is_named(section) && section != KEY_DOMAIN;
}

static bool
comes_by_itself(const struct config_place *p)
{
	return p->name == NULL || lives_by_its_keys(p->section);
}

static int
set_new(struct config_edit *e, const struct edit_view *v, const struct config_place *p, const struct key *k,
    const char *value, struct buf *why)
{
	size_t heading = config_edit_view_heading(v, p->section, p->name);
	struct edit_line *place;
	char *line;

	if (heading == v->ini.nheading && !comes_by_itself(p)) {
		buf_printf(why, "belongs in a section [%s %.100s], and there is none",
		    key_section_name(p->section), p->name);
		return -1;
	}
	place = heading < v->ini.nheading ? find_place(v, heading, p->key) : add_section(e, p);
	if (k != NULL && config_value_is_list(k) && *value != '\0')
		return config_edit_list_add(e, place, k, value, why);
	line = mem_printf("%s =%s%s", p->key, *value != '\0' ? " " : "", value);
	(void)config_edit_lines_insert(e, place, line);
	free(line);
	return 0;
}

static int
set_there(struct config_edit *e, const struct edit_view *v, const struct config_entry *entry,
    const char *value, struct buf *why)
{
	struct edit_parts parts;
	char *line;

	if (!config_edit_parts(&parts, v, entry)) {
		buf_puts(why, "stands in a line that cannot be understood");
		return -1;
	}
	line = config_edit_parts_join(&parts, value);
	(void)config_edit_lines_replace(e, config_edit_view_line(v, entry->line), line);
	free(line);
	config_edit_parts_done(&parts);
	return 0;
}

static int
set_value(struct config_edit *e, const struct edit_view *v, const struct config_place *p, const char *value,
    struct buf *why)
{
	const struct key *k = key_find(p->section, p->key);
	size_t n, *entry = find_entries(v, config_edit_view_heading(v, p->section, p->name), p->key, &n);
	int result;

	if (n == 0)
		result = set_new(e, v, p, k, value, why);
	else if (k != NULL && config_value_is_list(k))
		result = config_edit_list_set(e, v, entry, n, k, value, why);
	else
		result = set_there(e, v, &v->ini.entry[entry[0]], value, why);
	free(entry);
	return result == 0 ? judge_edit(e, v, p, k, value, why) : -1;
}

int
config_edit_set(struct config_edit *e, const struct config_place *p, const char *value, struct buf *why)
{
	struct edit_view v;
	int result;

	if (judge_value(value, why) == -1)
		return -1;
	config_edit_view(&v, e);
	result = set_value(e, &v, p, value, why);
	config_edit_view_done(&v);
	return result;
}

/*
 * A heading with nothing below it goes, and the blank line in front of it. One with a blank line below it was
 * there before its first key, and stays, unless a section without a key says nothing.
 */
static void
remove_empty(struct config_edit *e, const struct edit_view *v, size_t heading)
{
	struct edit_line *line = config_edit_view_line(v, v->ini.heading[heading].line), *before;
	struct edit_line *next = config_edit_lines_next(line);

	while (lives_by_its_keys(v->ini.heading[heading].section) && next != NULL &&
	    config_edit_lines_is_blank(next))
		next = config_edit_lines_next(next);
	if (next != NULL && next->text[strspn(next->text, " \t")] != '[')
		return;
	before = config_edit_lines_before(line);
	config_edit_lines_remove(line);
	if (before != NULL && config_edit_lines_is_blank(before))
		config_edit_lines_remove(before);
}

int
config_edit_unset(struct config_edit *e, const struct config_place *p, struct buf *why)
{
	struct edit_view v;
	size_t heading, n, *entry;
	int result;

	config_edit_view(&v, e);
	heading = config_edit_view_heading(&v, p->section, p->name);
	entry = find_entries(&v, heading, p->key, &n);
	for (size_t i = 0; i < n; i++)
		config_edit_lines_remove(config_edit_view_line(&v, v.ini.entry[entry[i]].line));
	if (n > 0 && comes_by_itself(p))
		remove_empty(e, &v, heading);
	result = n == 0 ? 0 : judge_edit(e, &v, p, NULL, NULL, why) == -1 ? -1 : 1;
	free(entry);
	config_edit_view_done(&v);
	return result;
}
