/*
 * queue_print - rows about messages as tables or as JSON
 *
 * Runs in:  posternctl
 * Owns:     the rows of a list until they are sorted
 * Promise:  the oldest message comes first, among ROWS_MAX rows at a time. Text of messages is escaped
 * Fails by: leaving out a row that has not all columns
 */
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/posternctl/queues/queues.h"
#include "master/posternctl/table/table.h"

#define ROWS_MAX 100000
#define TABLE_ROWS_MAX 5000	/* of one table; the next one has other widths, and no headings */

struct queue_print {
	enum msg_queue_verb verb;
	bool json;
	const struct answers_table *table;
	json_t *row;			/* JSON: the message that has begun, or NULL */
	char **line; size_t lines, room;	/* "SERVER\tline" */
	bool first;			/* nothing printed yet */
	json_t *table_rows;		/* on a terminal: rows until they are printed; else NULL */
	struct queue_count *count;
};

struct queue_print *
queue_print_new(enum msg_queue_verb verb, bool json)
{
	struct queue_print *p = mem_new(struct queue_print);

	p->verb = verb;
	p->json = json;
	p->first = true;
	p->table = answers_rows_find(msg_queue_places[msg_queue_rows[verb].place],
	    msg_queue_rows[verb].name);
	if (!json && p->table->form == ANSWERS_FORM_TABS && columns_are_for_people())
		p->table_rows = json_array();
	p->count = verb == MSG_QUEUE_COUNT ? queue_count_new() : NULL;
	return p;
}

void
queue_print_free(struct queue_print *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->lines; i++)
		free(p->line[i]);
	free(p->line);
	json_decref(p->row);
	json_decref(p->table_rows);
	queue_count_free(p->count);
	free(p);
}

/* --- values --- */

static void
print_table_value(const struct answers_column *c, const char *text)
{
	char age[24];

	if (c->width == 0)
		return;
	if (c->age)
		columns_cell_age(age, sizeof(age), strtoll(text, NULL, 10));
	printf("%*s ", c->width, c->age ? age : *text == '\0' && c->empty != NULL ? c->empty : text);
}

/* The document begins. */
static void
begin_json(struct queue_print *p)
{
	json_t *before = answers_new();

	answers_print_begin(before, p->table->rows, stdout);
	json_decref(before);
}

static void
print_json_row(struct queue_print *p, json_t *row)
{
	if (p->first)
		begin_json(p);
	answers_print_row(row, p->first, stdout);
	p->first = false;
	json_decref(row);
}

/* --- lists --- */

static void
print_table(struct queue_print *p)
{
	if (p->table_rows == NULL || json_array_size(p->table_rows) == 0)
		return;
	columns_print(p->table, p->table_rows, p->first);
	json_array_clear(p->table_rows);
	p->first = false;
}

static void
keep_table_row(struct queue_print *p, json_t *row)
{
	json_array_append_new(p->table_rows, row);
	if (json_array_size(p->table_rows) == TABLE_ROWS_MAX)
		print_table(p);
}

static void
print_list_row(struct queue_print *p, char *line)
{
	const struct answers_table *t = p->table;
	char *cell[ANSWERS_CELLS_MAX], *server = strsep(&line, "\t");
	json_t *row;

	if (p->json || p->table_rows != NULL) {
		row = answers_line_tabs(t, server, line);
		if (row != NULL && p->json)
			print_json_row(p, row);
		else if (row != NULL)
			keep_table_row(p, row);
		return;
	}
	if (answers_line_cut(line, cell, ANSWERS_CELLS_MAX) != answers_line_cells(t))
		return;
	for (size_t i = 0; i < t->columns; i++)
		print_table_value(&t->column[i], cell[t->column[i].at]);
	printf("(%s)\n", server);
	p->first = false;
}

static int
compare_rows(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return strcmp(strchr(x, '\t'), strchr(y, '\t')); /* ids sort by time */
}

static int
compare_falling(const void *a, const void *b)
{
	return compare_rows(b, a);
}

/* In the order in which the pages come. */
static void
flush_rows(struct queue_print *p)
{
	if (p->lines > 0)
		qsort(p->line, p->lines, sizeof(*p->line),
		    p->verb == MSG_QUEUE_DROP_LIST ? compare_falling : compare_rows);
	for (size_t i = 0; i < p->lines; i++) {
		print_list_row(p, p->line[i]);
		free(p->line[i]);
	}
	p->lines = 0;
	print_table(p);
}

static void
keep_row(struct queue_print *p, const char *server, const char *line)
{
	if (p->lines == ROWS_MAX)
		flush_rows(p);
	if (p->lines == p->room)
		p->line = mem_array(p->line, p->room = p->room == 0 ? 256 : p->room * 2, sizeof(*p->line));
	p->line[p->lines++] = mem_printf("%s\t%s", server, line);
}

/* --- one message, line by line: "key TAB value" --- */

/* The message that has begun is complete. */
static void
end_message(struct queue_print *p)
{
	if (p->row != NULL)
		print_json_row(p, p->row);
	p->row = NULL;
}

static void
take_message_json(struct queue_print *p, const char *server, char *line)
{
	if (strncmp(line, "id\t", 3) == 0 || p->row == NULL) {
		end_message(p);
		p->row = json_object();
		answers_value_put(p->row, "server", ANSWERS_TEXT, server);
	}
	answers_line_field(p->table, p->row, line);
}

static void
print_message_text(struct queue_print *p, const char *server, const char *key, char *value)
{
	char time[CLOCK_DATE_SIZE];
	bool dated;

	if (strcmp(key, "id") == 0)
		printf("%sserver       %s\n", p->first ? "" : "\n", server);
	dated = strcmp(key, "arrived") == 0 || strcmp(key, "due") == 0 || strcmp(key, "since") == 0 ||
	    strcmp(key, "note") == 0;
	if (dated)
		answers_value_time(time, strsep(&value, "\t"));
	printf("%-12s %s", key, dated ? time : "");
	for (char *tab = value; tab != NULL && (tab = strchr(tab, '\t')) != NULL;)
		*tab = ' ';
	printf("%s%s\n", dated && value != NULL ? " " : "", value != NULL ? value : "");
}

static void
print_message_line(struct queue_print *p, const char *server, char *line)
{
	char *key = strsep(&line, "\t");

	print_message_text(p, server, key, line);
	p->first = false;
}

/* --- what the command asks for --- */

void
queue_print_row(struct queue_print *p, const char *server, char *line)
{
	if (p->count != NULL)
		queue_count_add(p->count, line);
	else if (p->table->form == ANSWERS_FORM_TABS)
		keep_row(p, server, line);
	else if (p->json)
		take_message_json(p, server, line);
	else
		print_message_line(p, server, line);
}

void
queue_print_end(struct queue_print *p, const json_t *after)
{
	flush_rows(p);
	end_message(p);
	if (p->json && p->first)
		begin_json(p);
	if (p->count != NULL)
		queue_count_print(p->count, p->json);
	if (p->json)
		answers_print_end(after, stdout);
}
