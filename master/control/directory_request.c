/*
 * directory_request - asks the directory helper about one recipient, for posternctl explain
 *
 * Runs in:  master
 * Owns:     one question from its command to its answer
 * Promise:  as test_request
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/msg/msg_directory.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define DIRECTORY_REQUEST_WAIT_MS 30000U

struct directory_request {
	struct test_request r;
	struct msg_directory_test what;
};

static void
ask_directory(struct test_request *r, struct child *helper)
{
	const struct directory_request *mine = (const struct directory_request *)r;	/* its first member */

	control_question_turn(&r->q, 0, helper);
	control_question_ask(&r->q, 0, &mine->what, sizeof(mine->what));
}

static const struct control_question_ops directory_ops = {
	.ask = CTL_DIRECTORY_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = test_request_page,
	.gone = test_request_gone, .late = test_request_late,
	.update = test_request_update, .free = test_request_free,
};

/* Words: directory-test NAME ADDRESS */
void
directory_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct directory_request *r;
	struct address a;

	if (only == NULL || w->count != 3 || address_from_text(&a, w->word[2]) == -1) {
		buf_puts(&cmd->text, "the service does not understand this question\n");
		cmd->status = EX_USAGE;
		return;
	}
	if (only->conf == NULL || !only->conf->ldap.enable) {
		buf_puts(&cmd->text, "the configuration that runs has no directory here\n");
		cmd->status = EX_UNAVAILABLE;
		return;
	}
	r = mem_new(struct directory_request);
	r->r.helper = CTL_HELPER_DIRECTORY;
	r->r.ask = ask_directory;
	r->r.who = "the directory helper";
	snprintf(r->what.server, sizeof(r->what.server), "%s", only->name);
	snprintf(r->what.address, sizeof(r->what.address), "%s", a.text);
	test_request_begin(&r->r, cmd, m, &directory_ops, DIRECTORY_REQUEST_WAIT_MS);
}
