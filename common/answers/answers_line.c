/*
 * answers_line - one line of an answer as an object of JSON; pure
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  each column of the table is a member, whatever the line has
 * Fails by: NULL, the line is no row
 */
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/log_word.h"
#include "common/base/mem.h"

#define COUNT_LAST (1ULL << 53)	/* messages; so their sum stays a number */

size_t
answers_line_cut(char *line, char **cell, size_t most)
{
	size_t n = 0;

	for (char *one; (one = strsep(&line, "\t")) != NULL; n++)
		if (n < most)
			cell[n] = one;
	return n;
}

size_t
answers_line_cells(const struct answers_table *t)
{
	size_t most = 0;

	for (size_t i = 0; i < t->columns; i++)
		most = t->column[i].at > most ? t->column[i].at : most;
	return most + 1;
}

json_t *
answers_line_tabs(const struct answers_table *t, const char *server, char *line)
{
	char *cell[ANSWERS_CELLS_MAX];
	json_t *row;

	if (answers_line_cut(line, cell, ANSWERS_CELLS_MAX) != answers_line_cells(t))
		return NULL;
	row = json_object();
	if (server != NULL)
		answers_value_put(row, "server", ANSWERS_TEXT, server);
	for (size_t i = 0; i < t->columns; i++) {
		const struct answers_column *c = &t->column[i];
		bool given = c->only == NULL || strcmp(cell[c->at - 1], c->only) == 0;

		if (c->type != ANSWERS_SERVER)
			answers_value_put(row, c->name, c->type, given ? cell[c->at] : NULL);
	}
	return row;
}

json_t *
answers_line_ages(char *line)
{
	char *cell[ANSWERS_AGES + 2];
	json_t *row, *ages;
	json_int_t sum = 0;

	if (answers_line_cut(line, cell, nitems_of(cell)) != nitems_of(cell))
		return NULL;
	row = json_object();
	answers_value_put(row, "domain", ANSWERS_TEXT, cell[0]);
	ages = json_object();
	for (size_t i = 0; i < ANSWERS_AGES; i++) {
		uint64_t n = strtoull(cell[i + 1], NULL, 10);

		sum += (json_int_t)(n < COUNT_LAST ? n : COUNT_LAST);
		answers_value_put(ages, answers_rows_ages[i], ANSWERS_NUMBER, cell[i + 1]);
	}
	json_object_set_new(row, "messages", json_integer(sum));
	json_object_set_new(row, "ages", ages);
	answers_value_put(row, "reason", ANSWERS_WORD, cell[ANSWERS_AGES + 1]);
	return row;
}

/* --- "name state key=value ..." --- */

json_t *
answers_line_pairs(const struct answers_table *t, char *line)
{
	char *name = log_word_next(&line), *state = log_word_next(&line), *word;
	json_t *row = json_object();
	size_t pairs = 0;

	answers_value_put(row, "name", ANSWERS_TEXT, name);
	answers_value_put(row, "state", ANSWERS_TEXT, state);
	for (size_t i = 2; i < t->columns; i++)
		answers_value_put(row, t->column[i].name, t->column[i].type, NULL);
	while ((word = log_word_next(&line)) != NULL) {
		char *value = log_word_value(word);
		enum answers_type type = ANSWERS_TEXT;

		for (size_t i = 0; i < t->columns; i++)
			if (strcmp(t->column[i].name, word) == 0)
				type = t->column[i].type;
		if (value != NULL)
			answers_value_put(row, word, type, value);
		pairs += value != NULL;
	}
	if (pairs > 0)
		return row;
	json_decref(row);
	return NULL;
}

/* --- "LEVEL MICROSECONDS PROGRAM PID ID key=value ..." --- */

/* "ID key=value ..."; false: it is no event. */
static bool
put_facts(json_t *row, char *line)
{
	const char *id = log_word_next(&line);
	char *word;

	if (id == NULL)
		return false;
	answers_value_put(row, "id", ANSWERS_WORD, id);
	while ((word = log_word_next(&line)) != NULL) {
		const char *value = log_word_value(word);

		if (value != NULL)
			answers_value_put(row, word, ANSWERS_TEXT, value);
	}
	return true;
}

bool
answers_line_event(json_t *row, char *line)
{
	const char *level = log_word_next(&line), *us = log_word_next(&line), *program = log_word_next(&line);
	const char *pid = log_word_next(&line);
	char time[CLOCK_DATE_SIZE];

	if (pid == NULL)
		return false;
	clock_format_utc(time, strtoll(us, NULL, 10));
	answers_value_put(row, "time", ANSWERS_TEXT, time);
	answers_value_put(row, "level", ANSWERS_TEXT, level);
	answers_value_put(row, "program", ANSWERS_TEXT, program);
	answers_value_put(row, "pid", ANSWERS_NUMBER, pid);
	return put_facts(row, line);
}

json_t *
answers_line_story(char *line)
{
	const char *time = strsep(&line, "\t"), *program = strsep(&line, "\t"), *pid = strsep(&line, "\t");
	json_t *row = json_object();

	answers_value_put_bytes(row, "time", time, strlen(time));
	if (line != NULL && put_facts(row, line) && json_object_get(row, "event") != NULL) {
		answers_value_put_bytes(row, "program", program, strlen(program));
		answers_value_put(row, "pid", ANSWERS_NUMBER, pid);
		return row;
	}
	json_decref(row);
	return NULL;
}

/* --- "key TAB value" --- */

static const struct answers_column *
find_field(const struct answers_table *t, const char *key)
{
	static const struct answers_column other = { .type = ANSWERS_TEXT };

	for (size_t i = 0; i < t->columns; i++)
		if (strcmp(t->column[i].key != NULL ? t->column[i].key : t->column[i].name, key) == 0)
			return &t->column[i];
	return &other;
}

/* A worker that was taken over shall not put something else in the place of a member. */
static bool
is_taken(const struct answers_table *t, const char *key)
{
	for (size_t i = 0; i < t->columns; i++)
		if (strcmp(t->column[i].name, key) == 0)
			return true;
	return strcmp(key, "raw") == 0 || strcmp(key, "server") == 0;
}

static json_t *
parts_of(const struct answers_column *c, char *value)
{
	json_t *object = json_object();

	for (size_t i = 0; i < nitems_of(c->part) && c->part[i] != NULL; i++) {
		const char *one = strsep(&value, "\t");

		answers_value_put(object, c->part[i], i == 0 ? c->type : ANSWERS_TEXT,
		    one != NULL ? one : "");
	}
	return object;
}

void
answers_line_field(const struct answers_table *t, json_t *row, char *line)
{
	const char *key = strsep(&line, "\t");
	const struct answers_column *c = find_field(t, key);
	const char *name = c->name != NULL ? c->name : key;
	json_t *list;

	if (line == NULL || (c->name == NULL && is_taken(t, key)))
		return;
	if (!c->many) {
		answers_value_put(row, name, c->type, line);
	} else if (c->part[0] == NULL) {
		answers_value_append(row, name, line);
	} else {
		list = json_object_get(row, name);
		if (list == NULL)
			json_object_set_new(row, name, list = json_array());
		json_array_append_new(list, parts_of(c, line));
	}
}
