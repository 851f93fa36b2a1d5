/*
 * import_report - what became of each property of an import, for people
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  one line a property; what has to be seen begins with "!"
 * Fails by: cannot
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/posternctl/import/import.h"

#define OLD_MAX 60		/* of a value, in the report for people; blobs are longer */

static const char *
text_of(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static void
print_row(const json_t *row)
{
	const char *domain = text_of(row, "domain"), *property = text_of(row, "property"),
	    *old = text_of(row, "old"), *key = text_of(row, "key"), *new = text_of(row, "new"),
	    *why = text_of(row, "why"), *command = text_of(row, "command"), *from = text_of(row, "from");

	printf("%c %-8s", json_is_true(json_object_get(row, "loud")) ? '!' : ' ', text_of(row, "outcome"));
	if (domain != NULL)
		printf(" [%s]", domain);
	if (property != NULL)
		printf(" %s", property);
	if (old != NULL)
		printf(" = %.*s%s", OLD_MAX, old, strlen(old) > OLD_MAX ? "..." : "");
	if (from != NULL && (strcmp(from, "service") == 0 || strcmp(from, "default") == 0))
		printf(" [%s]", strcmp(from, "service") == 0 ? "of the service" : "not in the file: of IIS");
	if (key != NULL)
		printf("  ->  %s%s%s", key, new != NULL ? " = " : "", new != NULL ? new : "");
	if (why != NULL)
		printf("  (%s)", why);
	printf("\n");
	if (command != NULL)
		printf("            %s\n", command);
}

static void
print_list(json_t *rows, const char *outcome)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (text_of(row, "outcome") != NULL && strcmp(text_of(row, "outcome"), outcome) == 0)
			print_row(row);
}

static size_t
count_of(json_t *rows, const char *outcome)
{
	size_t i, n = 0;
	json_t *row;

	json_array_foreach(rows, i, row)
		n += text_of(row, "outcome") != NULL && strcmp(text_of(row, "outcome"), outcome) == 0;
	return n;
}

/* What has to be done comes last: it is what one reads. */
static void
print_server(json_t *rows)
{
	static const char *const order[] = { "carried", "none", "changed", "asked" };

	for (size_t i = 0; i < nitems_of(order); i++)
		print_list(rows, order[i]);
	printf("  %zu carried, %zu changed, %zu without an equivalent, %zu to be asked for\n",
	    count_of(rows, "carried"), count_of(rows, "changed"), count_of(rows, "none"),
	    count_of(rows, "asked"));
}

void
import_report_print(json_t *result)
{
	json_t *server, *remark, *rows = json_object_get(result, "report");
	size_t i;

	json_array_foreach(json_object_get(result, "remarks"), i, remark)
		printf("! %s\n", json_string_value(remark));
	if (json_array_size(rows) > 0)
		printf("service\n");
	print_list(rows, "none");
	json_array_foreach(json_object_get(result, "servers"), i, server) {
		printf("%s (SMTP virtual server %lld of IIS)\n", text_of(server, "name"),
		    (long long)json_integer_value(json_object_get(server, "instance")));
		print_server(json_object_get(server, "report"));
	}
}

int
import_report_refuse(const json_t *server)
{
	fprintf(stderr, "posternctl: virtual server %s cannot be written: no name, or too large\n",
	    log_safe(text_of(server, "name")));
	return EX_DATAERR;
}
