/*
 * columns - rows of a document as a table for people, on a terminal, or as plain columns
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what goes into a file or a pipe does not depend on its width, and has no headings
 * Fails by: not at all
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"
#include "master/posternctl/table/table.h"

bool
columns_are_for_people(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

static void
print_plain(const struct answers_table *t, const json_t *rows)
{
	for (size_t k = 0; k < json_array_size(rows); k++) {
		const char *blank = "";

		for (size_t i = 0; i < t->columns; i++) {
			const struct answers_column *c = &t->column[i];
			char *cell = columns_cell(c, json_array_get(rows, k));

			if (c->width != 0)
				printf("%s%*s", blank, i + 1 < t->columns ? c->width : 0, cell);
			blank = " ";
			free(cell);
		}
		printf("\n");
	}
}

void
columns_print(const struct answers_table *t, const json_t *rows, bool headings)
{
	if (json_array_size(rows) == 0)
		return;
	if (columns_are_for_people())
		columns_table_print(t, rows, headings);
	else
		print_plain(t, rows);
}
