/*
 * directory_request - asks the directory helper about one recipient, for posternctl explain
 *
 * Runs in:  master
 * Owns:     one question from its command to its answer
 * Promise:  the text of the answer is what the helper said, without control bytes
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg_directory.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

#define DIRECTORY_REQUEST_WAIT_MS 30000U

struct directory_request {
	struct control_question q;
	struct msg_directory_test what;
	struct buf text;
	int status;
};

static struct directory_request *
request_of(struct control_question *q)
{
	return (struct directory_request *)q;	/* its first member */
}

/* Starts the helper when there is none, and asks it when it is ready. */
static void
ask_directory_helper(struct directory_request *r)
{
	struct post *post = &r->q.m->helper[CTL_HELPER_DIRECTORY];

	if (r->q.over || r->q.part[0].child != NULL || r->q.m->stopping)
		return;
	if (post->child == NULL && !loop_timer_is_set(post->again))
		roster_start(post);
	if (post->child != NULL && post->child->phase == CHILD_READY) {
		control_question_turn(&r->q, 0, post->child);
		control_question_ask(&r->q, 0, &r->what, sizeof(r->what));
	}
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct directory_request *r = request_of(q);
	const char *text = m->data;
	int32_t status;

	if (m->type == CTL_TEST_TEXT) {
		for (size_t i = 0; i < m->len; i++)
			buf_add(&r->text, (unsigned char)text[i] >= ' ' && text[i] != 127 ? &text[i] :
			    text[i] == '\n' ? "\n" : "?", 1);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	r->status = status;
	control_question_end(q);
}

static void
end_without_answer(struct control_question *q, const char *why)
{
	struct directory_request *r = request_of(q);

	buf_puts(&r->text, why);
	r->status = EX_TEMPFAIL;
	control_question_end(q);
}

static void
on_gone(struct control_question *q, size_t part)
{
	end_without_answer(q, "the directory helper ended before it answered\n");
}

static void
on_late(struct control_question *q)
{
	end_without_answer(q, "no answer from the directory helper\n");
}

static bool
update_request(struct control_question *q, struct control_command *cmd)
{
	struct directory_request *r = request_of(q);

	ask_directory_helper(r);
	if (!q->over)
		return false;
	buf_add(&cmd->text, buf_text(&r->text), r->text.len);
	cmd->status = r->status;
	return true;
}

static void
free_request(struct control_question *q)
{
	struct directory_request *r = request_of(q);

	buf_done(&r->text);
	free(r);
}

static const struct control_question_ops directory_ops = {
	.ask = CTL_DIRECTORY_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT,
	.page = on_page, .gone = on_gone, .late = on_late, .update = update_request, .free = free_request,
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
	control_question_init(&r->q, m, &directory_ops);
	snprintf(r->what.server, sizeof(r->what.server), "%s", only->name);
	snprintf(r->what.address, sizeof(r->what.address), "%s", a.text);
	buf_init(&r->text, MASTER_TEXT_MAX);
	(void)control_question_add(&r->q, NULL);
	control_question_wait(&r->q, DIRECTORY_REQUEST_WAIT_MS);
	cmd->question = &r->q;
	cmd->waiting = true;
	ask_directory_helper(r);
}
