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

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"

#define ROWS_MAX 100000
#define COLUMNS_MAX 10

/* How a column of a list is shown. Width 0: in JSON only. */
enum queue_form { FORM_TEXT, FORM_TIME, FORM_NUMBER, FORM_LIST, FORM_AGE };
struct queue_column { const char *key, *title; enum queue_form form; int width; };

static const struct queue_column queue_columns[] = {
	{ "id", "ID", FORM_TEXT, -16 }, { "state", "STATE", FORM_TEXT, -7 },
	{ "arrived", "AGE", FORM_AGE, 5 }, { "due", NULL, FORM_TIME, 0 },
	{ "size", "SIZE", FORM_NUMBER, 9 }, { "sender", "SENDER", FORM_TEXT, -30 },
	{ "pending", "TODO", FORM_NUMBER, 5 },
	{ "recipients", NULL, FORM_NUMBER, 0 }, { "to", "RECIPIENTS", FORM_LIST, -30 },
	{ "reason", "REASON", FORM_TEXT, -1 },
};
static const struct queue_column badmail_columns[] = {
	{ "id", "ID", FORM_TEXT, -18 }, { "since", "AGE", FORM_AGE, 5 }, { "size", "SIZE", FORM_NUMBER, 9 },
	{ "sender", "SENDER", FORM_TEXT, -30 }, { "recipients", NULL, FORM_NUMBER, 0 },
	{ "to", "RECIPIENTS", FORM_LIST, -30 },
	{ "reason", "REASON", FORM_TEXT, -1 }, { "details", "", FORM_TEXT, -1 },
};

struct queue_print {
	enum msg_queue_verb verb;
	bool json;
	const struct queue_column *column; size_t columns;	/* of a list; NULL: no list */
	char **row; size_t rows, room;	/* "SERVER\tline" */
	bool first;			/* nothing printed yet */
	char list[16];			/* in JSON of one message: key of the open array, or "" */
	struct queue_count *count;
};

struct queue_print *
queue_print_new(enum msg_queue_verb verb, bool json)
{
	struct queue_print *p = mem_new(struct queue_print);

	p->verb = verb;
	p->json = json;
	p->first = true;
	p->column = verb == MSG_QUEUE_LIST ? queue_columns :
	    verb == MSG_QUEUE_BADMAIL_LIST ? badmail_columns : NULL;
	p->columns = verb == MSG_QUEUE_LIST ? nitems_of(queue_columns) : nitems_of(badmail_columns);
	p->count = verb == MSG_QUEUE_COUNT ? queue_count_new() : NULL;
	return p;
}

void
queue_print_free(struct queue_print *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->rows; i++)
		free(p->row[i]);
	free(p->row);
	queue_count_free(p->count);
	free(p);
}

/* --- values --- */

static const char *
format_time(char *dst, const char *seconds)
{
	clock_format_utc(dst, strtoll(seconds, NULL, 10) * 1000000);
	strcpy(dst + strlen("2026-11-21T19:04:57"), "Z");
	return dst;
}

/* "59s", "12m", "47h", "9d". */
static void
format_age(char *dst, size_t size, const char *seconds)
{
	long long age = clock_wall_us() / 1000000 - strtoll(seconds, NULL, 10);
	age = age < 0 ? 0 : age;
	if (age < 120)
		snprintf(dst, size, "%llds", age);
	else if (age < 7200)
		snprintf(dst, size, "%lldm", age / 60);
	else if (age < 172800)
		snprintf(dst, size, "%lldh", age / 3600);
	else
		snprintf(dst, size, "%lldd", age / 86400);
}

static void
print_json_list(char *text)
{
	putchar('[');
	for (char *one, *rest = text; *text != '\0' && (one = strsep(&rest, " ")) != NULL;) {
		json_print_string(one);
		printf(rest != NULL ? ", " : "");
	}
	putchar(']');
}

static void
print_json_value(enum queue_form form, char *text)
{
	char time[CLOCK_DATE_SIZE];

	if (form == FORM_NUMBER)
		printf("%lld", strtoll(text, NULL, 10));
	else if (form == FORM_LIST)
		print_json_list(text);
	else
		json_print_string(form == FORM_TIME || form == FORM_AGE ? format_time(time, text) : text);
}

static void
print_table_value(const struct queue_column *c, const char *text)
{
	char age[24];

	if (c->width == 0)
		return;
	if (c->form == FORM_AGE)
		format_age(age, sizeof(age), text);
	printf("%*s ", c->width, c->form == FORM_AGE ? age : c->form == FORM_TEXT && *text == '\0' &&
	    c->width < -1 ? "<>" : text);
}

/* --- lists --- */

static void
print_list_row(struct queue_print *p, char *line)
{
	char *column[COLUMNS_MAX], *server = strsep(&line, "\t");
	size_t n = 0;

	for (char *one; n < COLUMNS_MAX && (one = strsep(&line, "\t")) != NULL; n++)
		column[n] = one;
	if (n != p->columns)
		return;
	if (p->json)
		printf("%s\n  {\"server\": \"%s\"", p->first ? "[" : ",", server);
	else if (p->first)
		for (size_t i = 0; i < n; i++)
			printf(p->column[i].width != 0 ? "%*s " : "", p->column[i].width, p->column[i].title);
	if (!p->json && p->first)
		printf("SERVER\n");
	for (size_t i = 0; i < n; i++)
		if (p->json) {
			printf(", \"%s\": ", p->column[i].key);
			print_json_value(p->column[i].form, column[i]);
		} else {
			print_table_value(&p->column[i], column[i]);
		}
	printf(p->json ? "}" : "(%s)\n", server);
	p->first = false;
}

static int
compare_rows(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return strcmp(strchr(x, '\t'), strchr(y, '\t')); /* ids sort by time */
}

static void
flush_rows(struct queue_print *p)
{
	if (p->rows > 0)
		qsort(p->row, p->rows, sizeof(*p->row), compare_rows);
	for (size_t i = 0; i < p->rows; i++) {
		print_list_row(p, p->row[i]);
		free(p->row[i]);
	}
	p->rows = 0;
}

static void
keep_row(struct queue_print *p, const char *server, const char *line)
{
	if (p->rows == ROWS_MAX)
		flush_rows(p);
	if (p->rows == p->room)
		p->row = mem_array(p->row, p->room = p->room == 0 ? 256 : p->room * 2, sizeof(*p->row));
	p->row[p->rows++] = mem_printf("%s\t%s", server, line);
}

/* --- one message, line by line: "key TAB value" --- */

static const struct { const char *key, *list; enum queue_form form; size_t parts; const char *part[2];
    } message_fields[] = {
	{ "arrived", NULL, FORM_TIME, 0, { NULL } }, { "due", NULL, FORM_TIME, 0, { NULL } },
	{ "since", NULL, FORM_TIME, 0, { NULL } },
	{ "size", NULL, FORM_NUMBER, 0, { NULL } }, { "more-recipients", NULL, FORM_NUMBER, 0, { NULL } },
	{ "recipient", "recipients", FORM_TEXT, 1, { "mark", "address" } },
	{ "note", "notes", FORM_TIME, 2, { "time", "event" } },
	{ "header", "header", FORM_TEXT, 0, { NULL } }, { "reason", "reason", FORM_TEXT, 0, { NULL } },
};

static void
end_json_list(struct queue_print *p)
{
	if (p->list[0] != '\0')
		printf("]");
	p->list[0] = '\0';
}

static void
print_message_json(struct queue_print *p, const char *server, const char *key, char *value)
{
	size_t i = 0;
	const char *list;
	bool begins;

	while (i < nitems_of(message_fields) && strcmp(message_fields[i].key, key) != 0)
		i++;
	list = i < nitems_of(message_fields) ? message_fields[i].list : NULL;
	begins = list == NULL || strcmp(p->list, list) != 0;
	if (begins)
		end_json_list(p);
	if (strcmp(key, "id") == 0)
		printf("%s\n  {\"server\": \"%s\"", p->first ? "[" : "},", server);
	printf(list == NULL || begins ? ", \"%s\": %s" : ", ", list != NULL ? list : key,
	    list != NULL ? "[" : "");
	snprintf(p->list, sizeof(p->list), "%s", list != NULL ? list : "");
	if (list == NULL || message_fields[i].parts == 0) {
		print_json_value(i < nitems_of(message_fields) ? message_fields[i].form : FORM_TEXT, value);
		return;
	}
	for (size_t k = 0; k < message_fields[i].parts; k++) {
		printf("%s\"%s\": ", k == 0 ? "{" : ", ", message_fields[i].part[k]);
		print_json_value(k == 0 ? message_fields[i].form : FORM_TEXT, strsep(&value, "\t"));
	}
	printf(", \"%s\": ", strcmp(key, "note") == 0 ? "text" : "address");
	json_print_string(value != NULL ? value : "");
	printf("}");
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
	printf("%-12s %s", key, dated ? format_time(time, strsep(&value, "\t")) : "");
	for (char *tab = value; tab != NULL && (tab = strchr(tab, '\t')) != NULL;)
		*tab = ' ';
	printf("%s%s\n", dated && value != NULL ? " " : "", value != NULL ? value : "");
}

static void
print_message_line(struct queue_print *p, const char *server, char *line)
{
	char *key = strsep(&line, "\t");

	if (p->json)
		print_message_json(p, server, key, line);
	else
		print_message_text(p, server, key, line);
	p->first = false;
}

void
queue_print_row(struct queue_print *p, const char *server, char *line)
{
	if (p->count != NULL)
		queue_count_add(p->count, line);
	else if (p->column != NULL)
		keep_row(p, server, line);
	else
		print_message_line(p, server, line);
}

void
queue_print_end(struct queue_print *p)
{
	if (p->count != NULL) {
		queue_count_print(p->count, p->json);
		return;
	}
	flush_rows(p);
	end_json_list(p);
	if (p->json)
		printf(p->first ? "[]\n" : p->column != NULL ? "\n]\n" : "}\n]\n");
}
