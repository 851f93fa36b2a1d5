/*
 * answers - what the service answers to the commands of control.sock, as JSON; one block a file. For
 * posternctl --json and whatever else speaks JSON with people who manage. Needs libjansson, and so is not in
 * libcommon.
 *
 * A document is an object that begins with "schema". A value is what it was before the service escaped it for
 * logs and terminals. Bytes that are no UTF-8 become U+FFFD one by one, and "raw" of the same object has the
 * whole value in hexadecimal under the same name: {"sender": "\ufffd@a", "raw": {"sender": "ff4061"}}. Of a
 * list "raw" has a list, in which null stands for what is UTF-8.
 */
#ifndef COMMON_ANSWERS_ANSWERS_H
#define COMMON_ANSWERS_ANSWERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ANSWERS_SCHEMA 1	/* another number: a member went, or means something else */

/* --- answers: a whole answer --- */

/*
 * The document for the text that the service answered to these words of control.sock. NULL: the answer to
 * that command has no JSON. A line that is none of the rows, as a refusal, is in the list "remarks".
 */
json_t *answers_json(const char *const *words, size_t count, const char *text);
/*
 * Of all JSON in this process, once, before the first document: memory is wiped before it is freed, as what
 * is asked may have a password, and there is always some.
 */
void answers_memory_begin(void);
/* {"schema": 1} */
json_t *answers_new(void);

/* --- answers_value: one value --- */

enum answers_type {
	ANSWERS_TEXT,		/* a string */
	ANSWERS_WORD,		/* a string, or null: it is "-", empty or missing */
	ANSWERS_NUMBER,		/* null: it is missing */
	ANSWERS_TIME,		/* seconds since 1970; "2026-11-21T19:04:57Z" */
	ANSWERS_MILLISECONDS,	/* seconds with three places */
	ANSWERS_BLANKS,		/* strings parted by blanks */
	ANSWERS_COMMAS,		/* strings parted by commas */
	ANSWERS_PIDS,		/* numbers parted by commas */
	ANSWERS_LOWER,		/* a word, in lower case */
	ANSWERS_SERVER,		/* the virtual server; the line does not say it */
};

/* Adds `text`, escaped (log_safe without its quotes, msg_queue_put), NULL: missing, under `name`. */
void answers_value_put(json_t *object, const char *name, enum answers_type type, const char *text);
/* Adds one string to the list `name`. */
void answers_value_append(json_t *object, const char *name, const char *text);
/* The same two with bytes that are not escaped. */
void answers_value_put_bytes(json_t *object, const char *name, const char *bytes, size_t len);
void answers_value_append_bytes(json_t *object, const char *name, const char *bytes, size_t len);
/* "2026-11-21T19:04:57Z"; `dst` has CLOCK_DATE_SIZE bytes. */
void answers_value_time(char *dst, const char *seconds);

/* --- answers_rows: command x columns --- */

struct answers_column {
	const char *name;	/* in JSON; with ANSWERS_FORM_FIELDS of the list that its lines become */
	const char *heading;	/* above a table; NULL: in JSON alone */
	enum answers_type type;
	unsigned at;		/* which cell of the line; for keys of FORM_PAIRS and FORM_FIELDS unused */
	const char *only;	/* null unless the cell before is this */
	int width;		/* of plain columns, as printf has it; 0: not there */
	const char *empty;	/* in tables and plain columns: what stands for an empty value */
	bool age;		/* there: how long ago that time was */
	enum { ANSWERS_SHRINK_NONE, ANSWERS_SHRINK_CUT, ANSWERS_SHRINK_WRAP } shrink;
	unsigned weight;	/* in tables that are too wide: the largest is left out first; 0: never */
	const char *key;	/* FORM_FIELDS: the first word of its lines; NULL: `name` */
	const char *part[3];	/* FORM_FIELDS: a line is an object of these; NULL: it is a value */
	bool many;		/* FORM_FIELDS: there may be several lines */
};

enum answers_form {
	ANSWERS_FORM_TABS,	/* a row a line, cells parted by tabs; "!remark"; "=trailer" */
	ANSWERS_FORM_PAIRS,	/* "name state key=value ..." */
	ANSWERS_FORM_FIELDS,	/* "key TAB value", a row begins with its id */
	ANSWERS_FORM_COUNTERS,	/* "name number" */
	ANSWERS_FORM_AGES,	/* "domain TAB number TAB number ... TAB reason" */
	ANSWERS_FORM_NONE,	/* no rows, a trailer */
	ANSWERS_FORM_HEALTH,	/* "OK: text"; then a row a line, cells parted by tabs */
	ANSWERS_FORM_STEPS,	/* "step: text" */
	ANSWERS_FORM_EVENTS,	/* "time TAB program TAB pid TAB id event=... key=value"; a trailer */
	ANSWERS_FORM_SERIES,	/* "name TAB kind TAB number TAB ...", "-" for null */
	ANSWERS_FORM_DOCUMENT,	/* of posternctl itself: the service has no such answer */
};

struct answers_table {
	const char *command, *verb;	/* verb NULL: whichever */
	enum answers_form form;
	const char *rows;		/* the list of the document that has them */
	const struct answers_column *column;
	size_t columns;
};

/* NULL: there is none. */
const struct answers_table *answers_rows_find(const char *command, const char *verb);
/* The columns of the line about the service itself in the answer to "status". */
extern const struct answers_table answers_rows_service;
/* What the numbers of ANSWERS_FORM_AGES count: messages that are younger. */
#define ANSWERS_AGES 7
extern const char *const answers_rows_ages[ANSWERS_AGES];

/* --- answers_topic: what an event is about --- */

enum answers_topic { ANSWERS_TOPIC_SESSIONS, ANSWERS_TOPIC_MESSAGES, ANSWERS_TOPIC_STATE,
	ANSWERS_TOPIC_OPERATORS, ANSWERS_TOPIC_TROUBLE, ANSWERS_TOPIC_COUNTERS, ANSWERS_TOPICS };
extern const char *const answers_topic_names[ANSWERS_TOPICS];
unsigned answers_topic_bits(const json_t *row);	/* bits; `row`: an event of answers_line_event */
json_t *answers_topic_list(const json_t *row);	/* the same as names; a new list */

/* --- answers_line: one line of an answer as a row. `line` is changed --- */

#define ANSWERS_CELLS_MAX 16

size_t answers_line_cells(const struct answers_table *t);	/* that a line of FORM_TABS has */
/* Cuts a line with tabs; how many cells, and no more than `most` of them in `cell`. */
size_t answers_line_cut(char *line, char **cell, size_t most);
/* NULL: the line has not all its columns. `server` is added; NULL: it is among the columns. */
json_t *answers_line_tabs(const struct answers_table *t, const char *server, char *line);
json_t *answers_line_ages(char *line);
/* "name state key=value ..."; NULL: it is no such line. */
json_t *answers_line_pairs(const struct answers_table *t, char *line);
/* Adds an event as it comes to who watches (log_watch) to `row`. False: it is none. */
bool answers_line_event(json_t *row, char *line);
/* "time TAB program TAB pid TAB id event=..." of the event log, as such an event; NULL: it is none. */
json_t *answers_line_story(char *line);
/* One field of a row that has begun. */
void answers_line_field(const struct answers_table *t, json_t *row, char *line);

/* --- answers_print: JSON as text, with nothing in it that does harm to a terminal --- */

/* A document, an element of its lists a line. */
void answers_print(const json_t *document, FILE *out);
/* The same as its rows come: members before them, each row, members after them. `first`: no row yet. */
void answers_print_begin(const json_t *before, const char *rows, FILE *out);
void answers_print_row(const json_t *row, bool first, FILE *out);
void answers_print_end(const json_t *after, FILE *out);
/* A value on one line; owned by the caller. */
char *answers_print_text(const json_t *value);

#endif
