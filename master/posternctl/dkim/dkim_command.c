/*
 * dkim_command - posternctl dkim: its words
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a verb and its options are judged before anything is made
 * Fails by: an exit status
 */
#include <bsd/stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/dkim/dkim.h"
#include "master/posternctl/posternctl.h"

#define NAMES 4		/* verb, virtual server, domain, selector */

struct options {
	bool json, use;
	const char *type, *bits, *days;
	const char *word[NAMES];
	struct dkim_new made;
};

static int
run_new(const struct certificate_job *j, const struct options *o)
{
	return dkim_new_run(j, &o->made);
}

static int
run_show(const struct certificate_job *j, const struct options *o)
{
	return dkim_show_run(j, o->word[2], o->word[3], false, o->json);
}

static int
run_check(const struct certificate_job *j, const struct options *o)
{
	return dkim_show_run(j, o->word[2], o->word[3], true, o->json);
}

static const struct {
	const char *verb;
	size_t min;		/* words */
	bool makes;
	int (*run)(const struct certificate_job *j, const struct options *o);
} rows[] = {
	{ "new", 4, true, run_new }, { "show", 2, false, run_show }, { "check", 2, false, run_check },
};

/* The options of a new key; EX_OK. */
static int
judge_new(const struct command *row, struct options *o)
{
	const char *why = NULL;
	int bits = o->bits != NULL ? (int)strtonum(o->bits, DKIM_KEY_BITS_MIN, DKIM_KEY_BITS_MAX, &why) :
	    DKIM_KEY_BITS_GOOD;

	if (why != NULL)
		return usage_say(row, "--bits %.20s: it wants %d to %d", o->bits, DKIM_KEY_BITS_MIN,
		    DKIM_KEY_BITS_MAX);
	if (o->type != NULL && strcmp(o->type, "rsa") != 0 && strcmp(o->type, "ed25519") != 0)
		return usage_say(row, "--type %.20s: it wants rsa or ed25519", o->type);
	o->made = (struct dkim_new){ .domain = o->word[2], .selector = o->word[3], .days = o->days,
	    .kind = o->type != NULL && strcmp(o->type, "ed25519") == 0 ? DKIM_KEY_ED25519 : DKIM_KEY_RSA,
	    .bits = bits, .use = o->use };
	return EX_OK;
}

static int
run_verb(const struct command_context *c, const struct command *row, struct options *o)
{
	struct certificate_job job = { 0 };
	size_t at = 0, count = 0;
	int status = EX_OK;

	while (at < nitems_of(rows) && strcmp(rows[at].verb, o->word[0]) != 0)
		at++;
	while (count < NAMES && o->word[count] != NULL)
		count++;
	if (at == nitems_of(rows))
		return usage_say(row, "%.60s: say new, show or check", o->word[0]);
	if (count < rows[at].min)
		return usage_say(row, "say %s", count < 2 ? "of which virtual server" : count < 3 ?
		    "for which domain" : "which selector: a new name for each key, such as s2026");
	if (rows[at].makes)
		status = judge_new(row, o);
	if (status != EX_OK)
		return status;
	status = certificate_install_begin(&job, c, o->word[1]);
	if (status == EX_OK)
		status = rows[at].run(&job, o);
	certificate_install_end(&job);
	return status;
}

int
dkim_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct options o = { 0 };
	const struct option_row options[] = { { .word = "--json", .set = &o.json },
	    { .word = "--use", .set = &o.use },
	    { .word = "--type", .value = &o.type, .wanted = "rsa or ed25519" },
	    { .word = "--bits", .value = &o.bits, .wanted = "a number of bits" },
	    { .word = "--days", .value = &o.days, .wanted = "days like 2026-01-01..2026-12-31" },
	    { .word = NULL } };
	int status = options_take(row, words, count, options, o.word, NAMES);

	if (status == EX_OK && o.word[0] == NULL)
		return usage_say(row, "say new, show or check");
	return status == EX_OK ? run_verb(c, row, &o) : status;
}
