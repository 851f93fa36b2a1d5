/*
 * config_edit_section - whole sections, as [domain NAME] or [oauth NAME], in the text of an INI file; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing
 * Promise:  all other sections read as before, or the change is refused
 * Fails by: -1 and a reason
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/edit/config_edit_private.h"

char *
config_edit_section_name(enum key_section section, const char *name)
{
	char *text = mem_printf("[%s %s]\n", key_section_name(section), name), *found = NULL;
	struct config_edit *e = config_edit_new(text, strlen(text), !key_section_is_global(section));
	struct edit_view v;

	config_edit_view(&v, e);
	if (v.faults == 0 || (v.ini.nheading == 1 && v.ini.heading[0].section == section))
		found = mem_strdup(v.ini.nheading == 1 ? v.ini.heading[0].domain : NULL);
	config_edit_view_done(&v);
	config_edit_free(e);
	free(text);
	return found;
}

char *
config_edit_section_at(const struct config_edit *e, enum key_section section, size_t n)
{
	struct edit_view v;
	char *name = NULL;

	config_edit_view(&v, e);
	for (size_t i = 0; i < v.ini.nheading && name == NULL; i++)
		if (v.ini.heading[i].section == section && n-- == 0)
			name = mem_strdup(v.ini.heading[i].domain);
	config_edit_view_done(&v);
	return name;
}

char *
config_edit_section_key(const struct config_edit *e, enum key_section section, const char *name, size_t n)
{
	struct edit_view v;
	size_t heading;
	char *key = NULL;

	config_edit_view(&v, e);
	heading = config_edit_view_heading(&v, section, name);
	for (size_t i = 0; i < v.ini.nentry && key == NULL; i++)
		if (v.ini.entry[i].heading == heading && n-- == 0)
			key = mem_strdup(v.ini.entry[i].name);
	config_edit_view_done(&v);
	return key;
}

/* Whether all but the section of that name reads as before. */
static int
judge_sections(const struct config_edit *e, const struct edit_view *before, enum key_section section,
    const char *name, struct buf *why)
{
	const struct config_place p = { .section = section, .name = name };
	struct edit_view after;
	bool same;

	config_edit_view(&after, e);
	same = config_edit_view_same(before, &after, &p, 1);
	config_edit_view_done(&after);
	if (!same)
		buf_puts(why, "cannot be changed without a change of another section: edit the file by hand");
	return same ? 0 : -1;
}

int
config_edit_section_add(struct config_edit *e, enum key_section section, const char *name, struct buf *why)
{
	char *known = config_edit_section_name(section, name), *heading;
	struct edit_line *last = TAILQ_LAST(&e->lines, edit_lines);
	struct edit_view v;
	int result = -1;

	if (known == NULL) {
		buf_printf(why, "is no name of a [%s] section", key_section_name(section));
		return -1;
	}
	config_edit_view(&v, e);
	if (config_edit_view_heading(&v, section, known) < v.ini.nheading) {
		buf_puts(why, "is there already");
	} else {
		heading = mem_printf("[%s %s]", key_section_name(section), name);
		if (last != NULL && !config_edit_lines_is_there(last))
			last = config_edit_lines_before(last);
		if (last != NULL && !config_edit_lines_is_blank(last))
			last = config_edit_lines_insert(e, last, "");
		(void)config_edit_lines_insert(e, last, heading);
		result = judge_sections(e, &v, section, known, why);
		free(heading);
	}
	config_edit_view_done(&v);
	free(known);
	return result;
}

int
config_edit_section_remove(struct config_edit *e, enum key_section section, const char *name,
    struct buf *why)
{
	struct edit_view v;
	size_t heading;
	unsigned last;
	int result = -1;

	config_edit_view(&v, e);
	heading = config_edit_view_heading(&v, section, name);
	if (heading == v.ini.nheading) {
		buf_puts(why, "is not there");
	} else {
		struct edit_line *before = config_edit_lines_before(config_edit_view_line(&v,
		    last = v.ini.heading[heading].line));

		for (size_t i = 0; i < v.ini.nentry; i++)
			last = v.ini.entry[i].heading == heading ? v.ini.entry[i].line : last;
		for (unsigned n = v.ini.heading[heading].line; n <= last; n++)
			config_edit_lines_remove(config_edit_view_line(&v, n));
		if (before != NULL && config_edit_lines_is_blank(before))
			config_edit_lines_remove(before);
		result = judge_sections(e, &v, section, name, why);
	}
	config_edit_view_done(&v);
	return result;
}

/* "[domain old] ; comment" with another name. */
static char *
renamed_heading(const char *text, const char *to)
{
	const char *name = text + strcspn(text, "[") + 1, *end;

	name += strspn(name, " \t");
	name += strcspn(name, " \t");	/* behind the word "domain" */
	name += strspn(name, " \t");
	end = name + strcspn(name, " \t]");
	return mem_printf("%.*s%s%s", (int)(name - text), text, to, end);
}

int
config_edit_section_rename(struct config_edit *e, enum key_section section, const char *from, const char *to,
    struct buf *why)
{
	char *known = config_edit_section_name(section, to), *heading;
	struct edit_line *line;
	struct edit_view v, after;
	size_t at;
	int result = -1;

	config_edit_view(&v, e);
	at = config_edit_view_heading(&v, section, from);
	if (known == NULL) {
		buf_printf(why, "is no name of a [%s] section", key_section_name(section));
	} else if (at == v.ini.nheading) {
		buf_printf(why, "cannot be its name: %.100s is not there", from);
	} else if (strcmp(known, from) != 0 &&
	    config_edit_view_heading(&v, section, known) < v.ini.nheading) {
		buf_puts(why, "is there already");
	} else {
		line = config_edit_view_line(&v, v.ini.heading[at].line);
		heading = renamed_heading(line->text, to);
		(void)config_edit_lines_replace(e, line, heading);
		free(heading);
		free(v.ini.heading[at].domain);	/* all else is to read as before */
		v.ini.heading[at].domain = mem_strdup(known);
		config_edit_view(&after, e);
		result = config_edit_view_same(&v, &after, NULL, 0) ? 0 : -1;
		config_edit_view_done(&after);
		if (result == -1)
			buf_puts(why, "cannot be written into that heading: edit the file by hand");
	}
	config_edit_view_done(&v);
	free(known);
	return result;
}
