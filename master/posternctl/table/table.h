/* table - rows for people, as tables of a terminal; one block a file */
#ifndef MASTER_POSTERNCTL_TABLE_TABLE_H
#define MASTER_POSTERNCTL_TABLE_TABLE_H

#include "master/posternctl/posternctl.h"

/* --- columns: rows of a document for people --- */

bool columns_are_for_people(void);	/* the standard output is a terminal */
/* A table; where no terminal is, plain columns with the widths of `t`. `headings`: the first rows. */
void columns_print(const struct answers_table *t, const json_t *rows, bool headings);

/* --- columns_cell: one value as text --- */

/* Printable; owned by the caller. */
char *columns_cell(const struct answers_column *c, const json_t *row);
/* "59s", "12m", "47h", "9d" since `since`, seconds since 1970. */
void columns_cell_age(char *dst, size_t size, int64_t since);

/* --- columns_table: a table on a terminal, as wide as that --- */
void columns_table_print(const struct answers_table *t, const json_t *rows, bool headings);

/* --- read_table: status and counters as tables of a terminal --- */

/* words[0] is the command, `text` the answer to it. */
void read_table_print(const char *const *words, size_t count, const char *text);

/* --- series_table: counters of the last hour or day as curves of letters --- */

void series_table_print(const json_t *document);

#endif
