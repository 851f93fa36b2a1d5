/*
 * hosts_request - posternctl hosts: a deliver worker says what it knows of hosts, a page at a time, or resets
 * some
 *
 * Runs in:  master
 * Owns:     one command from its words to its answer
 * Promise:  as deliver_request; a reset is one event, with who asked for it
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_hosts.h"
#include "master/control/control.h"
#include "master/control/control_private.h"

struct hosts_request {
	struct deliver_request d;
	struct msg_hosts_ask ask;
};

static void
on_reset(struct deliver_request *d, int32_t count)
{
	const struct hosts_request *r = (const struct hosts_request *)d;	/* its first member */

	log_event(LOG_FACT, NULL, "operator",
	    "server=%s %s command=hosts verb=reset host=%s count=%d result=ok",
	    d->server, d->who, log_safe(*r->ask.pattern != '\0' ? r->ask.pattern : "*"), (int)count);
	buf_printf(&d->r.text, "%d host%s reset\n", (int)count, count == 1 ? "" : "s");
	test_request_end(&d->r, count > 0 ? EX_OK : CONTROL_NO_MATCH);
}

/* A list has no count below 0. */
static void
on_list(struct deliver_request *d, int32_t next)
{
	test_request_end(&d->r, EX_OK);
}

static const struct control_question_ops hosts_ops = {
	.ask = CTL_HOSTS, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = deliver_request_page,
	.gone = deliver_request_gone, .late = test_request_late, .update = deliver_request_update,
	.free = test_request_free,
};

/* Words: hosts NAME list|reset [PATTERN] */
void
hosts_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	bool reset = w->count > 2 && strcmp(w->word[2], "reset") == 0;
	struct hosts_request *r;

	if (only == NULL || w->count < 3 || w->count > 4 || (!reset && strcmp(w->word[2], "list") != 0) ||
	    (w->count == 4 && strlen(w->word[3]) >= sizeof(r->ask.pattern))) {
		control_answer_say(cmd, EX_USAGE, "say which virtual server, and list or reset");
		return;
	}
	if (!deliver_request_can(cmd, only))
		return;
	r = mem_new(struct hosts_request);
	r->ask.verb = reset ? MSG_HOSTS_RESET : MSG_HOSTS_LIST;
	snprintf(r->ask.pattern, sizeof(r->ask.pattern), "%s", w->count == 4 ? w->word[3] : "");
	r->d.ask = &r->ask;
	r->d.ask_size = sizeof(r->ask);
	r->d.from = reset ? NULL : &r->ask.from;
	r->d.done = reset ? on_reset : on_list;
	deliver_request_begin(&r->d, cmd, m, only, &hosts_ops);
}
