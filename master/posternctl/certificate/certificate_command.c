/*
 * certificate_command - posternctl certificate: its words; alone on a terminal it asks
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  on a pipe nothing is asked
 * Fails by: an exit status
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/wizard/wizard.h"

#define DAYS_STANDARD 90U
#define DAYS_MAX 3650
#define NAMES 4		/* virtual server, verb, two files */

struct options {
	bool json, new_key;
	const char *names, *type, *days;
	const char *word[NAMES];
	enum certificate_key key;
	unsigned lasts;
};

static int
run_show(struct certificate_job *j, const struct options *o)
{
	return certificate_show_run(j, o->json);
}

static int
run_request(struct certificate_job *j, const struct options *o)
{
	return certificate_install_request(j, o->key, o->names, o->new_key);
}

static int
run_own(struct certificate_job *j, const struct options *o)
{
	return certificate_install_own(j, o->key, o->names, o->lasts);
}

static int
run_install(struct certificate_job *j, const struct options *o)
{
	return certificate_install_files(j, o->word[2], o->word[3]);
}

static const struct {
	const char *verb;
	size_t min, max;	/* files behind it */
	int (*run)(struct certificate_job *j, const struct options *o);
} rows[] = {
	{ "show", 0, 0, run_show }, { "request", 0, 0, run_request }, { "self-signed", 0, 0, run_own },
	{ "install", 1, 2, run_install },
};

static int
judge_values(const struct command *row, struct options *o)
{
	const char *why = NULL;

	o->lasts = o->days != NULL ? (unsigned)strtonum(o->days, 1, DAYS_MAX, &why) : DAYS_STANDARD;
	if (why != NULL)
		return usage_say(row, "--days %.20s: it wants a number of days, 1 to %d", o->days, DAYS_MAX);
	if (o->type != NULL && strcmp(o->type, "rsa") != 0 && strcmp(o->type, "ecdsa") != 0)
		return usage_say(row, "--type %.20s: it wants ecdsa or rsa", o->type);
	o->key = o->type != NULL && strcmp(o->type, "rsa") == 0 ? CERTIFICATE_RSA : CERTIFICATE_ECDSA;
	return EX_OK;
}

static int
run_verb(const struct command_context *c, const struct command *row, const struct options *o)
{
	struct certificate_job job = { 0 };
	size_t at = 0, files = 0;
	int status;

	if (strcmp(o->word[1], "served") == 0)
		return o->word[2] == NULL ? certificate_show_served(c, o->word[0], o->json) :
		    usage_say(row, "served: too many words");

	while (at < nitems_of(rows) && strcmp(rows[at].verb, o->word[1]) != 0)
		at++;
	if (at == nitems_of(rows))
		return usage_say(row, "%.60s: say show, served, request, self-signed or install", o->word[1]);
	for (size_t i = 2; i < NAMES && o->word[i] != NULL; i++)
		files++;
	if (files < rows[at].min || files > rows[at].max)
		return usage_say(row, "%s: too %s files", rows[at].verb,
		    files < rows[at].min ? "few" : "many");
	status = certificate_install_begin(&job, c, o->word[0]);
	if (status == EX_OK)
		status = rows[at].run(&job, o);
	certificate_install_end(&job);
	return status;
}

int
certificate_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct options o = { 0 };
	const struct option_row options[] = { { .word = "--json", .set = &o.json },
	    { .word = "--new-key", .set = &o.new_key },
	    { .word = "--names", .value = &o.names, .wanted = "names of hosts, with commas" },
	    { .word = "--type", .value = &o.type, .wanted = "ecdsa or rsa" },
	    { .word = "--days", .value = &o.days, .wanted = "a number of days" }, { .word = NULL } };
	int status = options_take(row, words, count, options, o.word, NAMES);

	if (status == EX_OK)
		status = judge_values(row, &o);
	if (status != EX_OK)
		return status;
	if (o.word[0] == NULL)
		return usage_say(row, "say of which virtual server");
	return o.word[1] != NULL ? run_verb(c, row, &o) : wizard_certificate_run(c, o.word[0]);
}
