/*
 * probe_command - posternctl probe: the steps of the way of a mail, as they come
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a step is shown when it is over, and not when the whole is; with --json there is one document at
 *           the end
 * Fails by: an exit status
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/table/table.h"

#define TEXT_MAX (1U << 20)

struct steps {
	const struct answers_table *table;
	bool begun;			/* there is a row above */
};

/* On a terminal: each row is a table of its own, so cells have fixed widths. */
static const struct answers_column shown[] = {
	{ "step", "STEP", .type = ANSWERS_TEXT }, { "verdict", "VERDICT", .type = ANSWERS_TEXT },
	{ "ms", "    MS", .type = ANSWERS_TEXT },
	{ "text", "WHAT", .type = ANSWERS_TEXT, .shrink = ANSWERS_SHRINK_WRAP },
};
static const struct answers_table shown_table = { .column = shown, .columns = nitems_of(shown) };

/* A negative width: from the left. */
static void
put_padded(json_t *row, const char *name, int width, const char *text)
{
	char cell[40];

	snprintf(cell, sizeof(cell), "%*.20s", width, text);
	json_object_set_new(row, name, json_string(cell));
}

static void
print_row(struct steps *s, const json_t *step)
{
	const char *text = json_string_value(json_object_get(step, "text"));
	const char *id = json_string_value(json_object_get(step, "id"));
	bool names = id != NULL && strcmp(json_string_value(json_object_get(step, "step")), "message") == 0;
	json_t *row = json_object(), *rows = json_array();
	char *ms = mem_printf("%lld", (long long)json_integer_value(json_object_get(step, "ms")));
	char *words = mem_printf("%s%s%s", text != NULL ? text : "", names ? ": " : "", names ? id : "");

	put_padded(row, "step", -9, json_string_value(json_object_get(step, "step")));
	put_padded(row, "verdict", -7, json_string_value(json_object_get(step, "verdict")));
	put_padded(row, "ms", 6, ms);
	json_object_set_new(row, "text", json_string(words));
	json_array_append_new(rows, row);
	columns_print(&shown_table, rows, !s->begun);
	s->begun = true;
	json_decref(rows);
	free(words);
	free(ms);
}

static void
show_line(void *arg, char *line)
{
	struct steps *s = arg;
	char *copy = mem_strdup(line);
	json_t *step = answers_line_tabs(s->table, NULL, line);

	if (step != NULL)
		print_row(s, step);
	else
		printf("%s\n", copy);
	json_decref(step);
	free(copy);
}

static int
show_live(const struct command_context *c, const char *const *words, size_t count)
{
	struct steps s = { .table = answers_rows_find(words[0], NULL) };

	return command_send_lines(c, words, count, show_line, &s);
}

static int
ask(const struct command_context *c, const char *const *words, size_t count, bool json)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	int status;

	if (!json && columns_are_for_people())
		status = show_live(c, words, count);
	else
		status = command_send_for(c, words[0], words + 1, count - 1, json ? &text : NULL);
	if (status == CONTROL_CLIENT_NO_SERVICE || status == CONTROL_CLIENT_CUT)
		status = command_send_no_answer(status);
	else if (text.len > 0)
		read_command_show(words, count, buf_text(&text), true);
	buf_done(&text);
	return status;
}

int
probe_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool json = false, send = false;
	const char *rcpt = NULL;
	const struct option_row options[] = { { .word = "--json", .set = &json },
	    { .word = "--send", .set = &send }, { .word = "--rcpt", .value = &rcpt, .wanted = "an address" },
	    { .word = NULL } };
	const char *all[] = { row->asks, NULL, NULL, "--send" };
	int status = options_take(row, words, count, options, &all[1], 1);

	if (status == EX_OK && all[1] == NULL)
		status = usage_say(row, "say which virtual server");
	if (status == EX_OK && send && rcpt == NULL)
		status = usage_say(row, "--send needs --rcpt: to whom the test message goes");
	all[2] = rcpt;
	return status == EX_OK ? ask(c, all, send ? 4 : rcpt != NULL ? 3 : 2, json) : status;
}
