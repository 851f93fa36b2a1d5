/*
 * probe_request - posternctl probe: would a mail get through? The deliver worker goes its way without one,
 * or sends one. Before it the directory helper is asked about the recipient, and the fetch helper for a new
 * token of each profile of [oauth] on the way
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
#include "common/base/utf8.h"
#include "common/msg/msg_directory.h"
#include "common/msg/msg_probe.h"
#include "common/msg/msg_token.h"
#include "common/rules/route.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define PROBE_WAIT_MS 120000U		/* of the whole: a host has 30 seconds */
#define SEND_WAIT_MS 200000U		/* the same with a test message, which is followed for a minute */
#define DIRECTORY_WAIT_MS 30000U
#define TOKEN_WAIT_MS 60000U		/* besides the time of the endpoint: as for posternctl oauth test */

enum probe_phase { PROBE_DIRECTORY, PROBE_TOKEN, PROBE_DELIVER };

struct probe_request {
	struct test_request r;
	char server[CONFIG_NAME_MAX + 1];
	struct msg_probe_ask ask;
	enum probe_phase phase;		/* who is asked at present */
	char profile[CONFIG_NAME_MAX + 1];	/* of [oauth]: that of the token, or the last one; "" none */
	uint64_t since;			/* monotonic ms */
	/* DIRECTORY: its answer so far; TOKEN: the latest line, whose verdict comes with the next one */
	struct buf said;
};

static const char *const phase_steps[] = { [PROBE_DIRECTORY] = "directory", [PROBE_TOKEN] = "token",
    [PROBE_DELIVER] = "service" };
static const struct control_question_ops directory_ops, token_ops, deliver_ops;

static struct probe_request *
request_of(struct control_question *q)
{
	return (struct probe_request *)q;	/* its first member */
}

/* Other processes have said them: lines become one, and nothing does harm to a terminal. */
static void
put_words(struct buf *out, const char *words)
{
	size_t len = strlen(words), n;

	while (len > 0 && words[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i += n > 0 ? n : 1) {
		n = utf8_take_printable((const unsigned char *)words + i, len - i);
		buf_add(out, n > 0 ? words + i : (unsigned char)words[i] < ' ' ? " " : "?", n > 0 ? n : 1);
	}
}

static void
put_step(struct probe_request *r, const char *step, const char *verdict, const char *words)
{
	uint64_t now = clock_mono_ms();

	buf_printf(&r->r.text, "%s\t%s\t%llu\t", step, verdict, (unsigned long long)(now - r->since));
	put_words(&r->r.text, words);
	buf_puts(&r->r.text, "\t-\n");
	r->since = now;
	if (strcmp(verdict, "failed") == 0 && r->r.status == 0)
		r->r.status = MSG_PROBE_FAILED;
}

static void
end_with(struct probe_request *r, const char *step, const char *why)
{
	if (r->ask.send != 0)
		r->r.status = EX_TEMPFAIL;	/* the test message may be on its way */
	put_step(r, step, "failed", why);
	test_request_end(&r->r, MSG_PROBE_FAILED);
}

static void
ask_deliver(struct probe_request *r)
{
	struct child *c = deliver_request_worker(r->r.q.m, r->server);

	if (c == NULL) {
		end_with(r, "service", "the virtual server has no process that delivers: is it started?");
		return;
	}
	r->phase = PROBE_DELIVER;
	r->r.q.ops = &deliver_ops;
	control_question_turn(&r->r.q, 0, c);
	control_question_ask(&r->r.q, 0, &r->ask, sizeof(r->ask));
	control_question_wait(&r->r.q, r->ask.send != 0 ? SEND_WAIT_MS : PROBE_WAIT_MS);
}

/* --- tokens of OAuth2 --- */

/* Whether a host on the way gets a token of that profile. */
static bool
is_on_way(const struct config_server *s, const struct msg_probe_ask *ask, const char *profile)
{
	const char *why, *at = strrchr(ask->rcpt, '@');
	const struct config_account *account;
	struct route_answer a;
	struct route *route;
	bool found;

	if (at == NULL)
		return config_oauth_is_used(s, profile);
	route = route_new(s, &why);
	if (route == NULL)
		return false;
	route_find(route, at + 1, ask->send != 0 ? ask->sender : NULL, &a);
	account = a.kind == ROUTE_HOSTS ? &a.hosts->security.account : &a.security.account;
	found = (a.kind == ROUTE_HOSTS || a.kind == ROUTE_DIRECT) && account->auth == CONFIG_OUT_OAUTH2 &&
	    strcmp(account->oauth, profile) == 0;
	route_free(route);
	return found;
}

/* The next one on the way in the order of names; NULL: there is no more. */
static const struct config_oauth *
next_profile(const struct probe_request *r)
{
	const struct config *c = r->r.q.m->snapshot->config;
	const struct server *s = server_list_find(r->r.q.m, r->server);
	const struct config_oauth *next = NULL;

	for (size_t i = 0; s != NULL && s->conf != NULL && i < c->noauth; i++)
		if (strcmp(c->oauth[i].name, r->profile) > 0 &&
		    (next == NULL || strcmp(c->oauth[i].name, next->name) < 0) &&
		    is_on_way(s->conf, &r->ask, c->oauth[i].name))
			next = &c->oauth[i];
	return next;
}

static void
ask_fetch(struct test_request *t, struct child *helper)
{
	struct msg_token_test what = { .profile = "" };

	snprintf(what.profile, sizeof(what.profile), "%s", request_of(&t->q)->profile);
	control_question_turn(&t->q, 0, helper);
	control_question_ask(&t->q, 0, &what, sizeof(what));
}

/* The next profile, or the deliver worker. */
static void
ask_next(struct probe_request *r)
{
	const struct config_oauth *o = next_profile(r);

	buf_clear(&r->said);
	if (o == NULL) {
		ask_deliver(r);
		return;
	}
	snprintf(r->profile, sizeof(r->profile), "%s", o->name);
	r->phase = PROBE_TOKEN;
	r->r.helper = CTL_HELPER_FETCH;
	r->r.ask = ask_fetch;
	r->r.q.ops = &token_ops;
	control_question_turn(&r->r.q, 0, NULL);
	control_question_wait(&r->r.q, TOKEN_WAIT_MS + 2 * o->timeout);
	test_request_ask(&r->r);
}

/* --- the directory --- */

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

/* --- answers --- */

static void
take_text(struct probe_request *r, const struct ctl_message *m)
{
	if (r->phase == PROBE_DELIVER) {
		test_request_take_text(&r->r, m);
		return;
	}
	if (r->phase == PROBE_TOKEN && r->said.len > 0) {
		put_step(r, "token", "ok", buf_text(&r->said));
		buf_clear(&r->said);
	}
	buf_add(&r->said, m->data, m->len);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct probe_request *r = request_of(q);
	int32_t status;

	if (m->type == CTL_TEST_TEXT) {
		take_text(r, m);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	if (r->phase == PROBE_DELIVER) {
		test_request_end(&r->r, status);
		return;
	}
	r->ask.failed |= status != EX_OK;
	put_step(r, phase_steps[r->phase], status == EX_OK ? "ok" : "failed", buf_text(&r->said));
	ask_next(r);
}

static void
on_gone(struct control_question *q, size_t part)
{
	struct probe_request *r = request_of(q);

	end_with(r, phase_steps[r->phase], "the process ended before it answered");
}

static void
on_late(struct control_question *q)
{
	struct probe_request *r = request_of(q);

	end_with(r, phase_steps[r->phase], r->phase == PROBE_DIRECTORY ? "no answer within 30 seconds" :
	    "no answer within its time");
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
static const struct control_question_ops token_ops = {
	.ask = CTL_OAUTH_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = on_gone, .late = on_late, .update = test_request_update, .free = free_request,
};
static const struct control_question_ops deliver_ops = {
	.ask = CTL_PROBE, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page,
	.gone = on_gone, .late = on_late, .update = test_request_update, .free = free_request,
};

static void
judge_files(struct probe_request *r, struct master *m, const struct server *s)
{
	const struct health_disk *disk = health_disk_get(m, 0);
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
	return r;
}

void
probe_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct probe_request *r;
	bool directory;
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
	directory = rcpt.text[0] != '\0' && only->conf->ldap.enable;
	test_request_open(&r->r, cmd, m, &directory_ops, DIRECTORY_WAIT_MS);
	cmd->flows = true;	/* a host may take its time */
	judge_files(r, m, only);
	if (only->state == STATE_PAUSED)
		put_step(r, "service", "ok", "the virtual server is paused: it takes no mail, but delivers "
		    "what it has");
	if (directory)
		test_request_ask(&r->r);
	else
		ask_next(r);
}
