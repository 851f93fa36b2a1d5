/*
 * wizard_certificate - posternctl certificate NAME: shows what there is, and asks what is to be done
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  nothing is written before the last question; each answer is what the command without questions
 *           does
 * Fails by: an exit status
 */
#include <bsd/stdlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/wizard/wizard.h"

#define DAYS_MAX 3650

/* NULL: the input has ended. */
static char *
ask_names(const struct certificate_job *j)
{
	prompt_say("\nFor which names? Those by which clients and other hosts reach it, with commas.");
	return prompt_ask("Names", j->server->fqdn);
}

static int
ended(void)
{
	fputs("nothing was changed\n", stderr);
	return CONTROL_REFUSED;
}

/* Whether it may be done; the command without questions stands above. */
static bool
is_wanted(const char *command)
{
	printf("\nThe same as one command:\n  posternctl %s\n\n", command);
	return prompt_confirm("Do it?", true) == 1;
}

static int
request(struct certificate_job *j)
{
	char *names = ask_names(j), *command;
	int status;

	if (names == NULL)
		return ended();
	command = mem_printf("certificate %s request --names '%s'", j->server->name, names);
	status = is_wanted(command) ? certificate_install_request(j, CERTIFICATE_ECDSA, names, false) :
	    ended();
	free(names);
	free(command);
	return status;
}

/* 0: the input has ended. */
static unsigned
ask_days(void)
{
	const char *why;
	unsigned days;

	do {
		char *answer = prompt_ask("Days", "90");

		if (answer == NULL)
			return 0;
		days = (unsigned)strtonum(answer, 1, DAYS_MAX, &why);
		free(answer);
		if (why != NULL)
			prompt_say("Say a number from 1 to 3650.");
	} while (why != NULL);
	return days;
}

static int
own(struct certificate_job *j)
{
	char *names = ask_names(j), *command;
	unsigned days = names != NULL ? ask_days() : 0;
	int status = CONTROL_REFUSED;

	if (days > 0) {
		command = mem_printf("certificate %s self-signed --names '%s' --days %u", j->server->name,
		    names, days);
		status = is_wanted(command) ? certificate_install_own(j, CERTIFICATE_ECDSA, names, days) :
		    ended();
		free(command);
	} else {
		(void)ended();
	}
	free(names);
	return status;
}

/* A file that is there; NULL: the input has ended. */
static char *
ask_file(const char *question, const char *standard)
{
	for (;;) {
		char *path = prompt_ask(question, standard);
		struct buf why = BUF_INIT(1000);
		struct tls_text text;
		bool good = path != NULL && certificate_file_read(&text, path, &why) == 0;

		if (path != NULL)
			tls_text_forget(&text);
		prompt_say(buf_text(&why));
		buf_done(&why);
		if (good || path == NULL)
			return path;
		free(path);
	}
}

static int
install(struct certificate_job *j)
{
	char *waiting = certificate_file_path(j->config_path, j->server->name, ".request.key"), *certificate,
	    *key, *command;
	int status = CONTROL_REFUSED;

	prompt_say("\nThe file with the certificate, followed by those of its issuers, in PEM form; and its "
	    "key.");
	certificate = ask_file("Certificate", NULL);
	key = certificate != NULL ? ask_file("Key", access(waiting, F_OK) == 0 ? waiting : NULL) : NULL;
	if (key != NULL) {
		bool asked = strcmp(key, waiting) == 0;

		command = mem_printf("certificate %s install '%s'%s%s%s", j->server->name, certificate,
		    asked ? "" : " '", asked ? "" : key, asked ? "" : "'");
		status = is_wanted(command) ? certificate_install_files(j, certificate, asked ? NULL : key) :
		    ended();
		free(command);
	} else {
		(void)ended();
	}
	free(waiting);
	free(certificate);
	free(key);
	return status;
}

static int
nothing(struct certificate_job *j)
{
	return EX_OK;
}

static const struct {
	const char *word;
	int (*run)(struct certificate_job *j);
} rows[] = {
	{ "nothing", nothing }, { "request", request }, { "install", install }, { "self-signed", own },
};

static int
run(struct certificate_job *j)
{
	prompt_say("\nrequest: a new key, and a request for a certificate authority. install: a certificate "
	    "that came, or one with its key. self-signed: one for a test, which no other host trusts. For an "
	    "ACME client see posternctl(8).");
	for (;;) {
		char *answer = prompt_ask("What is to be done", rows[0].word);

		if (answer == NULL)
			return ended();
		for (size_t i = 0; i < nitems_of(rows); i++)
			if (strcmp(answer, rows[i].word) == 0) {
				free(answer);
				return rows[i].run(j);
			}
		free(answer);
		prompt_say("Say nothing, request, install or self-signed.");
	}
}

int
wizard_certificate_run(const struct command_context *c, const char *name)
{
	struct certificate_job job = { 0 };
	int status;

	if (!prompt_is_possible())
		return wizard_change_refuse("certificate",
		    "certificate name show|served|request|self-signed|install ...");
	status = certificate_install_begin(&job, c, name);
	if (status == EX_OK) {
		(void)certificate_show_run(&job, false);
		status = run(&job);
	}
	certificate_install_end(&job);
	return status;
}
