/*
 * tls_reports_request - posternctl tls-reports: a deliver worker says what it counts for reports about TLS, a
 * page at a time, or sends those that are due
 *
 * Runs in:  master
 * Owns:     one command from its words to its answer
 * Promise:  as deliver_request; a sending is one event, with who asked for it
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_tls_reports.h"
#include "master/control/control.h"
#include "master/control/control_private.h"

struct tls_reports_request {
	struct deliver_request d;
	struct msg_tls_reports_ask ask;
};

static void
on_done(struct deliver_request *d, int32_t count)
{
	if (count < 0) {
		buf_printf(&d->r.text, "%s makes no reports: tls-reports is no\n", d->server);
		test_request_end(&d->r, EX_UNAVAILABLE);
		return;
	}
	log_event(LOG_FACT, NULL, "operator", "server=%s %s command=tls-reports verb=send count=%d result=ok",
	    d->server, d->who, (int)count);
	buf_printf(&d->r.text, "%d report%s due now\n", (int)count, count == 1 ? " is" : "s are");
	test_request_end(&d->r, EX_OK);
}

static const struct control_question_ops tls_reports_ops = {
	.ask = CTL_TLS_REPORTS, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = deliver_request_page,
	.gone = deliver_request_gone, .late = test_request_late, .update = deliver_request_update,
	.free = test_request_free,
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
	if (!deliver_request_can(cmd, only))
		return;
	r = mem_new(struct tls_reports_request);
	r->ask.verb = sends ? MSG_TLS_REPORTS_SEND : MSG_TLS_REPORTS_LIST;
	r->d.ask = &r->ask;
	r->d.ask_size = sizeof(r->ask);
	r->d.from = sends ? NULL : &r->ask.from;
	r->d.done = on_done;
	deliver_request_begin(&r->d, cmd, m, only, &tls_reports_ops);
}
