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
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/import/import_offer.h"
#include "common/ipc/passed_secret.h"
#include "master/posternctl/import/import.h"
#include "master/posternctl/posternctl.h"

#define TEXT_MAX (4U << 20)	/* bytes of an answer, as in postern-web */
#define TICK_MS 1000
#define FILE_MAX (8U << 20)	/* bytes of a file of IIS, as in postern-web */
#define PIECE 65536U

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

/* A password that goes with the command; *fd -1: there is none. False: it is none. */
static bool
take_secret(const json_t *body, int *fd)
{
	const json_t *secret = json_object_get(body, "secret");

	*fd = json_is_string(secret) ? passed_secret_make(json_string_value(secret),
	    json_string_length(secret)) : -1;
	return secret == NULL || *fd != -1;
}

static int
run_command(const char *path)
{
	const char *words[CONTROL_WORDS_MAX];
	json_t *document, *body;
	size_t count;
	int secret;

	body = json_loadf(stdin, JSON_REJECT_DUPLICATES, NULL);
	if (!take_words(body, words, &count) || !take_secret(body, &secret)) {
		json_decref(body);
		fprintf(stderr, "posternctl: the standard input is not {\"words\": [\"status\"]}\n");
		return EX_DATAERR;
	}
	control_client_pass(secret);
	document = answer(path, words, count);
	disk_close(secret);
	(void)print_line(document);
	json_decref(document);
	json_decref(body);
	return EX_OK;
}

/* --- api import --- */

/* The standard input as a file; -1: it is too large, or cannot be kept. */
static int
take_file(void)
{
	int fd = memfd_create("postern-upload", MFD_CLOEXEC);
	char *piece = mem_zalloc(PIECE);
	size_t all = 0, n;

	while (fd != -1 && (n = fread(piece, 1, PIECE, stdin)) > 0) {
		all += n;
		if (all > FILE_MAX || disk_write(fd, piece, n) == -1) {
			close(fd);
			fd = -1;
		}
	}
	if (fd != -1 && lseek(fd, 0, SEEK_SET) == -1) {
		close(fd);
		fd = -1;
	}
	free(piece);
	return fd;
}

/* The name of this host, for a virtual server without a default domain. */
static char *
host_name(const char *config_path)
{
	struct config_faults faults = { 0 };
	struct config *config = config_read(config_path, &faults);
	char *name = mem_strdup(config != NULL ? config->service.hostname : "localhost");

	config_free(config);
	config_faults_done(&faults);
	return name;
}

/* Why it was refused stands on the standard error output. */
static int
run_import(const struct command_context *c)
{
	const char *config = command_send_config(c);
	char *program = control_words_program(c->config_path), *host = host_name(config);
	char *folder = mem_strndup(config, (size_t)(strrchr(config, '/') - config));
	int input = take_file(), status = EX_DATAERR;
	json_t *data = NULL, *body;

	if (input != -1)
		data = import_run_open(input, "the file", folder, program, &status);
	if (data != NULL && import_offer_make(data, program, host)) {
		body = json_pack("{s:i,s:s,s:O}", "status", EX_OK, "text", "", "data", data);
		(void)print_line(body);
		json_decref(body);
	} else if (data != NULL || input == -1) {
		fprintf(stderr, "posternctl: the file is too large, or said what may not be shown\n");
		status = EX_DATAERR;
	}
	json_decref(data);
	free(folder);
	free(program);
	free(host);
	return status;
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

	if (strcmp(words[0], "import") == 0)
		return run_import(c);
	if (!command && strcmp(words[0], "events") != 0)
		return usage_say(row, "there is no api %.60s: command, import or events", words[0]);
	path = command_send_socket(c);
	if (path == NULL)
		return EX_CONFIG;
	status = command ? run_command(path) : run_events(path);
	free(path);
	return status;
}
