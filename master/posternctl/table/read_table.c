/*
 * read_table - answers of the service as tables of a terminal: status, counters, keys, changes
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a line of the answer that is no row is printed as it is
 * Fails by: not at all
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"
#include "master/posternctl/table/table.h"

static void
print_status(const json_t *document)
{
	json_t *rows = json_copy(json_object_get(document, "servers"));
	json_t *service = json_object_get(document, "service");

	if (json_is_object(service)) {
		service = json_copy(service);
		json_object_set_new(service, "name", json_string("(service)"));
		json_array_append_new(rows, service);
	}
	columns_print(answers_rows_find("status", NULL), rows, true);
	json_decref(rows);
}

/* The name of a virtual server as a member of a row beside "counter". */
static char *
member_name(const json_t *server)
{
	return mem_printf("@%s", json_string_value(json_object_get(server, "server")));
}

/* A counter a row; the sums, and then a column for each virtual server as long as there is room. */
static void
print_counters(const json_t *document)
{
	const json_t *servers = json_object_get(document, "servers");
	const char *only = json_string_value(json_object_get(document, "server"));
	size_t count = only != NULL || json_array_size(servers) < 2 ? 0 : json_array_size(servers);
	struct answers_column *column = mem_array(NULL, count + 2, sizeof(*column));
	struct answers_table table = { .column = column, .columns = count + 2 };
	json_t *rows = json_array(), *value;
	const char *name;
	char **member = mem_array(NULL, count + 1, sizeof(*member));

	column[0] = (struct answers_column){ .name = "counter", .heading = "COUNTER" };
	column[1] = (struct answers_column){ .name = "all", .heading = only != NULL ? only : "ALL",
		.type = ANSWERS_NUMBER };
	for (size_t i = 0; i < count; i++) {
		member[i] = member_name(json_array_get(servers, i));
		column[i + 2] = (struct answers_column){ .name = member[i], .heading = member[i] + 1,
			.type = ANSWERS_NUMBER, .weight = 1 };
	}
	json_object_foreach(json_object_get(document, "counters"), name, value) {
		json_t *row = json_object();

		json_object_set_new(row, "counter", json_string(name));
		json_object_set(row, "all", value);
		for (size_t i = 0; i < count; i++)
			json_object_set(row, member[i], json_object_get(json_object_get(
			    json_array_get(servers, i), "counters"), name));
		json_array_append_new(rows, row);
	}
	columns_print(&table, rows, true);
	for (size_t i = 0; i < count; i++)
		free(member[i]);
	free(member);
	free(column);
	json_decref(rows);
}

/* "uid=0" is root for people, "user=account:bob" is account:bob. */
static void
name_author(json_t *row)
{
	const char *author = json_string_value(json_object_get(row, "author"));
	const struct passwd *pw = NULL;

	if (author != NULL && strncmp(author, "uid=", 4) == 0)
		pw = getpwuid((uid_t)strtoul(author + 4, NULL, 10));
	if (pw != NULL)
		json_object_set_new(row, "author", json_string(pw->pw_name));
	else if (author != NULL && strncmp(author, "user=", 5) == 0)
		json_object_set_new(row, "author", json_string(author + 5));
}

static void
print_rows(const struct answers_table *t, const json_t *document)
{
	json_t *rows = json_object_get(document, t->rows), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		name_author(row);
	columns_print(t, rows, true);
}

void
read_table_print(const char *const *words, size_t count, const char *text)
{
	json_t *document = answers_json(words, count, text), *remark;
	size_t i;

	if (strcmp(words[0], "status") == 0)
		print_status(document);
	else if (strcmp(words[0], "counters") == 0 && json_object_get(document, "series") != NULL)
		series_table_print(document);
	else if (strcmp(words[0], "counters") == 0)
		print_counters(document);
	else
		print_rows(answers_rows_find(words[0], count > 2 ? words[2] : NULL), document);
	json_array_foreach(json_object_get(document, "remarks"), i, remark)
		printf("%s\n", json_string_value(remark));
	json_decref(document);
}
