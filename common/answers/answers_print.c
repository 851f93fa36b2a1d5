/*
 * answers_print - JSON as text: an element of a list a line, as rows come
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  every parser takes it, and no character in it does harm to a terminal: what may not be shown is
 *           \uXXXX
 * Fails by: the errors of the file
 */
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"

/* jansson escapes quotes and C0 alone. What is not ASCII stands in strings only. */
static void
add_shown(struct buf *out, const char *text, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		char shown[UTF8_JSON_SIZE];

		for (n = 0; at + n < len && (unsigned char)text[at + n] < 0x7f;)
			n++;
		if (n > 0) {
			buf_add(out, text + at, n);
			continue;
		}
		n = utf8_format_json(shown, (const unsigned char *)text + at, len - at);
		buf_puts(out, shown);
	}
}

char *
answers_print_text(const json_t *value)
{
	char *raw = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	struct buf text = BUF_INIT(SIZE_MAX / 2);

	add_shown(&text, raw != NULL ? raw : "null", raw != NULL ? strlen(raw) : 4);
	free(raw);
	return text.data;
}

static void
print_value(const json_t *value, FILE *out)
{
	char *text = answers_print_text(value);

	fputs(text, out);
	free(text);
}

/* A list of objects has one a line. */
static void
print_member(const char *name, const json_t *value, FILE *out)
{
	json_t *key = json_string(name);
	bool lines = json_is_array(value) && json_is_object(json_array_get(value, 0));

	print_value(key, out);
	json_decref(key);
	fputs(lines ? ": [" : ": ", out);
	for (size_t i = 0; lines && i < json_array_size(value); i++)
		answers_print_row(json_array_get(value, i), i == 0, out);
	if (lines)
		fputs("\n]", out);
	else
		print_value(value, out);
}

/* `first`: nothing stands before it. */
static void
print_members(const json_t *object, bool first, FILE *out)
{
	json_t *iterated = mem_unconst(object);
	const char *name;
	json_t *value;

	json_object_foreach(iterated, name, value) {
		fputs(first ? "{" : ",\n", out);
		print_member(name, value, out);
		first = false;
	}
}

void
answers_print_begin(const json_t *before, const char *rows, FILE *out)
{
	print_members(before, true, out);
	fprintf(out, ",\n\"%s\": [", rows);
}

void
answers_print_row(const json_t *row, bool first, FILE *out)
{
	fputs(first ? "\n  " : ",\n  ", out);
	print_value(row, out);
}

void
answers_print_end(const json_t *after, FILE *out)
{
	fputs("\n]", out);
	print_members(after, false, out);
	fputs("}\n", out);
}

void
answers_print(const json_t *document, FILE *out)
{
	print_members(document, true, out);
	fputs("}\n", out);
}
