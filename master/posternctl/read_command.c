/*
 * read_command - what only shows: status, counters, sessions, reports about TLS, the test of an OAuth profile
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  with --json the standard output has one document, whole, or nothing; remarks go to the standard
 *           error output as well
 * Fails by: an exit status
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/table/table.h"

#define TEXT_MAX (16U << 20)
#define HEALTH_UNKNOWN 3	/* of status --check, for monitoring */
#define HEALTH_LIMIT_S 15	/* of a frozen service; who monitors waits little longer */

/* --- answers --- */

/* The document, and its remarks also to people. words[0] is the command. */
static void
print_json(const char *const *words, size_t count, const char *text)
{
	json_t *document = answers_json(words, count, text), *remark;
	size_t i;

	json_array_foreach(json_object_get(document, "remarks"), i, remark)
		fprintf(stderr, "posternctl: %s\n", json_string_value(remark));
	answers_print(document, stdout);
	json_decref(document);
}

static bool
is_answer(int status)
{
	return status != CONTROL_CLIENT_NO_SERVICE && status != CONTROL_CLIENT_CUT;
}

/* How an answer is shown. */
enum view { VIEW_TEXT, VIEW_JSON, VIEW_TABLE };

static enum view
view_of(bool json)
{
	return json ? VIEW_JSON : columns_are_for_people() ? VIEW_TABLE : VIEW_TEXT;
}

/* A line of a text that a program reads: a remark, which begins with "!", is no part of it. */
static void
print_line(void *arg, char *line)
{
	if (line[0] == '!')
		fprintf(stderr, "posternctl: %s\n", line + 1);
	else
		printf("%s\n", line);
}

static void
print_text(const char *text)
{
	for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
		char *line;

		n = strcspn(text, "\n");
		line = mem_strndup(text, n);
		print_line(NULL, line);
		free(line);
	}
}

/* Asks; words[0] is the command. */
static int
ask(const struct command_context *c, const char *const *words, size_t count, enum view view)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	int status = view == VIEW_TEXT ? command_send_lines(c, words, count, print_line, NULL) :
	    command_send_for(c, words[0], words + 1, count - 1, &text);

	if (!is_answer(status))
		status = command_send_no_answer(status);
	else if (view == VIEW_TABLE)
		read_table_print(words, count, buf_text(&text));
	else if (view == VIEW_JSON && (text.len > 0 || status == EX_OK))
		print_json(words, count, buf_text(&text));
	buf_done(&text);
	return status;
}

void
read_command_show(const char *const *words, size_t count, const char *text, bool json)
{
	if (json)
		print_json(words, count, text);
	else if (columns_are_for_people())
		read_table_print(words, count, text);
	else
		print_text(text);
}

int
read_command_ask(const struct command_context *c, const char *const *words, size_t count, bool json)
{
	return ask(c, words, count, view_of(json));
}

/* --- the commands --- */

/* What cannot be asked, for monitoring; its exit status. */
static int
say_health(bool json, int status, const char *word, const char *text)
{
	static const char *const words[] = { "health" };
	char *line = mem_printf("%s: %s\n", word, text);

	if (json)
		print_json(words, 1, line);
	else
		fputs(line, stdout);
	free(line);
	return status;
}

/*
 * Monitoring knows four answers, and takes every other exit status for trouble of its own: what cannot be
 * asked is unknown.
 */
static int
check_health(const struct command_context *c, const char *name, bool json)
{
	const char *const words[] = { "health", name != NULL ? name : "-", "each" };
	struct buf text = BUF_INIT(TEXT_MAX);
	int status;

	control_client_limit(HEALTH_LIMIT_S);
	status = command_send_for(c, words[0], words + 1, json ? 2 : name != NULL, json ? &text : NULL);
	if (status == CONTROL_CLIENT_SILENT)
		status = say_health(json, 2, "CRITICAL", "the service does not answer");
	else if (!is_answer(status))
		status = say_health(json, 2, "CRITICAL", "the service is not running");
	else if (status < 0 || status > HEALTH_UNKNOWN)
		status = say_health(json, HEALTH_UNKNOWN, "UNKNOWN", "the service cannot be asked");
	else if (json)
		print_json(words, nitems_of(words), buf_text(&text));
	buf_done(&text);
	return status;
}

int
read_command_status(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool json = false, check = false;
	const struct option_row options[] = { { .word = "--check", .set = &check },
	    { .word = "--json", .set = &json }, { .word = NULL } };
	const char *all[] = { row->asks, NULL };
	int status = options_take(row, words, count, options, &all[1], 1);

	if (status != EX_OK)
		return status;
	return check ? check_health(c, all[1], json) : ask(c, all, all[1] != NULL ? 2 : 1, view_of(json));
}

/* On a terminal and in a pipe it is a table: what comes from the service is for JSON alone. */
static int
show_history(const struct command_context *c, const struct command *row, const char *name, const char *span,
    bool json, bool prometheus)
{
	const char *all[] = { row->asks, name, span };

	if (prometheus)
		return usage_say(row, "--prometheus and --history do not go together: Prometheus "
		    "keeps its own");
	if (strcmp(span, "hour") != 0 && strcmp(span, "day") != 0)
		return usage_say(row, "--history is hour or day, not %.60s", span);
	if (name == NULL)
		return usage_say(row, "--history is of one virtual server: say which");
	return ask(c, all, nitems_of(all), json ? VIEW_JSON : VIEW_TABLE);
}

int
read_command_counters(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool json = false, prometheus = false;
	const char *name = NULL, *history = NULL;
	const struct option_row options[] = { { .word = "--json", .set = &json },
	    { .word = "--prometheus", .set = &prometheus },
	    { .word = "--history", .value = &history, .wanted = "hour or day" }, { .word = NULL } };
	int status = options_take(row, words, count, options, &name, 1);
	const char *all[] = { prometheus ? "prometheus" : row->asks, name != NULL ? name : "-", "each" };
	enum view view;

	if (status != EX_OK)
		return status;
	if (history != NULL)
		return show_history(c, row, name, history, json, prometheus);
	if (json && prometheus) {
		fprintf(stderr, "posternctl: --json and --prometheus are two formats: say one of them\n");
		return EX_USAGE;
	}
	view = prometheus ? VIEW_TEXT : view_of(json);
	return ask(c, all, view != VIEW_TEXT ? 3 : name != NULL ? 2 : 1, view);
}

int
read_command_sessions(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct sessions_command l;
	const char *all[COMMAND_WORDS_MAX + 1] = { row->asks };
	struct buf text = BUF_INIT(TEXT_MAX), why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;

	if (!sessions_command_parse(&l, words, count, &why) || l.count >= COMMAND_WORDS_MAX)
		status = usage_misused(row, &why);
	buf_done(&why);
	if (status != EX_OK)
		return status;
	for (size_t i = 0; i < l.count; i++)
		all[i + 1] = l.word[i];
	status = command_send_for(c, all[0], all + 1, l.count, &text);
	if (!is_answer(status)) {
		status = command_send_no_answer(status);
	} else if (l.json) {
		print_json(all, l.count + 1, buf_text(&text));
	} else {
		buf_add(&text, "", 1);
		sessions_command_print(text.data);
	}
	buf_done(&text);
	return status;
}

int
read_command_oauth(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool json = false, smtp = false;
	const struct option_row options[] = { { .word = "--json", .set = &json },
	    { .word = "--smtp", .set = &smtp }, { .word = NULL } };
	const char *all[] = { row->asks, "-", NULL, "--smtp" };
	int status;

	if (strcmp(words[0], "test") != 0)
		return usage_say(row, "there is no command of oauth %.60s; did you mean test?", words[0]);
	status = options_take(row, words + 1, count - 1, options, &all[2], 1);
	if (status == EX_OK && all[2] == NULL)
		status = usage_say(row, "say which profile");
	return status == EX_OK ? ask(c, all, smtp ? 4 : 3, json ? VIEW_JSON : VIEW_TEXT) : status;
}

int
read_command_tls_reports(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count)
{
	bool json = false, verb = strcmp(words[0], "list") == 0 || strcmp(words[0], "send") == 0;
	const struct option_row options[] = { { .word = "--json", .set = &json }, { .word = NULL } };
	const char *all[] = { row->asks, NULL, verb ? words[0] : "list" };
	int status = options_take(row, words + verb, count - verb, options, &all[1], 1);

	if (status == EX_OK && all[1] == NULL)
		status = usage_say(row, "say which virtual server");
	return status == EX_OK ? ask(c, all, nitems_of(all), view_of(json)) : status;
}
