/*
 * certificates_request - the certificates that clients of a virtual server are shown now: its listener tells
 *
 * Runs in:  master
 * Owns:     one question from its command to its answer
 * Promise:  as test_request. The master reads no certificate: the process that shows them is asked
 * Fails by: a status; the text says why
 */
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define CERTIFICATES_WAIT_MS 10000U

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct test_request *r = (struct test_request *)q;	/* its first member */

	if (m->type != CTL_TEST_TEXT && r->text.len == 0)
		buf_puts(&r->text, "there is no certificate: clients are not offered TLS\n");
	test_request_page(q, part, m);
}

static const struct control_question_ops ops = {
	.ask = CTL_CERTIFICATES, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = test_request_gone, .late = test_request_late,
	.update = test_request_update, .free = test_request_free,
};

/* An older one that drains shows its clients nothing new. NULL: none takes mail. */
static struct child *
listener_of(struct master *m, const struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->role == ROLE_LISTENER && c->phase == CHILD_READY && c->post != NULL && c->server == s)
			return c;
	return NULL;
}

/* Words: certificates NAME */
void
certificates_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct child *c = only != NULL ? listener_of(m, only) : NULL;
	struct test_request *r;

	if (only == NULL || w->count != 2) {
		control_answer_say(cmd, EX_USAGE, "say of which virtual server");
		return;
	}
	if (c == NULL) {
		control_answer_say(cmd, EX_UNAVAILABLE, "%s has no process that takes mail: is it started?",
		    only->name);
		return;
	}
	r = mem_new(struct test_request);
	r->who = "the process that shows them";
	test_request_open(r, cmd, m, &ops, CERTIFICATES_WAIT_MS);
	control_question_turn(&r->q, 0, c);
	control_question_ask(&r->q, 0, NULL, 0);
}
