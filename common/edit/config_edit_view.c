/*
 * config_edit_view - what the reader of INI files makes of lines that are being changed; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     the parsed file until config_edit_view_done
 * Promise:  the reader itself says what is a key, a value, a comment: there is no second idea of the format
 * Fails by: a file that is no text has no entries
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/edit/config_edit_private.h"

#define VIEW_MAX (2 * CONFIG_FILE_MAX)

void
config_edit_view(struct edit_view *v, const struct config_edit *e)
{
	struct buf text = BUF_INIT(VIEW_MAX);
	struct config_faults faults = { 0 };
	struct config_source source = { 0 };
	struct edit_line *line;

	*v = (struct edit_view){ 0 };
	config_edit_text(e, &text);
	source.path = mem_unconst("");
	source.server = e->server ? mem_unconst("-") : NULL;
	source.text = mem_unconst(buf_text(&text));
	source.len = text.len;
	config_ini_parse(&v->ini, &source, &faults);
	v->faults = faults.errors;
	config_faults_done(&faults);
	buf_done(&text);
	TAILQ_FOREACH(line, &e->lines, link)
		if (config_edit_lines_is_there(line)) {
			v->line = mem_grow(v->line, v->lines, sizeof(struct edit_line *));
			v->line[v->lines++] = line;
		}
}

void
config_edit_view_done(struct edit_view *v)
{
	config_ini_done(&v->ini);
	free(v->line);
}

struct edit_line *
config_edit_view_line(const struct edit_view *v, unsigned number)
{
	return v->line[number - 1];
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

size_t
config_edit_view_heading(const struct edit_view *v, enum key_section section, const char *name)
{
	size_t i = 0;

	while (i < v->ini.nheading && (v->ini.heading[i].section != section ||
	    (name != NULL && !is_same(v->ini.heading[i].domain, name))))
		i++;
	return i;
}

static bool
is_at(const struct edit_view *v, const struct config_entry *entry, const struct config_place *p)
{
	const struct config_heading *h = &v->ini.heading[entry->heading];

	return h->section == p->section && is_same(h->domain, p->name) &&
	    (p->key == NULL || strcmp(entry->name, p->key) == 0);
}

/* The next entry from *at on that is at none of the places; NULL: there is none. */
static const struct config_entry *
next_other(const struct edit_view *v, size_t *at, const struct config_place *place, size_t places)
{
	while (*at < v->ini.nentry) {
		const struct config_entry *entry = &v->ini.entry[(*at)++];
		size_t i = 0;

		while (i < places && !is_at(v, entry, &place[i]))
			i++;
		if (i == places)
			return entry;
	}
	return NULL;
}

bool
config_edit_view_same(const struct edit_view *a, const struct edit_view *b, const struct config_place *place,
    size_t places)
{
	const struct config_entry *x, *y;
	size_t at = 0, bt = 0;

	do {
		x = next_other(a, &at, place, places);
		y = next_other(b, &bt, place, places);
		if (x == NULL || y == NULL)
			return x == y;
	} while (strcmp(x->name, y->name) == 0 && strcmp(x->value, y->value) == 0 &&
	    a->ini.heading[x->heading].section == b->ini.heading[y->heading].section &&
	    is_same(a->ini.heading[x->heading].domain, b->ini.heading[y->heading].domain));
	return false;
}
