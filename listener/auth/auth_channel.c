/*
 * auth_channel - one listener or deliver process: its channel and its exchanges or attests
 *
 * Runs in:  auth
 * Owns:     the exchanges and attests under way
 * Promise:  a listener has exchanges only, deliver attests only; every start and step has one answer, unless
 *           it was cancelled; at most AUTH_CHANNEL_REQUESTS_MAX are open, further ones
 *           get "later" at once
 * Fails by: a malformed message ends this channel only
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "listener/auth/auth.h"

enum { BUCKETS = 256 };

struct auth_channel {
	TAILQ_ENTRY(auth_channel) link;
	struct auth *auth;
	struct ctl_server *ctl_server;
	bool is_deliver;
	struct auth_request_list open[BUCKETS];
	struct sasl_client_list attests[BUCKETS];
	size_t count;
};

static struct auth_request *
find(struct auth_channel *c, uint32_t request)
{
	struct auth_request *x;

	LIST_FOREACH(x, &c->open[request % BUCKETS], link)
		if (x->request == request)
			return x;
	return NULL;
}

const char *
auth_channel_server(const struct auth_channel *c)
{
	return ctl_server_server(c->ctl_server);
}

void
auth_channel_answer(struct auth_channel *c, uint32_t request, const struct msg_auth_in_answer *answer)
{
	ctl_server_answer(c->ctl_server, CTL_AUTH_IN_ANSWER, request, answer, msg_auth_in_answer_size(answer),
	    -1);
}

void
auth_channel_take(struct auth_channel *c, struct auth_request *x)
{
	LIST_INSERT_HEAD(&c->open[x->request % BUCKETS], x, link);
	c->count++;
}

void
auth_channel_ended(struct auth_channel *c, struct auth_request *x)
{
	LIST_REMOVE(x, link);
	c->count--;
}

void
auth_channel_attest_answer(struct auth_channel *c, uint32_t request, const struct msg_auth_out_answer *answer)
{
	ctl_server_answer(c->ctl_server, CTL_AUTH_OUT_ANSWER, request, answer,
	    msg_auth_out_answer_size(answer), -1);
}

void
auth_channel_attest_take(struct auth_channel *c, struct sasl_client *x)
{
	LIST_INSERT_HEAD(&c->attests[x->request % BUCKETS], x, link);
	c->count++;
}

void
auth_channel_attest_ended(struct auth_channel *c, struct sasl_client *x)
{
	LIST_REMOVE(x, link);
	c->count--;
}

static void
start(struct auth_channel *c, uint32_t request, const struct msg_auth_in_start *s)
{
	struct msg_auth_in_answer later = { .result = AUTH_IN_LATER };

	if (c->count == AUTH_CHANNEL_REQUESTS_MAX || !auth_request_begin(c->auth, c, request, s))
		auth_channel_answer(c, request, &later);
}

/* False: malformed. */
static bool
take_vouch(struct auth_channel *c, const struct ctl_message *m, struct msg_auth_in_start *s)
{
	struct auth_request *x = find(c, m->request);

	switch (m->type) {
	case CTL_AUTH_IN_START:
		if (x != NULL || !msg_auth_in_start_take(s, m->data, m->len))
			return false;
		start(c, m->request, s);
		return true;
	case CTL_AUTH_IN_STEP:
		if (!msg_auth_in_token_take(&s->token, m->data, m->len))
			return false;
		if (x != NULL)
			auth_request_step(x, &s->token);
		return true;
	case CTL_AUTH_IN_CANCEL:
		if (x != NULL)
			auth_request_cancel(x);
		return true;
	default:
		return false;
	}
}

static bool
start_attest(struct auth_channel *c, uint32_t request, const void *data, size_t len)
{
	struct msg_auth_out_start s;
	struct msg_auth_out_answer later = { .result = AUTH_OUT_LATER, .why = "too many at once" };

	if (!msg_auth_out_start_take(&s, data, len))
		return false;
	if (c->count < AUTH_CHANNEL_REQUESTS_MAX)
		return sasl_client_begin(c->auth, c, request, &s);
	auth_channel_attest_answer(c, request, &later);
	return true;
}

static bool
take_prove(struct auth_channel *c, const struct ctl_message *m, struct msg_auth_in_token *t)
{
	struct sasl_client *x;

	LIST_FOREACH(x, &c->attests[m->request % BUCKETS], link)
		if (x->request == m->request)
			break;
	switch (m->type) {
	case CTL_AUTH_OUT_START:
		return x == NULL && start_attest(c, m->request, m->data, m->len);
	case CTL_AUTH_OUT_STEP:
		if (!msg_auth_in_token_take(t, m->data, m->len))
			return false;
		if (x != NULL)
			sasl_client_step(x, t);
		return true;
	case CTL_AUTH_OUT_CANCEL:
		if (x != NULL)
			sasl_client_cancel(x);
		return true;
	default:
		return false;
	}
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct auth_channel *c = arg;
	struct msg_auth_in_start *s = mem_new(struct msg_auth_in_start);
	bool good = c->is_deliver ? take_prove(c, m, &s->token) : take_vouch(c, m, s);

	explicit_bzero(s, sizeof(*s));
	free(s);
	return good;
}

static void
on_gone(void *arg)
{
	auth_channel_free(arg);
}

static const struct ctl_server_kind kind = { .part = "auth", .asked = on_question, .gone = on_gone };

struct auth_channel *
auth_channel_new(struct auth *a, int fd, const struct ctl_channel *channel)
{
	struct auth_channel *c = mem_new(struct auth_channel);

	c->auth = a;
	c->is_deliver = strcmp(channel->role, "deliver") == 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_INIT(&c->open[i]);
		LIST_INIT(&c->attests[i]);
	}
	TAILQ_INSERT_TAIL(&a->callers, c, link);
	c->ctl_server = ctl_server_new(a->boot->loop, &kind, fd, channel->server, c);
	return c;
}

void
auth_channel_free(struct auth_channel *c)
{
	struct auth_request *x;
	struct sasl_client *attest;

	for (size_t i = 0; i < BUCKETS; i++) {
		while ((x = LIST_FIRST(&c->open[i])) != NULL)
			auth_request_cancel(x);
		while ((attest = LIST_FIRST(&c->attests[i])) != NULL)
			sasl_client_cancel(attest);
	}
	TAILQ_REMOVE(&c->auth->callers, c, link);
	ctl_server_free(c->ctl_server);
	free(c);
}
