/*
 * auth_shared - failed logins that all nodes count together, in the engine of [limits]
 *
 * Runs in:  auth
 * Owns:     the questions to the limits helper
 * Promise:  no check and no right password waits for another node: a refusal, which is late anyway, comes
 *           later when other nodes had failures of the same client or account
 * Fails by: what this node has counted alone, with its share of the free failures, or none (on-loss)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/helpers/limits_client.h"
#include "listener/auth/auth.h"

#define QUESTIONS_MAX 4096U	/* under way; beyond that this node counts alone */

struct auth_shared {
	struct auth *auth;
	const struct config_limits *config;
	struct ctl_client *limits;
	LIST_HEAD(, auth_shared_question) all;
	size_t questions;
};

struct auth_shared_question {
	LIST_ENTRY(auth_shared_question) link, of_request;
	struct auth_shared *shared;
	struct auth_request *request;	/* NULL: gone, or none */
	struct auth_throttle_who who;
	enum auth_throttle_kind kind;
	uint64_t since_ms;		/* of the failure */
};

static void
free_question(struct auth_shared_question *q)
{
	LIST_REMOVE(q, link);
	if (q->request != NULL)
		LIST_REMOVE(q, of_request);
	q->shared->questions--;
	free(q);
}

/* Without the engine: as on-loss says. */
static void
set_part(struct auth_shared *v, bool lost)
{
	unsigned alone = v->config->on_loss == CONFIG_LOSS_SHARE ? v->config->nodes : 0;

	auth_throttle_share(v->auth->throttle, v->config->nodes, lost ? alone : 1);
}

static void
on_answer(void *arg, const struct msg_limits_answer *a)
{
	struct auth_shared_question *q = arg;
	uint64_t delay_ms;

	if (a->result != LIMITS_FAULT)
		set_part(q->shared, a->result == LIMITS_LOST);
	if (a->result == LIMITS_GRANTED && q->since_ms > 0) {
		delay_ms = auth_throttle_learn(q->shared->auth->throttle, &q->who, q->kind,
		    (unsigned)a->granted, (unsigned)a->target, clock_mono_ms());
		if (q->request != NULL)
			auth_request_extend(q->request, q->since_ms + delay_ms);
	}
	free_question(q);
}

/* As the limit is called in the engine: the same in all nodes. */
static void
format_name(char *dst, size_t size, enum auth_throttle_kind kind, const struct auth_throttle_who *who)
{
	static const char *const kinds[AUTH_THROTTLE_KINDS] = { [AUTH_THROTTLE_PAIR] = "pair",
	    [AUTH_THROTTLE_ACCOUNT] = "account", [AUTH_THROTTLE_ADDRESS] = "address" };
	size_t at = (size_t)snprintf(dst, size, "login/%s/", kinds[kind]);

	for (size_t i = 0; kind != AUTH_THROTTLE_ACCOUNT && i < sizeof(who->address); i++)
		at += (size_t)snprintf(dst + at, size - at, "%02x", who->address[i]);
	if (kind != AUTH_THROTTLE_ADDRESS)
		snprintf(dst + at, size - at, "/%s", who->account);
}

static struct auth_shared_question *
ask_limits(struct auth_shared *v, const struct auth_throttle_who *who, enum auth_throttle_kind kind,
    struct msg_limits_ask *ask)
{
	struct auth_shared_question *q;

	if (v->questions == QUESTIONS_MAX)
		return NULL;
	q = mem_new(struct auth_shared_question);
	q->shared = v;
	q->who = *who;
	q->kind = kind;
	LIST_INSERT_HEAD(&v->all, q, link);
	v->questions++;
	ask->kind = LIMITS_FAIL;
	format_name(ask->name, sizeof(ask->name), kind, who);
	limits_client_ask(v->limits, ask, on_answer, q);
	return q;
}

void
auth_shared_fail(struct auth_shared *v, const struct auth_throttle_who *who, struct auth_request *x,
    struct auth_shared_questions *of)
{
	const struct auth_throttle_count *last;

	if (v == NULL)
		return;
	last = auth_throttle_last(v->auth->throttle);
	for (unsigned k = 0; k < AUTH_THROTTLE_KINDS; k++) {
		struct msg_limits_ask ask = { .keep = last[k].before, .want = 1, .limit = last[k].most,
		    .forgive_ms = last[k].forgive_ms };
		struct auth_shared_question *q = last[k].counted ?
		    ask_limits(v, who, (enum auth_throttle_kind)k, &ask) : NULL;

		if (q == NULL)
			continue;
		q->since_ms = clock_mono_ms();
		q->request = x;
		LIST_INSERT_HEAD(of, q, of_request);
	}
}

void
auth_shared_succeed(struct auth_shared *v, const struct auth_throttle_who *who)
{
	const struct auth_throttle_count pair = auth_throttle_row(AUTH_THROTTLE_PAIR);
	struct msg_limits_ask ask = { .limit = pair.most, .forgive_ms = pair.forgive_ms, .claim = 1 };

	if (v != NULL)
		(void)ask_limits(v, who, AUTH_THROTTLE_PAIR, &ask);
}

void
auth_shared_forget(struct auth_shared_questions *of)
{
	struct auth_shared_question *q;

	while ((q = LIST_FIRST(of)) != NULL) {
		LIST_REMOVE(q, of_request);
		q->request = NULL;
	}
}

/* --- beginning and end --- */

static void
need_limits(void *arg)
{
	boot_need(arg, CTL_HELPER_LIMITS);
}

struct auth_shared *
auth_shared_new(struct auth *a)
{
	struct auth_shared *v;

	if (!config_limits_are_shared(a->boot->config))
		return NULL;
	v = mem_new(struct auth_shared);
	v->auth = a;
	v->config = &a->boot->config->service.limits;
	v->limits = limits_client_new(a->boot->loop, need_limits, a->boot);
	LIST_INIT(&v->all);
	set_part(v, false);
	return v;
}

void
auth_shared_channel(struct auth_shared *v, int fd)
{
	if (v != NULL)
		ctl_client_channel(v->limits, fd);
	else
		close(fd);
}

void
auth_shared_free(struct auth_shared *v)
{
	struct auth_shared_question *q;

	if (v == NULL)
		return;
	while ((q = LIST_FIRST(&v->all)) != NULL)
		free_question(q);
	ctl_client_free(v->limits);
	free(v);
}
