/*
 * nodes_view - how the answers of several nodes are shown
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  every line and every row says of which node it is; nothing that a node says does harm to a
 *           terminal
 * Fails by: not at all
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "master/posternctl/nodes/nodes.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/table/table.h"

/* Commands that are tables: with one of `need` (NULL: none is needed), and with none of `without`. */
static const struct table_row {
	const char *command, *verb, *need, *without[5];
} table_rows[] = {
	{ "status", NULL, NULL, { "--check" } },
	{ "counters", NULL, NULL, { "--history", "--prometheus" } },
	{ "sessions", "list", NULL, { NULL } },
	{ "queue", "list", "list", { NULL } },
	{ "queue", "count", "count", { NULL } },
	{ "badmail", "list", "list", { NULL } },
	{ "drop", "list", "list", { NULL } },
	{ "domains", NULL, NULL, { NULL } },
	{ "domain", "list", "list", { NULL } },
	{ "hosts", "list", NULL, { "pause", "resume", "reset", "--dry-run" } },
	{ "operators", NULL, NULL, { "add", "remove", "--dry-run" } },
	{ "viewers", NULL, NULL, { "add", "remove", "--dry-run" } },
	{ "history", NULL, NULL, { NULL } },
	{ "tls-reports", "list", NULL, { "send" } },
};

static bool
has_word(const char *const *words, size_t count, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 1; i < count; i++)
		if (strncmp(words[i], word, len) == 0 && (words[i][len] == '\0' || words[i][len] == '='))
			return true;
	return false;
}

static const struct answers_table *
table_of(const char *const *words, size_t count)
{
	for (size_t i = 0; i < nitems_of(table_rows); i++) {
		const struct table_row *t = &table_rows[i];
		bool fits = strcmp(t->command, words[0]) == 0 &&
		    (t->need == NULL || has_word(words, count, t->need));

		for (size_t k = 0; k < nitems_of(t->without) && t->without[k] != NULL; k++)
			fits = fits && !has_word(words, count, t->without[k]);
		if (fits)
			return answers_rows_find(t->command, t->verb);
	}
	return NULL;
}

enum nodes_view
nodes_view_of(const char *const *words, size_t count, const struct answers_table **table)
{
	*table = table_of(words, count);
	if (strcmp(words[0], "watch") == 0)
		return NODES_VIEW_EVENTS;
	if (strcmp(words[0], "status") == 0 && has_word(words, count, "--check"))
		return has_word(words, count, "--json") ? NODES_VIEW_HEALTH_JSON : NODES_VIEW_HEALTH;
	if (has_word(words, count, "--json"))
		return NODES_VIEW_JSON;
	return *table != NULL && columns_are_for_people() ? NODES_VIEW_TABLE : NODES_VIEW_TEXT;
}

/* --- tables --- */

/* Rows of a status end with that of the service; numbers by age are columns in a table. */
static void
add_rows(json_t *rows, const struct answers_table *t, const struct node *n)
{
	json_t *row, *service = json_object_get(n->document, "service");
	size_t i;

	json_array_foreach(json_object_get(n->document, t->rows), i, row) {
		json_t *own = nodes_merge_row(n->name, row);

		json_object_update_missing(own, json_object_get(row, "ages"));
		json_array_append_new(rows, own);
	}
	if (strcmp(t->command, "status") != 0 || !json_is_object(service))
		return;
	row = nodes_merge_row(n->name, service);
	json_object_set_new(row, "name", json_string("(service)"));
	json_array_append_new(rows, row);
}

/* The first row has the sums of all nodes: counts of a queue. */
static void
add_sums(json_t *rows, const struct answers_table *t)
{
	json_t *sums = json_object(), *row;
	size_t i;

	json_object_set_new(sums, "node", json_string("(all)"));
	for (size_t k = 0; k < t->columns; k++) {
		json_int_t sum = 0;

		json_array_foreach(rows, i, row)
			sum += json_integer_value(json_object_get(row, t->column[k].name));
		if (t->column[k].type == ANSWERS_NUMBER)
			json_object_set_new(sums, t->column[k].name, json_integer(sum));
	}
	json_object_set_new(sums, "domain", json_string("(all)"));
	json_array_insert_new(rows, 0, sums);
}

static void
print_table(const struct answers_table *t, const struct node *nodes, size_t count)
{
	struct answers_column *column = mem_array(NULL, t->columns + 1, sizeof(*column));
	struct answers_table wide = *t;
	json_t *rows = json_array();

	column[0] = (struct answers_column){ .name = "node", .heading = "NODE" };
	memcpy(column + 1, t->column, t->columns * sizeof(*column));
	wide.column = column;
	wide.columns++;
	for (size_t i = 0; i < count; i++)
		add_rows(rows, t, &nodes[i]);
	if (t->verb != NULL && strcmp(t->verb, "count") == 0 && json_array_size(rows) > 0)
		add_sums(rows, t);
	columns_print(&wide, rows, true);
	json_decref(rows);
	free(column);
}

/* A counter a row, a column for each node. */
static void
print_counters(const struct node *nodes, size_t count)
{
	struct answers_column *column = mem_array(NULL, count + 1, sizeof(*column));
	struct answers_table table = { .column = column, .columns = count + 1 };
	json_t *rows = json_array(), *names = json_object(), *value;
	const char *name;

	column[0] = (struct answers_column){ .name = "counter", .heading = "COUNTER" };
	for (size_t i = 0; i < count; i++) {
		column[i + 1] = (struct answers_column){ .name = nodes[i].name, .heading = nodes[i].name,
			.type = ANSWERS_NUMBER, .empty = "-" };
		json_object_update(names, json_object_get(nodes[i].document, "counters"));
	}
	json_object_foreach(names, name, value) {
		json_t *row = json_object();

		for (size_t i = 0; i < count; i++)
			json_object_set(row, nodes[i].name,
			    json_object_get(json_object_get(nodes[i].document, "counters"), name));
		json_object_set_new(row, "counter", json_string(name));
		json_array_append_new(rows, row);
	}
	columns_print(&table, rows, true);
	json_decref(rows);
	json_decref(names);
	free(column);
}

/* --- lines --- */

/* Bytes that may not be shown become \xHH; tabs part the columns of some answers. */
static void
print_line(FILE *out, const char *head, const char *node, const char *line, size_t len)
{
	fprintf(out, "%s%s: ", head, node);
	for (size_t n; len > 0; line += n, len -= n) {
		n = *line == '\t' ? 1 : utf8_take_printable((const unsigned char *)line, len);
		if (n > 0)
			fwrite(line, 1, n, out);
		else
			fprintf(out, "\\x%02X", (unsigned)(unsigned char)*line);
		n = n > 0 ? n : 1;
	}
	fputs("\n", out);
}

static void
print_lines(FILE *out, const char *head, const struct node *n, const struct buf *text)
{
	const char *at = buf_text(text), *end = at + text->len, *lf;

	for (; at < end; at = lf + 1) {
		lf = memchr(at, '\n', (size_t)(end - at));
		lf = lf != NULL ? lf : end;
		print_line(out, head, n->name, at, (size_t)(lf - at));
	}
}

void
nodes_view_event(const struct node *n, char *line)
{
	json_t *event = json_loads(line, 0, NULL), *row;
	char *text;

	if (!json_is_object(event)) {
		print_line(stderr, "posternctl: ", n->name, line, strlen(line));
		json_decref(event);
		return;
	}
	row = nodes_merge_row(n->name, event);
	text = answers_print_text(row);
	printf("%s\n", text);
	fflush(stdout);
	free(text);
	json_decref(row);
	json_decref(event);
}

const char *
nodes_view_fault(const struct node *n, char line[NODES_FAULT_SIZE])
{
	const char *text = n->error.len > 0 ? buf_text(&n->error) : buf_text(&n->remarks);

	if (n->error.len == 0 && (n->document != NULL || n->text.len > 0))
		return NULL;
	snprintf(line, NODES_FAULT_SIZE, "%.*s", (int)strcspn(text, "\r\n"), text);
	if (line[0] == '\0')
		snprintf(line, NODES_FAULT_SIZE, "it says nothing, with the exit status %d", n->status);
	return line;
}

/* As status --check of that node would say it. */
static void
print_critical(const struct node *n)
{
	struct buf text = BUF_INIT(2 * n->error.cap);

	buf_printf(&text, "CRITICAL: %s", buf_text(&n->error));
	print_line(stdout, "", n->name, buf_text(&text), text.len);
	buf_done(&text);
}

void
nodes_view_print(enum nodes_view view, const struct answers_table *table, struct node *nodes, size_t count)
{
	json_t *document;

	for (size_t i = 0; i < count; i++) {
		struct node *n = &nodes[i];

		if (view == NODES_VIEW_TEXT || view == NODES_VIEW_HEALTH)
			print_lines(stdout, "", n, &n->text);
		fflush(stdout);
		print_lines(stderr, "posternctl: ", n, &n->remarks);
		if (view == NODES_VIEW_HEALTH && n->error.len > 0)
			print_critical(n);
		else if (n->error.len > 0)
			print_line(stderr, "posternctl: ", n->name, n->error.data, n->error.len);
	}
	if (view == NODES_VIEW_TABLE && strcmp(table->command, "counters") == 0) {
		print_counters(nodes, count);
	} else if (view == NODES_VIEW_TABLE) {
		print_table(table, nodes, count);
	} else if (view == NODES_VIEW_JSON || view == NODES_VIEW_HEALTH_JSON) {
		document = nodes_merge(nodes, count);
		answers_print(document, stdout);
		json_decref(document);
	}
}
