/*
 * api_command - posternctl api: what the manager asks where no postern-web stands between, as in Cockpit
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a command is answered with what postern-web would answer: the words that came, the text of the
 *           service, and the same as a document; with the rights of who runs it. Words come on the standard
 *           input: they are in no list of processes
 * Fails by: a document with "error"; EX_DATAERR when the input is no question
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"

#define TEXT_MAX (4U << 20)	/* bytes of an answer, as in postern-web */
#define TICK_MS 1000

/* A line; false: nobody reads it any more. */
static bool
print_line(const json_t *document)
{
	char *text = answers_print_text(document);
	bool written = puts(text) != EOF && fflush(stdout) != EOF;

	free(text);
	return written;
}

/* Asks the service; false: it gave no answer. */
static bool
ask(const char *path, const char *const *words, size_t count, struct buf *text, int *status)
{
	buf_clear(text);
	*status = control_client_service(path, words, count, text);
	return *status != CONTROL_CLIENT_NO_SERVICE && *status != CONTROL_CLIENT_CUT;
}

/* --- api command --- */

/* The words point into `body`. False: they are none. */
static bool
take_words(const json_t *body, const char **words, size_t *count)
{
	const json_t *list = json_object_get(body, "words"), *word;
	size_t i, len = 0;

	*count = json_array_size(list);
	if (*count == 0 || *count > CONTROL_WORDS_MAX)
		return false;
	json_array_foreach(list, i, word) {
		words[i] = json_string_value(word);
		if (words[i] == NULL || strlen(words[i]) != json_string_length(word))
			return false;
		len += json_string_length(word) + 1;
	}
	return len <= CONTROL_COMMAND_MAX;
}

static json_t *
answer(const char *path, const char *const *words, size_t count)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	json_t *document = answers_new(), *data;
	int status;

	if (!ask(path, words, count, &text, &status)) {
		json_object_set_new(document, "error", json_string("the service is not running"));
	} else if (!buf_ok(&text)) {
		json_object_set_new(document, "error", json_string("the answer is too long for the manager"));
	} else {
		data = answers_json(words, count, buf_text(&text));
		json_object_set_new(document, "status", json_integer(status));
		answers_value_put_bytes(document, "text", buf_text(&text), text.len);
		json_object_set_new(document, "data", data != NULL ? data : json_null());
		json_object_set_new(document, "time", json_integer(clock_wall_us() / 1000));
	}
	buf_done(&text);
	return document;
}

static int
run_command(const char *path)
{
	const char *words[CONTROL_WORDS_MAX];
	json_t *document, *body;
	size_t count;

	json_set_alloc_funcs(mem_zalloc, free);
	body = json_loadf(stdin, JSON_REJECT_DUPLICATES, NULL);
	if (!take_words(body, words, &count)) {
		json_decref(body);
		fprintf(stderr, "posternctl: the standard input is not {\"words\": [\"status\"]}\n");
		return EX_DATAERR;
	}
	document = answer(path, words, count);
	(void)print_line(document);
	json_decref(document);
	json_decref(body);
	return EX_OK;
}

/* --- api events --- */

static bool
print_event(const char *event, json_t *data)
{
	json_t *document = json_pack("{s:s,s:o}", "event", event, "data", data);
	bool written = print_line(document);

	json_decref(document);
	return written;
}

struct events {
	const char *path;
	struct buf text;
	char *said;		/* the latest status, or NULL */
};

/* The status when it has changed, the counters; "gone": there is no service. False: nobody reads. */
static bool
tell(struct events *e)
{
	static const char *const status_words[] = { "status" };
	static const char *const counter_words[] = { "counters", "-", "each" };
	int status;

	if (!ask(e->path, status_words, 1, &e->text, &status))
		return print_event("gone", json_null());
	if (e->said == NULL || strcmp(e->said, buf_text(&e->text)) != 0) {
		free(e->said);
		e->said = mem_strdup(buf_text(&e->text));
		if (!print_event("status", answers_json(status_words, 1, e->said)))
			return false;
	}
	if (!ask(e->path, counter_words, 3, &e->text, &status))
		return print_event("gone", json_null());
	return print_event("counters", answers_json(counter_words, 3, buf_text(&e->text)));
}

static int
run_events(const char *path)
{
	struct events e = { .path = path, .text = BUF_INIT(TEXT_MAX) };
	struct pollfd reader = { .fd = STDOUT_FILENO };

	while (tell(&e))
		if (poll(&reader, 1, TICK_MS) == 1)
			break;
	free(e.said);
	buf_done(&e.text);
	return EX_OK;
}

int
api_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool command = strcmp(words[0], "command") == 0;
	char *path;
	int status;

	if (!command && strcmp(words[0], "events") != 0)
		return usage_say(row, "there is no api %.60s: command, or events", words[0]);
	path = command_send_socket(c);
	if (path == NULL)
		return EX_CONFIG;
	status = command ? run_command(path) : run_events(path);
	free(path);
	return status;
}
