/*
 * columns_table - rows of a document as a table that fits the terminal (libsmartcols)
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a table is never wider than the terminal: columns of less weight are left out, long texts cut or
 *           wrapped. Colours are for terminals, and not with NO_COLOR
 * Fails by: printing nothing, when there is no memory
 */
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"
#include "master/posternctl/table/table.h"

#define LEAST_WIDTH 12		/* of a text that may be cut */
#define GAP 2			/* between two columns */

static bool
wants_colors(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return (none == NULL || *none == '\0') && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

/* Words that have a colour in a column of states. */
static const char *
color_of(const char *word)
{
	static const struct { const char *word, *color; } rows[] = {
		{ "started", "\033[32m" }, { "ready", "\033[32m" }, { "active", "\033[32m" },
		{ "paused", "\033[33m" }, { "pausing", "\033[33m" }, { "stopping", "\033[33m" },
		{ "starting", "\033[33m" }, { "continuing", "\033[33m" }, { "held", "\033[33m" },
		{ "kept", "\033[33m" }, { "stopped", "\033[31m" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].color;
	return NULL;
}

/* How wide it is on the terminal. */
static size_t
width_of(const char *text)
{
	wchar_t wide[4096];
	size_t n = mbstowcs(wide, text, nitems_of(wide) - 1);
	int width;

	if (n == (size_t)-1)
		return strlen(text);
	width = wcswidth(wide, n);
	return width < 0 ? strlen(text) : (size_t)width;
}

struct layout {
	const struct answers_table *t;
	char **cell;		/* rows x columns */
	size_t rows, *need;	/* need: the least width of each column; 0: it is left out */
	bool *empty;		/* no row has anything in it */
};

static char **
cell_at(const struct layout *l, size_t row, size_t column)
{
	return &l->cell[row * l->t->columns + column];
}

static void
measure(struct layout *l, size_t i)
{
	const struct answers_column *c = &l->t->column[i];
	size_t most = 0, heading = c->heading != NULL ? width_of(c->heading) : 0;

	for (size_t r = 0; r < l->rows; r++) {
		size_t width = width_of(*cell_at(l, r, i));

		most = width > most ? width : most;
	}
	l->empty[i] = most == 0;
	if (c->shrink != ANSWERS_SHRINK_NONE && most > LEAST_WIDTH)
		most = LEAST_WIDTH;
	l->need[i] = most > heading ? most : heading;
	if (c->heading == NULL || (l->empty[i] && c->weight > 0))
		l->need[i] = 0;
}

/* Leaves out columns, the last of the least weight (largest number) first, until the rest fits. */
static void
fit(struct layout *l, size_t width)
{
	for (;;) {
		size_t sum = 0, worst = l->t->columns;

		for (size_t i = 0; i < l->t->columns; i++) {
			sum += l->need[i] > 0 ? l->need[i] + (sum > 0 ? GAP : 0) : 0;
			if (l->need[i] > 0 && l->t->column[i].weight > 0 &&
			    (worst == l->t->columns || l->t->column[i].weight >= l->t->column[worst].weight))
				worst = i;
		}
		if (sum <= width || worst == l->t->columns)
			return;
		l->need[worst] = 0;
	}
}

static void
add_columns(struct libscols_table *table, const struct layout *l)
{
	for (size_t i = 0; i < l->t->columns; i++) {
		const struct answers_column *c = &l->t->column[i];
		bool number = c->type == ANSWERS_NUMBER || c->type == ANSWERS_MILLISECONDS || c->age;
		int flags = (number ? SCOLS_FL_RIGHT : 0) |
		    (c->shrink == ANSWERS_SHRINK_CUT ? SCOLS_FL_TRUNC : 0) |
		    (c->shrink == ANSWERS_SHRINK_WRAP ? SCOLS_FL_WRAP : 0);

		if (l->need[i] > 0)
			(void)scols_table_new_column(table, c->heading,
			    c->shrink != ANSWERS_SHRINK_NONE ? (double)LEAST_WIDTH : (double)l->need[i],
			    flags);
	}
}

static void
add_row(struct libscols_table *table, const struct layout *l, size_t row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	for (size_t i = 0, shown = 0; line != NULL && i < l->t->columns; i++) {
		const char *text = *cell_at(l, row, i), *color;

		if (l->need[i] == 0)
			continue;
		(void)scols_line_set_data(line, shown, text);
		color = strcmp(l->t->column[i].name, "state") == 0 ? color_of(text) : NULL;
		if (color != NULL)
			(void)scols_cell_set_color(scols_line_get_cell(line, shown), color);
		shown++;
	}
}

static void
print_layout(struct layout *l, bool headings)
{
	struct libscols_table *table = scols_new_table();

	if (table == NULL)
		return;
	(void)scols_table_enable_colors(table, wants_colors());
	(void)scols_table_enable_noencoding(table, 1);	/* columns_cell has done that */
	(void)scols_table_enable_noheadings(table, !headings);
	(void)scols_table_set_column_separator(table, "  ");
	fit(l, scols_table_get_termwidth(table));
	add_columns(table, l);
	for (size_t r = 0; r < l->rows; r++)
		add_row(table, l, r);
	(void)scols_print_table(table);
	scols_unref_table(table);
}

void
columns_table_print(const struct answers_table *t, const json_t *rows, bool headings)
{
	struct layout l = { .t = t, .rows = json_array_size(rows) };

	(void)setlocale(LC_CTYPE, "");	/* how wide a character is */
	l.cell = mem_array(NULL, l.rows * t->columns, sizeof(*l.cell));
	l.need = mem_array(NULL, t->columns, sizeof(*l.need));
	l.empty = mem_array(NULL, t->columns, sizeof(*l.empty));
	for (size_t i = 0; i < t->columns; i++) {
		for (size_t r = 0; r < l.rows; r++)
			*cell_at(&l, r, i) = columns_cell(&t->column[i], json_array_get(rows, r));
		measure(&l, i);
	}
	print_layout(&l, headings);
	for (size_t i = 0; i < l.rows * t->columns; i++)
		free(l.cell[i]);
	free(l.cell);
	free(l.need);
	free(l.empty);
}
