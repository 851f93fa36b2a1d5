/*
 * adopt_server - the virtual server whose home an adopted folder becomes
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a new one is made as create makes it; one that is there is started
 * Fails by: an exit status, and it has been said why
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/change/change_words.h"
#include "master/posternctl/adopt/adopt.h"
#include "master/posternctl/change/change.h"

#define ANSWER_MAX (1U << 20)

/* Nothing in a home says which domains were local where it was. */
static void
note_domains(const struct adopt *a)
{
	bool named = a->from != NULL;

	for (size_t i = 0; i < a->count; i++)
		named = named || strncmp(a->words[i], "domain=", strlen("domain=")) == 0;
	if (!named)
		fprintf(stderr, "posternctl: note: %s has no domain=: what waits in its queue for domains "
		    "that were local at the other node goes to other hosts, or back to its senders. Name "
		    "them with posternctl domain add %s DOMAIN\n", a->name, a->name);
}

/* The words of create, which makes it, or with `dry` only judges them. */
static int
create(const struct adopt *a, bool dry)
{
	struct change_line l = { .command = "create", .word = { "-", a->name }, .count = 2 };
	char *home = mem_printf("general.home=%s", a->home);
	char *from = a->from != NULL ? mem_printf("from=%s", a->from) : NULL;
	struct buf text = BUF_INIT(ANSWER_MAX);
	int status;

	if (a->count + 6 > CONTROL_WORDS_MAX) {
		fprintf(stderr, "posternctl: too much for one command\n");
		status = EX_USAGE;
	} else {
		if (from != NULL)
			l.word[l.count++] = from;
		for (size_t i = 0; i < a->count; i++)
			l.word[l.count++] = a->words[i];
		l.word[l.count++] = home;
		if (dry)
			l.word[l.count++] = CHANGE_WORDS_DRY_RUN;
		status = change_command_send(a->context, &l, &text, NULL);
		if (status == EX_OK && (a->dry || !dry))
			note_domains(a);
		if (status != EX_OK || !dry || a->dry)
			fputs(buf_text(&text), status == EX_OK ? stdout : stderr);
	}
	buf_done(&text);
	free(home);
	free(from);
	return status;
}

int
adopt_server_judge(const struct adopt *a)
{
	return a->server == NULL ? create(a, true) : EX_OK;
}

int
adopt_server_start(const struct adopt *a)
{
	return a->server == NULL ? create(a, false) : a->start->run(a->context, a->start, &a->name, 1);
}
