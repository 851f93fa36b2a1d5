/*
 * test_request - what commands have in common that ask a helper for a test: posternctl explain, oauth test
 *
 * Runs in:  master
 * Owns:     one test from its command to its answer
 * Promise:  the helper is started when there is none, and asked when it is ready. The text of the answer is
 *           what the processes said, without what harms a terminal
 * Fails by: a status; the text says why
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

static struct test_request *
request_of(struct control_question *q)
{
	return (struct test_request *)q;	/* its first member */
}

void
test_request_ask(struct test_request *r)
{
	struct post *post = &r->q.m->helper[r->helper];

	if (r->q.over || r->q.part[0].child != NULL || r->q.m->stopping)
		return;
	if (post->child == NULL && !loop_timer_is_set(post->again))
		roster_start(post);
	if (post->child != NULL && post->child->phase == CHILD_READY)
		r->ask(r, post->child);
}

void
test_request_open(struct test_request *r, struct control_command *cmd, struct master *m,
    const struct control_question_ops *ops, uint64_t wait_ms)
{
	control_question_init(&r->q, m, ops);
	buf_init(&r->text, MASTER_TEXT_MAX);
	(void)control_question_add(&r->q, NULL);
	control_question_wait(&r->q, wait_ms);
	cmd->question = &r->q;
	cmd->waiting = true;
}

void
test_request_begin(struct test_request *r, struct control_command *cmd, struct master *m,
    const struct control_question_ops *ops, uint64_t wait_ms)
{
	test_request_open(r, cmd, m, ops, wait_ms);
	test_request_ask(r);
}

void
test_request_take_text(struct test_request *r, const struct ctl_message *m)
{
	const unsigned char *s = m->data;

	for (size_t i = 0, n; i < m->len; i += n > 0 ? n : 1) {
		n = s[i] == '\n' || s[i] == '\t' ? 1 : utf8_take_printable(s + i, m->len - i);
		buf_add(&r->text, n > 0 ? (const char *)s + i : "?", n > 0 ? n : 1);
	}
}

void
test_request_end(struct test_request *r, int status)
{
	if (r->status == 0)
		r->status = status;
	control_question_end(&r->q);
}

void
test_request_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	int32_t status;

	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(request_of(q), m);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	test_request_end(request_of(q), status);
}

void
test_request_gone(struct control_question *q, size_t part)
{
	buf_printf(&request_of(q)->text, "%s ended before it answered\n", request_of(q)->who);
	test_request_end(request_of(q), EX_TEMPFAIL);
}

void
test_request_late(struct control_question *q)
{
	buf_printf(&request_of(q)->text, "no answer from %s\n", request_of(q)->who);
	test_request_end(request_of(q), EX_TEMPFAIL);
}

bool
test_request_update(struct control_question *q, struct control_command *cmd)
{
	struct test_request *r = request_of(q);

	test_request_ask(r);
	if (!q->over && !cmd->flows)
		return false;
	buf_add(&cmd->text, buf_text(&r->text), r->text.len);
	buf_clear(&r->text);
	if (!q->over)
		return false;
	cmd->status = r->status;
	return true;
}

void
test_request_free(struct control_question *q)
{
	struct test_request *r = request_of(q);

	buf_done(&r->text);
	free(r);
}
