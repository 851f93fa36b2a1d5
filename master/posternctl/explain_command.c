/*
 * explain_command - posternctl explain: what would happen to a message, by the configuration on disk
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  needs no service. A directory is asked by the service, if that runs
 * Fails by: 1 it would be refused, 3 no such virtual server, else sysexits
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/command/control_words.h"
#include "common/config/config.h"
#include "common/rules/explain.h"
#include "master/posternctl/posternctl.h"

struct explain_command {
	const struct config *config;
	struct explain x;
	struct explain_lines *lines;
};

static void
say_step(void *arg, const char *what, const char *origin, const char *key, const char *value)
{
	explain_lines_say(((struct explain_command *)arg)->lines, what, origin, key, "%s", value);
}

/* What the running service hears from the directory. */
static enum explain_directory
ask_directory(void *arg, const char *address, struct buf *text)
{
	const struct explain_command *e = arg;
	char *socket_path = control_words_socket(e->config->service.run);
	int status;

	status = control_client_service(socket_path,
	    (const char *const[]){ "directory-test", e->x.server->name, address }, 3, text);
	free(socket_path);
	if (status == CONTROL_CLIENT_NO_SERVICE)
		buf_clear(text);
	return status == EX_OK ? EXPLAIN_FOUND : status == EX_NOUSER ? EXPLAIN_UNKNOWN :
	    status == EX_DATAERR ? EXPLAIN_UNRESOLVED : EXPLAIN_NOT_ASKED;
}

static int
explain_server(struct explain_command *e)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX + ADDRESS_MAX);
	int status;

	if (explain_judge(&e->x, &why) == -1) {
		fprintf(stderr, "posternctl: %s\n", buf_text(&why));
		status = EX_USAGE;
	} else {
		status = explain_answer(&e->x) ? EX_OK : 1;
	}
	buf_done(&why);
	return status;
}

/* Judged by the configuration that was read; the exit status. */
static int
explain_config(struct explain_command *e, const char *name, const struct config_faults *faults)
{
	const struct config *c = e->config;

	if (c == NULL)
		return EX_CONFIG;
	if (name == NULL)
		name = c->nserver == 1 ? c->server[0].name : "default";
	e->x.server = config_server_by_name(c, name);
	if (e->x.server != NULL)
		return explain_server(e);
	fprintf(stderr, "there is no virtual server %s%s\n", log_safe(name),
	    config_faults_first_error(faults, name) != NULL ? " without errors in its file" : "");
	return config_faults_first_error(faults, name) != NULL ? EX_CONFIG : 3;
}

int
explain_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct explain_command e = { .x = { .say = say_step, .ask = ask_directory } };
	const char *name = NULL;
	bool json = false;
	const struct option_row options[] = {
		{ .word = "--from", .value = &e.x.from, .wanted = "the address of a client" },
		{ .word = "--rcpt", .value = &e.x.rcpt, .wanted = "the address of a recipient" },
		{ .word = "--auth", .value = &e.x.user, .wanted = "the name of a user" },
		{ .word = "--sender", .value = &e.x.sender, .wanted = "the address of a sender" },
		{ .word = "--size", .value = &e.x.size, .wanted = "a size such as 2M" },
		{ .word = "--json", .set = &json }, { .word = NULL },
	};
	struct config_faults faults = { 0 };
	int status = options_take(row, words, count, options, &name, 1);
	struct config *config;

	if (status == EX_OK && (e.x.from == NULL || e.x.rcpt == NULL))
		status = usage_say(row, "say %s", e.x.from == NULL ? "from which client: --from ADDRESS" :
		    "to whom: --rcpt RECIPIENT");
	if (status != EX_OK)
		return status;
	config = config_read(command_send_config(c), &faults);
	config_faults_print(&faults, stderr);
	e.config = config;
	e.x.arg = &e;
	e.lines = explain_lines_new(json);
	status = explain_config(&e, name, &faults);
	explain_lines_end(e.lines, e.x.refused);
	config_free(config);
	config_faults_done(&faults);
	return status;
}
