/*
 * caller - one listener or deliver process: its channel and its exchanges or attests
 *
 * Runs in:  auth
 * Owns:     the exchanges and attests under way
 * Promise:  a listener has exchanges only, deliver attests only; every start and step has one answer, unless it was cancelled; at most CALLER_EXCHANGES_MAX are open, further ones
 *           get "later" at once
 * Fails by: a malformed message ends this channel only
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/process/counsel.h"
#include "listener/auth/auth.h"

enum { BUCKETS = 256 };

struct caller {
	TAILQ_ENTRY(caller) link;
	struct auth *auth;
	struct counsel *counsel;
	bool is_deliver;
	struct exchange_list open[BUCKETS];
	struct attest_list attests[BUCKETS];
	size_t count;
};

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
	return counsel_server(c->counsel);
}

void
caller_answer(struct caller *c, uint32_t request, const struct vouch_answer *answer)
{
	counsel_answer(c->counsel, CTL_VOUCH_ANSWER, request, answer, vouch_answer_size(answer), -1);
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
	counsel_answer(c->counsel, CTL_PROVE_ANSWER, request, answer, prove_answer_size(answer), -1);
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

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct caller *c = arg;
	struct vouch_start *s = mem_new(struct vouch_start);
	bool good = c->is_deliver ? take_prove(c, m, &s->token) : take_vouch(c, m, s);

	explicit_bzero(s, sizeof(*s));
	free(s);
	return good;
}

static void
on_gone(void *arg)
{
	caller_free(arg);
}

static const struct counsel_kind kind = { .part = "auth", .asked = on_question, .gone = on_gone };

struct caller *
caller_new(struct auth *a, int fd, const struct ctl_channel *channel)
{
	struct caller *c = mem_new(struct caller);

	c->auth = a;
	c->is_deliver = strcmp(channel->role, "deliver") == 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_INIT(&c->open[i]);
		LIST_INIT(&c->attests[i]);
	}
	TAILQ_INSERT_TAIL(&a->callers, c, link);
	c->counsel = counsel_new(a->boot->loop, &kind, fd, channel->server, c);
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
	counsel_free(c->counsel);
	free(c);
}
