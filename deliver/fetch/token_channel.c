/*
 * token_channel - one deliver process: its channel to the fetch helper
 *
 * Runs in:  fetch
 * Owns:     the channel, by ctl_server
 * Promise:  every question is answered, and only about profiles that the virtual server uses; at most
 *           TOKEN_CHANNEL_QUESTIONS_MAX wait
 * Fails by: a malformed question ends this channel only
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "deliver/fetch/fetch.h"

#define TOKEN_CHANNEL_QUESTIONS_MAX 2000

struct token_channel {
	TAILQ_ENTRY(token_channel) link;
	struct fetch *fetch;
	struct ctl_server *ctl_server;
	size_t waiting;
};

void
token_channel_answer(struct token_channel *d, uint32_t request, const struct msg_token_answer *a)
{
	d->waiting--;
	ctl_server_answer(d->ctl_server, CTL_TOKEN_ANSWER, request, a, msg_token_answer_size(a), -1);
}

static void
refuse(struct token_channel *d, uint32_t request, const char *why)
{
	struct msg_token_answer a = { .result = TOKEN_LATER };

	snprintf(a.text, sizeof(a.text), "%s", why);
	token_channel_answer(d, request, &a);
}

static void
ask(struct token_channel *d, uint32_t request, const struct msg_token_ask *a)
{
	const struct config_server *s = config_server_by_name(d->fetch->boot->config,
	    ctl_server_server(d->ctl_server));
	struct oauth_profile *p = oauth_profile_find(d->fetch, a->profile);

	d->waiting++;
	if (p == NULL || s == NULL || !config_oauth_is_used(s, a->profile))
		refuse(d, request, "the virtual server has no such profile");
	else if (d->waiting > TOKEN_CHANNEL_QUESTIONS_MAX)
		refuse(d, request, "too many wait for a token");
	else
		oauth_profile_ask(p, a->refused, d, request);
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct msg_token_ask a;

	if (m->type != CTL_TOKEN_ASK || !msg_token_ask_take(&a, m->data, m->len))
		return false;
	ask(arg, m->request, &a);
	return true;
}

static void
on_gone(void *arg)
{
	token_channel_free(arg);
}

static const struct ctl_server_kind kind = { .part = "fetch", .asked = on_question, .gone = on_gone };

struct token_channel *
token_channel_new(struct fetch *f, int fd, const char *server)
{
	struct token_channel *d = mem_new(struct token_channel);

	d->fetch = f;
	TAILQ_INSERT_TAIL(&f->desks, d, link);
	d->ctl_server = ctl_server_new(f->boot->loop, &kind, fd, server, d);
	return d;
}

void
token_channel_free(struct token_channel *d)
{
	TAILQ_REMOVE(&d->fetch->desks, d, link);
	oauth_profile_forget(d->fetch, d);
	ctl_server_free(d->ctl_server);
	free(d);
}
