/*
 * desk - one deliver process: its channel to the fetch helper
 *
 * Runs in:  fetch
 * Owns:     the channel
 * Promise:  every question is answered, and only about profiles that the virtual server uses; at most DESK_QUESTIONS_MAX wait
 * Fails by: a malformed question ends this channel only
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"

#define DESK_QUESTIONS_MAX 2000

struct desk {
	TAILQ_ENTRY(desk) link;
	struct fetch *fetch;
	struct ctl *ctl;
	char server[64];
	size_t waiting;
	bool broken;			/* ends at the next turn */
	struct loop_timer *end;
};

static void
end_soon(struct desk *d, const char *why)
{
	if (d->broken)
		return;
	d->broken = true;
	if (why != NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=fetch client=%s reason=%s", log_safe(d->server), log_safe(why));
	loop_timer_set(d->end, 0);
}

void
desk_answer(struct desk *d, uint32_t request, const struct bearer_answer *a)
{
	d->waiting--;
	if (!d->broken && ctl_send(d->ctl, CTL_BEARER_ANSWER, request, a, bearer_answer_size(a), -1) == -1)
		end_soon(d, "does not read its answers");
}

static void
refuse(struct desk *d, uint32_t request, const char *why)
{
	struct bearer_answer a = { .result = BEARER_LATER };

	snprintf(a.text, sizeof(a.text), "%s", why);
	desk_answer(d, request, &a);
}

static void
ask(struct desk *d, uint32_t request, const struct bearer_ask *a)
{
	const struct config_server *s = config_server_by_name(d->fetch->boot->config, d->server);
	struct profile *p = profile_find(d->fetch, a->profile);

	d->waiting++;
	if (p == NULL || s == NULL || !config_oauth_is_used(s, a->profile))
		refuse(d, request, "the virtual server has no such profile");
	else if (d->waiting > DESK_QUESTIONS_MAX)
		refuse(d, request, "too many wait for a token");
	else
		profile_ask(p, a->refused, d, request);
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct desk *d = arg;
	struct bearer_ask a;

	if (d->broken)
		return;
	if (m->type != CTL_BEARER_ASK || !bearer_ask_take(&a, m->data, m->len))
		end_soon(d, "sent a malformed question");
	else
		ask(d, m->request, &a);
}

static void
on_end(void *arg)
{
	desk_free(arg);
}

static void
on_close(void *arg, bool bad)
{
	end_soon(arg, bad ? "misbehaved" : NULL);
}

struct desk *
desk_new(struct fetch *f, int fd, const char *server)
{
	struct desk *d = mem_new(struct desk);

	d->fetch = f;
	snprintf(d->server, sizeof(d->server), "%s", server);
	TAILQ_INSERT_TAIL(&f->desks, d, link);
	d->end = loop_timer_new(f->boot->loop, on_end, d);
	d->ctl = ctl_new(f->boot->loop, fd, CTL_FROM_CLIENT, on_message, on_close, d);
	return d;
}

void
desk_free(struct desk *d)
{
	TAILQ_REMOVE(&d->fetch->desks, d, link);
	profile_forget(d->fetch, d);
	ctl_free(d->ctl);
	loop_timer_free(d->end);
	free(d);
}
