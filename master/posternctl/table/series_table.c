/*
 * series_table - counters of the last hour or day as a table: the least, the most, the newest, and a curve
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a curve is as long as the span, from left to right; where nothing is known it has a gap. What did
 *           not move is counted, and left out
 * Fails by: not at all
 */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/posternctl/table/table.h"

#define WIDTH 48		/* letters of a curve */
#define LEVELS 8

static const struct answers_column columns[] = {
	{ "counter", "COUNTER", .type = ANSWERS_TEXT, .width = -36 },
	{ "unit", "IN", .type = ANSWERS_TEXT, .width = -8 },
	{ "least", "LEAST", .type = ANSWERS_NUMBER, .width = 10, .weight = 1 },
	{ "most", "MOST", .type = ANSWERS_NUMBER, .width = 10 },
	{ "last", "NEWEST", .type = ANSWERS_NUMBER, .width = 10 },
	{ "curve", "CURVE", .type = ANSWERS_TEXT, .width = -1, .weight = 2 },
};
static const struct answers_table table = { .column = columns, .columns = nitems_of(columns) };

/* The span cut into as many pieces as a curve has letters: the most of each; -1: not known. */
struct curve {
	double piece[WIDTH];
	double least, most, last;	/* of all points */
	bool any;
};

static int64_t
seconds_of(const json_t *time)
{
	struct tm tm = { .tm_sec = 0 };
	const char *text = json_string_value(time);

	return text != NULL && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) != NULL ? timegm(&tm) : -1;
}

/* Growth is shown per minute: samples are not equally long. False: it is not known. */
static bool
point_of(const json_t *document, const json_t *series, size_t i, double *value)
{
	const json_t *point = json_array_get(json_object_get(series, "points"), i);
	double length = json_number_value(json_array_get(json_object_get(document, "lengths"), i));
	const char *kind = json_string_value(json_object_get(series, "kind"));

	if (!json_is_integer(point))
		return false;
	*value = json_number_value(point);
	if (kind == NULL || strcmp(kind, "growth") != 0)
		return true;
	if (length <= 0)
		return false;
	*value *= 60 / length;
	return true;
}

static void
put_point(struct curve *c, size_t at, double value)
{
	c->piece[at] = value > c->piece[at] ? value : c->piece[at];
	c->least = !c->any || value < c->least ? value : c->least;
	c->most = !c->any || value > c->most ? value : c->most;
	c->last = value;
	c->any = true;
}

static void
make_curve(struct curve *c, const json_t *document, const json_t *series, int64_t begin, int64_t span)
{
	const json_t *times = json_object_get(document, "times"), *time;
	size_t i;
	double value;

	*c = (struct curve){ .any = false };
	for (size_t k = 0; k < WIDTH; k++)
		c->piece[k] = -1;
	json_array_foreach(times, i, time) {
		int64_t at = (seconds_of(time) - begin) * WIDTH / span;

		if (point_of(document, series, i, &value))
			put_point(c, at < 0 ? 0 : at >= WIDTH ? WIDTH - 1 : (size_t)at, value);
	}
}

static char *
draw(const struct curve *c)
{
	static const char *const blocks[LEVELS + 1] = { " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585",
	    "\u2586", "\u2587", "\u2588" };
	static const char *const plain[LEVELS + 1] = { " ", "_", ".", "-", "~", "+", "*", "%", "#" };
	const char *const *level = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? blocks : plain;
	struct buf b = BUF_INIT(WIDTH * 4);

	for (size_t i = 0; i < WIDTH; i++) {
		double part = c->most > 0 ? c->piece[i] / c->most * (LEVELS - 1) : 0;

		buf_puts(&b, c->piece[i] < 0 ? " " : level[1 + (size_t)(part < 0 ? 0 : part)]);
	}
	return b.data;
}

#define NUMBER_LAST 9e15	/* of those that a double tells apart */

static json_int_t
whole(double value)
{
	value = value < -NUMBER_LAST ? -NUMBER_LAST : value > NUMBER_LAST ? NUMBER_LAST : value;
	return (json_int_t)(value + 0.5);
}

static void
add_row(json_t *rows, const json_t *series, const struct curve *c)
{
	const char *kind = json_string_value(json_object_get(series, "kind"));
	char *curve = draw(c);

	json_array_append_new(rows, json_pack("{s:O,s:s,s:I,s:I,s:I,s:s}", "counter",
	    json_object_get(series, "counter"), "unit",
	    kind != NULL && strcmp(kind, "growth") == 0 ? "a minute" : "", "least", whole(c->least),
	    "most", whole(c->most), "last", whole(c->last), "curve", curve));
	free(curve);
}

void
series_table_print(const json_t *document)
{
	const char *name = json_string_value(json_object_get(document, "span"));
	int64_t now = clock_wall_us() / 1000000;
	int64_t span = name != NULL && strcmp(name, "day") == 0 ? 86400 : 3600;
	const json_t *series;
	json_t *rows = json_array();
	struct curve c;
	size_t i, still = 0;

	(void)setlocale(LC_CTYPE, "");
	json_array_foreach(json_object_get(document, "series"), i, series) {
		if (strcmp(json_string_value(json_object_get(series, "counter")), "state") == 0)
			continue;	/* a name, not a number */
		make_curve(&c, document, series, now - span, span);
		if (c.any && c.most > 0)
			add_row(rows, series, &c);
		else
			still++;
	}
	columns_print(&table, rows, true);
	if (still > 0)
		printf("%s%zu counter%s did not move in the last %s.\n",
		    json_array_size(rows) > 0 ? "\n" : "", still, still == 1 ? "" : "s", name);
	json_decref(rows);
}
