/*
 * caller - one listener process: its channel and its exchanges
 *
 * Runs in:  auth
 * Owns:     the channel, the exchanges under way
 * Promise:  every start and step has one answer, unless it was cancelled; at most CALLER_EXCHANGES_MAX are open, further ones
 *           get "later" at once
 * Fails by: a malformed message ends this channel only
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { BUCKETS = 256 };

struct caller {
	TAILQ_ENTRY(caller) link;
	struct auth *auth;
	struct ctl *ctl;
	char server[64];
	struct exchange_list open[BUCKETS];
	size_t count;
	bool broken;			/* ends at the next turn */
	struct loop_timer *end;
};

static void
end_soon(struct caller *c, const char *why)
{
	if (c->broken)
		return;
	c->broken = true;
	if (why != NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=auth client=%s reason=%s", log_safe(c->server), log_safe(why));
	loop_timer_set(c->end, 0);
}

static struct exchange *
find(struct caller *c, uint32_t request)
{
	struct exchange *x;
	LIST_FOREACH(x, &c->open[request % BUCKETS], link)
		if (x->request == request)
			return x;
	return NULL;
}

const char *
caller_server(const struct caller *c)
{
	return c->server;
}

void
caller_answer(struct caller *c, uint32_t request, const struct vouch_answer *answer)
{
	if (!c->broken && ctl_send(c->ctl, CTL_VOUCH_ANSWER, request, answer, vouch_answer_size(answer), -1) == -1)
		end_soon(c, "does not read its answers");
}

void
caller_take(struct caller *c, struct exchange *x)
{
	LIST_INSERT_HEAD(&c->open[x->request % BUCKETS], x, link);
	c->count++;
}

void
caller_ended(struct caller *c, struct exchange *x)
{
	LIST_REMOVE(x, link);
	c->count--;
}

static void
start(struct caller *c, uint32_t request, const struct vouch_start *s)
{
	struct vouch_answer later = { .result = VOUCH_LATER };
	if (c->count == CALLER_EXCHANGES_MAX || !exchange_begin(c->auth, c, request, s))
		caller_answer(c, request, &later);
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct caller *c = arg;
	struct vouch_start *s = mem_new(struct vouch_start);
	struct vouch_token *t = &s->token;
	struct exchange *x = find(c, m->request);
	bool good = !c->broken;

	if (good && m->type == CTL_VOUCH_START && x == NULL && (good = vouch_start_take(s, m->data, m->len)))
		start(c, m->request, s);
	else if (good && m->type == CTL_VOUCH_STEP && (good = vouch_token_take(t, m->data, m->len)) && x != NULL)
		exchange_step(x, t);
	else if (good && m->type == CTL_VOUCH_CANCEL && x != NULL)
		exchange_cancel(x);
	else if (good && m->type == CTL_VOUCH_START)
		good = false;
	if (!good)
		end_soon(c, "sent a malformed message");
	explicit_bzero(s, sizeof(*s));
	free(s);
	if (m->len > 0)
		explicit_bzero((void *)m->data, m->len); /* the receive buffer of this process */
}

static void
on_end(void *arg)
{
	caller_free(arg);
}

static void
on_close(void *arg, bool bad)
{
	end_soon(arg, bad ? "misbehaved" : NULL);
}

struct caller *
caller_new(struct auth *a, int fd, const char *server)
{
	struct caller *c = mem_new(struct caller);

	c->auth = a;
	snprintf(c->server, sizeof(c->server), "%s", server);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&c->open[i]);
	TAILQ_INSERT_TAIL(&a->callers, c, link);
	c->end = loop_timer_new(a->boot->loop, on_end, c);
	c->ctl = ctl_new(a->boot->loop, fd, CTL_FROM_CLIENT, on_message, on_close, c);
	return c;
}

void
caller_free(struct caller *c)
{
	struct exchange *x;

	for (size_t i = 0; i < BUCKETS; i++)
		while ((x = LIST_FIRST(&c->open[i])) != NULL)
			exchange_cancel(x);
	TAILQ_REMOVE(&c->auth->callers, c, link);
	ctl_free(c->ctl);
	loop_timer_free(c->end);
	free(c);
}
