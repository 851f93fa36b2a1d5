/*
 * answers - the answer of the service to a command as a document of JSON; pure
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  every line of the answer is in the document: as a row, as a number, or as a remark
 * Fails by: NULL, that command has none
 */
#include "common/answers/answers.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/command/queue_words.h"

struct answer {
	const struct answers_table *table;
	const char *const *words; size_t count;
	json_t *document, *rows;	/* rows: of the document */
	json_t *row;			/* the one that has begun; of the rows */
};

static void
wipe_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void
answers_memory_begin(void)
{
	/* A document without the members for which there was no memory would be a wrong one. */
	json_set_alloc_funcs(mem_zalloc, wipe_free);
}

json_t *
answers_new(void)
{
	return json_pack("{si}", "schema", ANSWERS_SCHEMA);
}

static const char *
server_of(const struct answer *a)
{
	return a->count > 1 && strcmp(a->words[1], "-") != 0 ? a->words[1] : NULL;
}

static void
add_remark(struct answer *a, const char *line)
{
	answers_value_append_bytes(a->document, "remarks", line, strlen(line));
}

static void
add_row(struct answer *a, json_t *row, const char *line)
{
	if (row != NULL)
		json_array_append_new(a->rows, row);
	else
		add_remark(a, line);
}

/* --- lines by their form --- */

static void
take_pairs(struct answer *a, char *line)
{
	char *copy = mem_strdup(line);
	bool service = strncmp(line, "(service) ", 10) == 0;
	json_t *row = answers_line_pairs(service ? &answers_rows_service : a->table, line);

	if (service && row != NULL) {
		json_object_del(row, "name");
		json_object_set_new(a->document, "service", row);
	} else {
		add_row(a, row, copy);
	}
	free(copy);
}

/* "@NAME": the counters that follow are its own. */
static void
take_counter(struct answer *a, char *line)
{
	char *blank = strchr(line, ' '), *end;
	json_int_t value = blank != NULL ? strtoll(blank + 1, &end, 10) : 0;

	if (line[0] == '@') {
		a->row = json_object();
		answers_value_put(a->row, "server", ANSWERS_TEXT, line + 1);
		json_object_set_new(a->row, "counters", json_object());
		json_array_append_new(json_object_get(a->document, "servers"), a->row);
	} else if (blank == NULL || end == blank + 1 || *end != '\0') {
		add_remark(a, line);
	} else {
		*blank = '\0';
		json_object_set_new(a->row != NULL ? json_object_get(a->row, "counters") : a->rows, line,
		    json_integer(value));
	}
}

static void
take_health(struct answer *a, char *line)
{
	char *text = strstr(line, ": "), *copy;

	if (strchr(line, '\t') != NULL) {
		copy = mem_strdup(line);
		add_row(a, answers_line_tabs(a->table, NULL, line), copy);
		free(copy);
	} else if (text == NULL) {
		add_remark(a, line);
	} else {
		*text = '\0';
		answers_value_put(a->document, "health", ANSWERS_LOWER, line);
		answers_value_put_bytes(a->document, "text", text + 2, strlen(text + 2));
	}
}

static void
take_step(struct answer *a, char *line)
{
	char *text = strstr(line, ": ");
	json_t *row = json_object();

	answers_value_put_bytes(row, "step", line, text != NULL ? (size_t)(text - line) : 0);
	text = text != NULL ? text + 2 : line;
	answers_value_put_bytes(row, "text", text, strlen(text));
	json_array_append_new(a->rows, row);
}

/* One value of a series: a number, milliseconds as seconds, a time. NULL: it is none. */
static json_t *
series_value(const char *kind, const char *text)
{
	char date[CLOCK_DATE_SIZE], *end;
	json_int_t n = strtoll(text, &end, 10);

	if (strcmp(text, "-") == 0)
		return json_null();
	if (end == text || *end != '\0')
		return NULL;
	if (strcmp(kind, "times") == 0) {
		answers_value_time(date, text);
		return json_string(date);
	}
	return strcmp(kind, "lengths") == 0 ? json_real((double)n / 1000) : json_integer(n);
}

static json_t *
series_values(const char *kind, char *rest)
{
	json_t *list = json_array(), *value;

	for (char *one; (one = strsep(&rest, "\t")) != NULL;) {
		value = series_value(kind, one);
		if (value == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, value);
	}
	return list;
}

/* "step", "times" and "lengths" are members of the document; each other line is a counter with its kind. */
static void
take_series(struct answer *a, char *line)
{
	char *copy = mem_strdup(line), *rest = line, *name = strsep(&rest, "\t"), *kind = name;
	bool own = strcmp(name, "step") == 0 || strcmp(name, "times") == 0 || strcmp(name, "lengths") == 0;
	json_t *values = NULL;

	if (!own)
		kind = strsep(&rest, "\t");
	if (line[0] != '!' && kind != NULL)
		values = series_values(kind, rest);
	if (values == NULL)
		add_remark(a, copy[0] == '!' ? copy + 1 : copy);
	else if (strcmp(name, "step") == 0)
		json_object_set(a->document, name, json_array_get(values, 0));
	else if (own)
		json_object_set(a->document, name, values);
	else
		json_array_append_new(a->rows, json_pack("{s:s,s:s,s:O}", "counter", name, "kind", kind,
		    "points", values));
	json_decref(values);
	free(copy);
}

/* The numbers of a page of queue or badmail, and where the next one begins. */
static void
take_trailer(struct answer *a, const char *line)
{
	static const char *const states[MSG_QUEUE_STATES] = { "ok", "not-yet", "ending", "locked" };
	struct queue_words_trailer t;
	const struct queue_words_sums *n = &t.sums;
	bool more;

	if (!queue_words_trailer_parse(&t, line) || t.state >= MSG_QUEUE_STATES) {
		add_remark(a, line);
		return;
	}
	more = t.state != MSG_QUEUE_OK || t.at[strlen(t.at) - 1] != ':';
	json_object_update_new(a->document, json_pack("{sIsIsIsIsIss}", "matched", (json_int_t)n->matched,
	    "done", (json_int_t)n->done, "busy", (json_int_t)n->busy, "failed", (json_int_t)n->failed,
	    "recipients", (json_int_t)n->recipients, "page", states[t.state]));
	json_object_set_new(a->document, "next", more && t.state == MSG_QUEUE_OK ? json_string(t.at) :
	    json_null());
}

static void
take_row(struct answer *a, char *line)
{
	char *copy = mem_strdup(line);
	enum answers_form form = a->table->form;
	const char *server = strcmp(a->table->command, "sessions") == 0 ? NULL : server_of(a);

	if (strchr(line, '\t') == NULL) {
		add_remark(a, line);
	} else if (form == ANSWERS_FORM_TABS) {
		add_row(a, answers_line_tabs(a->table, server, line), copy);
	} else if (form == ANSWERS_FORM_EVENTS) {
		add_row(a, answers_line_story(line), copy);
	} else if (form == ANSWERS_FORM_AGES) {
		add_row(a, answers_line_ages(line), copy);
	} else if (form == ANSWERS_FORM_FIELDS) {
		if (strncmp(line, "id\t", 3) == 0 || a->row == NULL) {
			a->row = json_object();
			if (server != NULL)
				answers_value_put(a->row, "server", ANSWERS_TEXT, server);
			json_array_append_new(a->rows, a->row);
		}
		answers_line_field(a->table, a->row, line);
	}
	free(copy);
}

/* Sessions, queue and badmail mark what is no row. */
static void
take_marked(struct answer *a, char *line)
{
	bool pages = strcmp(a->table->command, "sessions") != 0;

	if (line[0] == '!' || (line[0] == '=' && !pages))
		add_remark(a, line + 1);
	else if (line[0] == '=')
		take_trailer(a, line + 1);
	else if (line[0] == '@' && pages)
		answers_value_append(a->document, "servers", line + 1);
	else
		take_row(a, line);
}

static void
take_line(struct answer *a, char *line)
{
	switch (a->table->form) {
	case ANSWERS_FORM_PAIRS:
		take_pairs(a, line);
		return;
	case ANSWERS_FORM_COUNTERS:
		take_counter(a, line);
		return;
	case ANSWERS_FORM_HEALTH:
		take_health(a, line);
		return;
	case ANSWERS_FORM_STEPS:
		take_step(a, line);
		return;
	case ANSWERS_FORM_SERIES:
		take_series(a, line);
		return;
	case ANSWERS_FORM_DOCUMENT:
	case ANSWERS_FORM_TABS:
	case ANSWERS_FORM_FIELDS:
	case ANSWERS_FORM_AGES:
	case ANSWERS_FORM_EVENTS:
	case ANSWERS_FORM_NONE:
		break;
	}
	take_marked(a, line);
}

/* --- the document --- */

/* The members that are there whatever the text says. */
static void
begin(struct answer *a)
{
	const struct answers_table *t = a->table;
	const char *server = server_of(a);

	a->document = answers_new();
	if (t->form == ANSWERS_FORM_COUNTERS) {
		answers_value_put(a->document, "server", ANSWERS_TEXT, server);
		json_object_set_new(a->document, "counters", json_object());
		json_object_set_new(a->document, "servers", json_array());
	} else if (t->form == ANSWERS_FORM_NONE) {
		answers_value_put(a->document, "action", ANSWERS_TEXT, a->count > 2 ? a->words[2] : NULL);
	} else if (t->form == ANSWERS_FORM_SERIES) {
		answers_value_put(a->document, "server", ANSWERS_TEXT, server);
		answers_value_put(a->document, "span", ANSWERS_TEXT, a->words[2]);
		json_object_update_new(a->document, json_pack("{s:n,s:[],s:[],s:[]}", "step", "times",
		    "lengths", t->rows));
	} else if (t->rows != NULL) {
		json_object_set_new(a->document, t->rows, json_array());
	}
	if (t->form == ANSWERS_FORM_PAIRS)
		json_object_set_new(a->document, "service", json_null());
	json_object_set_new(a->document, "remarks", json_array());
	a->rows = t->rows != NULL ? json_object_get(a->document, t->rows) : NULL;
}

json_t *
answers_json(const char *const *words, size_t count, const char *text)
{
	struct answer a = { .words = words, .count = count };
	char *copy, *rest;

	a.table = count > 0 ? answers_rows_find(words[0], count > 2 ? words[2] : NULL) : NULL;
	if (a.table == NULL || a.table->form == ANSWERS_FORM_DOCUMENT)
		return NULL;
	begin(&a);
	copy = rest = mem_strdup(text);
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			take_line(&a, line);
	free(copy);
	return a.document;
}
