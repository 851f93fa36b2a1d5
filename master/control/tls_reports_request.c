/*
 * tls_reports_request - posternctl tls-reports: a deliver worker says what it counts for reports about TLS, a
 * page at a time, or sends those that are due
 *
 * Runs in:  master
 * Owns:     one command from its words to its answer
 * Promise:  as test_request; a sending is one event, with who asked for it. A list that has no room says so
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg_tls_reports.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define TLS_REPORTS_WAIT_MS 30000U

struct tls_reports_request {
	struct test_request r;
	struct msg_tls_reports_ask ask;
	char server[CONFIG_NAME_MAX + 1], who[CONTROL_ANSWER_WHO_SIZE];
};

static struct tls_reports_request *
request_of(struct control_question *q)
{
	return (struct tls_reports_request *)q;	/* its first member */
}

static void
say_sent(struct tls_reports_request *r, int32_t count)
{
	log_event(LOG_FACT, NULL, "operator", "server=%s %s command=tls-reports verb=send count=%d result=ok",
	    r->server, r->who, (int)count);
	buf_printf(&r->r.text, "%d report%s due now\n", (int)count, count == 1 ? " is" : "s are");
	test_request_end(&r->r, EX_OK);
}

/* Whole lines only, and room for this one in the answer, which has the same limit. */
static void
say_cut(struct tls_reports_request *r)
{
	static const char note[] = "there is more than can be shown at once\n";
	struct buf *text = &r->r.text;

	text->len = text->cap - sizeof(note);
	while (text->len > 0 && text->data[text->len - 1] != '\n')
		text->len--;
	text->failed = false;
	buf_puts(text, note);
	test_request_end(&r->r, EX_UNAVAILABLE);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct tls_reports_request *r = request_of(q);
	int32_t next;

	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(&r->r, m);
		return;
	}
	memcpy(&next, m->data, sizeof(next));
	if (!buf_ok(&r->r.text)) {
		say_cut(r);
	} else if (next < 0) {
		buf_printf(&r->r.text, "%s makes no reports: tls-reports is no\n", r->server);
		test_request_end(&r->r, EX_UNAVAILABLE);
	} else if (r->ask.verb == MSG_TLS_REPORTS_SEND) {
		say_sent(r, next);
	} else if ((uint32_t)next > r->ask.from) {
		r->ask.from = (uint32_t)next;
		control_question_ask(q, 0, &r->ask, sizeof(r->ask));
	} else {
		test_request_end(&r->r, EX_OK);
	}
}

/* After a change of the configuration another one is asked, when it runs. */
static void
on_gone(struct control_question *q, size_t part)
{
	if (request_of(q)->r.text.len > 0 || request_of(q)->ask.verb != MSG_TLS_REPORTS_LIST)
		test_request_gone(q, part);
}

/* It may be about to start. */
static void
ask_worker(struct tls_reports_request *r)
{
	struct child *worker = r->r.q.part[0].child == NULL ?
	    hosts_request_worker(r->r.q.m, r->server) : NULL;

	if (r->r.q.over || worker == NULL)
		return;
	control_question_turn(&r->r.q, 0, worker);
	control_question_ask(&r->r.q, 0, &r->ask, sizeof(r->ask));
}

static bool
update(struct control_question *q, struct control_command *cmd)
{
	ask_worker(request_of(q));
	return q->over && test_request_update(q, cmd);
}

static const struct control_question_ops tls_reports_ops = {
	.ask = CTL_TLS_REPORTS, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = on_gone, .late = test_request_late, .update = update, .free = test_request_free,
};

/* Words: tls-reports NAME list|send */
void
tls_reports_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	bool sends = w->count > 2 && strcmp(w->word[2], "send") == 0;
	struct tls_reports_request *r;

	if (only == NULL || w->count != 3 || (!sends && strcmp(w->word[2], "list") != 0)) {
		control_answer_say(cmd, EX_USAGE, "say which virtual server, and list or send");
		return;
	}
	if (only->conf == NULL || only->state == STATE_STOPPED) {
		control_answer_say(cmd, EX_UNAVAILABLE, "%s is stopped: what delivers its mail does not run",
		    only->name);
		return;
	}
	r = mem_new(struct tls_reports_request);
	r->r.who = "the process that delivers";
	r->ask.verb = sends ? MSG_TLS_REPORTS_SEND : MSG_TLS_REPORTS_LIST;
	snprintf(r->server, sizeof(r->server), "%s", only->name);
	control_answer_who(r->who, cmd);
	test_request_open(&r->r, cmd, m, &tls_reports_ops, TLS_REPORTS_WAIT_MS);
	ask_worker(r);
}
