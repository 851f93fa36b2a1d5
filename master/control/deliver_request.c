/*
 * deliver_request - what commands have in common that ask the deliver worker of a virtual server: hosts,
 * tls-reports; a list comes a page at a time
 *
 * Runs in:  master
 * Owns:     one command from its words to its answer
 * Promise:  as test_request. A worker that is about to start is waited for; one that ends before it said
 *           anything of a list is replaced by the next. A list that has no room says so
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define DELIVER_WAIT_MS 30000U

static struct deliver_request *
request_of(struct control_question *q)
{
	return (struct deliver_request *)q;	/* its first member */
}

/* Whole lines only, and room for this one in the answer, which has the same limit. */
static void
say_cut(struct deliver_request *d)
{
	static const char note[] = "there is more than can be shown at once\n";
	struct buf *text = &d->r.text;

	text->len = text->cap - sizeof(note);
	while (text->len > 0 && text->data[text->len - 1] != '\n')
		text->len--;
	text->failed = false;
	buf_puts(text, note);
	test_request_end(&d->r, EX_UNAVAILABLE);
}

void
deliver_request_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct deliver_request *d = request_of(q);
	int32_t next;

	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(&d->r, m);
		return;
	}
	memcpy(&next, m->data, sizeof(next));
	if (!buf_ok(&d->r.text)) {
		say_cut(d);
	} else if (d->from == NULL || next < 0) {
		d->done(d, next);
	} else if ((uint32_t)next > *d->from) {
		*d->from = (uint32_t)next;
		control_question_ask(q, 0, d->ask, d->ask_size);
	} else {
		test_request_end(&d->r, EX_OK);
	}
}

/* After a change of the configuration another one is asked, when it runs. */
void
deliver_request_gone(struct control_question *q, size_t part)
{
	if (request_of(q)->r.text.len > 0 || request_of(q)->from == NULL)
		test_request_gone(q, part);
}

bool
deliver_request_delivers(const struct child *c)
{
	return c->role == ROLE_DELIVER && !maintenance_post_has(c);
}

struct child *
deliver_request_worker(const struct master *m, const char *server)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (deliver_request_delivers(c) && c->phase == CHILD_READY && c->post != NULL &&
		    c->server != NULL && strcmp(c->server->name, server) == 0)
			break;
	return c;
}

/* It may be about to start. */
static void
ask_worker(struct deliver_request *d)
{
	struct child *worker = d->r.q.part[0].child == NULL ?
	    deliver_request_worker(d->r.q.m, d->server) : NULL;

	if (d->r.q.over || worker == NULL)
		return;
	control_question_turn(&d->r.q, 0, worker);
	control_question_ask(&d->r.q, 0, d->ask, d->ask_size);
}

bool
deliver_request_update(struct control_question *q, struct control_command *cmd)
{
	ask_worker(request_of(q));
	return q->over && test_request_update(q, cmd);
}

bool
deliver_request_can(struct control_command *cmd, const struct server *only)
{
	if (only->conf != NULL && only->state != STATE_STOPPED)
		return true;
	control_answer_say(cmd, EX_UNAVAILABLE, "%s is stopped: what delivers its mail does not run",
	    only->name);
	return false;
}

void
deliver_request_begin(struct deliver_request *d, struct control_command *cmd, struct master *m,
    const struct server *only, const struct control_question_ops *ops)
{
	d->r.who = "the process that delivers";
	snprintf(d->server, sizeof(d->server), "%s", only->name);
	control_answer_who(d->who, cmd);
	test_request_open(&d->r, cmd, m, ops, DELIVER_WAIT_MS);
	ask_worker(d);
}
