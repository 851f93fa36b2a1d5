/*
 * import_command - posternctl import: takes over the virtual servers of IIS
 *
 * Runs in:  posternctl
 * Owns:     the result while it runs
 * Promise:  the file is read by a process without rights (import_run), what it says is judged (import_judge),
 *           and written to a new folder (import_into) or by the command create (import_make)
 * Fails by: an exit status: 1 a virtual server was not made, EX_DATAERR the file is refused
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config_check.h"
#include "common/import/import_judge.h"
#include "master/posternctl/check/check.h"
#include "master/posternctl/import/import.h"

#define ANSWER_MAX (16U << 20)

struct import {
	const struct command_context *c;
	const char *into;		/* NULL: into the configuration of the service */
	bool dry, json;
	json_t *result;
	char hostname[256];
};

static void
find_hostname(struct import *x)
{
	struct config_faults faults = { 0 };
	struct config *config = config_read(command_send_config(x->c), &faults);

	if (config != NULL)
		snprintf(x->hostname, sizeof(x->hostname), "%s", config->service.hostname);
	else if (gethostname(x->hostname, sizeof(x->hostname) - 1) == -1 || x->hostname[0] == '\0')
		snprintf(x->hostname, sizeof(x->hostname), "localhost");
	config_free(config);
	config_faults_done(&faults);
}

/* --- into the service --- */

/* A virtual server is made; the others do not depend on it. */
static int
make_one(struct import *x, json_t *server, const struct config *config)
{
	struct buf body = BUF_INIT(1U << 20), text = BUF_INIT(ANSWER_MAX);
	int status = EX_DATAERR;

	if (import_judge_server(server, x->hostname, &body))
		status = import_make_server(x->c, server, config, x->dry, &text);
	else
		(void)import_report_refuse(server);
	json_object_set_new(server, "made", json_boolean(status == EX_OK && !x->dry));
	answers_value_put_bytes(server, "text", buf_text(&text), text.len);
	buf_done(&body);
	buf_done(&text);
	return status;
}

static int
make_all(struct import *x)
{
	struct config_faults faults = { 0 };
	struct config *config = config_read(command_send_config(x->c), &faults);
	int first = EX_OK, status;
	json_t *server;
	size_t i;

	json_array_foreach(json_object_get(x->result, "servers"), i, server) {
		status = make_one(x, server, config);
		first = first != EX_OK ? first : status;
	}
	config_free(config);
	config_faults_done(&faults);
	return first;
}

static void
print_texts(const struct import *x)
{
	json_t *server;
	size_t i;

	json_array_foreach(json_object_get(x->result, "servers"), i, server) {
		const char *text = json_string_value(json_object_get(server, "text"));
		bool good = json_is_true(json_object_get(server, "made")) || x->dry;

		if (text != NULL && *text != '\0') {
			fflush(stdout);
			fputs(text, good ? stdout : stderr);
		}
	}
}

/* --- both --- */

static void
show(const struct import *x)
{
	json_t *document;

	if (!x->json) {
		import_report_print(x->result);
		return;
	}
	document = answers_new();
	json_object_update(document, x->result);
	answers_print(document, stdout);
	json_decref(document);
}

/* As posternctl check does; the faults are printed. */
static int
check_written(const struct import *x)
{
	char *path = mem_printf("%s/postern.ini", x->into);
	struct config_faults faults = { 0 };
	struct config *config;
	int status = EX_OK;

	if (!x->json) {
		printf("%s has been written\n", x->into);
		status = config_check_run(path, check_paths_files);
	} else {
		config = config_read(path, &faults);
		if (config != NULL)
			check_paths_files(config, &faults);
		config_faults_print(&faults, stderr);
		status = config == NULL || faults.errors > 0 ? EX_CONFIG : EX_OK;
		config_free(config);
		config_faults_done(&faults);
	}
	free(path);
	return status;
}

/* The report comes behind the writing, which may have lines for it, too. */
static int
write_result(struct import *x)
{
	int status = EX_OK;

	if (x->into == NULL)
		status = make_all(x);
	else if (!x->dry)
		status = import_into_write(x->into, x->result, x->hostname, command_send_config(x->c));
	show(x);
	if (x->into == NULL && !x->json)
		print_texts(x);
	else if (x->into != NULL && status == EX_OK && !x->dry)
		status = check_written(x);
	if (x->dry && !x->json)
		printf("this is what an import would do; nothing was written\n");
	return status;
}

static int
import_file(struct import *x, const char *file)
{
	char *config = command_send_absolute(command_send_config(x->c));
	char *program = control_words_program(x->c->config_path != NULL ? config : NULL);
	char *folder = mem_strndup(config, (size_t)(strrchr(config, '/') - config));
	int status;

	find_hostname(x);
	x->result = import_run_file(file, folder, program, &status);
	if (x->result != NULL)
		status = write_result(x);
	json_decref(x->result);
	free(config);
	free(folder);
	free(program);
	return status;
}

int
import_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct import x = { .c = c };
	const char *file = NULL;
	const struct option_row options[] = {
		{ .word = "--into", .value = &x.into, .wanted = "a new folder" },
		{ .word = "--dry-run", .set = &x.dry }, { .word = "--json", .set = &x.json },
		{ .word = NULL },
	};
	int status = options_take(row, words, count, options, &file, 1);

	if (status == EX_OK && file == NULL)
		status = usage_say(row, "say which file");
	if (status == EX_OK && x.into != NULL && *x.into == '\0')
		status = usage_say(row, "--into names no folder");
	if (status == EX_OK && x.into != NULL)
		status = import_into_judge(x.into);
	return status == EX_OK ? import_file(&x, file) : status;
}
