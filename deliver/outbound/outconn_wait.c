/*
 * outconn_wait - a connection that gets no answer while its host answers others: one too many, without a word
 *
 * Runs in:  deliver
 * Owns:     the timer of that
 * Promise:  such a connection keeps neither its message nor the place of another one for the minutes that
 *           SMTP allows. Only before MAIL was answered: nothing comes twice. A message is taken from its
 *           connection once at most: a host may be slow
 * Fails by: cannot
 */
#include "common/base/clock.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

#define LOOK_MS 1000		/* between two looks, when it waits for so long */

/* Since when it waits for an answer that others have got: monotonic ms. 0: it does not. */
static uint64_t
waits_since(const struct outconn *p)
{
	const struct client *c = &p->client;

	switch (c->phase) {
	case CLIENT_GREETING:
	case CLIENT_EHLO:
	case CLIENT_HELO:
		return client_phase_is_securing(c) || c->greeted_again ? 0 : p->begun_at;
	case CLIENT_RSET:
	case CLIENT_MAIL:
		return p->job != NULL && p->job->lost == 0 ? p->job_at : 0;
	default:
		return 0;
	}
}

static void
on_patience(void *arg)
{
	struct outconn *p = arg;
	uint64_t now = clock_mono_ms(), since = waits_since(p);

	if (since == 0 || p->pace == NULL)
		return;
	if (!pace_host_ignores(p->pace, since, p->judged_at, now)) {
		loop_timer_set(p->patience, LOOK_MS);
		return;
	}
	client_timeout(&p->client);
	/* else there was an answer, which has only lacked its CR */
	p->ignored = p->client.phase == CLIENT_OVER;
	if (!p->ignored)
		loop_timer_set(p->patience, LOOK_MS);
	p->on_ignored(p);
}

void
outconn_wait_begin(struct outconn *p, void (*ignored)(struct outconn *p))
{
	p->on_ignored = ignored;
	if (p->patience == NULL)
		p->patience = loop_timer_new(p->site->o->loop, on_patience, p);
	loop_timer_set(p->patience, p->site->o->patience);
}

void
outconn_wait_done(struct outconn *p)
{
	loop_timer_free(p->patience);
	p->patience = NULL;
}
