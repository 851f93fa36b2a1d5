/*
 * log_json - a line of the event log as one JSON object (RFC 8259), with the names that posternctl watch has;
 * pure
 *
 * Runs in:  every process, any thread
 * Owns:     nothing
 * Promise:  whatever the line has, it is one object on one line, and no name stands in it twice
 * Fails by: "cut": it has no room for all facts
 */
#include "common/base/log_json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/escape.h"
#include "common/base/log_word.h"
#include "common/base/utf8.h"

#define LINE_SIZE 2048
#define NAMES_MAX 64

static const char cut_end[] = ",\"cut\":true}\n", whole_end[] = "}\n";

struct object {
	char *text;
	size_t len;
	bool cut;
	const char *name[NAMES_MAX];
	size_t names;
};

static void
add(struct object *o, const char *text, size_t len)
{
	if (o->len + len > LOG_JSON_MAX - (sizeof(cut_end) - 1))
		o->cut = true;
	if (o->cut)
		return;
	memcpy(o->text + o->len, text, len);
	o->len += len;
}

static void
add_string(struct object *o, const char *text, size_t len)
{
	char piece[UTF8_JSON_SIZE];

	add(o, "\"", 1);
	for (size_t i = 0; i < len;) {
		i += utf8_format_json(piece, (const unsigned char *)text + i, len - i);
		add(o, piece, strlen(piece));
	}
	add(o, "\"", 1);
}

/* Whether the name is new, and there is a place for it. */
static bool
add_name(struct object *o, const char *name)
{
	for (size_t i = 0; i < o->names; i++)
		if (strcmp(o->name[i], name) == 0)
			return false;
	if (o->names == NAMES_MAX)
		return false;
	o->name[o->names++] = name;
	add(o, o->names == 1 ? "{" : ",", 1);
	add_string(o, name, strlen(name));
	add(o, ":", 1);
	return true;
}

/* A member is there as a whole or not at all. */
static void
put(struct object *o, const char *name, const char *value, size_t len)
{
	size_t before = o->len;

	if (o->cut || !add_name(o, name))
		return;
	add_string(o, value, len);
	if (o->cut)
		o->len = before;
}

static void
put_number(struct object *o, const char *name, long number)
{
	char text[32];
	size_t before = o->len;

	if (o->cut || !add_name(o, name))
		return;
	add(o, text, (size_t)snprintf(text, sizeof(text), "%ld", number));
	if (o->cut)
		o->len = before;
}

/* The process stands last: a fact of that name, as of a dead process, is what the event is about. */
size_t
log_json(char dst[LOG_JSON_MAX], const char *level, int64_t us, const char *program, pid_t pid,
    const char *line, size_t len)
{
	struct object o = { .text = dst };
	char copy[LINE_SIZE], time[CLOCK_DATE_SIZE], *rest = copy, *word, *value;
	const char *end;

	snprintf(copy, sizeof(copy), "%.*s", (int)len, line);
	clock_format_utc(time, us);
	put(&o, "time", time, strlen(time));
	put(&o, "level", level, strlen(level));
	put(&o, "program", program, strlen(program));
	word = log_word_next(&rest);
	if (word != NULL && strcmp(word, "-") != 0)
		put(&o, "id", word, strlen(word));
	while ((word = log_word_next(&rest)) != NULL)
		if ((value = log_word_value(word)) != NULL)
			put(&o, word, value, escape_undo(value));
	put_number(&o, "pid", pid);
	end = o.cut ? cut_end : whole_end;
	memcpy(dst + o.len, end, strlen(end));
	return o.len + strlen(end);
}
