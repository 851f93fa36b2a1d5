/*
 * config_command - what is on disk: check, config, domains
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  with --json the standard output has one document. Values are as a file would say them, so that
 *           they can be written into one
 * Fails by: an exit status: 3 no such virtual server, 78 errors
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/config_check.h"
#include "common/config/config_faults.h"
#include "common/config/key.h"
#include "master/posternctl/check/check.h"
#include "master/posternctl/dns/dns.h"
#include "master/posternctl/table/table.h"

/* --- documents --- */

static void
put_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL)
		answers_value_put_bytes(object, name, text, strlen(text));
	else
		json_object_set_new(object, name, json_null());
}

static void
put_place(json_t *object, const char *file, unsigned line)
{
	put_text(object, "file", file);
	json_object_set_new(object, "line", line > 0 ? json_integer(line) : json_null());
}

static void
put_faults(json_t *document, const struct config_faults *f)
{
	json_t *list = json_array();

	json_object_set_new(document, "errors", json_integer((json_int_t)f->errors));
	json_object_set_new(document, "warnings", json_integer((json_int_t)(f->count - f->errors)));
	for (size_t i = 0; i < f->count; i++) {
		json_t *row = json_object();

		put_text(row, "severity", f->fault[i].warning ? "warning" : "error");
		put_place(row, f->fault[i].file, f->fault[i].line);
		put_text(row, "server", f->fault[i].server);
		put_text(row, "text", f->fault[i].text);
		json_array_append_new(list, row);
	}
	json_object_set_new(document, "faults", list);
}

static void
print_document(json_t *document)
{
	answers_print(document, stdout);
	json_decref(document);
}

/* --- check --- */

static int
check_json(const char *path)
{
	struct config_faults faults = { 0 };
	struct config *c = config_read(path, &faults);
	json_t *document = answers_new(), *names = json_array();
	int status;

	if (c != NULL)
		check_paths_files(c, &faults);
	status = c == NULL || faults.errors > 0 ? EX_CONFIG : EX_OK;
	put_text(document, "file", path);
	json_object_set_new(document, "good", json_boolean(status == EX_OK));
	for (size_t i = 0; c != NULL && i < c->nserver; i++)
		json_array_append_new(names, json_string(c->server[i].name));
	json_object_set_new(document, "servers", names);
	put_faults(document, &faults);
	print_document(document);
	config_free(c);
	config_faults_done(&faults);
	return status;
}

int
config_command_check(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	const char *path = command_send_config(c);
	bool json = false, dns = false;
	const char *domain = NULL;
	const struct option_row options[] = { { .word = "--json", .set = &json },
	    { .word = "--dns", .set = &dns }, { .word = NULL } };
	int status = options_take(row, words, count, options, &domain, 1);

	if (status == EX_OK && domain != NULL && !dns)
		return usage_say(row, "%.60s: a domain is for --dns", domain);
	if (status != EX_OK)
		return status;
	if (dns)
		return dns_check_run(path, domain, json);
	return json ? check_json(path) : config_check_run(path, check_paths_files);
}

/* --- config and domains --- */

struct reading {
	struct config *config;
	struct config_faults faults;
	json_t *rows;
};

static void
add_value(void *arg, const struct config_value *v)
{
	struct reading *r = arg;
	json_t *row = json_object();

	put_text(row, "server", v->server);
	put_text(row, "section", v->section);
	put_text(row, "name", v->name);
	put_text(row, "key", v->key);
	put_text(row, "value", v->text);
	put_place(row, v->file, v->line);
	json_array_append_new(r->rows, row);
}

/* Each key that its type has is a member; the others are null. */
static void
add_domain_value(void *arg, const struct config_value *v)
{
	struct reading *r = arg;
	json_t *row = json_array_get(r->rows, json_array_size(r->rows) - 1);
	const char *last = json_string_value(json_object_get(row, "domain"));
	size_t count;
	const struct key *keys = key_owner_rows(KEY_OWNER_DOMAIN, &count);

	if (v->name == NULL || v->server == NULL || strcmp(v->section, key_section_name(KEY_DOMAIN)) != 0)
		return;
	if (last == NULL || strcmp(last, v->name) != 0 ||
	    strcmp(json_string_value(json_object_get(row, "server")), v->server) != 0) {
		row = json_object();
		put_text(row, "server", v->server);
		put_text(row, "domain", v->name);
		for (size_t i = 0; i < count; i++)
			put_text(row, keys[i].name, NULL);
		json_array_append_new(r->rows, row);
	}
	put_text(row, v->key, v->text);
}

/* The configuration on disk, with virtual server `name`, NULL: all. The exit status; it has been said why. */
static int
open_reading(struct reading *r, const char *path, const char *name)
{
	*r = (struct reading){ .rows = NULL };
	r->config = config_read(path, &r->faults);
	config_faults_print(&r->faults, stderr);
	r->rows = json_array();
	if (r->config == NULL)
		return EX_CONFIG;
	if (name == NULL || config_server_by_name(r->config, name) != NULL)
		return EX_OK;
	fprintf(stderr, "there is no virtual server %s%s\n", log_safe(name),
	    config_faults_first_error(&r->faults, name) != NULL ? " without errors in its file" : "");
	return config_faults_first_error(&r->faults, name) != NULL ? EX_CONFIG : SERVER_SET_NO_MATCH;
}

/* The exit status, which is `status` unless files have errors. */
static int
close_reading(struct reading *r, int status)
{
	if (status == EX_OK && r->faults.errors > 0)
		status = EX_CONFIG;
	json_decref(r->rows);
	config_free(r->config);
	config_faults_done(&r->faults);
	return status;
}

/* Prints the rows as the member `rows`. */
static void
print_rows(struct reading *r, const char *path, const char *rows)
{
	json_t *document = answers_new();

	put_text(document, "file", path);
	json_object_set(document, rows, r->rows);
	put_faults(document, &r->faults);
	print_document(document);
}

static int
config_json(const char *path, const char *name)
{
	struct reading r;
	int status = open_reading(&r, path, name);

	if (status == EX_OK) {
		config_print_each(r.config, name, add_value, &r);
		print_rows(&r, path, "keys");
	}
	return close_reading(&r, status);
}

int
config_command_config(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	const char *path = command_send_config(c), *name = NULL;
	bool json = false;
	const struct option_row options[] = { { .word = "--json", .set = &json }, { .word = NULL } };
	int status = options_take(row, words, count, options, &name, 1);

	if (status != EX_OK)
		return status;
	return json ? config_json(path, name) : config_check_print(path, name);
}

int
config_command_domains(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	const char *path = command_send_config(c), *name = NULL;
	bool json = false;
	const struct option_row options[] = { { .word = "--json", .set = &json }, { .word = NULL } };
	int status = options_take(row, words, count, options, &name, 1);
	struct reading r;

	if (status != EX_OK)
		return status;
	status = open_reading(&r, path, name);
	if (status == EX_OK) {
		config_print_each(r.config, name, add_domain_value, &r);
		if (json)
			print_rows(&r, path, "domains");
		else
			columns_print(answers_rows_find("domains", NULL), r.rows, true);
	}
	return close_reading(&r, status);
}
