/*
 * explain_lines - what posternctl explain says, line by line or as a document
 *
 * Runs in:  posternctl
 * Owns:     the document until it is printed
 * Promise:  each step names the key and the line of the configuration that decide
 * Fails by: not at all; a value of more than 1023 bytes is cut
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"

struct explain_lines {
	json_t *document, *steps;	/* NULL: lines are printed at once */
};

struct explain_lines *
explain_lines_new(bool json)
{
	struct explain_lines *l = mem_new(struct explain_lines);

	if (json) {
		l->document = answers_new();
		l->steps = json_array();
	}
	return l;
}

static void
put_text(json_t *row, const char *name, const char *text)
{
	if (text != NULL)
		answers_value_put_bytes(row, name, text, strlen(text));
	else
		json_object_set_new(row, name, json_null());
}

static void
add_step(struct explain_lines *l, const char *what, const char *origin, const char *key, const char *value)
{
	json_t *row = json_object();

	put_text(row, "step", what);
	put_text(row, "value", value);
	put_text(row, "key", origin != NULL && *key != '\0' ? key : NULL);
	put_text(row, "origin", origin);
	json_array_append_new(l->steps, row);
}

void
explain_lines_say(struct explain_lines *l, const char *what, const char *origin, const char *key,
    const char *fmt, ...)
{
	char value[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (l->document != NULL)
		add_step(l, what, origin, key, value);
	else if (origin == NULL)
		printf("%-12s %s\n", what, value);
	else
		printf("%-12s %-44s ; %s%s%s\n", what, value, key, *key == '\0' ? "" : ": ", origin);
}

void
explain_lines_end(struct explain_lines *l, bool refused)
{
	if (l->document != NULL && json_array_size(l->steps) > 0) {
		json_object_set_new(l->document, "refused", json_boolean(refused));
		json_object_set(l->document, "steps", l->steps);
		answers_print(l->document, stdout);
	}
	json_decref(l->steps);
	json_decref(l->document);
	free(l);
}
