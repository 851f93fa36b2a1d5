/*
 * wizard_server - posternctl new: makes a virtual server in the five steps of the original
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  see wizard_change
 * Fails by: an exit status
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/posternctl/wizard/wizard.h"

/* For the try of a name: a virtual server without an address would have all of them. */
#define SOME_ADDRESS "listen=127.0.0.1:1"
#define NAMES_MAX 50U

/* --- name --- */

static void
add_name(struct wizard *w, const char *answer)
{
	wizard_change_add(w, "%s", answer);
}

static int
try_name(const struct wizard *w, const char *name, struct buf *text)
{
	struct wizard try;
	int status;

	wizard_change_begin(&try, w->c, "create", "-");
	add_name(&try, name);
	status = wizard_change_try(&try, SOME_ADDRESS, text);
	wizard_change_done(&try);
	return status;
}

/* The first that is free, owned by the caller. NULL: w->status; the user may make none, for example. */
static char *
free_name(struct wizard *w)
{
	struct buf text = BUF_INIT(WIZARD_ANSWER_MAX);
	char *name = NULL;

	for (unsigned n = 1; n < NAMES_MAX; n++) {
		buf_clear(&text);
		free(name);
		name = n == 1 ? mem_strdup("default") : mem_printf("server%u", n);
		w->status = try_name(w, name, &text);
		if (!wizard_change_is_refused(w->status))
			break;
	}
	if (w->status != EX_OK) {
		fputs(buf_text(&text), stderr);
		free(name);
		name = NULL;
	}
	buf_done(&text);
	return name;
}

/* --- addresses --- */

static void
add_addresses(struct wizard *w, const char *answer)
{
	while (*(answer += strspn(answer, ", ")) != '\0') {
		size_t len = strcspn(answer, ", ");

		wizard_change_add(w, "listen=%.*s", (int)len, answer);
		answer += len;
	}
}

/* All addresses as the first virtual server has them, else one of this host alone. */
static char *
free_address(struct wizard *w)
{
	static const char *const wanted[] = { "*:25", "127.0.0.1:25", "127.0.0.1:2525", "127.0.0.1:2526",
	    "127.0.0.1:2527" };

	for (size_t i = 0; i < nitems_of(wanted); i++) {
		struct buf text = BUF_INIT(WIZARD_ANSWER_MAX);
		char *word = mem_printf("listen=%s", wanted[i]);
		bool is_free = wizard_change_try(w, word, &text) == EX_OK;

		free(word);
		buf_done(&text);
		if (is_free)
			return mem_strdup(wanted[i]);
	}
	return NULL;
}

/* --- home folder and domain --- */

static void
add_home(struct wizard *w, const char *answer)
{
	if (w->unsaid == NULL || strcmp(answer, w->unsaid) != 0)
		wizard_change_add(w, "general.home=%s", answer);
}

static void
add_domain(struct wizard *w, const char *answer)
{
	wizard_change_add(w, "domain=%s", answer);
}

/* --- the pages --- */

static bool
ask(struct wizard *w, const char *help, const char *question, const char *standard, const char *extra,
    void (*add)(struct wizard *w, const char *answer))
{
	char *answer;

	putchar('\n');
	prompt_say(help);
	answer = wizard_change_ask(w, question, standard, extra, add);
	free(answer);
	return answer != NULL;
}

static bool
ask_name(struct wizard *w)
{
	char *name = free_name(w);
	bool done;

	if (name == NULL)
		return false;
	prompt_say("A new virtual server. Each question has its answer in brackets, which an empty line "
	    "takes; nothing is made before the last one. Ctrl-C ends it.");
	done = ask(w, "1 of 5. The name is that of its file and folders, and is used in all commands: "
	    "small letters, digits and hyphens.", "Name", name, SOME_ADDRESS, add_name);
	free(name);
	return done;
}

static bool
ask_addresses(struct wizard *w)
{
	char *address = free_address(w);
	bool done = ask(w, "2 of 5. IP address and port at which it takes mail, as 192.0.2.1:25, "
	    "[2001:db8::1]:25, or *:25 for all addresses of the host; several with commas. No two virtual "
	    "servers have the same.",
	    "Address and port", address, NULL, add_addresses);

	free(address);
	return done;
}

static bool
ask_home(struct wizard *w)
{
	char *spool = wizard_change_get(w, "service.spool");
	bool done;

	w->unsaid = spool != NULL ? mem_printf("%s/%s", spool, w->line.word[1]) : NULL;
	done = ask(w, "3 of 5. Its home folder, for pickup, queue, drop and badmail.",
	    "Home folder", w->unsaid, NULL, add_home);
	free(spool);
	return done;
}

static bool
ask_domain(struct wizard *w)
{
	char *host = wizard_change_get(w, "service.hostname");
	bool done = ask(w, "4 of 5. Its default domain: mail for it is local, and goes to the drop folder.",
	    "Default domain", host, NULL, add_domain);

	free(host);
	return done;
}

/* Beside a service that runs it has been started by now. */
static int
offer_start(const struct wizard *w)
{
	int yes = w->local ? prompt_confirm("The service is not running. Start it now?", false) : 0;

	return yes == 1 ? service_start_up(command_send_config(w->c), w->c->config_path == NULL,
	    w->line.word[1]) : EX_OK;
}

static int
run(struct wizard *w)
{
	int status;

	if (!ask_name(w) || !ask_addresses(w) || !ask_home(w) || !ask_domain(w))
		return w->status;
	prompt_say("\n5 of 5. This would be made:");
	status = wizard_change_finish(w, "Make it?");
	return status == EX_OK ? offer_start(w) : status;
}

int
wizard_server_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct wizard w;
	int status;

	if (!prompt_is_possible())
		return wizard_change_refuse("new", "create name listen=ADDRESS:PORT domain=NAME");
	wizard_change_begin(&w, c, "create", "-");
	status = run(&w);
	wizard_change_done(&w);
	return status;
}
