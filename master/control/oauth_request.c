/*
 * oauth_request - posternctl oauth test: has the fetch helper get a token, then the deliver workers that use
 * the profile log in with it
 *
 * Runs in:  master
 * Owns:     a rehearsal from the order to its answer
 * Promise:  the master itself asks nobody: it passes the steps on as they were told, without control bytes
 * Fails by: a last line that says what did not answer
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg_token.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

/* Besides what the endpoint may take, twice: another request may be under way */
#define OAUTH_REQUEST_WAIT_MS 60000U

static void
request_is_over(struct oauth_request *r, int status)
{
	r->over = true;
	r->child = NULL;
	if (r->status == 0)
		r->status = status;
	loop_timer_stop(r->timer);
}

static void
on_request_late(void *arg)
{
	struct oauth_request *r = arg;
	struct master *m = r->m;

	buf_printf(&r->text, "result: no answer from the %s process\n",
	    r->server[0] != '\0' ? "deliver" : "fetch");
	request_is_over(r, EX_TEMPFAIL);
	service_look(m); /* may free r */
}

static void
send_request(struct oauth_request *r, struct child *c)
{
	struct msg_token_trial what = { .profile = "" };

	snprintf(what.profile, sizeof(what.profile), "%s", r->profile);
	r->child = c;
	r->request = ++r->m->requests;
	child_send(c, CTL_OAUTH_TEST, r->request, &what, sizeof(what), -1);
}

void
oauth_request_look(struct master *m)
{
	struct post *post = &m->helper[CTL_HELPER_FETCH];
	struct oauth_request *r;
	bool waits = false;

	TAILQ_FOREACH(r, &m->oauth_requests, link)
		waits |= !r->over && r->child == NULL;
	if (!waits || m->stopping)
		return;
	if (post->child == NULL && !loop_timer_is_set(post->again))
		roster_start(post);
	if (post->child == NULL || post->child->phase != CHILD_READY)
		return;
	TAILQ_FOREACH(r, &m->oauth_requests, link)
		if (!r->over && r->child == NULL)
			send_request(r, post->child);
}

/*
 * The next virtual server, in the order of names, that uses the profile and runs; its deliver process. NULL:
 * none is left.
 */
static struct child *
ask_next_server(const struct oauth_request *r)
{
	struct child *c, *best = NULL;

	TAILQ_FOREACH(c, &r->m->children, link)
		if (c->role == ROLE_DELIVER && c->phase == CHILD_READY && c->server->conf != NULL &&
		    strcmp(c->server->name, r->server) > 0 &&
		    config_oauth_is_used(c->server->conf, r->profile) &&
		    (best == NULL || strcmp(c->server->name, best->server->name) < 0))
			best = c;
	return best;
}

static void
next_step(struct oauth_request *r, int status)
{
	struct child *next = status == 0 ? ask_next_server(r) : NULL;

	if (next != NULL) {
		snprintf(r->server, sizeof(r->server), "%s", next->server->name);
		buf_printf(&r->text, "virtual server: %s\n", r->server);
		send_request(r, next);
		return;
	}
	if (status == 0 && r->server[0] == '\0') {
		buf_puts(&r->text,
		    "smart host: no virtual server that uses this profile runs, so no login was tried\n");
		status = r->smtp ? EX_UNAVAILABLE : 0;
	}
	request_is_over(r, status);
}

static struct oauth_request *
find_request(const struct child *c, uint32_t request)
{
	struct oauth_request *r;

	TAILQ_FOREACH(r, &c->m->oauth_requests, link)
		if (r->child == c && (request == 0 || r->request == request))
			break;
	return r;
}

void
oauth_request_told(struct child *c, const struct ctl_message *m)
{
	struct oauth_request *r = find_request(c, m->request);
	int32_t status;

	if (r == NULL)
		return; /* too late: nobody waits for it */
	if (m->type == CTL_OAUTH_TEST_TEXT) {
		const char *text = m->data;

		for (size_t i = 0; i < m->len; i++)
			buf_add(&r->text, (text[i] >= ' ' && text[i] <= '~') || text[i] == '\n' ? &text[i] :
			    "?", 1);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	next_step(r, status);
}

void
oauth_request_gone(struct child *c)
{
	struct oauth_request *r;

	TAILQ_FOREACH(r, &c->m->oauth_requests, link)
		if (r->child == c) {
			buf_puts(&r->text, "result: the process ended before it answered\n");
			request_is_over(r, EX_TEMPFAIL);
		}
}

/* oauth-test - NAME [--smtp] */
void
oauth_request_run(struct control_command *o, struct master *m, struct server *only,
    const struct control_words *w)
{
	const char *name = w->count >= 3 ? w->word[2] : "";
	const struct config_oauth *conf = config_oauth_find(m->snapshot->config, name);
	struct oauth_request *r;

	if (w->count < 3 || w->count > 4 || (w->count == 4 && strcmp(w->word[3], "--smtp") != 0)) {
		buf_puts(&o->text, "the service does not understand this test\n");
		o->status = EX_USAGE;
		return;
	}
	if (conf == NULL) {
		buf_printf(&o->text,
		    "there is no profile %s: the configuration that runs has no such [oauth] section\n",
		    log_safe(name));
		o->status = 3;
		return;
	}
	r = mem_new(struct oauth_request);
	r->m = m;
	r->smtp = w->count == 4;
	snprintf(r->profile, sizeof(r->profile), "%s", conf->name);
	buf_init(&r->text, MASTER_TEXT_MAX);
	r->timer = loop_timer_new(m->loop, on_request_late, r);
	loop_timer_set(r->timer, OAUTH_REQUEST_WAIT_MS + 2 * conf->timeout);
	TAILQ_INSERT_TAIL(&m->oauth_requests, r, link);
	o->oauth_request = r;
	o->waiting = true;
	oauth_request_look(m);
}

bool
oauth_request_settle(struct control_command *o)
{
	const struct oauth_request *r = o->oauth_request;

	if (!r->over)
		return false;
	buf_add(&o->text, buf_text(&r->text), r->text.len);
	o->status = r->status;
	o->waiting = false;
	return true;
}

void
oauth_request_free(struct oauth_request *r)
{
	if (r == NULL)
		return;
	TAILQ_REMOVE(&r->m->oauth_requests, r, link);
	loop_timer_free(r->timer);
	buf_done(&r->text);
	free(r);
}
