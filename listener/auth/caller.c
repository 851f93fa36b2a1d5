/*
 * caller - one listener or deliver process: its channel and its exchanges or attests
 *
 * Runs in:  auth
 * Owns:     the channel, the exchanges and attests under way
 * Promise:  a listener has exchanges only, deliver attests only; every start and step has one answer, unless it was cancelled; at most CALLER_EXCHANGES_MAX are open, further ones
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
	bool is_deliver;
	struct exchange_list open[BUCKETS];
	struct attest_list attests[BUCKETS];
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

void
caller_attest_answer(struct caller *c, uint32_t request, const struct prove_answer *answer)
{
	if (!c->broken && ctl_send(c->ctl, CTL_PROVE_ANSWER, request, answer, prove_answer_size(answer), -1) == -1)
		end_soon(c, "does not read its answers");
}

void
caller_attest_take(struct caller *c, struct attest *x)
{
	LIST_INSERT_HEAD(&c->attests[x->request % BUCKETS], x, link);
	c->count++;
}

void
caller_attest_ended(struct caller *c, struct attest *x)
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

/* False: malformed. */
static bool
take_vouch(struct caller *c, const struct ctl_message *m, struct vouch_start *s)
{
	struct exchange *x = find(c, m->request);

	switch (m->type) {
	case CTL_VOUCH_START:
		if (x != NULL || !vouch_start_take(s, m->data, m->len))
			return false;
		start(c, m->request, s);
		return true;
	case CTL_VOUCH_STEP:
		if (!vouch_token_take(&s->token, m->data, m->len))
			return false;
		if (x != NULL)
			exchange_step(x, &s->token);
		return true;
	case CTL_VOUCH_CANCEL:
		if (x != NULL)
			exchange_cancel(x);
		return true;
	default:
		return false;
	}
}

static bool
start_attest(struct caller *c, uint32_t request, const void *data, size_t len)
{
	struct prove_start s;
	struct prove_answer later = { .result = PROVE_LATER, .why = "too many at once" };

	if (!prove_start_take(&s, data, len))
		return false;
	if (c->count < CALLER_EXCHANGES_MAX)
		return attest_begin(c->auth, c, request, &s);
	caller_attest_answer(c, request, &later);
	return true;
}

static bool
take_prove(struct caller *c, const struct ctl_message *m, struct vouch_token *t)
{
	struct attest *x;

	LIST_FOREACH(x, &c->attests[m->request % BUCKETS], link)
		if (x->request == m->request)
			break;
	switch (m->type) {
	case CTL_PROVE_START:
		return x == NULL && start_attest(c, m->request, m->data, m->len);
	case CTL_PROVE_STEP:
		if (!vouch_token_take(t, m->data, m->len))
			return false;
		if (x != NULL)
			attest_step(x, t);
		return true;
	case CTL_PROVE_CANCEL:
		if (x != NULL)
			attest_cancel(x);
		return true;
	default:
		return false;
	}
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct caller *c = arg;
	struct vouch_start *s = mem_new(struct vouch_start);

	if (!c->broken && !(c->is_deliver ? take_prove(c, m, &s->token) : take_vouch(c, m, s)))
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
caller_new(struct auth *a, int fd, const struct ctl_channel *channel)
{
	struct caller *c = mem_new(struct caller);

	c->auth = a;
	c->is_deliver = strcmp(channel->role, "deliver") == 0;
	snprintf(c->server, sizeof(c->server), "%s", channel->server);
	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_INIT(&c->open[i]);
		LIST_INIT(&c->attests[i]);
	}
	TAILQ_INSERT_TAIL(&a->callers, c, link);
	c->end = loop_timer_new(a->boot->loop, on_end, c);
	c->ctl = ctl_new(a->boot->loop, fd, CTL_FROM_CLIENT, on_message, on_close, c);
	return c;
}

void
caller_free(struct caller *c)
{
	struct exchange *x;
	struct attest *attest;

	for (size_t i = 0; i < BUCKETS; i++) {
		while ((x = LIST_FIRST(&c->open[i])) != NULL)
			exchange_cancel(x);
		while ((attest = LIST_FIRST(&c->attests[i])) != NULL)
			attest_cancel(attest);
	}
	TAILQ_REMOVE(&c->auth->callers, c, link);
	ctl_free(c->ctl);
	loop_timer_free(c->end);
	free(c);
}
