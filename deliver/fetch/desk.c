/*
 * desk - one deliver process: its channel to the fetch helper
 *
 * Runs in:  fetch
 * Owns:     the channel, by counsel
 * Promise:  every question is answered, and only about profiles that the virtual server uses; at most DESK_QUESTIONS_MAX wait
 * Fails by: a malformed question ends this channel only
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/process/counsel.h"
#include "deliver/fetch/fetch.h"

#define DESK_QUESTIONS_MAX 2000

struct desk {
	TAILQ_ENTRY(desk) link;
	struct fetch *fetch;
	struct counsel *counsel;
	size_t waiting;
};

void
desk_answer(struct desk *d, uint32_t request, const struct bearer_answer *a)
{
	d->waiting--;
	counsel_answer(d->counsel, CTL_BEARER_ANSWER, request, a, bearer_answer_size(a), -1);
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
	const struct config_server *s = config_server_by_name(d->fetch->boot->config, counsel_server(d->counsel));
	struct profile *p = profile_find(d->fetch, a->profile);

	d->waiting++;
	if (p == NULL || s == NULL || !config_oauth_is_used(s, a->profile))
		refuse(d, request, "the virtual server has no such profile");
	else if (d->waiting > DESK_QUESTIONS_MAX)
		refuse(d, request, "too many wait for a token");
	else
		profile_ask(p, a->refused, d, request);
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct bearer_ask a;

	if (m->type != CTL_BEARER_ASK || !bearer_ask_take(&a, m->data, m->len))
		return false;
	ask(arg, m->request, &a);
	return true;
}

static void
on_gone(void *arg)
{
	desk_free(arg);
}

static const struct counsel_kind kind = { .part = "fetch", .asked = on_question, .gone = on_gone };

struct desk *
desk_new(struct fetch *f, int fd, const char *server)
{
	struct desk *d = mem_new(struct desk);

	d->fetch = f;
	TAILQ_INSERT_TAIL(&f->desks, d, link);
	d->counsel = counsel_new(f->boot->loop, &kind, fd, server, d);
	return d;
}

void
desk_free(struct desk *d)
{
	TAILQ_REMOVE(&d->fetch->desks, d, link);
	profile_forget(d->fetch, d);
	counsel_free(d->counsel);
	free(d);
}
