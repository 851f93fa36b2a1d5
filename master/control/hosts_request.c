/*
 * hosts_request - posternctl hosts: a deliver worker says what it knows of hosts, a page at a time, or resets
 * some
 *
 * Runs in:  master
 * Owns:     one command from its words to its answer
 * Promise:  as test_request; a reset is one event, with who asked for it
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg_hosts.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define HOSTS_WAIT_MS 30000U

struct hosts_request {
	struct test_request r;
	struct msg_hosts_ask ask;
	char server[CONFIG_NAME_MAX + 1], who[CONTROL_ANSWER_WHO_SIZE];
};

static struct hosts_request *
request_of(struct control_question *q)
{
	return (struct hosts_request *)q;	/* its first member */
}

static void
say_reset(struct hosts_request *r, int32_t count)
{
	log_event(LOG_FACT, NULL, "operator",
	    "server=%s %s command=hosts verb=reset host=%s count=%d result=ok",
	    r->server, r->who, log_safe(*r->ask.pattern != '\0' ? r->ask.pattern : "*"), (int)count);
	buf_printf(&r->r.text, "%d host%s reset\n", (int)count, count == 1 ? "" : "s");
	test_request_end(&r->r, count > 0 ? EX_OK : CONTROL_NO_MATCH);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct hosts_request *r = request_of(q);
	int32_t next;

	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(&r->r, m);
		return;
	}
	memcpy(&next, m->data, sizeof(next));
	if (r->ask.verb == MSG_HOSTS_RESET) {
		say_reset(r, next);
	} else if (next > 0 && (uint32_t)next > r->ask.from) {
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
	if (request_of(q)->r.text.len > 0 || request_of(q)->ask.verb != MSG_HOSTS_LIST)
		test_request_gone(q, part);
}

struct child *
hosts_request_worker(const struct master *m, const char *server)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->role == ROLE_DELIVER && c->phase == CHILD_READY && c->post != NULL &&
		    c->server != NULL && strcmp(c->server->name, server) == 0)
			break;
	return c;
}

/* It may be about to start. */
static void
ask_worker(struct hosts_request *r)
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

static const struct control_question_ops hosts_ops = {
	.ask = CTL_HOSTS, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = on_gone, .late = test_request_late, .update = update, .free = test_request_free,
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
	if (only->conf == NULL || only->state == STATE_STOPPED) {
		control_answer_say(cmd, EX_UNAVAILABLE, "%s is stopped: what delivers its mail does not run",
		    only->name);
		return;
	}
	r = mem_new(struct hosts_request);
	r->r.who = "the process that delivers";
	r->ask.verb = reset ? MSG_HOSTS_RESET : MSG_HOSTS_LIST;
	snprintf(r->ask.pattern, sizeof(r->ask.pattern), "%s", w->count == 4 ? w->word[3] : "");
	snprintf(r->server, sizeof(r->server), "%s", only->name);
	control_answer_who(r->who, cmd);
	test_request_open(&r->r, cmd, m, &hosts_ops, HOSTS_WAIT_MS);
	ask_worker(r);
}
