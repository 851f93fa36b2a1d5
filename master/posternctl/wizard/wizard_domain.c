/*
 * wizard_domain - posternctl domain new: adds a domain to a virtual server
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  see wizard_change
 * Fails by: an exit status
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/wizard/wizard.h"

/* What people say, and the type that it is; the drop folder of an alias is that of the default domain. */
static const struct { const char *word, *type; } kinds[] = {
	{ "remote", "remote" }, { "alias", "alias" }, { "local", "default" },
};
enum { REMOTE, ALIAS, LOCAL };

/* Which one; -1: the input has ended. */
static int
ask_kind(void)
{
	prompt_say("1 of 4. Which kind? remote: mail for it goes on to its host. alias: another name of "
	    "the local "
	    "domain, with the same drop folder. local: the default domain, of which there is one.");
	for (;;) {
		char *answer = prompt_ask("Kind", kinds[REMOTE].word);

		if (answer == NULL)
			return -1;
		for (size_t i = 0; i < nitems_of(kinds); i++)
			if (strcasecmp(answer, kinds[i].word) == 0) {
				free(answer);
				return (int)i;
			}
		prompt_say("Say remote, alias or local.");
		free(answer);
	}
}

static bool
ask(struct wizard *w, const char *help, const char *question, const char *standard, const char *extra,
    void (*add)(struct wizard *w, const char *answer))
{
	char *answer;

	putchar('\n');
	prompt_say(help);
	free(w->unsaid);
	w->unsaid = mem_strdup(standard);
	answer = wizard_change_ask(w, question, standard, extra, add);
	free(answer);
	return answer != NULL;
}

static void
add_name(struct wizard *w, const char *answer)
{
	wizard_change_add(w, "%s", answer);
}

static void
add_word(struct wizard *w, const char *key, const char *answer)
{
	if (w->unsaid == NULL || strcmp(answer, w->unsaid) != 0)
		wizard_change_add(w, "%s=%s", key, answer);
}

static void
add_route(struct wizard *w, const char *answer)
{
	add_word(w, "route", answer);
}

static void
add_relay(struct wizard *w, const char *answer)
{
	add_word(w, "relay", answer);
}

static void
add_drop(struct wizard *w, const char *answer)
{
	add_word(w, "drop", answer);
}

/* What its kind needs to know. */
static bool
ask_rest(struct wizard *w, int kind)
{
	if (kind == REMOTE)
		return ask(w, "3 of 4. The hosts that take its mail: dns, or names and [addresses], with "
		    "a port as mail.example.com:2525.", "Route", "dns", NULL, add_route) &&
		    ask(w, "May every client that is let in send mail to it? yes makes this host a relay "
		    "for it.", "Relay", "no", NULL, add_relay);
	if (kind == LOCAL)
		return ask(w, "3 of 4. The folder for its mail; server: the drop folder of the virtual "
		    "server.", "Drop folder", "server", NULL, add_drop);
	return true;
}

static int
run(struct wizard *w, int kind)
{
	char *type = mem_printf("type=%s", kinds[kind].type);
	bool named = ask(w, "2 of 4. Its name, as example.com; *.example.com are its sub-domains.", "Name",
	    NULL, type, add_name);

	if (named)
		wizard_change_add(w, "%s", type);
	free(type);
	if (!named || !ask_rest(w, kind))
		return w->status;
	prompt_say("\n4 of 4. This would change:");
	return wizard_change_finish(w, "Add it?");
}

/* EX_OK: its domains can be seen. */
static int
find_server(const struct command_context *c, const char *name)
{
	const struct change_line line = { .command = "domain", .word = { name, "list" }, .count = 2 };
	struct buf text = BUF_INIT(WIZARD_ANSWER_MAX);
	int status = change_command_send(c, &line, &text, NULL);

	if (status != EX_OK)
		fputs(buf_text(&text), stderr);
	buf_done(&text);
	return status;
}

int
wizard_domain_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct wizard w;
	char *server;
	int status = CONTROL_REFUSED, kind;

	if (!prompt_is_possible())
		return wizard_change_refuse("domain new",
		    "domain add name DOMAIN type=remote|alias|default [route=HOST] ...");
	if (count > 1)
		return usage_say(row, "%.60s is one word too many", words[1]);
	server = count > 0 ? mem_strdup(words[0]) : prompt_ask("Virtual server", "default");
	if (server != NULL && (status = find_server(c, server)) != EX_OK) {
		free(server);
		return status;
	}
	kind = server != NULL ? ask_kind() : -1;
	wizard_change_begin(&w, c, "domain", server != NULL ? server : "-");
	wizard_change_add(&w, "add");
	if (kind != -1)
		status = run(&w, kind);
	else
		fputs("nothing was changed\n", stderr);
	wizard_change_done(&w);
	free(server);
	return kind != -1 ? status : CONTROL_REFUSED;
}
