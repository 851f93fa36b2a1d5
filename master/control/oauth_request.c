/*
 * oauth_request - posternctl oauth test: the fetch helper gets a token for a profile, then the deliver
 * workers that use the profile log in with it, one after the other
 *
 * Runs in:  master
 * Owns:     one test from its command to its answer
 * Promise:  as test_request
 * Fails by: a last line of text that says which process did not answer
 */
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_token.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

/* Besides twice the time limit of the endpoint: another request to it may be open, and is waited for. */
#define OAUTH_REQUEST_WAIT_MS 60000U

struct oauth_request {
	struct test_request r;
	char profile[CONFIG_NAME_MAX + 1];
	char server[CONFIG_NAME_MAX + 1];	/* its deliver worker is asked; "": the fetch helper is */
	bool smtp;				/* it is a fault when no login can be tried */
};

static struct oauth_request *
request_of(struct control_question *q)
{
	return (struct oauth_request *)q;	/* its first member */
}

static void
send_request(struct oauth_request *r, struct child *c)
{
	struct msg_token_test what = { .profile = "" };

	snprintf(what.profile, sizeof(what.profile), "%s", r->profile);
	control_question_turn(&r->r.q, 0, c);
	control_question_ask(&r->r.q, 0, &what, sizeof(what));
}

/* The first step. */
static void
ask_fetch(struct test_request *r, struct child *helper)
{
	send_request(request_of(&r->q), helper);
}

/*
 * The deliver worker of the next virtual server, in the order of names, that uses the profile and runs. NULL:
 * there is none.
 */
static struct child *
next_worker(const struct oauth_request *r)
{
	struct child *c, *best = NULL;

	TAILQ_FOREACH(c, &r->r.q.m->children, link)
		if (deliver_request_delivers(c) && c->phase == CHILD_READY && c->server->conf != NULL &&
		    strcmp(c->server->name, r->server) > 0 &&
		    config_oauth_is_used(c->server->conf, r->profile) &&
		    (best == NULL || strcmp(c->server->name, best->server->name) < 0))
			best = c;
	return best;
}

static void
next_step(struct oauth_request *r, int status)
{
	struct child *next = status == 0 ? next_worker(r) : NULL;

	if (next != NULL) {
		snprintf(r->server, sizeof(r->server), "%s", next->server->name);
		buf_printf(&r->r.text, "virtual server: %s\n", r->server);
		send_request(r, next);
		return;
	}
	if (status == 0 && r->server[0] == '\0') {
		buf_puts(&r->r.text,
		    "smart host: no virtual server that uses this profile runs, so no login was tried\n");
		status = r->smtp ? EX_UNAVAILABLE : 0;
	}
	test_request_end(&r->r, status);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct oauth_request *r = request_of(q);
	int32_t status;

	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(&r->r, m);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	next_step(r, status);
}

static void
on_gone(struct control_question *q, size_t part)
{
	struct oauth_request *r = request_of(q);

	buf_puts(&r->r.text, "result: the process ended before it answered\n");
	test_request_end(&r->r, EX_TEMPFAIL);
}

static void
on_late(struct control_question *q)
{
	struct oauth_request *r = request_of(q);

	buf_printf(&r->r.text, "result: no answer from the %s process\n",
	    r->server[0] != '\0' ? "deliver" : "fetch");
	test_request_end(&r->r, EX_TEMPFAIL);
}

static const struct control_question_ops oauth_ops = {
	.ask = CTL_OAUTH_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT,
	.page = on_page, .gone = on_gone, .late = on_late, .update = test_request_update,
	.free = test_request_free,
};

/* Words: oauth-test - NAME [--smtp] */
void
oauth_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	const char *name = w->count >= 3 ? w->word[2] : "";
	const struct config_oauth *conf = config_oauth_find(m->snapshot->config, name);
	struct oauth_request *r;

	if (w->count < 3 || w->count > 4 || (w->count == 4 && strcmp(w->word[3], "--smtp") != 0)) {
		buf_puts(&cmd->text, "the service does not understand this test\n");
		cmd->status = EX_USAGE;
		return;
	}
	if (conf == NULL) {
		buf_printf(&cmd->text,
		    "there is no profile %s: the configuration that runs has no such [oauth] section\n",
		    log_safe(name));
		cmd->status = CONTROL_NO_MATCH;
		return;
	}
	r = mem_new(struct oauth_request);
	r->r.helper = CTL_HELPER_FETCH;
	r->r.ask = ask_fetch;
	r->smtp = w->count == 4;
	snprintf(r->profile, sizeof(r->profile), "%s", conf->name);
	test_request_begin(&r->r, cmd, m, &oauth_ops, OAUTH_REQUEST_WAIT_MS + 2 * conf->timeout);
}
