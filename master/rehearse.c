/*
 * rehearse - posternctl oauth test: has the fetch helper get a token, then the deliver workers that use the profile log in with it
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
#include "common/process/bearer.h"
#include "master/master.h"

#define REHEARSE_WAIT_MS 60000U		/* besides what the endpoint may take, twice: another request may be under way */

static void
rehearse_over(struct rehearsal *r, int status)
{
	r->over = true;
	r->child = NULL;
	if (r->status == 0)
		r->status = status;
	loop_timer_stop(r->timer);
}

static void
rehearse_late(void *arg)
{
	struct rehearsal *r = arg;
	struct master *m = r->m;

	buf_printf(&r->text, "result: no answer from the %s process\n", r->server[0] != '\0' ? "deliver" : "fetch");
	rehearse_over(r, EX_TEMPFAIL);
	service_look(m); /* may free r */
}

static void
rehearse_send(struct rehearsal *r, struct child *c)
{
	struct bearer_trial what = { .profile = "" };

	snprintf(what.profile, sizeof(what.profile), "%s", r->profile);
	r->child = c;
	r->request = ++r->m->requests;
	child_send(c, CTL_TRIAL, r->request, &what, sizeof(what), -1);
}

void
rehearse_look(struct master *m)
{
	struct post *post = &m->helper[CTL_HELPER_FETCH];
	struct rehearsal *r;
	bool waits = false;

	TAILQ_FOREACH(r, &m->rehearsals, link)
		waits |= !r->over && r->child == NULL;
	if (!waits || m->stopping)
		return;
	if (post->child == NULL && !loop_timer_is_set(post->again))
		roster_start(post);
	if (post->child == NULL || post->child->phase != CHILD_READY)
		return;
	TAILQ_FOREACH(r, &m->rehearsals, link)
		if (!r->over && r->child == NULL)
			rehearse_send(r, post->child);
}

/* The next virtual server, in the order of names, that uses the profile and runs; its deliver process. NULL: none is left. */
static struct child *
rehearse_next(const struct rehearsal *r)
{
	struct child *c, *best = NULL;

	TAILQ_FOREACH(c, &r->m->children, link)
		if (c->role == ROLE_DELIVER && c->phase == CHILD_READY && c->server->conf != NULL && strcmp(c->server->name, r->server) > 0 &&
		    config_oauth_is_used(c->server->conf, r->profile) && (best == NULL || strcmp(c->server->name, best->server->name) < 0))
			best = c;
	return best;
}

static void
rehearse_step(struct rehearsal *r, int status)
{
	struct child *next = status == 0 ? rehearse_next(r) : NULL;

	if (next != NULL) {
		snprintf(r->server, sizeof(r->server), "%s", next->server->name);
		buf_printf(&r->text, "virtual server: %s\n", r->server);
		rehearse_send(r, next);
		return;
	}
	if (status == 0 && r->server[0] == '\0') {
		buf_puts(&r->text, "smart host: no virtual server that uses this profile runs, so no login was tried\n");
		status = r->smtp ? EX_UNAVAILABLE : 0;
	}
	rehearse_over(r, status);
}

static struct rehearsal *
rehearse_find(const struct child *c, uint32_t request)
{
	struct rehearsal *r;

	TAILQ_FOREACH(r, &c->m->rehearsals, link)
		if (r->child == c && (request == 0 || r->request == request))
			break;
	return r;
}

void
rehearse_told(struct child *c, const struct ctl_message *m)
{
	struct rehearsal *r = rehearse_find(c, m->request);
	int32_t status;

	if (r == NULL)
		return; /* too late: nobody waits for it */
	if (m->type == CTL_TRIAL_TEXT) {
		const char *text = m->data;
		for (size_t i = 0; i < m->len; i++)
			buf_add(&r->text, (text[i] >= ' ' && text[i] <= '~') || text[i] == '\n' ? &text[i] : "?", 1);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	rehearse_step(r, status);
}

void
rehearse_gone(struct child *c)
{
	struct rehearsal *r;

	TAILQ_FOREACH(r, &c->m->rehearsals, link)
		if (r->child == c) {
			buf_puts(&r->text, "result: the process ended before it answered\n");
			rehearse_over(r, EX_TEMPFAIL);
		}
}

/* oauth-test - NAME [--smtp] */
void
rehearse_run(struct order *o, struct master *m, struct server *only, const struct admin_words *w)
{
	const char *name = w->count >= 3 ? w->word[2] : "";
	const struct config_oauth *conf = config_oauth_find(m->snapshot->config, name);

	if (w->count < 3 || w->count > 4 || (w->count == 4 && strcmp(w->word[3], "--smtp") != 0)) {
		buf_puts(&o->text, "the service does not understand this test\n");
		o->status = EX_USAGE;
		return;
	}
	if (conf == NULL) {
		buf_printf(&o->text, "there is no profile %s: the configuration that runs has no such [oauth] section\n", log_safe(name));
		o->status = 3;
		return;
	}
	struct rehearsal *r = mem_new(struct rehearsal);
	r->m = m;
	r->smtp = w->count == 4;
	snprintf(r->profile, sizeof(r->profile), "%s", conf->name);
	buf_init(&r->text, MASTER_TEXT_MAX);
	r->timer = loop_timer_new(m->loop, rehearse_late, r);
	loop_timer_set(r->timer, REHEARSE_WAIT_MS + 2 * conf->timeout);
	TAILQ_INSERT_TAIL(&m->rehearsals, r, link);
	o->rehearsal = r;
	o->waiting = true;
	rehearse_look(m);
}

bool
rehearse_settle(struct order *o)
{
	const struct rehearsal *r = o->rehearsal;

	if (!r->over)
		return false;
	buf_add(&o->text, buf_text(&r->text), r->text.len);
	o->status = r->status;
	o->waiting = false;
	return true;
}

void
rehearse_free(struct rehearsal *r)
{
	if (r == NULL)
		return;
	TAILQ_REMOVE(&r->m->rehearsals, r, link);
	loop_timer_free(r->timer);
	buf_done(&r->text);
	free(r);
}
