/*
 * probe_request - posternctl probe: would a mail get through? The deliver worker goes its way without one, or
 * sends one, and the directory helper is asked about the recipient
 *
 * Runs in:  master
 * Owns:     one probe from its command to its answer
 * Promise:  as test_request; lines as msg_probe has them, verdict ok, failed or skipped. A test message is
 *           for one recipient, and who asks for it cannot write a word of it
 * Fails by: a failed step that says which process did not answer
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/ipc/msg_directory.h"
#include "common/ipc/msg_probe.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define PROBE_WAIT_MS 120000U		/* of the whole: a host has 30 seconds */
#define SEND_WAIT_MS 200000U		/* the same with a test message, which is followed for a minute */
#define DIRECTORY_WAIT_MS 30000U

struct probe_request {
	struct test_request r;
	char server[CONFIG_NAME_MAX + 1];
	struct msg_probe_ask ask;
	bool directory;			/* it is asked at present, and `said` is its answer so far */
	uint64_t since;			/* monotonic ms */
	struct buf said;
};

static const struct control_question_ops directory_ops, deliver_ops;

static struct probe_request *
request_of(struct control_question *q)
{
	return (struct probe_request *)q;	/* its first member */
}

static void
put_step(struct probe_request *r, const char *step, const char *verdict, const char *words)
{
	uint64_t now = clock_mono_ms();

	buf_printf(&r->r.text, "%s\t%s\t%llu\t", step, verdict, (unsigned long long)(now - r->since));
	for (; *words != '\0'; words++)
		buf_printf(&r->r.text, "%c", (unsigned char)*words < ' ' ? ' ' : *words);
	buf_puts(&r->r.text, "\t-\n");
	r->since = now;
	if (strcmp(verdict, "failed") == 0)
		r->r.status = 1;
}

static void
end_with(struct probe_request *r, const char *step, const char *why)
{
	put_step(r, step, "failed", why);
	test_request_end(&r->r, EX_TEMPFAIL);
}

static void
ask_deliver(struct probe_request *r)
{
	struct child *c;

	TAILQ_FOREACH(c, &r->r.q.m->children, link)
		if (c->role == ROLE_DELIVER && c->phase == CHILD_READY && c->post != NULL &&
		    c->server != NULL && strcmp(c->server->name, r->server) == 0)
			break;
	if (c == NULL) {
		end_with(r, "service", "the virtual server has no process that delivers: is it started?");
		return;
	}
	r->directory = false;
	r->r.q.ops = &deliver_ops;
	control_question_turn(&r->r.q, 0, c);
	control_question_ask(&r->r.q, 0, &r->ask, sizeof(r->ask));
	control_question_wait(&r->r.q, r->ask.send != 0 ? SEND_WAIT_MS : PROBE_WAIT_MS);
}

/* The first step of the others. */
static void
ask_directory(struct test_request *t, struct child *helper)
{
	struct probe_request *r = request_of(&t->q);
	struct msg_directory_test what = { .server = "" };

	snprintf(what.server, sizeof(what.server), "%s", r->server);
	snprintf(what.address, sizeof(what.address), "%s", r->ask.rcpt);
	control_question_turn(&t->q, 0, helper);
	control_question_ask(&t->q, 0, &what, sizeof(what));
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct probe_request *r = request_of(q);
	int32_t status;

	if (m->type == CTL_TEST_TEXT && r->directory) {
		buf_add(&r->said, m->data, m->len);
		return;
	}
	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(&r->r, m);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	if (r->directory) {
		r->ask.failed = status != EX_OK;
		put_step(r, "directory", status == EX_OK ? "ok" : "failed", buf_text(&r->said));
		ask_deliver(r);
	} else {
		test_request_end(&r->r, status);
	}
}

static void
on_gone(struct control_question *q, size_t part)
{
	struct probe_request *r = request_of(q);

	end_with(r, r->directory ? "directory" : "service", "the process ended before it answered");
}

static void
on_late(struct control_question *q)
{
	struct probe_request *r = request_of(q);

	if (!r->directory) {
		end_with(r, "service", "no answer within its time");
		return;
	}
	end_with(r, "directory", "no answer within 30 seconds");
}

static void
free_request(struct control_question *q)
{
	buf_done(&request_of(q)->said);
	test_request_free(q);
}

static const struct control_question_ops directory_ops = {
	.ask = CTL_DIRECTORY_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = on_gone, .late = on_late, .update = test_request_update, .free = free_request,
};
static const struct control_question_ops deliver_ops = {
	.ask = CTL_PROBE, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = on_gone, .late = on_late, .update = test_request_update, .free = free_request,
};

static void
judge_files(struct probe_request *r, struct master *m, const struct server *s)
{
	const struct health_disk *disk = health_disk_get(m);
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);

	health_disk_blame(disk, s, &why);
	health_disk_blame_service(disk, &why);
	put_step(r, "files", why.len == 0 ? "ok" : "failed", why.len == 0 ? s->conf->file : buf_text(&why));
	buf_done(&why);
}

/* What is wrong with the words: probe NAME [RECIPIENT [--send]]. NULL: nothing. */
static const char *
misused(const struct server *only, const struct control_words *w, struct address *rcpt)
{
	size_t used;

	if (only == NULL)
		return "say which virtual server";
	if (w->count > 4 || (w->count == 4 && strcmp(w->word[3], "--send") != 0))
		return "there are words too many";
	if (w->count > 2 && (address_parse_path(rcpt, w->word[2], strlen(w->word[2]), ADDRESS_UTF8,
	    &used) == -1 || w->word[2][used] != '\0'))
		return "the recipient is no address";
	return NULL;
}

static struct probe_request *
new_request(const struct control_command *cmd, const struct server *only, const struct address *rcpt,
    bool send)
{
	struct probe_request *r = mem_new(struct probe_request);

	r->r.helper = CTL_HELPER_DIRECTORY;
	r->r.ask = ask_directory;
	r->since = clock_mono_ms();
	buf_init(&r->said, CTL_PAYLOAD_MAX);
	snprintf(r->server, sizeof(r->server), "%s", only->name);
	snprintf(r->ask.rcpt, sizeof(r->ask.rcpt), "%s", rcpt->text);
	snprintf(r->ask.author, sizeof(r->ask.author), "%s", cmd->peer->author);
	r->ask.send = send;
	snprintf(r->ask.sender, sizeof(r->ask.sender), "postmaster@%s", only->conf->default_domain->name);
	r->directory = rcpt->text[0] != '\0' && only->conf->ldap.enable;
	return r;
}

void
probe_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct probe_request *r;
	struct address rcpt = { .text = "" };
	const char *wrong = misused(only, w, &rcpt);

	if (wrong != NULL) {
		control_answer_say(cmd, EX_USAGE, "%s", wrong);
		return;
	}
	if (only->conf == NULL || only->state == STATE_STOPPED) {
		control_answer_say(cmd, EX_UNAVAILABLE, "%s is stopped: what delivers its mail does not run",
		    only->name);
		return;
	}
	r = new_request(cmd, only, &rcpt, w->count > 3);
	test_request_open(&r->r, cmd, m, r->directory ? &directory_ops : &deliver_ops, DIRECTORY_WAIT_MS);
	judge_files(r, m, only);
	if (only->state == STATE_PAUSED)
		put_step(r, "service", "ok", "the virtual server is paused: it takes no mail, but delivers "
		    "what it has");
	if (r->directory)
		test_request_ask(&r->r);
	else
		ask_deliver(r);
}
